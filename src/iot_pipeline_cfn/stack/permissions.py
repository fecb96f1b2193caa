"""The permissions with which CloudFormation creates, changes and deletes environments.

They are those of the handlers of the templates' resource types
(https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html), limited
by name where the name is ours, and by tag where a resource can be deleted. Services and resource
types that an environment does not use are not allowed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from awacs.aws import Action, Condition, Deny, Null, Statement, StringLike, StringNotLike
from troposphere import Sub

from iot_pipeline_cfn.template.parameters import PROJECT

from .policies import allow

ARN: Final = "arn:${AWS::Partition}:"
PLACE: Final = "${AWS::Region}:${AWS::AccountId}:"


@dataclass(frozen=True)
class DeploymentScope:
    """The environments that a role may touch."""

    title: str
    """The beginning of the logical IDs of what has this scope."""
    prefix: str
    """The pattern of physical names, which may cover more than the suffixes."""
    suffixes: tuple[str, ...]
    """The patterns that the suffixes of the environments match."""
    keys: str
    """The pattern of the keys of their templates in the bucket."""

    @property
    def names(self) -> tuple[str, ...]:
        """The patterns of physical names that cover exactly the suffixes."""
        return tuple(f"{PROJECT}-{suffix}" for suffix in self.suffixes)

    def arns(self, resource: str) -> list[Sub | str]:
        """Return the ARNs of a resource such as `iam:role/EXACT`, one for each pattern of names."""
        if "EXACT" not in resource:
            return [self.arn(resource)]
        return [self.arn(resource.replace("EXACT", name)) for name in self.names]

    def arn(self, resource: str) -> Sub | str:
        """Return the ARN of a resource such as `ecr:repository/NAME`, in this Region."""
        if resource == "*":
            return resource
        service, path = resource.replace("NAME", self.prefix).split(":", 1)
        if service == "iam" or path.startswith("dashboard/"):
            return Sub(f"{ARN}{service}::${{AWS::AccountId}}:{path}")
        if service == "apigateway":
            return Sub(f"{ARN}{service}:${{AWS::Region}}::{path}")
        return Sub(f"{ARN}{service}:{PLACE}{path}")

    def tagged(self) -> StringLike:
        """Return the condition that a resource has the tags of such an environment's stack."""
        suffixes = {TAG: list(self.suffixes)}
        return StringLike({**suffixes, "aws:ResourceTag/Project": PROJECT})

    def refusal(self) -> Statement:
        """Return the statement that denies everything that has the tag of another environment."""
        others = [Null({TAG: "false"}), StringNotLike({TAG: [*self.suffixes, NETWORKS]})]
        return Statement(
            Action=[Action("*")], Condition=Condition(others), Effect=Deny, Resource=["*"]
        )

    def limits(self) -> list[Statement]:
        """Return the statements that deny changes of shared networks and of what has no tag.

        Templates can name resources of others: groups, route tables, listeners, APIs.
        A shared network can be used, but not changed.
        """
        using = Statement(
            NotAction=[Action(*action.split(":")) for action in USING.split()],
            Condition=Condition(StringLike({TAG: NETWORKS})),
            Effect=Deny,
            Resource=["*"],
        )
        untagged = [
            Statement(
                Action=[Action(service, action) for action in actions.split()],
                Condition=Condition(Null({TAG: "true"})),
                Effect=Deny,
                Resource=[self.arn(f"{service}:{pattern}") for pattern in patterns.split()],
            )
            for service, actions, patterns in FOREIGN
        ]
        return [using, *untagged]


TAG: Final = "aws:ResourceTag/Environment"
NETWORKS: Final = "shared-network*"
"""The pattern of the suffixes of networks that environments of all scopes share."""

USING: Final = (
    "apigateway:GET ec2:CreateSecurityGroup ec2:Describe* "
    "elasticache:CreateReplicationGroup elasticache:ModifyReplicationGroup "
    "elasticloadbalancing:CreateRule elasticloadbalancing:Describe* rds:CreateDBInstance "
    "rds:Describe* rds:ModifyDBInstance"
)
"""What CloudFormation does with a shared network for an environment in it."""

