"""All checks, by their codes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from . import allocated_address, elastic_ips, image, internet_gateways, nat_gateways, vpcs, zones
from .checking import Check

CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        allocated_address.CODE: allocated_address.look,
        elastic_ips.QUOTA.check: elastic_ips.look,
        image.CODE: image.look,
        internet_gateways.QUOTA.check: internet_gateways.look,
        nat_gateways.QUOTA.check: nat_gateways.look,
        vpcs.QUOTA.check: vpcs.look,
        zones.CODE: zones.look,
    }
)
