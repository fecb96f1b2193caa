"""What the caller must be allowed to do, since CloudFormation acts with the caller's permissions.

IAM's policy simulator says what an identity's policies allow. It is not the truth: it knows neither
the session's policy nor all that a request tells, so that what it denies is only warned of.
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from botocore.exceptions import ClientError

from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.deploy.environments import STACK_PREFIX
from iot_pipeline_cfn.deploy.errors import DENIED, code_of
from iot_pipeline_cfn.template.parameters import SUFFIX_PARAMETER

from .checking import Finding, Severity, Subject

CODE = "permissions"

ACTIONS: Final[Mapping[str, Collection[str]]] = MappingProxyType(
    {
        "AWS::ApiGateway::ApiKey": ("apigateway:POST",),
        "AWS::ApiGateway::Deployment": ("apigateway:POST",),
        "AWS::ApiGateway::Method": ("apigateway:PUT",),
        "AWS::ApiGateway::Model": ("apigateway:POST",),
        "AWS::ApiGateway::RequestValidator": ("apigateway:POST",),
        "AWS::ApiGateway::Resource": ("apigateway:POST",),
        "AWS::ApiGateway::RestApi": ("apigateway:POST",),
        "AWS::ApiGateway::Stage": ("apigateway:POST",),
        "AWS::ApiGateway::UsagePlan": ("apigateway:POST",),
        "AWS::ApiGateway::UsagePlanKey": ("apigateway:POST",),
        "AWS::ApiGatewayV2::VpcLink": ("apigateway:POST",),
        "AWS::ApplicationAutoScaling::ScalableTarget": (
            "application-autoscaling:RegisterScalableTarget",
        ),
        "AWS::ApplicationAutoScaling::ScalingPolicy": ("application-autoscaling:PutScalingPolicy",),
        "AWS::CloudWatch::Alarm": ("cloudwatch:PutMetricAlarm",),
        "AWS::CloudWatch::Dashboard": ("cloudwatch:PutDashboard",),
        "AWS::EC2::EIP": ("ec2:AllocateAddress",),
        "AWS::EC2::FlowLog": ("ec2:CreateFlowLogs", "iam:PassRole"),
        "AWS::EC2::InternetGateway": ("ec2:CreateInternetGateway",),
        "AWS::EC2::NatGateway": ("ec2:CreateNatGateway",),
        "AWS::EC2::Route": ("ec2:CreateRoute",),
        "AWS::EC2::RouteTable": ("ec2:CreateRouteTable",),
        "AWS::EC2::SecurityGroup": (
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:CreateSecurityGroup",
        ),
        "AWS::EC2::SecurityGroupEgress": ("ec2:AuthorizeSecurityGroupEgress",),
        "AWS::EC2::Subnet": ("ec2:CreateSubnet",),
        "AWS::EC2::SubnetRouteTableAssociation": ("ec2:AssociateRouteTable",),
        "AWS::EC2::VPC": ("ec2:CreateVpc",),
        "AWS::EC2::VPCEndpoint": ("ec2:CreateVpcEndpoint",),
        "AWS::EC2::VPCGatewayAttachment": ("ec2:AttachInternetGateway",),
        "AWS::ECR::Repository": ("ecr:CreateRepository", "ecr:PutLifecyclePolicy"),
        "AWS::ECS::Cluster": ("ecs:CreateCluster",),
        "AWS::ECS::Service": ("ecs:CreateService",),
        "AWS::ECS::TaskDefinition": ("ecs:RegisterTaskDefinition", "iam:PassRole"),
        "AWS::ElastiCache::ReplicationGroup": ("elasticache:CreateReplicationGroup",),
        "AWS::ElastiCache::SubnetGroup": ("elasticache:CreateCacheSubnetGroup",),
        "AWS::ElasticLoadBalancingV2::Listener": ("elasticloadbalancing:CreateListener",),
        "AWS::ElasticLoadBalancingV2::ListenerRule": ("elasticloadbalancing:CreateRule",),
        "AWS::ElasticLoadBalancingV2::LoadBalancer": ("elasticloadbalancing:CreateLoadBalancer",),
        "AWS::ElasticLoadBalancingV2::TargetGroup": ("elasticloadbalancing:CreateTargetGroup",),
        "AWS::Events::Rule": ("events:PutRule", "events:PutTargets", "iam:PassRole"),
        "AWS::IAM::Role": ("iam:CreateRole", "iam:PutRolePolicy"),
        "AWS::KMS::Alias": ("kms:CreateAlias",),
        "AWS::KMS::Key": ("kms:CreateKey",),
        "AWS::Logs::Delivery": ("logs:CreateDelivery",),
        "AWS::Logs::DeliveryDestination": ("logs:PutDeliveryDestination",),
        "AWS::Logs::DeliverySource": ("logs:PutDeliverySource",),
        "AWS::Logs::LogGroup": ("logs:CreateLogGroup", "logs:PutRetentionPolicy"),
        "AWS::RDS::DBInstance": ("rds:CreateDBInstance", "secretsmanager:CreateSecret"),
        "AWS::RDS::DBParameterGroup": ("rds:CreateDBParameterGroup",),
        "AWS::RDS::DBSubnetGroup": ("rds:CreateDBSubnetGroup",),
        "AWS::SNS::Topic": ("sns:CreateTopic",),
        "AWS::SecretsManager::Secret": (
            "secretsmanager:CreateSecret",
            "secretsmanager:GetRandomPassword",
        ),
        "AWS::StepFunctions::StateMachine": ("iam:PassRole", "states:CreateStateMachine"),
        "AWS::WAFv2::WebACL": ("wafv2:CreateWebACL",),
        "AWS::WAFv2::WebACLAssociation": ("wafv2:AssociateWebACL",),
    }
)
"""Without which a resource of a type cannot be created: the decisive ones of what its schema names.

