"""Making checks of changes, and what they are about."""

from types import SimpleNamespace

from checkout import REGION
from iot_pipeline_cfn.deploy.connection import Connection, Target
from iot_pipeline_cfn.deploy.preflight.checking import Subject, run
from iot_pipeline_cfn.deploy.preflight.checks import CHECKS
from iot_pipeline_cfn.template.changes import Action, Replacement, ResourceChange

ZONES = {"AvailabilityZone1": "ap-northeast-1a", "AvailabilityZone2": "ap-northeast-1c"}

TEMPLATE = {
    "Parameters": {
        "CapacityProvider": {"Type": "String", "Default": "FARGATE"},
        "DesiredCount": {"Type": "Number", "Default": 2},
        "NatElasticIpAllocationId": {"Type": "String", "Default": ""},
    },
    "Resources": {
        "NatGateway1": {
            "Type": "AWS::EC2::NatGateway",
            "Properties": {"AllocationId": {"Ref": "NatElasticIpAllocationId"}},
        },
        "ReplicationGroup1": {
            "Type": "AWS::ElastiCache::ReplicationGroup",
            "Properties": {"NumCacheClusters": 1},
        },
        "Service1": {
            "Type": "AWS::ECS::Service",
            "Properties": {
                "CapacityProviderStrategy": [
                    {"CapacityProvider": {"Ref": "CapacityProvider"}, "Weight": 1}
                ],
                "DesiredCount": {"Ref": "DesiredCount"},
                "TaskDefinition": {"Ref": "Task"},
            },
        },
        "Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": "1024"}},
        "VPCEndpoint1": {
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": {"VpcEndpointType": "Interface"},
        },
    },
}
"""What checks look up in a template, called as `changes` calls it."""

CALLS = {
    "allocated-address": ("AWS::EC2::NatGateway", "ec2", "describe_addresses"),
    "cache-nodes": (
        "AWS::ElastiCache::ReplicationGroup",
        "elasticache",
        "describe_cache_clusters",
    ),
    "db-instances": ("AWS::RDS::DBInstance", "rds", "describe_db_instances"),
    "elastic-ips": ("AWS::EC2::EIP", "ec2", "describe_addresses"),
    "fargate-vcpu": ("AWS::ECS::Service", "cloudwatch", "get_metric_statistics"),
    "interface-endpoints": ("AWS::EC2::VPCEndpoint", "ec2", "describe_vpcs"),
    "internet-gateways": ("AWS::EC2::InternetGateway", "ec2", "describe_internet_gateways"),
    "load-balancers": (
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "elbv2",
        "describe_load_balancers",
    ),
    "nat-gateways": ("AWS::EC2::NatGateway", "ec2", "describe_nat_gateways"),
    "rest-apis": ("AWS::ApiGateway::RestApi", "apigateway", "get_rest_apis"),
    "vpcs": ("AWS::EC2::VPC", "ec2", "describe_vpcs"),
    "zones": ("AWS::EC2::Subnet", "ec2", "describe_availability_zones"),
}
"""Of each check the type that it is about, and its first call."""


NOWHERE = Connection(None, REGION, Target.AWS)
"""A connection of which no client can be made."""


def resource_change(action, logical_id, kind, replacement="False", properties=(), **others):
    """Return a change, its action and replacement as CloudFormation spells them."""
    return ResourceChange(
        Action(action), logical_id, kind, Replacement(replacement), tuple(properties), **others
    )


def changes(*types, action="Add", replacement="False", properties=(), name=None):
    """Return changes to resources called as in the template: NatGateway1, NatGateway2, ..."""
    made = []
    for number, kind in enumerate(types, 1):
        called = name or kind.rpartition("::")[2]
        made.append(resource_change(action, f"{called}{number}", kind, replacement, properties))
    return made


def connection_to(aws):
    """Return a connection that has the clients of a test."""
    session = SimpleNamespace(client=lambda service, **_: aws(service))
    return Connection(session, REGION, Target.LOCAL)


def findings(connection, code, *kinds, ignored=(), made=None, template=TEMPLATE, **parameters):
    """Return what one check finds of additions, or of the changes that are given."""
    made = changes(*kinds) if made is None else made
    subject = Subject("dev", connection, template, ZONES | parameters, made)
    return run({code: CHECKS[code]}, subject, ignored)


def address(aws):
    return aws("ec2").allocate_address(Domain="vpc")["AllocationId"]
