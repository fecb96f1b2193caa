"""Resources that parameters name and that must exist: an Elastic IP, a certificate."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.deploy.errors import code_of
from iot_pipeline_cfn.template.findings import Finding, Remediation, Severity, Value

from .checking import PreflightContext, choose_parameter, describe, report, tags_of
from .stack_owners import STACK_TAG

if TYPE_CHECKING:
    from types_boto3_acm.type_defs import CertificateDetailTypeDef as Certificate

CERTIFICATE: Final = "CertificateArn"
ADDRESS: Final = "NatElasticIpAllocationId"

RENEWAL_WARNING: Final = timedelta(days=30)


def check_allocated_address(context: PreflightContext) -> Iterator[Finding]:
    """Report that the given Elastic IP does not exist, or that something else uses it."""
    given = context.parameters.get(ADDRESS)
    # A second NAT gateway has an address of its own, while the first keeps the given one.
    users = [
        logical_id
        for logical_id, properties in context.changed("AWS::EC2::NatGateway").items()
        if properties.get("AllocationId") == given
    ]
    if not given or not users:
        return
    addresses = context.connection.ec2.describe_addresses()["Addresses"]
    address = next((each for each in addresses if each.get("AllocationId") == given), None)
    if address is not None and "AssociationId" not in address:
        return
    facts = {"problem": "missing"}
    if address is not None:
        user = tags_of(address).get(STACK_TAG) or _gateway_user(context, given)
        facts = {"problem": "in-use", "user": user or address.get("NetworkInterfaceId", "")}
    yield report(
        "allocated-address",
        Severity.ERROR,
        users,
        choose_parameter(ADDRESS),
        context.aws("ec2", "describe-addresses"),
        subject=ADDRESS,
        allocation_id=given,
        region=context.connection.region,
        **facts,
    )


def _gateway_user(context: PreflightContext, allocation_id: str) -> str:
    """Return the stack, or else the ID, of the NAT gateway that has an address, if it is known."""
    with suppress(BotoCoreError, ClientError):
        for gateway in describe(context.connection.ec2, "describe_nat_gateways"):
            addresses = gateway.get("NatGatewayAddresses", [])
            used = {address.get("AllocationId") for address in addresses}
            if allocation_id in used and gateway["State"] != "deleted":
                return tags_of(gateway).get(STACK_TAG) or str(gateway["NatGatewayId"])
    return ""


def check_certificate(context: PreflightContext) -> Iterator[Finding]:
    """Report a certificate that the HTTPS listener or the API cannot use, or not for long.

    An Application Load Balancer takes every type of key that ACM has.
    https://docs.aws.amazon.com/acm/latest/userguide/import-certificate-prerequisites.html
    """
    arn = context.parameters.get(CERTIFICATE)
    if not arn:
        return
    users = [
        logical_id
        for resource_type, name in (
            ("AWS::ElasticLoadBalancingV2::Listener", "Certificates"),
            ("AWS::ApiGateway::Stage", "Variables"),
        )
        for logical_id, properties in context.changed(resource_type, name).items()
        if properties.get(name)
    ]
    if not users:
        return
    for severity, problem, details in _certificate_problems(context, arn):
        ways = _certificate_remediations(context, arn, problem)
        facts = {"subject": CERTIFICATE, "problem": problem, "arn": arn, **details}
        yield report("certificate", severity, users, *ways, **facts)


def _certificate_remediations(
    context: PreflightContext, arn: str, problem: str
) -> Iterator[Remediation]:
    match problem:
        case "pending-validation":
            yield Remediation("create-validation-records")
            yield context.aws("acm", "describe-certificate", "--certificate-arn", arn)
        case "expires":
            yield Remediation("renew-certificate")
        case _:
            yield choose_parameter(CERTIFICATE)
            yield context.aws("acm", "list-certificates")


def _certificate_problems(
    context: PreflightContext, arn: str
) -> Iterator[tuple[Severity, str, dict[str, Value]]]:
    wanted, region = context.connection.region, arn.split(":")[3]
    if region != wanted:
        yield Severity.ERROR, "other-region", {"region": region, "wanted": wanted}
        return
    try:
        found = context.connection.acm.describe_certificate(CertificateArn=arn)["Certificate"]
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        yield Severity.ERROR, "missing", {}
        return
    status = found.get("Status", "")
    if status == "PENDING_VALIDATION":
        yield Severity.ERROR, "pending-validation", {}
    elif status != "ISSUED":
        yield Severity.ERROR, "not-issued", {"status": status}
    if _expires_soon(found):
        details = {"expires": f"{found['NotAfter']:%Y-%m-%d}", "type": found.get("Type", "")}
        yield Severity.WARNING, "expires", details
    domain = context.parameters.get("DomainName", "")
    names = found.get("SubjectAlternativeNames", [])
    if not _is_covered(domain, names):
        # The API calls the load balancer by this name and checks the certificate.
        yield Severity.ERROR, "other-domain", {"domain": domain, "names": names}
    if found.get("Type") == "PRIVATE":
        # API Gateway does not trust private certificate authorities.
        yield Severity.WARNING, "private-authority", {}


def _expires_soon(certificate: "Certificate") -> bool:
    """Return whether a certificate expires soon and ACM does not renew it.

    https://docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html
    """
    end, now = certificate.get("NotAfter"), datetime.now(UTC)
    is_renewed = certificate.get("RenewalEligibility") == "ELIGIBLE"
    return bool(end and now < end < now + RENEWAL_WARNING and not is_renewed)


def _is_covered(domain: str, names: Collection[str]) -> bool:
    """Return whether a certificate's names cover a domain; `*` stands for one label.

    https://docs.aws.amazon.com/acm/latest/userguide/acm-concepts.html#concept-wildcard
    """
    return bool({domain, f"*.{domain.partition('.')[2]}"} & {name.lower() for name in names})
