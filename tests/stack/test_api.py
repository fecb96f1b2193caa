"""The API: who may call it, what it takes, and that a change of it is deployed."""

import json
import re

import pytest
from jsonschema import Draft4Validator

from checkout import CERTIFICATE
from iot_pipeline_cfn.stack import iot_pipeline
from iot_pipeline_cfn.stack.api import READINGS_IN_BATCH, readings_schema
from resolution import name_of, of_type, only, resolve, waits_for

READING = {
    "deviceId": "press-7",
    "measurements": {"temperature": 71.5},
    "timestamp": "2026-01-31T12:00:30Z",
}
VARIANTS = [
    {"ApiAuthorization": authorization, "Ingress": ingress} | certificate
    for authorization in ("API_KEY", "AWS_IAM", "NONE")
    for ingress in ("public", "private")
    for certificate in ({}, CERTIFICATE)
]


@pytest.mark.parametrize(
    "body",
    [
        READING,
        [READING],
        [READING] * READINGS_IN_BATCH,
        READING | {"timestamp": "2026-01-31T12:00:30.25+09:00"},
        READING | {"measurements": {"a": 0, "b": -1e9}},
    ],
)
def test_reading_and_batch_of_readings_are_let_in(body):
    """Draft 4 is the draft that API Gateway reads."""
    schema = readings_schema()
    Draft4Validator.check_schema(schema)
    assert Draft4Validator(schema).is_valid(body)


@pytest.mark.parametrize(
    "body",
    [
        None,
        "reading",
        {},
        [],
        [{}],
        [READING, {}],
        [READING] * (READINGS_IN_BATCH + 1),
        READING | {"deviceId": ""},
        READING | {"deviceId": "a" * 65},
        READING | {"deviceId": "'; drop table"},
        READING | {"deviceId": 7},
        READING | {"timestamp": "yesterday"},
        READING | {"timestamp": 1769860830},
        READING | {"measurements": {}},
        READING | {"measurements": {"temperature": "hot"}},
        READING | {"measurements": [1]},
        READING | {"more": 1},
        *(
            {key: value for key, value in READING.items() if key != left_out}
            for left_out in READING
        ),
    ],
    ids=lambda body: json.dumps(body)[:40],
)
def test_what_cannot_be_a_reading_is_kept_out(body):
    """It never reaches a container."""
    assert not Draft4Validator(readings_schema()).is_valid(body)


def test_bodies_are_validated_whatever_type_they_claim_to_have(environments):
    """Without `$default` API Gateway lets a body pass that does not say it is JSON.

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
def test_callers_bring_what_is_asked_of_them(template, authorization, kind, needs_key):
    """An API key works through a usage plan of the stage, and exists only where it is asked for."""
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


def test_public_integration_calls_the_load_balancer_by_its_name(environments):
    """Over HTTP, since there is no certificate."""
    integration = only(environments["defaults"], "ApiGateway::Method")["Integration"]
    assert integration == {
        "ConnectionType": "INTERNET",
        "IntegrationHttpMethod": "POST",
        "Type": "HTTP_PROXY",
        "Uri": {"Fn::Sub": "http://${LoadBalancer.DNSName}/ingest"},
    }


def test_with_certificate_the_integration_calls_by_the_certificate_s_name(environments):
    """HTTP would redirect, which API Gateway does not follow."""
    environment = environments["public-https"]
    integration = only(environment, "ApiGateway::Method")["Integration"]
    # In Fn::Sub a stage variable would be taken for a resource.
    assert integration["Uri"] == "https://${stageVariables.domainName}/ingest"
    assert only(environment, "ApiGateway::Stage")["Variables"] == {
        "domainName": CERTIFICATE["DomainName"]
    }


def test_private_integration_goes_over_the_vpc_link(environments):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/private-integration.html."""
    environment = environments["prod"]
    integration = only(environment, "ApiGateway::Method")["Integration"]
    assert integration["ConnectionType"] == "VPC_LINK"
    assert integration["ConnectionId"] == {"Ref": "VpcLink"}
    assert integration["IntegrationTarget"] == {"Ref": "LoadBalancer"}
    link = only(environment, "ApiGatewayV2::VpcLink")
    assert link["SecurityGroupIds"] == [{"Ref": "VpcLinkSecurityGroup"}]
    assert link["SubnetIds"] == [{"Ref": "PrivateSubnet1"}, {"Ref": "PrivateSubnet2"}]


def test_stage_serves_the_one_deployment_that_was_made_after_the_method(template):
    """A deployment is refused for an API without methods, and is a snapshot of what it finds."""
    for given in VARIANTS:
        environment = resolve(template, given)
        (deployment,) = of_type(environment, "ApiGateway::Deployment")
        assert only(environment, "ApiGateway::Stage")["DeploymentId"] == {"Ref": deployment}
        assert {"IngestMethod", "ReadingsModel", "ReadingsValidator"} <= waits_for(
            environment, deployment
        )


