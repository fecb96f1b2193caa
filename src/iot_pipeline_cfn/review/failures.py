"""Updates that CloudFormation starts and a service then rejects, so that they are rolled back."""

from collections.abc import Iterator, Mapping
from math import inf
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.template.changes import Action, Replacement
from iot_pipeline_cfn.template.findings import Finding, Findings, Severity
from iot_pipeline_cfn.template.lookup import (
    Resource,
    Resources,
    number,
    of_type,
    properties_of,
    type_of,
)
from iot_pipeline_cfn.template.references import references

from .addresses import is_within, parse_network
from .differences import equal, format_value
from .resolved import ResolvedEnvironment
from .resource_changes import find_changes

BOUND_TO_VPC: Final = frozenset(
    {
        # "The new Subnets are not in the same Vpc as the existing subnet group":
        # https://github.com/hashicorp/terraform-provider-aws/issues/27459
        "AWS::ElastiCache::SubnetGroup",
        "AWS::RDS::DBSubnetGroup",
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetSubnets.html
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
    }
)
"""Types whose subnets can be changed, but only within their VPC."""


def find_vpc_moves(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield resources that are not replaced although their subnets move to another VPC."""
    changes = find_changes(before, after)
    moving = {
        change.logical_id
        for change in changes
        if change.resource_type == "AWS::EC2::Subnet"
        and any(part.path == "VpcId" for part in change.deciding_properties)
    }
    for change in changes:
        stays = change.action is Action.MODIFY and change.replacement is Replacement.NO
        subnets = sorted({part.because_of for part in change.properties} & moving)
        if stays and subnets and change.resource_type in BOUND_TO_VPC:
            yield Finding("bound-to-vpc", Severity.ERROR, change.logical_id, {"subnets": subnets})


def find_subnets_outside_vpc(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield subnets whose range is no longer within that of their VPC.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnet.html
    """
    known = {*_subnets_outside_vpc(before.resources)}
    for name, block, vpc, vpc_block in sorted({*_subnets_outside_vpc(after.resources)} - known):
        details = {"cidr_block": block, "vpc": vpc, "vpc_cidr_block": vpc_block}
        yield Finding("subnet-outside-vpc", Severity.ERROR, name, details)


def _subnets_outside_vpc(resources: Resources) -> Iterator[tuple[str, str, str, str]]:
    """Yield each such subnet, its range, its VPC and the VPC's range."""
    with_more_ranges = {
        name
        for block in of_type(resources, "AWS::EC2::VPCCidrBlock").values()
        for name in references(block.get("VpcId"))
    }
    ranges = {
        name: format_value(vpc.get("CidrBlock"))
        for name, vpc in of_type(resources, "AWS::EC2::VPC").items()
        if name not in with_more_ranges
    }
    for name, subnet in of_type(resources, "AWS::EC2::Subnet").items():
        own, vpc = format_value(subnet.get("CidrBlock")), next(references(subnet.get("VpcId")), "")
        inner, outer = parse_network(own), parse_network(ranges.get(vpc, ""))
        if inner and outer and not is_within(inner, outer):
            yield name, own, vpc, ranges[vpc]


_RDS_API: Final = "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference"
GROWING: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        ("AWS::EC2::Volume", "Size"): (
            "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVolume.html"
        ),
        ("AWS::MSK::Cluster", "BrokerNodeGroupInfo.StorageInfo.EBSStorageInfo.VolumeSize"): (
            "https://docs.aws.amazon.com/msk/latest/developerguide/msk-update-storage.html"
        ),
        ("AWS::RDS::DBCluster", "AllocatedStorage"): f"{_RDS_API}/API_ModifyDBCluster.html",
        ("AWS::RDS::DBInstance", "AllocatedStorage"): f"{_RDS_API}/API_ModifyDBInstance.html",
    }
)
"""Sizes that a service only increases, with its documentation."""

IMMUTABLE: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        ("AWS::Cognito::UserPool", "UsernameConfiguration"): (
            "https://github.com/aws-amplify/amplify-cli/issues/4227"
        ),
        ("AWS::Logs::DeliverySource", "ResourceArn"): (
            "https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2513"
        ),
        ("AWS::RDS::DBInstance", "EngineLifecycleSupport"): (
            "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/extended-support.html"
        ),
    }
)
"""Properties whose updates a service refuses, although their schemas allow them."""


