"""Faults at any call to AWS.

A fault is injected at each call of a verb, in a new account each time. The result must be that of
an undisturbed run.
"""

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from checkout import ACCOUNTS, REGION
from deploying import BUCKET, IMPOSSIBLE, Project, Result, small_template, topic
from faults import (
    DENIED,
    EXPIRED,
    FAILED,
    LOST,
    THROTTLED,
    UNKNOWN,
    UNREACHED,
    Fault,
    Proxy,
    Request,
    asking,
    at,
    every_other,
    from_,
    proxy_to,
    undisturbed,
)
from iot_pipeline_cfn.deploy import polling
from iot_pipeline_cfn.deploy.planning import ENVIRONMENT_TAG

STACK = "iot-pipeline-pr1"
BURST = 3
ZONES = {
    name: {"Type": "String", "Default": ""} for name in ("AvailabilityZone1", "AvailabilityZone2")
}
PADDING = {"Metadata": {"Padding": "x" * 60_000}}
POLICY = {
    "Statement": [
        {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "Update:Delete", "Principal": "*", "Resource": "*"},
    ]
}
PROTECTED = {"Durability": "protected"}

FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(
    [
        "boto3",
        "iot_pipeline_cfn.cli",
        "iot_pipeline_cfn.cli.console",
        "iot_pipeline_cfn.deploy.service_layer",
        "iot_pipeline_cfn.template.parameters",
        "jsonschema",
        "pytest",
        "rich.table",
        "unittest.mock",
    ]
)
"""Processes to kill are forked from a server that has imported the modules and has no threads."""


@dataclass(frozen=True)
class Scenario:
    """A verb, the files that it reads, and the environment that it finds."""

    name: str
    arguments: tuple[str, ...]
    template: Mapping[str, Any] = field(default_factory=small_template)
    file: Mapping[str, Any] = field(default_factory=dict)
    status: int = 0
    stack: Mapping[str, Any] | None = None
    stack_status: str = "CREATE_COMPLETE"

    def __str__(self) -> str:
        """Return what the test is called by."""
        return self.name


DEPLOY = ("deploy", "pr1", "--yes", *BUCKET)
PLAN = ("plan", "pr1", *BUCKET)
DESTROY = ("destroy", "pr1", "--yes")


def found(template: Mapping[str, Any], **parameters: str) -> dict[str, Any]:
    """Return the arguments of CreateStack for an environment that a verb finds."""
    given = {"EnvironmentSuffix": "pr1"} | parameters
    return {
        "TemplateBody": json.dumps(template),
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value} for key, value in given.items()
        ],
        "Tags": [{"Key": ENVIRONMENT_TAG, "Value": "pr1"}],
    }


PROTECTED_STACK = found(small_template(parameters=ZONES), **PROTECTED) | {
    "EnableTerminationProtection": True,
    "StackPolicyBody": json.dumps(POLICY),
}

CREATION = Scenario(
    "creation",
    DEPLOY,
    small_template(parameters=ZONES),
    {"Parameters": PROTECTED, "StackPolicy": POLICY},
)
UPDATE = Scenario(
    "update through a bucket",
    (*DEPLOY, "--parameter", "DeletionProtection=disabled", "--parameter", "DisplayName=second"),
    small_template({"More": topic()}, parameters=ZONES) | PADDING,
    {"Parameters": PROTECTED},
    stack=PROTECTED_STACK,
)
DESTRUCTION = Scenario("destruction", DESTROY, stack=found(small_template()))
FAILING_CREATION = Scenario(
    "creation that fails", DEPLOY, small_template({"Impossible": IMPOSSIBLE}), status=4
)
FAILING_UPDATE = Scenario(
    "update that fails",
    (*DEPLOY, "--image-tag", "v2"),
    small_template({"Impossible": IMPOSSIBLE | {"DependsOn": "Topic"}}),
    status=4,
    stack=found(small_template()),
)
NOTHING = Scenario("nothing to change", DEPLOY, stack=found(small_template(), DisplayName="x"))
RECREATION = Scenario(
    "creation anew",
    DEPLOY,
    file={"Parameters": PROTECTED},
    stack=found(small_template({"Impossible": IMPOSSIBLE}), **PROTECTED)
    | {"EnableTerminationProtection": True},
    stack_status="ROLLBACK_COMPLETE",
)
PLANNED_CREATION = Scenario("plan of a creation", PLAN, CREATION.template, CREATION.file)
PLANNED_UPDATE = replace(
    UPDATE, name="plan of an update", arguments=("plan", "pr1", *UPDATE.arguments[3:])
)

