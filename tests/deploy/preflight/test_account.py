"""Set-up that an account has once."""

import pytest
from moto import mock_aws

from iot_pipeline_cfn.template.findings import Severity
from preflights import added, change, commands, modified, parameters_of, run_check, stubbed

ROLES = {
    "Cache": "elasticache.amazonaws.com",
    "Cluster": "ecs.amazonaws.com",
    "Database": "rds.amazonaws.com",
    "LoadBalancer": "elasticloadbalancing.amazonaws.com",
    "ServiceScalableTarget": "ecs.application-autoscaling.amazonaws.com",
    "VpcLink": "ops.apigateway.amazonaws.com",
}


def test_missing_service_linked_roles_are_a_warning():
    """Each comes with the command that creates it."""
    with mock_aws():
        account = stubbed()
        for name, service in ROLES.items():
            (finding,) = run_check("service-linked-roles", account, added(*ROLES))
            assert (finding.severity, finding.details["problem"]) == (Severity.WARNING, "missing")
            assert name in finding.details["logical_ids"]
            assert service in finding.details["services"]
            create = ["aws", "iam", "create-service-linked-role", "--aws-service-name", service]
            assert create in commands(finding)
            account.iam.create_service_linked_role(AWSServiceName=service)
        assert run_check("service-linked-roles", account, added(*ROLES)) == []


@pytest.mark.parametrize("stage", [change("ApiStage"), modified("ApiStage", "AccessLogSetting")])
def test_access_logs_need_the_role_of_the_account(stage):
    role = {"cloudwatchRoleArn": "arn:aws:iam::123456789012:role/logs"}
    connection = stubbed(apigateway=[("get_account", {}), ("get_account", role)])
    code, given = "api-gateway-account", {"ApiAccessLogs": "enabled"}
    assert run_check(code, connection, [stage]) == []
    (finding,) = run_check(code, connection, [stage], **given)
    assert (finding.severity, finding.details["logical_ids"]) == (Severity.ERROR, ["ApiStage"])
    assert parameters_of(finding) == {"ApiAccessLogs": "disabled"}
    assert run_check(code, connection, [stage], **given) == []
