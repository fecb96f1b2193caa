"""The commit of the last deployment, and a time that it records, which no resource uses.

They are not tags, because CloudFormation changes every resource when a tag of the stack changes
(`deploy.lifetime`).
"""

from iot_pipeline_cfn.template.parameters import COMMIT_PARAMETER, RENEWAL_PARAMETER

from .conditions import is_given
from .context import Context


def add_origin(context: Context) -> None:
    """Add the parameters that the deployer sets, each with an output."""
    commit = context.add_optional(
        COMMIT_PARAMETER,
        "[0-9a-f]{40}([0-9a-f]{24})?(-dirty)?",
        constraint="Empty, or a commit.",
        description="The commit of the last deployment. The deployer sets it.",
        label="Commit",
    )
    renewal = context.add_optional(
        RENEWAL_PARAMETER,
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z",
        constraint="Empty, or a time.",
        description="When a deployment renewed the time to live. The deployer sets it.",
        label="Renewal",
    )
    has_commit = context.add_condition("HasCommit", is_given(commit))
    is_renewed = context.add_condition("IsRenewed", is_given(renewal))
    context.add_output(
        "Commit", "Commit of the last deployment.", commit.ref(), condition=has_commit
    )
    context.add_output(
        "RenewedAt", "Renewal of the time to live.", renewal.ref(), condition=is_renewed
    )