def test_each_way_in_which_parameters_shape_the_api_has_its_own_deployment(template):
    """A parameter changes the method without changing the template; the stage must follow."""
    deployments = [
        deployment
        for given in VARIANTS
        for deployment in of_type(resolve(template, given), "ApiGateway::Deployment")
    ]
    methods = {
        json.dumps(only(resolve(template, given), "ApiGateway::Method"), sort_keys=True)
        for given in VARIANTS
    }
    assert len(set(deployments)) == len(methods) == len(VARIANTS)


def test_no_other_parameter_shapes_what_a_deployment_holds(template):
    """One that did would have to be a part of the deployment's id."""
    deployed = {"Method", "Model", "RequestValidator", "Resource", "RestApi"}
    named = {
        parameter
        for resource in template["Resources"].values()
        if resource["Type"].removeprefix("AWS::ApiGateway::") in deployed
        for parameter in re.findall(r'"Fn::If": \["(\w+)"', json.dumps(resource))
    }
    assert named == {
        "HasCertificate",
        "RequiresApiKey",
        "RequiresIamAuthorization",
        "UsesPrivateIngress",
    }


@pytest.mark.parametrize(
    ("title", "change"),
    [
        ("IngestMethod", lambda method: setattr(method, "OperationName", "Other")),
        ("ReadingsModel", lambda model: setattr(model, "Description", "Other")),
        ("IngestResource", lambda resource: setattr(resource, "PathPart", "other")),
        ("ReadingsValidator", lambda validator: setattr(validator, "Name", "other")),
        ("RestApi", lambda api: setattr(api, "Description", "Other")),
        # Replaced with all that refers to it, up to the VPC link and the integration.
        ("VpcLinkSecurityGroup", lambda group: setattr(group, "GroupDescription", "Other")),
        ("LoadBalancer", lambda balancer: setattr(balancer, "IpAddressType", "dualstack")),
    ],
)
def test_change_of_any_api_resource_makes_a_new_deployment(monkeypatch, title, change):
    """The logical id carries a checksum of all that the deployment is a snapshot of."""
    before = deployments_of(iot_pipeline())
    assert deployments_of(iot_pipeline()) == before
    add_resource = type(iot_pipeline()).add_resource

    def changed(template, resource):
        if resource.title == title:
            change(resource)
        return add_resource(template, resource)

    monkeypatch.setattr("troposphere.Template.add_resource", changed)
    assert not deployments_of(iot_pipeline()) & before


def deployments_of(template):
    return {
        title
        for title, resource in template.resources.items()
        if resource.resource_type == "AWS::ApiGateway::Deployment"
    }


def test_stage_throttles_and_measures_every_method(template):
    """The limits are an operator's to set."""
    environment = resolve(template, {"ThrottleRate": "7", "ThrottleBurst": "9"})
    (settings,) = only(environment, "ApiGateway::Stage")["MethodSettings"]
    assert settings == {
        "HttpMethod": "*",
        "MetricsEnabled": True,
        "ResourcePath": "/*",
        "ThrottlingBurstLimit": "9",
        "ThrottlingRateLimit": "7",
    }


def test_access_logs_are_written_where_wanted(environments):
    """To an ARN without the `:*` at its end, in lines of JSON."""
    setting = only(environments["most"], "ApiGateway::Stage")["AccessLogSetting"]
    assert name_of(setting["DestinationArn"]).endswith(":log-group:${ApiLogGroup}")
    assert json.loads(setting["Format"])["requestId"] == "$context.requestId"
    assert "AccessLogSetting" not in only(environments["defaults"], "ApiGateway::Stage")


def test_no_environment_owns_the_account_s_settings(template):
    """One environment's deletion would take the CloudWatch role from all others."""
    assert not of_type(template, "ApiGateway::Account")


def test_firewall_guards_the_stage_and_lets_batches_of_readings_pass(environments):
    """A body over 8 KB and a client without user agent are counted and not blocked."""
    environment = environments["most"]
    association = only(environment, "WAFv2::WebACLAssociation")
    assert name_of(association["ResourceArn"]) == (
        "arn:aws:apigateway:ap-northeast-1::/restapis/${RestApi}/stages/${ApiStage}"
    )
    acl = only(environment, "WAFv2::WebACL")
    assert acl["Scope"] == "REGIONAL"
    rules = {rule["Name"]: rule["Statement"] for rule in acl["Rules"]}
    common = rules["AWSManagedRulesCommonRuleSet"]["ManagedRuleGroupStatement"]
    assert {
        override["Name"]: override["ActionToUse"] for override in common["RuleActionOverrides"]
    } == {"NoUserAgent_HEADER": {"Count": {}}, "SizeRestrictions_BODY": {"Count": {}}}
    assert not of_type(environments["defaults"], "WAFv2::WebACL")