def find_refused_updates(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield resources with an update in place that their service refuses."""
    for change in find_changes(before, after):
        name = change.logical_id
        if change.action is not Action.MODIFY or change.replacement is not Replacement.NO:
            continue
        for part in change.properties:
            growing = GROWING.get((change.resource_type, part.path))
            if growing is not None and number(part.after, inf) < number(part.before):
                details = {"property": part.path, "documentation": growing}
                details |= {"before": part.before, "after": part.after}
                yield Finding("storage-reduced", Severity.ERROR, name, details)
            immutable = IMMUTABLE.get((change.resource_type, part.name))
            if immutable and part.cause_replacement is not Replacement.MAYBE:
                details = {"property": part.name, "documentation": immutable}
                causes = (part.because_of,) if part.because_of else ()
                yield Finding("immutable-property", Severity.ERROR, name, details, causes)


DATABASES: Final = frozenset(
    {
        "AWS::DocDB::DBCluster",
        "AWS::Neptune::DBCluster",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
    }
)

MAJOR_VERSION_LENGTHS: Final = MappingProxyType(
    {
        "aurora-mysql": 2,
        "aurora-postgresql": 1,
        "docdb": 1,
        "mariadb": 2,
        "mysql": 2,
        "neptune": 2,
        "postgres": 1,
    }
)
"""The number of components of a major version, by engine.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.Upgrading.html
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.VersionPolicy.html
https://docs.aws.amazon.com/documentdb/latest/developerguide/docdb-mvu.html
https://docs.aws.amazon.com/neptune/latest/userguide/engine-releases.html
"""

Version = tuple[int, ...]


def find_engine_conflicts(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield databases whose engine version RDS rejects.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html
    """
    for name in sorted(before.resources.keys() & after.resources.keys()):
        old, new = before.resources[name], after.resources[name]
        is_same_type = type_of(old) == type_of(new) and type_of(new) in DATABASES
        if is_same_type and _engine(old) == _engine(new):
            yield from _version_conflicts(name, old, new)
            yield from _family_conflicts(name, before.resources, after.resources)


def _engine(database: Resource) -> str:
    """Return the engine of a database; some types have only one."""
    only = {"AWS::DocDB::DBCluster": "docdb", "AWS::Neptune::DBCluster": "neptune"}
    return only.get(type_of(database)) or format_value(properties_of(database).get("Engine"))


def _version_conflicts(name: str, before: Resource, after: Resource) -> Findings:
    versions = [properties_of(side).get("EngineVersion") for side in (before, after)]
    old, new = map(_version, versions)
    digits = MAJOR_VERSION_LENGTHS.get(_engine(after))
    if not (digits and old and new):
        return
    details = dict(zip(("before", "after"), versions, strict=True))
    shorter = min(len(old), len(new))
    allowed = properties_of(after).get("AllowMajorVersionUpgrade")
    if new[:shorter] < old[:shorter]:
        yield Finding("engine-downgrade", Severity.ERROR, name, details)
    elif new[:digits] != old[:digits] and not equal(allowed, True):
        yield Finding("major-upgrade-not-allowed", Severity.ERROR, name, details)


def _version(value: object) -> Version:
    """Return the components of a version, none if it is something else.

    Aurora's own version follows that of MySQL: `8.0.mysql_aurora.3.05.2`.
    """
    numbers = format_value(value).replace("mysql_aurora.", "").split(".")
    return tuple(map(int, numbers)) if all(map(str.isdecimal, numbers)) else ()


def _family_conflicts(name: str, before: Resources, after: Resources) -> Findings:
    """Yield a parameter group that is for another version, unless it was before."""
    old, new = (_families(name, resources) for resources in (before, after))
    if new and new[0] != new[1] and (not old or old[0] == old[1]):
        details = {"needed": new[0], "family": new[1]}
        yield Finding("parameter-group-family", Severity.ERROR, name, details)


def _families(name: str, resources: Resources) -> tuple[str, str] | None:
    """Return the family that a database needs and that of its parameter group, if known."""
    database = properties_of(resources[name])
    engine = format_value(database.get("Engine"))
    version = _version(database.get("EngineVersion"))
    group = next(references(database.get("DBParameterGroupName")), "")
    length = MAJOR_VERSION_LENGTHS.get(engine)
    if not length or len(version) < length or group not in resources:
        return None
    family = format_value(properties_of(resources[group]).get("Family"))
    return engine + ".".join(map(str, version[:length])), family
