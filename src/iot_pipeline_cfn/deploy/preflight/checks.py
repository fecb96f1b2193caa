"""All checks, by their codes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from . import (
    allocated_address,
    elastic_ips,
    image,
    internet_gateways,
    name_taken,
    names,
    nat_gateways,
    permissions,
    vpcs,
    zones,
)
from .checking import Check

CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        allocated_address.CODE: allocated_address.look,
        elastic_ips.QUOTA.check: elastic_ips.look,
        image.CODE: image.look,
        internet_gateways.QUOTA.check: internet_gateways.look,
        name_taken.CODE: name_taken.look,
        names.CODE: names.look,
        nat_gateways.QUOTA.check: nat_gateways.look,
        permissions.CODE: permissions.look,
        vpcs.QUOTA.check: vpcs.look,
        zones.CODE: zones.look,
    }
)
