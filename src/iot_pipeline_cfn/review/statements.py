"""The statements of a review's headline: what matters most, as data."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from iot_pipeline_cfn.template.changes import Replacement
from iot_pipeline_cfn.template.findings import Finding, Severity

from .analyses import Topic
from .verdict import Counts, Group, Review, Scope, Scopes, merge, worst_of


@dataclass(frozen=True)
class Statement:
    """A statement of a headline.

    Attributes:
        code: Its kind, such as `data-loss`.
        subjects: What it is about.
        causes: The logical IDs of the causes, if none of the subjects is a cause itself.
        followers: The number of findings that follow from the subjects, where it is the greatest.
        severity: The worst severity of the findings.
        counts: The number of resources with each outcome, in a harmless change.
        findings: What happens to the subjects.
        scopes: The environments that it is about.
        is_everywhere: Whether these are all of several environment types.

    """

    code: str
    subjects: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    followers: int = 0
    severity: Severity | None = None
    counts: Counts = ()
    findings: tuple[Finding, ...] = ()
    scopes: Scopes = ()
    is_everywhere: bool = False


class _Kind(NamedTuple):
    """A kind of statement, and the findings that it is about."""

    code: str
    matches: Callable[[Topic, Finding], bool]


def is_certain(finding: Finding) -> bool:
    """Return whether it certainly happens."""
    details = finding.details
    return details.get("is_certain", True) and details.get("replacement") != Replacement.MAYBE


def _severe(severity: Severity, *, certain: bool = True) -> Callable[[Topic, Finding], bool]:
    return lambda topic, finding: (
        finding.severity is severity and topic not in ELSEWHERE and is_certain(finding) is certain
    )


ELSEWHERE: Final = frozenset({Topic.CONDITIONAL, Topic.NOT_ASSESSED, Topic.UNKNOWN})
"""Topics about what is not known, which have statements of their own."""

NOT_PRICED: Final = "not-priced"

KINDS: Final = (
    _Kind("data-loss", _severe(Severity.DATA_LOSS)),
    _Kind("exposure", _severe(Severity.EXPOSURE)),
    _Kind("rejection", lambda topic, _: topic is Topic.REJECTED),
    _Kind("replacement", _severe(Severity.REPLACEMENT)),
    _Kind("removal", lambda _, finding: finding.code in {"removed", "data-removed"}),
    _Kind("interruption", _severe(Severity.INTERRUPTION)),
    _Kind("possible-data-loss", _severe(Severity.DATA_LOSS, certain=False)),
    _Kind("possible-exposure", _severe(Severity.EXPOSURE, certain=False)),
    _Kind("possible-replacement", _severe(Severity.REPLACEMENT, certain=False)),
    _Kind(
        "less-protection",
        lambda topic, finding: topic is Topic.DATA and finding.severity is Severity.WARNING,
    ),
    _Kind("warning", _severe(Severity.WARNING)),
    _Kind("outputs-removed", lambda _, finding: finding.code == "output-removed"),
    _Kind(
        "conditional",
        lambda topic, finding: topic is Topic.CONDITIONAL and finding.severity is not Severity.NOTE,
    ),
    _Kind(
        "unknown",
        lambda topic, finding: topic is Topic.UNKNOWN and finding.severity is not Severity.NOTE,
    ),
    _Kind("not-assessed", lambda topic, _: topic is Topic.NOT_ASSESSED),
    _Kind(NOT_PRICED, lambda _, finding: finding.code in {"not-priced", "unpriced-region"}),
)
"""What is certain comes first, then what is possible, then what is not known."""


UPDATES: Final = frozenset(
    {
        *("data-loss", "replacement", "removal", "interruption"),
        *("possible-data-loss", "possible-replacement"),
    }
)
"""Kinds that imply the later ones: data is lost because its resource is replaced."""


def find_statements(review: Review) -> list[Statement]:
    """Return the statements of a headline; each subject is in one, with all its environments."""
    if review.worst is None:
        return [Statement("no-effect" if review.differs else "no-change")]
    types = {*review.unaffected, *(scope.environment_type for scope in review.scopes)}
    found = [*_about_findings(review), *_harmless(review)] or [Statement("no-resource-change")]
    found.sort(key=lambda statement: statement.code == NOT_PRICED)
    return [replace(each, is_everywhere=_is_everywhere(each.scopes, types)) for each in found]


def _is_everywhere(scopes: Scopes, types: set[str]) -> bool:
    return len(scopes) == len(types) > 1 and not any(scope.only_new for scope in scopes)


@dataclass
class _Part:
    """A subject of a kind of statement, in all environments that it is about."""

    scopes: set[Scope] = field(default_factory=set)
    causes: set[str] = field(default_factory=set)
    followers: int = 0
    findings: list[Finding] = field(default_factory=list)


def _about_findings(review: Review) -> Iterator[Statement]:
    """Yield the statements by their kinds, each about the subjects with the same environments."""
    parts: dict[tuple[_Kind, str], _Part] = {}
    for group in (*review.groups, Group((), review.general)):
        named: set[str] = set()
        for kind, findings in _by_kind(group).items():
            shown = [finding for finding in findings if not finding.causes] or findings
            for finding in shown:
                if kind.code in UPDATES and finding.subject in named:
                    continue
                part = parts.setdefault((kind, finding.subject), _Part())
                part.scopes.update(group.scopes)
                part.causes.update(finding.causes)
                part.findings.append(finding)
                followers = sum(finding.subject in one.causes for one in findings)
                part.followers = max(part.followers, followers)
            if kind.code in UPDATES:
                named.update(finding.subject for finding in shown)
    together: dict[tuple[_Kind, Scopes], list[str]] = {}
    # The cause of most comes first.
    order = sorted(parts, key=lambda key: (KINDS.index(key[0]), -parts[key].followers))
    for kind, subject in order:
        scopes = tuple(sorted(parts[kind, subject].scopes))
        together.setdefault((kind, scopes), []).append(subject)
    for (kind, scopes), subjects in together.items():
        yield _about(kind.code, subjects, [parts[kind, subject] for subject in subjects], scopes)


def _about(code: str, subjects: Sequence[str], parts: Sequence[_Part], scopes: Scopes) -> Statement:
    causes = {name for part in parts for name in part.causes}
    findings = tuple(dict.fromkeys(finding for part in parts for finding in part.findings))
    return Statement(
        code,
        tuple(subjects),
        tuple(sorted(causes)) if all(part.causes for part in parts) else (),
        sum(part.followers for part in parts),
        worst_of([finding.severity for finding in findings]),
        findings=findings,
        scopes=scopes,
    )


def _by_kind(group: Group) -> dict[_Kind, list[Finding]]:
    """Return the findings of each kind of statement; each finding is of one kind."""
    found: dict[_Kind, list[Finding]] = {}
    for topic, finding in group.verdict.findings:
        kind = next((kind for kind in KINDS if kind.matches(topic, finding)), None)
        if kind:
            found.setdefault(kind, []).append(finding)
    return {kind: found[kind] for kind in KINDS if kind in found}


def _harmless(review: Review) -> Iterable[Statement]:
    """Yield the statements about environments in which nothing else happens."""
    quiet = [group for group in review.groups if not _worth_a_statement(group)]
    is_known = not _worth_a_statement(Group((), review.general))

    def counted(group: Group) -> list[Statement]:
        return [_counted(group, is_known and not group.verdict.of_topic(Topic.UNKNOWN))]

    for statement, scopes in merge(quiet, counted).items():
        yield replace(statement, scopes=tuple(sorted(scopes)))


def _worth_a_statement(group: Group) -> bool:
    """Return whether anything but a missing price has a statement."""
    return any(kind.code != NOT_PRICED for kind in _by_kind(group))


def _counted(group: Group, is_known: bool) -> Statement:
    verdict = group.verdict
    if verdict.of_topic(Topic.NEW):
        return Statement("environment-added", counts=verdict.counts())
    if verdict.effects:
        code = "new-differs" if group.scopes[0].only_new else "harmless" if is_known else "changes"
        return Statement(code, counts=verdict.counts())
    return Statement("no-resource-change", findings=(verdict.findings[0][1],))
