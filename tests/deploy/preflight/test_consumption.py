"""Quotas: where they are enough and where not, who holds what they limit, and what counts."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial

import pytest
from botocore.stub import Stubber

from checkout import ENVIRONMENTS, REGION
from deploying import made_up_session
from iot_pipeline_cfn.deploy.connection import Connection, Target
from iot_pipeline_cfn.deploy.preflight import (
    cache_nodes,
    consumption,
    db_instances,
    interface_endpoints,
    load_balancers,
    rest_apis,
)
from iot_pipeline_cfn.deploy.preflight.checking import Severity, Subject, run
from iot_pipeline_cfn.deploy.preflight.checks import CHECKS
from iot_pipeline_cfn.deploy.preflight.consumption import NAMED, Holder, Quota
from iot_pipeline_cfn.template.changes import PropertyChange
from preflights import (
    CALLS,
    NOWHERE,
    ZONES,
    address,
    changes,
    connection_to,
    findings,
    resource_change,
)
from resolution import resolve


def tags_of(environment):
    """Return the tags that a stack gives to what it makes."""
    return {
        "iot-pipeline:environment": environment,
        "aws:cloudformation:stack-name": f"iot-pipeline-{environment}",
    }


def listed(tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def vpc(aws):
    return aws("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


def internet_gateway(aws):
    return aws("ec2").create_internet_gateway()["InternetGateway"]["InternetGatewayId"]


def subnet(aws, network=None):
    made = aws("ec2").create_subnet(
        VpcId=network or vpc(aws), CidrBlock="10.0.1.0/24", AvailabilityZone="ap-northeast-1a"
    )
    return made["Subnet"]["SubnetId"]


def nat_gateway(aws):
    made = aws("ec2").create_nat_gateway(SubnetId=subnet(aws), AllocationId=address(aws))
    return made["NatGateway"]["NatGatewayId"]


def own_vpc(aws):
    """Return the VPC that the environment has, made where it is not there yet."""
    ec2 = aws("ec2")
    own = tags_of("dev")
    found = ec2.describe_vpcs(Filters=[{"Name": f"tag:{key}", "Values": [own[key]]} for key in own])
    if found["Vpcs"]:
        return found["Vpcs"][0]["VpcId"]
    made = vpc(aws)
    ec2.create_tags(Resources=[made], Tags=listed(own))
    return made


def endpoint(aws, network=None, kind="Interface"):
    made = aws("ec2").create_vpc_endpoint(
        VpcId=network or own_vpc(aws),
        VpcEndpointType=kind,
        ServiceName=f"com.amazonaws.{REGION}.{'s3' if kind == 'Gateway' else 'logs'}",
    )
    return made["VpcEndpoint"]["VpcEndpointId"]


def load_balancer(aws, kind="application", tags=()):
    client = aws("elbv2")
    name = f"balancer-{len(client.describe_load_balancers()['LoadBalancers'])}"
    client.create_load_balancer(
        Name=name, Type=kind, Subnets=[subnet(aws)], **({"Tags": listed(tags)} if tags else {})
    )
    return name


def db_instance(aws, tags=()):
    client = aws("rds")
    name = f"database-{len(client.describe_db_instances()['DBInstances'])}"
    client.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="somebody",
        MasterUserPassword="made-up-password",
        Tags=listed(tags) if tags else [],
    )
    return name


def cache_cluster(aws, tags=()):
    client = aws("elasticache")
    name = f"cache-{len(client.describe_cache_clusters()['CacheClusters'])}"
    client.create_cache_cluster(
        CacheClusterId=name,
        CacheNodeType="cache.t4g.micro",
        Engine="redis",
        NumCacheNodes=1,
        Tags=listed(tags) if tags else [],
    )
    return name


def rest_api(aws, kind="REGIONAL", tags=()):
    made = aws("apigateway").create_rest_api(
        name="api", endpointConfiguration={"types": [kind]}, tags=dict(tags)
    )
    return made["id"]


MAKERS = {
    "cache-nodes": cache_cluster,
    "db-instances": db_instance,
    "elastic-ips": address,
    "interface-endpoints": endpoint,
    "internet-gateways": internet_gateway,
    "load-balancers": load_balancer,
    "nat-gateways": nat_gateway,
    "rest-apis": rest_api,
    "vpcs": vpc,
}
"""What makes one more of what a quota limits, and returns its name or id."""

HIGH = (cache_nodes, db_instances, interface_endpoints, load_balancers, rest_apis)


@pytest.fixture(autouse=True)
def _five(monkeypatch):
    """Let every quota be 5, as those of the network are, since 600 take a while to make."""
    for module in HIGH:
        monkeypatch.setattr(module, "QUOTA", replace(module.QUOTA, default=5))


@pytest.fixture
def check(aws):
    """A function that makes one check of changes, on the embedded AWS."""
    return partial(findings, connection_to(aws))


@cache
def session_for_made_up():
    """Return a session that remembers the descriptions of services."""
    return made_up_session(REGION)


def quota_answers(connection):
    """Give a connection a Service Quotas, and return what its answers go to."""
    client = session_for_made_up().client("service-quotas")
    stubber = Stubber(client)
    stubber.activate()
    connection.clients["service-quotas"] = client
    return stubber


@pytest.fixture
def service_quotas(check):
    """What the answers of a Service Quotas go to that the embedded AWS is given."""
    return quota_answers(check.args[0])


def answer(stubber, value):
    stubber.add_response("get_service_quota", {"Quota": {"Value": value}})


def made_up(service, *answers):
    """Return a connection to a server of which only the answers of one service are made up."""
    connection = Connection(session_for_made_up(), REGION, Target.AWS)
    # No stack is there to be looked at.
    Stubber(connection.cloudformation).activate()
    stubber = Stubber(getattr(connection, service))
    for call, given, *asked in answers:
        if isinstance(given, str):
            stubber.add_client_error(call, given)
        else:
            stubber.add_response(call, given, *asked)
    stubber.activate()
    return connection


@pytest.mark.parametrize("code", MAKERS)
def test_quota_is_enough_until_it_is_used_up(check, aws, code):
    """The fifth is still there, the sixth is not, and who holds them is named."""
    kind, make = CALLS[code][0], MAKERS[code]
    names = []
    if code == "interface-endpoints":
        own_vpc(aws)
    while not (found := check(code, kind)):
        names.append(make(aws))
    (finding,) = found
    assert (code, finding.severity) == (code, Severity.ERROR)
    assert finding.logical_ids == [f"{kind.rpartition('::')[2]}1"]
    assert "needs 1 " in finding.message
    assert "5 of 5 (AWS's default) in use: " in finding.message
    assert names
    assert all(name in finding.message for name in names)
    assert ("a higher quota" in finding.message) is (code != "rest-apis")
    assert check(code, kind, ignored=[code])[0].severity is Severity.WARNING


@pytest.mark.parametrize("code", MAKERS)
def test_quota_of_the_account_goes_before_the_default(check, aws, code):
    """It is asked for where the default is not enough."""
    kind, make = CALLS[code][0], MAKERS[code]
    while not check(code, kind):
        make(aws)
    answers = quota_answers(check.args[0])
    answer(answers, 6.0)
    assert check(code, kind) == []
    answer(answers, 5.0)
    assert "5 of 5 in use" in check(code, kind)[0].message


@pytest.mark.parametrize("code", MAKERS)
def test_quota_that_is_only_assumed_stops_nothing(check, aws, code):
    """More in use than AWS's default shows that the account has another."""
    kind, make = CALLS[code][0], MAKERS[code]
    while not (found := check(code, kind)) or found[0].severity is Severity.ERROR:
        make(aws)
    assert "6 of 5 (AWS's default)" in found[0].message


