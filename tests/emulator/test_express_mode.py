"""Express mode: what CloudFormation keeps, marks and refuses."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from deploying import IMPOSSIBLE
from emulated import STACK, create, described, executed, settled, template
from emulated import change_set as create_change_set

EXPRESS = {"Mode": "EXPRESS", "DisableRollback": False}
WITHOUT_ROLLBACK = EXPRESS | {"DisableRollback": True}
BROKEN = template({"Impossible": IMPOSSIBLE | {"DependsOn": "Topic"}})


def test_change_set_has_a_mode_that_the_stack_then_has(cloudformation):
    made = create_change_set(cloudformation, template(), "CREATE", DeploymentConfig=EXPRESS)
    stack = executed(cloudformation, made)
    assert (stack["StackStatus"], stack["DeploymentConfig"]) == ("CREATE_COMPLETE", EXPRESS)
    events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    reasons = {
        each["LogicalResourceId"]: "express mode" in each["ResourceStatusReason"]
        for each in events
        if each["ResourceStatus"] == "CREATE_COMPLETE"
    }
    assert reasons == {"Topic": True, STACK: False}
    made = create_change_set(cloudformation, template(outputs={"More": "more"}))
    assert described(cloudformation, made)["Status"] == "CREATE_COMPLETE"
    assert executed(cloudformation, made)["DeploymentConfig"]["Mode"] == "STANDARD"


def test_failure_with_rollback_is_rolled_back(cloudformation):
    made = create_change_set(cloudformation, BROKEN, "CREATE", DeploymentConfig=EXPRESS)
    assert executed(cloudformation, made)["StackStatus"] == "ROLLBACK_COMPLETE"


@pytest.mark.parametrize("option", ["OnFailure", "OnStackFailure"])
def test_other_options_about_failures_are_refused(cloudformation, option):
    act = create if option == "OnFailure" else create_change_set
    kind = {} if option == "OnFailure" else {"kind": "CREATE"}
    with pytest.raises(ClientError, match="not supported in express mode"):
        act(cloudformation, template(), **kind, DeploymentConfig=EXPRESS, **{option: "ROLLBACK"})


def test_execution_takes_no_rollback_option_of_its_own(cloudformation):
    made = create_change_set(cloudformation, template(), "CREATE", DeploymentConfig=EXPRESS)
    with pytest.raises(ClientError, match="part of the change set"):
        cloudformation.execute_change_set(ChangeSetName=made["Id"], DisableRollback=True)


def test_failure_without_rollback_is_only_left_in_the_same_mode(cloudformation):
    create(cloudformation, template(), DeploymentConfig=EXPRESS)
    arguments = {"StackName": STACK, "TemplateBody": json.dumps(BROKEN)}
    cloudformation.update_stack(**arguments, DeploymentConfig=WITHOUT_ROLLBACK)
    assert settled(cloudformation)["StackStatus"] == "UPDATE_FAILED"
    with pytest.raises(ClientError, match="not supported after a failure"):
        cloudformation.rollback_stack(StackName=STACK)
    for options in ({}, {"DeploymentConfig": EXPRESS}):
        with pytest.raises(ClientError, match="with rollback disabled"):
            create_change_set(cloudformation, template(), **options)
    assert create_change_set(cloudformation, template(), DeploymentConfig=WITHOUT_ROLLBACK)["Id"]


def test_database_becomes_available_later(cloudformation, aws):
    database = {
        "Type": "AWS::RDS::DBInstance",
        "DeletionPolicy": "Delete",
        "Properties": {"DBInstanceClass": "db.t4g.micro", "Engine": "postgres"},
    }
    body = template({"Database": database}, Metadata={"Emulator": {"ReadySeconds": 0.5}})
    create(cloudformation, body, DeploymentConfig=EXPRESS)

    def state():
        (instance,) = aws("rds").describe_db_instances()["DBInstances"]
        return instance["DBInstanceStatus"]

    assert state() == "creating"
    time.sleep(0.5)
    assert state() == "available"
