"""Log groups and flow logs."""

from resolution import of_type, only


def test_every_log_group_has_a_retention(template):
    log_groups = of_type(template, "Logs::LogGroup")
    assert log_groups
    assert all(1 <= group["RetentionInDays"] <= 365 for group in log_groups.values())


def test_flow_logs_record_all_traffic_of_the_vpc_where_enabled(environments):
    flow_log = only(environments["most"], "EC2::FlowLog")
    assert flow_log["ResourceId"] == {"Ref": "Vpc"}
    assert flow_log["TrafficType"] == "ALL"
    assert flow_log["LogGroupName"] == {"Ref": "FlowLogGroup"}
    assert not of_type(environments["defaults"], "EC2::FlowLog")