@pytest.mark.parametrize("code", ["cache-nodes", "db-instances", "load-balancers", "vpcs"])
def test_quota_on_another_server(moto, code):
    """On moto, which has the quotas of VPCs, and a VPC to begin with."""
    kind, make = CALLS[code][0], MAKERS[code]
    while not (found := findings(moto, code, kind)):
        make(partial(getattr, moto))
    told = "" if code == "vpcs" else "(AWS's default) "
    assert f"5 of 5 {told}in use" in found[0].message


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "TooManyRequestsException", "ServiceException"]
)
def test_quota_that_cannot_be_read_stops_nothing(check, aws, code):
    """And the finding says that it is assumed."""
    while not check("vpcs", "AWS::EC2::VPC"):
        vpc(aws)
    answers = quota_answers(check.args[0])
    answers.add_client_error("get_service_quota", code)
    (finding,) = check("vpcs", "AWS::EC2::VPC")
    assert finding.severity is Severity.WARNING
    assert "the account's own quota cannot be read" in finding.message


def test_many_holders_are_named_in_one_line(monkeypatch):
    """Environments come first, then other stacks, then what has no stack."""
    monkeypatch.setattr(consumption, "is_stack_protected", lambda *_: False)
    holders = [Holder(f"thing-{number:03}") for number in range(290)]
    holders += [Holder("x", {"aws:cloudformation:stack-name": "other"}, amount=3)]
    holders += [Holder("x", tags_of(name)) for name in ("pr1", "pr2", "pr2", "pr3", "pr4", "dev")]
    connection = made_up("sts")
    answer(quota_answers(connection), 300.0)
    subject = Subject("dev", connection, {}, {}, [])
    quota = Quota("things", "thing", "service", "L-0", 10)
    (finding,) = quota.findings(subject, ["A", "B"], holders, ["--no-things"])
    held, ways = finding.message.split("; ways on: ")
    assert held == (
        "needs 2 things; 299 of 300 in use: iot-pipeline-pr2 (2), iot-pipeline-dev (1), "
        "iot-pipeline-pr1 (1), iot-pipeline-pr3 (1), iot-pipeline-pr4 (1), other (3), thing-000, "
        "thing-001 and 288 others"
    )
    ways = ways.split("; ")
    assert (ways[0], ways[-1]) == ("--no-things", "a higher quota (L-0 of service)")
    destroyed = [way.partition(" --")[0].split()[-2:] for way in ways[1:-1]]
    assert destroyed == [["destroy", "pr2"], ["destroy", "pr1"], ["destroy", "pr3"]]


