"""From a rotated password to fresh tasks."""

import json

import pytest
from jsonata import Jsonata

from checkout import CFN_LINT, run
from resolution import container_of, name_of, of_type, only


def definition_of(environment):
    machine = only(environment, "StepFunctions::StateMachine")
    return machine["DefinitionString"]["Fn::ToJsonString"]


def test_rule_sees_the_rotation_of_the_secret_that_the_tasks_use(environments):
    """Secrets Manager's own event, which needs no CloudTrail.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/event-detail-secret-label-updated-secretsmanager.html
    """
    environment = environments["defaults"]
    pattern = only(environment, "Events::Rule")["EventPattern"]
    assert pattern == {
        "detail": {"labelUpdated": ["AWSCURRENT"]},
        "detail-type": ["Secret Label Updated"],
        "resources": [{"Fn::GetAtt": ["Database", "MasterUserSecret.SecretArn"]}],
        "source": ["aws.secretsmanager"],
    }
    container = container_of(environment)
    (secret,) = (name_of(resource) for resource in pattern["resources"])
    assert sum(secret in name_of(entry["ValueFrom"]) for entry in container["Secrets"]) == 2


def test_rule_starts_the_state_machine(environments):
    """With a role of its own."""
    (target,) = only(environments["defaults"], "Events::Rule")["Targets"]
    assert target["Arn"] == {"Ref": "RollServiceStateMachine"}
    assert target["RoleArn"] == {"Fn::GetAtt": ["StartRollRole", "Arn"]}


def test_state_machine_rolls_the_service_and_waits_for_the_outcome(environments):
    """It fails when the tasks with the new password do not come up, and ends in any case."""
    definition = definition_of(environments["defaults"])
    states = definition["States"]
    roll = states[definition["StartAt"]]
    assert roll["Resource"] == "arn:aws:states:::aws-sdk:ecs:updateService"
    assert roll["Arguments"] == {
        "Cluster": {"Ref": "Cluster"},
        "ForceNewDeployment": True,
        "Service": {"Fn::GetAtt": ["Service", "Name"]},
    }
    assert definition["TimeoutSeconds"] > 0
    assert states["Rolled"]["Type"] == "Succeed"
    assert states["RolledBack"]["Type"] == "Fail"


DEPLOYMENTS = [
    {"Id": "old", "RolloutState": "COMPLETED", "Status": "ACTIVE"},
    {"Id": "new", "RolloutState": "IN_PROGRESS", "Status": "PRIMARY"},
]


def evaluate(expression, **variables):
    """Return what an expression comes to, with the variables that Step Functions gives it."""
    parsed = Jsonata(expression.removeprefix("{%").removesuffix("%}"))
    frame = parsed.create_frame()
    for name, value in variables.items():
        frame.bind(name, value)
    return parsed.evaluate(None, frame)


def test_primary_deployment_is_found_in_what_ecs_answers(environments):
    """Wherever it stands among the deployments."""
    states = definition_of(environments["defaults"])["States"]
    started = evaluate(
        states["StartRoll"]["Assign"]["started"],
        states={"result": {"Service": {"Deployments": DEPLOYMENTS}}},
    )
    primary = evaluate(
        states["DescribeService"]["Assign"]["primary"],
        states={"result": {"Services": [{"Deployments": DEPLOYMENTS[::-1]}]}},
    )
    assert started == "new"
    assert primary == DEPLOYMENTS[1]


def test_cfn_lint_finds_nothing_in_the_definition(environments, tmp_path):
    """It does not look into Fn::ToJsonString, so here it gets what that comes to."""
    definition = json.dumps(definition_of(environments["defaults"]))
    for reference in ('{"Ref": "Cluster"}', '{"Fn::GetAtt": ["Service", "Name"]}'):
        definition = definition.replace(reference, '"any"')
    role = "arn:aws:iam::123456789012:role/any"
    machine = {
        "Properties": {"DefinitionString": definition, "RoleArn": role},
        "Type": "AWS::StepFunctions::StateMachine",
    }
    (tmp_path / "template.json").write_text(json.dumps({"Resources": {"Machine": machine}}))
    found = run(CFN_LINT, "template.json", cwd=tmp_path)
    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.parametrize(
    ("primary", "next_state"),
    [
        ({"Id": "new", "RolloutState": "IN_PROGRESS"}, "Wait"),
        ({"Id": "new", "RolloutState": "COMPLETED"}, "Rolled"),
        ({"Id": "new", "RolloutState": "FAILED"}, "RolledBack"),
        ({"Id": "other", "RolloutState": "IN_PROGRESS"}, "RolledBack"),
        ({"Id": "other", "RolloutState": "COMPLETED"}, "RolledBack"),
    ],
)
def test_only_the_deployment_that_was_started_counts(environments, primary, next_state):
    """The circuit breaker makes another one the primary, which then completes."""
    state = definition_of(environments["defaults"])["States"]["IsRolled"]
    met = [
        choice["Next"]
        for choice in state["Choices"]
        if evaluate(choice["Condition"], primary=primary, started="new")
    ]
    assert [*met, state["Default"]][0] == next_state


def test_every_state_can_be_reached_and_leads_to_an_end(environments):
    """No state is left over, and none is missing."""
    definition = definition_of(environments["defaults"])
    states = definition["States"]
    reached, to_do = set(), [definition["StartAt"]]
    while to_do:
        name = to_do.pop()
        if name not in reached:
            reached.add(name)
            state = states[name]
            to_do += [choice["Next"] for choice in state.get("Choices", [])]
            to_do += [state[key] for key in ("Next", "Default") if key in state]
    assert reached == states.keys()


def test_failed_roll_raises_an_alarm(environments):
    """Whether it failed, timed out, or could not be started."""
    alarm = of_type(environments["defaults"], "CloudWatch::Alarm")["RotationFailedAlarm"]
    watched = {
        (stat["Metric"]["MetricName"], name_of(stat["Metric"]["Dimensions"][0]["Value"]))
        for query in alarm["Metrics"]
        if (stat := query.get("MetricStat"))
    }
    assert watched == {
        ("ExecutionsFailed", "RollServiceStateMachine"),
        ("ExecutionsTimedOut", "RollServiceStateMachine"),
        ("FailedInvocations", "DatabaseSecretRotatedRule"),
    }
