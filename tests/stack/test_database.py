"""The database: engine, encryption, backups, and what a deletion keeps."""

import re

import pytest

from resolution import of_type, only, resolve

EPHEMERAL, PROTECTED = {"Durability": "ephemeral"}, {"Durability": "protected"}


def database_of(template, given):
    return only(resolve(template, given), "RDS::DBInstance")


def test_database_is_postgresql_16_with_growing_storage(template):
    database = database_of(template, {})
    assert database["Engine"] == "postgres"
    assert re.fullmatch(r"16\.\d+", database["EngineVersion"])
    assert (database["AllocatedStorage"], database["StorageType"]) == ("20", "gp3")
    assert database["MaxAllocatedStorage"] > 20
    assert database["DBName"] == "iotdb"
    assert database["Port"] == "5432"
    assert database["AutoMinorVersionUpgrade"] is True
    assert database["EnableIAMDatabaseAuthentication"] is False


def test_extended_support_is_off(template):
    """It costs, is on by default, and cannot be changed later."""
    support = database_of(template, {})["EngineLifecycleSupport"]
    assert support == "open-source-rds-extended-support-disabled"


def test_database_is_in_the_private_subnets(environments):
    """Without a subnet group, RDS uses the default VPC of the account."""
    for environment in environments.values():
        database = only(environment, "RDS::DBInstance")
        assert database["PubliclyAccessible"] is False
        assert database["DBSubnetGroupName"] == {"Ref": "DatabaseSubnetGroup"}


def test_parameter_group_requires_tls_and_matches_the_engine(template):
    environment = resolve(template, {})
    group, database = (
        only(environment, f"RDS::{kind}") for kind in ("DBParameterGroup", "DBInstance")
    )
    assert group["Parameters"] == {"rds.force_ssl": "1"}
    assert group["Family"] == f"postgres{database['EngineVersion'].split('.')[0]}"
    assert database["DBParameterGroupName"] == {"Ref": "DatabaseParameterGroup"}


@pytest.mark.parametrize(
    ("given", "days", "is_protected"), [(PROTECTED, 7, True), (EPHEMERAL, 0, False)]
)
def test_durability_decides_backups_and_deletion_protection(template, given, days, is_protected):
    """The log groups of RDS outlive the stack, so an ephemeral environment exports no logs."""
    database = database_of(template, given)
    assert database["BackupRetentionPeriod"] == days
    assert database["DeletionProtection"] is is_protected
    assert database["CopyTagsToSnapshot"] is True
    assert database.get("EnableCloudwatchLogsExports") == (
        ["postgresql", "upgrade"] if is_protected else None
    )


@pytest.mark.parametrize("name", ["Cache", "Database"])
@pytest.mark.parametrize("policy", ["DeletionPolicy", "UpdateReplacePolicy"])
def test_durability_decides_whether_snapshots_are_kept(template, name, policy):
    """A function in these attributes needs the transform AWS::LanguageExtensions."""
    assert template["Resources"][name][policy] == {"Fn::If": ["IsProtected", "Snapshot", "Delete"]}
    assert template["Transform"] == "AWS::LanguageExtensions"


def test_deletion_protection_can_be_lifted_and_snapshots_are_still_kept(template):
    environment = resolve(template, PROTECTED | {"DeletionProtection": "disabled"})
    assert only(environment, "RDS::DBInstance")["DeletionProtection"] is False
    assert environment["Resources"]["Database"]["DeletionPolicy"] == "Snapshot"
    load_balancer = only(environment, "ElasticLoadBalancingV2::LoadBalancer")
    attributes = load_balancer["LoadBalancerAttributes"]
    assert {"Key": "deletion_protection.enabled", "Value": "false"} in attributes


@pytest.mark.parametrize(
    ("availability", "standby"), [("single-zone", False), ("multi-zone", True)]
)
def test_availability_decides_whether_there_is_a_standby(template, availability, standby):
    assert database_of(template, {"Availability": availability})["MultiAZ"] is standby


def test_detailed_monitoring_adds_insights_and_enhanced_monitoring(template):
    """The advanced mode of Database Insights requires 15 months.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DatabaseInsights.TurningOnAdvanced.html
    """
    environment = resolve(template, {"Monitoring": "detailed"})
    detailed = only(environment, "RDS::DBInstance")
    assert detailed["DatabaseInsightsMode"] == "advanced"
    assert detailed["EnablePerformanceInsights"] is True
    assert detailed["PerformanceInsightsRetentionPeriod"] >= 465
    assert detailed["MonitoringInterval"] == 60
    assert detailed["MonitoringRoleArn"] == {"Fn::GetAtt": ["DatabaseMonitoringRole", "Arn"]}
    role = environment["Resources"]["DatabaseMonitoringRole"]["Properties"]
    assert role["ManagedPolicyArns"] == [
        "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
    ]
    basic = database_of(template, {"Monitoring": "basic"})
    assert basic["MonitoringInterval"] == 0
    assert "MonitoringRoleArn" not in basic


def test_every_instance_class_has_an_alarm_on_connections(template):
    for name in template["Parameters"]["DatabaseInstanceClass"]["AllowedValues"]:
        alarms = of_type(resolve(template, {"DatabaseInstanceClass": name}), "CloudWatch::Alarm")
        assert alarms["DatabaseConnectionsAlarm"]["Threshold"] > 0
