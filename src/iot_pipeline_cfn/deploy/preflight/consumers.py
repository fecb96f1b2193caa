"""Consumers of quotas, as the services list them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.deploy.connection import Connection

from .checking import describe, tags_of

TAG_CALLS: Final = 8
"""The maximum of calls for tags where each call is about one consumer."""

BALANCERS_PER_CALL: Final = 20
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html"""

APIS_PER_PAGE: Final = 500
"""https://docs.aws.amazon.com/apigateway/latest/api/API_GetRestApis.html"""

METRIC_AGE: Final = timedelta(minutes=15)
"""Fargate's usage is measured each minute and arrives some minutes later."""

Tags = Mapping[str, Mapping[str, str]]
"""Tags by the names of consumers."""


@dataclass(frozen=True)
class Consumer:
    """A resource that counts against a quota, with its tags."""

    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    amount: float = 1
    is_idle: bool = False


@dataclass(frozen=True)
class Consumption:
    """The consumers of a quota; `read_tags` is called only where the quota is not enough."""

    consumers: Sequence[Consumer]
    read_tags: Callable[[], Tags] | None = None

    @property
    def amount(self) -> float:
        """How much of the quota is used."""
        return sum(consumer.amount for consumer in self.consumers)

    def tagged(self) -> list[Consumer]:
        """Return the consumers with their tags, or without where these cannot be read."""
        if self.read_tags is None:
            return list(self.consumers)
        try:
            tags = self.read_tags()
        except (BotoCoreError, ClientError):
            tags = {}
        return [replace(each, tags=tags.get(each.name, {})) for each in self.consumers]


def consumption_of(resources: Iterable[Mapping[str, Any]], name: str) -> Consumption:
    """Return described resources with their tags as consumers of one each."""
    return Consumption([Consumer(each[name], tags_of(each)) for each in resources])


def vpcs(connection: Connection, _: str) -> Consumption:
    """Return the VPCs of the region."""
    return consumption_of(describe(connection.ec2, "describe_vpcs"), "VpcId")


def internet_gateways(connection: Connection, _: str) -> Consumption:
    """Return the internet gateways of the region."""
    found = describe(connection.ec2, "describe_internet_gateways")
    return consumption_of(found, "InternetGatewayId")


def elastic_ips(connection: Connection, _: str) -> Consumption:
    """Return the Elastic IPs, excluding BYOIP and service-managed addresses."""
    return Consumption(
        [
            Consumer(each["AllocationId"], tags_of(each), is_idle="AssociationId" not in each)
            for each in connection.ec2.describe_addresses()["Addresses"]
            if each.get("PublicIpv4Pool", "amazon") == "amazon" and "ServiceManaged" not in each
        ]
    )


def nat_gateways(connection: Connection, zone: str) -> Consumption:
    """Return the NAT gateways of a zone; they count until they are deleted."""
    counted = [{"Name": "state", "Values": ["pending", "available", "deleting"]}]
    described = describe(connection.ec2, "describe_nat_gateways", Filters=counted)
    # A regional NAT gateway has no subnet and counts in no zone.
    gateways = [gateway for gateway in described if "SubnetId" in gateway]
    if not gateways:
        return Consumption([])
    ids = sorted({gateway["SubnetId"] for gateway in gateways})
    filters = [{"Name": "subnet-id", "Values": ids}]
    subnets = describe(connection.ec2, "describe_subnets", Filters=filters)
    inside = {subnet["SubnetId"] for subnet in subnets if subnet["AvailabilityZone"] == zone}
    return consumption_of((each for each in gateways if each["SubnetId"] in inside), "NatGatewayId")


def interface_endpoints(connection: Connection, vpc: str) -> Consumption:
    """Return the endpoints of a VPC that share the quota of interface endpoints."""
    endpoints = describe(connection.ec2, "describe_vpc_endpoints")
    counted = (
        each
        for each in endpoints
        if each["VpcId"] == vpc and each["VpcEndpointType"] in {"Interface", "GatewayLoadBalancer"}
    )
    return consumption_of(counted, "VpcEndpointId")


