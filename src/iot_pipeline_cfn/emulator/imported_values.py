"""Exports that other stacks import, whose values AWS refuses to change, unlike ministack."""

from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import handlers, stacks

from .resource_types import wrap

Outputs = tuple[list[Mapping[str, Any]], dict[str, Mapping[str, Any]]]
"""The outputs and the exports of a stack."""


def patch() -> None:
    """Check the outputs of each update."""
    wrap(stacks, "_resolve_stack_outputs", keep_imported_values)


def keep_imported_values(resolve: Callable[..., Outputs]) -> Callable[..., Outputs]:
    """Fail an update that changes or removes an export that another stack imports.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
    """

    def patched(*arguments: Any) -> Outputs:
        outputs, exports = resolve(*arguments)
        stack_id = arguments[-1]
        for name, export in cloudformation._exports.items():
            is_kept = exports.get(name, {}).get("Value") == export["Value"]
            if export["StackId"] != stack_id or is_kept:
                continue
            if users := _importers(name):
                verb = "updated" if name in exports else "deleted"
                msg = f"Export {name} cannot be {verb} as it is in use by {' and '.join(users)}"
                raise ValueError(msg)
        return outputs, exports

    return patched


def _importers(export: str) -> list[str]:
    return [
        name
        for name, stack in cloudformation._stacks.items()
        if stack["StackStatus"] != "DELETE_COMPLETE"
        and export in handlers._imported_export_names(stack, name)
    ]
