"""The stack's log groups, which their writers find in place before they start.

RDS alone makes log groups of its own, named after an instance that has no name beforehand.
"""

from troposphere import Template
from troposphere.logs import LogGroup

from .context import Environment
from .encryption import Encryption
from .naming import environment_name, tags
from .sections import add_output

RETENTION_DAYS = 30


def add_log_group(
    template: Template,
    title: str,
    *,
    service: str,
    ending: str = "",
    component: str,
    environment: Environment,
    encryption: Encryption,
    condition: str | None = None,
) -> LogGroup:
    """Add the log group `/<service>/iot-pipeline-<suffix><ending>` and the output of its name.

    The customer key's policy admits exactly the names of this form, where `ending` is empty or
    begins with a slash.
    """
    log_group = LogGroup(
        title,
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
        KmsKeyId=encryption.key_arn(),
        LogGroupName=environment_name(environment.suffix, prefix=f"/{service}/", ending=ending),
        RetentionInDays=RETENTION_DAYS,
        Tags=tags(environment.suffix, f"{service}-logs", component=component),
    )
    if condition is not None:
        log_group.Condition = condition
    template.add_resource(log_group)
    add_output(
        template,
        f"{title}Name",
        f"Log group of the {component}.",
        log_group.ref(),
        condition=condition,
    )
    return log_group
