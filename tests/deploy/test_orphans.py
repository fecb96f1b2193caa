"""What deleted environments have left behind."""

from deploying import small_template
from iot_pipeline_cfn.deploy.orphans import KINDS, find_orphans, remove_orphans
from preflights import stub

PROJECT = {"Key": "Project", "Value": "iot-pipeline"}


def tags(suffix, *more):
    return [PROJECT, {"Key": "Environment", "Value": suffix}, *more]


TEMPORARY = {"Key": "iot-pipeline:time-to-live", "Value": "3d"}


def leave_behind(aws, suffix, *more):
    """Create what an environment can leave behind."""
    given = tags(suffix, *more)
    aws("logs").create_log_group(logGroupName=f"/ecs/iot-pipeline-{suffix}")
    aws("rds").create_db_instance(
        DBInstanceIdentifier=f"{suffix}-db", DBInstanceClass="db.t4g.micro", Engine="postgres"
    )
    aws("rds").create_db_snapshot(
        DBSnapshotIdentifier=f"{suffix}-kept", DBInstanceIdentifier=f"{suffix}-db", Tags=given
    )
    aws("elasticache").create_replication_group(
        ReplicationGroupId=f"{suffix}-rg", ReplicationGroupDescription="any"
    )
    snapshot = aws("elasticache").create_snapshot(
        SnapshotName=f"{suffix}-kept", ReplicationGroupId=f"{suffix}-rg"
    )["Snapshot"]
    aws("elasticache").add_tags_to_resource(ResourceName=snapshot["ARN"], Tags=given)
    ecs = aws("ecs")
    for _ in range(12):
        made = ecs.register_task_definition(
            family=f"iot-pipeline-{suffix}", containerDefinitions=[{"name": "a", "image": "b"}]
        )
        ecs.deregister_task_definition(taskDefinition=made["taskDefinition"]["taskDefinitionArn"])
    ec2 = aws("ec2")
    ec2.allocate_address(TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": given}])
    group = ec2.create_security_group(
        GroupName=suffix,
        Description="any",
        TagSpecifications=[{"ResourceType": "security-group", "Tags": given}],
    )["GroupId"]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    ec2.create_network_interface(SubnetId=subnet, Groups=[group])


def found(connection):
    orphans, unreadable = find_orphans(connection)
    assert unreadable == {}
    return {(each.kind, each.environment): each.is_removable for each in orphans}


def test_everything_of_a_deleted_environment_is_found_and_removed(aws, connect_to, project):
    """What belongs to an environment, or may, is not found, nor what others have."""
    project.write(small_template())
    project.deploy("pr2")
    leave_behind(aws, "pr1", TEMPORARY)
    leave_behind(aws, "pr2", TEMPORARY)
    for name in ("/iot-pipeline-pr2-database-1", "/ecs/my-iot-pipeline-pr9", "any"):
        aws("logs").create_log_group(logGroupName=name)
    aws("ec2").allocate_address()
    connection = connect_to()
    assert found(connection) == {(kind, "pr1"): True for kind in KINDS}
    results = remove_orphans(connection, find_orphans(connection)[0])
    assert all(each.is_removed for each in results), results
    assert found(connection) == {}
    assert len(aws("ec2").describe_addresses()["Addresses"]) == 2
    assert len(aws("logs").describe_log_groups()["logGroups"]) == 4


def test_snapshots_of_an_environment_without_an_end_stay_with_the_logs(aws, connect_to):
    leave_behind(aws, "staging")
    logs = "/aws/rds/instance/iot-pipeline-prod-database-1/postgresql"
    aws("logs").create_log_group(logGroupName=logs)
    aws("rds").create_db_instance(
        DBInstanceIdentifier="iot-pipeline-prod-database-1",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
    )
    aws("rds").create_db_snapshot(
        DBSnapshotIdentifier="prod-kept", DBInstanceIdentifier="iot-pipeline-prod-database-1"
    )
    orphans, _ = find_orphans(connect_to())
    kept = {each.id for each in orphans if not each.is_removable}
    assert kept == {"staging-kept", logs}
    results = remove_orphans(connect_to(), orphans)
    assert {each.orphan.id for each in results if not each.is_removed} == kept
    assert len(aws("rds").describe_db_snapshots()["DBSnapshots"]) == 2


def test_new_environment_of_the_same_name_keeps_what_was_found(aws, connect_to, project):
    aws("logs").create_log_group(logGroupName="/ecs/iot-pipeline-pr1")
    orphans, _ = find_orphans(connect_to())
    project.write(small_template())
    project.deploy("pr1")
    assert [each.is_removed for each in remove_orphans(connect_to(), orphans)] == [False]


def test_what_cannot_be_listed_or_removed_is_told_and_the_rest_goes_on(aws, connect_to):
    leave_behind(aws, "pr1")
    connection = connect_to()
    stub(
        connection,
        "ec2",
        ("describe_addresses", "UnauthorizedOperation"),
        ("describe_security_groups", {"SecurityGroups": []}),
        ("describe_network_interfaces", {"NetworkInterfaces": []}),
    )
    orphans, unreadable = find_orphans(connection)
    assert unreadable.keys() == {"address"}
    assert {each.kind for each in orphans} == KINDS.keys() - {"address", "interface"}
    stub(connection, "logs", ("delete_log_group", "AccessDeniedException"))
    results = remove_orphans(connection, orphans)
    assert [each.orphan.kind for each in results if each.error] == ["log-group"]
    assert [each.orphan.kind for each in results if each.is_removed] == ["task-definitions"]
