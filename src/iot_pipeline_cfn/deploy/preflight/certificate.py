"""The certificate of the HTTPS listener, whose name the API checks when it calls the listener.

Every kind of key that ACM has suits an Application Load Balancer
(https://docs.aws.amazon.com/acm/latest/userguide/import-certificate-prerequisites.html).
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from iot_pipeline_cfn.deploy.errors import code_of

from .checking import Finding, Severity, Subject
from .commands import aws_command

if TYPE_CHECKING:
    from types_boto3_acm.type_defs import CertificateDetailTypeDef as Detail

CODE = "certificate"

SOON: Final = timedelta(days=30)


def look(subject: Subject) -> Iterator[Finding]:
    """Look whether a certificate that something begins to use can be used, and for long."""
    arn = subject.parameters.get("CertificateArn")
    if not arn:
        return
    users = [
        logical_id
        for kind, name in (
            ("AWS::ElasticLoadBalancingV2::Listener", "Certificates"),
            ("AWS::ApiGateway::Stage", "Variables"),
        )
        for logical_id, properties in subject.touched(kind, name).items()
        if properties.get(name)
    ]
    if users:
        for severity, problem in _problems(subject, arn):
            yield Finding(CODE, severity, f"CertificateArn: {arn} {problem}", users)


def _problems(subject: Subject, arn: str) -> Iterator[tuple[Severity, str]]:
    region = arn.split(":")[3]
    if region != subject.connection.region:
        problem = f"is in {region}; give one of {subject.connection.region}, where the listener is"
        yield Severity.ERROR, problem
        return
    try:
        found = subject.connection.acm.describe_certificate(CertificateArn=arn)["Certificate"]
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        shown = aws_command(subject.connection, "acm", "list-certificates")
        problem = f"does not exist in this account; to see those that do: {shown}"
        yield Severity.ERROR, problem
        return
    status = found.get("Status", "")
    if status == "PENDING_VALIDATION":
        shown = aws_command(
            subject.connection, "acm", "describe-certificate", "--certificate-arn", arn
        )
        problem = f"is not issued yet: create the DNS records, and wait; to see them: {shown}"
        yield Severity.ERROR, problem
    elif status != "ISSUED":
        yield Severity.ERROR, f"is {status}, and only an ISSUED one can be used: give another"
    yield from _renewal(found)
    domain = subject.parameters.get("DomainName", "")
    names = found.get("SubjectAlternativeNames", [])
    if not _is_covered(domain, names):
        problem = (
            f"is for {', '.join(names)}, which does not cover DomainName {domain}, by which the "
            "API calls the load balancer: give one that does"
        )
        yield Severity.ERROR, problem
    if found.get("Type") == "PRIVATE":
        problem = (
            "is of a private authority, which API Gateway does not trust: calls of the API would "
            "fail; give one of a public authority"
        )
        yield Severity.WARNING, problem


def _renewal(found: "Detail") -> Iterator[tuple[Severity, str]]:
    """Yield that a certificate ends soon, and that ACM does not renew it.

    https://docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html
    """
    end = found.get("NotAfter")
    renewed = found.get("RenewalEligibility") == "ELIGIBLE"
    if end and datetime.now(UTC) < end < datetime.now(UTC) + SOON and not renewed:
        way = (
            "import its successor under the same ARN"
            if found.get("Type") == "IMPORTED"
            else "ACM renews only what is in use, so request another"
        )
        yield Severity.WARNING, f"expires on {end:%Y-%m-%d}, and ACM does not renew it: {way}"


def _is_covered(domain: str, names: Collection[str]) -> bool:
    """Return whether a name is among those of a certificate; `*` stands for one label.

    https://docs.aws.amazon.com/acm/latest/userguide/acm-concepts.html#concept-wildcard
    """
    return bool({domain, f"*.{domain.partition('.')[2]}"} & {name.lower() for name in names})
