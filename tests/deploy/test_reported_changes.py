"""Change sets as DescribeChangeSet returns them, including what the emulator never answers."""

import pytest

from iot_pipeline_cfn.deploy.cloudformation import (
    ChangeSetState,
    describe_change_set,
    parameter_list,
    validation_findings,
)
from iot_pipeline_cfn.deploy.reported_changes import change_data, loses_data, resource_change
from iot_pipeline_cfn.template.changes import Action, Replacement, UpdateBehavior

ARN = "arn:aws:cloudformation:us-east-1:123456789012:changeSet/c/1"
STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/s/1"


def change(logical_id, **others):
    defaults = {"Action": "Modify", "ResourceType": "AWS::RDS::DBInstance"}
    return {
        "Type": "Resource",
        "ResourceChange": defaults | {"LogicalResourceId": logical_id} | others,
    }


def detail(name, before=None, after=None, **target):
    values = {"BeforeValue": before, "AfterValue": after}
    known = {key: value for key, value in values.items() if value is not None}
    return {"Target": {"Attribute": "Properties", "Name": name, **known, **target}}


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


@pytest.mark.parametrize(
    ("action", "known"), [("Import", Action.IMPORT), ("Whatever", Action.UNKNOWN)]
)
def test_action_that_is_not_known_is_no_error(action, known):
    found = resource_change(change("A", Action=action)["ResourceChange"])
    assert (found.action, found.replacement, found.properties) == (known, Replacement.NO, ())


@pytest.mark.parametrize(
    ("recreation", "behavior"),
    [
        ("Never", UpdateBehavior.NO_INTERRUPTION),
        ("Conditionally", UpdateBehavior.MAYBE_REPLACEMENT),
        ("Always", UpdateBehavior.REPLACEMENT),
        ("AnythingNew", UpdateBehavior.MAYBE_REPLACEMENT),
    ],
)
def test_recreation_that_is_not_known_may_replace(recreation, behavior):
    details = [{"Target": {"Name": "Engine", "RequiresRecreation": recreation}}]
    (part,) = resource_change(change("A", Details=details)["ResourceChange"]).properties
    assert part.behavior is behavior


def test_property_occurs_once_with_its_cause_and_values():
    """AWS details it for each cause, and again where it knows the value."""
    details = [
        detail("Engine") | {"CausingEntity": "EngineVersion"},
        detail("Engine", "15", "16", RequiresRecreation="Conditionally"),
        {"Target": {"Attribute": "Tags"}},
        detail("Subnets", "a", None, Path="/Properties/Network/Subnets"),
    ]
    found = resource_change(change("A", Details=details)["ResourceChange"])
    engine, tags, subnets = found.properties
    assert (engine.path, engine.before, engine.after) == ("Engine", "15", "16")
    assert (engine.because_of, engine.behavior) == (
        "EngineVersion",
        UpdateBehavior.MAYBE_REPLACEMENT,
    )
    assert (tags.path, tags.before) == ("Tags", None)
    assert (subnets.path, subnets.before, subnets.after) == ("Network.Subnets", "a", None)


@pytest.mark.parametrize(
    "name", ["MasterUserPassword", "AuthToken", "SecretString", "Deep/ClientSecretValue"]
)
def test_value_of_a_secret_is_not_shown(name):
    details = [detail(name.split("/")[-1], "hunter1", "hunter2", Path=f"/Properties/{name}")]
    found = resource_change(change("A", Details=details)["ResourceChange"])
    assert "hunter" not in str(change_data(found))
    assert (found.properties[0].before, found.properties[0].after) == ("****", "****")


@pytest.mark.parametrize(
    ("resource_type", "others", "loses"),
    [
        ("AWS::RDS::DBInstance", {"Action": "Remove"}, True),
        ("AWS::RDS::DBInstance", {"Replacement": "True"}, True),
        ("AWS::RDS::DBInstance", {"Replacement": "Conditional"}, True),
        ("AWS::RDS::DBInstance", {"Replacement": "AnythingNew"}, True),
        ("AWS::RDS::DBInstance", {"Action": "Dynamic"}, True),
        ("AWS::RDS::DBInstance", {"Action": "AnythingNew"}, True),
        ("AWS::RDS::DBInstance", {"Replacement": "False"}, False),
        ("AWS::RDS::DBInstance", {"Action": "Add"}, False),
        ("AWS::ElastiCache::ReplicationGroup", {"Action": "Remove"}, True),
        ("AWS::Logs::LogGroup", {"Action": "Remove"}, True),
        ("AWS::EC2::Subnet", {"Action": "Remove"}, False),
        ("AWS::ECS::Service", {"Replacement": "True"}, False),
    ],
)
def test_change_that_can_cost_data_is_known(resource_type, others, loses):
    data = change("A", ResourceType=resource_type, **others)["ResourceChange"]
    assert loses_data(resource_change(data)) is loses


def test_validation_findings_are_read_from_all_pages(client, stubber):
    """Other events are skipped."""
    finding = {
        "EventType": "VALIDATION_ERROR",
        "ValidationName": "ServiceQuotas",
        "ValidationPath": "/Resources/NatElasticIp1",
        "ValidationStatusReason": "5 of 5 in use",
        "ValidationFailureMode": "WARN",
    }
    first = {"OperationEvents": [finding, {"EventType": "STACK_EVENT"}], "NextToken": "1"}
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


def test_parameter_without_a_value_keeps_the_previous_one():
    """An empty string is a value."""
    assert parameter_list({"B": None, "A": ""}) == [
        {"ParameterKey": "A", "ParameterValue": ""},
        {"ParameterKey": "B", "UsePreviousValue": True},
    ]
