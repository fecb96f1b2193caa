"""What keeps the network of an environment from being deleted, and how that ends.

CloudFormation does not wait for interfaces that a service releases after the deletion of its
resource: minutes for a load balancer or a VPC link, up to fifteen for a service of Fargate
(https://github.com/hashicorp/terraform-provider-aws/issues/3414). GuardDuty's runtime monitoring
puts an endpoint and a security group into each VPC, which no stack has, and AWS advises to delete
both (https://docs.aws.amazon.com/guardduty/latest/ug/using-iac-with-gdu-automated-agents-runtime-monitoring.html).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum, auto
from types import MappingProxyType
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from .connection import Connection
from .errors import code_of, explained
from .events import Event
from .observer import Operation
from .operations import Operations
from .polling import poll

RELEASE_SECONDS: Final = 1200.0
"""How long to wait for what a service releases by itself."""

GUARDDUTY_ENDPOINT: Final = ".guardduty-data"
GUARDDUTY_GROUP: Final = "GuardDutyManagedSecurityGroup-"
GUARDDUTY_TAG: Final = {"Key": "GuardDutyManaged", "Value": "true"}


class Response(Enum):
    """What is done about an obstacle."""

    WAIT = auto()
    REMOVE = auto()
    EXPLAIN = auto()


RESPONSES: Final[Mapping[str, tuple[Response, str]]] = MappingProxyType(
    {
        "interface-in-use": (Response.WAIT, "delete what uses the interface"),
        "interface-unattached": (Response.REMOVE, "delete the interface, which nothing uses"),
        "guardduty-endpoint": (Response.REMOVE, "delete the endpoint, then GuardDuty's group"),
        "endpoint-deleting": (Response.WAIT, "wait until the endpoint is gone"),
        "guardduty-group": (Response.REMOVE, "delete the group"),
        "referring-group": (Response.EXPLAIN, "revoke the rules that name the group"),
    }
)
"""What is done about each obstacle, and what a user can do if that does not help."""


@dataclass(frozen=True)
class Obstacle:
    """Something outside of the stack that uses one of its resources."""

    code: str
    id: str
    logical_id: str = field(compare=False)
    """The resource of the stack that cannot be deleted."""
    description: str = field(default="", compare=False)

    @property
    def response(self) -> Response:
        """What is done about it."""
        return RESPONSES[self.code][0]


def explain_obstacle(obstacle: Obstacle) -> str:
    """Return the line of an error message about an obstacle that is left."""
    what = f"{obstacle.id} ({obstacle.description})" if obstacle.description else obstacle.id
    return f"{what} holds {obstacle.logical_id}: {RESPONSES[obstacle.code][1]}"


def clear_obstacles(
    operations: Operations, failures: Sequence[Event]
) -> tuple[bool, list[Obstacle]]:
    """Wait for and remove what holds the resources that could not be deleted.

    Returns whether anything has been released, and what is left.
    """
    connection, refused = operations.connection, set[Obstacle]()
    first = left = find_obstacles(connection, failures)
    if not any(map(_ends, left)):
        return False, left
    waiting = ", ".join(f"{each.id} ({each.description})" for each in left if _ends(each))
    operations.notify("waiting-for-release", obstacles=waiting)
    suffix = operations.environment.suffix
    with operations.observer.watch(Operation.RELEASE, suffix, ()):
        try:
            for _ in poll(min(RELEASE_SECONDS, operations.timeout)):
                for obstacle in left:
                    if obstacle.response is Response.REMOVE and obstacle not in refused:
                        refused.update(_remove(operations, obstacle))
                left = find_obstacles(connection, failures)
                if not any(_ends(each) and each not in refused for each in left):
                    break
        except TimeoutError:
            pass
    return bool({*first} - {*left}), left


def _ends(obstacle: Obstacle) -> bool:
    return obstacle.response is not Response.EXPLAIN


def find_obstacles(connection: Connection, failures: Iterable[Event]) -> list[Obstacle]:
    """List everything that holds the resources that were not deleted; skip what cannot be read."""
    found: dict[Obstacle, None] = {}
    for failure in failures:
        for find in FINDERS.get(failure.resource_type, ()):
            try:
                found |= dict.fromkeys(find(connection, failure))
            except (BotoCoreError, ClientError):
                continue
    return list(found)


def _interfaces_of_group(connection: Connection, failure: Event) -> Iterator[Obstacle]:
    for interface in _interfaces(connection, "group-id", failure.physical_id):
        if any(group["GroupId"] == failure.physical_id for group in interface["Groups"]):
            yield _interface(interface, failure)


def _interfaces_of_subnet(connection: Connection, failure: Event) -> Iterator[Obstacle]:
    for interface in _interfaces(connection, "subnet-id", failure.physical_id):
        # An endpoint takes its interfaces with it.
        if (
            interface["SubnetId"] == failure.physical_id
            and interface.get("InterfaceType") != "vpc_endpoint"
        ):
            yield _interface(interface, failure)


def _interfaces(connection: Connection, name: str, value: str) -> Iterator[Mapping[str, Any]]:
    filters: Any = [{"Name": name, "Values": [value]}]
    for page in connection.ec2.get_paginator("describe_network_interfaces").paginate(
        Filters=filters
    ):
        yield from page["NetworkInterfaces"]


def is_unattached(interface: Mapping[str, Any]) -> bool:
    """Return whether nothing uses an interface and no service removes it."""
    return interface["Status"] == "available" and not interface.get("RequesterManaged")


def _interface(interface: Mapping[str, Any], failure: Event) -> Obstacle:
    """Return an interface, which its service removes if the service has made it."""
    code = "interface-unattached" if is_unattached(interface) else "interface-in-use"
    description = interface.get("Description") or "network interface"
    return Obstacle(code, interface["NetworkInterfaceId"], failure.logical_id, description)


def _referring_groups(connection: Connection, failure: Event) -> Iterator[Obstacle]:
    """Yield the groups of others with a rule that names a group."""
    for direction in ("ip-permission", "egress.ip-permission"):
        filters: Any = [{"Name": f"{direction}.group-id", "Values": [failure.physical_id]}]
        for group in connection.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]:
            if group["GroupId"] != failure.physical_id and _names(group, failure.physical_id):
                yield Obstacle(
                    "referring-group", group["GroupId"], failure.logical_id, group["GroupName"]
                )


def _names(group: Mapping[str, Any], other: str) -> bool:
    rules = (*group.get("IpPermissions", []), *group.get("IpPermissionsEgress", []))
    return any(
        pair.get("GroupId") == other for rule in rules for pair in rule.get("UserIdGroupPairs", [])
    )


def _endpoints_of_subnet(connection: Connection, failure: Event) -> Iterator[Obstacle]:
    for subnet in connection.ec2.describe_subnets(SubnetIds=[failure.physical_id])["Subnets"]:
        yield from _endpoints(connection, subnet["VpcId"], failure)


def _endpoints_of_vpc(connection: Connection, failure: Event) -> Iterator[Obstacle]:
    yield from _endpoints(connection, failure.physical_id, failure)


def _endpoints(connection: Connection, vpc: str, failure: Event) -> Iterator[Obstacle]:
    """Yield endpoints that are being deleted, and GuardDuty's, or else its group."""
    filters: Any = [{"Name": "vpc-id", "Values": [vpc]}]
    is_held = False
    for endpoint in connection.ec2.describe_vpc_endpoints(Filters=filters)["VpcEndpoints"]:
        state, service = endpoint["State"].lower(), endpoint["ServiceName"]
        is_guardduty = service.endswith(GUARDDUTY_ENDPOINT) and GUARDDUTY_TAG in endpoint.get(
            "Tags", ()
        )
        if endpoint["VpcId"] == vpc and (state == "deleting" or is_guardduty):
            is_held = True
            code = "endpoint-deleting" if state == "deleting" else "guardduty-endpoint"
            yield Obstacle(code, endpoint["VpcEndpointId"], failure.logical_id, service)
    groups = connection.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    for group in groups if not is_held else ():
        if group["VpcId"] == vpc and group["GroupName"] == f"{GUARDDUTY_GROUP}{vpc}":
            yield Obstacle(
                "guardduty-group", group["GroupId"], failure.logical_id, group["GroupName"]
            )


