"""The review: from templates and parameter files before and after a change to verdicts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from iot_pipeline_cfn.template.findings import Finding, Severity
from iot_pipeline_cfn.template.parameters import IMAGE_PARAMETER, ParameterFile, ParameterSet

from .analyses import Topic, analyze, analyze_template
from .conditional import find_conditional_changes, find_conditional_exposure, open_sides
from .interface import find_ineffective_changes
from .renames import find_revisions
from .resolved import EnvironmentSource, ResolvedEnvironment, Template, resolve_pair
from .resource_changes import find_changes
from .verdict import Effect, Group, Review, Scope, Verdict, outcome_of

NOTHING: Final = Verdict()


@dataclass(frozen=True)
class Side:
    """Templates by name and parameter files by environment type, before or after a change."""

    templates: Mapping[str, Template]
    files: Mapping[str, ParameterFile] = field(default_factory=dict)

    def files_of(self, template: str) -> Mapping[str, ParameterFile]:
        """Return the parameter files for a template, by environment type."""
        return {name: file for name, file in self.files.items() if file.template == template}

    def source(self, template: str, environment_type: str) -> EnvironmentSource | None:
        """Return where environments come from, None without a template or a parameter file.

        Without any parameter files, the parameters have their defaults.
        """
        files = self.files_of(template)
        body, file = self.templates.get(template), files.get(environment_type)
        if not body or (files and not file):
            return None
        given = file.parameters if file else {}
        return EnvironmentSource(body, {**_some_image(body), **given}, file)


def _some_image(template: Template) -> dict[str, str]:
    """Return a value for the image, without which no task runs that could be reviewed."""
    declaration = template.get("Parameters", {}).get(IMAGE_PARAMETER, {})
    return {IMAGE_PARAMETER: f"${{{IMAGE_PARAMETER}}}"} if declaration.get("Default") == "" else {}


def review(before: Side, after: Side, *, region: str) -> list[Review]:
    """Review a change of each template.

    Without parameter files, there is one environment type, with an empty name.

    Raises:
        MissingSchemasError: if AWS's resource schemas are not installed.

    """
    names = sorted({*before.templates, *after.templates})
    return [_review(name, before, after, region) for name in names]


def _review(name: str, before: Side, after: Side, region: str) -> Review:
    scopes: dict[tuple[bool, Verdict], list[Scope]] = {}
    unaffected = []
    for environment_type in sorted({*before.files_of(name), *after.files_of(name)}) or [""]:
        old, new = (side.source(name, environment_type) for side in (before, after))
        verdicts = [*_verdicts(environment_type, old, new, region)]
        for scope, verdict in verdicts:
            scopes.setdefault((scope.only_new, verdict), []).append(scope)
        if not verdicts:
            unaffected.append(environment_type)
    groups = [Group(tuple(found), verdict) for (_, verdict), found in scopes.items()]
    templates = [side.templates.get(name) for side in (before, after)]
    general = _general(
        templates[0],
        templates[1],
        groups,
        are_all_known=bool(before.files_of(name) or after.files_of(name)),
    )
    return Review(
        name,
        general,
        tuple(sorted(groups, key=lambda group: (group.verdict.worst or Severity.NOTE).rank)),
        tuple(filter(None, unaffected)),
        differs=templates[0] != templates[1] or before.files_of(name) != after.files_of(name),
    )


def _general(
    before: Template | None,
    after: Template | None,
    groups: Sequence[Group],
    *,
    are_all_known: bool,
) -> Verdict:
    """Review the template as such, whatever the parameters."""
    if not before or not after or before == after:
        return NOTHING
    sources = EnvironmentSource(before), EnvironmentSource(after)
    old, new = (ResolvedEnvironment({}, source=source) for source in sources)
    found = [*analyze_template(old, new)]
    known = [group.verdict for group in groups]
    sides = open_sides(*sources)
    hidden = [*find_conditional_changes(sides, known, are_all_known=are_all_known)]
    found += [(Topic.CONDITIONAL, finding) for finding in hidden]
    found += find_conditional_exposure(*sides, hidden)
    if not groups and not hidden:
        found += [(Topic.UNKNOWN, finding) for finding in find_ineffective_changes(old, new)]
    return _verdict((), found)


def _verdicts(
    environment_type: str, old: EnvironmentSource | None, new: EnvironmentSource | None, region: str
) -> Iterator[tuple[Scope, Verdict]]:
    """Yield the verdicts on all environments of a type, and on those that are created later."""
    every, subject = Scope(environment_type, only_new=False), environment_type or "Template"
    if old and new:
        # Stacks keep the values of parameters that are no longer given.
        known = [
            {name: value for name, value in side.parameters.items() if value is not None}
            for side in (old, new)
        ]
        kept = ParameterSet(old.template, known[0]).updated(new.template, known[1]).effective()
        updated = replace(new, parameters=kept)
        for before, after in ((old, updated), (updated, replace(new, is_new=True))):
            verdict = _compare(*resolve_pair(before, after, region))
            if verdict != NOTHING:
                yield Scope(environment_type, after.is_new), verdict
    elif new:
        nothing, first = resolve_pair(EnvironmentSource(), new, region)
        details = {"resources": len(first.resources)}
        added = Finding("environment-type-added", Severity.NOTE, subject, details)
        yield every, _verdict((), [(Topic.NEW, added), *analyze(nothing, first)])
    elif old:
        removed = Finding("environment-type-removed", Severity.CHANGE, subject)
        yield every, _verdict((), [(Topic.STACK, removed)])


def _compare(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Verdict:
    revisions = find_revisions(before, after)
    effects = (
        Effect(change, outcome_of(change, revisions)) for change in find_changes(before, after)
    )
    return _verdict(tuple(effects), [*analyze(before, after)])


def _verdict(effects: tuple[Effect, ...], found: Sequence[tuple[Topic, Finding]]) -> Verdict:
    """Return a verdict with the worst findings and their causes first."""
    ordered = sorted(found, key=lambda pair: (pair[1].severity.rank, bool(pair[1].causes)))
    return Verdict(effects, tuple(ordered))
