"""Physical names, which carry the environment's suffix.

A resource has a name of its own only where somebody outside the stack has to find it, because
CloudFormation cannot replace such a resource: the old one still has the name. CloudFormation names
the others after the stack, whose name contains the suffix, too.
"""

from troposphere import Parameter, Sub

from iot_pipeline_cfn.template.parameters import PROJECT

SUFFIX_PATTERN = "[a-z][a-z0-9]*(-[a-z0-9]+)*"
"""The strictest rules of all services: ECR takes no capitals; RDS and ElastiCache, whose resources
CloudFormation names after the stack, take no `--` and no `-` at the end."""

SUFFIX_MAX_LENGTH = 32
"""`iot-pipeline-` and 32 characters are 45. The shortest limit of a name with the suffix is that of
a delivery source, 60 characters."""

SUFFIX_RULE = (
    f"1 to {SUFFIX_MAX_LENGTH} lowercase letters, digits and single hyphens, "
    "with a letter first and no hyphen last."
)


def environment_name(suffix: Parameter, *, prefix: str = "", ending: str = "") -> Sub:
    """Return the name `<prefix>iot-pipeline-<suffix><ending>`.

    An `ending` must begin with a character that a suffix cannot contain, such as `/`: the ending
    `-api` of environment `pr` would be the name of environment `pr-api`.

    Raises:
        ValueError: when the ending could be a part of another environment's suffix.

    """
    if ending and (ending[0].islower() or ending[0].isdigit() or ending[0] == "-"):
        msg = f"the ending {ending!r} could be a part of another environment's suffix"
        raise ValueError(msg)
    return Sub(f"{prefix}{PROJECT}-${{{suffix.title}}}{ending}")
