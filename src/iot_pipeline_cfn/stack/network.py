"""The VPC: public and private subnets in two zones, their gateways and routes."""

from collections.abc import Sequence
from dataclasses import dataclass

from troposphere import (
    And,
    Condition,
    Equals,
    GetAtt,
    GetAZs,
    If,
    Not,
    Or,
    Parameter,
    Select,
    Template,
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

from .context import Environment
from .naming import tags
from .sections import add_choice, add_condition, add_optional, add_output, is_given

GROUP = "Network"
COMPONENT = "network"

VPC_CIDR = "10.0.0.0/16"
PUBLIC_CIDRS = ("10.0.1.0/24", "10.0.2.0/24")
PRIVATE_CIDRS = ("10.0.3.0/24", "10.0.4.0/24")
ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True)
class Network:
    """The VPC with a public and a private subnet in each of its two zones."""

    vpc: VPC
    internet_gateway_attachment: VPCGatewayAttachment
    public_subnets: Sequence[Subnet]
    private_subnets: Sequence[Subnet]
    private_route_tables: Sequence[RouteTable]


def add_network(template: Template, *, environment: Environment) -> Network:
    """Add the VPC, its four subnets, and their ways to the internet."""
    vpc = template.add_resource(
        VPC(
            "Vpc",
            CidrBlock=VPC_CIDR,
            EnableDnsHostnames=True,
            EnableDnsSupport=True,
            Tags=tags(environment.suffix, "vpc", component=COMPONENT),
        )
    )
    add_output(template, "VpcId", "The VPC.", vpc.ref())
    add_output(template, "VpcCidr", "Range of the VPC's addresses.", VPC_CIDR)
    zones = _add_zones(template)
    public_subnets = [
        _add_subnet(template, environment, f"PublicSubnet{number}", vpc=vpc, cidr=cidr, zone=zone)
        for number, (cidr, zone) in enumerate(zip(PUBLIC_CIDRS, zones, strict=True), 1)
    ]
    private_subnets = [
        _add_subnet(template, environment, f"PrivateSubnet{number}", vpc=vpc, cidr=cidr, zone=zone)
        for number, (cidr, zone) in enumerate(zip(PRIVATE_CIDRS, zones, strict=True), 1)
    ]
    attachment = _add_public_routes(template, environment, vpc, public_subnets)
    private_route_tables = [
        _add_route_table(template, environment, vpc, f"PrivateRouteTable{number}", [subnet])
        for number, subnet in enumerate(private_subnets, 1)
    ]
    _add_nat_gateways(template, environment, attachment, public_subnets, private_route_tables)
    return Network(
        vpc=vpc,
        internet_gateway_attachment=attachment,
        public_subnets=public_subnets,
        private_subnets=private_subnets,
        private_route_tables=private_route_tables,
    )


def _add_zones(template: Template) -> list[If]:
    """Add the two zones as parameters and return what is chosen, or else found."""
    first, second = (
        add_optional(
            template,
            f"AvailabilityZone{number}",
            r"[a-z]{2}(-[a-z]+)+-\d[a-z]",
            constraint="The name of a zone, such as ap-northeast-1a.",
            description="Optional; both or none. Without: one of the region's first two. "
            "Fixed once the environment exists.",
            group=GROUP,
            label=f"Availability zone {number}",
        )
        for number in (1, 2)
    )
    either = Or(is_given(first), is_given(second))
    has_zones = add_condition(template, "HasAvailabilityZones", either)
    different = Not(Equals(first.ref(), second.ref()))
    template.add_rule(
        "AvailabilityZones",
        {
            "RuleCondition": either,
            "Assertions": [
                {
                    "Assert": And(is_given(first), is_given(second), different),
                    "AssertDescription": "AvailabilityZone1 and AvailabilityZone2 are two "
                    "different zones, or both empty.",
                }
            ],
        },
    )
    # Indexes 0 and 1 are zones a and c in Tokyo, where new accounts do not see zone b.
    return [
        If(has_zones, parameter.ref(), Select(index, GetAZs("")))
        for index, parameter in enumerate((first, second))
    ]


def _add_subnet(
    template: Template, environment: Environment, title: str, *, vpc: VPC, cidr: str, zone: If
) -> Subnet:
    subnet = template.add_resource(
        Subnet(
            title,
            AvailabilityZone=zone,
            CidrBlock=cidr,
            # What needs a public address, load balancer and NAT gateway, brings its own.
            MapPublicIpOnLaunch=False,
            Tags=tags(environment.suffix, title, component=COMPONENT),
            VpcId=vpc.ref(),
        )
    )
    kind, number = title[:-1].removesuffix("Subnet"), title[-1]
    description = f"{kind} subnet in availability zone {number}."
    add_output(template, f"{title}Id", description, subnet.ref())
    return subnet


def _add_route_table(
    template: Template,
    environment: Environment,
    vpc: VPC,
    title: str,
    subnets: Sequence[Subnet],
) -> RouteTable:
    route_table = template.add_resource(
        RouteTable(
            title,
            Tags=tags(environment.suffix, title, component=COMPONENT),
            VpcId=vpc.ref(),
        )
    )
    for subnet in subnets:
        template.add_resource(
            SubnetRouteTableAssociation(
                f"{subnet.title}RouteTableAssociation",
                RouteTableId=route_table.ref(),
                SubnetId=subnet.ref(),
            )
        )
    return route_table


