"""Assessments: what a review knows about each type beyond AWS's schemas.

The tables of docs/reviewing.md are generated from this module and its rules. A type without an
entry is not assessed, which a review says of every such type that a change touches.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from iot_pipeline_cfn.template.findings import Finding, Severity
from iot_pipeline_cfn.template.lookup import properties_of, type_of
from iot_pipeline_cfn.template.stateful import STATEFUL

from .assessment_rules import RULES_OF, SEVERITIES, Assessment, Rule, documentation
from .prices import PRICED, UNPRICED
from .resolved import ResolvedEnvironment
from .resource_changes import find_changes


def find_rule_changes(
    before: ResolvedEnvironment, after: ResolvedEnvironment, assessment: Assessment
) -> Iterator[Finding]:
    """Yield the changes that rules about exposure or data rate.

    A new resource has no data, so that rules about data judge only existing ones.
    """
    for name, resource in after.resources.items():
        old = before.resources.get(name)
        if old == resource:
            continue
        resource_type = type_of(resource)
        was = properties_of(old) if type_of(old) == resource_type else None
        if was is None and assessment is Assessment.DATA:
            continue
        for rule in RULES_OF.get(resource_type, ()):
            if rule.assessment is assessment:
                yield from _judge(rule, name, was, properties_of(resource))


def _judge(
    rule: Rule, name: str, was: Mapping[str, Any] | None, will_be: Mapping[str, Any]
) -> Iterator[Finding]:
    """Yield the findings of one rule for a resource; `was` is None for a new one."""
    old, new = 0 if was is None else rule.rate(was), rule.rate(will_be)
    is_same = was is not None and rule.values(was) == rule.values(will_be)
    details = {
        "properties": rule.paths,
        "documentation": documentation(rule.resource_type),
        "is_certain": new is not None,
        "before": None if was is None else rule.shown(was),
        "after": rule.shown(will_be),
    }
    if (new is None and not is_same and (old or 0) < 1) or (new is not None and new > (old or 0)):
        yield Finding(rule.code, SEVERITIES.get(rule.code, Severity.EXPOSURE), name, details)
    elif was is not None and old is not None and new is not None and new < old:
        code = "better-protected" if rule.assessment is Assessment.DATA else "less-exposed"
        yield Finding(code, Severity.CHANGE, name, details)


WITH_POLICIES: Final = frozenset(
    f"AWS::{kind}"
    for kind in (
        *("EC2::VPCEndpoint", "ECR::Repository", "Events::EventBusPolicy", "IAM::Group"),
        *("IAM::GroupPolicy", "IAM::ManagedPolicy", "IAM::Policy", "IAM::Role", "IAM::RolePolicy"),
        *("IAM::User", "IAM::UserPolicy", "KMS::Key", "Lambda::Permission", "Logs::ResourcePolicy"),
        *("S3::BucketPolicy", "SNS::TopicPolicy", "SQS::QueuePolicy", "SSO::PermissionSet"),
        *("SecretsManager::ResourcePolicy", "Serverless::Function"),
    )
)
"""Types whose policies are compared; a policy document in any other type is compared as well.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html
"""

WITH_TRAFFIC: Final = frozenset(
    f"AWS::EC2::{kind}" for kind in ("SecurityGroup", "SecurityGroupEgress", "SecurityGroupIngress")
)
"""Types of security rules; who carries a group is found in any type."""

PLAIN: Final = frozenset(
    f"AWS::{kind}"
    for kind in (
        *("ApiGateway::Account", "ApiGateway::ApiKey", "ApiGateway::Deployment"),
        *("ApiGateway::Model", "ApiGateway::RequestValidator", "ApiGateway::Resource"),
        *("ApiGateway::Stage", "ApiGateway::UsagePlan", "ApiGateway::UsagePlanKey"),
        *("ApiGatewayV2::VpcLink", "ApplicationAutoScaling::ScalableTarget"),
        *("ApplicationAutoScaling::ScalingPolicy", "AutoScaling::LifecycleHook"),
        *("AutoScaling::ScalingPolicy", "AutoScaling::ScheduledAction"),
        *("CloudFormation::WaitCondition", "CloudFormation::WaitConditionHandle"),
        *("CloudWatch::Alarm", "CloudWatch::CompositeAlarm", "CloudWatch::Dashboard"),
        *("EC2::FlowLog", "EC2::InternetGateway", "EC2::RouteTable"),
        *("EC2::SubnetRouteTableAssociation", "EC2::VPC", "EC2::VPCGatewayAttachment"),
        *("ECS::Cluster", "ElastiCache::ParameterGroup", "ElastiCache::SubnetGroup"),
        *("ElasticLoadBalancingV2::ListenerRule", "ElasticLoadBalancingV2::TargetGroup"),
        *("Events::Rule", "KMS::Alias", "Lambda::Alias", "Lambda::EventSourceMapping"),
        *("Lambda::Function", "Lambda::LayerVersion", "Lambda::Version", "Logs::Delivery"),
        *("Logs::DeliveryDestination", "Logs::DeliverySource", "Logs::MetricFilter"),
        *("RDS::DBClusterParameterGroup", "RDS::DBSubnetGroup", "Route53::RecordSet"),
        *("SNS::Subscription", "StepFunctions::StateMachine", "WAFv2::WebACLAssociation"),
    )
)
"""Types that hold no data and grant nothing by themselves: AWS's schemas say all about them."""


def assessments_of(resource_type: str) -> frozenset[Assessment]:
    """Return the kinds of assessment of a resource type."""
    found = {rule.assessment for rule in RULES_OF.get(resource_type, ())}
    for types, assessment in (
        (STATEFUL, Assessment.DATA),
        (WITH_POLICIES, Assessment.PERMISSIONS),
        (WITH_TRAFFIC, Assessment.TRAFFIC),
        (PRICED.keys() | UNPRICED, Assessment.COST),
    ):
        found |= {assessment} if resource_type in types else set()
    return frozenset(found)


UNRATED: Final = frozenset({"Tags", "DependsOn", "Condition"})
"""Properties and attributes whose change needs no rule."""


def find_unassessed_types(
    before: ResolvedEnvironment, after: ResolvedEnvironment
) -> Iterator[Finding]:
    """Yield the types that the change touches and that have no entry in the table."""
    touched: dict[str, list[str]] = {}
    for change in find_changes(before, after):
        names = {part.name for part in change.properties}
        if not names or not names <= UNRATED:
            touched.setdefault(change.resource_type, []).append(change.logical_id)
    for resource_type, names_of in sorted(touched.items()):
        if resource_type not in PLAIN and not assessments_of(resource_type):
            yield Finding("not-assessed", Severity.WARNING, resource_type, {"resources": names_of})
