"""What updating a property does to its resource."""

import pytest

from iot_pipeline_cfn.review.update_behavior import update_behavior
from iot_pipeline_cfn.template.changes import UpdateBehavior

NO, SOME = UpdateBehavior.NO_INTERRUPTION, UpdateBehavior.SOME_INTERRUPTION
MAYBE, YES = UpdateBehavior.MAYBE_REPLACEMENT, UpdateBehavior.REPLACEMENT

OPEN = {"Fn::If": ["Any", True, False]}
GROUP = ("AWS::AutoScaling::AutoScalingGroup", "LaunchTemplate")
SHARDS = ("AWS::ElastiCache::ReplicationGroup", "NumNodeGroups")
DOMAIN = ("AWS::OpenSearchService::Domain", "EngineVersion")


@pytest.mark.parametrize(
    ("resource_type", "path", "policy", "expected"),
    [
        (*GROUP, None, NO),
        (*GROUP, {"AutoScalingRollingUpdate": {"MinInstancesInService": 1}}, SOME),
        (*GROUP, {"AutoScalingReplacingUpdate": {"WillReplace": True}}, YES),
        (*GROUP, {"AutoScalingReplacingUpdate": {"WillReplace": "false"}}, NO),
        (*GROUP, {"AutoScalingReplacingUpdate": {"WillReplace": OPEN}}, MAYBE),
        (*GROUP, OPEN, MAYBE),
        (
            *GROUP,
            {
                "AutoScalingReplacingUpdate": {"WillReplace": True},
                "AutoScalingRollingUpdate": {"MinInstancesInService": 1},
            },
            YES,
        ),
        ("AWS::AutoScaling::AutoScalingGroup", "MinSize", None, NO),
        ("AWS::AutoScaling::AutoScalingGroup", "AutoScalingGroupName", None, YES),
        (*SHARDS, None, YES),
        (*SHARDS, {"UseOnlineResharding": True}, NO),
        (*DOMAIN, None, YES),
        (*DOMAIN, {"EnableVersionUpgrade": "true"}, NO),
        ("AWS::RDS::DBCluster", "EngineVersion", None, SOME),
        ("AWS::RDS::DBCluster", "StorageType", None, SOME),
        ("AWS::Serverless::Function", "MemorySize", None, NO),
        ("AWS::Serverless::Function", "FunctionName", None, YES),
        ("AWS::Serverless::SimpleTable", "TableName", None, YES),
        ("AWS::SQS::Queue", "Fn::Transform", None, MAYBE),
        ("Custom::Thing", "Any", None, MAYBE),
    ],
)
def test_behavior_comes_from_the_schema_a_table_or_the_update_policy(
    resource_type, path, policy, expected
):
    resource = {"Type": resource_type, "Properties": {}}
    if policy is not None:
        resource["UpdatePolicy"] = policy
    assert update_behavior(resource, (path,), "a", "b") is expected
