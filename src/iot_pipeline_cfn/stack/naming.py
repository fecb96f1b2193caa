"""Physical names and tags, all of them made from the environment's suffix.

A resource is named only where somebody outside the stack has to find it: a resource with a name of
its own cannot be replaced in an update, because the new one would need the name that the old one
still holds. CloudFormation names the others after the stack, which carries the suffix too.
"""

from troposphere import AWSHelperFn, Parameter, Sub, Tags

PROJECT = "iot-pipeline"

SUFFIX_PATTERN = "[a-z][a-z0-9]*(-[a-z0-9]+)*"
"""What every service takes: ECR no capitals; RDS and ElastiCache, whose resources CloudFormation
names after the stack, no `--` and no `-` at the end."""

SUFFIX_MAX_LENGTH = 32
"""`iot-pipeline-` and 32 characters are 45. Of the names that carry the suffix a delivery source's
is the shortest, 60; what is left is for a noun in it."""

SUFFIX_RULE = (
    f"1 to {SUFFIX_MAX_LENGTH} lowercase letters, digits and single hyphens, "
    "with a letter first and no hyphen last."
)

LOG_GROUP_ARN = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
"""What comes before a log group's name in its ARN, for `Sub`."""


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


def tags(suffix: Parameter, name: str, *, component: str) -> Tags:
    """Return the four tags that every resource which takes tags carries.

    `name` is the noun after the environment's name in the tag `Name`; it need not be unique.
    """
    return Tags(tag_map(suffix, name, component=component))


def tag_map(suffix: Parameter, name: str, *, component: str) -> dict[str, str | AWSHelperFn]:
    """Return the same tags as a map, as API Gateway version 2 takes them."""
    return {
        "Component": component,
        "Environment": suffix.ref(),
        "Name": Sub(f"{PROJECT}-${{{suffix.title}}}-{name}"),
        "Project": PROJECT,
    }