SLOW = Scenario(
    "creation that takes a second",
    DEPLOY,
    small_template(
        {
            "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
            "Waits": {
                "Type": "AWS::CloudFormation::WaitCondition",
                "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "1"},
            },
        }
    ),
)

OPTIONAL = frozenset({"DescribeEvents", "ListAccountAliases"})
"""Actions whose denial is no failure."""

EVERY_FAULT = (CREATION, UPDATE, DESTRUCTION)
LOST_ANSWERS = (FAILING_CREATION, FAILING_UPDATE, NOTHING, RECREATION)
PLANS = (PLANNED_CREATION, PLANNED_UPDATE)


@pytest.fixture(scope="module")
def proxy(emulator):
    with proxy_to(emulator.endpoint_url) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def haste(monkeypatch):
    """Poll often."""
    monkeypatch.setattr(polling, "SHORTEST_PAUSE", 0.005)


@dataclass(frozen=True)
class Bench:
    """The place where scenarios run, each time in a new account and through the proxy."""

    directory: Path
    proxy: Proxy
    session: boto3.Session
    endpoint_url: str

    def write(self, scenario: Scenario) -> None:
        """Write the files that the verb reads."""
        self.project("").write(scenario.template, pr=scenario.file)

    def project(self, account: str) -> Project:
        return Project(self.directory, account, self.proxy.endpoint_url, REGION)

    def prepared(self, scenario: Scenario) -> Project:
        """Return the project in a new account, with the environment that the verb finds."""
        project = self.project(f"{next(ACCOUNTS):012}")
        if scenario.stack:
            with self.client("cloudformation", project.account) as cloudformation:
                cloudformation.create_stack(StackName=STACK, **scenario.stack)
                while described(cloudformation)["StackStatus"] != scenario.stack_status:
                    time.sleep(0.002)
        return project

    @contextmanager
    def client(self, service: str, account: str) -> Iterator[Any]:
        """Open a client that bypasses the proxy."""
        client = self.session.client(
            service,
            aws_access_key_id=account,
            aws_secret_access_key=account,
            endpoint_url=self.endpoint_url,
        )
        with closing(client):
            yield client

    def state(self, account: str) -> dict[str, Any]:
        """Return what a verb can leave behind, as far as it is the same in every run."""
        with (
            self.client("cloudformation", account) as cloudformation,
            self.client("sns", account) as sns,
        ):
            return {
                "stacks": [
                    state_of_stack(cloudformation, stack)
                    for stack in cloudformation.describe_stacks()["Stacks"]
                ],
                "topics": sorted(
                    sns.get_topic_attributes(TopicArn=one["TopicArn"])["Attributes"]["DisplayName"]
                    for one in sns.list_topics()["Topics"]
                ),
            }


def described(cloudformation):
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    return stack


def state_of_stack(cloudformation, stack):
    name = stack["StackName"]
    policy = cloudformation.get_stack_policy(StackName=name).get("StackPolicyBody")
    return {
        "name": name,
        "status": stack["StackStatus"],
        "parameters": {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]},
        # Each trial has an account of its own, which is in the ARN of the creator.
        "tags": {one["Key"]: one["Value"].split(":")[-1] for one in stack["Tags"]},
        "outputs": sorted(one["OutputKey"] for one in stack.get("Outputs", [])),
        "protected": stack.get("EnableTerminationProtection", False),
        "policy": policy and json.loads(policy),
        "resources": {
            one["LogicalResourceId"]: one["ResourceStatus"]
            for one in cloudformation.list_stack_resources(StackName=name)["StackResourceSummaries"]
        },
        # The emulator keeps those of a stack in review that it has put another in the place of.
        "change sets": [
            one["ExecutionStatus"]
            for one in cloudformation.list_change_sets(StackName=name)["Summaries"]
            if one["StackId"] == stack["StackId"]
        ],
    }


@pytest.fixture
def bench(tmp_path, emulator, proxy, session):
    proxy.disturb()
    return Bench(tmp_path, proxy, session, emulator.endpoint_url)


@dataclass(frozen=True)
class Trial:
    """A run and what it has left behind."""

    project: Project
    done: Result
    state: Mapping[str, Any]
    calls: int
    struck: Sequence[Request]

    @property
    def result(self) -> tuple[int, Mapping[str, Any]]:
        """The exit code and the state, which a fault must not change."""
        return self.done.status, self.state


def tried(bench, scenario, fault=LOST, chooses=undisturbed):
    """Run a verb in a new account."""
    project = bench.prepared(scenario)
    bench.proxy.disturb(fault, chooses)
    done = project.run(*scenario.arguments)
    proxy = bench.proxy
    return Trial(project, done, bench.state(project.account), len(proxy.requests), proxy.struck)


