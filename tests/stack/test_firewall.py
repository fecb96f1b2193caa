"""The web ACL in front of the API."""

import json
import re

from resolution import name_of, of_type, only, resolve


def test_web_acl_protects_the_stage_where_enabled(environments):
    environment = environments["most"]
    association = only(environment, "WAFv2::WebACLAssociation")
    assert name_of(association["ResourceArn"]) == (
        "arn:aws:apigateway:ap-northeast-1::/restapis/${RestApi}/stages/${ApiStage}"
    )
    assert only(environment, "WAFv2::WebACL")["Scope"] == "REGIONAL"
    assert not of_type(environments["defaults"], "WAFv2::WebACL")


def test_metrics_of_two_environments_differ(template):
    """The name of the metric is the value of its dimension, and nothing else tells them apart."""
    names = [
        re.findall(
            r'"MetricName": "([^"]+)"',
            json.dumps(
                only(
                    resolve(template, {"EnvironmentSuffix": suffix, "WebAcl": "enabled"}),
                    "WAFv2::WebACL",
                )
            ),
        )
        for suffix in ("pr1", "pr2")
    ]
    assert len({*names[0], *names[1]}) == 8
    # https://docs.aws.amazon.com/waf/latest/APIReference/API_VisibilityConfig.html
    assert all(re.fullmatch(r"[\w-]{1,128}", name) for name in names[0])


def test_web_acl_only_counts_large_bodies_and_missing_user_agents(environments):
    """Batches of readings are larger than 8 KB, and sensors send no user agent."""
    acl = only(environments["most"], "WAFv2::WebACL")
    rules = {rule["Name"]: rule["Statement"] for rule in acl["Rules"]}
    common = rules["AWSManagedRulesCommonRuleSet"]["ManagedRuleGroupStatement"]
    overrides = {rule["Name"]: rule["ActionToUse"] for rule in common["RuleActionOverrides"]}
    assert overrides == {
        "NoUserAgent_HEADER": {"Count": {}},
        "SizeRestrictions_BODY": {"Count": {}},
    }
