"""Everything that the emulator has more than ministack."""

from ministack.services.cloudformation import provisioners

from . import (
    change_sets,
    corrections,
    data_plane,
    log_deliveries,
    networking,
    recorded,
    template_checks,
    unavailable,
    web_acls,
)
from . import (
    stack_events as operations,
)
from .resource_types import register

ADDITIONS = (
    log_deliveries.RESOURCE_TYPES
    | networking.RESOURCE_TYPES
    | recorded.RESOURCE_TYPES
    | web_acls.RESOURCE_TYPES
)


def extend() -> None:
    """Add what ministack lacks, and correct what it has."""
    for name, resource_type in ADDITIONS.items():
        if name not in provisioners._RESOURCE_HANDLERS:
            register(name, resource_type)
    for name, resource_type in corrections.RESOURCE_TYPES.items():
        register(name, resource_type)
    for module in (change_sets, corrections, data_plane, operations, template_checks):
        module.correct()
    unavailable.patch()
