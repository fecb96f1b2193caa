"""What AWS accepts in a parameter file besides parameters: texts, tags and the stack policy."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from .findings import Finding, Severity

BUCKET: Final = re.compile(
    r"(?!xn--|sthree-)(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?<!-s3alias)"
)
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""
ROLE_ARN: Final = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,512}", re.ASCII)
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
TIME_TO_LIVE: Final = re.compile("none|[1-9][0-9]{0,3}[mhdw]")
NO_TIME: Final = "none"
"""The time to live of an environment that has no end."""
NETWORK: Final = re.compile("shared-network(-[a-z0-9]+)*")
"""The names of the networks that the role of pull requests may use."""
NETWORK_RULE: Final = "shared-network, or a name that begins with shared-network-"

TEXTS: Final[Mapping[str, tuple[re.Pattern[str], str]]] = MappingProxyType(
    {
        "Account": (re.compile("[0-9]{12}"), "the 12 digits of an AWS account"),
        "Bucket": (BUCKET, "the name of an S3 bucket"),
        "Network": (NETWORK, NETWORK_RULE),
        "Region": (re.compile("[a-z]{2,}(-[a-z]+)+-[0-9]+"), "an AWS Region"),
        "RoleARN": (ROLE_ARN, "the ARN of an IAM role"),
        "Template": (re.compile("[a-z0-9-]+"), "the name of a template"),
        "TimeToLive": (TIME_TO_LIVE, "a time such as 12h, 3d or 2w, or none"),
    }
)
"""The sections that are texts: what they must match, and be."""

RESERVED_TAGS: Final = frozenset({"Environment", "Name", "Project"})
"""Tags that the template sets on resources, and the deployer on the stack."""
RESERVED_PREFIXES: Final = ("aws:", "iot-pipeline:")

TAG_KEY: Final = re.compile(r"[\w .:/=+@-]{1,128}")
TAG_VALUE: Final = re.compile(r"[\w .:/=+@-]{1,256}")
"""CloudFormation needs a value and passes the tags on to all resources, of which IAM, RDS, ECS and
load balancers accept only these characters.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Tag.html
https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Tag.html
"""
MAXIMUM_TAGS: Final = 42
"""A resource has 50, of which the stack sets seven, and the template one.
https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
"""

POLICY_BYTES: Final = 16_384
UPDATES: Final = frozenset({"Update:*", "Update:Delete", "Update:Modify", "Update:Replace"})
STATEMENT_KEYS: Final = frozenset(
    {"Action", "Condition", "Effect", "NotAction", "NotResource", "Principal", "Resource", "Sid"}
)


def check_tags(tags: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the tags that the strictest service refuses; IAM compares keys without case.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_rules
    """
    reserved = {key.casefold() for key in RESERVED_TAGS}
    counts = Counter(key.casefold() for key in tags)
    for key, value in sorted(tags.items()):
        if key.casefold() in reserved or key.casefold().startswith(RESERVED_PREFIXES):
            yield Finding("reserved-tag", Severity.ERROR, key)
        elif counts[key.casefold()] > 1:
            yield Finding("duplicate-tag", Severity.ERROR, key)
        elif not (TAG_KEY.fullmatch(key) and TAG_VALUE.fullmatch(value)):
            yield Finding("invalid-tag", Severity.ERROR, key, {"value": value})
    if len(tags) > MAXIMUM_TAGS:
        details = {"count": len(tags), "maximum": MAXIMUM_TAGS}
        yield Finding("too-many-tags", Severity.ERROR, "Tags", details)


def is_stack_policy(policy: object) -> bool:
    """Return whether CloudFormation accepts a stack policy.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
    """
    match policy:
        case {"Statement": [*statements], **others} if statements and not others:
            is_short = len(json.dumps(policy).encode()) <= POLICY_BYTES
            return is_short and all(map(_is_statement, statements))
    return False


def _is_statement(statement: Any) -> bool:
    match statement:
        case {"Effect": "Allow" | "Deny", "Principal": "*"}:
            actions = statement.get("Action", statement.get("NotAction"))
            resources = statement.get("Resource", statement.get("NotResource"))
            return (
                statement.keys() <= STATEMENT_KEYS
                and {*_texts(actions)} <= UPDATES
                and all(each == "*" or "/" in each for each in _texts(resources))
                and bool(_texts(actions) and _texts(resources))
            )
    return False


def _texts(value: object) -> list[str]:
    """Return a text or a list of texts as a list; anything else is empty."""
    values: list[Any] = value if isinstance(value, list) else [value]
    return values if all(isinstance(each, str) for each in values) else []
