"""What deleted environments have left behind."""

from deploying import small_template
from iot_pipeline_cfn.deploy.orphans import KINDS, find_orphans, remove_orphans
from preflights import stub

STACK = "aws:cloudformation:stack-name"
SNAPSHOTS = {"database-snapshot", "cache-snapshot"}


def tags(suffix):
    """Return the tags that people can set."""
    found = {"Project": "iot-pipeline", "Environment": suffix}
    return [{"Key": key, "Value": value} for key, value in found.items()]


def leave_behind(aws, suffix):
    """Create what an environment can leave behind."""
    given = tags(suffix)
    system = [*given, {"Key": STACK, "Value": f"iot-pipeline-{suffix}"}]
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
            family=f"iot-pipeline-{suffix}",
            containerDefinitions=[{"name": "a", "image": "b"}],
            tags=[{"key": tag["Key"], "value": tag["Value"]} for tag in given],
        )
        ecs.deregister_task_definition(taskDefinition=made["taskDefinition"]["taskDefinitionArn"])
    ec2 = aws("ec2")
    ec2.allocate_address(TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": system}])
    group = ec2.create_security_group(
        GroupName=suffix,
        Description="any",
        TagSpecifications=[{"ResourceType": "security-group", "Tags": system}],
    )["GroupId"]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    ec2.create_network_interface(SubnetId=subnet, Groups=[group])


def found(connection):
    orphans, unreadable = find_orphans(connection)
    assert unreadable == {}
    return {(each.kind, each.environment): each.is_removable for each in orphans}


def leave_to_others(aws):
    """Create what has names or tags like ours, but is of others, or set aside by people."""
    logs, database = aws("logs"), "iot-pipeline-pr9-database-1"
    names = (
        "/aws/lambda/iot-pipeline-exporter",
        "/aws/codebuild/iot-pipeline-docs",
        "/aws/ecs/containerinsights/iot-pipeline-pr9/prometheus",
        "/ecs/my-iot-pipeline-pr9",
        "/ecs/iot-pipeline-pr2-worker",
        f"/aws/rds/instance/{database}/postgresql",
        "/aws/rds/instance/iot-pipeline-reports/postgresql",
    )
    for name in names:
        logs.create_log_group(logGroupName=name)
    logs.create_log_group(logGroupName="/ecs/iot-pipeline-pr9", tags={STACK: "other"})
    aws("rds").create_db_instance(
        DBInstanceIdentifier=database, DBInstanceClass="db.t4g.micro", Engine="postgres"
    )
    ecs, ec2 = aws("ecs"), aws("ec2")
    made = ecs.register_task_definition(
        family="iot-pipeline-exporter", containerDefinitions=[{"name": "a", "image": "b"}]
    )
    ecs.deregister_task_definition(taskDefinition=made["taskDefinition"]["taskDefinitionArn"])
    for given in ([], [{"ResourceType": "elastic-ip", "Tags": tags("pr9")}]):
        ec2.allocate_address(TagSpecifications=given)


def test_everything_of_a_deleted_environment_is_found_and_removed(aws, connect_to, project):
    """What belongs to an environment, or may, is not found, nor what others have."""
    project.write(small_template())
    project.deploy("pr2")
    leave_behind(aws, "pr1")
    leave_behind(aws, "pr2")
    leave_to_others(aws)
    groups = len(aws("logs").describe_log_groups()["logGroups"])
    addresses = len(aws("ec2").describe_addresses()["Addresses"])
    connection = connect_to()
    kept = {(kind, "pr1"): False for kind in SNAPSHOTS}
    assert found(connection) == {(kind, "pr1"): True for kind in KINDS} | kept
    results = remove_orphans(connection, find_orphans(connection)[0])
    left = {each.orphan.kind for each in results if not each.is_removed}
    assert (left, [each.error for each in results if each.error]) == (SNAPSHOTS, [])
    assert found(connection) == kept
    assert len(aws("ec2").describe_addresses()["Addresses"]) == addresses - 1
    assert len(aws("logs").describe_log_groups()["logGroups"]) == groups - 1


def test_logs_of_a_deleted_database_stay_with_its_snapshots(aws, connect_to):
    rds, database = aws("rds"), "iot-pipeline-prod-database-1"
    for name in (database, "iot-pipeline-pr1-database-1"):
        aws("logs").create_log_group(logGroupName=f"/aws/rds/instance/{name}/postgresql")
    rds.create_db_instance(
        DBInstanceIdentifier=database, DBInstanceClass="db.t4g.micro", Engine="postgres"
    )
    rds.create_db_snapshot(DBSnapshotIdentifier="kept", DBInstanceIdentifier=database)
    rds.delete_db_instance(DBInstanceIdentifier=database, SkipFinalSnapshot=True)
    orphans, _ = find_orphans(connect_to())
    removed = {
        each.orphan.environment: each.is_removed for each in remove_orphans(connect_to(), orphans)
    }
    assert removed == {"prod": False, "pr1": True}


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
