"""Names that the template composes, against the rules of the services that they are given to."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from .checking import Finding, Severity, Subject

CODE = "names"


@dataclass(frozen=True)
class Rule:
    """What a name has to be, as a pattern for all of it and in words."""

    pattern: str
    words: str


_PLAIN = Rule(r"[A-Za-z0-9_-]{1,255}", "1 to 255 letters, digits, - and _")
_SHORT = Rule(r"[A-Za-z0-9_-]{1,60}", "1 to 60 letters, digits, - and _")
_ANY = Rule(r".{1,128}", "1 to 128 characters in one line")

RULES: Final[Mapping[tuple[str, str], Rule]] = MappingProxyType(
    {
        ("AWS::ApiGateway::RestApi", "Name"): _ANY,
        ("AWS::ApiGatewayV2::VpcLink", "Name"): _ANY,
        ("AWS::CloudWatch::Alarm", "AlarmName"): Rule(
            r"[ -~]{1,255}", "1 to 255 characters of ASCII"
        ),
        ("AWS::CloudWatch::Dashboard", "DashboardName"): _PLAIN,
        ("AWS::ECR::Repository", "RepositoryName"): Rule(
            r"(?=.{2,256}$)([a-z0-9]+((\.|_|__|-)[a-z0-9]+)*/)*[a-z0-9]+((\.|_|__|-)[a-z0-9]+)*",
            "2 to 256 lowercase letters and digits in groups joined by ., _, __, - or /",
        ),
        ("AWS::ECS::Cluster", "ClusterName"): _PLAIN,
        ("AWS::ECS::TaskDefinition", "Family"): _PLAIN,
        ("AWS::KMS::Alias", "AliasName"): Rule(
            r"alias/(?!aws/)[A-Za-z0-9/_-]{1,250}",
            "alias/ and 1 to 250 letters, digits, /, _ and -, not beginning with aws/",
        ),
        ("AWS::Logs::DeliveryDestination", "Name"): _SHORT,
        ("AWS::Logs::DeliverySource", "Name"): _SHORT,
        ("AWS::Logs::LogGroup", "LogGroupName"): Rule(
            r"(?!aws/)[A-Za-z0-9._/#-]{1,512}",
            "1 to 512 letters, digits, ., _, /, # and -, not beginning with aws/",
        ),
    }
)
"""By resource type and property, from AWS's API references:

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutDeliverySource.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html
"""


def look(subject: Subject) -> Iterator[Finding]:
    """Look whether a service would take each name that something new is given."""
    for (resource_type, name), rule in RULES.items():
        for logical_id, properties in subject.touched(resource_type).items():
            value = properties.get(name)
            if isinstance(value, str) and not re.fullmatch(rule.pattern, value):
                message = f"{logical_id}: {name} {value!r} is not {rule.words}"
                yield Finding(CODE, Severity.ERROR, message, [logical_id])