def baseline(bench, scenario):
    """Return the undisturbed run."""
    bench.write(scenario)
    trial = tried(bench, scenario)
    assert trial.done.status == scenario.status, trial.done.err
    assert trial.calls > 0
    return trial


def passing(bench, scenario, faults, times):
    """Try one of the transient faults at each position, and return the differences they make."""
    expected = baseline(bench, scenario)
    different = []
    reached = 0
    for position in range(1, expected.calls + 1):
        trial = tried(bench, scenario, faults[position % len(faults)], at(position, times))
        reached += bool(trial.struck)
        if trial.result != expected.result:
            different.append((position, trial, expected))
    assert reached > 0
    return different


@pytest.mark.parametrize("scenario", EVERY_FAULT, ids=str)
def test_call_that_is_not_carried_out_is_repeated(bench, scenario):
    assert passing(bench, scenario, (THROTTLED, FAILED, UNREACHED), BURST) == []


@pytest.mark.parametrize("scenario", [*EVERY_FAULT, *LOST_ANSWERS], ids=str)
def test_lost_answer_makes_no_difference(bench, scenario):
    """The call is carried out again."""
    times = BURST if scenario in EVERY_FAULT else 1
    assert passing(bench, scenario, (LOST,), times) == []


@pytest.mark.parametrize("scenario", [*EVERY_FAULT, *LOST_ANSWERS, *PLANS], ids=str)
def test_first_answer_to_each_call_is_lost(bench, scenario):
    expected = baseline(bench, scenario)
    trial = tried(bench, scenario, LOST, every_other)
    assert trial.result == expected.result, trial.done.err
    assert len(trial.struck) >= expected.calls - 1


@pytest.mark.parametrize("scenario", PLANS, ids=str)
def test_plan_leaves_nothing_behind(bench, scenario):
    """No stack and no change set remain, whichever answer is lost."""
    before = bench.state(bench.prepared(scenario).account)
    assert passing(bench, scenario, (LOST,), 1) == []
    assert baseline(bench, scenario).state == before


@pytest.mark.parametrize("scenario", EVERY_FAULT, ids=str)
def test_same_command_goes_on_after_credentials_expired(bench, scenario):
    expected = baseline(bench, scenario)
    reached = 0
    for position in range(1, expected.calls + 1):
        trial = tried(bench, scenario, EXPIRED, from_(position))
        if trial.struck:
            reached += 1
            assert trial.done.status == 7, (position, trial.done.err)
            assert trial.done.code == "expired-credentials"
        bench.proxy.disturb()
        again = trial.project.run(*scenario.arguments)
        assert again.status == 0, (position, again.err)
        assert bench.state(trial.project.account) == expected.state, position
    assert reached > 0


@pytest.mark.parametrize("scenario", EVERY_FAULT, ids=str)
def test_same_command_goes_on_after_a_killed_process(bench, scenario):
    """The process is killed after each call that changes something."""
    expected = baseline(bench, scenario)
    changes = [
        position
        for position, request in enumerate(bench.proxy.requests, 1)
        if not request.action.startswith(("Describe", "Get", "List"))
    ]
    different = []
    reached = 0
    for position in changes:
        project = bench.prepared(scenario)
        reached += killed(bench, project, scenario, at(position))
        bench.proxy.disturb()
        done = project.run(*scenario.arguments)
        state = bench.state(project.account)
        if (done.status, state) != (scenario.status, expected.state):
            different.append((position, done, state, expected.state))
    assert reached == len(changes) > 0
    assert different == []


def killed(bench, project, scenario, chooses):
    """Run a verb in a process that is killed at a call; return whether it was."""
    process = FORKSERVER.Process(target=project.run, args=scenario.arguments)
    started = threading.Event()

    def kill():
        started.wait()
        os.kill(process.pid, signal.SIGKILL)

    bench.proxy.disturb(Fault("killed", forwards=True, strikes=kill), chooses)
    process.start()
    started.set()
    process.join()
    exit_code = process.exitcode
    process.close()
    assert exit_code in {0, -signal.SIGKILL}
    return exit_code == -signal.SIGKILL


@pytest.mark.parametrize("scenario", EVERY_FAULT, ids=str)
def test_denied_action_is_named(bench, scenario):
    baseline(bench, scenario)
    actions = {request.action: request for request in bench.proxy.requests}
    for action, request in actions.items():
        trial = tried(bench, scenario, DENIED, asking(action))
        if action in OPTIONAL:
            assert trial.done.status == 0, trial.done.err
        else:
            assert (trial.done.status, trial.done.code) == (7, "access-denied"), action
            assert trial.done.details["operation"] == action
            assert f"{request.service}:{action}" in trial.done.details["aws_message"]