def test_nobody_is_told_to_destroy_what_is_protected(check, aws):
    """Not even where it holds most; its data is worth more than an address."""
    for name, durability, count in (("prod", "protected", 3), ("pr1", "ephemeral", 2)):
        resources = {
            f"Address{number}": {"Type": "AWS::EC2::EIP", "Properties": {}}
            for number in range(count)
        }
        parameters = {"Durability": {"Type": "String", "Default": durability}}
        aws("cloudformation").create_stack(
            StackName=f"iot-pipeline-{name}",
            TemplateBody=json.dumps({"Parameters": parameters, "Resources": resources}),
            Tags=[{"Key": "iot-pipeline:environment", "Value": name}],
        )
    while not (found := check("elastic-ips", "AWS::EC2::EIP")):
        pass
    assert "iot-pipeline-prod (3), iot-pipeline-pr1 (2); ways on: " in found[0].message
    assert "destroy pr1" in found[0].message
    assert "destroy prod" not in found[0].message


@pytest.mark.parametrize("code", ["cache-nodes", "db-instances", "load-balancers", "rest-apis"])
def test_environment_that_holds_something_is_named(check, aws, code):
    """By whatever call tells the tags of its service."""
    make = MAKERS[code]
    for number in range(5):
        make(aws, tags=tags_of("pr1" if number < 2 else f"pr{number}"))
    (finding,) = check(code, CALLS[code][0])
    assert (
        "in use: iot-pipeline-pr1 (2), iot-pipeline-pr2 (1), iot-pipeline-pr3 (1), "
        "iot-pipeline-pr4 (1); ways on: "
    ) in finding.message
    # Their stacks do not exist, so nobody knows whether they are protected.
    assert "destroy pr1" not in finding.message


