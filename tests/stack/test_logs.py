"""Log groups and flow logs."""

from fnmatch import fnmatchcase

from iot_pipeline_cfn.review.policy_documents import permissions
from iot_pipeline_cfn.template.log_group_names import LOG_GROUP_ENDINGS, suffix_of_log_group
from resolution import of_type, only, waits_for


def test_every_log_group_has_a_retention(template):
    log_groups = of_type(template, "Logs::LogGroup")
    assert log_groups
    assert all(1 <= group["RetentionInDays"] <= 365 for group in log_groups.values())


def test_every_log_group_is_found_by_its_name(environments):
    groups = of_type(environments["most"], "Logs::LogGroup").values()
    names = [group["LogGroupName"] for group in groups]
    assert len(names) == len(LOG_GROUP_ENDINGS)
    assert None not in map(suffix_of_log_group, names)


def test_flow_logs_record_all_traffic_of_the_vpc_where_enabled(environments):
    flow_log = only(environments["most"], "EC2::FlowLog")
    assert flow_log["ResourceId"] == {"Ref": "Vpc"}
    assert flow_log["TrafficType"] == "ALL"
    assert flow_log["LogGroupName"] == {"Ref": "FlowLogGroup"}
    assert not of_type(environments["defaults"], "EC2::FlowLog")


def test_deliveries_wait_for_log_groups_whose_policies_admit_them(environments):
    """AWS refuses a delivery to another log group."""
    environment = environments["most"]
    logs = "arn:aws:logs:ap-northeast-1:123456789012"
    delivered = {
        name: group
        for name, group in of_type(environment, "Logs::LogGroup").items()
        if group["LogGroupName"].startswith("/aws/vendedlogs/")
    }
    for group in delivered.values():
        (statement,) = group["ResourcePolicyDocument"]["Statement"]
        assert statement == {
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Condition": {
                "ArnLike": {"aws:SourceArn": f"{logs}:*"},
                "StringEquals": {"aws:SourceAccount": "123456789012"},
            },
            "Effect": "Allow",
            "Principal": {"Service": "delivery.logs.amazonaws.com"},
            "Resource": [f"{logs}:log-group:{group['LogGroupName']}:log-stream:*"],
            "Sid": "AWSLogDeliveryWrite20150319",
        }
    for kind in ("Logs::Delivery", "StepFunctions::StateMachine"):
        for name in of_type(environment, kind):
            assert waits_for(environment, name) & delivered.keys(), name


def test_no_role_can_create_a_log_group_again_after_its_deletion(environments):
    """Logs that arrive late would bring it back, and the next creation would fail."""
    for environment in environments.values():
        roles = of_type(environment, "IAM::Role")
        for permission in permissions({name: environment["Resources"][name] for name in roles}):
            allows = permission.effect == "Allow"
            assert not (allows and fnmatchcase("logs:CreateLogGroup", permission.action))
        managed = {arn for role in roles.values() for arn in role.get("ManagedPolicyArns", ())}
        # It admits only RDSOSMetrics, which belongs to the account:
        # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonRDSEnhancedMonitoringRole.html
        name = "service-role/AmazonRDSEnhancedMonitoringRole"
        assert managed <= {f"arn:aws:iam::aws:policy/{name}"}
