"""Answers of CloudFormation, including those that the emulator never gives."""

import pytest

from change_sets import change, detail
from iot_pipeline_cfn.deploy.cloudformation import (
    ChangeSetState,
    describe_change_set,
    parameter_list,
    validation_findings,
)

ARN = "arn:aws:cloudformation:us-east-1:123456789012:changeSet/c/1"

STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/s/1"


def page(changes, **others):
    return {
        "ChangeSetId": ARN,
        "StackId": STACK,
        "Status": "CREATE_COMPLETE",
        "ExecutionStatus": "AVAILABLE",
        "Changes": changes,
    } | others


@pytest.fixture
def client(stubbed):
    return stubbed.cloudformation


def answer(stubber, response, **request):
    expected = {"ChangeSetName": ARN, "IncludePropertyValues": True} | request
    stubber.add_response("describe_change_set", response, expected)


def test_all_pages_are_read(client, stubber):
    names = [f"R{number}" for number in range(250)]
    answer(stubber, page([change(n) for n in names[:100]], NextToken="1"))
    answer(stubber, page([change(n) for n in names[100:200]], NextToken="2"), NextToken="1")
    answer(stubber, page([change(n) for n in names[200:]]), NextToken="2")
    assert [found.logical_id for found in describe_change_set(client, ARN).changes] == names


def test_change_with_large_values_is_read_without_them(client, stubber):
    """CloudFormation leaves out such changes; the reason of the change set tells so."""
    with_values = change("A", Details=[detail("Engine", "15", "16")])
    answer(stubber, page([with_values], StatusReason="Some changes are not shown"))
    whole = page([change("A", Details=[detail("Engine")]), change("B")])
    answer(stubber, whole, IncludePropertyValues=False)
    first, second = describe_change_set(client, ARN).changes
    assert [(part.path, part.before, part.after) for part in first.properties] == [
        ("Engine", "15", "16")
    ]
    assert second.logical_id == "B"


@pytest.mark.parametrize(
    ("statuses", "reason", "state"),
    [
        (("CREATE_COMPLETE", "AVAILABLE"), "", ChangeSetState.AVAILABLE),
        (("CREATE_COMPLETE", "OBSOLETE"), "", ChangeSetState.OBSOLETE),
        (("CREATE_COMPLETE", "EXECUTE_COMPLETE"), "", ChangeSetState.OBSOLETE),
        (("DELETE_COMPLETE", "UNAVAILABLE"), "", ChangeSetState.OBSOLETE),
        (("FAILED", "UNAVAILABLE"), "No updates are to be performed.", ChangeSetState.EMPTY),
        (
            ("FAILED", "UNAVAILABLE"),
            "The submitted information didn't contain changes. Submit different information.",
            ChangeSetState.EMPTY,
        ),
        (("FAILED", "UNAVAILABLE"), "Early validation failed", ChangeSetState.FAILED),
    ],
)
def test_state_of_a_change_set(client, stubber, statuses, reason, state):
    """A change set with nothing to do has failed for CloudFormation."""
    status, execution_status = statuses
    described = page([], Status=status, ExecutionStatus=execution_status, StatusReason=reason)
    answer(stubber, described)
    found = describe_change_set(client, ARN)
    assert found.state is state
    assert not found.pending


@pytest.mark.parametrize("status", ["CREATE_PENDING", "CREATE_IN_PROGRESS"])
def test_change_set_in_creation_is_pending(client, stubber, status):
    answer(stubber, page([], Status=status, ExecutionStatus="UNAVAILABLE"))
    assert describe_change_set(client, ARN).pending


def test_validation_findings_are_read_from_all_pages(client, stubber):
    """Other events are left out, and what was not validated."""
    finding = {
        "EventType": "VALIDATION_ERROR",
        "ValidationName": "ServiceQuotas",
        "ValidationPath": "/Resources/NatElasticIp1",
        "ValidationStatusReason": "5 of 5 in use",
        "ValidationFailureMode": "WARN",
    }
    skipped = finding | {"ValidationStatus": "SKIPPED"}
    first = {"OperationEvents": [finding, {"EventType": "STACK_EVENT"}, skipped], "NextToken": "1"}
    second = {"OperationEvents": [finding | {"ValidationFailureMode": "FAIL"}]}
    stubber.add_response("describe_events", first, {"ChangeSetName": ARN})
    stubber.add_response("describe_events", second, {"ChangeSetName": ARN, "NextToken": "1"})
    warning, failure = validation_findings(client, ARN)
    assert (warning.path, warning.reason, warning.name, warning.fails) == (
        "/Resources/NatElasticIp1",
        "5 of 5 in use",
        "ServiceQuotas",
        False,
    )
    assert failure.fails


def test_hook_that_refused_a_change_set_is_named_with_its_reason(client, stubber):
    hook = {
        "EventType": "HOOK_INVOCATION_ERROR",
        "LogicalResourceId": "Topic",
        "HookType": "Acme::SNS::Guard",
        "HookStatusReason": "topics are encrypted here",
    }
    events = [hook, hook | {"HookFailureMode": "WARN"}]
    stubber.add_response("describe_events", {"OperationEvents": events}, {"ChangeSetName": ARN})
    refused, warned = validation_findings(client, ARN)
    assert (refused.name, refused.path, refused.reason, refused.fails) == (
        "Acme::SNS::Guard",
        "Topic",
        "topics are encrypted here",
        True,
    )
    assert not warned.fails


def test_parameter_without_a_value_keeps_the_previous_one():
    """An empty string is a value."""
    assert parameter_list({"B": None, "A": ""}) == [
        {"ParameterKey": "A", "ParameterValue": ""},
        {"ParameterKey": "B", "UsePreviousValue": True},
    ]