@pytest.mark.parametrize(
    ("module", "case"),
    [(cache_nodes, ("ListTagsForResource", 10, NAMED)), (load_balancers, ("DescribeTags", 21, 2))],
)
def test_tags_are_read_where_something_is_found_and_for_few(check, aws, module, case, monkeypatch):
    """A call is for one cache, or for 20 load balancers."""
    call, made, calls = case
    code = module.QUOTA.check
    said = []
    for service in ("elasticache", "elbv2"):
        aws(service).meta.events.register("after-call", lambda model, **_: said.append(model.name))
    for _ in range(made):
        MAKERS[code](aws)
    monkeypatch.setattr(module, "QUOTA", replace(module.QUOTA, default=made + 1))
    assert check(code, CALLS[code][0]) == []
    assert call not in said
    monkeypatch.setattr(module, "QUOTA", replace(module.QUOTA, default=made))
    assert len(check(code, CALLS[code][0])) == 1
    assert said.count(call) == calls


def test_tags_that_must_not_be_read_hide_nothing_else():
    """Load balancers are then named by their names."""
    arn = f"arn:aws:elasticloadbalancing:{REGION}:123456789012:loadbalancer/app"
    balancers = [
        {"LoadBalancerArn": f"{arn}/one-{number}/5c", "Type": "application"} for number in range(5)
    ]
    connection = made_up(
        "elbv2",
        ("describe_load_balancers", {"LoadBalancers": balancers}),
        ("describe_tags", "AccessDenied"),
    )
    answer(quota_answers(connection), 5.0)
    (finding,) = findings(connection, "load-balancers", CALLS["load-balancers"][0])
    assert finding.severity is Severity.ERROR
    assert "in use: one-0, one-1, one-2, one-3, one-4; ways on" in finding.message


def test_tags_of_a_cache_that_is_being_made_are_not_asked_for():
    """ElastiCache refuses that; what other nodes of its group tell is enough."""
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
    connection = made_up(
        "elasticache",
        ("describe_cache_clusters", {"CacheClusters": clusters}),
        (
            "list_tags_for_resource",
            {"TagList": listed(tags_of("pr1"))},
            {"ResourceName": f"{arn}:ours-001"},
        ),
    )
    answer(quota_answers(connection), 5.0)
    (finding,) = findings(connection, "cache-nodes", CALLS["cache-nodes"][0])
    assert "in use: iot-pipeline-pr1 (3), new (2); ways on" in finding.message


def test_only_what_the_quota_limits_is_counted(check, aws):
    """Others have quotas of their own, in the same calls."""
    for _ in range(6):
        load_balancer(aws, kind="network")
        endpoint(aws, kind="Gateway")
        endpoint(aws, network=vpc(aws))
    for kind in ("EDGE", "PRIVATE") * 3:
        rest_api(aws, kind)
    for code in ("interface-endpoints", "load-balancers", "rest-apis"):
        assert check(code, CALLS[code][0]) == []


def test_endpoints_of_a_vpc_that_is_made_with_them_are_not_looked_for():
    """There are no others in it."""
    kinds = ["AWS::EC2::VPCEndpoint", "AWS::EC2::VPC"]
    assert findings(NOWHERE, "interface-endpoints", *kinds) == []


def test_gateway_endpoints_need_nothing_of_the_quota():
    """They have a quota of their own, which is not looked at."""
    other = {"VPCEndpoint1": {"Properties": {"VpcEndpointType": "Gateway"}}}
    kind = CALLS["interface-endpoints"][0]
    assert findings(NOWHERE, "interface-endpoints", kind, template={"Resources": other}) == []


