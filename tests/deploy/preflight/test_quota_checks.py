"""Quotas: what changes need of each, what counts against it, and its limit."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType

import pytest

from checkout import ENVIRONMENTS, REGION
from deploying import made_up_session, set_logs_role
from iot_pipeline_cfn.deploy.preflight import quota_checks
from iot_pipeline_cfn.deploy.preflight.check_registry import CHECKS
from iot_pipeline_cfn.deploy.preflight.checking import run_checks
from iot_pipeline_cfn.deploy.preflight.quota_checks import QUOTA_CHECKS
from iot_pipeline_cfn.template.changes import PropertyChange
from iot_pipeline_cfn.template.findings import Severity
from iot_pipeline_cfn.template.quotas import QUOTAS
from preflights import (
    NOWHERE,
    TEMPLATE,
    ZONES,
    added,
    change,
    context_of,
    modified,
    parameters_of,
    remediations,
    resource_change,
    run_check,
    stub,
    stubbed,
)
from quota_consumers import MAKERS, NEEDED, load_balancer, own_vpc, rest_api, vpc, vpc_endpoint
from resolution import resolve

ONE_EACH = {"Availability": "single-zone"}
"""The parameters with which the template's cache has one node."""

pytestmark = pytest.mark.usefixtures("defaults_of_five")


@pytest.fixture
def defaults_of_five(monkeypatch):
    """Every default is 5, as those of VPCs are: creating 600 APIs takes a while."""
    quotas = {name: replace(quota, default=5) for name, quota in QUOTAS.items()}
    monkeypatch.setattr(quota_checks, "QUOTAS", MappingProxyType(quotas))


def quota_of(connection, answer):
    """Let Service Quotas answer with a value, or with an error code."""
    connection.clients["service-quotas"] = made_up_session(REGION).client("service-quotas")
    answer = answer if isinstance(answer, str) else {"Quota": {"Value": answer}}
    stub(connection, "service_quotas", ("get_service_quota", answer))


def test_every_quota_has_a_row():
    assert {row.quota for row in QUOTA_CHECKS} == QUOTAS.keys()


@pytest.mark.parametrize("code", MAKERS)
def test_quota_is_compared_with_its_consumption(account, aws, code):
    changes, make = added(NEEDED[code]), MAKERS[code]
    check = partial(run_check, code, account, changes, **ONE_EACH)
    if code == "interface-endpoints":
        own_vpc(aws)
    names = []
    while not (found := check()):
        names.append(make(aws))
    (finding,) = found
    facts = finding.details
    assert (finding.code, finding.severity, finding.subject) == (code, Severity.ERROR, code)
    assert facts["logical_ids"] == [NEEDED[code]]
    assert (facts["needed"], facts["used"], facts["limit"]) == (1, 5, 5)
    assert facts["limit_source"] == "default"
    assert names
    assert {*names} <= {each["resource"].split()[-1] for each in facts["consumers"]}
    raised = remediations(finding, "raise-quota")
    quota = {"service": facts["service"], "quota_code": facts["quota_code"]}
    assert raised == ([] if code == "rest-apis" else [quota])
    (ignored,) = check(ignored=[code])
    assert ignored.severity is Severity.WARNING

    # More in use than the default shows that the account has another quota.
    make(aws)
    (finding,) = check()
    assert (finding.severity, finding.details["used"]) == (Severity.WARNING, 6)


