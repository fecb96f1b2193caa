"""The result of a review: for each template, what happens in which environments."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Final, NamedTuple

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


class HeadlineCode(StrEnum):
    """The kind of a statement in a headline."""

    DATA_LOSS = "data-loss"
    EXPOSURE = "exposure"
    REPLACEMENT = "replacement"
    INTERRUPTION = "interruption"
    REJECTION = "rejection"
    LESS_PROTECTION = "less-protection"
    OUTPUTS_REMOVED = "outputs-removed"
    ENVIRONMENT_ADDED = "environment-added"
    HARMLESS = "harmless"
    NEW_DIFFERS = "new-differs"
    NO_RESOURCE_CHANGE = "no-resource-change"
    NO_EFFECT = "no-effect"
    NO_CHANGE = "no-change"


@dataclass(frozen=True)
class Statement:
    """A statement of a headline.

    Attributes:
        code: Its kind.
        places: The environments that it is about.
        is_everywhere: Whether these are all of several environment types.
        subjects: What it is about.
        causes: The logical IDs of the causes, if none of the subjects is a cause itself.
        has_followers: Whether more follows from the subjects.
        counts: The number of resources with each outcome, in a harmless change.
        finding: The first finding, where no resource changes.

    """

    code: HeadlineCode
    subjects: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    has_followers: bool = False
    counts: tuple[tuple[Outcome, int], ...] = ()
    finding: Finding | None = None
    places: Places = ()
    is_everywhere: bool = False


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
    def _every_place(self) -> list[Place]:
        return [place for group in self.groups for place in group.places if not group.only_new]

    def _places(self, places: Sequence[Place]) -> Places:
        return () if {*places} == {*self._every_place} else tuple(sorted(places))

    def sections(self) -> dict[Topic, list[Entry]]:
        """Return every finding once, by topic and with its environments, the worst first.

        A finding that follows from another one about the same topic comes with that.
        """
        found: dict[tuple[Topic, Finding], list[Place]] = {}
        for group in self.groups:
            for pair in group.verdict.findings:
                found.setdefault(pair, []).extend(group.places)
        found |= dict.fromkeys(self.general.findings, self._every_place)
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

    def headline(self) -> list[Statement]:
        """Return what matters most; statements that are the same in several groups are merged."""
        if self.worst is None:
            code = HeadlineCode.NO_EFFECT if self.differs else HeadlineCode.NO_CHANGE
            return [Statement(code)]
        merged: dict[Statement, list[Place]] = {}
        for group in self.groups:
            for statement in _statements(group):
                merged.setdefault(statement, []).extend(group.places)
        types = {*self.unaffected, *(place.environment_type for place in self._every_place)}
        return [
            replace(
                statement,
                places=tuple(sorted(places)),
                is_everywhere=len(places) == len(types) > 1
                and not any(place.only_new for place in places),
            )
            for statement, places in merged.items()
        ] or [Statement(HeadlineCode.NO_RESOURCE_CHANGE)]


SEVERITY_STATEMENTS: Final = (
    (HeadlineCode.DATA_LOSS, Severity.DATA_LOSS),
    (HeadlineCode.EXPOSURE, Severity.EXPOSURE),
    (HeadlineCode.REPLACEMENT, Severity.REPLACEMENT),
    (HeadlineCode.INTERRUPTION, Severity.INTERRUPTION),
)


def _statements(group: Group) -> Iterator[Statement]:
    """Yield what matters most in a group."""
    verdict = group.verdict
    found: list[Statement] = []
    for code, severity in SEVERITY_STATEMENTS:
        findings = verdict.of_severity(severity)
        is_serious = code in {HeadlineCode.DATA_LOSS, HeadlineCode.EXPOSURE}
        # Replacements beside lost data, and interruptions beside replacements, are details.
        if findings and (is_serious or not found):
            found.append(_about(code, findings) if is_serious else _about_causes(code, findings))
    if rejected := verdict.of_topic(Topic.REJECTED):
        found.append(_about(HeadlineCode.REJECTION, rejected))
    if not found and (unsafe := verdict.of_topic(Topic.DATA)):
        found.append(_about(HeadlineCode.LESS_PROTECTION, unsafe))
    outputs = verdict.of_topic(Topic.OUTPUTS)
    if removed := [finding for finding in outputs if finding.code == "output-removed"]:
        found.append(_about(HeadlineCode.OUTPUTS_REMOVED, removed))
    yield from found or [_harmless(group)]


def _about(code: HeadlineCode, findings: Sequence[Finding]) -> Statement:
    """Return a statement about findings, with their causes if none is a cause itself."""
    subjects = tuple(dict.fromkeys(finding.subject for finding in findings))
    causes: tuple[str, ...] = ()
    if all(finding.causes for finding in findings):
        causes = tuple(sorted({name for finding in findings for name in finding.causes}))
    return Statement(code, subjects, causes)


def _about_causes(code: HeadlineCode, findings: Sequence[Finding]) -> Statement:
    """Return a statement about those findings that are causes."""
    first = [finding for finding in findings if not finding.causes]
    if not first:
        return _about(code, findings)
    return replace(_about(code, first), has_followers=len(first) < len(findings))


def _harmless(group: Group) -> Statement:
    verdict = group.verdict
    if verdict.of_topic(Topic.NEW):
        return Statement(HeadlineCode.ENVIRONMENT_ADDED, counts=verdict.counts())
    if verdict.effects:
        code = HeadlineCode.NEW_DIFFERS if group.only_new else HeadlineCode.HARMLESS
        return Statement(code, counts=verdict.counts())
    return Statement(HeadlineCode.NO_RESOURCE_CHANGE, finding=verdict.findings[0][1])
