"""The state machines of a rotation: their definitions and expressions."""

import json

import pytest
from jsonata import Jsonata

from checkout import CFN_LINT, run
from resolution import of_type


def definition_of(environment, name):
    machine = of_type(environment, "StepFunctions::StateMachine")[f"{name}StateMachine"]
    return machine["DefinitionString"]["Fn::ToJsonString"]


def test_password_is_stored_as_the_secret_has_it(environments):
    """The new value has the shape and the username of the one that CloudFormation generates."""
    secret = of_type(environments["defaults"], "SecretsManager::Secret")["ApplicationSecret"]
    generated = secret["GenerateSecretString"]
    states = definition_of(environments["defaults"], "RotatePassword")["States"]
    password = states["GeneratePassword"]
    assert password["Resource"].endswith(":aws-sdk:secretsmanager:getRandomPassword")
    assert password["Arguments"].items() <= generated.items()
    value = evaluate(password["Assign"]["password"], states={"result": {"RandomPassword": "new"}})
    stored = states[password["Next"]]
    assert stored["Resource"].endswith(":aws-sdk:secretsmanager:putSecretValue")
    assert stored["Arguments"]["SecretId"] == {"Ref": "ApplicationSecret"}
    text = evaluate(stored["Arguments"]["SecretString"], password=value)
    template = json.loads(generated["SecretStringTemplate"])
    assert json.loads(text) == template | {generated["GenerateStringKey"]: "new"}


def test_state_machine_deploys_the_service_and_waits_for_the_result(environments):
    definition = definition_of(environments["defaults"], "RollService")
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
    states = definition_of(environments["defaults"], "RollService")["States"]
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


def evaluated_machine(environments, name):
    definition = json.dumps(definition_of(environments["defaults"], name))
    for reference in (
        '{"Ref": "ApplicationSecret"}',
        '{"Ref": "Cluster"}',
        '{"Fn::GetAtt": ["Service", "Name"]}',
    ):
        definition = definition.replace(reference, '"any"')
    role = "arn:aws:iam::123456789012:role/any"
    return {
        "Properties": {"DefinitionString": definition, "RoleArn": role},
        "Type": "AWS::StepFunctions::StateMachine",
    }


@pytest.mark.slow
def test_cfn_lint_finds_nothing_in_the_definitions(environments, tmp_path):
    """cfn-lint does not check documents in Fn::ToJsonString, so it gets the evaluated ones."""
    machines = {
        name: evaluated_machine(environments, name) for name in ("RollService", "RotatePassword")
    }
    (tmp_path / "template.json").write_text(json.dumps({"Resources": machines}))
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
    state = definition_of(environments["defaults"], "RollService")["States"]["IsRolled"]
    met = [
        choice["Next"]
        for choice in state["Choices"]
        if evaluate(choice["Condition"], primary=primary, started="new")
    ]
    assert [*met, state["Default"]][0] == next_state
