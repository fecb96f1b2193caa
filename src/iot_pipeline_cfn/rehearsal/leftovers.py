"""The resources in an account of the emulator, as far as its services list them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

LISTINGS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "apigateway": {
            "get_api_keys": "items",
            "get_rest_apis": "items",
            "get_usage_plans": "items",
        },
        "cloudwatch": {"describe_alarms": "MetricAlarms", "list_dashboards": "DashboardEntries"},
        "ec2": {
            "describe_addresses": "Addresses",
            "describe_flow_logs": "FlowLogs",
            "describe_internet_gateways": "InternetGateways",
            "describe_nat_gateways": "NatGateways",
            "describe_route_tables": "RouteTables",
            "describe_security_groups": "SecurityGroups",
            "describe_subnets": "Subnets",
            "describe_vpc_endpoints": "VpcEndpoints",
            "describe_vpcs": "Vpcs",
        },
        "ecr": {"describe_repositories": "repositories"},
        "ecs": {"list_clusters": "clusterArns", "list_task_definitions": "taskDefinitionArns"},
        "elasticache": {
            "describe_cache_subnet_groups": "CacheSubnetGroups",
            "describe_replication_groups": "ReplicationGroups",
        },
        "elbv2": {
            "describe_load_balancers": "LoadBalancers",
            "describe_target_groups": "TargetGroups",
        },
        "events": {"list_rules": "Rules"},
        "iam": {"list_roles": "Roles"},
        "kms": {"list_aliases": "Aliases"},
        "logs": {
            "describe_deliveries": "deliveries",
            "describe_delivery_destinations": "deliveryDestinations",
            "describe_delivery_sources": "deliverySources",
            "describe_log_groups": "logGroups",
        },
        "rds": {
            "describe_db_instances": "DBInstances",
            "describe_db_parameter_groups": "DBParameterGroups",
            "describe_db_subnet_groups": "DBSubnetGroups",
        },
        "secretsmanager": {"list_secrets": "SecretList"},
        "sns": {"list_topics": "Topics"},
        "sqs": {"list_queues": "QueueUrls"},
        "stepfunctions": {"list_state_machines": "stateMachines"},
    }
)
"""The operations of each service that list resources of the template, with their result keys."""


def list_resources(client: Callable[[str], Any]) -> dict[str, list[Any]]:
    """Return the resources in an account by operation, without gateways in the state deleted.

    `client` returns the client of a service. The emulator has one page of each.
    """
    return {
        operation: [
            each
            for each in getattr(client(service), operation)().get(key, [])
            if not (isinstance(each, dict) and each.get("State") == "deleted")
        ]
        for service, operations in LISTINGS.items()
        for operation, key in operations.items()
    }
