"""A deployed environment: its outputs, its parameters, and AWS's descriptions of its parts.

The parts of a shared network are described by the outputs and parameters of the network's stack.
"""

import json
from functools import cached_property
from pathlib import Path

from iot_pipeline_cfn.deploy.environments import environment_named
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.template.parameters import NETWORK_PARAMETER, load_template

from .reachability import Destination, Network

TEMPLATE = Path(__file__).parents[2] / "templates/iot-pipeline.json"
ENDPOINTS = {
    "S3Endpoint": "s3",
    "SecretsManagerEndpoint": "secretsmanager",
    "EcrApiEndpoint": "ecr.api",
    "EcrDkrEndpoint": "ecr.dkr",
    "LogsEndpoint": "logs",
}
PUBLIC = ("PublicSubnet1", "PublicSubnet2")
PRIVATE = ("PrivateSubnet1", "PrivateSubnet2")


def find(name, connection):
    """Return the environment of a name, as the deployer finds it.

    Raises:
        DeploymentError: when there is none, or its stack belongs to another one.

    """
    template = load_template(TEMPLATE)

    def stack_of(name):
        return Operations(environment_named(name, template), connection).require_stack()

    stack = stack_of(name)
    network = stack.parameters.get(NETWORK_PARAMETER)
    return Deployed(connection, stack, stack_of(network) if network else stack)


def check(resource, described, wanted):
    """Fail if the description of a resource differs from the wanted values, and name those."""
    wrong = [
        f"{resource}: {name} is {described.get(name)!r} and should be {value!r}"
        for name, value in wanted.items()
        if described.get(name) != value
    ]
    assert not wrong, "\n".join(wrong)


class Outputs(dict[str, str]):
    """The outputs of an environment, by name."""

    def __missing__(self, name):
        """Fail the test that needs a missing output."""
        message = f"the environment has no output {name}: deploy it with the committed template"
        raise AssertionError(message)


