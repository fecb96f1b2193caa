"""Parts of a network that EC2 refuses to delete while something uses them, unlike ministack.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html (DependencyViolation)
"""

from collections.abc import Mapping, Sequence

from ministack.services import ec2

from .resource_types import Patch, before_deletion, patch_handlers, refuse


def patch() -> None:
    """Patch the deletion of security groups and subnets."""
    patch_handlers(PATCHES)


def keep_used_group(reference: str) -> None:
    """Refuse to delete a security group that an interface or a rule of another group names."""
    interfaces = ec2._network_interfaces.values()
    held = {group["GroupId"] for interface in interfaces for group in interface["Groups"]}
    referred = {
        pair.get("GroupId")
        for group in ec2._security_groups.values()
        if group["GroupId"] != reference
        for rule in (*group.get("IpPermissions", []), *group.get("IpPermissionsEgress", []))
        for pair in rule.get("UserIdGroupPairs", [])
    }
    if reference in held | referred:
        refuse(f"resource {reference} has a dependent object")


def keep_used_subnet(reference: str) -> None:
    """Refuse to delete a subnet in which an interface or an endpoint is."""
    used = {interface["SubnetId"] for interface in ec2._network_interfaces.values()}
    used.update(
        subnet
        for endpoint in ec2._vpc_endpoints.values()
        for subnet in endpoint.get("SubnetIds", [])
    )
    if reference in used:
        refuse(f"The subnet '{reference}' has dependencies and cannot be deleted.")


PATCHES: Mapping[str, Sequence[Patch]] = {
    "AWS::EC2::SecurityGroup": [before_deletion(keep_used_group)],
    "AWS::EC2::Subnet": [before_deletion(keep_used_subnet)],
}
