"""The result of a review: for each template, what happens in which environments."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple, TypeVar

from iot_pipeline_cfn.template.changes import Action, Replacement, ResourceChange
from iot_pipeline_cfn.template.findings import Finding, Severity

from .analyses import Topic
from .renames import REVISION_TYPES


class ResourceOutcome(StrEnum):
    """What happens to a resource; reports count outcomes in this order."""

    REMOVED = "removed"
    REPLACED = "replaced"
    MAYBE_REPLACED = "maybe-replaced"
    REVISED = "revised"
    CHANGED = "changed"
    ADDED = "added"
    SUPERSEDED = "superseded"
    """Removed because another resource is its next revision."""


def outcome_of(change: ResourceChange, revisions: Mapping[str, str]) -> ResourceOutcome:
    """Return the outcome of a change; `revisions` maps old revisions to new ones."""
    if change.action is Action.REMOVE:
        is_superseded = change.logical_id in revisions
        return ResourceOutcome.SUPERSEDED if is_superseded else ResourceOutcome.REMOVED
    if change.action is Action.ADD:
        is_revision = change.logical_id in revisions.values()
        return ResourceOutcome.REVISED if is_revision else ResourceOutcome.ADDED
    if change.replacement is Replacement.NO:
        return ResourceOutcome.CHANGED
    if change.resource_type in REVISION_TYPES:
        return ResourceOutcome.REVISED
    is_certain = change.replacement is Replacement.YES
    return ResourceOutcome.REPLACED if is_certain else ResourceOutcome.MAYBE_REPLACED


@dataclass(frozen=True)
class Effect:
    """A change of a resource with its outcome."""

    change: ResourceChange
    outcome: ResourceOutcome


Counts = tuple[tuple[ResourceOutcome, int], ...]
"""The number of resources with each outcome."""


@dataclass(frozen=True)
class Verdict:
    """What happens to environments; empty if nothing does. The worst findings come first."""

    effects: tuple[Effect, ...] = ()
    findings: tuple[tuple[Topic, Finding], ...] = ()

    @property
    def worst(self) -> Severity | None:
        """The worst severity, or None if nothing happens."""
        change = Severity.CHANGE if self.effects else None
        return worst_of([change, *(finding.severity for _, finding in self.findings)])

    def of_topic(self, topic: Topic) -> list[Finding]:
        """Return the findings about a topic."""
        return [finding for other, finding in self.findings if other is topic]

    def of_severity(self, severity: Severity) -> list[Finding]:
        """Return the findings of a severity."""
        return [finding for _, finding in self.findings if finding.severity is severity]

    def counts(self) -> Counts:
        """Return the number of resources with each outcome."""
        counter = Counter(effect.outcome for effect in self.effects)
        for finding in self.of_topic(Topic.NEW):
            counter[ResourceOutcome.ADDED] += finding.details["resources"]
        return tuple(
            (outcome, counter[outcome])
            for outcome in ResourceOutcome
            if counter[outcome] and outcome is not ResourceOutcome.SUPERSEDED
        )


def worst_of(severities: Sequence[Severity | None]) -> Severity | None:
    """Return the worst severity, or None if there is none."""
    found = [severity for severity in severities if severity]
    return min(found, key=lambda severity: severity.rank, default=None)


class Scope(NamedTuple):
    """An environment type, or only its environments that are still to be created."""

    environment_type: str
    only_new: bool


Scopes = tuple[Scope, ...]
"""The environments that something is about; none if it is about all that change."""


@dataclass(frozen=True)
class Group:
    """Environments with the same verdict."""

    scopes: Scopes
    verdict: Verdict


@dataclass(frozen=True)
class Entry:
    """A finding with its environments, and with the findings that follow from it.

    `follower_counts` are the least and the greatest number of followers in an environment.
    """

    finding: Finding
    scopes: Scopes
    followers: tuple["Entry", ...] = ()
    follower_counts: tuple[int, int] = (0, 0)


Part = TypeVar("Part", bound=Hashable)


def merge(
    groups: Iterable[Group], parts: Callable[[Group], Iterable[Part]]
) -> dict[Part, list[Scope]]:
    """Return each part of the groups once, with all environments that it is about."""
    merged: dict[Part, list[Scope]] = {}
    for group in groups:
        for part in parts(group):
            merged.setdefault(part, []).extend(group.scopes)
    return merged


@dataclass(frozen=True)
class Review:
    """What a change does to all environments of a template.

    Attributes:
        template: The name of the template.
        general: What holds whatever the parameters, such as the default of one.
        groups: The environments that change, the worst first.
        unaffected: The environment types that do not change.
        differs: Whether any file differs.

    """

    template: str
    general: Verdict
    groups: tuple[Group, ...]
    unaffected: tuple[str, ...]
    differs: bool

    @property
    def worst(self) -> Severity | None:
        """The worst severity, or None if nothing happens."""
        return worst_of([self.general.worst, *(group.verdict.worst for group in self.groups)])

    @cached_property
    def scopes(self) -> set[Scope]:
        """The environment types that change."""
        return {scope for group in self.groups for scope in group.scopes if not scope.only_new}

    def _shown(self, scopes: Iterable[Scope]) -> Scopes:
        return () if {*scopes} == self.scopes else tuple(sorted(scopes))

    def sections(self) -> dict[Topic, list[Entry]]:
        """Return every finding once, by topic and with its environments, the worst first.

        A finding that follows from another one about the same topic comes with that.
        """
        found = merge(self.groups, lambda group: group.verdict.findings)
        found |= {pair: [*self.scopes] for pair in self.general.findings}
        sections: dict[Topic, dict[Finding, list[Scope]]] = {}
        for topic, finding in sorted(found, key=lambda pair: pair[1].severity.rank):
            sections.setdefault(topic, {})[finding] = found[topic, finding]
        return {topic: [*self._entries(findings)] for topic, findings in sections.items()}

    def _entries(self, findings: Mapping[Finding, Sequence[Scope]]) -> Iterator[Entry]:
        """Yield the findings about a topic, the worst first, then the cause of most.

        Each cause comes with what follows from it.
        """
        causes = {finding.subject: finding for finding in findings if not finding.causes}
        followed: dict[Finding | None, list[Finding]] = {}
        for finding in findings:
            cause = next((causes[name] for name in finding.causes if name in causes), None)
            followed.setdefault(cause, []).append(finding)
        first = followed.get(None, [])
        for finding in sorted(
            first, key=lambda one: (one.severity.rank, -len(followed.get(one, ())))
        ):
            followers = followed.get(finding, [])
            numbers = Counter(scope for one in followers for scope in findings[one]).values()
            yield Entry(
                finding,
                self._shown(findings[finding]),
                tuple(Entry(one, self._shown(findings[one])) for one in followers),
                (min(numbers, default=0), max(numbers, default=0)),
            )

    def effects(self) -> list[tuple[Effect, Scopes]]:
        """Return every effect once, with its environments; causes come first."""
        found = merge(self.groups, lambda group: group.verdict.effects)

        def order(effect: Effect) -> tuple[bool, str, str]:
            change = effect.change
            return change.is_consequence, change.logical_id, change.action

        return [
            (effect, self._shown(found[effect]))
            for effect in sorted(found, key=order)
            if effect.outcome is not ResourceOutcome.SUPERSEDED
        ]

    def counts(self) -> list[tuple[Scopes, Counts]]:
        """Return the number of resources with each outcome, by the environments."""
        found = merge(self.groups, lambda group: [group.verdict.counts()])
        return [(tuple(sorted(scopes)), counts) for counts, scopes in found.items()]
