"""The VPC: public and private subnets in two zones, their gateways and routes."""

from collections.abc import Sequence
from dataclasses import dataclass

from troposphere import (
    And,
    AWSHelperFn,
    Equals,
    GetAtt,
    GetAZs,
    If,
    Not,
    Or,
    Parameter,
    Ref,
    Select,
)
from troposphere.ec2 import (
    EIP,
    VPC,
    InternetGateway,
    NatGateway,
    Route,
    RouteTable,
    Subnet,
    SubnetRouteTableAssociation,
    VPCGatewayAttachment,
)

from .conditions import Condition, is_empty, is_given
from .context import Context

VPC_CIDR = "10.0.0.0/16"
PUBLIC_CIDRS = ("10.0.1.0/24", "10.0.2.0/24")
PRIVATE_CIDRS = ("10.0.3.0/24", "10.0.4.0/24")
ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True)
class Network:
    """What an environment needs of its network, whichever stack has it."""

    vpc_id: AWSHelperFn
    private_subnet_ids: Sequence[AWSHelperFn]
    private_zones: Sequence[AWSHelperFn]
    """The zones of the private subnets."""
    database_subnet_group: AWSHelperFn
    cache_subnet_group: AWSHelperFn


@dataclass(frozen=True)
class Vpc:
    """The VPC with a public and a private subnet in each of its two zones."""

    vpc: VPC
    internet_gateway_attachment: VPCGatewayAttachment
    public_subnets: Sequence[Subnet]
    private_subnets: Sequence[Subnet]
    private_route_tables: Sequence[RouteTable]
    has_nat_gateway: Condition

    def public_subnet_ids(self) -> list[Ref]:
        """Return references to the public subnets."""
        return [subnet.ref() for subnet in self.public_subnets]

    def private_subnet_ids(self) -> list[Ref]:
        """Return references to the private subnets."""
        return [subnet.ref() for subnet in self.private_subnets]


def add_vpc(context: Context, *, private_cidrs: Sequence[str] = PRIVATE_CIDRS) -> Vpc:
    """Add the VPC, its four subnets, and their routes to the internet."""
    vpc = context.add(
        VPC("Vpc", CidrBlock=VPC_CIDR, EnableDnsHostnames=True, EnableDnsSupport=True)
    )
    context.add_output("VpcId", "The VPC.", vpc.ref())
    context.add_output("VpcCidr", "Range of the VPC's addresses.", VPC_CIDR)
    zones = _add_zones(context)
    public_subnets, private_subnets = (
        [
            _add_subnet(context, kind, number, vpc=vpc, cidr=cidr, zone=zone)
            for number, (cidr, zone) in enumerate(zip(cidrs, zones, strict=True), 1)
        ]
        for kind, cidrs in (("Public", PUBLIC_CIDRS), ("Private", private_cidrs))
    )
    attachment = _add_public_routes(context, vpc, public_subnets)
    private_route_tables = [
        _add_route_table(context, vpc, f"PrivateRouteTable{number}", [subnet])
        for number, subnet in enumerate(private_subnets, 1)
    ]
    has_nat_gateway = _add_nat_gateways(context, attachment, public_subnets, private_route_tables)
    return Vpc(
        vpc=vpc,
        internet_gateway_attachment=attachment,
        public_subnets=public_subnets,
        private_subnets=private_subnets,
        private_route_tables=private_route_tables,
        has_nat_gateway=has_nat_gateway,
    )


def _add_zones(context: Context) -> list[If]:
    """Add the parameters of the two zones; return the zones, by default the region's first two."""
    # The deployer gives these parameters, because `Fn::GetAZs` guarantees no order.
    first, second = (
        context.add_optional(
            f"AvailabilityZone{number}",
            r"[a-z]{2}(-[a-z]+)+-\d[a-z]",
            constraint="The name of a zone, such as ap-northeast-1a.",
            description="Optional: give both zones or neither. The default is the region's first "
            "two. Cannot be changed later.",
            label=f"Availability zone {number}",
        )
        for number in (1, 2)
    )
    # The rule refuses one zone without the other.
    has_zones = context.add_condition("HasAvailabilityZones", is_given(first))
    different = Not(Equals(first.ref(), second.ref()))
    context.add_rule(
        "AvailabilityZones",
        condition=Or(is_given(first), is_given(second)),
        assertion=And(is_given(first), is_given(second), different),
        description="AvailabilityZone1 and AvailabilityZone2 are two different zones, "
        "or both empty.",
    )
    # Indexes 0 and 1 are zones a and c in Tokyo, where new accounts do not see zone b.
    return [
        has_zones.choose(parameter.ref(), Select(index, GetAZs("")))
        for index, parameter in enumerate((first, second))
    ]


def _add_subnet(
    context: Context, kind: str, number: int, *, vpc: VPC, cidr: str, zone: If
) -> Subnet:
    title = f"{kind}Subnet{number}"
    subnet = context.add(
        Subnet(
            title,
            AvailabilityZone=zone,
            CidrBlock=cidr,
            # The load balancer and the NAT gateways bring their own public addresses.
            MapPublicIpOnLaunch=False,
            VpcId=vpc.ref(),
        )
    )
    description = f"{kind} subnet in availability zone {number}."
    context.add_output(f"{title}Id", description, subnet.ref())
    return subnet


