"""Quotas: their values, and who holds what they limit.

A quota of an account is never less than AWS's default, so it is only asked for where the default is
not enough. Which call counts what:
https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.deploy.planning import ENVIRONMENT_TAG

from .checking import Finding, Severity, Subject, tags_of

STACK_TAG = "aws:cloudformation:stack-name"
RESOURCE_TAG = "aws:cloudformation:logical-id"


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
        needed: int,
        holders: Sequence[Mapping[str, Any]],
        id_key: str,
        ways: Collection[str] = (),
    ) -> Iterator[Finding]:
        """Yield that more is needed than there is, with who holds the rest, and the ways on.

        Args:
            subject: What is about to be done.
            needed: How many the change set adds.
            holders: What is there, as a call has described it.
            id_key: Under which key each has its id.
            ways: What to do, besides destroying an environment that holds some.

        """
        used = len(holders)
        if used + needed <= self.default:
            return
        limit, whose = self._limit(subject)
        if used + needed <= limit:
            return
        names = ", ".join(_name(holder, id_key) for holder in holders)
        environments = {tags_of(holder).get(ENVIRONMENT_TAG) for holder in holders} - {None}
        destroy = (f"iot-pipeline destroy {name}" for name in sorted(filter(None, environments)))
        on = "; ".join([*ways, *destroy, f"a higher quota ({self.code} of {self.service})"])
        message = (
            f"needs {needed} {self.what}{'s' * (needed > 1)}; {used} of {limit} {whose}in use: "
            f"{names}; ways on: {on}"
        )
        yield Finding(self.check, Severity.ERROR, message)

    def _limit(self, subject: Subject) -> tuple[int, str]:
        """Return the account's quota, or AWS's default and that it is that."""
        try:
            quota = subject.connection.service_quotas.get_service_quota(
                ServiceCode=self.service, QuotaCode=self.code
            )
        except (BotoCoreError, ClientError):
            return self.default, "(AWS's default) "
        return int(quota["Quota"]["Value"]), ""


def _name(holder: Mapping[str, Any], id_key: str) -> str:
    """Return who holds something, by its stack where it has one."""
    tags = tags_of(holder)
    stack = tags.get(STACK_TAG)
    return f"{stack} ({tags.get(RESOURCE_TAG, holder[id_key])})" if stack else str(holder[id_key])
