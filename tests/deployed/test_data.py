"""Database, cache, and the credentials of both."""

import json

from .observed import PRIVATE, check

WORKING = {"available", "backing-up", "snapshotting", "storage-optimization"}
"""The states in which a database or a cache answers and is not being changed."""


def test_database_is_postgresql(environment):
    database, outputs = environment.database, environment.outputs
    name = outputs["DatabaseInstanceId"]
    check(
        name,
        database | {"Endpoint": (database["Endpoint"]["Address"], database["Endpoint"]["Port"])},
        {
            "DBInstanceClass": environment.parameters["DatabaseInstanceClass"],
            "DBName": outputs["DatabaseName"],
            "Endpoint": (outputs["DatabaseEndpointAddress"], int(outputs["DatabaseEndpointPort"])),
            "Engine": "postgres",
            "StorageType": "gp3",
        },
    )
    status, storage = database["DBInstanceStatus"], database["AllocatedStorage"]
    assert status in WORKING, f"{name} is in {status}"
    # Storage autoscaling may have enlarged it.
    assert storage >= 20, f"{name} has {storage} GB and should have 20 at least"
    version = database["EngineVersion"]
    assert version.startswith("16."), f"{name} is PostgreSQL {version} and not 16"


def test_database_is_private_and_encrypted(environment):
    name = environment.outputs["DatabaseInstanceId"]
    check(name, environment.database, {"PubliclyAccessible": False, "StorageEncrypted": True})
    if environment.has("EncryptionKey", "customer-managed"):
        key = environment.outputs["EncryptionKeyArn"]
        check(name, environment.database, {"KmsKeyId": key})
    found, wanted = environment.database_subnets, environment.ids(PRIVATE)
    assert found == wanted, f"{name} may be in {sorted(found)} and should in {sorted(wanted)}"


def test_database_requires_tls(environment):
    (group,) = environment.database["DBParameterGroups"]
    name = group["DBParameterGroupName"]
    parameters = environment.list(
        "rds", "describe_db_parameters", "Parameters", DBParameterGroupName=name
    )
    values = {each["ParameterName"]: each.get("ParameterValue") for each in parameters}
    check(name, values, {"rds.force_ssl": "1"})


def test_database_has_the_chosen_protection_and_standby(environment):
    is_protected = environment.has("Durability", "protected")
    check(
        environment.outputs["DatabaseInstanceId"],
        environment.database,
        {
            "BackupRetentionPeriod": 7 if is_protected else 0,
            "DeletionProtection": is_protected and environment.has("DeletionProtection", "enabled"),
            "MultiAZ": environment.has("Availability", "multi-zone"),
        },
    )


def test_cache_is_redis(environment):
    group, outputs = environment.cache, environment.outputs
    multi_zone = environment.has("Availability", "multi-zone")
    (shard,) = group["NodeGroups"]
    state = "enabled" if multi_zone else "disabled"
    check(
        outputs["CacheReplicationGroupId"],
        group
        | {
            "nodes": len(environment.cache_nodes),
            "primary": (shard["PrimaryEndpoint"]["Address"], shard["PrimaryEndpoint"]["Port"]),
            "reader": shard["ReaderEndpoint"]["Address"],
        },
        {
            "AutomaticFailover": state,
            "CacheNodeType": environment.parameters["CacheNodeType"],
            "MultiAZ": state,
            "nodes": 2 if multi_zone else 1,
            "primary": (outputs["CachePrimaryEndpointAddress"], int(outputs["CachePort"])),
            "reader": outputs["CacheReaderEndpointAddress"],
        },
    )
    assert group["Status"] in WORKING, f"{group['ReplicationGroupId']} is in {group['Status']}"
    for node in environment.cache_nodes:
        version = node["EngineVersion"]
        assert node["Engine"] == "redis", f"{node['CacheClusterId']} is {node['Engine']}"
        assert version.startswith("7.1"), f"{node['CacheClusterId']} is Redis {version}, not 7.1"


def test_cache_is_private_and_encrypted(environment):
    name = environment.outputs["CacheReplicationGroupId"]
    check(
        name,
        environment.cache,
        {
            "AtRestEncryptionEnabled": True,
            "AuthTokenEnabled": True,
            "TransitEncryptionEnabled": True,
        },
    )
    found, wanted = environment.cache_subnets, environment.ids(PRIVATE)
    assert found == wanted, f"{name} may be in {sorted(found)} and should in {sorted(wanted)}"


def test_secrets_can_be_read(environment):
    for output, wanted in (
        ("DatabaseSecretArn", {"username", "password"}),
        ("ApplicationSecretArn", {"username", "password"}),
        ("CacheAuthTokenArn", {""}),
    ):
        found = environment.fields_of_secret(output)
        assert wanted <= found, (
            f"{output}: the secret has {sorted(found) or 'nothing'} and lacks "
            f"{sorted(wanted - found)}"
        )


def test_password_is_rotated_by_rds(environment):
    outputs = environment.outputs
    secret = outputs["DatabaseSecretArn"]
    managed = environment.database.get("MasterUserSecret", {})
    assert managed.get("SecretArn") == secret, (
        f"{secret} is not managed by RDS: nobody rotates the password in it"
    )
    described = environment.call("secretsmanager", "describe_secret", SecretId=secret)
    check(secret, described, {"RotationEnabled": True})


def test_rotation_changes_the_password_of_the_application(environment):
    store = states_after_rotation(environment, "DatabaseSecretArn")["StorePassword"]
    secret = environment.outputs["ApplicationSecretArn"]
    check("StorePassword", store["Arguments"], {"SecretId": secret})


def test_rotation_restarts_the_service(environment):
    outputs = environment.outputs
    check(
        "StartRoll",
        states_after_rotation(environment, "ApplicationSecretArn")["StartRoll"]["Arguments"],
        {
            "Cluster": outputs["ClusterName"],
            "ForceNewDeployment": True,
            "Service": outputs["ServiceName"],
        },
    )


def states_after_rotation(environment, output):
    """Return the states of the state machine that the rotation of a secret starts."""
    secret = environment.outputs[output]
    rules = [
        rule
        for rule in environment.list("events", "list_rules", "Rules")
        if secret in json.loads(rule.get("EventPattern", "{}")).get("resources", [])
    ]
    assert rules, f"no rule sees that the password in {secret} is rotated"
    (rule,) = rules
    check(rule["Name"], rule, {"State": "ENABLED"})
    targets = environment.list("events", "list_targets_by_rule", "Targets", Rule=rule["Name"])
    machines = [target["Arn"] for target in targets if ":stateMachine:" in target["Arn"]]
    assert machines, f"{rule['Name']} starts nothing: tasks keep a password that is rotated"
    machine = environment.call(
        "stepfunctions", "describe_state_machine", stateMachineArn=machines[0]
    )
    check(machine["name"], machine, {"status": "ACTIVE"})
    return json.loads(machine["definition"])["States"]
