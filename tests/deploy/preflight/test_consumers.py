"""Consumers of quotas: their stacks, and which environments are proposed for destruction."""

import json
from datetime import UTC, datetime

import pytest

from checkout import REGION
from iot_pipeline_cfn.deploy.preflight import consumers, quota_checks
from iot_pipeline_cfn.deploy.preflight.consumers import Consumer, Consumption
from iot_pipeline_cfn.template.quotas import QUOTAS
from preflights import (
    added,
    connection_to,
    context_of,
    destroyed,
    remediations,
    run_check,
    stub,
    stubbed_connection,
)
from quota_consumers import ENVIRONMENT_TAG, MAKERS, NEEDED, STACK_TAG, tag_list, tags_of

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


def proposed(answer, tags, request=None):
    """Return the environments that are proposed, where DescribeStacks answers this."""
    connection = stubbed_connection()
    answers = (
        [] if answer is None else [("describe_stacks", answer, *([request] if request else []))]
    )
    with stub(connection, "cloudformation", *answers) as stubber:
        context = context_of(connection, [])
        groups = consumers.grouped(context, [Consumer("x", tags)])
        found = [each.details["environment"] for each in consumers.destroyable(context, groups)]
        stubber.assert_no_pending_responses()
    return found


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


def test_protected_environment_is_not_proposed_for_its_addresses(aws):
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
    connection = connection_to(aws)
    while not (found := run_check("elastic-ips", connection, added("NatElasticIp1"))):
        pass
    (finding,) = found
    used = {each["stack"]: each["amount"] for each in finding.details["consumers"]}
    assert used == {"iot-pipeline-prod": 3, "iot-pipeline-pr1": 2}
    assert destroyed(finding) == ["pr1"]
    (proposal,) = remediations(finding, "destroy-environment")
    command = ["destroy", "pr1", "--target", "local", "--region", REGION]
    assert proposal["argv"][1:] == command


def test_largest_environments_come_first(monkeypatch):
    """Then other stacks, then resources without a stack; at most three are proposed."""
    monkeypatch.setattr(consumers, "_can_be_destroyed", lambda *_: True)
    names = ("pr1", "pr2", "pr2", "pr3", "pr4", "dev")
    users = [Consumer("thing-2"), Consumer("thing-1"), Consumer("x", {STACK_TAG: "other"}, 3)]
    users += [Consumer("x", tags_of(name)) for name in names]
    context = context_of(stubbed_connection(), [])
    groups = consumers.grouped(context, users)
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
    proposals = consumers.destroyable(context, groups)
    assert [each.details["environment"] for each in proposals] == ["pr2", "pr1", "pr3"]


@pytest.mark.parametrize("code", ["cache-nodes", "db-instances", "load-balancers", "rest-apis"])
def test_consumers_are_grouped_by_stack(aws, code):
    for number in range(5):
        MAKERS[code](aws, tags=tags_of("pr1" if number < 2 else f"pr{number}"))
    (row,) = [row for row in quota_checks.QUOTA_CHECKS if row.quota == code]
    context = context_of(connection_to(aws), [])
    groups = consumers.grouped(context, row.consumption(context.connection, "").tagged())
    assert [(each["stack"], each["environment"], each["amount"]) for each in groups] == [
        ("iot-pipeline-pr1", "pr1", 2),
        ("iot-pipeline-pr2", "pr2", 1),
        ("iot-pipeline-pr3", "pr3", 1),
        ("iot-pipeline-pr4", "pr4", 1),
    ]


@pytest.mark.parametrize(
    ("code", "calls"),
    [("cache-nodes", consumers.TAG_CALLS), ("load-balancers", 2)],
)
def test_tags_are_read_once_the_quota_is_not_enough(aws, monkeypatch, code, calls):
    """A call is about one cache, or about 20 load balancers."""
    called, count = [], 21
    for service in ("elasticache", "elbv2"):
        aws(service).meta.events.register(
            "after-call", lambda model, **_: called.append(model.name)
        )
    for _ in range(count):
        MAKERS[code](aws)
    for default, expected in ((count + 2, 0), (count, calls)):
        quotas = {code: consumers.replace(QUOTAS[code], default=default)}
        monkeypatch.setattr(quota_checks, "QUOTAS", quotas)
        found = run_check(code, connection_to(aws), added(NEEDED[code]))
        assert bool(found) is bool(expected)
        assert sum("Tags" in name for name in called) == expected


def test_consumers_are_listed_without_tags_that_cannot_be_read():
    connection = stubbed_connection()
    arn = f"arn:aws:elasticloadbalancing:{REGION}:123456789012:loadbalancer/app/one/5c"
    balancers = [{"LoadBalancerArn": arn, "Type": "application"}]
    stub(
        connection,
        "elbv2",
        ("describe_load_balancers", {"LoadBalancers": balancers}),
        ("describe_tags", "AccessDenied"),
    )
    assert consumers.load_balancers(connection, "").tagged() == [Consumer("one")]


def test_tags_are_listed_for_available_caches_only():
    """ElastiCache rejects others, and the nodes of a group have the same tags."""
    arn = f"arn:aws:elasticache:{REGION}:123456789012:cluster"
    clusters = [
        {
            "CacheClusterId": f"{group}-00{number}",
            "ReplicationGroupId": group,
            "CacheClusterStatus": status,
            "NumCacheNodes": 1,
            "ARN": f"{arn}:{group}-00{number}",
        }
        for group, number, status in [
            ("new", 1, "creating"),
            ("new", 2, "creating"),
            ("ours", 1, "available"),
            ("ours", 2, "creating"),
            ("ours", 3, "modifying"),
        ]
    ]
    connection = stubbed_connection()
    tags = {"TagList": tag_list(tags_of("pr1"))}
    stub(
        connection,
        "elasticache",
        ("describe_cache_clusters", {"CacheClusters": clusters}),
        ("list_tags_for_resource", tags, {"ResourceName": f"{arn}:ours-001"}),
    )
    assert consumers.cache_nodes(connection, "").tagged() == [
        Consumer("new", {}, 2),
        Consumer("ours", tags_of("pr1"), 3),
    ]


def test_consumption_is_the_sum_of_the_consumers():
    assert Consumption([Consumer("a"), Consumer("b", amount=2.5)]).amount == 3.5
