"""The result of a review: for each template, what happens in which environments."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from iot_pipeline_cfn.template.changes import Action, Replacement, ResourceChange
from iot_pipeline_cfn.template.findings import Finding, Severity

from .analyses import Topic
from .renames import REVISION_TYPES


class Outcome(StrEnum):
    """What happens to a resource, in the order in which reports count it."""

    REMOVED = "removed"
    REPLACED = "replaced"
    MAYBE_REPLACED = "maybe-replaced"
    REVISED = "revised"
    CHANGED = "changed"
    ADDED = "added"
    SUPERSEDED = "superseded"
    """Removed because another resource is its next revision."""


def outcome_of(change: ResourceChange, revisions: Mapping[str, str]) -> Outcome:
    """Return what happens to a resource; `revisions` are the new revisions by the old ones."""
    if change.action is Action.REMOVE:
        return Outcome.SUPERSEDED if change.logical_id in revisions else Outcome.REMOVED
    if change.action is Action.ADD:
        return Outcome.REVISED if change.logical_id in revisions.values() else Outcome.ADDED
    if change.replacement is Replacement.NO:
        return Outcome.CHANGED
    if change.resource_type in REVISION_TYPES:
        return Outcome.REVISED
    is_certain = change.replacement is Replacement.YES
    return Outcome.REPLACED if is_certain else Outcome.MAYBE_REPLACED


@dataclass(frozen=True)
class Effect:
    """A change of a resource, and what it amounts to."""

    change: ResourceChange
    outcome: Outcome


@dataclass(frozen=True)
class Verdict:
    """What happens to environments in which the same happens; empty if nothing does.

    Attributes:
        effects: What happens to each resource.
        findings: The findings with their topics, the worst first.

    """

    effects: tuple[Effect, ...] = ()
    findings: tuple[tuple[Topic, Finding], ...] = ()

    @property
    def worst(self) -> Severity | None:
        """The worst severity, or None if nothing happens."""
        found = [finding.severity for _, finding in self.findings]
        return worst_of(found + ([Severity.CHANGE] if self.effects else []))

    def of_topic(self, topic: Topic) -> list[Finding]:
        """Return the findings about a topic."""
        return [finding for other, finding in self.findings if other is topic]

    def of_severity(self, severity: Severity) -> list[Finding]:
        """Return the findings of a severity."""
        return [finding for _, finding in self.findings if finding.severity is severity]

    def counts(self) -> tuple[tuple[Outcome, int], ...]:
        """Return the number of resources with each outcome."""
        counter = Counter(effect.outcome for effect in self.effects)
        for finding in self.of_topic(Topic.NEW):
            counter[Outcome.ADDED] += finding.details["resources"]
        return tuple(
            (outcome, counter[outcome])
            for outcome in Outcome
            if counter[outcome] and outcome is not Outcome.SUPERSEDED
        )


def worst_of(severities: Sequence[Severity | None]) -> Severity | None:
    """Return the worst severity, or None if there is none."""
    found = [severity for severity in severities if severity]
    return min(found, key=lambda severity: severity.rank, default=None)


class Place(NamedTuple):
    """An environment type, or only its environments that are still to be created."""

    environment_type: str
    only_new: bool


Places = tuple[Place, ...]
"""The environments that something is about; none if it is about all that change."""


@dataclass(frozen=True)
class Group:
    """Environment types with the same verdict."""

    environment_types: tuple[str, ...]
    verdict: Verdict
    only_new: bool = False

    @property
    def places(self) -> list[Place]:
        """The environments that the verdict is about."""
        return [Place(name, self.only_new) for name in self.environment_types]


@dataclass(frozen=True)
class Entry:
    """A finding with the environments that it is about, and the findings that follow from it.

    Attributes:
        finding: The finding.
        places: The environments.
        followers: The findings that follow from it, with their environments.
        follower_counts: The least and the greatest number of followers in an environment.

    """

    finding: Finding
    places: Places
    followers: tuple[tuple[Finding, Places], ...] = ()
    follower_counts: tuple[int, int] = (0, 0)


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
    def places(self) -> list[Place]:
        """The environment types that change."""
        return [place for group in self.groups for place in group.places if not group.only_new]

    def _places(self, places: Sequence[Place]) -> Places:
        return () if {*places} == {*self.places} else tuple(sorted(places))

    def sections(self) -> dict[Topic, list[Entry]]:
        """Return every finding once, by topic and with its environments, the worst first.

        A finding that follows from another one about the same topic comes with that.
        """
        found: dict[tuple[Topic, Finding], list[Place]] = {}
        for group in self.groups:
            for pair in group.verdict.findings:
                found.setdefault(pair, []).extend(group.places)
        found |= dict.fromkeys(self.general.findings, self.places)
        sections: dict[Topic, dict[Finding, list[Place]]] = {}
        for topic, finding in sorted(found, key=lambda pair: pair[1].severity.rank):
            sections.setdefault(topic, {})[finding] = found[topic, finding]
        return {topic: [*self._entries(findings)] for topic, findings in sections.items()}

    def _entries(self, findings: Mapping[Finding, Sequence[Place]]) -> Iterator[Entry]:
        """Yield the findings about a topic, each cause with what follows from it."""
        causes = {finding.subject: finding for finding in findings if not finding.causes}
        followers: dict[Finding, list[Finding]] = {}
        for finding in findings:
            if cause := next((causes[name] for name in finding.causes if name in causes), None):
                followers.setdefault(cause, []).append(finding)
        folded = {finding for below in followers.values() for finding in below}
        for finding in findings:
            if finding in folded:
                continue
            below = followers.get(finding, [])
            numbers = Counter(place for one in below for place in findings[one]).values()
            yield Entry(
                finding,
                self._places(findings[finding]),
                tuple((one, self._places(findings[one])) for one in below),
                (min(numbers, default=0), max(numbers, default=0)),
            )

    def effects(self) -> list[tuple[Effect, Places]]:
        """Return what happens to each resource once, with its environments; causes come first."""
        found: dict[Effect, list[Place]] = {}
        for group in self.groups:
            for effect in group.verdict.effects:
                if effect.outcome is not Outcome.SUPERSEDED:
                    found.setdefault(effect, []).extend(group.places)

        def order(effect: Effect) -> tuple[bool, str, str]:
            change = effect.change
            return change.is_consequence, change.logical_id, change.action

        return [(effect, self._places(found[effect])) for effect in sorted(found, key=order)]

    def counts(self) -> list[tuple[Places, tuple[tuple[Outcome, int], ...]]]:
        """Return the number of resources with each outcome, by the environments."""
        found: dict[tuple[tuple[Outcome, int], ...], list[Place]] = {}
        for group in self.groups:
            found.setdefault(group.verdict.counts(), []).extend(group.places)
        return [(tuple(sorted(places)), counts) for counts, places in found.items()]
