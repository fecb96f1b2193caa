"""The firewall in front of the API, AWS WAF, which an environment can enable."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from troposphere import Sub, wafv2

from .api import Api
from .context import Context

REQUESTS_PER_ADDRESS = 20_000
"""In five minutes. The sensors of a factory share an address: this is enough for 2,000."""

NO_OVERRIDE: Mapping[str, Any] = MappingProxyType({"None": {}})
"""Every rule of a group keeps its own action."""


def add_firewall(context: Context, *, api: Api) -> None:
    """Add the web ACL and its association with the API's stage."""
    has_web_acl = context.add_switch(
        "WebAcl", condition="HasWebAcl", description="AWS WAF in front of the API.", label="Web ACL"
    )
    web_acl = context.add(
        wafv2.WebACL(
            "ApiWebAcl",
            Condition=has_web_acl,
            DefaultAction=wafv2.DefaultAction(Allow=wafv2.AllowAction()),
            Rules=_rules(context),
            Scope="REGIONAL",
            VisibilityConfig=_visibility(context),
        )
    )
    context.add(
        wafv2.WebACLAssociation(
            "ApiWebAclAssociation",
            Condition=has_web_acl,
            ResourceArn=Sub(
                "arn:${AWS::Partition}:apigateway:${AWS::Region}::"
                f"/restapis/${{{api.rest_api.title}}}/stages/${{{api.stage.title}}}"
            ),
            WebACLArn=web_acl.get_att("Arn"),
        )
    )


def _rules(context: Context) -> list[wafv2.WebACLRule]:
    return [
        wafv2.WebACLRule(
            Action=wafv2.RuleAction(Block=wafv2.BlockAction()),
            Name="RequestsPerAddress",
            Priority=0,
            Statement=wafv2.Statement(
                RateBasedStatement=wafv2.RateBasedStatement(
                    AggregateKeyType="IP", Limit=REQUESTS_PER_ADDRESS
                )
            ),
            VisibilityConfig=_visibility(context, "_RequestsPerAddress"),
        ),
        _managed_rules(
            context,
            1,
            wafv2.ManagedRuleGroupStatement(
                Name="AWSManagedRulesCommonRuleSet",
                # This group blocks bodies over 8 KB, which batches of readings have, and requests
                # without user agent, which sensors send.
                RuleActionOverrides=[
                    wafv2.RuleActionOverride(
                        ActionToUse=wafv2.RuleAction(Count=wafv2.CountAction()), Name=name
                    )
                    for name in ("NoUserAgent_HEADER", "SizeRestrictions_BODY")
                ],
                VendorName="AWS",
            ),
        ),
        _managed_rules(
            context,
            2,
            wafv2.ManagedRuleGroupStatement(
                Name="AWSManagedRulesKnownBadInputsRuleSet", VendorName="AWS"
            ),
        ),
    ]


def _managed_rules(
    context: Context, priority: int, group: wafv2.ManagedRuleGroupStatement
) -> wafv2.WebACLRule:
    return wafv2.WebACLRule(
        Name=group.Name,
        OverrideAction=wafv2.OverrideAction(**NO_OVERRIDE),
        Priority=priority,
        Statement=wafv2.Statement(ManagedRuleGroupStatement=group),
        VisibilityConfig=_visibility(context, f"_{group.Name}"),
    )


def _visibility(context: Context, ending: str = "") -> wafv2.VisibilityConfig:
    """Return the metric, whose name must differ between environments: it is a dimension's value.

    https://docs.aws.amazon.com/waf/latest/APIReference/API_VisibilityConfig.html
    """
    return wafv2.VisibilityConfig(
        CloudWatchMetricsEnabled=True,
        MetricName=context.environment_name(ending=ending),
        SampledRequestsEnabled=True,
    )
