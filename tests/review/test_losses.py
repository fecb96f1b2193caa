"""Data that an update loses or keeps, and weaker protection."""

import pytest

from comparing import compared
from iot_pipeline_cfn.review.losses import find_losses, find_weaker_protection
from iot_pipeline_cfn.template.findings import Severity

BUCKET, DATABASE = "AWS::S3::Bucket", "AWS::RDS::DBInstance"
LOST, KEPT = Severity.DATA_LOSS, Severity.CHANGE


def either(yes, no):
    return {"Fn::If": ["Is", yes, no]}


@pytest.mark.parametrize(
    ("resource_type", "policy", "severity"),
    [
        (BUCKET, None, LOST),
        (BUCKET, "Delete", LOST),
        (BUCKET, "Retain", KEPT),
        (BUCKET, either("Retain", "Delete"), LOST),
        (BUCKET, either("Retain", "RetainExceptOnCreate"), KEPT),
        (DATABASE, None, KEPT),
        (DATABASE, "Delete", LOST),
        ("AWS::MSK::Cluster", None, LOST),
        ("AWS::SSM::Parameter", None, None),
        ("AWS::New::Database", "Snapshot", KEPT),
    ],
)
def test_removed_data_is_lost_unless_a_policy_keeps_it(resource_type, policy, severity):
    """A database has a snapshot by default."""
    resource = {"Type": resource_type, **({"DeletionPolicy": policy} if policy else {})}
    found = compared(find_losses, {"Any": resource}, {})
    assert [finding.severity for finding in found] == ([severity] if severity else [])


@pytest.mark.parametrize(("policy", "severity"), [("Delete", LOST), ("Snapshot", KEPT)])
def test_replaced_data_is_lost_unless_a_policy_keeps_it(policy, severity):
    sides = (
        {
            "Any": {
                "Type": DATABASE,
                "UpdateReplacePolicy": policy,
                "Properties": {"MasterUsername": name},
            }
        }
        for name in "ab"
    )
    (finding,) = compared(find_losses, *sides)
    assert (finding.code, finding.severity) == ("data-replaced", severity)


def test_instance_of_a_cluster_holds_no_data():
    reader = {"Type": DATABASE, "Properties": {"DBClusterIdentifier": {"Ref": "Cluster"}}}
    assert compared(find_losses, {"Reader": reader}, {}) == []


@pytest.mark.parametrize(
    ("before", "after", "is_weaker"),
    [
        ("Retain", "Delete", True),
        ("Delete", "Retain", False),
        (either("Retain", "Delete"), either("Delete", "Delete"), True),
        (either("Retain", "Delete"), either("Retain", "Retain"), False),
        ("Retain", either("Retain", "Delete"), True),
    ],
)
def test_policy_is_weaker_if_it_is_in_any_branch(before, after, is_weaker):
    sides = ({"Any": {"Type": BUCKET, "DeletionPolicy": policy}} for policy in (before, after))
    found = compared(find_weaker_protection, *sides)
    assert [finding.code for finding in found] == ["data-policy-weakened"] * is_weaker
