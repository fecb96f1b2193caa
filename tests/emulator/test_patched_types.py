"""Resource types that the emulator patches, and all of them in whole environments."""

import json
import time

import pytest

from checkout import ENVIRONMENTS
from emulated import (
    TAGS,
    created,
    delete,
    outputs,
    parameters_of,
    reasons,
    tags,
)
from iot_pipeline_cfn.rehearsal.leftovers import list_resources


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_is_created_and_deleted_without_leftovers(aws, deploy, environment):
    given = parameters_of(environment, aws)
    before = list_resources(aws)
    stack = deploy(given)
    assert stack["StackStatus"] == "CREATE_COMPLETE", reasons(aws("cloudformation"), stack)
    assert list_resources(aws) != before
    if given.get("Durability", "protected") == "protected":
        stack = deploy(given | {"DeletionProtection": "disabled"}, "UPDATE")
        assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert delete(aws("cloudformation"), stack)["StackStatus"] == "DELETE_COMPLETE"
    assert list_resources(aws) == before


def test_protected_environment_is_not_deleted(aws, deploy):
    stack = deploy(ENVIRONMENTS["prod"])
    assert delete(aws("cloudformation"), stack)["StackStatus"] == "DELETE_FAILED"
    failed = reasons(aws("cloudformation"), stack)
    assert "Cannot delete protected DB Instance" in failed["Database"]
    assert "cannot be deleted because deletion protection is enabled" in failed["LoadBalancer"]


def test_alarm_on_an_expression_is_described(aws, deploy):
    deploy(ENVIRONMENTS["prod"])
    (alarm,) = aws("cloudwatch").describe_alarms(AlarmNames=["iot-pipeline-any/CacheEvictions"])[
        "MetricAlarms"
    ]
    assert [metric["Id"] for metric in alarm["Metrics"]] == ["e1", "m1", "m2"]
    assert alarm["Threshold"] == 0
    assert "MetricName" not in alarm


def test_managed_password_of_the_database_is_a_secret(aws, deploy):
    stack = deploy(ENVIRONMENTS["small"])
    arn = outputs(stack)["DatabaseSecretArn"]
    secret = aws("secretsmanager").get_secret_value(SecretId=arn)
    assert secret["Name"].startswith("rds!db-")
    content = json.loads(secret["SecretString"])
    assert content["username"] == "iot"
    assert len(content["password"]) > 30
    (instance,) = aws("rds").describe_db_instances()["DBInstances"]
    assert instance["MasterUserSecret"]["SecretArn"] == arn


def test_managed_password_survives_an_update(aws, deploy):
    given = ENVIRONMENTS["small"]
    before = outputs(deploy(given))["DatabaseSecretArn"]
    stack = deploy(given | {"DatabaseInstanceClass": "db.t4g.large"}, "UPDATE")
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    (instance,) = aws("rds").describe_db_instances()["DBInstances"]
    assert instance["DBInstanceClass"] == "db.t4g.large"
    assert outputs(stack)["DatabaseSecretArn"] == before


def test_secret_of_the_cache_keeps_its_arn_and_value_in_an_update(aws, deploy, monkeypatch):
    stack = deploy(ENVIRONMENTS["small"])
    (group,) = aws("elasticache").describe_replication_groups()["ReplicationGroups"]
    assert group["AuthTokenEnabled"]
    arn = outputs(stack)["CacheAuthTokenArn"]
    before = aws("secretsmanager").get_secret_value(SecretId=arn)
    assert before["ARN"] == arn
    monkeypatch.setitem(TAGS[0], "Value", "somebody else")
    stack = deploy(ENVIRONMENTS["small"], "UPDATE")
    assert outputs(stack)["CacheAuthTokenArn"] == arn
    assert tags(aws("secretsmanager").describe_secret(SecretId=arn))["Owner"] == "somebody else"
    after = aws("secretsmanager").get_secret_value(SecretId=arn)
    assert after["SecretString"] == before["SecretString"]


def test_managed_password_is_rotated_on_request(aws, deploy):
    found = outputs(deploy({"ImageTag": "v1"}))
    secret, ecs = found["DatabaseSecretArn"], aws("ecs")

    def deployment():
        answer = ecs.describe_services(
            cluster=found["ClusterName"], services=[found["ServiceName"]]
        )
        return answer["services"][0]["deployments"][0]["id"]

    def password():
        return json.loads(aws("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])

    before = password(), deployment()
    aws("rds").modify_db_instance(
        DBInstanceIdentifier=found["DatabaseInstanceId"],
        RotateMasterUserPassword=True,
        ApplyImmediately=True,
    )
    after = password()
    assert after["username"] == before[0]["username"]
    assert after["password"] != before[0]["password"]
    while deployment() == before[1]:
        time.sleep(0.02)


def test_key_has_the_waiting_period_of_the_template(aws, deploy):
    stack = deploy(ENVIRONMENTS["small"] | {"EncryptionKey": "customer-managed"})
    key = outputs(stack)["EncryptionKeyArn"]
    assert delete(aws("cloudformation"), stack)["StackStatus"] == "DELETE_COMPLETE"
    described = aws("kms").describe_key(KeyId=key)["KeyMetadata"]
    assert described["KeyState"] == "PendingDeletion"
    assert 6 <= (described["DeletionDate"] - described["CreationDate"]).days <= 7


def test_enhanced_security_policy_needs_an_access_mode(aws):
    api = {"Name": "any", "SecurityPolicy": "SecurityPolicy_TLS13_1_3_2025_09"}
    failed = created(aws("cloudformation"), Any=("AWS::ApiGateway::RestApi", api))
    assert "Endpoint access mode is required" in failed["Any"]
