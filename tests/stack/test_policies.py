"""The permissions of every role, and its trust policy."""

import pytest

from iot_pipeline_cfn.review.policy_documents import (
    is_compared,
    permissions,
    policy_documents,
    statements_by_subject,
)
from iot_pipeline_cfn.template.lookup import short_text_of
from resolution import container_of, containers_of, name_of, of_type, only

# https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
LOG_DELIVERY = {
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
}

ACTIONS_WITHOUT_RESOURCE = LOG_DELIVERY | {
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
    "ecr:GetAuthorizationToken",
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
    "secretsmanager:GetRandomPassword",
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
    "xray:GetSamplingRules",
    "xray:GetSamplingStatisticSummaries",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}

SERVICES = {
    "DatabaseMonitoringRole": "monitoring.rds",
    "ExecutionRole": "ecs-tasks",
    "FlowLogRole": "vpc-flow-logs",
    "RollServiceRole": "states",
    "RotatePasswordRole": "states",
    "RotationEventsRole": "events",
    "TaskRole": "ecs-tasks",
}


def granted(environment, role):
    """Return the action and the resource of every permission in the policies of a role."""
    found = [
        permission
        for permission in permissions(environment["Resources"])
        if permission.subject == role and not permission.principal
    ]
    assert {(each.effect, each.conditions) for each in found} <= {("Allow", frozenset())}
    return {(each.action, short_text_of(each.resource)) for each in found}


def decryption(environment):
    return {("kms:Decrypt", f"{key}.Arn") for key in of_type(environment, "KMS::Key")}


def test_execution_role_pulls_the_image_writes_logs_and_reads_the_injected_secrets(environments):
    for environment in environments.values():
        container = container_of(environment)
        repository = name_of(container["Image"]).removeprefix("${").partition(".")[0]
        log_group = container["LogConfiguration"]["Options"]["awslogs-group"]["Ref"]
        secrets = {
            name_of(secret["ValueFrom"]).removeprefix("${").partition("}")[0]
            for each in containers_of(environment).values()
            for secret in each["Secrets"]
        }
        pulls = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
        needed = {
            ("ecr:GetAuthorizationToken", "*"),
            *((f"ecr:{action}", f"{repository}.Arn") for action in pulls),
            ("logs:CreateLogStream", f"{log_group}.Arn"),
            ("logs:PutLogEvents", f"{log_group}.Arn"),
            *(("secretsmanager:GetSecretValue", secret) for secret in secrets),
        }
        assert granted(environment, "ExecutionRole") == (needed | decryption(environment))


def test_task_role_reads_the_application_secret_and_traces(environments):
    for environment in environments.values():
        container = container_of(environment)
        variables = {entry["Name"]: name_of(entry["Value"]) for entry in container["Environment"]}
        needed = {("secretsmanager:GetSecretValue", variables["DB_SECRET_ARN"])}
        if only(environment, "ApiGateway::Stage")["TracingEnabled"]:
            # As in AWS's managed policy AWSXRayDaemonWriteAccess.
            xray = {action for action in ACTIONS_WITHOUT_RESOURCE if action.startswith("xray:")}
            needed |= {(action, "*") for action in xray}
        assert granted(environment, "TaskRole") == (needed | decryption(environment))


def test_state_machines_are_allowed_the_actions_of_their_definitions_and_log(environments):
    """An SDK integration requires the permission of the same name."""
    for environment in environments.values():
        for machine in of_type(environment, "StepFunctions::StateMachine").values():
            definition = machine["DefinitionString"]["Fn::ToJsonString"]
            needed = {(action, "*") for action in LOG_DELIVERY}
            for state in definition["States"].values():
                if state["Type"] == "Task":
                    service, call = state["Resource"].split(":")[-2:]
                    action = f"{service}:{call[0].upper()}{call[1:]}"
                    called = name_of(state["Arguments"].get("SecretId", {"Ref": "Service"}))
                    is_limited = action not in ACTIONS_WITHOUT_RESOURCE
                    needed.add((action, called if is_limited else "*"))
                    if call == "putSecretValue":
                        needed |= decryption(environment)
                        needed |= {
                            ("kms:GenerateDataKey", f"{key}.Arn")
                            for key in of_type(environment, "KMS::Key")
                        }
            role, _ = machine["RoleArn"]["Fn::GetAtt"]
            assert granted(environment, role) == needed


def test_rules_start_only_their_state_machines(environments):
    for environment in environments.values():
        targets = [rule["Targets"][0] for rule in of_type(environment, "Events::Rule").values()]
        assert granted(environment, "RotationEventsRole") == {
            ("states:StartExecution", name_of(target["Arn"])) for target in targets
        }
        for target in targets:
            assert target["RoleArn"] == {"Fn::GetAtt": ["RotationEventsRole", "Arn"]}


def test_flow_log_writes_only_to_its_log_group(environments):
    """It cannot create the log group (test_logs.py)."""
    for environment in environments.values():
        for flow_log in of_type(environment, "EC2::FlowLog").values():
            role, _ = flow_log["DeliverLogsPermissionArn"]["Fn::GetAtt"]
            written = f"{flow_log['LogGroupName']['Ref']}.Arn"
            listed = "arn:aws:logs:ap-northeast-1:123456789012:log-group:*"
            actions = ("CreateLogStream", "DescribeLogStreams", "PutLogEvents")
            assert granted(environment, role) == {
                ("logs:DescribeLogGroups", listed),
                *((f"logs:{action}", written) for action in actions),
            }


def test_only_the_service_of_a_role_assumes_it_and_only_for_this_account(environments):
    for environment in environments.values():
        for name, role in of_type(environment, "IAM::Role").items():
            (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
            assert statement == {
                "Action": ["sts:AssumeRole"],
                "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
                "Effect": "Allow",
                "Principal": {"Service": f"{SERVICES[name]}.amazonaws.com"},
            }


def test_no_resource_is_a_wildcard_where_iam_supports_a_narrower_one(environments):
    """A key policy and actions without resource-level permissions need `*`."""
    for environment in environments.values():
        keys = of_type(environment, "KMS::Key")
        unlimited = of_type(environment, "EC2::VPCEndpoint")
        for statements in statements_by_subject(environment["Resources"]).values():
            assert all(map(is_compared, statements))
        for permission in permissions(environment["Resources"]):
            if permission.effect == "Allow" and permission.subject not in unlimited:
                assert "*" not in permission.action
                assert (
                    permission.resource != "*"
                    or permission.subject in keys
                    or permission.action in ACTIONS_WITHOUT_RESOURCE
                )


@pytest.mark.parametrize(
    ("kind", "action", "key"),
    [("SNS::Topic", "sns:Publish", "Topics"), ("SQS::Queue", "sqs:*", "Queues")],
)
def test_topics_and_queues_require_tls(environments, kind, action, key):
    """Other services of the template accept nothing else."""
    for environment in environments.values():
        policies = of_type(environment, f"{kind}Policy").values()
        attached = [each["Ref"] for policy in policies for each in policy[key]]
        assert sorted(attached) == sorted(of_type(environment, kind))
        for policy in policies:
            denied = [
                each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"
            ]
            assert [each["Action"] for each in denied] == [[action]]
            assert [each["Principal"] for each in denied] == ["*"]
            assert [each["Condition"] for each in denied] == [
                {"Bool": {"aws:SecureTransport": "false"}}
            ]


def test_every_policy_document_has_the_current_version(environments):
    for environment in environments.values():
        for name, resource in environment["Resources"].items():
            for document in policy_documents(resource):
                assert document["Version"] == "2012-10-17", name
