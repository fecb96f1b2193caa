"""The API: its authorization, its integration and its answers."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from iot_pipeline_cfn.deploy.ingest import Ingest

from .observed import PRIVATE, check


def methods(environment):
    """Return the methods of the API by verb and path."""
    resources = environment.list(
        "apigateway",
        "get_resources",
        "items",
        restApiId=environment.outputs["ApiId"],
        embed=["methods"],
    )
    return {
        f"{verb} {resource['path']}": method
        for resource in resources
        for verb, method in resource.get("resourceMethods", {}).items()
    }


def stage(environment):
    return environment.call(
        "apigateway",
        "get_stage",
        restApiId=environment.outputs["ApiId"],
        stageName=environment.outputs["ApiStageName"],
    )


def test_api_is_regional(environment):
    api = environment.outputs["ApiId"]
    described = environment.call("apigateway", "get_rest_api", restApiId=api)
    types = described["endpointConfiguration"].get("types")
    assert types == ["REGIONAL"], f"API {api} is {types} and not REGIONAL"
    check(
        f"API {api}",
        described,
        {
            "endpointAccessMode": "STRICT",
            "securityPolicy": "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09",
        },
    )
    url, ending = environment.outputs["ApiInvokeUrl"], "/prod/ingest"
    local = f"{environment.connection.endpoint_url}/_aws/execute-api/{api}/"
    host = f"https://{api}.execute-api.{environment.connection.region}."
    assert url.startswith(local if environment.connection.is_local else host), url
    assert url.endswith(ending), f"the API is called by {url}, which does not end in {ending}"


def test_every_method_is_integrated_with_the_load_balancer(environment):
    outputs = environment.outputs
    assert set(methods(environment)) == {"POST /ingest"}, (
        f"the API has {sorted(methods(environment)) or 'no methods'} and should have POST /ingest"
    )
    private = environment.has("Ingress", "private")
    has_certificate = not environment.has("CertificateArn", "")
    shared = environment.shares_network
    domain = environment.parameters["DomainName"] if shared else "${stageVariables.domainName}"
    for name, method in methods(environment).items():
        integration = method.get("methodIntegration")
        assert integration, f"{name} has no integration: the API answers it with an error"
        uri = (
            f"https://{domain}/ingest"
            if has_certificate
            else f"http://{outputs['LoadBalancerDnsName']}/ingest"
        )
        check(
            f"the integration of {name}",
            # AWS may omit the default.
            {"connectionType": "INTERNET"} | integration,
            {
                "connectionType": "VPC_LINK" if private else "INTERNET",
                "httpMethod": "POST",
                "integrationTarget": outputs["LoadBalancerArn"] if private else None,
                "requestParameters": {
                    "integration.request.header.X-Ingress-Secret": "stageVariables.ingressSecret",
                    "integration.request.header.x-api-key": "'-'",
                },
                "type": "HTTP_PROXY",
                "uri": uri,
            },
        )


def test_methods_require_the_chosen_authorization(environment):
    outputs = environment.outputs
    demanded = environment.parameters["ApiAuthorization"]
    for name, method in methods(environment).items():
        check(
            name,
            method,
            {
                "apiKeyRequired": demanded == "API_KEY",
                "authorizationType": "AWS_IAM" if demanded == "AWS_IAM" else "NONE",
            },
        )
    if demanded == "API_KEY":
        stage_of_outputs = {"apiId": outputs["ApiId"], "stage": outputs["ApiStageName"]}
        keys = {
            key["id"]
            for plan in environment.list("apigateway", "get_usage_plans", "items")
            if any(stage_of_outputs.items() <= each.items() for each in plan.get("apiStages", []))
            for key in environment.list(
                "apigateway", "get_usage_plan_keys", "items", usagePlanId=plan["id"]
            )
        }
        assert outputs["ApiKeyId"] in keys, (
            f"key {outputs['ApiKeyId']} is in no usage plan of the stage: callers are refused"
        )


def test_stage_is_throttled(environment):
    found = stage(environment)
    assert found["stageName"] == "prod", f"the stage is {found['stageName']} and not prod"
    check(
        "the stage",
        found["methodSettings"].get("*/*", {}),
        {
            "throttlingBurstLimit": int(environment.parameters["ThrottleBurst"]),
            "throttlingRateLimit": float(environment.parameters["ThrottleRate"]),
        },
    )


def test_stage_serves_the_current_api(environment):
    found = stage(environment)
    deployment = environment.call(
        "apigateway",
        "get_deployment",
        restApiId=environment.outputs["ApiId"],
        deploymentId=found["deploymentId"],
        embed=["apisummary"],
    )
    served = {
        f"{verb} {path}": method.get("apiKeyRequired", False)
        for path, verbs in deployment["apiSummary"].items()
        for verb, method in verbs.items()
    }
    now = {name: method["apiKeyRequired"] for name, method in methods(environment).items()}
    assert served == now, f"the stage serves {served} and the API is {now} (API key required)"


def ingest(environment):
    return Ingest(environment.connection, environment.outputs)


def test_unauthorized_request_is_refused(environment):
    if environment.has("ApiAuthorization", "NONE"):
        pytest.skip("the environment's API demands nothing")
    answer = ingest(environment).post(b"{}", authorized=False)
    assert answer.status == 403, f"the API answers {answer} and should answer 403"


def test_invalid_reading_is_refused(environment):
    answer = ingest(environment).send({"deviceId": "integration-test"})
    assert answer.status == 400, f"the API answers {answer} and should answer 400"


def test_reading_is_accepted(environment):
    if environment.is_local and not environment.has("CertificateArn", ""):
        pytest.skip("only on AWS: the emulator has no TLS for the certificate")
    has_image = not environment.has("ImageTag", "")
    if environment.is_local and has_image and not environment.targets:
        pytest.skip("only on AWS: the emulator starts no containers")
    answer = ingest(environment).send(
        {
            "deviceId": f"integration-test-{uuid4().hex}",
            "measurements": {"temperature": 21.5},
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    )
    wanted = range(200, 300) if has_image else [503]
    assert answer.status in wanted, (
        f"a reading is answered with {answer}, and should be "
        f"{'accepted' if has_image else 'answered with 503, since no task runs without an image'}"
    )


@pytest.mark.aws("the emulator has no VPC links")
def test_vpc_link_leads_into_the_private_subnets(environment):
    if environment.has("Ingress", "public"):
        pytest.skip("with public ingress there is no VPC link")
    for name, method in methods(environment).items():
        link = environment.call(
            "apigatewayv2", "get_vpc_link", VpcLinkId=method["methodIntegration"]["connectionId"]
        )
        check(
            f"the VPC link of {name}",
            link,
            {
                "SecurityGroupIds": [environment.outputs["VpcLinkSecurityGroupId"]],
                "VpcLinkStatus": "AVAILABLE",
            },
        )
        found, wanted = set(link["SubnetIds"]), environment.ids(PRIVATE)
        assert found == wanted, f"the VPC link is in {found} and should be in {wanted}"
