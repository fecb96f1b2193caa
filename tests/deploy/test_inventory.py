"""The list of environments, including what the emulator never answers."""

from datetime import UTC, datetime, timedelta

from iot_pipeline_cfn.deploy.inventory import Summary, environment_stacks

CREATED = datetime(2026, 1, 31, tzinfo=UTC)


def stack(name, *tags, **others):
    return {
        "StackId": f"arn:aws:cloudformation:us-east-1:123456789012:stack/{name}/1",
        "StackName": name,
        "CreationTime": CREATED,
        "StackStatus": "CREATE_COMPLETE",
        "Tags": [{"Key": key, "Value": value} for key, value in tags],
    } | others


def test_environments_are_in_the_order_of_their_numbers(stubbed, stubber):
    names = ["iot-pipeline-pr10", "iot-pipeline-prod", "iot-pipeline-pr2", "iot-pipeline-2"]
    stacks = [stack(name, ("iot-pipeline:environment", "any")) for name in names]
    stubber.add_response("describe_stacks", {"Stacks": stacks}, {})
    found = [each.name.removeprefix("iot-pipeline-") for each in environment_stacks(stubbed)]
    assert found == ["2", "pr2", "pr10", "prod"]


def test_environments_are_listed_from_all_pages(stubbed, stubber):
    """Stacks of other tools and deleted stacks are not listed."""
    tag = ("iot-pipeline:environment", "PR-2")
    first = {"Stacks": [stack("iot-pipeline-pr-2", tag), stack("iot-pipeline-other")]}
    gone = stack("iot-pipeline-pr-3", tag, StackStatus="DELETE_COMPLETE")
    protected = stack(
        "iot-pipeline-aa",
        ("iot-pipeline:environment", "aa"),
        ("iot-pipeline:owner", "somebody"),
        EnableTerminationProtection=True,
        LastUpdatedTime=CREATED + timedelta(days=1),
        Parameters=[{"ParameterKey": "ImageTag", "ParameterValue": "v1"}],
    )
    second = {"Stacks": [gone, stack("elsewhere", tag), protected]}
    stubber.add_response("describe_stacks", first | {"NextToken": "1"}, {})
    stubber.add_response("describe_stacks", second, {"NextToken": "1"})
    one, two = map(Summary.of, environment_stacks(stubbed))
    assert (one.name, one.owner, one.image, one.protected) == ("aa", "somebody", "v1", True)
    assert (two.name, two.owner, two.image, two.protected) == ("PR-2", "", "", True)
    assert (one.updated, two.updated) == (CREATED + timedelta(days=1), CREATED)
