"""What a deployment must not do to data without being told to."""

from collections.abc import Collection, Sequence

from iot_pipeline_cfn.template.changes import Action, Replacement, ResourceChange
from iot_pipeline_cfn.template.stateful import fate

from .changes import loses_data
from .errors import DeploymentError


def refuse_losses(changes: Sequence[ResourceChange], allowed: Collection[str]) -> None:
    """Refuse to remove or replace what holds data in a protected environment.

    `allowed` are the logical ids of resources for which that is wanted.

    Raises:
        DeploymentError: when there is one more; it says which property causes it, what becomes of
            the data, and how to go on all the same.

    """
    lost = [change for change in changes if loses_data(change) and change.logical_id not in allowed]
    if lost:
        lines = ["the environment is protected, and this would cost data: nothing was changed"]
        lines += [f"{change.logical_id} {describe_loss(change)}" for change in lost]
        options = " ".join(f"--allow-replacement {change.logical_id}" for change in lost)
        lines.append(f"to go on all the same, add: {options}")
        raise DeploymentError("\n  ".join(lines))


def describe_loss(change: ResourceChange) -> str:
    """Return in words what becomes of a resource's data, and because of which properties."""
    what = "is removed" if change.action is Action.REMOVE else "is replaced"
    what = "may be replaced" if change.replacement is Replacement.MAYBE else what
    data = fate(change.policy_action.removeprefix("ReplaceAnd"))
    causes = ", ".join(part.path for part in change.replacing_properties)
    return f"{what}, and what it holds {data}" + (f"; because of {causes}" if causes else "")
