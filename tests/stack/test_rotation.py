"""The deployment of new tasks after a rotation of the password."""

import json

import pytest
from jsonata import Jsonata

from checkout import CFN_LINT, run
from resolution import container_of, name_of, only


def definition_of(environment):
    machine = only(environment, "StepFunctions::StateMachine")
    return machine["DefinitionString"]["Fn::ToJsonString"]


def test_rule_matches_the_rotation_of_the_secret_that_the_tasks_use(environments):
    """https://docs.aws.amazon.com/secretsmanager/latest/userguide/event-detail-secret-label-updated-secretsmanager.html."""
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


def test_rule_starts_the_state_machine_with_its_role(environments):
    (target,) = only(environments["defaults"], "Events::Rule")["Targets"]
    assert target["Arn"] == {"Ref": "RollServiceStateMachine"}
    assert target["RoleArn"] == {"Fn::GetAtt": ["StartRollRole", "Arn"]}


def test_state_machine_deploys_the_service_and_waits_for_the_result(environments):
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
    """Evaluate an expression with variables of Step Functions."""
    parsed = Jsonata(expression.removeprefix("{%").removesuffix("%}"))
    frame = parsed.create_frame()
    for name, value in variables.items():
        frame.bind(name, value)
    return parsed.evaluate(None, frame)


def test_primary_deployment_is_found_at_any_position(environments):
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


@pytest.mark.slow
def test_cfn_lint_finds_nothing_in_the_definition(environments, tmp_path):
    """cfn-lint does not check a document in Fn::ToJsonString, so it gets the evaluated document."""
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
def test_only_success_of_the_started_deployment_counts(environments, primary, next_state):
    """The circuit breaker makes another deployment the primary one."""
    state = definition_of(environments["defaults"])["States"]["IsRolled"]
    met = [
        choice["Next"]
        for choice in state["Choices"]
        if evaluate(choice["Condition"], primary=primary, started="new")
    ]
    assert [*met, state["Default"]][0] == next_state
