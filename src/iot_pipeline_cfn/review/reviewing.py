"""From templates and parameter files, as they were and as they are, to a verdict."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from iot_pipeline_cfn.template.findings import Finding
from iot_pipeline_cfn.template.parameters import IMAGE_PARAMETER, ParameterFile, ParameterSet
from iot_pipeline_cfn.template.references import rename_references

from . import failures, refusals
from .analyses import Topic, analyzed
from .behaviour import Behaviour
from .causes import causes
from .differences import equal, worded
from .interface import invalid_parameters, outputs, parameters
from .losses import losses
from .remarks import Remark, Severity, about, as_finding
from .resolved import ResolvedEnvironment, Template, resolved
from .resources import HOW, REVISIONS, Action, Change, Replacement, changes
from .verdict import Group, Review, Section, Verdict

EMPTY: Final[Template] = {}
NO_VERDICT: Final = Verdict()


@dataclass(frozen=True)
class Side:
    """Templates by name, and parameter files by kind, as they are at one time."""

    templates: Mapping[str, Template]
    files: Mapping[str, ParameterFile] = field(default_factory=dict)


def review(before: Side, after: Side, *, region: str) -> list[Review]:
    """Return what a change does, for each template.

    Without parameter files, there is one kind of environment, with an empty name, whose parameters
    have their defaults.

    Raises:
        MissingSchemasError: when AWS's resource schemas are not there.

    """
    return [
        _reviewed(name, before, after, region)
        for name in sorted({*before.templates, *after.templates})
    ]


def _reviewed(name: str, before: Side, after: Side, region: str) -> Review:
    old, new = (side.templates.get(name) for side in (before, after))
    found: list[tuple[str, bool, Verdict]] = []
    untouched = []
    for kind in sorted({*before.files, *after.files}) or [""]:
        states = _state(before, name, kind), _state(after, name, kind)
        verdicts = [pair for pair in _verdicts(kind, *states, region) if pair[1] != NO_VERDICT]
        found += [(kind, only_new, verdict) for only_new, verdict in verdicts]
        if not verdicts:
            untouched.append(kind)
    general = _verdict((), [*_general(old, new, alike=not found)]) if old and new else NO_VERDICT
    differs = old != new or before.files != after.files
    return Review(name, general, tuple(_grouped(found)), tuple(filter(None, untouched)), differs)


def _grouped(found: Sequence[tuple[str, bool, Verdict]]) -> list[Group]:
    """Return groups of the same verdict, the worst first."""
    kinds: dict[tuple[bool, Verdict], list[str]] = {}
    for kind, only_new, verdict in found:
        kinds.setdefault((only_new, verdict), []).append(kind)
    groups = [Group(tuple(names), verdict, new) for (new, verdict), names in kinds.items()]
    return sorted(groups, key=lambda one: (one.verdict.worst or Severity.NOTE).rank)


def _general(before: Template, after: Template, *, alike: bool) -> Iterator[tuple[Topic, Finding]]:
    """Yield what is so of a template whatever the parameters.

    `alike` says that nothing comes of it with those that are given.
    """
    for section in ("Conditions", "Mappings"):
        if alike and not equal(before.get(section, {}), after.get(section, {})):
            message = "differ, of which nothing comes with the parameters that are given"
            yield Topic.UNKNOWN, about(Severity.NOTE, section, message)
    yield from ((Topic.PARAMETERS, remark) for remark in parameters(before, after))
    for section in ("Hooks", "Transform"):
        if not equal(before.get(section), after.get(section)):
            sides = [worded(side.get(section)) for side in (before, after)]
            yield (
                Topic.UNKNOWN,
                about(Severity.CHANGE, section, "changes what is made of it", *sides),
            )
    old, new = (_unresolved(side) for side in (before, after))
    for name in sorted({*old, *new}):
        if not equal(old.get(name), new.get(name)):
            message = "changes, and what it makes cannot be told before it is deployed"
            yield Topic.UNKNOWN, about(Severity.CHANGE, name, message)


def _unresolved(template: Template) -> dict[str, object]:
    """Return what stands among resources and outputs that is none, such as `Fn::ForEach`."""
    return {
        name: body
        for section in ("Resources", "Outputs")
        for name, body in template.get(section, {}).items()
        if not isinstance(body, Mapping)
    }


@dataclass(frozen=True)
class _State:
    """A kind of environment at one time."""

    template: Template
    file: ParameterFile | None

    @property
    def given(self) -> Mapping[str, str]:
        """The parameters that it gives."""
        return self.file.parameters if self.file else {}

    @property
    def running(self) -> Mapping[str, str]:
        """The parameters that it gives, and some image where there need not be one.

        Without, no task runs, and what a change does to one would not be seen.
        """
        declaration = self.template.get("Parameters", {}).get(IMAGE_PARAMETER, {})
        image = {IMAGE_PARAMETER: f"${{{IMAGE_PARAMETER}}}"}
        return {**(image if declaration.get("Default") == "" else {}), **self.given}


def _state(side: Side, name: str, kind: str) -> _State | None:
    """Return how a kind of environment is on a side, where it has template and file."""
    template, file = side.templates.get(name), side.files.get(kind)
    return _State(template, file) if template and (file or not side.files) else None


def _verdicts(
    kind: str, old: _State | None, new: _State | None, region: str
) -> Iterator[tuple[bool, Verdict]]:
    """Yield what happens to all environments of a kind, and what only to new ones."""
    if old and new:
        previous = ParameterSet(old.template, old.running)
        kept = previous.updated(new.template, new.running).effective()
        before, after = resolved((old.template, old.running), (new.template, kept), region)
        yield False, _updated(old, new, before, after, region)
        same, anew = resolved((new.template, kept), (new.template, new.running), region)
        yield True, _made_anew(same, anew, region)
    elif new:
        nothing, there = resolved((EMPTY, {}), (new.template, new.running), region)
        number = f"{len(there.resources)} resources"
        remark = about(Severity.NOTE, kind or "Template", "is new", after=number)
        yield False, _verdict((), [(Topic.NEW, remark), *analyzed(nothing, there)])
    elif old:
        message = "is gone: none can be deployed any more, and stacks stay as they are"
        yield (
            False,
            _verdict((), [(Topic.STACK, about(Severity.CHANGE, kind or "Template", message))]),
        )


def _updated(
    old: _State, new: _State, before: ResolvedEnvironment, after: ResolvedEnvironment, region: str
) -> Verdict:
    """Return what an update of a stack does."""
    found = tuple(changes(before.resources, after.resources))
    resources = before.resources, after.resources
    stay = old.template["Resources"].keys() & new.template["Resources"].keys()
    pairs = [*refusals.renames(found, *resources, stay)]
    origins = causes(found, pairs)
    sections = (
        (Topic.DATA, losses(found, *resources)),
        (Topic.REFUSED, refusals.retyped(*resources)),
        (Topic.REFUSED, refusals.stuck(found, *resources)),
        (Topic.REFUSED, refusals.renamed(pairs, *resources)),
        (Topic.REFUSED, failures.moved(found)),
        (Topic.REFUSED, failures.outside(*resources)),
        (Topic.REFUSED, failures.upgraded(*resources)),
        (Topic.REFUSED, refusals.denied(found, old.file.stack_policy if old.file else None)),
        (Topic.REFUSED, _invalid_parameters(old, new)),
        (Topic.INTERRUPTED, _interrupted(found)),
        (Topic.STACK, _stack(old.file, new.file)),
        (Topic.ORDER, _reordered(before, after)),
    )
    remarks = [(heading, remark) for heading, remarks in sections for remark in remarks]
    caused = [
        (heading, replace(as_finding(remark), causes=origins.get(remark.subject, ())))
        for heading, remark in (*_replaced(found, pairs), *remarks)
    ]
    shown = [(Topic.OUTPUTS, remark) for remark in outputs(found, before, after, origins)]
    # What a renamed resource is allowed, or reaches, is not new.
    names = dict(pairs)
    stays = {
        names.get(name, name): body
        for name, body in rename_references(before.resources, names).items()
    }
    same = replace(before, resources=stays)
    return _verdict(found, [*analyzed(same, after), *caused, *shown])


def _made_anew(updated: ResolvedEnvironment, new: ResolvedEnvironment, region: str) -> Verdict:
    """Return in what a new environment differs from one that is updated.

    Where a parameter is not given, that has the value that it had, and this one the default.
    """
    if updated == new:
        return NO_VERDICT
    found = tuple(_without_update(changes(updated.resources, new.resources)))
    remarks = [
        (heading, remark)
        for heading, remark in analyzed(updated, new)
        if remark.severity is not Severity.DATA_LOSS
    ]
    remarks += [(Topic.OUTPUTS, remark) for remark in outputs(found, updated, new, {})]
    return _verdict(found, remarks)


def _without_update(found: Sequence[Change]) -> Iterator[Change]:
    """Yield changes as they are where nothing is updated, but made in another way."""
    for change in found:
        parts = tuple(
            replace(part, behaviour=Behaviour.IN_PLACE)
            for part in change.properties
            if not part.because_of
        )
        if parts or change.action is not Action.MODIFY:
            yield replace(change, properties=parts)


def _invalid_parameters(old: _State, new: _State) -> Iterator[Finding]:
    if new.file:
        before = ParameterSet(old.template, old.given)
        yield from invalid_parameters(before, before.updated(new.template, new.given))


def _stack(old: ParameterFile | None, new: ParameterFile | None) -> Iterator[Remark]:
    """Yield what changes of a stack that is not in its template."""
    if old is None or new is None:
        return
    if old.tags != new.tags:
        tags = [worded({**side.tags}) for side in (old, new)]
        message = "change, and with them every resource that takes tags"
        yield about(Severity.CHANGE, "Tags", message, *tags)
    if old.stack_policy != new.stack_policy:
        yield about(Severity.CHANGE, "StackPolicy", "changes which updates are denied")
    if old.bucket != new.bucket:
        buckets = [side.bucket or "" for side in (old, new)]
        yield about(Severity.NOTE, "Bucket", "is another one", *buckets)


def _replaced(
    found: Sequence[Change], pairs: Sequence[tuple[str, str]]
) -> Iterator[tuple[Topic, Finding]]:
    """Yield what is replaced, or only revised, with the heading for that."""
    for change in found:
        if change.replacement is not Replacement.NO:
            heading, severity = _replacing(change)
            message = f"{HOW[change.replacement]}, because {change.because}"
            remark = about(severity, change.logical_id, message, *_only_values(change))
            yield heading, remark
    changed = {change.logical_id: change for change in found}
    for old, new in pairs:
        heading, severity = _replacing(changed[old])
        message = f"is renamed to {new}, which replaces it: {new} is created, then {old} deleted"
        yield heading, about(severity, old, message)


def _replacing(change: Change) -> tuple[Topic, Severity]:
    if change.resource_type in REVISIONS:
        return Topic.REVISIONS, Severity.CHANGE
    return Topic.REPLACED, Severity.REPLACEMENT


def _interrupted(found: Sequence[Change]) -> Iterator[Remark]:
    for change in found:
        if change.behaviour is Behaviour.INTERRUPTION:
            message = f"may be interrupted, because {change.because}"
            yield about(Severity.INTERRUPTION, change.logical_id, message, *_only_values(change))


def _only_values(change: Change) -> tuple[str, str]:
    """Return the values before and after where there is only one cause."""
    if len(change.causes) == 1:
        return change.causes[0].before, change.causes[0].after
    return "", ""


def _reordered(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Iterator[Remark]:
    for name in sorted(before.resources.keys() & after.resources.keys()):
        old, new = (side.resources[name].get("DependsOn", []) for side in (before, after))
        sides = [sorted(side) if isinstance(side, list) else [side] for side in (old, new)]
        if sides[0] != sides[1]:
            message = "waits for other resources, which is no update of it: DependsOn"
            yield about(Severity.NOTE, name, message, *map(worded, sides))


def _verdict(found: tuple[Change, ...], remarks: Sequence[tuple[Topic, Finding]]) -> Verdict:
    """Return changes and remarks, these by heading, the worst and its causes first."""
    ordered = sorted(remarks, key=lambda pair: (pair[1].severity.rank, bool(pair[1].causes)))
    headings = dict.fromkeys(heading for heading, _ in ordered)
    sections = (
        Section(heading, tuple(remark for other, remark in ordered if other == heading))
        for heading in headings
    )
    return Verdict(found, tuple(sections))
