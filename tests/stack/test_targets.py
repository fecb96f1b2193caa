"""The target group of the containers, and the rules that forward to it."""

import re

import pytest

from resolution import of_type, only, resolve


def test_target_group_has_ip_targets_on_the_container_port(environments):
    group = only(environments["defaults"], "ElasticLoadBalancingV2::TargetGroup")
    assert (group["TargetType"], group["Protocol"], group["Port"]) == ("ip", "HTTP", 8080)
    assert group["HealthCheckPath"] == "/"
    assert group["HealthCheckIntervalSeconds"] == 30
    assert group["Matcher"] == {"HttpCode": "200"}
    assert (group["HealthyThresholdCount"], group["UnhealthyThresholdCount"]) == (2, 3)


def test_change_of_ingress_replaces_the_target_group(template):
    """A target group cannot belong to the old and the new load balancer at once."""
    create_only = {"Name", "Port", "Protocol", "ProtocolVersion", "TargetType", "VpcId"}
    public, private = (
        only(resolve(template, {"Ingress": ingress}), "ElasticLoadBalancingV2::TargetGroup")
        for ingress in ("public", "private")
    )
    assert {key for key in create_only if public.get(key) != private.get(key)}


def test_only_requests_with_the_secret_are_forwarded(environments):
    """The conditions of a rule must all hold, so a rule with this one needs no other."""
    for environment in environments.values():
        for rule in of_type(environment, "ElasticLoadBalancingV2::ListenerRule").values():
            (action,) = rule["Actions"]
            fields = [condition["Field"] for condition in rule["Conditions"]]
            expected = {"forward": ["http-header"], "redirect": ["host-header"]}
            assert fields == expected[action["Type"]]


@pytest.mark.parametrize("title", ["HttpForwardingRule", "HttpsForwardingRule"])
def test_containers_receive_the_path_without_the_stage(environments, title):
    """The container receives /ingest, whether or not API Gateway adds the stage."""
    (transform,) = of_type(environments["most"], "ElasticLoadBalancingV2::ListenerRule")[title][
        "Transforms"
    ]
    (rewrite,) = transform["UrlRewriteConfig"]["Rewrites"]
    replacement = rewrite["Replace"].replace("$", "\\")
    assert re.sub(rewrite["Regex"], replacement, "/prod/ingest") == "/ingest"
    assert re.sub(rewrite["Regex"], replacement, "/ingest") == "/ingest"