@pytest.mark.parametrize("code", MAKERS)
@pytest.mark.parametrize(
    ("answer", "source", "severity"),
    [
        (6.0, None, None),
        (5.0, "account", Severity.ERROR),
        ("NoSuchResourceException", "default", Severity.ERROR),
        ("AccessDeniedException", "assumed", Severity.WARNING),
        ("TooManyRequestsException", "assumed", Severity.WARNING),
        ("ServiceException", "assumed", Severity.WARNING),
    ],
)
def test_quota_of_the_account_precedes_the_default(monkeypatch, code, answer, source, severity):
    five = quota_checks.Consumption([quota_checks.consumers.Consumer("x", amount=5)])
    rows = [replace(row, consumption=lambda *_: five) for row in QUOTA_CHECKS if row.quota == code]
    connection = stubbed()
    quota_of(connection, answer)
    if code == "interface-endpoints":
        stub(connection, "ec2", ("describe_vpcs", {"Vpcs": [{"VpcId": "vpc-1"}]}))
    check = partial(quota_checks.check_quotas, rows=rows)
    found = run_checks({code: check}, context_of(connection, added(NEEDED[code]), **ONE_EACH))
    assert [(each.severity, each.details["limit_source"]) for each in found] == (
        [(severity, source)] if source else []
    )


@pytest.mark.parametrize("code", ["cache-nodes", "db-instances", "load-balancers", "vpcs"])
def test_quota_on_moto(moto, code):
    """Moto has quotas of VPCs, and a VPC in each account."""
    while not (found := run_check(code, moto, added(NEEDED[code]), **ONE_EACH)):
        MAKERS[code](partial(getattr, moto))
    assert (found[0].details["used"], found[0].details["limit"]) == (5, 5)
    assert found[0].details["limit_source"] == ("account" if code == "vpcs" else "default")


def test_only_what_a_quota_limits_counts(account, aws):
    own_vpc(aws)
    for _ in range(6):
        load_balancer(aws, kind="network")
        vpc_endpoint(aws, kind="Gateway")
        vpc_endpoint(aws, network=vpc(aws))
    for kind in ("EDGE", "PRIVATE") * 3:
        rest_api(aws, kind)
    for code in ("interface-endpoints", "load-balancers", "rest-apis"):
        assert run_check(code, account, added(NEEDED[code])) == []


@pytest.mark.parametrize("logical_ids", [["LogsEndpoint", "Vpc"], ["S3Endpoint"]])
def test_endpoints_of_a_new_vpc_and_of_a_gateway_need_no_quota(logical_ids):
    assert run_check("interface-endpoints", NOWHERE, added(*logical_ids)) == []


def test_idle_address_can_replace_the_first_new_one(account, aws):
    idle = [MAKERS["elastic-ips"](aws) for _ in range(5)]

    def found(*logical_ids):
        (finding,) = run_check("elastic-ips", account, added(*logical_ids))
        assert all(each["idle"] for each in finding.details["consumers"])
        return parameters_of(finding)

    both = {"NatGateways": "none", "NatElasticIpAllocationId": idle[0]}
    assert found("NatElasticIp1") == found("NatElasticIp1", "NatElasticIp2") == both
    assert found("NatElasticIp2") == {"NatGateways": "none"}


def test_nat_gateways_count_by_zone(account, aws):
    for _ in range(5):
        MAKERS["nat-gateways"](aws)
    changes = added("NatGateway1", "NatGateway2")
    (finding,) = run_check("nat-gateways", account, changes, NatGateways="per-zone")
    assert finding.details["scope"] == ZONES["AvailabilityZone1"]
    assert finding.details["logical_ids"] == ["NatGateway1"]
    assert parameters_of(finding) == {"NatGateways": "none"}


def test_regional_nat_gateway_counts_in_no_zone():
    gateways = {"NatGateways": [{"NatGatewayId": "nat-1"}] * 6}
    connection = stubbed(ec2=[("describe_nat_gateways", gateways)])
    assert run_check("nat-gateways", connection, added("NatGateway1")) == []


def cache(**properties):
    return TEMPLATE | {
        "Resources": {
            "Cache": {"Type": "AWS::ElastiCache::ReplicationGroup", "Properties": properties}
        }
    }


