"""The chain of events from the rotation of a password to the deployment of new tasks."""

import pytest

from resolution import containers_of, name_of, of_type

CHAIN = {
    "DatabaseSecretRotatedRule": (
        {"Fn::GetAtt": ["Database", "MasterUserSecret.SecretArn"]},
        "RotatePasswordStateMachine",
    ),
    "ApplicationSecretRotatedRule": ({"Ref": "ApplicationSecret"}, "RollServiceStateMachine"),
}
"""The secret of each rule, and the state machine that a change of it starts."""


@pytest.mark.parametrize(("name", "secret", "machine"), [(n, *pair) for n, pair in CHAIN.items()])
def test_rule_starts_the_state_machine_when_its_secret_changes(environments, name, secret, machine):
    """https://docs.aws.amazon.com/secretsmanager/latest/userguide/event-detail-secret-label-updated-secretsmanager.html."""
    rule = of_type(environments["defaults"], "Events::Rule")[name]
    assert rule["EventPattern"] == {
        "detail": {"labelUpdated": ["AWSCURRENT"]},
        "detail-type": ["Secret Label Updated"],
        "resources": [secret],
        "source": ["aws.secretsmanager"],
    }
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Ref": machine}


def test_secrets_of_the_rules_are_those_of_the_containers(environments):
    environment = environments["defaults"]
    injected = {
        name_of(entry["ValueFrom"]).removeprefix("${").partition("}")[0]
        for container in containers_of(environment).values()
        for entry in container["Secrets"]
        if entry["Name"].endswith("_PASSWORD")
    }
    assert injected == {name_of(secret) for secret, _ in CHAIN.values()}


def test_password_is_in_no_history_and_no_log(environments):
    """Step Functions keeps the history of standard executions, with their data, for 90 days."""
    for environment in environments.values():
        machines = of_type(environment, "StepFunctions::StateMachine")
        assert machines["RotatePasswordStateMachine"]["StateMachineType"] == "EXPRESS"
        for machine in machines.values():
            logging = machine["LoggingConfiguration"]
            assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)
            (destination,) = logging["Destinations"]
            arn = destination["CloudWatchLogsLogGroup"]["LogGroupArn"]
            assert arn == {"Fn::GetAtt": ["RotationLogGroup", "Arn"]}
        name = of_type(environment, "Logs::LogGroup")["RotationLogGroup"]["LogGroupName"]
        assert name_of(name).startswith("/aws/vendedlogs/states/")


def test_events_that_start_nothing_wait_in_the_dead_letter_queue(environments):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html."""
    arn = {"Fn::GetAtt": ["RotationDeadLetterQueue", "Arn"]}
    for environment in environments.values():
        rules = of_type(environment, "Events::Rule")
        assert rules.keys() == CHAIN.keys()
        targets = [target for rule in rules.values() for target in rule["Targets"]]
        assert [target["DeadLetterConfig"] for target in targets] == [{"Arn": arn}] * 2
        queue = of_type(environment, "SQS::Queue")["RotationDeadLetterQueue"]
        assert queue["SqsManagedSseEnabled"] is True
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
        policy = of_type(environment, "SQS::QueuePolicy")["RotationDeadLetterQueuePolicy"]
        send, _ = policy["PolicyDocument"]["Statement"]
        assert send["Principal"] == {"Service": "events.amazonaws.com"}
        assert (send["Action"], send["Resource"]) == (["sqs:SendMessage"], [arn])
        sources = send["Condition"]["ArnEquals"]["aws:SourceArn"]
        assert {name_of(source) for source in sources} == {f"{name}.Arn" for name in rules}