FOREIGN: Final = (
    (
        "ec2",
        "Associate* Attach* Authorize* CreateFlowLogs CreateNatGateway CreateRoute "
        "CreateVpcEndpoint Disassociate* Modify* Replace* Revoke* UpdateSecurityGroupRule*",
        "elastic-ip/* internet-gateway/* route-table/* security-group/* subnet/* vpc/*",
    ),
    ("ec2", "CreateRouteTable CreateSecurityGroup CreateSubnet", "vpc/*"),
    ("elasticache", "CreateReplicationGroup", "snapshot:*"),
    ("elasticloadbalancing", "CreateListener CreateRule", "listener/* loadbalancer/*"),
    # Resources of an API have its tags
    # (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-tagging-supported-resources.html).
    ("apigateway", "*", "/apikeys/* /restapis/* /usageplans/*"),
    # The list contains the keys of all environments; only the handler of lists reads it.
    ("apigateway", "GET", "/apikeys"),
)
"""What templates can change although they do not create it: service, actions, ARNs.

The ARNs are of resources that exist before the call, because a new one has no tags yet
(https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html).
"""

EVERY: Final = DeploymentScope("", f"{PROJECT}-*", ("*",), "*")
PULL_REQUESTS: Final = DeploymentScope(
    "PullRequest",
    f"{PROJECT}-pr*",
    (*(f"pr{digit}*" for digit in range(1, 10)), "pr-*"),
    "pull-requests/*",
)
"""IAM has no pattern for digits, and `pr*` alone covers `prod`."""


@dataclass(frozen=True)
class Grant:
    """Actions of a service, on resources that a scope completes with names or tags."""

    service: str
    actions: str
    """Names or patterns, separated by spaces."""
    resources: str = "*"
    tagged: bool = False
    """Whether the resources must have the tags of the scope."""

    @property
    def common(self) -> bool:
        """Whether the statement is the same in every scope."""
        return not (self.tagged or "NAME" in self.resources or "EXACT" in self.resources)


def statements_of(grants: Iterable[Grant], scope: DeploymentScope) -> list[Statement]:
    """Return the statements that allow the actions within a scope, one for the same resources."""
    actions: dict[tuple[str, bool], list[Action]] = {}
    for grant in grants:
        found = actions.setdefault((grant.resources, grant.tagged), [])
        found += [Action(grant.service, action) for action in grant.actions.split()]
    return [
        allow(
            found,
            [arn for resource in resources.split() for arn in scope.arns(resource)],
            condition=Condition(scope.tagged()) if tagged else None,
        )
        for (resources, tagged), found in actions.items()
    ]


