"""The snapshots that remain after the deletion of their stack."""

from deploying import small_template

HELD = {
    "Database": {
        "Type": "AWS::RDS::DBInstance",
        "Properties": {
            "DBInstanceIdentifier": "database-1",
            "Engine": "postgres",
            "EngineVersion": "17.4",
            "DBInstanceClass": "db.t4g.micro",
            "AllocatedStorage": "20",
            "MasterUsername": "u",
            "ManageMasterUserPassword": True,
        },
    },
    "Cache": {
        "Type": "AWS::ElastiCache::ReplicationGroup",
        "Properties": {
            "ReplicationGroupId": "cache-1",
            "ReplicationGroupDescription": "c",
            "CacheNodeType": "cache.t4g.micro",
            "Engine": "redis",
            "NumCacheClusters": 1,
        },
    },
}


def test_snapshots_that_remain_are_named_at_the_end(project, aws):
    project.write(small_template(HELD))
    done = project.deploy("pr1", "--ignore", "image")
    assert done.status == 0, done.err
    aws("rds").create_db_snapshot(DBSnapshotIdentifier="s-1", DBInstanceIdentifier="database-1")
    aws("elasticache").create_snapshot(SnapshotName="s-2", ReplicationGroupId="cache-1")
    *_, result = project.run("destroy", "pr1", "--yes", "--json").documents
    assert [(each["logical_id"], each["name"]) for each in result["snapshots"]] == [
        ("Cache", "s-2"),
        ("Database", "database-1-final-snapshot"),
        ("Database", "s-1"),
    ]