https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

SCOPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "apigateway:POST": "apigateway:{region}::/restapis",
        "apigateway:PUT": "apigateway:{region}::/restapis/x/resources/x/methods/POST",
        "cloudwatch:PutDashboard": "cloudwatch::{account}:dashboard/{stack}",
        "cloudwatch:PutMetricAlarm": "cloudwatch:{region}:{account}:alarm:{stack}/x",
        "ecr:CreateRepository": "ecr:{region}:{account}:repository/{stack}",
        "ecr:PutLifecyclePolicy": "ecr:{region}:{account}:repository/{stack}",
        "ecs:CreateCluster": "ecs:{region}:{account}:cluster/{stack}",
        "ecs:CreateService": "ecs:{region}:{account}:service/{stack}/{stack}-x",
        "ecs:RegisterTaskDefinition": "ecs:{region}:{account}:task-definition/{stack}:1",
        "elasticache:CreateCacheSubnetGroup": (
            "elasticache:{region}:{account}:subnetgroup:{stack}-x"
        ),
        "elasticache:CreateReplicationGroup": (
            "elasticache:{region}:{account}:replicationgroup:{stack}-x"
        ),
        "events:PutRule": "events:{region}:{account}:rule/{stack}-x",
        "events:PutTargets": "events:{region}:{account}:rule/{stack}-x",
        "iam:CreateRole": "iam::{account}:role/{stack}-x",
        "iam:PassRole": "iam::{account}:role/{stack}-x",
        "iam:PutRolePolicy": "iam::{account}:role/{stack}-x",
        "logs:CreateLogGroup": "logs:{region}:{account}:log-group:/ecs/{stack}",
        "logs:PutRetentionPolicy": "logs:{region}:{account}:log-group:/ecs/{stack}",
        "rds:CreateDBInstance": "rds:{region}:{account}:db:{stack}-x",
        "rds:CreateDBParameterGroup": "rds:{region}:{account}:pg:{stack}-x",
        "rds:CreateDBSubnetGroup": "rds:{region}:{account}:subgrp:{stack}-x",
        "sns:CreateTopic": "sns:{region}:{account}:{stack}-x",
        "states:CreateStateMachine": "states:{region}:{account}:stateMachine:x-{stack}",
    }
)
"""What policies often allow an action on and not on everything, as a resource is named here.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""


def look(subject: Subject) -> Iterator[Finding]:
    """Have IAM simulate what the creation of what is new needs.

    Who may not have it simulated is not told so at every deployment: only what is known is said.
    """
    needed = _needed(subject)
    if not needed:
        return
    caller = subject.connection.sts.get_caller_identity()["Arn"]
    try:
        principal = _principal(subject.connection, caller)
        denied = _denied(subject, principal, sorted(needed)) if principal else []
    except ClientError as error:
        if code_of(error) in DENIED:
            return
        raise
    if denied:
        message = (
            f"{principal} may not, by IAM's policy simulator: {', '.join(denied)}; have that "
            "allowed, or deploy as somebody else"
        )
        logical_ids = sorted({logical_id for action in denied for logical_id in needed[action]})
        yield Finding(CODE, Severity.WARNING, message, logical_ids)


def _needed(subject: Subject) -> dict[str, list[str]]:
    """Return which actions are needed, each with the logical ids of what needs it."""
    needed: dict[str, list[str]] = {}
    for resource_type, actions in ACTIONS.items():
        for logical_id in subject.new(resource_type):
            for action in actions:
                needed.setdefault(action, []).append(logical_id)
    return needed


def _principal(connection: Connection, caller: str) -> str:
    """Return the ARN of the user or the role that a caller is, or nothing of a root or another.

    That of somebody in a role does not tell the role's path.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
    """
    kind, _, name = caller.rpartition(":")[2].partition("/")
    if kind == "assumed-role":
        return connection.iam.get_role(RoleName=name.partition("/")[0])["Role"]["Arn"]
    return caller if kind == "user" else ""


def _denied(subject: Subject, principal: str, actions: Sequence[str]) -> list[str]:
    """Return the actions that are allowed neither on everything nor on what is named as here."""
    _, partition, _, _, account, _ = principal.split(":", 5)
    names = {
        "account": account,
        "region": subject.connection.region,
        "stack": f"{STACK_PREFIX}{subject.parameters.get(SUFFIX_PARAMETER, '')}",
    }
    denied = set(_refused(subject.connection, principal, actions, "*"))
    scoped: dict[str, list[str]] = {}
    for action in sorted(denied & SCOPES.keys()):
        arn = f"arn:{partition}:{SCOPES[action].format(**names)}"
        scoped.setdefault(arn, []).append(action)
    for arn, some in scoped.items():
        denied -= set(some) - set(_refused(subject.connection, principal, some, arn))
    return sorted(denied)


def _refused(
    connection: Connection, principal: str, actions: Sequence[str], resource: str
) -> Iterator[str]:
    """Yield which of some actions the simulator refuses, and knows all that it needs to."""
    pages = connection.iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=principal,
        ActionNames=actions,
        ResourceArns=[resource],
        ContextEntries=[
            {
                "ContextKeyName": "aws:RequestedRegion",
                "ContextKeyType": "string",
                "ContextKeyValues": [connection.region],
            }
        ],
    )
    for page in pages:
        for result in page["EvaluationResults"]:
            # IAM tells of what it misses for each resource, or for all together.
            told = [result, *result.get("ResourceSpecificResults", [])]
            missing = any(each.get("MissingContextValues") for each in told)
            if result["EvalDecision"] != "allowed" and not missing:
                yield result["EvalActionName"]