@pytest.mark.parametrize(("region", "found"), [("ap-south-1", 1), (REGION, 0)])
def test_databases_have_a_lower_quota_in_mumbai(region, found, monkeypatch):
    """20, of which all are in use."""
    monkeypatch.setattr(db_instances, "QUOTA", replace(db_instances.QUOTA, default=40))
    instances = [{"DBInstanceIdentifier": f"database-{number}"} for number in range(20)]
    connection = made_up("rds", ("describe_db_instances", {"DBInstances": instances}))
    connection.region = region
    answers = quota_answers(connection)
    answers.add_client_error("get_service_quota", "NoSuchResourceException")
    assert len(findings(connection, "db-instances", CALLS["db-instances"][0])) == found


def test_regional_nat_gateway_stands_in_no_zone():
    """It has no subnet."""
    gateways = {"NatGateways": [{"NatGatewayId": "nat-1"}]}
    connection = made_up("ec2", ("describe_nat_gateways", gateways))
    assert findings(connection, "nat-gateways", "AWS::EC2::NatGateway") == []


def test_nat_gateways_are_counted_by_zone(check, aws):
    """What stands in the other zone holds nothing of this one."""
    for _ in range(5):
        nat_gateway(aws)
    (finding,) = check("nat-gateways", "AWS::EC2::NatGateway", "AWS::EC2::NatGateway")
    assert "all in ap-northeast-1a" in finding.message


def group(**properties):
    return {"Resources": {"ReplicationGroup1": {"Properties": properties}}}


def part(name, before=None, after=None):
    return PropertyChange(name, before=before, after=after)


