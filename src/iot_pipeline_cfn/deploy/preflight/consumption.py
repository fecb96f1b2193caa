"""Quotas: their values, and who holds what they limit.

Most accounts begin with AWS's default, or have more by now, so that an account's own quota is only
asked for where the default is not enough. Each check says where its number, and what counts towards
it, is from.
https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.deploy.errors import code_of
from iot_pipeline_cfn.deploy.operations import command
from iot_pipeline_cfn.deploy.planning import ENVIRONMENT_TAG
from iot_pipeline_cfn.deploy.protection import is_stack_protected
from iot_pipeline_cfn.template import quotas

from .checking import Finding, Severity, Subject, tags_of

STACK_TAG = "aws:cloudformation:stack-name"
RESOURCE_TAG = "aws:cloudformation:logical-id"

DEFAULT = "AWS's default"
ASSUMED = f"{DEFAULT}; the account's own quota cannot be read"

NOT_APPLIED = "NoSuchResourceException"
"""The error code when no quota is applied to the account, which then has the default."""

VALIDATION = "QUOTA"
"""In the names of early validations of the same."""

NAMED = 8
"""So many holders are named, and so often tags are asked for where each takes a call."""

DESTROYED = 3
"""So many environments are proposed for being destroyed."""


@dataclass(frozen=True)
class Holder:
    """What takes something of a quota; the tags say whose it is."""

    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    amount: float = 1


@dataclass(frozen=True)
class Quota(quotas.Quota):
    """A quota of which an account can be asked what is left."""

    @classmethod
    def of(cls, name: str) -> Self:
        """Return one of those that can stand in the way."""
        return cls(**vars(quotas.QUOTAS[name]))

    def findings(
        self,
        subject: Subject,
        logical_ids: Sequence[str],
        holders: Sequence[Holder],
        ways: Collection[str] = (),
        *,
        needed: float | None = None,
        read_tags: Callable[[], Mapping[str, Mapping[str, str]]] | None = None,
    ) -> Iterator[Finding]:
        """Yield that more is needed than there is, with who holds the rest, and the ways on.

        Args:
            subject: What is about to be done.
            logical_ids: What the change set adds or changes.
            holders: What takes of the quota now.
            ways: What to do, besides destroying an environment that holds some.
            needed: How much the change set needs, where that is not one for each resource.
            read_tags: Returns tags by the holders' names, where describing them tells none.

        """
        needed = len(logical_ids) if needed is None else needed
        used = sum(holder.amount for holder in holders)
        if self.reliable and used + needed <= self.default:
            return
        limit, assumed = self._limit(subject)
        if used + needed <= limit:
            return
        if read_tags:
            holders = _tagged(holders, read_tags)
        held = f": {_named(holders)}" if holders else ""
        higher = [f"a higher quota ({self.code} of {self.service})"] if self.adjustable else []
        on = "; ".join([*ways, *_destroying(subject, holders), *higher])
        message = (
            f"needs {needed:g} {self.what}{'s' * (needed > 1)}; {used:g} of {limit:g} "
            f"{assumed and f'({assumed}) '}in use{held}; ways on: {on}"
        )
        # More than there can be is in use where the quota is not what it was taken to be.
        wrong = assumed == ASSUMED or (assumed and not self.reliable) or used > limit
        severity = Severity.WARNING if wrong else Severity.ERROR
        yield Finding(self.check, severity, message, logical_ids, VALIDATION)

    def _limit(self, subject: Subject) -> tuple[float, str]:
        """Return the account's quota, or AWS's default, and then why it is that."""
        try:
            quota = subject.connection.service_quotas.get_service_quota(
                ServiceCode=self.service, QuotaCode=self.code
            )
        except ClientError as error:
            return self.default, DEFAULT if code_of(error) == NOT_APPLIED else ASSUMED
        except BotoCoreError:
            return self.default, ASSUMED
        return quota["Quota"]["Value"], ""


def holders_of(resources: Iterable[Mapping[str, Any]], name_key: str) -> list[Holder]:
    """Return what a call has described, with its tags, as holders of one each."""
    return [Holder(resource[name_key], tags_of(resource)) for resource in resources]


def number(value: object) -> int:
    """Return a whole number that a template has, or zero where only the stack could tell."""
    return int(str(value)) if str(value).isdecimal() else 0


def _tagged(
    holders: Sequence[Holder], read_tags: Callable[[], Mapping[str, Mapping[str, str]]]
) -> list[Holder]:
    """Return holders with their tags; that nobody may read those hides nothing else."""
    try:
        tags = read_tags()
    except (BotoCoreError, ClientError):
        tags = {}
    return [replace(holder, tags=tags.get(holder.name, {})) for holder in holders]


def _named(holders: Sequence[Holder]) -> str:
    """Return who holds how much: environments, other stacks, and what has no stack, in one line."""
    amounts: defaultdict[tuple[bool, bool, str], float] = defaultdict(float)
    resources: dict[tuple[bool, bool, str], str] = {}
    for holder in holders:
        stack = holder.tags.get(STACK_TAG)
        key = ENVIRONMENT_TAG not in holder.tags, stack is None, stack or holder.name
        amounts[key] += holder.amount
        resources[key] = holder.tags.get(RESOURCE_TAG, "")
    ranked = sorted(amounts.items(), key=lambda item: (*item[0][:2], -item[1], item[0][2]))
    names = []
    for key, amount in ranked[:NAMED]:
        _, lone, name = key
        share = resources[key] if amount == 1 and resources[key] else f"{amount:g}"
        names.append(name if lone and amount == 1 else f"{name} ({share})")
    others = sum(amount for _, amount in ranked[NAMED:])
    return ", ".join(names) + (f" and {others:g} other{'s' * (others > 1)}" if others else "")


def _destroying(subject: Subject, holders: Sequence[Holder]) -> list[str]:
    """Return the commands that destroy the other environments that hold most.

    Nobody is told to destroy one that is protected.
    """
    amounts: defaultdict[str, float] = defaultdict(float)
    stacks = {}
    for holder in holders:
        name = holder.tags.get(ENVIRONMENT_TAG, "")
        amounts[name] += holder.amount
        stacks[name] = holder.tags.get(STACK_TAG, "")
    others = sorted(amounts.keys() - {"", subject.environment}, key=lambda n: (-amounts[n], n))
    client = subject.connection.cloudformation
    expendable = (name for name in others if not is_stack_protected(client, stacks[name]))
    return [command("destroy", name, subject.connection) for name in islice(expendable, DESTROYED)]
