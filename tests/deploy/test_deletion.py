"""Taking environments down, and operations that others began or a person ends."""

import json
import signal
import subprocess
import threading
import time

import pytest

from checkout import ROOT
from deploying import (
    BUCKET,
    IMPOSSIBLE,
    PROGRAM,
    small_template,
    stack_of,
    topic,
    way_named_in,
)
from iot_pipeline_cfn.rehearsal.leftovers import list_resources

PROTECTED = {"Parameters": {"DeletionProtection": "enabled", "Durability": "protected"}}
UNPROTECT = ("--parameter", "DeletionProtection=disabled")
LATER = 1.5
"""Seconds in which a command comes to where it waits, on a busy machine too."""

WAITS = {
    "Waits": {
        "Type": "AWS::CloudFormation::WaitCondition",
        "CreationPolicy": {"ResourceSignal": {"Timeout": "PT20S"}},
    },
    "After": topic() | {"DependsOn": "Waits"},
}
"""Resources with which an operation goes on until it is signalled."""

HELD = {
    "Type": "AWS::RDS::DBInstance",
    "DeletionPolicy": "Delete",
    "Properties": {"DeletionProtection": True},
}
"""A resource that refuses to be deleted."""


def deploy_real(project, kind):
    """Deploy the real template as an environment of a kind."""
    template = (ROOT / "templates/iot-pipeline.json").read_text()
    file = json.loads((ROOT / f"parameters/{kind}.json").read_text())
    project.write(template, **{kind: file})
    done = project.deploy(kind)
    assert done.status == 0, done.err[-500:]


def signal_success(aws, suffix="pr1"):
    """Let the resource that an operation waits for come to its end."""
    aws("cloudformation").signal_resource(
        StackName=f"iot-pipeline-{suffix}",
        LogicalResourceId="Waits",
        UniqueId="1",
        Status="SUCCESS",
    )


def start_update(project):
    """Leave an update running, as somebody else would."""
    project.deploy("pr1")
    project.write(small_template(WAITS))
    done = project.deploy("pr1", "--timeout", "0.3")
    assert done.status == 6
    return done


@pytest.mark.parametrize("kind", ["pr", "staging"])
def test_nothing_of_an_environment_remains(project, aws, kind):
    """In any service; a protected one has to be unprotected first, and leaves its snapshots."""
    before = list_resources(aws)
    deploy_real(project, kind)
    if kind == "staging":
        assert project.deploy(kind, *UNPROTECT).status == 0
    done = project.run("destroy", kind, "--yes")
    assert done.status == 0, done.err
    kept = done.err.count("a final snapshot is kept")
    assert kept == (2 if kind == "staging" else 0)
    assert done.last_line == f"{kind} is deleted"
    assert list_resources(aws) == before


def test_destroying_twice_is_fine(project):
    """What is absent cannot be deleted, which is no failure."""
    project.deploy("pr1")
    assert project.run("destroy", "pr1", "--yes").status == 0
    done = project.run("destroy", "pr1", "--yes")
    assert (done.status, done.err) == (0, "there is no environment pr1: nothing to delete\n")


def test_protected_environment_is_refused_and_the_way_is_named(project, aws):
    """The way works as it is named, and protection comes back with the next deployment."""
    project.write(small_template(), prod=PROTECTED)
    project.deploy("prod")
    assert stack_of(aws, "prod")["EnableTerminationProtection"]
    refused = project.run("destroy", "prod", "--yes", "--force")
    assert (refused.status, refused.code) == (1, "protected")
    assert stack_of(aws, "prod")["StackStatus"] == "CREATE_COMPLETE"
    way = way_named_in(refused.last_line)
    assert project.run(*way, "--yes").status == 0
    assert not stack_of(aws, "prod")["EnableTerminationProtection"]
    assert project.deploy("prod").status == 0
    assert stack_of(aws, "prod")["EnableTerminationProtection"]
    project.run(*way, "--yes")
    assert project.run("destroy", "prod", "--yes").status == 0


def test_protection_is_there_before_the_first_resource(project, aws):
    """And no verb that only looks sets it."""
    project.write(small_template(WAITS), prod=PROTECTED)
    project.run("plan", "prod")
    assert project.deploy("prod", "--timeout", "0.2").status == 6
    assert stack_of(aws, "prod")["StackStatus"] == "CREATE_IN_PROGRESS"
    assert stack_of(aws, "prod")["EnableTerminationProtection"]
    signal_success(aws, "prod")


def test_failed_creation_of_a_protected_environment_can_be_destroyed(project, aws):
    """Database and load balancer are protected by then, but nobody has ever used them."""
    template = json.loads((ROOT / "templates/iot-pipeline.json").read_text())
    template["Resources"]["Impossible"] = IMPOSSIBLE | {"DependsOn": ["Service"]}
    project.write(template, prod=json.loads((ROOT / "parameters/prod.json").read_text()))
    before = list_resources(aws)
    failed = project.deploy("prod")
    assert failed.status == 5
    assert "Impossible (AWS::EC2::NatGateway)" in failed.err
    assert stack_of(aws, "prod")["StackStatus"] == "ROLLBACK_FAILED"
    refused = project.deploy("prod")
    assert refused.status == 1
    assert refused.code == "rollback-failed"
    way = way_named_in(failed.last_line)
    done = project.run(*way, "--yes")
    assert done.status == 0, done.err[-1000:]
    assert list_resources(aws) == before


