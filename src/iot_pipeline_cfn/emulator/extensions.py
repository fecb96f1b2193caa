"""Everything that the emulator adds to ministack and patches in it."""

from ministack.services.cloudformation import provisioners

from . import (
    added_ec2_types,
    added_types,
    change_sets,
    drift_readers,
    express_mode,
    image_layers,
    imported_values,
    interleaving,
    network_dependencies,
    patched_ecs_types,
    patched_types,
    policy_simulation,
    requested_events,
    routing,
    stack_events,
    target_health,
    template_checks,
    unavailable,
)
from .resource_types import register

ADDED = added_ec2_types.ADDED | added_types.ADDED
PATCHED = (
    added_types,
    change_sets,
    drift_readers,
    express_mode,
    imported_values,
    image_layers,
    interleaving,
    network_dependencies,
    patched_ecs_types,
    patched_types,
    policy_simulation,
    routing,
    requested_events,
    stack_events,  # It defers events, and so wraps those that are requested.
    target_health,
    template_checks,
    unavailable,
)


def extend() -> None:
    """Add the resource types that ministack lacks, and apply all patches."""
    for name, resource_type in ADDED.items():
        if name not in provisioners._RESOURCE_HANDLERS:
            register(name, resource_type)
    for name, resource_type in added_types.REPLACED.items():
        register(name, resource_type)
    for module in PATCHED:
        module.patch()
