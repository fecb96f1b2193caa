"""Database, cache and registry: how data is kept, and what is left of it."""

import json
import re

import pytest

from resolution import of_type, only, resolve

EPHEMERAL, PROTECTED = {"Durability": "ephemeral"}, {"Durability": "protected"}
PRIVATE_SUBNETS = [{"Ref": "PrivateSubnet1"}, {"Ref": "PrivateSubnet2"}]


def database_of(template, given):
    return only(resolve(template, given), "RDS::DBInstance")


def cache_of(template, given):
    return only(resolve(template, given), "ElastiCache::ReplicationGroup")


def test_database_is_as_the_system_asks(template):
    """PostgreSQL 16, 20 GB gp3 that grows, encrypted, with database iotdb."""
    database = database_of(template, {})
    assert database["Engine"] == "postgres"
    assert re.fullmatch(r"16\.\d+", database["EngineVersion"])
    assert (database["AllocatedStorage"], database["StorageType"]) == ("20", "gp3")
    assert database["MaxAllocatedStorage"] > 20
    assert database["DBName"] == "iotdb"
    assert database["Port"] == "5432"
    assert database["AutoMinorVersionUpgrade"] is True


def test_data_stands_in_the_private_subnets(template):
    """And the database says outright that it has no public address."""
    environment = resolve(template, {})
    assert only(environment, "RDS::DBInstance")["PubliclyAccessible"] is False
    assert only(environment, "RDS::DBSubnetGroup")["SubnetIds"] == PRIVATE_SUBNETS
    assert only(environment, "ElastiCache::SubnetGroup")["SubnetIds"] == PRIVATE_SUBNETS


def test_database_takes_tls_only_and_its_parameters_fit_its_engine(template):
    """A parameter group of another major version would be refused."""
    environment = resolve(template, {})
    group = only(environment, "RDS::DBParameterGroup")
    database = only(environment, "RDS::DBInstance")
    assert group["Parameters"] == {"rds.force_ssl": "1"}
    assert group["Family"] == f"postgres{database['EngineVersion'].split('.')[0]}"
    assert database["DBParameterGroupName"] == {"Ref": "DatabaseParameterGroup"}
    assert database["EnableIAMDatabaseAuthentication"] is True
    assert database["EnableCloudwatchLogsExports"] == ["postgresql", "upgrade"]
    # RDS's own log groups outlive the stack.
    assert "EnableCloudwatchLogsExports" not in database_of(template, EPHEMERAL)


def test_protected_database_is_backed_up_and_leaves_a_snapshot(template):
    """Seven days of backups, no deletion by mistake, and tags on what is left behind."""
    database = database_of(template, PROTECTED)
    assert database["BackupRetentionPeriod"] == 7
    assert database["DeletionProtection"] is True
    assert database["CopyTagsToSnapshot"] is True


def test_protection_can_be_lifted_without_losing_the_snapshots(template):
    """Otherwise a protected stack could be deleted only by making it ephemeral first."""
    environment = resolve(template, PROTECTED | {"DeletionProtection": "disabled"})
    assert only(environment, "RDS::DBInstance")["DeletionProtection"] is False
    assert environment["Resources"]["Database"]["DeletionPolicy"] == "Snapshot"
    load_balancer = only(environment, "ElasticLoadBalancingV2::LoadBalancer")
    attributes = load_balancer["LoadBalancerAttributes"]
    assert {"Key": "deletion_protection.enabled", "Value": "false"} in attributes


def test_ephemeral_database_and_cache_leave_nothing(template):
    """No backups, no snapshots, nothing that stops a deletion."""
    database = database_of(template, EPHEMERAL)
    assert database["BackupRetentionPeriod"] == 0
    assert database["DeletionProtection"] is False
    assert cache_of(template, EPHEMERAL)["SnapshotRetentionLimit"] == 0
    assert cache_of(template, PROTECTED)["SnapshotRetentionLimit"] == 7