def _add_public_routes(
    template: Template, environment: Environment, vpc: VPC, public_subnets: Sequence[Subnet]
) -> VPCGatewayAttachment:
    internet_gateway = template.add_resource(
        InternetGateway(
            "InternetGateway",
            Tags=tags(environment.suffix, "internet-gateway", component=COMPONENT),
        )
    )
    attachment = template.add_resource(
        VPCGatewayAttachment(
            "InternetGatewayAttachment",
            InternetGatewayId=internet_gateway.ref(),
            VpcId=vpc.ref(),
        )
    )
    route_table = _add_route_table(template, environment, vpc, "PublicRouteTable", public_subnets)
    template.add_resource(
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
    template: Template,
    environment: Environment,
    attachment: VPCGatewayAttachment,
    public_subnets: Sequence[Subnet],
    private_route_tables: Sequence[RouteTable],
) -> None:
    """Add the NAT gateways, their addresses, and the private subnets' routes through them."""
    choice = add_choice(
        template,
        "NatGateways",
        ["none", "single", "per-zone"],
        default="single",
        description="Outbound traffic of the private subnets. "
        "None needs no Elastic IP: the endpoints carry all that a task needs to start.",
        group=GROUP,
        label="NAT gateways",
    )
    has_nat_gateway = add_condition(template, "HasNatGateway", Not(Equals(choice.ref(), "none")))
    has_one_per_zone = add_condition(
        template, "HasNatGatewayPerZone", Equals(choice.ref(), "per-zone")
    )
    allocation_id = _add_allocation_id(template, choice)
    allocates_first = add_condition(
        template,
        "AllocatesFirstElasticIp",
        And(Condition(has_nat_gateway), Not(is_given(allocation_id))),
    )
    first_address = _add_elastic_ip(template, environment, 1, condition=allocates_first)
    second_address = _add_elastic_ip(template, environment, 2, condition=has_one_per_zone)
    first = _add_nat_gateway(
        template,
        environment,
        1,
        condition=has_nat_gateway,
        address=If(allocates_first, first_address.get_att("AllocationId"), allocation_id.ref()),
        attachment=attachment,
        subnet=public_subnets[0],
    )
    second = _add_nat_gateway(
        template,
        environment,
        2,
        condition=has_one_per_zone,
        address=second_address.get_att("AllocationId"),
        attachment=attachment,
        subnet=public_subnets[1],
    )
    ways_out = (first.ref(), If(has_one_per_zone, second.ref(), first.ref()))
    for number, (route_table, way_out) in enumerate(
        zip(private_route_tables, ways_out, strict=True), 1
    ):
        template.add_resource(
            Route(
                f"PrivateDefaultRoute{number}",
                Condition=has_nat_gateway,
                DestinationCidrBlock=ANYWHERE,
                NatGatewayId=way_out,
                RouteTableId=route_table.ref(),
            )
        )


def _add_allocation_id(template: Template, nat_gateways: Parameter) -> Parameter:
    """Add the Elastic IP that exists already, and the rule that something must use it."""
    allocation_id = add_optional(
        template,
        "NatElasticIpAllocationId",
        "eipalloc-[0-9a-f]{8,17}",
        constraint="An allocation id, such as eipalloc-0123456789abcdef0.",
        description="Optional: an Elastic IP that exists, for the first NAT gateway.",
        group=GROUP,
        label="Elastic IP of the NAT gateway",
    )
    template.add_rule(
        "NatElasticIp",
        {
            "RuleCondition": is_given(allocation_id),
            "Assertions": [
                {
                    "Assert": Not(Equals(nat_gateways.ref(), "none")),
                    "AssertDescription": "NatElasticIpAllocationId needs a NAT gateway: "
                    "NatGateways is single or per-zone.",
                }
            ],
        },
    )
    return allocation_id


def _add_elastic_ip(
    template: Template, environment: Environment, number: int, *, condition: str
) -> EIP:
    return template.add_resource(
        EIP(
            f"NatElasticIp{number}",
            Condition=condition,
            Domain="vpc",
            Tags=tags(environment.suffix, f"nat-{number}", component=COMPONENT),
        )
    )


def _add_nat_gateway(
    template: Template,
    environment: Environment,
    number: int,
    *,
    condition: str,
    address: If | GetAtt,
    attachment: VPCGatewayAttachment,
    subnet: Subnet,
) -> NatGateway:
    title = f"NatGateway{number}"
    nat_gateway = template.add_resource(
        NatGateway(
            title,
            AllocationId=address,
            Condition=condition,
            # Nothing else makes it wait for the way out, and the internet gateway cannot be
            # detached while the NAT gateway has its address.
            DependsOn=attachment,
            SubnetId=subnet.ref(),
            Tags=tags(environment.suffix, f"nat-{number}", component=COMPONENT),
        )
    )
    description = f"NAT gateway in availability zone {number}."
    add_output(template, f"{title}Id", description, nat_gateway.ref(), condition=condition)
    return nat_gateway
