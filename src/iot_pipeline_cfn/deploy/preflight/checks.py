"""All checks, by their codes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from . import (
    allocated_address,
    api_gateway_account,
    cache_nodes,
    cache_orderable,
    certificate,
    database_orderable,
    db_instances,
    elastic_ips,
    fargate_vcpu,
    image,
    interface_endpoints,
    internet_gateways,
    load_balancers,
    name_taken,
    names,
    nat_gateways,
    permissions,
    rest_apis,
    service_linked_roles,
    vpcs,
    zones,
)
from .checking import Check

CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        allocated_address.CODE: allocated_address.look,
        api_gateway_account.CODE: api_gateway_account.look,
        cache_nodes.QUOTA.check: cache_nodes.look,
        cache_orderable.CODE: cache_orderable.look,
        certificate.CODE: certificate.look,
        database_orderable.CODE: database_orderable.look,
        db_instances.QUOTA.check: db_instances.look,
        elastic_ips.QUOTA.check: elastic_ips.look,
        fargate_vcpu.CODE: fargate_vcpu.look,
        image.CODE: image.look,
        interface_endpoints.QUOTA.check: interface_endpoints.look,
        internet_gateways.QUOTA.check: internet_gateways.look,
        load_balancers.QUOTA.check: load_balancers.look,
        name_taken.CODE: name_taken.look,
        names.CODE: names.look,
        nat_gateways.QUOTA.check: nat_gateways.look,
        permissions.CODE: permissions.look,
        rest_apis.QUOTA.check: rest_apis.look,
        service_linked_roles.CODE: service_linked_roles.look,
        vpcs.QUOTA.check: vpcs.look,
        zones.CODE: zones.look,
    }
)
