"""The network that environments share, and environments in it."""

from fnmatch import fnmatch

import pytest

from iot_pipeline_cfn.stack.permissions import NETWORKS
from iot_pipeline_cfn.stack.shared_network import PRIVATE_CIDRS
from iot_pipeline_cfn.template.lookup import type_of
from iot_pipeline_cfn.template.parameters import check_value
from resolution import name_of, of_type, only, resolve

NETWORK = "iot-pipeline-shared-network:"


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


def test_environment_imports_what_its_network_always_exports(templates, network):
    resolved = resolve(network, {"EnvironmentSuffix": "shared-network"})
    exports = {
        output["Export"]["Name"]: network["Outputs"][name]
        for name, output in resolved["Outputs"].items()
    }
    found = {*imports(shared(templates))}
    assert found <= exports.keys()
    assert f"{NETWORK}ListenerArn" in found
    assert not [name for name in found if "Condition" in exports[name]]


def test_both_forms_have_the_same_parts_outside_of_the_network(template, templates, network):
    """What only an environment of its own has is in the shared network, but for a few rules."""
    own, parts = template["Resources"], templates["iot-pipeline-shared"]["Resources"]
    alike = {name for name in own if not name.startswith("Deployment")}
    assert alike - parts.keys() - network["Resources"].keys() == {
        "HttpForwardingRule",
        "HttpsForwardingRule",
        "LoadBalancerEgressToContainers",
        "LoadBalancerHttpsIngress",
    }
    assert parts.keys() - own.keys() == {
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
    rule = only(shared(templates, NetworkSlot="77"), "ElasticLoadBalancingV2::ListenerRule")
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


def test_environments_reach_the_endpoints_and_add_no_rule_to_a_group_of_the_network(
    templates, network
):
    groups = of_type(resolve(network, {}), "EC2::SecurityGroup")
    assert [
        (rule["CidrIp"], rule["FromPort"], rule["ToPort"])
        for rule in groups["EndpointsSecurityGroup"]["SecurityGroupIngress"]
    ] == [(cidr, 443, 443) for cidr in PRIVATE_CIDRS]
    environment = shared(templates)
    assert not of_type(environment, "EC2::SecurityGroupIngress")
    own = of_type(environment, "EC2::SecurityGroup")
    assert "443" in {
        str(rule["ToPort"]) for rule in own["ContainerSecurityGroup"]["SecurityGroupEgress"]
    }
    for rule in of_type(environment, "EC2::SecurityGroupEgress").values():
        assert name_of(rule["GroupId"]).partition(".")[0] in own


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("shared-network", True),
        ("shared-network-2", True),
        ("shared-network2", False),
        ("shared-network-", False),
        ("shared-network--2", False),
        ("prod", False),
    ],
)
def test_network_has_a_name_that_pull_requests_may_use(templates, name, accepted):
    declaration = templates["iot-pipeline-shared"]["Parameters"]["Network"]
    assert (check_value("Network", declaration, name) is None) is accepted
    assert not accepted or fnmatch(name, NETWORKS)
