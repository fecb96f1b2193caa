"""The API: authorization, validation of bodies, integration, throttling, access logs."""

import json

import pytest

from checkout import CERTIFICATE
from iot_pipeline_cfn.stack.readings import readings_schema
from resolution import name_of, of_type, only, resolve


def test_bodies_of_every_content_type_are_validated(environments):
    """Without `$default` API Gateway does not validate bodies of other content types.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html
    """
    environment = environments["defaults"]
    method = only(environment, "ApiGateway::Method")
    assert set(method["RequestModels"]) == {"$default", "application/json"}
    assert {name_of(model) for model in method["RequestModels"].values()} == {"ReadingsModel"}
    assert method["RequestValidatorId"] == {"Ref": "ReadingsValidator"}
    assert only(environment, "ApiGateway::RequestValidator")["ValidateRequestBody"] is True
    assert json.loads(only(environment, "ApiGateway::Model")["Schema"]) == readings_schema()


@pytest.mark.parametrize(
    ("authorization", "kind", "needs_key"),
    [("API_KEY", "NONE", True), ("AWS_IAM", "AWS_IAM", False), ("NONE", "NONE", False)],
)
def test_authorization_decides_what_the_method_requires(template, authorization, kind, needs_key):
    """An API key is valid through a usage plan of the stage."""
    environment = resolve(template, {"ApiAuthorization": authorization})
    method = only(environment, "ApiGateway::Method")
    assert method["HttpMethod"] == "POST"
    assert (method["AuthorizationType"], method["ApiKeyRequired"]) == (kind, needs_key)
    assert len(of_type(environment, "ApiGateway::ApiKey")) == needs_key
    if needs_key:
        (served,) = only(environment, "ApiGateway::UsagePlan")["ApiStages"]
        assert served == {"ApiId": {"Ref": "RestApi"}, "Stage": {"Ref": "ApiStage"}}
        assert only(environment, "ApiGateway::UsagePlanKey") == {
            "KeyId": {"Ref": "ApiKey"},
            "KeyType": "API_KEY",
            "UsagePlanId": {"Ref": "UsagePlan"},
        }


def test_public_integration_calls_the_load_balancer_over_http(environments):
    integration = only(environments["defaults"], "ApiGateway::Method")["Integration"]
    assert integration == {
        "ConnectionType": "INTERNET",
        "IntegrationHttpMethod": "POST",
        "RequestParameters": {
            "integration.request.header.X-Ingress-Secret": "stageVariables.ingressSecret",
            "integration.request.header.x-api-key": "'-'",
        },
        "Type": "HTTP_PROXY",
        "Uri": {"Fn::Sub": "http://${LoadBalancer.DNSName}/ingest"},
    }


def test_integration_sends_the_secret_for_which_the_load_balancer_asks(environments):
    """The value is in neither the template nor an output, and the caller's API key is replaced."""
    for environment in environments.values():
        parameters = only(environment, "ApiGateway::Method")["Integration"]["RequestParameters"]
        assert parameters["integration.request.header.x-api-key"] == "'-'"
        for rule in ("HttpForwardingRule", "HttpsForwardingRule"):
            rules = of_type(environment, "ElasticLoadBalancingV2::ListenerRule")
            (condition,) = rules.get(rule, rules["HttpForwardingRule"])["Conditions"]
            header = condition["HttpHeaderConfig"]
            source = parameters[f"integration.request.header.{header['HttpHeaderName']}"]
            variable = source.removeprefix("stageVariables.")
            stage = only(environment, "ApiGateway::Stage")
            assert [stage["Variables"][variable]] == header["Values"]
            assert header["Values"] == [{"Fn::Sub": "{{resolve:secretsmanager:${IngressSecret}}}"}]
        assert "IngressSecret" not in json.dumps(environment["Outputs"])
    secret = of_type(environments["defaults"], "SecretsManager::Secret")["IngressSecret"]
    # Longer than 128 characters is no header of a rule, and * and ? are wildcards.
    assert secret["GenerateSecretString"] == {"ExcludePunctuation": True, "PasswordLength": 64}


def test_integration_calls_the_domain_name_of_the_certificate(environments):
    """The host name must be the certificate's."""
    environment = environments["public-https"]
    integration = only(environment, "ApiGateway::Method")["Integration"]
    # Not in Fn::Sub, which reads a stage variable as a reference.
    assert integration["Uri"] == "https://${stageVariables.domainName}/ingest"
    variables = only(environment, "ApiGateway::Stage")["Variables"]
    assert variables["domainName"] == CERTIFICATE["DomainName"]
    assert "domainName" not in only(environments["defaults"], "ApiGateway::Stage")["Variables"]


def test_private_integration_uses_the_vpc_link(environments):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/private-integration.html."""
    environment = environments["prod"]
    integration = only(environment, "ApiGateway::Method")["Integration"]
    assert integration["ConnectionType"] == "VPC_LINK"
    assert integration["ConnectionId"] == {"Ref": "VpcLink"}
    assert integration["IntegrationTarget"] == {"Ref": "LoadBalancer"}
    link = only(environment, "ApiGatewayV2::VpcLink")
    assert link["SecurityGroupIds"] == [{"Ref": "VpcLinkSecurityGroup"}]
    assert link["SubnetIds"] == [{"Ref": "PrivateSubnet1"}, {"Ref": "PrivateSubnet2"}]


def test_stage_throttles_and_measures_every_method(template):
    environment = resolve(template, {"ThrottleRate": "7", "ThrottleBurst": "9"})
    (settings,) = only(environment, "ApiGateway::Stage")["MethodSettings"]
    assert settings == {
        "HttpMethod": "*",
        "MetricsEnabled": True,
        "ResourcePath": "/*",
        "ThrottlingBurstLimit": "9",
        "ThrottlingRateLimit": "7",
    }


def test_access_logs_are_json_lines_in_a_log_group_where_enabled(environments):
    setting = only(environments["most"], "ApiGateway::Stage")["AccessLogSetting"]
    assert name_of(setting["DestinationArn"]).endswith(":log-group:${ApiLogGroup}")
    assert json.loads(setting["Format"])["requestId"] == "$context.requestId"
    assert "AccessLogSetting" not in only(environments["defaults"], "ApiGateway::Stage")


def test_no_environment_owns_the_settings_of_the_account(template):
    """Its deletion would remove the CloudWatch role of all other environments."""
    assert not of_type(template, "ApiGateway::Account")


def test_api_is_regional_and_its_stage_is_prod(environments):
    environment = environments["defaults"]
    api = only(environment, "ApiGateway::RestApi")
    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    # TLS 1.0 is the default, and an enhanced policy needs an access mode.
    assert api["SecurityPolicy"] == "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09"
    assert api["EndpointAccessMode"] == "STRICT"
    assert only(environment, "ApiGateway::Stage")["StageName"] == "prod"
    url = environment["Outputs"]["ApiInvokeUrl"]["Value"]["Fn::Sub"]
    assert url.endswith("/prod/ingest")
