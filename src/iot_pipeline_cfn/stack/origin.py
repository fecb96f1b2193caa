"""The commit and the day of the last deployment, which no resource uses.

They are not tags, because CloudFormation changes every resource when a tag of the stack changes
(`deploy.lifetime`).
"""

from iot_pipeline_cfn.template.parameters import COMMIT_PARAMETER, DAY_PARAMETER

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
    day = context.add_optional(
        DAY_PARAMETER,
        "[0-9]{4}-[0-9]{2}-[0-9]{2}",
        constraint="Empty, or a day.",
        description="The day of the last deployment, if the environment has a time to live. The "
        "deployer sets it.",
        label="Day of the last deployment",
    )
    has_commit = context.add_condition("HasCommit", is_given(commit))
    has_day = context.add_condition("HasDeploymentDay", is_given(day))
    context.add_output(
        "Commit", "Commit of the last deployment.", commit.ref(), condition=has_commit
    )
    context.add_output("DeployedOn", "Day of the last deployment.", day.ref(), condition=has_day)