GRANTS: Final[Mapping[str, tuple[Grant, ...]]] = MappingProxyType(
    {
        "Network": (
            Grant(
                "ec2",
                "AllocateAddress AssociateAddress AssociateRouteTable AttachInternetGateway "
                "AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateFlowLogs "
                "CreateInternetGateway CreateNatGateway CreateRoute CreateRouteTable "
                "CreateSecurityGroup CreateSubnet CreateTags CreateVpc CreateVpcEndpoint Describe* "
                "DisassociateAddress DisassociateRouteTable ModifySubnetAttribute "
                "ModifyVpcAttribute ModifyVpcEndpoint ReplaceRoute ReplaceRouteTableAssociation "
                "RevokeSecurityGroupEgress RevokeSecurityGroupIngress "
                "UpdateSecurityGroupRuleDescriptionsEgress "
                "UpdateSecurityGroupRuleDescriptionsIngress",
            ),
            Grant(
                "ec2",
                "DeleteFlowLogs DeleteInternetGateway DeleteNatGateway DeleteRoute "
                "DeleteRouteTable DeleteSecurityGroup DeleteSubnet DeleteTags DeleteVpc "
                "DeleteVpcEndpoints DetachInternetGateway ReleaseAddress",
                tagged=True,
            ),
            Grant(
                "elasticloadbalancing",
                "AddTags AllowVendedLogDeliveryForResource CreateListener CreateLoadBalancer "
                "CreateRule CreateTargetGroup Describe* RemoveTags",
            ),
            Grant(
                "elasticloadbalancing",
                "DeleteListener DeleteLoadBalancer DeleteRule DeleteTargetGroup DeregisterTargets "
                "ModifyListener ModifyListenerAttributes ModifyLoadBalancerAttributes ModifyRule "
                "ModifyTargetGroup ModifyTargetGroupAttributes SetIpAddressType SetRulePriorities "
                "SetSecurityGroups SetSubnets",
                tagged=True,
            ),
            Grant(
                "apigateway",
                "DELETE GET PATCH POST PUT SetWebACL UpdateRestApiPolicy",
                "apigateway:/apikeys* apigateway:/restapis* apigateway:/tags/* "
                "apigateway:/usageplans* apigateway:/vpclinks*",
            ),
            Grant(
                "wafv2",
                "AssociateWebACL CreateWebACL DeleteWebACL DisassociateWebACL Get* "
                "ListTagsForResource TagResource UntagResource UpdateWebACL",
                "wafv2:regional/webacl/* wafv2:regional/managedruleset/* "
                "apigateway:/restapis/*/stages/*",
            ),
        ),
        "Data": (
            Grant("rds", "Describe*"),
            Grant(
                "rds",
                "AddTagsToResource Create* Delete* ListTagsForResource Modify* RebootDBInstance "
                "RemoveTagsFromResource ResetDBParameterGroup RestoreDBInstance*",
                "rds:db:NAME rds:og:default* rds:pg:* rds:snapshot:NAME rds:subgrp:NAME "
                f"rds:subgrp:{PROJECT}-{NETWORKS}",
            ),
            Grant(
                "elasticache",
                "AddTagsToResource Create* DecreaseReplicaCount Describe* IncreaseReplicaCount "
                "ListTagsForResource Modify* RemoveTagsFromResource",
            ),
            Grant("elasticache", "Delete*", tagged=True),
            # The final snapshot, which does not exist yet.
            Grant("elasticache", "DeleteReplicationGroup", "elasticache:snapshot:*"),
            Grant(
                "secretsmanager",
                "CreateSecret DescribeSecret GetRandomPassword TagResource UntagResource",
            ),
            Grant("secretsmanager", "DeleteSecret GetSecretValue UpdateSecret", tagged=True),
            Grant(
                "kms",
                # Tags count for a new key only after some minutes.
                "CreateGrant CreateKey Decrypt DescribeKey EnableKeyRotation Encrypt "
                "GenerateDataKey GetKeyPolicy GetKeyRotationStatus ListAliases ListResourceTags "
                "RetireGrant TagResource",
            ),
            Grant("kms", "CreateAlias DeleteAlias UpdateAlias", "kms:alias/NAME kms:key/*"),
            Grant(
                "kms",
                "DisableKey DisableKeyRotation EnableKey PutKeyPolicy "
                "ScheduleKeyDeletion UntagResource UpdateKeyDescription",
                tagged=True,
            ),
        ),
        "Containers": (
            Grant(
                "ecr",
                "CreateRepository Delete* Describe* Get* ListTagsForResource Put* "
                "SetRepositoryPolicy TagResource UntagResource",
                "ecr:repository/NAME",
            ),
            Grant("ecs", "DeregisterTaskDefinition Describe* List* TagResource UntagResource"),
            Grant(
                "ecs",
                "CreateCluster CreateService DeleteCluster DeleteService "
                "PutClusterCapacityProviders RegisterTaskDefinition StopServiceDeployment "
                "UpdateCluster UpdateClusterSettings UpdateService",
                "ecs:cluster/NAME ecs:service/NAME ecs:service-deployment/NAME "
                "ecs:task-definition/NAME",
            ),
            Grant(
                "application-autoscaling",
                "DeleteScalingPolicy DeregisterScalableTarget Describe* ListTagsForResource "
                "PutScalingPolicy RegisterScalableTarget TagResource UntagResource",
            ),
        ),
        "Operations": (
            Grant(
                "logs",
                "CreateLogDelivery DeleteLogDelivery DeleteResourcePolicy Describe* Get* List* "
                "PutResourcePolicy UpdateLogDelivery",
            ),
            Grant(
                "logs",
                "AssociateKmsKey Create* Delete* DisassociateKmsKey Put* TagResource UntagResource "
                "UpdateDeliveryConfiguration",
                "logs:log-group:*NAME logs:delivery:* logs:delivery-source:NAME "
                "logs:delivery-destination:NAME",
            ),
            Grant("cloudwatch", "DescribeAlarms GetMetricData"),
            Grant(
                "cloudwatch",
                "Delete* GetDashboard ListTagsForResource PutDashboard PutMetricAlarm TagResource "
                "UntagResource",
                "cloudwatch:alarm:NAME cloudwatch:dashboard/NAME",
            ),
            Grant(
                "events",
                "DeleteRule DescribeRule List* PutRule PutTargets RemoveTargets TagResource "
                "UntagResource",
                "events:rule/NAME",
            ),
            Grant(
                "sns",
                "CreateTopic DeleteTopic Get* List* SetTopicAttributes Subscribe TagResource "
                "UntagResource",
                "sns:NAME",
            ),
            Grant("sns", "Unsubscribe"),
            Grant(
                "sqs",
                "AddPermission CreateQueue DeleteQueue GetQueueAttributes GetQueueUrl "
                "ListQueueTags RemovePermission SetQueueAttributes TagQueue UntagQueue",
                "sqs:NAME",
            ),
            Grant(
                "states",
                "CreateStateMachine DeleteStateMachine Describe* ListTagsForResource "
                "TagResource UntagResource UpdateStateMachine ValidateStateMachineDefinition",
                # CloudFormation names a state machine after its logical ID.
                "states:stateMachine:*",
            ),
        ),
    }
)
"""What CloudFormation may do, by the layer that is one managed policy: a policy has at most 6,144
characters (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""

RUNTIME: Final = (
    Grant("ecr", "GetAuthorizationToken"),
    Grant(
        "ecr",
        "BatchCheckLayerAvailability BatchGetImage GetDownloadUrlForLayer",
        "ecr:repository/NAME",
    ),
    Grant("ecs", "DescribeServices UpdateService", "ecs:service/NAME"),
    Grant("kms", "Decrypt GenerateDataKey", tagged=True),
    # A state machine that logs sets its delivery up, on any resource.
    Grant(
        "logs",
        "CreateLogDelivery DeleteLogDelivery DescribeLogGroups DescribeResourcePolicies "
        "GetLogDelivery ListLogDeliveries PutResourcePolicy UpdateLogDelivery",
    ),
    Grant("logs", "CreateLogStream DescribeLogStreams PutLogEvents", "logs:log-group:*NAME"),
    # Enhanced monitoring of RDS, whose log group all databases of an account share.
    Grant(
        "logs",
        "CreateLogGroup CreateLogStream DescribeLogStreams GetLogEvents PutLogEvents "
        "PutRetentionPolicy",
        "logs:log-group:RDS*",
    ),
    Grant("secretsmanager", "GetSecretValue PutSecretValue", tagged=True),
    Grant("states", "StartExecution", tagged=True),
    Grant(
        "xray",
        "GetSamplingRules GetSamplingStatisticSummaries GetSamplingTargets PutTelemetryRecords "
        "PutTraceSegments",
    ),
)
"""What the roles of an environment may be allowed: its permissions boundary."""

DEPLOYER: Final = (
    Grant("acm", "DescribeCertificate"),
    Grant(
        "apigateway",
        "GET",
        "apigateway:/account apigateway:/restapis apigateway:/usageplans apigateway:/vpclinks/*",
    ),
    Grant("apigateway", "GET", "apigateway:/apikeys/*", tagged=True),
    Grant("cloudwatch", "DescribeAlarms Get* List*"),
    Grant(
        "cloudformation",
        "DescribeEvents DescribeStackDriftDetectionStatus DescribeStacks ListImports ListStacks",
    ),
    Grant(
        "ec2",
        "DescribeAddresses DescribeAvailabilityZones DescribeInternetGateways DescribeNatGateways "
        "DescribeNetworkInterfaces DescribeRegions DescribeSecurityGroups DescribeSubnets "
        "DescribeVpcEndpoint* DescribeVpcs",
    ),
    Grant("ecr", "DescribeImage* DescribeRepositories GetAuthorizationToken List*"),
    Grant(
        "ecr",
        "BatchCheckLayerAvailability BatchGetImage CompleteLayerUpload GetDownloadUrlForLayer "
        "InitiateLayerUpload PutImage UploadLayerPart",
        "ecr:repository/NAME",
        tagged=True,
    ),
    Grant("ecs", "Describe* List*"),
    Grant("elasticache", "Describe* ListTagsForResource"),
    Grant("elasticloadbalancing", "DescribeLoadBalancer* DescribeTags DescribeTarget*"),
    Grant("iam", "GetRole ListRoles SimulatePrincipalPolicy"),
    Grant("kms", "DescribeKey ListAliases ListResourceTags"),
    Grant("logs", "DescribeLogGroups ListTagsForResource"),
    # Log groups that a service has created again have no tags.
    Grant("logs", "DeleteLogGroup FilterLogEvents", "logs:log-group:*EXACT"),
    Grant("rds", "Describe* ListTagsForResource"),
    Grant("rds", "ModifyDBInstance", "rds:db:NAME", tagged=True),
    Grant("rds", "ModifyDBInstance", "rds:og:default* rds:pg:*"),
    Grant("secretsmanager", "DescribeSecret ListSecrets"),
    Grant("servicequotas", "GetServiceQuota ListServiceQuotas"),
)
"""What the deployer itself calls, besides CloudFormation for its stacks."""

DEPLOYER_OF_ALL: Final = (
    # API keys, and the secrets of ingresses, which variables of stages and listener rules contain.
    Grant("apigateway", "GET", "apigateway:/*"),
    Grant("elasticloadbalancing", "Describe*"),
    # User data of instances, and keys of VPN connections.
    Grant("ec2", "DeleteNetworkInterface Describe*"),
)
"""What the deployer of pull requests may not do: IAM allows it for everything or for nothing
(https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html).
"""

DEPLOYER_TAGGED: Final = (
    ("ec2", "ReleaseAddress"),
    ("ecs", "DeleteTaskDefinitions"),
    ("elasticloadbalancing", "ModifyLoadBalancerAttributes"),
)
"""What it calls on resources that have the tags of an environment."""

STACKS: Final = (
    "CancelUpdateStack ContinueUpdateRollback CreateChangeSet DeleteChangeSet DeleteStack "
    "Describe* DetectStack* ExecuteChangeSet Get* List* RollbackStack "
    "SetStackPolicy UpdateTerminationProtection"
)
"""The actions of CloudFormation on the stacks of a scope."""

SERVICE_LINKED_ROLES: Final = (
    "delivery.logs",
    "ecs.application-autoscaling",
    "ecs",
    "elasticache",
    "elasticloadbalancing",
    "ops.apigateway",
    "rds",
    "wafv2",
)
"""Services that create a role of their own when an account uses them first."""

PASSED_TO: Final = (
    "ecs-tasks",
    "events",
    "monitoring.rds",
    "states",
    "vpc-flow-logs",
)
"""Services that assume the roles of an environment."""