class Deployed:
    """An existing environment; each list of AWS is requested once."""

    def __init__(self, connection, stack, network_stack):
        self.connection = connection
        self.stack = stack
        self.network_stack = network_stack
        self.own_outputs = stack.output_values
        of_network = network_stack.output_values
        self.outputs = Outputs(of_network | self.own_outputs)
        # Only the load balancer of an environment's own network has a choice.
        self.parameters = {"Ingress": "private"} | network_stack.parameters | stack.parameters
        self._answers = {}
        self._clients = {}

    @property
    def is_local(self):
        return self.connection.is_local

    @property
    def shares_network(self):
        return self.network_stack is not self.stack

    def has(self, parameter, value):
        """Return whether a parameter of the environment has a value."""
        return self.parameters[parameter] == value

    def list(self, service, operation, key, **request):
        """Return all items that AWS lists under a key."""
        question = json.dumps([service, operation, key, request], sort_keys=True)
        if question not in self._answers:
            client = self._client(service)
            pages = (
                client.get_paginator(operation).paginate(**request)
                if client.can_paginate(operation)
                else [getattr(client, operation)(**request)]
            )
            self._answers[question] = [each for page in pages for each in page[key]]
        return self._answers[question]

    def describe(self, service, operation, key, **request):
        """Return the only item that AWS lists under a key."""
        found = self.list(service, operation, key, **request)
        assert len(found) == 1, f"{operation} finds {len(found)} {key} and not one for {request}"
        return found[0]

    def call(self, service, operation, **request):
        """Return the answer to a call."""
        return getattr(self._client(service), operation)(**request)

    def _client(self, service):
        if service not in self._clients:
            client = self.connection.client(service)
            self._clients[service] = client
        return self._clients[service]

    def fields_of_secret(self, output):
        """Return the names of a secret's fields, without values; `""` stands for plain text."""
        text = self.call("secretsmanager", "get_secret_value", SecretId=self.outputs[output])
        try:
            content = json.loads(text["SecretString"])
        except ValueError:
            return {""} if text["SecretString"] else set()
        return {name for name, value in content.items() if value}

    def ids(self, names):
        """Return the IDs of subnets or endpoints from the outputs."""
        return {self.outputs[f"{name}Id"] for name in names}

    @property
    def in_vpc(self):
        """The filter of a call for everything in the VPC."""
        return [{"Name": "vpc-id", "Values": [self.outputs["VpcId"]]}]

    @cached_property
    def subnets(self):
        found = self.list("ec2", "describe_subnets", "Subnets", Filters=self.in_vpc)
        return {each["SubnetId"]: each for each in found}

    @cached_property
    def network(self):
        """The network of the VPC."""
        vpc = self.describe("ec2", "describe_vpcs", "Vpcs", VpcIds=[self.outputs["VpcId"]])
        tables = self.list("ec2", "describe_route_tables", "RouteTables", Filters=self.in_vpc)
        return Network(
            cidr=vpc["CidrBlock"],
            subnets=self.subnets.values(),
            route_tables=tables,
            security_groups=self.security_groups.values(),
        )

    @cached_property
    def security_groups(self):
        found = self.list("ec2", "describe_security_groups", "SecurityGroups", Filters=self.in_vpc)
        return {each["GroupId"]: each for each in found}

    @cached_property
    def endpoints(self):
        """The VPC endpoints by the names of their outputs."""
        found = self.list(
            "ec2",
            "describe_vpc_endpoints",
            "VpcEndpoints",
            VpcEndpointIds=sorted(self.ids(ENDPOINTS)),
        )
        by_id = {each["VpcEndpointId"]: each for each in found}
        return {name: by_id[self.outputs[f"{name}Id"]] for name in ENDPOINTS}

    @property
    def load_balancer(self):
        return self.describe(
            "elbv2",
            "describe_load_balancers",
            "LoadBalancers",
            LoadBalancerArns=[self.outputs["LoadBalancerArn"]],
        )

    @property
    def targets(self):
        return self.call(
            "elbv2", "describe_target_health", TargetGroupArn=self.outputs["TargetGroupArn"]
        )["TargetHealthDescriptions"]

    @property
    def service(self):
        return self.describe(
            "ecs",
            "describe_services",
            "services",
            cluster=self.outputs["ClusterName"],
            services=[self.outputs["ServiceName"]],
        )

    @cached_property
    def task(self):
        """The task definition."""
        return self.call(
            "ecs", "describe_task_definition", taskDefinition=self.outputs["TaskDefinitionArn"]
        )["taskDefinition"]

    @property
    def containers(self):
        """The definitions of the containers by name."""
        return {each["name"]: each for each in self.task["containerDefinitions"]}

    @property
    def container(self):
        """The definition of the application's container."""
        return self.containers["iot-processor"]

    @property
    def database(self):
        return self.describe(
            "rds",
            "describe_db_instances",
            "DBInstances",
            DBInstanceIdentifier=self.outputs["DatabaseInstanceId"],
        )

    @property
    def cache(self):
        """The replication group."""
        return self.describe(
            "elasticache",
            "describe_replication_groups",
            "ReplicationGroups",
            ReplicationGroupId=self.outputs["CacheReplicationGroupId"],
        )

    @property
    def cache_nodes(self):
        return [
            self.describe(
                "elasticache", "describe_cache_clusters", "CacheClusters", CacheClusterId=name
            )
            for name in self.cache["MemberClusters"]
        ]

    @property
    def cache_subnets(self):
        """The IDs of the subnets of the cache nodes."""
        groups = [
            self.describe(
                "elasticache",
                "describe_cache_subnet_groups",
                "CacheSubnetGroups",
                CacheSubnetGroupName=node["CacheSubnetGroupName"],
            )
            for node in self.cache_nodes
        ]
        return {each["SubnetIdentifier"] for group in groups for each in group["Subnets"]}

    @property
    def database_subnets(self):
        return {each["SubnetIdentifier"] for each in self.database["DBSubnetGroup"]["Subnets"]}

    @cached_property
    def destinations(self):
        """The parts that accept connections, with their actual security groups."""
        load_balancer, awsvpc = self.load_balancer, self.service["networkConfiguration"]
        zones = load_balancer["AvailabilityZones"]
        attached = {
            "the load balancer": (
                load_balancer["SecurityGroups"],
                (zone["SubnetId"] for zone in zones),
                load_balancer["Scheme"] == "internet-facing",
            ),
            "the containers": (
                awsvpc["awsvpcConfiguration"]["securityGroups"],
                awsvpc["awsvpcConfiguration"]["subnets"],
                awsvpc["awsvpcConfiguration"]["assignPublicIp"] == "ENABLED",
            ),
            "the database": (
                (each["VpcSecurityGroupId"] for each in self.database["VpcSecurityGroups"]),
                self.database_subnets,
                self.database["PubliclyAccessible"],
            ),
            "the cache": (
                (
                    group["SecurityGroupId"]
                    for node in self.cache_nodes
                    for group in node["SecurityGroups"]
                ),
                self.cache_subnets,
                False,
            ),
        } | {
            name: (
                (each["GroupId"] for each in endpoint["Groups"]),
                endpoint["SubnetIds"],
                False,
            )
            for name, endpoint in self.endpoints.items()
            if endpoint["VpcEndpointType"] == "Interface"
        }
        return {
            name: Destination(frozenset(groups), frozenset(subnets), public)
            for name, (groups, subnets, public) in attached.items()
        }