@pytest.mark.parametrize("scenario", [CREATION, UPDATE], ids=str)
def test_change_set_that_may_not_be_executed_is_removed(bench, scenario):
    """The stack in review is removed with its termination protection."""
    bench.write(scenario)
    before = bench.state(bench.prepared(scenario).account)
    trial = tried(bench, scenario, DENIED, asking("ExecuteChangeSet"))
    assert trial.struck
    assert without_policies(trial.state) == without_policies(before)


def without_policies(state):
    """Return a state without what an update sets before it is executed."""
    return {**state, "stacks": [{**stack, "policy": None} for stack in state["stacks"]]}


def test_unknown_credentials_are_reported(bench):
    bench.write(CREATION)
    trial = tried(bench, CREATION, UNKNOWN, from_(1))
    assert (trial.done.status, trial.done.code) == (7, "unknown-credentials")


@pytest.mark.parametrize("scenario", [CREATION, PLANNED_CREATION, DESTRUCTION], ids=str)
def test_missing_connection_is_reported_in_one_line(bench, scenario):
    bench.write(scenario)
    done = bench.project("1" * 12).run(*scenario.arguments, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert (done.status, done.code) == (7, "unreachable")
    assert done.err.count("\n") == 1


def test_timeout_leaves_the_operation_running(bench):
    """The next deployment waits for it."""
    bench.write(SLOW)
    project = bench.prepared(SLOW)
    done = project.run(*SLOW.arguments, "--timeout", "0.2")
    assert (done.status, done.code) == (6, "timed-out")
    bench.write(CREATION)
    again = project.run(*CREATION.arguments)
    assert (again.status, again.notices) == (0, ["waiting"])


def while_followed(bench):
    """Choose the first requests for events after an execution."""
    executed = []

    def chooses(_, request):
        if request.action == "ExecuteChangeSet":
            executed.append(request)
        return (
            bool(executed)
            and request.action == "DescribeStackEvents"
            and len(bench.proxy.struck) < OUTAGE
        )

    return chooses


OUTAGE = 17
"""More requests than botocore makes for three calls."""


@pytest.mark.parametrize("fault", [THROTTLED, FAILED, UNREACHED], ids=str)
def test_outage_is_waited_out_while_an_operation_is_followed(bench, monkeypatch, fault):
    """And is said once."""
    monkeypatch.setattr(polling, "OUTAGE_PAUSE", 0.01)
    expected = baseline(bench, CREATION)
    trial = tried(bench, CREATION, fault, while_followed(bench))
    assert len(trial.struck) == OUTAGE
    assert trial.result == expected.result, trial.done.err
    assert trial.done.err.count("AWS does not answer") == 1


def test_credentials_that_expire_end_the_following(bench):
    baseline(bench, CREATION)
    trial = tried(bench, CREATION, EXPIRED, while_followed(bench))
    assert (trial.done.status, trial.done.code) == (7, "expired-credentials")


ROLE = "arn:aws:iam::123456789012:role/cloudformation"


@pytest.mark.parametrize("scenario", [CREATION, UPDATE, DESTRUCTION, RECREATION], ids=str)
def test_service_role_is_in_every_call_that_takes_one(bench, scenario):
    bench.write(scenario)
    project = bench.prepared(scenario)
    bench.proxy.disturb()
    assert project.run(*scenario.arguments, "--role-arn", ROLE).status == 0
    takes = {"CreateChangeSet", "DeleteStack"}
    roles = [each.role for each in bench.proxy.requests if each.action in takes]
    assert roles
    assert {*roles} == {ROLE}


def test_change_set_is_checked_before_anything_else_changes(bench):
    """Another deployment executes its own change set after this one was planned."""
    bench.write(UPDATE)
    project = bench.prepared(UPDATE)
    with bench.client("cloudformation", project.account) as cloudformation:

        def overtake():
            cloudformation.delete_change_set(
                StackName=STACK,
                ChangeSetName=cloudformation.list_change_sets(StackName=STACK)["Summaries"][0][
                    "ChangeSetName"
                ],
            )

        seen = []

        def chooses(_, request):
            if request.action == "GetStackPolicy" and not seen:
                seen.append(request)
                overtake()
            return False

        bench.proxy.disturb(LOST, chooses)
        done = project.run(*UPDATE.arguments)
    assert seen
    assert done.status == 0, done.err
    actions = [each.action for each in bench.proxy.requests]
    first = actions.index("CreateChangeSet")
    again = actions.index("CreateChangeSet", first + 1)
    assert not {"SetStackPolicy", "UpdateTerminationProtection"} & {*actions[first:again]}
