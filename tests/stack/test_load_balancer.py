"""Load balancer, target group, listeners and access logs."""

import re

from checkout import CERTIFICATE, ENVIRONMENTS
from iot_pipeline_cfn.template.schemas import paths
from resolution import of_type, only, resolve, waits_for


def attributes(environment):
    return {
        attribute["Key"]: attribute["Value"]
        for attribute in only(environment, "ElasticLoadBalancingV2::LoadBalancer")[
            "LoadBalancerAttributes"
        ]
    }


def rules_of(environment):
    return of_type(environment, "ElasticLoadBalancingV2::ListenerRule")


def test_listeners_refuse_requests_that_no_rule_forwards(environments):
    for environment in environments.values():
        for listener in of_type(environment, "ElasticLoadBalancingV2::Listener").values():
            (action,) = listener["DefaultActions"]
            assert action["Type"] == "fixed-response"
            assert action["FixedResponseConfig"]["StatusCode"] == "403"


def test_listeners_of_an_environment_with_a_certificate(environments):
    listeners = of_type(environments["public-https"], "ElasticLoadBalancingV2::Listener")
    assert {(each["Port"], each["Protocol"]) for each in listeners.values()} == {
        (80, "HTTP"),
        (443, "HTTPS"),
    }
    https = listeners["HttpsListener"]
    assert https["Certificates"] == [{"CertificateArn": CERTIFICATE["CertificateArn"]}]
    assert re.match(r"ELBSecurityPolicy-TLS13-1-2-Res", https["SslPolicy"])
    rules = rules_of(environments["public-https"])
    assert rules["HttpsForwardingRule"]["ListenerArn"] == {"Ref": "HttpsListener"}
    assert rules["HttpForwardingRule"]["ListenerArn"] == {"Ref": "HttpListener"}


def test_only_the_domain_name_redirects_to_https(environments):
    """The API calls the load balancer by its own name while a certificate is added or removed."""
    rule = rules_of(environments["public-https"])["RedirectListenerRule"]
    assert rule["ListenerArn"] == {"Ref": "HttpListener"}
    (condition,) = rule["Conditions"]
    assert condition["HostHeaderConfig"]["Values"] == [CERTIFICATE["DomainName"]]
    (action,) = rule["Actions"]
    assert action["RedirectConfig"] == {
        "Port": "443",
        "Protocol": "HTTPS",
        "StatusCode": "HTTP_301",
    }
    assert (
        rule["Priority"] < rules_of(environments["public-https"])["HttpForwardingRule"]["Priority"]
    )


def test_load_balancer_drops_invalid_headers_and_has_deletion_protection(environments):
    assert attributes(environments["defaults"]) == {
        "deletion_protection.enabled": "true",
        "load_balancing.cross_zone.enabled": "true",
        "routing.http.drop_invalid_header_fields.enabled": "true",
    }
    assert attributes(environments["least"])["deletion_protection.enabled"] == "false"


def test_detailed_monitoring_delivers_access_logs_to_a_log_group(environments):
    environment = environments["most"]
    source = only(environment, "Logs::DeliverySource")
    assert source["LogType"] == "ALB_ACCESS_LOGS"
    assert source["ResourceArn"] == {"Ref": "LoadBalancer"}
    destination = only(environment, "Logs::DeliveryDestination")
    assert destination["DestinationResourceArn"] == {"Fn::GetAtt": ["LoadBalancerLogGroup", "Arn"]}
    assert {"LoadBalancerLogSource", "LoadBalancerLogDestination"} <= waits_for(
        environment, "LoadBalancerLogDelivery"
    )
    assert not of_type(environments["defaults"], "Logs::Delivery")


def test_delivery_source_is_replaced_exactly_when_the_load_balancer_is(template):
    """AWS refuses to update its ARN, and a second source for the same ARN."""
    kind = "ElasticLoadBalancingV2::LoadBalancer"
    create_only = {path[0] for path in paths(f"AWS::{kind}", "createOnlyProperties")}

    def identities(given):
        environment = resolve(template, ENVIRONMENTS["most"] | {"Monitoring": "detailed"} | given)
        balancer = only(environment, kind)
        return only(environment, "Logs::DeliverySource")["Name"], [
            balancer.get(name) for name in sorted(create_only)
        ]

    source, balancer = identities({})
    replacing = set()
    for parameter, declaration in template["Parameters"].items():
        for value in {*declaration.get("AllowedValues", ())} - {"basic"}:
            other_source, other_balancer = identities({parameter: value})
            assert (source != other_source) == (balancer != other_balancer), (parameter, value)
            if balancer != other_balancer:
                replacing.add(parameter)
    assert replacing == {"Ingress"}
