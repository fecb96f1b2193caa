"""What a deployment must not do to data without being told to."""

from collections.abc import Collection, Sequence

from .changes import Change
from .errors import DeploymentError


def refuse_losses(changes: Sequence[Change], allowed: Collection[str]) -> None:
    """Refuse to remove or replace what holds data in a protected environment.

    `allowed` are the logical ids of resources for which that is wanted.

    Raises:
        DeploymentError: when there is one more; it says which property causes it, what becomes of
            the data, and how to go on all the same.

    """
    lost = [change for change in changes if change.loses_data and change.logical_id not in allowed]
    if lost:
        lines = ["the environment is protected, and this would cost data: nothing was changed"]
        lines += [f"{change.logical_id} {change.loss()}" for change in lost]
        options = " ".join(f"--allow-replacement {change.logical_id}" for change in lost)
        lines.append(f"to go on all the same, add: {options}")
        raise DeploymentError("\n  ".join(lines))
