"""The WAF in front of the API, for an environment that wants one."""

from typing import Any

from troposphere import Sub, Template
from troposphere.wafv2 import (
    AllowAction,
    BlockAction,
    CountAction,
    DefaultAction,
    ManagedRuleGroupStatement,
    OverrideAction,
    RateBasedStatement,
    RuleAction,
    RuleActionOverride,
    Statement,
    VisibilityConfig,
    WebACL,
    WebACLAssociation,
    WebACLRule,
)

from .api import Api
from .context import Environment
from .naming import tags
from .sections import add_switch

REQUESTS_PER_ADDRESS = 20_000
"""In five minutes. A factory's sensors share an address: this is 2,000 of them."""


def add_firewall(template: Template, *, environment: Environment, api: Api) -> None:
    """Add the web ACL and its association with the API's stage, if wanted."""
    has_web_acl = add_switch(
        template,
        "WebAcl",
        condition="HasWebAcl",
        description="AWS WAF in front of the API.",
        group="API",
        label="Web ACL",
    )
    web_acl = template.add_resource(
        WebACL(
            "ApiWebAcl",
            Condition=has_web_acl,
            DefaultAction=DefaultAction(Allow=AllowAction()),
            Rules=_rules(),
            Scope="REGIONAL",
            Tags=tags(environment.suffix, "web-acl", component="api"),
            VisibilityConfig=_visibility("ApiWebAcl"),
        )
    )
    template.add_resource(
        WebACLAssociation(
            "ApiWebAclAssociation",
            Condition=has_web_acl,
            ResourceArn=Sub(
                "arn:${AWS::Partition}:apigateway:${AWS::Region}::"
                f"/restapis/${{{api.rest_api.title}}}/stages/${{{api.stage.title}}}"
            ),
            WebACLArn=web_acl.get_att("Arn"),
        )
    )


def _rules() -> list[WebACLRule]:
    return [
        WebACLRule(
            Action=RuleAction(Block=BlockAction()),
            Name="RequestsPerAddress",
            Priority=0,
            Statement=Statement(
                RateBasedStatement=RateBasedStatement(
                    AggregateKeyType="IP", Limit=REQUESTS_PER_ADDRESS
                )
            ),
            VisibilityConfig=_visibility("RequestsPerAddress"),
        ),
        _managed_rules(
            1,
            ManagedRuleGroupStatement(
                Name="AWSManagedRulesCommonRuleSet",
                # A batch of readings is larger than the 8 KB that this group lets pass, and the
                # clients of sensors often name no user agent.
                RuleActionOverrides=[
                    RuleActionOverride(ActionToUse=RuleAction(Count=CountAction()), Name=name)
                    for name in ("NoUserAgent_HEADER", "SizeRestrictions_BODY")
                ],
                VendorName="AWS",
            ),
        ),
        _managed_rules(
            2,
            ManagedRuleGroupStatement(
                Name="AWSManagedRulesKnownBadInputsRuleSet", VendorName="AWS"
            ),
        ),
    ]


def _managed_rules(priority: int, group: ManagedRuleGroupStatement) -> WebACLRule:
    as_the_group_says: dict[str, Any] = {"None": {}}
    return WebACLRule(
        Name=group.Name,
        OverrideAction=OverrideAction(**as_the_group_says),
        Priority=priority,
        Statement=Statement(ManagedRuleGroupStatement=group),
        VisibilityConfig=_visibility(group.Name),
    )


def _visibility(metric: str) -> VisibilityConfig:
    return VisibilityConfig(
        CloudWatchMetricsEnabled=True, MetricName=metric, SampledRequestsEnabled=True
    )
