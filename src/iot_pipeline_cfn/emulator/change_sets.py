"""What ministack does with change sets unlike AWS."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, engine, handlers, helpers, stacks

from .resource_types import Answer, Properties

Request = Mapping[str, Any]
Action = Callable[[Request], Answer]


def correct() -> None:
    """Replace what makes change sets and what finds them."""
    changesets._resolve_props_for_diff = _included(changesets._resolve_props_for_diff)
    actions = handlers._ACTION_HANDLERS
    actions["CreateChangeSet"] = _heeding_outputs(_of_one_stack(actions["CreateChangeSet"]))
    for name in ("DescribeChangeSet", "ExecuteChangeSet", "ListChangeSets"):
        actions[name] = _by_arn(actions[name])


def _included(resolve: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Let change sets leave out what a condition excludes, as executing them does."""

    def corrected(template: Properties, parameters: Properties, *stack: str) -> dict[str, Any]:
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

    return corrected


def _of_one_stack(create: Action) -> Action:
    """Let a stack under review stay the same one when it gets another change set."""

    def corrected(request: Request) -> Answer:
        stack = _stack(request)
        if stack is None or stack["StackStatus"] != "REVIEW_IN_PROGRESS":
            return create(request)
        name, arn = stack["StackName"], stack["StackId"]
        status, headers, body = create(request)
        other = cloudformation._stacks.get(name, stack)["StackId"]
        cloudformation._stacks[name] = stack
        if other != arn:
            del cloudformation._stack_events[other]
            # Tags of the stack are those of the change set that is executed, also if it has none.
            _change_set(request).update(StackId=arn, _tags_given=True)
        return status, headers, body.replace(other.encode(), arn.encode())

    return corrected


def _heeding_outputs(create: Action) -> Action:
    """Let a change set that changes nothing but outputs be one to execute."""

    def corrected(request: Request) -> Answer:
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

    return corrected


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
        # Executing it tells why.
        return True
    return _by_key(outputs) != _by_key(stack["Outputs"])


def _by_key(outputs: list[Properties]) -> dict[str, Properties]:
    return {output["OutputKey"]: output for output in outputs}


def _by_arn(action: Action) -> Action:
    """Take a stack's ARN where ministack takes its name only."""

    def corrected(request: Request) -> Answer:
        stack = _stack(request)
        return action({**request, "StackName": stack["StackName"]} if stack else request)

    return corrected


def _stack(request: Request) -> dict[str, Any] | None:
    stack: dict[str, Any] | None = handlers._resolve_stack(helpers._p(request, "StackName"))
    return stack


def _change_set(request: Request) -> dict[str, Any]:
    """Return the change set that a request has made."""
    stack = _stack(request) or {}
    change_set: dict[str, Any]
    _, change_set = changesets._find_change_set(
        helpers._p(request, "ChangeSetName"), stack["StackName"]
    )
    return change_set
