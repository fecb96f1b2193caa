"""Exports that other stacks import, which AWS refuses to change or delete, unlike ministack."""

from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import handlers, helpers, stacks

from .resource_types import Answer, wrap

Outputs = tuple[list[Mapping[str, Any]], dict[str, Mapping[str, Any]]]
"""The outputs and the exports of a stack."""


def patch() -> None:
    """Check the outputs of each update and deletion."""
    wrap(stacks, "_resolve_stack_outputs", keep_imported_values)
    wrap(handlers._ACTION_HANDLERS, "DeleteStack", keep_imported_stack)


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
                raise ValueError(_in_use(name, "updated" if name in exports else "deleted", users))
        return outputs, exports

    return patched


def keep_imported_stack(delete: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    """Begin the deletion of a stack, and put it back to its status if its exports are in use.

    ministack answers DeleteStack with an error instead: https://github.com/aws/aws-sdk/issues/383.
    """

    def patched(request: Any) -> Answer:
        stack = handlers._resolve_stack(helpers._p(request, "StackName")) or {}
        exports = [each["ExportName"] for each in stack.get("Outputs", []) if "ExportName" in each]
        used = next((name for name in exports if _importers(name)), None)
        if used is None or stack.get("EnableTerminationProtection"):
            return delete(request)
        arn, name = stack["StackId"], stack["StackName"]
        reason = _in_use(used, "deleted", _importers(used))
        begin = ("DELETE_IN_PROGRESS", "User Initiated")
        for status, why in (begin, (stack["StackStatus"], reason)):
            stacks._add_event(
                arn, name, name, "AWS::CloudFormation::Stack", status, why, physical_id=arn
            )
        stack["StackStatusReason"] = reason
        answer: Answer = handlers._xml(200, "DeleteStackResponse", "")
        return answer

    return patched


def _in_use(export: str, verb: str, users: list[str]) -> str:
    return f"Export {export} cannot be {verb} as it is in use by {' and '.join(users)}"


def _importers(export: str) -> list[str]:
    return [
        name
        for name, stack in cloudformation._stacks.items()
        if stack["StackStatus"] not in {"DELETE_COMPLETE", "REVIEW_IN_PROGRESS"}
        and export in handlers._imported_export_names(stack, name)
    ]
