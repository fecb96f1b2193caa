"""All checks, by their codes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from . import (
    allocated_address,
    cache_nodes,
    db_instances,
    elastic_ips,
    fargate_vcpu,
    interface_endpoints,
    internet_gateways,
    load_balancers,
    nat_gateways,
    rest_apis,
    vpcs,
    zones,
)
from .checking import Check

CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        allocated_address.CODE: allocated_address.look,
        cache_nodes.QUOTA.check: cache_nodes.look,
        db_instances.QUOTA.check: db_instances.look,
        elastic_ips.QUOTA.check: elastic_ips.look,
        fargate_vcpu.CODE: fargate_vcpu.look,
        interface_endpoints.QUOTA.check: interface_endpoints.look,
        internet_gateways.QUOTA.check: internet_gateways.look,
        load_balancers.QUOTA.check: load_balancers.look,
        nat_gateways.QUOTA.check: nat_gateways.look,
        rest_apis.QUOTA.check: rest_apis.look,
        vpcs.QUOTA.check: vpcs.look,
        zones.CODE: zones.look,
    }
)
