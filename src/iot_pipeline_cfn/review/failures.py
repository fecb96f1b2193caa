"""What CloudFormation tries, and a service then refuses, so that the update is rolled back."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.template.lookup import Resource, of_type, type_of
from iot_pipeline_cfn.template.references import references

from .addresses import is_within, parse_network
from .differences import equal, worded
from .remarks import Remark, Severity, about
from .resources import Action, Change, Replacement, property_of

IMMOVABLE: Final = frozenset(
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


def moved(found: Sequence[Change]) -> Iterator[Remark]:
    """Yield what stays, but would have to move to another VPC with its subnets."""
    elsewhere = {
        change.logical_id
        for change in found
        if change.resource_type == "AWS::EC2::Subnet"
        and any(part.name == "VpcId" for part in change.causes)
    }
    for change in found:
        stays = change.action is Action.MODIFY and change.replacement is Replacement.NO
        if stays and change.resource_type in IMMOVABLE:
            subnets = sorted({part.because_of for part in change.properties} & elsewhere)
            if subnets:
                message = (
                    "fails: its subnets come to be in another VPC, to which it cannot move; give "
                    "it another logical id"
                )
                yield about(Severity.REPLACEMENT, change.logical_id, message)


def outside(before: Mapping[str, Resource], after: Mapping[str, Resource]) -> Iterator[Remark]:
    """Yield subnets whose addresses are not of their VPC any more.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnet.html
    """
    known = {*_outside(before)}
    for name, own, vpc, addresses in sorted({*_outside(after)} - known):
        message = f"fails: its range {own} is not within {addresses}, that of {vpc}"
        yield about(Severity.REPLACEMENT, name, message)


def _outside(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str, str, str]]:
    """Yield each such subnet, its range, its VPC and the range of that."""
    # Those that have more than one range.
    extended = {
        name
        for block in of_type(resources, "AWS::EC2::VPCCidrBlock").values()
        for name in references(block.get("VpcId"))
    }
    ranges = {
        name: worded(vpc.get("CidrBlock"))
        for name, vpc in of_type(resources, "AWS::EC2::VPC").items()
        if name not in extended
    }
    for name, subnet in of_type(resources, "AWS::EC2::Subnet").items():
        own, vpc = worded(subnet.get("CidrBlock")), next(references(subnet.get("VpcId")), "")
        inner, outer = parse_network(own), parse_network(ranges.get(vpc, ""))
        if inner and outer and not is_within(inner, outer):
            yield name, own, vpc, ranges[vpc]


MAJOR: Final = MappingProxyType({"mariadb": 2, "mysql": 2, "postgres": 1})
"""Of how many numbers a major version is, by the engine.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.Upgrading.html
"""

Version = tuple[int, ...]


def upgraded(before: Mapping[str, Resource], after: Mapping[str, Resource]) -> Iterator[Remark]:
    """Yield databases that get a version which RDS does not bring them to.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html
    """
    for name in sorted(before.keys() & after.keys()):
        sides = before[name], after[name]
        if any(type_of(side) != "AWS::RDS::DBInstance" for side in sides):
            continue
        if not equal(*(property_of(side, "Engine") for side in sides)):
            continue
        for problem in (*_versions(*sides), *_family(name, before, after)):
            yield about(Severity.REPLACEMENT, name, f"fails: {problem}")


def _versions(before: Resource, after: Resource) -> Iterator[str]:
    old, new = (_version(property_of(side, "EngineVersion")) for side in (before, after))
    digits = MAJOR.get(worded(property_of(after, "Engine")))
    if not (digits and old and new):
        return
    shorter = min(len(old), len(new))
    if new[:shorter] < old[:shorter]:
        yield "RDS takes no database back to an earlier EngineVersion"
    elif new[:digits] != old[:digits] and not equal(
        property_of(after, "AllowMajorVersionUpgrade"), True
    ):
        yield "another major EngineVersion needs AllowMajorVersionUpgrade"


def _version(value: object) -> Version:
    """Return the numbers of a version, none where it is something else."""
    numbers = worded(value).split(".")
    return tuple(map(int, numbers)) if all(map(str.isdecimal, numbers)) else ()


def _family(
    name: str, before: Mapping[str, Resource], after: Mapping[str, Resource]
) -> Iterator[str]:
    """Yield that the parameter group of a database is for another version, if it was not before."""
    old, new = (_families(name, resources) for resources in (before, after))
    if new and new[0] != new[1] and (not old or old[0] == old[1]):
        yield f"it needs parameters of the family {new[0]}, and its group has those of {new[1]}"


def _families(name: str, resources: Mapping[str, Resource]) -> tuple[str, str] | None:
    """Return the family that a database needs, and that of its parameter group, if known."""
    engine = worded(property_of(resources[name], "Engine"))
    version = _version(property_of(resources[name], "EngineVersion"))
    group = next(references(property_of(resources[name], "DBParameterGroupName")), "")
    if engine not in MAJOR or len(version) < MAJOR[engine] or group not in resources:
        return None
    family = worded(property_of(resources[group], "Family"))
    return engine + ".".join(map(str, version[: MAJOR[engine]])), family
