"""VPC endpoints: private subnets reach AWS services without the NAT gateway and its price."""

from awacs import s3 as s3_actions
from awacs.aws import Action, Principal
from troposphere import Sub
from troposphere.ec2 import SecurityGroup, VPCEndpoint

from .context import Context
from .network import Vpc
from .policies import allow, policy_document


def add_endpoints(context: Context, *, vpc: Vpc, group: SecurityGroup) -> None:
    """Add the endpoints that a task needs to start, with or without a NAT gateway."""
    # All traffic to S3 in the Region takes the gateway endpoint, whose route is more specific than
    # that to a NAT gateway (https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html).
    # Without a NAT gateway, a task fetches only image layers. With one, it reaches the whole
    # internet, and to restrict S3 alone would only break an application that uses it.
    image_layers = Sub("arn:${AWS::Partition}:s3:::prod-${AWS::Region}-starport-layer-bucket/*")
    everybody = Principal("*")
    s3 = context.add(
        VPCEndpoint(
            "S3Endpoint",
            PolicyDocument=vpc.has_nat_gateway.choose(
                policy_document(allow([Action("s3", "*")], ["*"], principal=everybody)),
                policy_document(allow([s3_actions.GetObject], [image_layers], principal=everybody)),
            ),
            RouteTableIds=[table.ref() for table in vpc.private_route_tables],
            ServiceName=Sub("com.amazonaws.${AWS::Region}.s3"),
            VpcEndpointType="Gateway",
            VpcId=vpc.vpc.ref(),
        )
    )
    context.add_output("S3EndpointId", "VPC endpoint: S3.", s3.ref())
    subnet_ids = vpc.private_subnet_ids()
    for name, service in (
        ("SecretsManager", "secretsmanager"),
        ("EcrApi", "ecr.api"),
        ("EcrDkr", "ecr.dkr"),
        ("Logs", "logs"),
    ):
        endpoint = context.add(
            VPCEndpoint(
                f"{name}Endpoint",
                PrivateDnsEnabled=True,
                SecurityGroupIds=[group.ref()],
                ServiceName=Sub(f"com.amazonaws.${{AWS::Region}}.{service}"),
                # AWS charges per zone and hour. A task can use the endpoint of the other zone.
                SubnetIds=context.is_multi_zone.choose(subnet_ids, subnet_ids[:1]),
                VpcEndpointType="Interface",
                VpcId=vpc.vpc.ref(),
            )
        )
        context.add_output(f"{name}EndpointId", f"VPC endpoint: {name}.", endpoint.ref())