@pytest.mark.parametrize(
    ("properties", "before", "needed"),
    [
        ({"NumCacheClusters": 3}, None, 3),
        ({"NumCacheClusters": 3}, {"NumCacheClusters": "1"}, 2),
        ({"NumCacheClusters": 3}, {"NumCacheClusters": "5"}, 0),
        ({"NumCacheClusters": 3}, {"NumCacheClusters": None}, 0),
        ({"NumCacheClusters": 3}, {"Port": "6379"}, 0),
        (
            {"NumNodeGroups": 3, "ReplicasPerNodeGroup": 2},
            {"NumNodeGroups": "2", "ReplicasPerNodeGroup": "1"},
            5,
        ),
    ],
)
def test_added_cache_nodes(properties, before, needed):
    """All nodes of a new group are needed, and of an existing one those that it gains."""
    changes = added("Cache")
    if before is not None:
        parts = [PropertyChange(name, before=value) for name, value in before.items()]
        changes = [modified("Cache", *parts)]
    context = context_of(NOWHERE, changes, template=cache(**properties))
    assert [each.amount for each in quota_checks.cache_nodes(context)] == [needed] * bool(needed)


def run_tasks(aws, vcpus, usage_class="Standard/OnDemand", ago=60):
    """Let CloudWatch have a measurement of Fargate's usage."""
    dimensions = {
        "Service": "Fargate",
        "Type": "Resource",
        "Resource": "vCPU",
        "Class": usage_class,
    }
    metric = {
        "MetricName": "ResourceCount",
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        "Timestamp": datetime.now(UTC) - timedelta(seconds=ago),
        "Value": vcpus,
    }
    aws("cloudwatch").put_metric_data(Namespace="AWS/Usage", MetricData=[metric])


TASKS = {"ImageTag": "v1", "DesiredCount": "2", "TaskSize": "1024/2048"}


@pytest.mark.parametrize(
    ("provider", "subject", "usage_class"),
    [
        ("FARGATE", "fargate-vcpu", "Standard/OnDemand"),
        ("FARGATE_SPOT", "fargate-spot-vcpu", "Standard/Spot"),
    ],
)
def test_fargate_has_a_quota_per_capacity_provider(account, aws, provider, subject, usage_class):
    """The newest measurement counts."""
    for other in ("Standard/OnDemand", "Standard/Spot"):
        run_tasks(aws, 3.5 if other == usage_class else 40, other, ago=300)
    given = TASKS | {"CapacityProvider": provider}
    quota_of(account, 6.0)
    assert run_check("fargate-vcpu", account, added("Service"), **given) == []
    run_tasks(aws, 4.5, usage_class)
    quota_of(account, 6.0)
    (finding,) = run_check("fargate-vcpu", account, added("Service"), **given)
    facts = finding.details
    assert (finding.severity, finding.subject) == (Severity.ERROR, subject)
    assert (facts["needed"], facts["used"], facts["limit"]) == (2, 4.5, 6)
    assert (facts["tasks"], facts["vcpu_per_task"]) == (2, 1)
    assert facts["quota_code"] == QUOTAS[subject].code
    assert [each.action for each in finding.remediations] == ["start-fewer-tasks", "raise-quota"]


@pytest.mark.parametrize("answer", ["NoSuchResourceException", "AccessDeniedException"])
def test_fargate_account_quota_can_be_below_default(account, answer):
    """A new account can have less than the default, so exceeding it is only a warning."""
    quota_of(account, 1.0)
    (finding,) = run_check("fargate-vcpu", account, added("Service"), **TASKS)
    assert (finding.severity, finding.details["limit"]) == (Severity.ERROR, 1)
    quota_of(account, answer)
    assert run_check("fargate-vcpu", account, added("Service"), **TASKS) == []
    quota_of(account, answer)
    many = TASKS | {"DesiredCount": "7"}
    (finding,) = run_check("fargate-vcpu", account, added("Service"), **many)
    assert finding.severity is Severity.WARNING


def test_service_without_tasks_needs_no_call():
    assert run_check("fargate-vcpu", NOWHERE, added("Service")) == []


def part(path, before=None, after=None):
    return PropertyChange(path, before=before, after=after)