def test_what_holds_a_deletion_is_named_and_force_leaves_it_behind(project, aws):
    """After it was tried twice, since what was in use may be free by then."""
    project.write(small_template({"Database": HELD}))
    project.deploy("pr1")
    done = project.run("destroy", "pr1", "--yes")
    assert done.status == 5
    assert done.code == "deletion-failed"
    (failure,) = done.details["failures"]
    assert "Cannot delete protected DB Instance" in failure["reason"]
    refused = project.deploy("pr1")
    assert (refused.status, refused.code) == (1, "deletion-failed")
    assert project.run("destroy", "pr1", "--yes", "--force").status == 0
    assert len(aws("rds").describe_db_instances()["DBInstances"]) == 1
    assert aws("sns").list_topics()["Topics"] == []


def test_what_can_be_deleted_the_second_time_is(project, aws):
    """By the command that the message names."""
    project.write(small_template({"Database": HELD}))
    project.deploy("pr1")
    failed = project.run("destroy", "pr1", "--yes")
    (database,) = aws("rds").describe_db_instances()["DBInstances"]
    aws("rds").modify_db_instance(
        DBInstanceIdentifier=database["DBInstanceIdentifier"], DeletionProtection=False
    )
    assert project.run(*way_named_in(failed.err), "--yes").status == 0


def test_operation_of_others_is_waited_for(project, aws):
    """Then the deployment goes on, and finds that there is nothing left to do."""
    done = start_update(project)
    assert done.code == "timed-out"
    threading.Timer(LATER, signal_success, [aws]).start()
    waited = project.deploy("pr1")
    assert waited.status == 0, waited.err
    assert "is in UPDATE_IN_PROGRESS" in waited.err
    assert "nothing to change" in waited.err


def test_operation_of_others_can_be_refused_instead(project, aws):
    """With `--no-wait`, and without touching it."""
    start_update(project)
    for verb in (["deploy", "pr1", "--yes"], ["plan", "pr1"], ["destroy", "pr1", "--yes"]):
        done = project.run(*verb, "--no-wait")
        assert (done.status, done.code) == (1, "busy")
    assert stack_of(aws)["StackStatus"] == "UPDATE_IN_PROGRESS"
    signal_success(aws)


def test_running_operation_can_be_followed(project, aws):
    """To its end, by the command that the time-out named."""
    way = way_named_in(start_update(project).last_line)
    threading.Timer(LATER, signal_success, [aws]).start()
    followed = project.run(*way)
    assert followed.status == 0
    first, *_, last = followed.out.splitlines()
    assert "UPDATE_IN_PROGRESS    iot-pipeline-pr1" in first
    assert "UPDATE_COMPLETE       iot-pipeline-pr1" in last


def test_following_a_failure_is_no_success(project, aws):
    """The exit code is that of the operation; afterwards the failed environment is gone."""
    impossible = IMPOSSIBLE | {"DependsOn": "Waits"}
    project.write(small_template(WAITS | {"Impossible": impossible}))
    way = way_named_in(project.deploy("pr1", "--timeout", "0.3").last_line)
    threading.Timer(LATER, signal_success, [aws]).start()
    followed = project.run(*way)
    assert (followed.status, followed.code) == (4, "operation-failed")
    assert followed.details == {"status": "DELETE_COMPLETE"}
    assert project.run(*way).status == 1


def test_update_can_be_cancelled(project, aws):
    """It rolls back, which is what was asked for."""
    start_update(project)
    threading.Timer(LATER, signal_success, [aws]).start()
    done = project.run("cancel", "pr1")
    assert done.status == 0, done.err
    assert done.last_line == "pr1 is in UPDATE_ROLLBACK_COMPLETE"
    again = project.run("cancel", "pr1")
    assert (again.status, again.code) == (1, "no-update")


def test_creation_in_progress_is_destroyed_by_destroy(project):
    """Since CloudFormation cannot cancel it."""
    project.write(small_template(WAITS))
    assert project.deploy("pr1", "--timeout", "0.3").status == 6
    refused = project.run("cancel", "pr1")
    assert refused.code == "cannot-cancel-creation"
    assert project.run("destroy", "pr1", "--yes").status == 0
    assert project.run("list").out == ""


