"""Changes that the given parameters hide: of what a condition leaves out, and of other branches."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.template.findings import Finding, Findings, Severity
from iot_pipeline_cfn.template.parameters import ParameterSet
from iot_pipeline_cfn.template.references import Namespace, find_references

from .analyses import ANALYSES, Topic
from .causes import find_causes
from .interface import find_output_changes
from .losses import find_losses
from .resolved import EnvironmentSource, ResolvedEnvironment, resolve_pair
from .resource_changes import find_changes
from .verdict import ResourceOutcome, Verdict, outcome_of

SEVERITIES: Final = MappingProxyType(
    {
        ResourceOutcome.REMOVED: Severity.INTERRUPTION,
        ResourceOutcome.REPLACED: Severity.REPLACEMENT,
        ResourceOutcome.MAYBE_REPLACED: Severity.REPLACEMENT,
        ResourceOutcome.ADDED: Severity.NOTE,
    }
)
"""How serious an outcome is where parameters are not known; any other is a change."""


OUTPUT_OUTCOMES: Final = MappingProxyType(
    {
        "export-changed": ResourceOutcome.CHANGED,
        "exported-value-changed": ResourceOutcome.CHANGED,
        "output-added": ResourceOutcome.ADDED,
        "output-changed": ResourceOutcome.CHANGED,
        "output-removed": ResourceOutcome.REMOVED,
    }
)


EXPOSING: Final = (Topic.TRAFFIC, Topic.PERMISSIONS, Topic.EXPOSURE)


def open_sides(
    before: EnvironmentSource, after: EnvironmentSource
) -> tuple[ResolvedEnvironment, ResolvedEnvironment]:
    """Resolve both sides with all that any parameters would create."""
    # Stacks keep the values of parameters, whatever the new defaults are.
    kept = ParameterSet(before.template, {}).updated(after.template, {}).effective()
    return resolve_pair(before, replace(after, parameters=kept), "", is_open=True)


def find_conditional_exposure(
    before: ResolvedEnvironment, after: ResolvedEnvironment, hidden: Collection[Finding]
) -> Iterator[tuple[Topic, Finding]]:
    """Yield the exposure from conditional changes where their conditions hold."""
    conditions = {one.subject: one.details["conditions"] for one in hidden}
    resources = {
        name: resource
        for name in {**before.resources, **after.resources}
        for side in [after if name in conditions else before]
        if (resource := side.resources.get(name))
    }
    changed = replace(after, resources=resources)
    anywhere = sorted({name for names in conditions.values() for name in names})
    for topic in EXPOSING:
        for find in ANALYSES[topic]:
            for one in find(before, changed):
                if one.severity is Severity.EXPOSURE:
                    where = conditions.get(one.subject, anywhere)
                    details = {**one.details, "is_certain": False, "where": where}
                    yield topic, replace(one, details=details)


def find_conditional_changes(
    sides: tuple[ResolvedEnvironment, ResolvedEnvironment],
    known: Collection[Verdict],
    *,
    are_all_known: bool,
) -> Findings:
    """Yield changes of resources and outputs that only happen where a condition has another result.

    Args:
        sides: The template before and after the change, as `open_sides` resolves it.
        known: The verdicts on all environments with the given parameters.
        are_all_known: Whether there are no other environments, so that the changes are only notes.

    """
    changes = [effect.change for verdict in known for effect in verdict.effects]
    ranks = {change.logical_id: -1 for change in changes}
    for change in changes:
        ranks[change.logical_id] = max(ranks[change.logical_id], change.behavior.rank)
    yield from _hidden_outputs(sides, known, are_all_known=are_all_known)
    old, new = (side.source.template.get("Resources", {}) for side in sides)
    changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    if are_all_known and changed <= ranks.keys():
        return
    lost = {finding.subject: finding.severity for finding in find_losses(*sides)}
    causes = find_causes(*sides)
    for change in find_changes(*sides):
        name = change.logical_id
        rank = ranks.get(name)
        if rank is not None and (are_all_known or change.behavior.rank <= rank):
            continue
        outcome = outcome_of(change, {})
        severity = lost.get(name, SEVERITIES.get(outcome, Severity.CHANGE))
        yield Finding(
            "conditional-change",
            Severity.NOTE if are_all_known else severity,
            name,
            {"outcome": outcome, "conditions": _conditions(name, sides)},
            causes.get(name, ()),
        )


def _hidden_outputs(
    sides: Sequence[ResolvedEnvironment], known: Collection[Verdict], *, are_all_known: bool
) -> Findings:
    """Yield changes of outputs with a condition that the given parameters do not meet."""
    reported = {one.subject for verdict in known for one in verdict.of_topic(Topic.OUTPUTS)}
    for output in find_output_changes(*sides):
        bodies = [side.outputs.get(output.subject, {}) for side in sides]
        conditions = sorted({str(body["Condition"]) for body in bodies if "Condition" in body})
        if conditions and output.subject not in reported:
            details = {"outcome": OUTPUT_OUTCOMES[output.code], "conditions": conditions}
            severity = Severity.NOTE if are_all_known else output.severity
            yield Finding("conditional-change", severity, output.subject, details)


def _conditions(name: str, sides: Collection[ResolvedEnvironment]) -> list[str]:
    """Return the conditions of a resource, or those that its properties depend on."""
    bodies = [side.resources[name] for side in sides if name in side.resources]
    own = {str(body["Condition"]) for body in bodies if "Condition" in body}
    within = {
        reference.name
        for body in bodies
        for reference in find_references(body, Namespace.CONDITION)
    }
    return sorted(own or within)
