"""Every role may do what its part needs, and nothing else."""

from iot_pipeline_cfn.review.grants import Terms, documents, grants
from resolution import container_of, name_of, of_type, only

ACTIONS_WITHOUT_RESOURCE = {
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
    "ecr:GetAuthorizationToken",
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
    "StartRollRole": "events",
    "TaskRole": "ecs-tasks",
}


def granted(environment, role):
    """Return (action, resource) of everything that a role's own policies allow."""
    found = [
        grant
        for grant in grants(environment["Resources"])
        if grant.holder == role and not grant.is_trust
    ]
    assert {(grant.effect, grant.principal, grant.conditions) for grant in found} <= {
        ("Allow", Terms(), frozenset())
    }
    return {(str(grant.action), str(grant.resource)) for grant in found}


def decryption(environment):
    return {("kms:Decrypt", f"{key}.Arn") for key in of_type(environment, "KMS::Key")}


def test_execution_role_may_start_the_task_and_nothing_else(environments):
    """Pull from the one repository, write to the one log group, read the injected secrets."""
    for environment in environments.values():
        container = container_of(environment)
        repository = name_of(container["Image"]).removeprefix("${").partition(".")[0]
        log_group = container["LogConfiguration"]["Options"]["awslogs-group"]["Ref"]
        secrets = {
            name_of(secret["ValueFrom"]).removeprefix("${").partition("}")[0]
            for secret in container["Secrets"]
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


def test_task_role_may_read_the_database_secret_again_and_trace(environments):
    """After a rotation the application reads the secret that `DB_SECRET_ARN` names."""
    for environment in environments.values():
        container = container_of(environment)
        variables = {entry["Name"]: name_of(entry["Value"]) for entry in container["Environment"]}
        needed = {("secretsmanager:GetSecretValue", variables["DB_SECRET_ARN"])}
        if only(environment, "ApiGateway::Stage")["TracingEnabled"]:
            # As in AWS's managed policy AWSXRayDaemonWriteAccess.
            xray = {action for action in ACTIONS_WITHOUT_RESOURCE if action.startswith("xray:")}
            needed |= {(action, "*") for action in xray}
        assert granted(environment, "TaskRole") == (needed | decryption(environment))


def test_state_machine_may_call_what_its_definition_calls(environments):
    """Each SDK integration needs the permission of the same name, for the one service."""
    for environment in environments.values():
        machine = only(environment, "StepFunctions::StateMachine")
        definition = machine["DefinitionString"]["Fn::ToJsonString"]
        calls = {
            state["Resource"].rpartition(":")[2]
            for state in definition["States"].values()
            if state["Type"] == "Task"
        }
        role, _ = machine["RoleArn"]["Fn::GetAtt"]
        assert granted(environment, role) == {
            (f"ecs:{call[0].upper()}{call[1:]}", "Service") for call in calls
        }


def test_rule_may_start_its_target(environments):
    """EventBridge takes on a role that may start the one state machine."""
    for environment in environments.values():
        (target,) = only(environment, "Events::Rule")["Targets"]
        role, _ = target["RoleArn"]["Fn::GetAtt"]
        assert granted(environment, role) == {("states:StartExecution", name_of(target["Arn"]))}


def test_flow_log_may_write_to_its_log_group(environments):
    """https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html."""
    for environment in environments.values():
        for flow_log in of_type(environment, "EC2::FlowLog").values():
            role, _ = flow_log["DeliverLogsPermissionArn"]["Fn::GetAtt"]
            written = f"{flow_log['LogGroupName']['Ref']}.Arn"
            listed = "arn:aws:logs:ap-northeast-1:123456789012:log-group:*"
            actions = ("CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents")
            assert granted(environment, role) == {
                ("logs:DescribeLogGroups", listed),
                *((f"logs:{action}", written) for action in actions),
            }


def test_only_its_service_takes_on_a_role_and_only_for_this_account(environments):
    """No service can be talked into using a role for somebody else's account."""
    for environment in environments.values():
        for name, role in of_type(environment, "IAM::Role").items():
            (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
            assert statement == {
                "Action": ["sts:AssumeRole"],
                "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
                "Effect": "Allow",
                "Principal": {"Service": f"{SERVICES[name]}.amazonaws.com"},
            }


def test_no_resource_is_a_star_where_aws_offers_a_narrower_one(environments):
    """Only actions that IAM ties to no resource, and key policies, say `*`."""
    for environment in environments.values():
        keys = of_type(environment, "KMS::Key")
        unlimited = {
            name
            for name, endpoint in of_type(environment, "EC2::VPCEndpoint").items()
            if "PolicyDocument" not in endpoint
        }
        for grant in grants(environment["Resources"]):
            if grant.holder in unlimited:
                continue
            action, resource = str(grant.action), str(grant.resource)
            assert "*" not in action
            assert not grant.action.is_inverse
            assert not grant.resource.is_inverse
            assert resource != "*" or grant.holder in keys or action in ACTIONS_WITHOUT_RESOURCE


def test_every_policy_document_has_the_current_version(environments):
    """Without it IAM reads a document as one of 2008, without policy variables."""
    for environment in environments.values():
        for name, resource in environment["Resources"].items():
            for _, document in documents(resource):
                assert document["Version"] == "2012-10-17", name
