"""The stacks of consumers, and the environments that are proposed for destruction."""

import json
from datetime import UTC, datetime

import pytest

from checkout import REGION
from iot_pipeline_cfn.deploy.preflight import stack_owners
from iot_pipeline_cfn.deploy.preflight.consumers import Consumer
from preflights import added, context_of, remediations, run_check, stubbed
from quota_consumers import ENVIRONMENT_TAG, STACK_TAG, tag_list, tags_of

STACK = "iot-pipeline-pr1"


def described(name=STACK, environment="pr1", durability="ephemeral", **others):
    """Return the answer of DescribeStacks for the stack of an environment."""
    parameters = {"Durability": durability} if durability else {}
    stack = {
        "StackId": "arn",
        "StackName": name,
        "StackStatus": "CREATE_COMPLETE",
        "CreationTime": datetime.now(UTC),
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ],
        "Tags": tag_list({ENVIRONMENT_TAG: environment} if environment else {}),
    }
    return {"Stacks": [stack | others]}


def proposed(answer, tags, *request):
    """Return the environments that are proposed, where DescribeStacks answers this."""
    answers = [] if answer is None else [("describe_stacks", answer, *request)]
    context = context_of(stubbed(cloudformation=answers), [])
    groups = stack_owners.grouped(context, [Consumer("x", tags)])
    return [each.details["environment"] for each in stack_owners.destroyable(context, groups)]


ONLY_ENVIRONMENT = {ENVIRONMENT_TAG: "pr1"}


@pytest.mark.parametrize("tags", [tags_of("pr1"), ONLY_ENVIRONMENT])
def test_unprotected_environment_is_proposed(tags):
    """Caches have no tag of CloudFormation's: their stack follows from the environment."""
    assert proposed(described(), tags, {"StackName": STACK}) == ["pr1"]


@pytest.mark.parametrize("tags", [tags_of("pr1"), ONLY_ENVIRONMENT])
@pytest.mark.parametrize(
    "answer",
    [
        "AccessDenied",
        "Throttling",
        "ValidationError",
        described(durability="protected"),
        described(durability=None),
        described(EnableTerminationProtection=True),
        described(environment=None),
        described(environment="PR-1"),
    ],
    ids=[
        *("denied", "throttled", "gone", "protected", "no-parameter", "termination-protection"),
        *("foreign-stack", "other-environment"),
    ],
)
def test_environment_that_may_be_protected_is_never_proposed(answer, tags):
    assert proposed(answer, tags) == []


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {STACK_TAG: STACK},
        {ENVIRONMENT_TAG: "pr1", STACK_TAG: "other"},
        {ENVIRONMENT_TAG: "no valid name!"},
        tags_of("dev"),
        {ENVIRONMENT_TAG: "DEV"},
    ],
    ids=["no-tags", "no-environment", "foreign-stack", "invalid", "own", "own-by-another-name"],
)
def test_consumer_of_no_other_environment_is_never_proposed(tags):
    """Its stack is not even described."""
    assert proposed(None, tags) == []


def test_protected_environment_is_not_proposed_for_its_addresses(aws, account):
    for name, durability, count in (("prod", "protected", 3), ("pr1", "ephemeral", 2)):
        address = {"Type": "AWS::EC2::EIP", "Properties": {}}
        body = {
            "Parameters": {"Durability": {"Type": "String", "Default": durability}},
            "Resources": {f"Address{number}": address for number in range(count)},
        }
        aws("cloudformation").create_stack(
            StackName=f"iot-pipeline-{name}",
            TemplateBody=json.dumps(body),
            Tags=tag_list({ENVIRONMENT_TAG: name}),
        )
    while not (found := run_check("elastic-ips", account, added("NatElasticIp1"))):
        pass
    (finding,) = found
    used = {each["stack"]: each["amount"] for each in finding.details["consumers"]}
    assert used == {"iot-pipeline-prod": 3, "iot-pipeline-pr1": 2}
    (remedy,) = remediations(finding, "destroy-environment")
    assert remedy["environment"] == "pr1"
    assert remedy["argv"][1:] == ["destroy", "pr1", "--region", REGION]


def test_largest_environments_come_first(monkeypatch):
    """Then other stacks, then resources without a stack; at most three are proposed."""
    monkeypatch.setattr(stack_owners, "_can_be_destroyed", lambda *_: True)
    names = ("pr1", "pr2", "pr2", "pr3", "pr4", "dev")
    users = [Consumer("thing-2"), Consumer("thing-1"), Consumer("x", {STACK_TAG: "other"}, 3)]
    users += [Consumer("x", tags_of(name)) for name in names]
    context = context_of(stubbed(), [])
    groups = stack_owners.grouped(context, users)
    assert [(each["stack"] or each["resource"], each["amount"]) for each in groups] == [
        ("iot-pipeline-pr2", 2),
        ("iot-pipeline-dev", 1),
        ("iot-pipeline-pr1", 1),
        ("iot-pipeline-pr3", 1),
        ("iot-pipeline-pr4", 1),
        ("other", 3),
        ("thing-1", 1),
        ("thing-2", 1),
    ]
    remedies = stack_owners.destroyable(context, groups)
    assert [each.details["environment"] for each in remedies] == ["pr2", "pr1", "pr3"]