@pytest.mark.parametrize(
    ("parts", "replacement", "needed", "severity"),
    [
        ([], "True", 2, Severity.ERROR),
        ([part("DesiredCount", "0", "2"), part("TaskDefinition")], "False", 2, Severity.ERROR),
        ([part("DesiredCount", "1", "2"), part("TaskDefinition")], "False", 2, Severity.WARNING),
        ([part("DesiredCount", "1", "2")], "False", 1, Severity.ERROR),
        ([part("DesiredCount", "3", "2")], "False", 0, None),
        ([part("DesiredCount")], "False", 2, Severity.WARNING),
        ([part("TaskDefinition")], "Conditional", 2, Severity.WARNING),
        ([part("CapacityProviderStrategy.0.CapacityProvider")], "False", 2, Severity.ERROR),
        ([part("Tags")], "False", 0, None),
    ],
)
def test_tasks_that_a_change_starts(account, parts, replacement, needed, severity):
    """Tasks that are only replaced can be so in steps, and unknown counts are a warning."""
    if needed:
        quota_of(account, 0.5)
    changes = [change("Service", "Modify", replacement, parts)]
    found = run_check("fargate-vcpu", account, changes, **TASKS)
    assert [(each.details["needed"], each.severity) for each in found] == (
        [(needed, severity)] if needed else []
    )
    stepwise = [remediations(each, "proceed-stepwise") for each in found]
    assert stepwise == ([[{}] if severity is Severity.WARNING else []] if needed else [])


def test_task_size_that_only_the_stack_knows_is_not_guessed():
    service = {"DesiredCount": 2, "TaskDefinition": {"Fn::ImportValue": "task"}}
    resources = {"Service": {"Type": "AWS::ECS::Service", "Properties": service}}
    template = TEMPLATE | {"Resources": resources}
    assert run_check("fargate-vcpu", NOWHERE, added("Service"), template=template) == []


def test_target_groups_count_at_the_load_balancer_of_the_shared_network(account, aws):
    """AWS does not raise the quota."""
    client = aws("elbv2")
    name = load_balancer(aws)
    (balancer,) = client.describe_load_balancers(Names=[name])["LoadBalancers"]
    arn = balancer["LoadBalancerArn"]
    output = {"LoadBalancerArn": {"Value": arn}}
    body = json.dumps({"Resources": {"Any": {"Type": "AWS::SNS::Topic"}}, "Outputs": output})
    aws("cloudformation").create_stack(StackName="iot-pipeline-net", TemplateBody=body)
    aws("cloudformation").get_waiter("stack_create_complete").wait(
        StackName="iot-pipeline-net", WaiterConfig={"Delay": 0.02}
    )
    check = partial(run_check, "target-groups", account, added("TargetGroup"))
    for number in range(5):
        assert check(Network="net") == []
        group = client.create_target_group(Name=f"group-{number}", Protocol="HTTP", Port=80)
        action = {"Type": "forward", "TargetGroupArn": group["TargetGroups"][0]["TargetGroupArn"]}
        client.create_listener(
            LoadBalancerArn=arn, Protocol="HTTP", Port=80 + number, DefaultActions=[action]
        )
    (finding,) = check(Network="net")
    assert (finding.severity, finding.details["scope"]) == (Severity.ERROR, arn)
    assert (finding.details["used"], finding.details["limit"]) == (5, 5)
    assert remediations(finding, "raise-quota") == []
    assert check() == []


def test_new_environment_needs_few_clients(account, template, monkeypatch):
    """Neither Service Quotas nor CloudFormation is asked where the defaults are enough."""
    monkeypatch.setattr(quota_checks, "QUOTAS", QUOTAS)
    resources = resolve(template, ENVIRONMENTS["prod"])["Resources"]
    changes = [resource_change("Add", name, each["Type"]) for name, each in resources.items()]
    context = context_of(account, changes, suffix="prod", **ENVIRONMENTS["prod"])
    set_logs_role(account.apigateway)
    assert run_checks(CHECKS, context) == []
    assert not {"cloudformation", "cloudwatch", "service-quotas"} & account.clients.keys()
