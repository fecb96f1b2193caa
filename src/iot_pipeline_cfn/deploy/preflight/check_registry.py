"""The registry of all checks by their codes, which users pass to `--ignore`."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.template.quotas import QUOTAS

from .account import check_api_gateway_account, check_service_linked_roles
from .caller_permissions import check_permissions
from .checking import Check
from .deletion_protection import check_deletion_protection
from .image import check_image
from .interruptions import check_interruption
from .names import check_name_rules, check_names_available
from .orderable import check_cache_orderable, check_database_orderable
from .parameter_values import check_allocated_address, check_certificate
from .placement import check_zones
from .quota_checks import QUOTA_CHECKS, check_quotas

_QUOTA_CODES: Final = {QUOTAS[row.quota].check for row in QUOTA_CHECKS}

CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "allocated-address": check_allocated_address,
        "api-gateway-account": check_api_gateway_account,
        "cache-orderable": check_cache_orderable,
        "certificate": check_certificate,
        "database-orderable": check_database_orderable,
        "deletion-protection": check_deletion_protection,
        "image": check_image,
        "interruption": check_interruption,
        "name-taken": check_names_available,
        "names": check_name_rules,
        "permissions": check_permissions,
        "service-linked-roles": check_service_linked_roles,
        "zones": check_zones,
    }
    | {
        code: partial(
            check_quotas, rows=[row for row in QUOTA_CHECKS if QUOTAS[row.quota].check == code]
        )
        for code in sorted(_QUOTA_CODES)
    }
)