def test_update_that_was_left_halfway_is_rolled_back_first(project, aws):
    """Somebody has told CloudFormation to keep what had been updated when it failed."""
    project.deploy("pr1")
    cloudformation = aws("cloudformation")
    change_set = cloudformation.create_change_set(
        StackName="iot-pipeline-pr1",
        ChangeSetName="halfway",
        TemplateBody=json.dumps(small_template({"Impossible": IMPOSSIBLE})),
        Parameters=[{"ParameterKey": "EnvironmentSuffix", "UsePreviousValue": True}],
    )["Id"]
    cloudformation.execute_change_set(ChangeSetName=change_set, DisableRollback=True)
    while stack_of(aws)["StackStatus"] == "UPDATE_IN_PROGRESS":
        time.sleep(0.05)
    assert stack_of(aws)["StackStatus"] == "UPDATE_FAILED"
    refused = project.run("plan", "pr1")
    assert (refused.status, refused.code) == (1, "update-failed")
    done = project.deploy("pr1", "--image-tag", "v1")
    assert done.status == 0, done.err
    assert "is in UPDATE_FAILED" in done.err
    assert stack_of(aws)["StackStatus"] == "UPDATE_COMPLETE"


def start(project, *arguments):
    """Start `iot-pipeline` where there is nobody to ask."""
    return subprocess.Popen(
        [PROGRAM, *arguments],
        cwd=project.directory,
        env=project.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupt(process, aws, status, number=signal.SIGINT, suffix="pr1"):
    """Interrupt a process once it follows an operation."""
    shown = ""
    while "Waits" not in shown.partition("_IN_PROGRESS")[2]:
        shown += process.stderr.readline()
    assert stack_of(aws, suffix)["StackStatus"] == status
    time.sleep(0.2)
    process.send_signal(number)


def ended(process):
    """Return the exit code of a process, and the rest of what it said."""
    with process:
        said = process.communicate(timeout=30)[1]
    return process.returncode, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_deployment_goes_on_and_can_be_attached_to(project, aws, number):
    """Where there is nobody to ask; the message says how."""
    project.deploy("pr1")
    project.write(small_template(WAITS))
    process = start(project, "deploy", "pr1", "--yes", *BUCKET)
    interrupt(process, aws, "UPDATE_IN_PROGRESS", number)
    status, said = ended(process)
    assert status == 130
    assert "Traceback" not in said
    threading.Timer(LATER, signal_success, [aws]).start()
    assert project.run(*way_named_in(said)).status == 0
    assert stack_of(aws)["StackStatus"] == "UPDATE_COMPLETE"


def test_interruption_cancels_where_that_was_wanted(project, aws):
    """And the roll-back is followed to its end."""
    project.deploy("pr1")
    project.write(small_template(WAITS))
    process = start(project, "deploy", "pr1", "--yes", *BUCKET, "--on-interrupt", "cancel")
    interrupt(process, aws, "UPDATE_IN_PROGRESS")
    time.sleep(0.5)
    signal_success(aws)
    status, said = ended(process)
    assert status == 4, said
    assert "it was cancelled" in said
    assert "it is as it was before" in said
    assert stack_of(aws)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_interruption_of_a_protected_creation_can_be_destroyed(project, aws):
    """What was created by then is protected, and nobody has used it."""
    resources = WAITS | {"Database": HELD}
    resources["Waits"] = resources["Waits"] | {"DependsOn": "Database"}
    project.write(small_template(resources), prod=PROTECTED)
    process = start(project, "deploy", "prod", "--yes", *BUCKET, "--on-interrupt", "cancel")
    interrupt(process, aws, "CREATE_IN_PROGRESS", suffix="prod")
    status, said = ended(process)
    assert status == 5, said
    assert stack_of(aws, "prod")["StackStatus"] == "DELETE_FAILED"
    done = project.run(*way_named_in(said), "--yes")
    assert done.status == 0, done.err
    assert aws("rds").describe_db_instances()["DBInstances"] == []


@pytest.mark.parametrize("verb", ["plan", "deploy"])
def test_operation_of_others_is_never_cancelled(project, aws, verb):
    """An interruption while waiting for it leaves it, whatever was wanted."""
    start_update(project)
    yes = ["--yes"] if verb == "deploy" else []
    process = start(project, verb, "pr1", *yes, *BUCKET, "--on-interrupt", "cancel")
    interrupt(process, aws, "UPDATE_IN_PROGRESS")
    assert ended(process)[0] == 130
    assert stack_of(aws)["StackStatus"] == "UPDATE_IN_PROGRESS"
    signal_success(aws)


def test_template_of_somebody_else_can_be_destroyed(project, aws):
    """One that was sent in YAML cannot be read here; its policies decide all the same."""
    body = "Resources: {Topic: {Type: 'AWS::SNS::Topic', DeletionPolicy: Retain}}"
    aws("cloudformation").create_stack(
        StackName="iot-pipeline-pr1",
        TemplateBody=body,
        Tags=[{"Key": "iot-pipeline:environment", "Value": "pr1"}],
    )
    assert not json.loads(project.run("status", "pr1", "--json").out)["in_step_with_template"]
    done = project.run("destroy", "pr1", "--yes")
    assert done.status == 0
    assert "deleted or kept" in done.err


def test_what_force_leaves_behind_is_named(project):
    """Since somebody has to remove it."""
    project.write(small_template({"Database": HELD}))
    project.deploy("pr1")
    done = project.run("destroy", "pr1", "--yes", "--force")
    assert done.status == 0, done.err
    assert "pr1 is deleted, but for Database (" in done.last_line
