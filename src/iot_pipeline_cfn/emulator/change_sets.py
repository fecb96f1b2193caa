"""Change sets of ministack that behave unlike those of AWS."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, engine, handlers, helpers, stacks

from .resource_types import Answer, Properties, wrap

Request = Mapping[str, Any]
Action = Callable[[Request], Answer]


def patch() -> None:
    """Patch the creation and the lookup of change sets."""
    wrap(changesets, "_resolve_props_for_diff", exclude_by_condition)
    actions = handlers._ACTION_HANDLERS
    wrap(actions, "CreateChangeSet", keep_reviewed_stack)
    wrap(actions, "CreateChangeSet", allow_output_only_changes)
    for name in ("DescribeChangeSet", "ExecuteChangeSet", "ListChangeSets"):
        wrap(actions, name, accept_stack_arn)


def exclude_by_condition(resolve: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Leave out resources that a condition excludes; ministack lists them in change sets."""

    def patched(template: Properties, parameters: Properties, *stack: str) -> dict[str, Any]:
        resolved = resolve(template, parameters, *stack)
        if not resolved:
            return resolved
        conditions = engine._evaluate_conditions(template, parameters)
        return {
            "Resources": {
                logical_id: resource
                for logical_id, resource in resolved["Resources"].items()
                if conditions.get(resource.get("Condition"), True)
            }
        }

    return patched


def keep_reviewed_stack(create: Action) -> Action:
    """Keep a stack under review when it gets another change set; ministack makes a new one."""

    def patched(request: Request) -> Answer:
        stack = _stack(request)
        if stack is None or stack["StackStatus"] != "REVIEW_IN_PROGRESS":
            return create(request)
        name, arn = stack["StackName"], stack["StackId"]
        status, headers, body = create(request)
        other = cloudformation._stacks.get(name, stack)["StackId"]
        cloudformation._stacks[name] = stack
        if other != arn:
            del cloudformation._stack_events[other]
            # The stack gets the tags of the change set that is executed, even if it has none.
            _change_set(request).update(StackId=arn, _tags_given=True)
        return status, headers, body.replace(other.encode(), arn.encode())

    return patched


def allow_output_only_changes(create: Action) -> Action:
    """Make a change set of outputs alone executable; to ministack it contains no changes."""

    def patched(request: Request) -> Answer:
        answer = create(request)
        status, _, _ = answer
        if status == HTTPStatus.OK:
            change_set = _change_set(request)
            if (
                change_set["ChangeSetType"] == "UPDATE"
                and "didn't contain changes" in change_set["StatusReason"]
                and _outputs_differ(_stack(request) or {}, change_set)
            ):
                change_set.update(
                    Status="CREATE_COMPLETE", ExecutionStatus="AVAILABLE", StatusReason=""
                )
        return answer

    return patched


def _outputs_differ(stack: Properties, change_set: Properties) -> bool:
    template, parameters = change_set["_template"], change_set["_resolved_params"]
    try:
        outputs, _ = stacks._resolve_stack_outputs(
            template.get("Outputs", {}),
            engine._evaluate_conditions(template, parameters),
            stack["_resources"],
            parameters,
            template.get("Mappings", {}),
            stack["StackName"],
            stack["StackId"],
        )
    except (LookupError, TypeError, ValueError):
        # Executing the change set reports the reason.
        return True
    return _by_key(outputs) != _by_key(stack["Outputs"])


def _by_key(outputs: list[Properties]) -> dict[str, Properties]:
    return {output["OutputKey"]: output for output in outputs}


def accept_stack_arn(action: Action) -> Action:
    """Accept the ARN of a stack; ministack accepts its name only."""

    def patched(request: Request) -> Answer:
        stack = _stack(request)
        return action({**request, "StackName": stack["StackName"]} if stack else request)

    return patched


def _stack(request: Request) -> dict[str, Any] | None:
    stack: dict[str, Any] | None = handlers._resolve_stack(helpers._p(request, "StackName"))
    return stack


def _change_set(request: Request) -> dict[str, Any]:
    """Return the change set that a request has created."""
    stack = _stack(request) or {}
    change_set: dict[str, Any]
    _, change_set = changesets._find_change_set(
        helpers._p(request, "ChangeSetName"), stack["StackName"]
    )
    return change_set
