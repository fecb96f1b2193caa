"""VPC endpoints: private subnets reach AWS services without the NAT gateway and its price."""

from awacs import s3 as s3_actions
from awacs.aws import Principal
from troposphere import If, Sub, Template
from troposphere.ec2 import VPCEndpoint

from .context import Environment
from .naming import tags
from .network import Network
from .policies import allow, policy_document
from .sections import add_output
from .security_groups import SecurityGroups

COMPONENT = "endpoints"


def add_endpoints(
    template: Template,
    *,
    environment: Environment,
    network: Network,
    security_groups: SecurityGroups,
) -> None:
    """Add the endpoints that a task needs to start, with or without a NAT gateway."""
    gateway = template.add_resource(
        VPCEndpoint(
            "S3Endpoint",
            # Image layers are all that a task fetches from S3.
            PolicyDocument=policy_document(
                allow(
                    [s3_actions.GetObject],
                    [Sub("arn:${AWS::Partition}:s3:::prod-${AWS::Region}-starport-layer-bucket/*")],
                    principal=Principal("*"),
                )
            ),
            RouteTableIds=[table.ref() for table in network.private_route_tables],
            ServiceName=Sub("com.amazonaws.${AWS::Region}.s3"),
            Tags=tags(environment.suffix, "S3Endpoint", component=COMPONENT),
            VpcEndpointType="Gateway",
            VpcId=network.vpc.ref(),
        )
    )
    first, second = (subnet.ref() for subnet in network.private_subnets)
    interfaces = [
        template.add_resource(
            VPCEndpoint(
                title,
                PrivateDnsEnabled=True,
                SecurityGroupIds=[security_groups.endpoints.ref()],
                ServiceName=Sub(f"com.amazonaws.${{AWS::Region}}.{service}"),
                # Each zone has its price by the hour; the other zone's tasks reach this one's.
                SubnetIds=If(environment.is_multi_zone, [first, second], [first]),
                Tags=tags(environment.suffix, title, component=COMPONENT),
                VpcEndpointType="Interface",
                VpcId=network.vpc.ref(),
            )
        )
        for title, service in (
            ("SecretsManagerEndpoint", "secretsmanager"),
            ("EcrApiEndpoint", "ecr.api"),
            ("EcrDkrEndpoint", "ecr.dkr"),
            ("LogsEndpoint", "logs"),
        )
    ]
    for endpoint in (gateway, *interfaces):
        service = str(endpoint.title).removesuffix("Endpoint")
        add_output(template, f"{endpoint.title}Id", f"VPC endpoint: {service}.", endpoint.ref())
