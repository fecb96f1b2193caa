"""What there is in an account of the embedded AWS."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

LISTINGS: Final[Mapping[str, Sequence[tuple[str, str]]]] = MappingProxyType(
    {
        "cloudwatch": [
            ("describe_alarms", "MetricAlarms"),
            ("list_dashboards", "DashboardEntries"),
        ],
        "ec2": [
            ("describe_addresses", "Addresses"),
            ("describe_flow_logs", "FlowLogs"),
            ("describe_internet_gateways", "InternetGateways"),
            ("describe_nat_gateways", "NatGateways"),
            ("describe_route_tables", "RouteTables"),
            ("describe_security_groups", "SecurityGroups"),
            ("describe_subnets", "Subnets"),
            ("describe_vpc_endpoints", "VpcEndpoints"),
            ("describe_vpcs", "Vpcs"),
        ],
        "ecr": [("describe_repositories", "repositories")],
        "ecs": [("list_clusters", "clusterArns"), ("list_task_definitions", "taskDefinitionArns")],
        "elasticache": [
            ("describe_cache_subnet_groups", "CacheSubnetGroups"),
            ("describe_replication_groups", "ReplicationGroups"),
        ],
        "elbv2": [
            ("describe_load_balancers", "LoadBalancers"),
            ("describe_target_groups", "TargetGroups"),
        ],
        "events": [("list_rules", "Rules")],
        "iam": [("list_roles", "Roles")],
        "kms": [("list_aliases", "Aliases")],
        "apigateway": [
            ("get_api_keys", "items"),
            ("get_rest_apis", "items"),
            ("get_usage_plans", "items"),
        ],
        "logs": [
            ("describe_deliveries", "deliveries"),
            ("describe_delivery_destinations", "deliveryDestinations"),
            ("describe_delivery_sources", "deliverySources"),
            ("describe_log_groups", "logGroups"),
        ],
        "rds": [
            ("describe_db_instances", "DBInstances"),
            ("describe_db_parameter_groups", "DBParameterGroups"),
            ("describe_db_subnet_groups", "DBSubnetGroups"),
        ],
        "secretsmanager": [("list_secrets", "SecretList")],
        "sns": [("list_topics", "Topics")],
        "stepfunctions": [("list_state_machines", "stateMachines")],
    }
)
"""What services list of what the template creates."""


def inventory(client: Callable[[str], Any]) -> dict[str, list[Any]]:
    """Return what there is in an account, but for gateways that are remembered as deleted.

    `client` returns the client of a service. Only the first page is asked for, which is all that
    the embedded AWS has.
    """
    return {
        operation: [
            each
            for each in getattr(client(service), operation)()[key]
            if not (isinstance(each, dict) and each.get("State") == "deleted")
        ]
        for service, operations in LISTINGS.items()
        for operation, key in operations
    }
