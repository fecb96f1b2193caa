"""Changes that CloudFormation rejects: types, taken names, the stack policy and parameters."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.template.changes import Action, Replacement, ResourceChange
from iot_pipeline_cfn.template.findings import Finding, Findings, Severity
from iot_pipeline_cfn.template.lookup import Resource, as_list, properties_of, type_of
from iot_pipeline_cfn.template.parameters import SUFFIX_PARAMETER, ParameterSet
from iot_pipeline_cfn.template.schemas import paths

from .differences import equal, format_value
from .renames import find_renames
from .resolved import ResolvedEnvironment
from .resource_changes import find_changes


def find_type_changes(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield resources that change their type."""
    for name in sorted(before.resources.keys() & after.resources.keys()):
        old, new = (type_of(side.resources[name]) for side in (before, after))
        if old != new:
            yield Finding("type-changed", Severity.ERROR, name, {"before": old, "after": new})


def find_replacement_conflicts(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield resources that are replaced but keep a custom name, which is taken.

    "You can't perform updates that require replacement of this resource":
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    for change in find_changes(before, after):
        if change.replacement is Replacement.NO or _changes_scope(change):
            continue
        name = change.logical_id
        taken = _kept_name(change.resource_type, before.resources[name], after.resources[name])
        if taken:
            details = {"name": taken, "replacement": change.replacement}
            yield Finding("replacement-name-taken", Severity.ERROR, name, details)


def _kept_name(resource_type: str, before: Resource, after: Resource) -> str:
    """Return the custom name that a resource keeps, if it has one."""
    for key in _name_properties(resource_type):
        old, new = properties_of(before).get(key), properties_of(after).get(key)
        if old is not None and equal(old, new):
            return format_value(old)
    return ""


def _name_properties(resource_type: str) -> Iterator[str]:
    """Yield the properties of a type that hold a unique name."""
    identifying = paths(resource_type, "primaryIdentifier") | paths(
        resource_type, "additionalIdentifiers"
    )
    last = resource_type.rpartition("::")[2]
    for path in sorted(paths(resource_type, "createOnlyProperties")):
        if len(path) > 1:
            continue
        (name,) = path
        ends = [end for end in ("Id", "Identifier", "Name") if name.endswith(end)]
        is_named_like_type = any(last.endswith(name.removesuffix(end)) for end in ends)
        if is_named_like_type or (path in identifying and name.endswith("Name")):
            yield name


SCOPES: Final = MappingProxyType(
    {
        # A scaling policy's name is unique for a target:
        # https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html
        "AWS::ApplicationAutoScaling::ScalingPolicy": {"ResourceId", "ScalingTargetId"},
    }
)
"""Properties within which a name is unique, where no identifier contains them."""


def _changes_scope(change: ResourceChange) -> bool:
    """Return whether a replacement goes to another scope, in which the name is free."""
    resource_type = change.resource_type
    given = paths(resource_type, "primaryIdentifier") - paths(resource_type, "readOnlyProperties")
    scope = {path[0] for path in given} | SCOPES.get(resource_type, set())
    return any(part.path in scope for part in change.deciding_properties)


def find_rename_conflicts(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield renamed resources whose name or identity is taken until the old resource is deleted."""
    for old, new in find_renames(before, after).items():
        sides = before.resources[old], after.resources[new]
        resource_type = type_of(sides[1])
        name = _kept_name(resource_type, *sides)
        if name or _keeps_identity(resource_type, *sides):
            details = {"new_logical_id": new, "name": name}
            yield Finding("rename-name-taken", Severity.ERROR, old, details)


def _keeps_identity(resource_type: str, before: Resource, after: Resource) -> bool:
    """Return whether two resources have the same values for everything that identifies them."""
    identifiers = [path[0] for path in paths(resource_type, "primaryIdentifier")]
    values = [
        (properties_of(before).get(key), properties_of(after).get(key)) for key in identifiers
    ]
    return bool(values) and all(old is not None and equal(old, new) for old, new in values)


def find_denied_updates(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield changes that the stack policy in force denies.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
    """
    policy = before.source.file.stack_policy if before.source.file else None
    for change in find_changes(before, after):
        match change.action, change.replacement:
            case Action.ADD, _:
                continue
            case Action.MODIFY, Replacement.NO:
                action = "Update:Modify"
            case Action.MODIFY, _:
                action = "Update:Replace"
            case _:
                action = "Update:Delete"
        if _is_denied(policy or {}, action, change.logical_id):
            details = {"action": action, "replacement": change.replacement}
            yield Finding("stack-policy-denial", Severity.ERROR, change.logical_id, details)


def _is_denied(policy: Mapping[str, Any], action: str, logical_id: str) -> bool:
    def matches(statement: Mapping[str, Any], key: str, text: str) -> bool:
        value = statement.get(key)
        patterns = as_list(value) or [value or ""]
        return any(fnmatchcase(text, str(pattern)) for pattern in patterns)

    return any(
        statement.get("Effect") == "Deny"
        and "Condition" not in statement
        and matches(statement, "Action", action)
        and matches(statement, "Resource", f"LogicalResourceId/{logical_id}")
        for statement in policy.get("Statement", [])
    )


def find_parameter_errors(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield values of the parameter file that are rejected, unless they were before."""
    old, new = before.source, after.source
    if new.file is None:
        return
    stack = ParameterSet(old.template, old.file.parameters if old.file else {})
    updated = stack.updated(new.template, new.file.parameters)
    known = [*_errors(stack)]
    for finding in (*updated.fixed_changes(), *_errors(updated)):
        if finding not in known:
            yield finding


def _errors(parameters: ParameterSet) -> Findings:
    suffix = {SUFFIX_PARAMETER: "any"} if SUFFIX_PARAMETER in parameters.declared else {}
    for finding in replace(parameters, given={**suffix, **parameters.given}).findings():
        # The list of all parameters of the template would be noise in a review.
        details = {key: value for key, value in finding.details.items() if key != "declared"}
        yield replace(finding, details=details)
