"""What an update does to resources and to the stack: replacements, interruptions, order, tags."""

from iot_pipeline_cfn.template.changes import Action, Replacement, ResourceChange, UpdateBehavior
from iot_pipeline_cfn.template.findings import Finding, Findings, Severity, Value
from iot_pipeline_cfn.template.lookup import Resource, properties_of
from iot_pipeline_cfn.template.references import find_references
from iot_pipeline_cfn.template.resolution import SSM_PARAMETER
from iot_pipeline_cfn.template.stateful import (
    DataOutcome,
    data_outcome,
    holds_data,
    policy_of,
)

from .causes import find_causes
from .renames import REVISION_TYPES, find_renames, find_revisions
from .resolved import ResolvedEnvironment
from .resource_changes import EFFECTIVE_METADATA, find_changes
from .update_behavior import GROUP_PROPERTIES, GROUP_TYPE, update_behavior


def find_removals(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield removed resources, without those that hold data or get another logical ID."""
    renames = find_renames(before, after)
    for change in find_changes(before, after):
        name = change.logical_id
        if change.action is not Action.REMOVE or name in renames or name in after.resources:
            continue
        resource = before.resources[name]
        policy = policy_of(resource, "DeletionPolicy")
        if not holds_data(resource, policy):
            is_kept = data_outcome(policy) is DataOutcome.RETAINED
            severity = Severity.CHANGE if is_kept else Severity.INTERRUPTION
            details = {"resource_type": change.resource_type, "policy": policy}
            yield Finding("removed", severity, name, details)


def find_replacements(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield resources that are replaced, and renamed ones, which are replaced by that."""
    for change in find_changes(before, after):
        if change.replacement is not Replacement.NO and change.resource_type not in REVISION_TYPES:
            yield _with_reasons("replaced", Severity.REPLACEMENT, change, before, after)
    revisions = find_revisions(before, after)
    for old, new in find_renames(before, after).items():
        if old not in revisions:
            yield Finding("renamed", Severity.REPLACEMENT, old, {"new_logical_id": new})


def find_new_revisions(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield resources that get a new revision, which is how their types change."""
    for change in find_changes(before, after):
        if change.replacement is not Replacement.NO and change.resource_type in REVISION_TYPES:
            yield _with_reasons("revised", Severity.CHANGE, change, before, after)
    for old, new in find_revisions(before, after).items():
        yield Finding("new-revision", Severity.CHANGE, new, {"previous_logical_id": old})


def find_interruptions(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield resources that may be interrupted without being replaced."""
    for change in find_changes(before, after):
        if change.behavior is UpdateBehavior.SOME_INTERRUPTION:
            yield _with_reasons("interrupted", Severity.INTERRUPTION, change, before, after)


def find_kept_instances(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield Auto Scaling groups that only use a change for the instances that they start later."""
    for change in find_changes(before, after):
        names = sorted({part.name for part in change.properties} & GROUP_PROPERTIES)
        in_place = change.behavior is UpdateBehavior.NO_INTERRUPTION
        if change.resource_type == GROUP_TYPE and names and in_place:
            yield Finding("instances-kept", Severity.NOTE, change.logical_id, {"properties": names})


def find_setup_changes(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield instances that may run other commands, by metadata that `cfn-init` reads."""
    paths = {f"Metadata.{name}" for name in EFFECTIVE_METADATA}
    for change in find_changes(before, after):
        names = sorted({part.path for part in change.properties} & paths)
        if names and change.replacement is Replacement.NO:
            yield Finding("setup-changed", Severity.WARNING, change.logical_id, {"paths": names})


def _with_reasons(
    code: str,
    severity: Severity,
    change: ResourceChange,
    before: ResolvedEnvironment,
    after: ResolvedEnvironment,
) -> Finding:
    """Return a finding with the properties that decide about a change as its reasons.

    If only one of them is not a consequence, the finding has its values.
    """
    keys = ("path", "because_of", "cause_replacement")
    parts = sorted(change.deciding_properties, key=lambda part: not part.because_of)
    own = [part for part in parts if not part.because_of]
    details: dict[str, Value] = {}
    if change.replacement is not Replacement.NO:
        details["replacement"] = change.replacement
    details["because"] = [{key: getattr(part, key) for key in keys} for part in parts]
    if len(own) == 1:
        details |= {"before": own[0].before, "after": own[0].after}
    causes = find_causes(before, after)[change.logical_id]
    return Finding(code, severity, change.logical_id, details, causes)


def find_parameters_read_again(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield parameters of Systems Manager, which any update reads again.

    A resource with another value changes too, although nothing in the template does.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
    """
    changes = find_changes(before, after)
    declared = after.source.template.get("Parameters", {})
    for name, declaration in declared.items() if changes else ():
        if not str(declaration.get("Type")).startswith(SSM_PARAMETER):
            continue
        users = {
            user: max(behaviors, key=lambda behavior: behavior.rank)
            for user in after.resources.keys() & before.resources.keys()
            if (behaviors := _behaviors(after.resources[user], name))
        }
        if users:
            details = {
                "resources": sorted(users),
                "replaced": sorted(
                    user for user in users if users[user].replacement is not Replacement.NO
                ),
            }
            yield Finding("parameter-read-again", Severity.NOTE, name, details)


def _behaviors(resource: Resource, parameter: str) -> list[UpdateBehavior]:
    """Return what another value of a parameter does to a resource, for each use of it."""
    return [
        update_behavior(resource, use.path, None, None)
        for use in find_references(properties_of(resource))
        if use.name == parameter and use.path
    ]


def find_order_changes(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield resources that wait for other resources, which does not update them."""
    for name in sorted(before.resources.keys() & after.resources.keys()):
        old, new = (side.resources[name].get("DependsOn", []) for side in (before, after))
        sides = [sorted(side, key=str) if isinstance(side, list) else [side] for side in (old, new)]
        if sides[0] != sides[1]:
            details = {"before": sides[0], "after": sides[1]}
            yield Finding("order-changed", Severity.NOTE, name, details)


def find_stack_changes(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield changes of the tags, the stack policy and the bucket in a parameter file."""
    old, new = before.source.file, after.source.file
    if old is None or new is None:
        return
    if old.tags != new.tags:
        details = {"before": {**old.tags}, "after": {**new.tags}}
        yield Finding("tags-changed", Severity.CHANGE, "Tags", details)
    if old.stack_policy != new.stack_policy:
        yield Finding("stack-policy-changed", Severity.CHANGE, "StackPolicy")
    if old.bucket != new.bucket:
        buckets = {"before": old.bucket, "after": new.bucket}
        yield Finding("bucket-changed", Severity.NOTE, "Bucket", buckets)
