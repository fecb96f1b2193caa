"""Updates that a service rejects."""

import pytest

from comparing import compared
from iot_pipeline_cfn.review.failures import find_engine_conflicts, find_refused_updates


def found(analysis, resource_type, before, after):
    sides = ({"Any": {"Type": resource_type, "Properties": side}} for side in (before, after))
    return [finding.code for finding in compared(analysis, *sides)]


@pytest.mark.parametrize(
    ("resource_type", "path", "before", "after", "code"),
    [
        ("AWS::RDS::DBInstance", "AllocatedStorage", "100", "20", "storage-reduced"),
        ("AWS::RDS::DBInstance", "AllocatedStorage", "20", "100", None),
        ("AWS::RDS::DBInstance", "AllocatedStorage", "20", {"Ref": "Size"}, None),
        ("AWS::EC2::Volume", "Size", 10, 5, "storage-reduced"),
        ("AWS::Logs::DeliverySource", "ResourceArn", "a", "b", "immutable-property"),
        ("AWS::Cognito::UserPool", "UsernameConfiguration", {}, None, "immutable-property"),
        ("AWS::SQS::Queue", "DelaySeconds", 2, 1, None),
    ],
)
def test_update_that_a_service_refuses(resource_type, path, before, after, code):
    sides = ({path: value} if value is not None else {} for value in (before, after))
    assert found(find_refused_updates, resource_type, *sides) == ([code] if code else [])


def test_replaced_source_of_logs_is_not_refused():
    sides = ({"Name": name, "ResourceArn": name} for name in "ab")
    assert found(find_refused_updates, "AWS::Logs::DeliverySource", *sides) == []


MAJOR, DOWN = ["major-upgrade-not-allowed"], ["engine-downgrade"]


@pytest.mark.parametrize(
    ("kind", "engine", "before", "after", "codes"),
    [
        ("RDS::DBInstance", "postgres", "16.1", "17.1", MAJOR),
        ("RDS::DBInstance", "postgres", "16.1", "16.2", []),
        ("RDS::DBInstance", "mysql", "8.0.1", "8.4.1", MAJOR),
        ("RDS::DBCluster", "aurora-postgresql", "15.4", "16.1", MAJOR),
        (
            *("RDS::DBCluster", "aurora-mysql"),
            *("5.7.mysql_aurora.2.11.2", "8.0.mysql_aurora.3.05.2", MAJOR),
        ),
        (
            *("RDS::DBCluster", "aurora-mysql"),
            *("8.0.mysql_aurora.3.05.2", "8.0.mysql_aurora.3.04.0", DOWN),
        ),
        ("DocDB::DBCluster", None, "4.0.0", "5.0.0", MAJOR),
        ("Neptune::DBCluster", None, "1.2.1.0", "1.3.0.0", MAJOR),
        ("RDS::DBCluster", "unknown", "1", "2", []),
    ],
)
def test_major_upgrade_needs_to_be_allowed(kind, engine, before, after, codes):
    sides = [
        {"EngineVersion": version, **({"Engine": engine} if engine else {})}
        for version in (before, after)
    ]
    assert found(find_engine_conflicts, f"AWS::{kind}", *sides) == codes
    if codes == MAJOR:
        sides[1]["AllowMajorVersionUpgrade"] = True
        assert found(find_engine_conflicts, f"AWS::{kind}", *sides) == []
