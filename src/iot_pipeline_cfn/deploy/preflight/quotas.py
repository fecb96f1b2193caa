"""Quotas: their values, and who holds what they limit.

An account's own quota is only asked for where AWS's default is not enough. Which call counts what:
https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.deploy.errors import DENIED, code_of
from iot_pipeline_cfn.deploy.operations import command
from iot_pipeline_cfn.deploy.planning import ENVIRONMENT_TAG

from .checking import Finding, Severity, Subject, tags_of

STACK_TAG = "aws:cloudformation:stack-name"
RESOURCE_TAG = "aws:cloudformation:logical-id"

DENIED_DEFAULT = "AWS's default; the account's own quota cannot be read"


@dataclass(frozen=True)
class Quota:
    """A quota as Service Quotas has it, and the code of the check that looks at it."""

    check: str
    what: str
    service: str
    code: str
    default: int

    def findings(
        self,
        subject: Subject,
        logical_ids: Sequence[str],
        holders: Sequence[Mapping[str, Any]],
        id_key: str,
        ways: Collection[str] = (),
    ) -> Iterator[Finding]:
        """Yield that more is needed than there is, with who holds the rest, and the ways on.

        Args:
            subject: What is about to be done.
            logical_ids: What the change set adds.
            holders: What is there, as a call has described it.
            id_key: Under which key each has its id.
            ways: What to do, besides destroying an environment that holds some.

        """
        needed, used = len(logical_ids), len(holders)
        if used + needed <= self.default:
            return
        limit, assumed = self._limit(subject)
        if used + needed <= limit:
            return
        names = ", ".join(_name(holder, id_key) for holder in holders)
        others = {tags_of(holder).get(ENVIRONMENT_TAG, "") for holder in holders}
        destroy = (
            command("destroy", name, subject.connection)
            for name in sorted(others - {"", subject.environment})
        )
        on = "; ".join([*ways, *destroy, f"a higher quota ({self.code} of {self.service})"])
        message = (
            f"needs {needed} {self.what}{'s' * (needed > 1)}; {used} of {limit} "
            f"{assumed and f'({assumed}) '}in use: {names}; ways on: {on}"
        )
        # More than there can be is in use where the quota is not what it was taken to be.
        wrong = assumed == DENIED_DEFAULT or used > limit
        severity = Severity.WARNING if wrong else Severity.ERROR
        yield Finding(self.check, severity, message, logical_ids)

    def _limit(self, subject: Subject) -> tuple[int, str]:
        """Return the account's quota, or AWS's default, and then why it is that."""
        try:
            quota = subject.connection.service_quotas.get_service_quota(
                ServiceCode=self.service, QuotaCode=self.code
            )
        except ClientError as error:
            denied = code_of(error) in DENIED
            return self.default, DENIED_DEFAULT if denied else "AWS's default"
        except BotoCoreError:
            return self.default, DENIED_DEFAULT
        return int(quota["Quota"]["Value"]), ""


def _name(holder: Mapping[str, Any], id_key: str) -> str:
    """Return who holds something, by its stack where it has one."""
    tags = tags_of(holder)
    stack = tags.get(STACK_TAG)
    return f"{stack} ({tags.get(RESOURCE_TAG, holder[id_key])})" if stack else str(holder[id_key])
