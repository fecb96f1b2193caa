"""The network that environments share, and environments in it."""

import re

import pytest

from iot_pipeline_cfn.stack.shared_network import ENDPOINTS_GROUPS, PRIVATE_CIDRS, SLOT_PATTERN
from iot_pipeline_cfn.template.lookup import type_of
from resolution import of_type, only, resolve

NETWORK = "iot-pipeline-shared-network:"
SLOTS = [
    slot
    for slot in (f"{group}/{number}" for group in range(9) for number in range(120))
    if re.fullmatch(SLOT_PATTERN, slot)
]


@pytest.fixture(scope="module")
def network(templates):
    return templates["shared-network"]


def shared(templates, **given):
    return resolve(templates["iot-pipeline-shared"], {"Durability": "ephemeral"} | given)


def imports(value):
    """Yield the names of all exports that a resolved template imports."""
    match value:
        case {"Fn::ImportValue": name}:
            yield name
        case dict():
            for part in value.values():
                yield from imports(part)
        case list():
            for part in value:
                yield from imports(part)


@pytest.mark.parametrize("slot", ["1/1", "2/100"])
def test_environment_imports_what_its_network_always_exports(templates, network, slot):
    resolved = resolve(network, {"EnvironmentSuffix": "shared-network"})
    exports = {
        output["Export"]["Name"]: network["Outputs"][name]
        for name, output in resolved["Outputs"].items()
    }
    found = {*imports(shared(templates, NetworkSlot=slot))}
    assert found <= exports.keys()
    assert f"{NETWORK}EndpointsSecurityGroup{slot[0]}Id" in found
    assert not [name for name in found if "Condition" in exports[name]]


def test_each_slot_has_its_own_priority_and_no_group_has_more_than_60_rules():
    assert len(SLOTS) == len({slot.partition("/")[2] for slot in SLOTS}) == 100
    for group in range(1, ENDPOINTS_GROUPS + 1):
        assert 0 < sum(slot.startswith(f"{group}/") for slot in SLOTS) <= 60


def test_both_forms_have_the_same_parts_outside_of_the_network(template, templates, network):
    """What only an environment of its own has is in the shared network, but for a few rules."""
    own, parts = template["Resources"], templates["iot-pipeline-shared"]["Resources"]
    alike = {name for name in own if not name.startswith("Deployment")}
    assert alike - parts.keys() - network["Resources"].keys() == {
        "EndpointsSecurityGroup",
        "HttpForwardingRule",
        "HttpsForwardingRule",
        "LoadBalancerEgressToContainers",
        "LoadBalancerHttpsIngress",
    }
    assert parts.keys() - own.keys() == {
        "EndpointsIngressFromContainers",
        "ForwardingRule",
        *(name for name in parts if name.startswith("Deployment")),
    }
    for name in parts.keys() & own.keys():
        assert type_of(parts[name]) == type_of(own[name]), name


def test_environment_needs_no_network_of_its_own(templates):
    types = {type_of(each) for each in templates["iot-pipeline-shared"]["Resources"].values()}
    assert not types & {
        "AWS::ApiGatewayV2::VpcLink",
        "AWS::EC2::EIP",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::NatGateway",
        "AWS::EC2::Subnet",
        "AWS::EC2::VPC",
        "AWS::EC2::VPCEndpoint",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::RDS::DBSubnetGroup",
    }


def test_rule_has_the_priority_of_the_slot_and_the_secret_of_the_environment(templates):
    rule = only(shared(templates, NetworkSlot="2/77"), "ElasticLoadBalancingV2::ListenerRule")
    assert rule["ListenerArn"] == {"Fn::ImportValue": f"{NETWORK}ListenerArn"}
    assert int(rule["Priority"]) == 77
    (condition,) = rule["Conditions"]
    assert "IngressSecret" in str(condition["HttpHeaderConfig"]["Values"])


def test_environments_are_reached_from_their_own_groups_and_the_load_balancer_only(templates):
    """So no environment reaches the containers, the database or the cache of another one."""
    groups = of_type(shared(templates), "EC2::SecurityGroup")
    sources = {
        name: [rule["SourceSecurityGroupId"] for rule in group["SecurityGroupIngress"]]
        for name, group in groups.items()
    }
    own = [{"Fn::GetAtt": ["ContainerSecurityGroup", "GroupId"]}, {"Ref": "ContainerSecurityGroup"}]
    assert sources.pop("ContainerSecurityGroup") == [
        {"Fn::ImportValue": f"{NETWORK}LoadBalancerSecurityGroupId"}
    ]
    assert sources.keys() == {"CacheSecurityGroup", "DatabaseSecurityGroup"}
    assert all(source in own for found in sources.values() for source in found)


def test_shared_load_balancer_is_internal_and_calls_containers_in_its_subnets(network):
    resolved = resolve(network, {})
    assert only(resolved, "ElasticLoadBalancingV2::LoadBalancer")["Scheme"] == "internal"
    group = of_type(resolved, "EC2::SecurityGroup")["LoadBalancerSecurityGroup"]
    rules = group["SecurityGroupEgress"]
    assert [(rule["CidrIp"], rule["FromPort"]) for rule in rules] == [
        (cidr, 8080) for cidr in PRIVATE_CIDRS
    ]
