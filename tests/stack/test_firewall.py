"""The web ACL in front of the API."""

from resolution import name_of, of_type, only


def test_web_acl_protects_the_stage_where_enabled(environments):
    environment = environments["most"]
    association = only(environment, "WAFv2::WebACLAssociation")
    assert name_of(association["ResourceArn"]) == (
        "arn:aws:apigateway:ap-northeast-1::/restapis/${RestApi}/stages/${ApiStage}"
    )
    assert only(environment, "WAFv2::WebACL")["Scope"] == "REGIONAL"
    assert not of_type(environments["defaults"], "WAFv2::WebACL")


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
