"""Changes that CloudFormation rejects: types, taken names, the stack policy and parameters."""

import json
from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from iot_pipeline_cfn.template.changes import Action, Replacement, ResourceChange
from iot_pipeline_cfn.template.findings import Finding, Findings, Severity
from iot_pipeline_cfn.template.lookup import as_list, type_of
from iot_pipeline_cfn.template.parameters import SUFFIX_PARAMETER, ParameterSet
from iot_pipeline_cfn.template.references import rename_references

from .identities import Identity, identities_of
from .resolved import ResolvedEnvironment
from .resource_changes import find_changes


def find_type_changes(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield resources that change their type."""
    for name in sorted(before.resources.keys() & after.resources.keys()):
        old, new = (type_of(side.resources[name]) for side in (before, after))
        if old != new:
            yield Finding("type-changed", Severity.ERROR, name, {"before": old, "after": new})


def find_identity_conflicts(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield new resources with the identity of one that is deleted only after their creation.

    "You can't perform updates that require replacement of this resource":
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    changes = find_changes(before, after)
    leaving = [change for change in changes if change.may_delete]
    holders = {
        identity: change.logical_id
        for change in leaving
        for identity in identities_of(before.resources[change.logical_id])
    }
    # References to these have another value after the change.
    others = {change.logical_id: f"{change.logical_id} (new)" for change in leaving}
    for change in changes:
        is_new = change.action is Action.ADD or change.replacement is not Replacement.NO
        if not is_new:
            continue
        resource = rename_references(after.resources[change.logical_id], others)
        for identity in identities_of(resource):
            if holder := holders.get(identity):
                yield _conflict(change, holder, identity)
                break


def _conflict(change: ResourceChange, holder: str, identity: Identity) -> Finding:
    unique = identity.unique
    details = {
        "holder": holder,
        "identity": {name: json.loads(value) for name, value in identity.values},
        "replacement": change.replacement,
        "documentation": unique.documentation if unique else "",
    }
    is_overwritten = unique is not None and unique.is_overwritten
    code = "deleted-with-predecessor" if is_overwritten else "identity-taken"
    is_possible = change.replacement is Replacement.MAYBE
    severity = Severity.WARNING if is_possible else Severity.ERROR
    return Finding(code, severity, change.logical_id, details)


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