def _add_route_table(
    context: Context, vpc: VPC, title: str, subnets: Sequence[Subnet]
) -> RouteTable:
    route_table = context.add(RouteTable(title, VpcId=vpc.ref()))
    for subnet in subnets:
        context.add(
            SubnetRouteTableAssociation(
                f"{subnet.title}RouteTableAssociation",
                RouteTableId=route_table.ref(),
                SubnetId=subnet.ref(),
            )
        )
    return route_table


def _add_public_routes(
    context: Context, vpc: VPC, public_subnets: Sequence[Subnet]
) -> VPCGatewayAttachment:
    internet_gateway = context.add(InternetGateway("InternetGateway"))
    attachment = context.add(
        VPCGatewayAttachment(
            "InternetGatewayAttachment", InternetGatewayId=internet_gateway.ref(), VpcId=vpc.ref()
        )
    )
    route_table = _add_route_table(context, vpc, "PublicRouteTable", public_subnets)
    context.add(
        Route(
            "PublicDefaultRoute",
            # EC2 refuses a route to a gateway that is not attached yet.
            DependsOn=attachment,
            DestinationCidrBlock=ANYWHERE,
            GatewayId=internet_gateway.ref(),
            RouteTableId=route_table.ref(),
        )
    )
    return attachment


def _add_nat_gateways(
    context: Context,
    attachment: VPCGatewayAttachment,
    public_subnets: Sequence[Subnet],
    private_route_tables: Sequence[RouteTable],
) -> Condition:
    """Add the NAT gateways, their Elastic IPs, and the private subnets' routes through them.

    Return the condition that there is a NAT gateway.
    """
    choice = context.add_choice(
        "NatGateways",
        ["none", "single", "per-zone"],
        default="single",
        description="NAT gateways for outbound traffic of the private subnets. None needs no "
        "Elastic IP: tasks start through the VPC endpoints.",
        label="NAT gateways",
    )
    is_any = Not(Equals(choice.ref(), "none"))
    has_nat_gateway = context.add_condition("HasNatGateway", is_any)
    has_one_per_zone = context.add_condition(
        "HasNatGatewayPerZone", Equals(choice.ref(), "per-zone")
    )
    allocation_id = _add_allocation_id(context, is_any)
    allocates_first = context.add_condition(
        "AllocatesFirstElasticIp", And(has_nat_gateway.as_term(), is_empty(allocation_id))
    )
    first_address = _add_elastic_ip(context, 1, condition=allocates_first)
    second_address = _add_elastic_ip(context, 2, condition=has_one_per_zone)
    first = _add_nat_gateway(
        context,
        1,
        condition=has_nat_gateway,
        allocation_id=allocates_first.choose(first_address, allocation_id.ref()),
        attachment=attachment,
        subnet=public_subnets[0],
    )
    second = _add_nat_gateway(
        context,
        2,
        condition=has_one_per_zone,
        allocation_id=second_address,
        attachment=attachment,
        subnet=public_subnets[1],
    )
    nat_gateways = (first.ref(), has_one_per_zone.choose(second.ref(), first.ref()))
    for number, (route_table, nat_gateway) in enumerate(
        zip(private_route_tables, nat_gateways, strict=True), 1
    ):
        context.add(
            Route(
                f"PrivateDefaultRoute{number}",
                Condition=has_nat_gateway,
                DestinationCidrBlock=ANYWHERE,
                NatGatewayId=nat_gateway,
                RouteTableId=route_table.ref(),
            )
        )
    return has_nat_gateway


def _add_allocation_id(context: Context, has_nat_gateway: Not) -> Parameter:
    """Add the parameter of an Elastic IP that exists, and the rule that it needs a NAT gateway."""
    # For an operator whose account has no Elastic IP left, or whose partners allow one address.
    allocation_id = context.add_optional(
        "NatElasticIpAllocationId",
        "eipalloc-[0-9a-f]{8,17}",
        constraint="An allocation ID, such as eipalloc-0123456789abcdef0.",
        description="Optional: existing Elastic IP for the first NAT gateway.",
        label="Elastic IP of the NAT gateway",
    )
    context.add_rule(
        "NatElasticIp",
        condition=is_given(allocation_id),
        assertion=has_nat_gateway,
        description="NatElasticIpAllocationId needs a NAT gateway: "
        "NatGateways is single or per-zone.",
    )
    return allocation_id


def _add_elastic_ip(context: Context, number: int, *, condition: Condition) -> GetAtt:
    """Add an Elastic IP; return its allocation ID."""
    address = context.add(EIP(f"NatElasticIp{number}", Condition=condition, Domain="vpc"))
    return address.get_att("AllocationId")


def _add_nat_gateway(
    context: Context,
    number: int,
    *,
    condition: Condition,
    allocation_id: If | GetAtt,
    attachment: VPCGatewayAttachment,
    subnet: Subnet,
) -> NatGateway:
    title = f"NatGateway{number}"
    nat_gateway = context.add(
        NatGateway(
            title,
            AllocationId=allocation_id,
            Condition=condition,
            # No reference implies this order, and EC2 refuses to detach an internet gateway while
            # a NAT gateway has a public address.
            DependsOn=attachment,
            SubnetId=subnet.ref(),
        )
    )
    description = f"NAT gateway in availability zone {number}."
    context.add_output(f"{title}Id", description, nat_gateway.ref(), condition=condition)
    return nat_gateway
