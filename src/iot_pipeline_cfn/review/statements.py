"""The statements of a review's headline: what matters most, as data."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from iot_pipeline_cfn.template.findings import Finding, Severity

from .analyses import Topic
from .verdict import Counts, Group, Review, Scopes, merge


@dataclass(frozen=True)
class Statement:
    """A statement of a headline.

    Attributes:
        code: Its kind, such as `data-loss`.
        subjects: What it is about.
        causes: The logical IDs of the causes, if none of the subjects is a cause itself.
        has_followers: Whether more follows from the subjects.
        counts: The number of resources with each outcome, in a harmless change.
        finding: The first finding, where no resource changes.
        scopes: The environments that it is about.
        is_everywhere: Whether these are all of several environment types.

    """

    code: str
    subjects: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    has_followers: bool = False
    counts: Counts = ()
    finding: Finding | None = None
    scopes: Scopes = ()
    is_everywhere: bool = False


def find_statements(review: Review) -> list[Statement]:
    """Return the statements of a headline; the same statement about several groups is merged."""
    if review.worst is None:
        return [Statement("no-effect" if review.differs else "no-change")]
    if not review.groups:
        return [Statement("no-resource-change")]
    types = {*review.unaffected, *(scope.environment_type for scope in review.scopes)}
    found = []
    for statement, scopes in merge(review.groups, _statements).items():
        is_new = any(scope.only_new for scope in scopes)
        is_everywhere = len(scopes) == len(types) > 1 and not is_new
        found.append(replace(statement, scopes=tuple(sorted(scopes)), is_everywhere=is_everywhere))
    return found


def _statements(group: Group) -> Iterator[Statement]:
    """Yield the statements about a group."""
    verdict = group.verdict
    found = [
        _about(severity.value, findings)
        for severity in (Severity.DATA_LOSS, Severity.EXPOSURE)
        if (findings := verdict.of_severity(severity))
    ]
    for severity in (Severity.REPLACEMENT, Severity.INTERRUPTION):
        # Replacements beside lost data, and interruptions beside replacements, are details.
        if not found and (findings := verdict.of_severity(severity)):
            found = [_about_causes(severity.value, findings)]
    if rejected := verdict.of_topic(Topic.REJECTED):
        found.append(_about("rejection", rejected))
    if not found and (unsafe := verdict.of_topic(Topic.DATA)):
        found.append(_about("less-protection", unsafe))
    outputs = verdict.of_topic(Topic.OUTPUTS)
    if removed := [finding for finding in outputs if finding.code == "output-removed"]:
        found.append(_about("outputs-removed", removed))
    yield from found or [_harmless(group)]


def _about(code: str, findings: Sequence[Finding]) -> Statement:
    """Return a statement about findings, with their causes if none is a cause itself."""
    subjects = tuple(dict.fromkeys(finding.subject for finding in findings))
    causes: tuple[str, ...] = ()
    if all(finding.causes for finding in findings):
        causes = tuple(sorted({name for finding in findings for name in finding.causes}))
    return Statement(code, subjects, causes)


def _about_causes(code: str, findings: Sequence[Finding]) -> Statement:
    """Return a statement about those findings that are causes."""
    first = [finding for finding in findings if not finding.causes]
    if not first:
        return _about(code, findings)
    return replace(_about(code, first), has_followers=len(first) < len(findings))


def _harmless(group: Group) -> Statement:
    verdict = group.verdict
    if verdict.of_topic(Topic.NEW):
        return Statement("environment-added", counts=verdict.counts())
    if verdict.effects:
        code = "new-differs" if group.scopes[0].only_new else "harmless"
        return Statement(code, counts=verdict.counts())
    return Statement("no-resource-change", finding=verdict.findings[0][1])