def load_balancers(connection: Connection, _: str) -> Consumption:
    """Return the Application Load Balancers of the region."""
    client = connection.elbv2
    arns = [
        balancer["LoadBalancerArn"]
        for balancer in describe(client, "describe_load_balancers")
        if balancer["Type"] == "application"
    ]
    # arn:...:loadbalancer/app/NAME/ID
    names = {arn: arn.split("/")[-2] for arn in arns}

    def read_tags() -> Tags:
        return {
            names[description["ResourceArn"]]: tags_of(description)
            for start in range(0, len(arns), BALANCERS_PER_CALL)
            for description in client.describe_tags(
                ResourceArns=arns[start : start + BALANCERS_PER_CALL]
            )["TagDescriptions"]
        }

    return Consumption([Consumer(name) for name in names.values()], read_tags)


def db_instances(connection: Connection, _: str) -> Consumption:
    """Return the database instances of the region."""
    instances = describe(connection.rds, "describe_db_instances")
    return Consumption(
        [Consumer(each["DBInstanceIdentifier"], tags_of(each, "TagList")) for each in instances]
    )


def db_parameter_groups(connection: Connection, _: str) -> Consumption:
    """Return the parameter groups of the region, without those of AWS."""
    names = (
        each["DBParameterGroupName"]
        for each in describe(connection.rds, "describe_db_parameter_groups")
    )
    return Consumption([Consumer(name) for name in names if not name.startswith("default.")])


def security_groups(connection: Connection, _: str) -> Consumption:
    """Return the security groups of the region."""
    return consumption_of(describe(connection.ec2, "describe_security_groups"), "GroupId")


def usage_plans(connection: Connection, _: str) -> Consumption:
    """Return the usage plans of the region."""
    plans = describe(connection.apigateway, "get_usage_plans", PaginationConfig={"PageSize": 500})
    return Consumption([Consumer(plan["id"], plan.get("tags", {})) for plan in plans])


def iam_roles(connection: Connection, _: str) -> Consumption:
    """Return the roles of the account."""
    return Consumption(
        [Consumer(role["RoleName"]) for role in describe(connection.iam, "list_roles")]
    )


def target_groups(connection: Connection, load_balancer: str) -> Consumption:
    """Return the target groups of a load balancer."""
    groups = describe(connection.elbv2, "describe_target_groups", LoadBalancerArn=load_balancer)
    return Consumption([Consumer(group["TargetGroupName"]) for group in groups])


def cache_nodes(connection: Connection, _: str) -> Consumption:
    """Return the cache nodes of the region by their replication group or cluster."""
    client = connection.elasticache
    nodes: Counter[str] = Counter()
    arns: dict[str, str] = {}
    for cluster in describe(client, "describe_cache_clusters"):
        name = cluster.get("ReplicationGroupId") or cluster["CacheClusterId"]
        nodes[name] += cluster["NumCacheNodes"]
        # Tags can be listed for available clusters only, which have those of their group.
        # https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ListTagsForResource.html
        if cluster["CacheClusterStatus"] == "available":
            arns[name] = cluster["ARN"]

    def read_tags() -> Tags:
        return {
            name: tags_of(client.list_tags_for_resource(ResourceName=arns[name]), "TagList")
            for name, _ in nodes.most_common(TAG_CALLS)
            if name in arns
        }

    return Consumption([Consumer(name, amount=amount) for name, amount in nodes.items()], read_tags)


def rest_apis(connection: Connection, _: str) -> Consumption:
    """Return the regional REST APIs; edge-optimized and private ones have their own quotas."""
    pages = {"PageSize": APIS_PER_PAGE}
    apis = describe(connection.apigateway, "get_rest_apis", PaginationConfig=pages)
    return Consumption(
        [
            Consumer(f"{api['name']} {api['id']}", api.get("tags", {}))
            for api in apis
            if {"EDGE", "PRIVATE"}.isdisjoint(api.get("endpointConfiguration", {}).get("types", []))
        ]
    )


def fargate_vcpus(usage_class: str, connection: Connection, _: str) -> Consumption:
    """Return the vCPUs that ran some minutes ago.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/monitoring-fargate-usage.html
    """
    dimensions = {"Service": "Fargate", "Type": "Resource", "Resource": "vCPU"}
    dimensions["Class"] = usage_class
    now = datetime.now(UTC)
    points = connection.cloudwatch.get_metric_statistics(
        Namespace="AWS/Usage",
        MetricName="ResourceCount",
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - METRIC_AGE,
        EndTime=now,
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    newest = max(points, key=lambda point: point["Timestamp"], default=None)
    used = newest["Maximum"] if newest else 0
    return Consumption([Consumer("running tasks", amount=used)] if used else [])