@pytest.mark.parametrize(
    ("properties", "before", "needed"),
    [
        ({"NumCacheClusters": 3}, None, 3),
        ({"NumNodeGroups": 2, "ReplicasPerNodeGroup": "1"}, None, 4),
        ({"ReplicasPerNodeGroup": 1}, None, 2),
        ({}, None, 1),
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
def test_cache_nodes_that_are_needed(check, aws, properties, before, needed):
    """All of a new group, and of one that grows those that are new, if that is known."""
    for _ in range(5):
        cache_cluster(aws)
    made = changes(CALLS["cache-nodes"][0])
    if before is not None:
        parts = [part(name, value) for name, value in before.items()]
        made = changes(CALLS["cache-nodes"][0], action="Modify", properties=parts)
    found = check("cache-nodes", made=made, template=group(**properties))
    plural = "s" * (needed > 1)
    assert [finding.message.partition(";")[0] for finding in found] == (
        [f"needs {needed} cache node{plural}"] if needed else []
    )


def run_tasks(aws, vcpus, usage_class="Standard/OnDemand", ago=60):
    """Let CloudWatch know of what runs on Fargate."""
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


@pytest.mark.parametrize(
    "case",
    [
        ("FARGATE", "L-3032A538", "Standard/OnDemand", "Fargate vCPUs"),
        ("FARGATE_SPOT", "L-36FBB829", "Standard/Spot", "Fargate Spot vCPUs"),
    ],
)
def test_fargate_has_a_quota_for_each_capacity_provider(check, aws, service_quotas, case):
    """The newest count is compared with the quota that the account has."""
    provider, code, usage_class, what = case
    for other in ("Standard/OnDemand", "Standard/Spot"):
        run_tasks(aws, 3.5 if other == usage_class else 40, other, ago=300)
    asked = {"ServiceCode": "fargate", "QuotaCode": code}
    service_quotas.add_response("get_service_quota", {"Quota": {"Value": 6.0}}, asked)
    kind = CALLS["fargate-vcpu"][0]
    assert check("fargate-vcpu", kind, CapacityProvider=provider) == []
    run_tasks(aws, 4.5, usage_class)
    service_quotas.add_response("get_service_quota", {"Quota": {"Value": 6.0}}, asked)
    (finding,) = check("fargate-vcpu", kind, CapacityProvider=provider)
    assert (finding.severity, finding.logical_ids) == (Severity.ERROR, ["Service1"])
    assert finding.message == (
        f"needs 2 {what}; 4.5 of 6 in use: what ran a few minutes ago (4.5); ways on: fewer or "
        "smaller tasks than 2 of 1 vCPU (DesiredCount, TaskSize); a higher quota "
        f"({code} of fargate)"
    )


def test_fargate_has_no_default_to_rely_on(check, service_quotas):
    """A new account may have less, and is asked; what AWS documents is only assumed."""
    kind = CALLS["fargate-vcpu"][0]
    answer(service_quotas, 1.0)
    (finding,) = check("fargate-vcpu", kind)
    assert "needs 2 Fargate vCPUs; 0 of 1 in use; ways on" in finding.message
    assert finding.severity is Severity.ERROR
    for problem in ("NoSuchResourceException", "AccessDeniedException"):
        service_quotas.add_client_error("get_service_quota", problem)
        assert check("fargate-vcpu", kind) == []
        service_quotas.add_client_error("get_service_quota", problem)
        (finding,) = check("fargate-vcpu", kind, DesiredCount="7")
        assert finding.severity is Severity.WARNING
        assert "of 6 (AWS's default" in finding.message


def test_service_without_tasks_needs_no_call():
    """As that of a first deployment, without an image."""
    assert findings(NOWHERE, "fargate-vcpu", CALLS["fargate-vcpu"][0], DesiredCount="0") == []


STEPWISE = "going on, as ECS starts those that fit first and then the others"


@pytest.mark.parametrize(
    ("parts", "replacement", "outcome"),
    [
        ([], "True", (2, Severity.ERROR)),
        ([part("DesiredCount", "0", "2"), part("TaskDefinition")], "False", (2, Severity.ERROR)),
        ([part("DesiredCount", "1", "2"), part("TaskDefinition")], "False", (2, Severity.WARNING)),
        ([part("DesiredCount", "1", "2")], "False", (1, Severity.ERROR)),
        ([part("DesiredCount", "3", "2")], "False", None),
        ([part("DesiredCount")], "False", (2, Severity.WARNING)),
        ([part("TaskDefinition")], "Conditional", (2, Severity.WARNING)),
        ([part("CapacityProviderStrategy.0.CapacityProvider")], "False", (2, Severity.ERROR)),
        ([part("Tags")], "False", None),
    ],
)
def test_tasks_that_a_change_of_a_service_starts(
    check, service_quotas, parts, replacement, outcome
):
    """Those that are only exchanged can be so in steps; what is not known is only warned of."""
    needed, severity = outcome or (0, None)
    answer(service_quotas, 0.5)
    made = changes("AWS::ECS::Service", action="Modify", replacement=replacement, properties=parts)
    found = check("fargate-vcpu", made=made)
    said = [(finding.message.partition(" Fargate")[0], finding.severity) for finding in found]
    assert said == ([(f"needs {needed}", severity)] if needed else [])
    assert [STEPWISE in finding.message for finding in found] == (
        [severity is Severity.WARNING] if needed else []
    )


def test_size_of_tasks_that_only_the_stack_knows_is_not_guessed():
    """Nothing is found then."""
    service = {"DesiredCount": 2, "TaskDefinition": {"Fn::ImportValue": "task"}}
    resources = {"Service1": {"Properties": service}}
    kind = CALLS["fargate-vcpu"][0]
    assert findings(NOWHERE, "fargate-vcpu", kind, template={"Resources": resources}) == []


def test_new_environment_needs_few_clients(aws, template):
    """None for quotas that are enough, nor for tasks as long as there is no image."""
    resources = resolve(template, ENVIRONMENTS["prod"])["Resources"]
    added = [resource_change("Add", name, resource["Type"]) for name, resource in resources.items()]
    connection = connection_to(aws)
    given = ZONES | ENVIRONMENTS["prod"]
    assert run(CHECKS, Subject("prod", connection, template, given, added)) == []
    clients = {"apigateway", "ec2", "elasticache", "elbv2", "iam", "rds", "sts"}
    assert connection.clients.keys() == clients