@pytest.mark.parametrize("part", ["Cache", "Database"])
@pytest.mark.parametrize("policy", ["DeletionPolicy", "UpdateReplacePolicy"])
def test_durability_decides_what_deletion_leaves(template, part, policy):
    """A function in these attributes needs the transform AWS::LanguageExtensions."""
    assert template["Resources"][part][policy] == {"Fn::If": ["IsProtected", "Snapshot", "Delete"]}
    assert template["Transform"] == "AWS::LanguageExtensions"


def test_availability_doubles_database_and_cache(template):
    """A standby in the other zone, a second node, and failover between the two."""
    for availability, doubled in (("single-zone", False), ("multi-zone", True)):
        given = {"Availability": availability}
        assert database_of(template, given)["MultiAZ"] is doubled
        cache = cache_of(template, given)
        assert cache["NumCacheClusters"] == (2 if doubled else 1)
        assert cache["AutomaticFailoverEnabled"] is cache["MultiAZEnabled"] is doubled
        assert len(cache["PreferredCacheClusterAZs"]) == cache["NumCacheClusters"]


def test_detailed_monitoring_looks_into_the_database(template):
    """The advanced mode of Database Insights keeps fifteen months.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DatabaseInsights.TurningOnAdvanced.html
    """
    detailed = database_of(template, {"Monitoring": "detailed"})
    assert detailed["DatabaseInsightsMode"] == "advanced"
    assert detailed["EnablePerformanceInsights"] is True
    assert detailed["PerformanceInsightsRetentionPeriod"] >= 465
    assert detailed["MonitoringInterval"] == 60
    assert detailed["MonitoringRoleArn"] == {"Fn::GetAtt": ["DatabaseMonitoringRole", "Arn"]}
    basic = database_of(template, {"Monitoring": "basic"})
    assert basic["MonitoringInterval"] == 0
    assert "MonitoringRoleArn" not in basic


def test_cache_is_as_the_system_asks(template):
    """Redis 7.1, encrypted at rest and on the way, opened by the token of the secret."""
    cache = cache_of(template, {})
    assert (cache["Engine"], cache["EngineVersion"], cache["Port"]) == ("redis", "7.1", 6379)
    assert cache["AtRestEncryptionEnabled"] is cache["TransitEncryptionEnabled"] is True
    assert cache["AuthToken"] == {"Fn::Sub": "{{resolve:secretsmanager:${CacheAuthToken}}}"}


def test_auth_token_is_one_that_elasticache_takes(template):
    """16 to 128 characters; letters and digits are always right.

    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html
    """
    generated = only(resolve(template, {}), "SecretsManager::Secret")["GenerateSecretString"]
    assert generated == {"ExcludePunctuation": True, "PasswordLength": 64}


def test_registry_scans_and_never_overwrites_and_can_be_deleted(environments):
    """With images in it as well: otherwise the stack could not go."""
    for environment in environments.values():
        repository = only(environment, "ECR::Repository")
        assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
        assert repository["ImageTagMutability"] == "IMMUTABLE"
        assert repository["EmptyOnDelete"] is True
        policy = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])
        untagged, surplus = (rule["selection"] for rule in policy["rules"])
        assert (untagged["tagStatus"], untagged["countType"]) == ("untagged", "sinceImagePushed")
        assert (surplus["tagStatus"], surplus["countType"]) == ("any", "imageCountMoreThan")
        # Of a tag that runs there may be many newer ones.
        assert surplus["countNumber"] >= 500


def test_every_instance_class_has_its_alarm_on_connections(template):
    """A class without one would fail the stack when it looks the number up."""
    for name in template["Parameters"]["DatabaseInstanceClass"]["AllowedValues"]:
        alarms = of_type(resolve(template, {"DatabaseInstanceClass": name}), "CloudWatch::Alarm")
        assert alarms["DatabaseConnectionsAlarm"]["Threshold"] > 0
