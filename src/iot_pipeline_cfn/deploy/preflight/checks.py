"""All checks, by their codes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from . import (
    allocated_address,
    api_gateway_account,
    cache_orderable,
    certificate,
    database_orderable,
    elastic_ips,
    internet_gateways,
    nat_gateways,
    service_linked_roles,
    vpcs,
    zones,
)
from .checking import Check

CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        allocated_address.CODE: allocated_address.look,
        api_gateway_account.CODE: api_gateway_account.look,
        cache_orderable.CODE: cache_orderable.look,
        certificate.CODE: certificate.look,
        database_orderable.CODE: database_orderable.look,
        elastic_ips.QUOTA.check: elastic_ips.look,
        internet_gateways.QUOTA.check: internet_gateways.look,
        nat_gateways.QUOTA.check: nat_gateways.look,
        service_linked_roles.CODE: service_linked_roles.look,
        vpcs.QUOTA.check: vpcs.look,
        zones.CODE: zones.look,
    }
)