Finder = Callable[[Connection, Event], Iterator[Obstacle]]

FINDERS: Final[Mapping[str, Sequence[Finder]]] = MappingProxyType(
    {
        "AWS::EC2::SecurityGroup": (_interfaces_of_group, _referring_groups),
        "AWS::EC2::Subnet": (_interfaces_of_subnet, _endpoints_of_subnet),
        "AWS::EC2::VPC": (_endpoints_of_vpc,),
    }
)
"""What can hold a resource of each type."""


def _remove(operations: Operations, obstacle: Obstacle) -> Iterator[Obstacle]:
    """Remove an obstacle; yield it if AWS refuses."""
    ec2, facts = operations.connection.ec2, asdict(obstacle)
    del facts["code"]
    try:
        match obstacle.code:
            case "interface-unattached":
                ec2.delete_network_interface(NetworkInterfaceId=obstacle.id)
            case "guardduty-endpoint":
                ec2.delete_vpc_endpoints(VpcEndpointIds=[obstacle.id])
            case "guardduty-group":
                ec2.delete_security_group(GroupId=obstacle.id)
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and code_of(error) == "DependencyViolation":
            # The interfaces of an endpoint go a moment after it.
            return
        operations.notify("obstacle-not-removed", **facts, reason=str(explained(error)))
        yield obstacle
    else:
        operations.notify("obstacle-removed", **facts)
