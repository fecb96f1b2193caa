"""The shared network of environments: creating it, its slots, and its users."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from hypothesis import given, settings
from hypothesis import strategies as st

from checkout import ROOT
from deployed import observed, test_containers, test_traffic
from deploying import BUCKET, WAITS, parameters_of, signal_success, stack_of
from iot_pipeline_cfn.deploy import network_use
from iot_pipeline_cfn.deploy.cloudformation import Output
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.network_use import free_slot, lost_slot
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.request import load_request
from iot_pipeline_cfn.deploy.service_layer import Consent, deploy
from iot_pipeline_cfn.stack.naming import SUFFIX_PATTERN
from iot_pipeline_cfn.template.parameters import SLOTS

ISOLATION = [
    test_traffic.test_load_balancer_is_reached_by_its_ingress_only,
    test_traffic.test_containers_reach_their_own_database_and_cache_only,
    *(
        partial(test_traffic.test_ports_are_reached_by_their_clients_only, destination=end)
        for end in test_traffic.PORTS
    ),
    *(
        partial(test_containers.test_roles_read_the_secrets_of_their_environment_only, role=role)
        for role in test_containers.SECRETS
    ),
]
"""The tests of a deployed environment that report paths from or to another one."""


@settings(max_examples=30)
@given(st.sets(st.from_regex(SUFFIX_PATTERN, fullmatch=True), max_size=SLOTS))
def test_environments_have_slots_of_their_own(suffixes):
    taken = set()
    for suffix in suffixes:
        slot = free_slot(suffix, taken)
        assert slot in {*range(1, SLOTS + 1)} - taken
        taken.add(slot)


@pytest.mark.parametrize(
    ("suffix", "taken", "slot"),
    [
        ("pr1", (), 1),
        ("pr-77", (), 77),
        ("pr96", {1, 2}, 3),
        ("pr95", {95}, 1),
        ("pr5", range(1, 96), None),
    ],
)
def test_slot_is_that_of_the_pull_request_or_the_next_free_one(suffix, taken, slot):
    assert free_slot(suffix, taken) == slot


@pytest.mark.parametrize(
    ("reason", "lost"),
    [
        ("Priority '7' is currently in use (Service: ElasticLoadBalancingV2)", True),
        (
            'Resource handler returned message: "Resource of type '
            "'AWS::ElasticLoadBalancingV2::ListenerRule' with identifier 'Priority in use' "
            'already exists." (HandlerErrorCode: AlreadyExists)',
            True,
        ),
        ("A rule cannot have this priority", False),
        ("'AWS::ECR::Repository' with identifier 'any' already exists", False),
    ],
)
def test_refused_priority_is_a_lost_slot(reason, lost):
    assert lost_slot(DeploymentError("failed", cause={"reason": reason})) is lost


def test_network_is_needed_created_used_and_deleted(project, aws):
    """The environments pr1 and pr96 have the same first choice of a slot."""
    project.write_shared()
    refused = project.deploy("pr1")
    assert refused.code == "network-needed"
    assert refused.details["command"].split()[1:3] == ["deploy", "shared-network"]
    assert project.run("plan", "pr1", *BUCKET).code == "network-needed"
    first = project.deploy("pr1", "--with-network")
    assert (first.status, first.notices) == (0, ["creating-network"]), first.err
    assert project.deploy("pr96").status == 0
    assert project.deploy("pr1").status == 0
    slots = [parameters_of(aws, suffix)["NetworkSlot"] for suffix in ("pr1", "pr96")]
    assert slots == ["1", "2"]
    moved = project.deploy("pr1", "--parameter=Network=shared-network-2")
    assert (moved.code, moved.details["parameter"]) == ("fixed-parameter", "Network")
    used = project.run("destroy", "shared-network", "--yes")
    assert used.code == "in-use"
    assert used.details["stacks"] == ["iot-pipeline-pr1", "iot-pipeline-pr96"]
    for name in ("pr1", "pr96", "shared-network"):
        done = project.run("destroy", name, "--yes")
        assert done.status == 0, done.err
    assert all(vpc["IsDefault"] for vpc in aws("ec2").describe_vpcs()["Vpcs"])


def test_network_in_progress_is_waited_for_before_a_slot_is_chosen(project, aws):
    """What then exports no listener is no network."""
    project.write_shared()
    aws("cloudformation").create_stack(
        StackName="iot-pipeline-shared-network", TemplateBody=json.dumps({"Resources": WAITS})
    )
    refused = project.deploy("pr1", "--no-wait")
    assert (refused.code, refused.details["status"]) == ("busy", "CREATE_IN_PROGRESS")
    assert refused.details["stack"] == "iot-pipeline-shared-network"
    threading.Timer(1, signal_success, [aws, "shared-network"]).start()
    waited = project.deploy("pr1")
    assert (waited.code, waited.notices) == ("no-network", ["waiting"])


def test_environments_at_once_have_one_network_and_reach_nothing_of_each_other(
    connect_to, aws, monkeypatch
):
    """All eight find no network, and two have the same first choice of a slot."""
    monkeypatch.chdir(ROOT)
    connection, names = connect_to(), [*(f"pr{number}" for number in range(1, 8)), "pr96"]

    def deployed(name):
        environment, request = load_request(name, None, Path("parameters"))
        deploy(Operations(environment, connection), request, Consent(yes=True))

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(deployed, names))
    found = [observed.find(name, connection) for name in names]
    assert len({environment.parameters["NetworkSlot"] for environment in found}) == len(names)
    assert not [path for environment in found for path in paths(environment)]
    own, other = (environment.outputs for environment in found[:2])
    ec2 = aws("ec2")
    to_database = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}
    container = own["ContainerSecurityGroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=other["DatabaseSecurityGroupId"],
        IpPermissions=[to_database | {"UserIdGroupPairs": [{"GroupId": container}]}],
    )
    ec2.authorize_security_group_egress(
        GroupId=container, IpPermissions=[to_database | {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
    )
    statement = {"Effect": "Allow", "Action": "secretsmanager:Get*", "Resource": "*"}
    aws("iam").put_role_policy(
        RoleName=own["TaskRoleArn"].rpartition("/")[2],
        PolicyName="secrets-of-others",
        PolicyDocument=json.dumps({"Statement": [statement]}),
    )
    counts = [len(paths(observed.find(name, connection))) for name in names[:3]]
    assert counts == [2, 1, 0]


def paths(environment):
    """Return the paths from or to other environments, as the tests report them."""
    found = []
    for find in ISOLATION:
        try:
            find(environment)
        except AssertionError as error:
            found.append(str(error))
    return found


def test_deployer_that_may_not_read_rules_knows_the_slots_of_stacks_only(stubbed):
    """The role of pull requests may not, because rules contain secrets."""
    output = Output("ListenerArn", "arn", "", "net:ListenerArn")
    network = SimpleNamespace(name="net", outputs=[output])
    operations = SimpleNamespace(connection=stubbed)
    with Stubber(stubbed.elbv2) as stubber:
        stubber.add_client_error("describe_rules", "AccessDenied")
        assert network_use.used_priorities(operations, network) == set()
        stubber.add_client_error("describe_rules", "ListenerNotFound")
        with pytest.raises(ClientError):
            network_use.used_priorities(operations, network)


def test_environment_whose_slot_another_one_takes_meanwhile_gets_the_next(
    project, aws, monkeypatch
):
    """Its creation fails, because the priority is in use, and is tried again."""
    project.write_shared()
    assert project.deploy("shared-network").status == 0
    outputs = {
        each["OutputKey"]: each["OutputValue"]
        for each in stack_of(aws, "shared-network")["Outputs"]
    }
    elbv2 = aws("elbv2")
    elbv2.create_rule(
        ListenerArn=outputs["ListenerArn"],
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/other"]}],
        Actions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    )
    read = network_use.used_priorities
    stale = [set(), set()]
    monkeypatch.setattr(
        network_use, "used_priorities", lambda *given: stale.pop() if stale else read(*given)
    )
    done = project.deploy("pr1")
    assert (done.status, done.notices) == (0, ["deploying-again"]), done.err
    assert parameters_of(aws)["NetworkSlot"] == "2"
