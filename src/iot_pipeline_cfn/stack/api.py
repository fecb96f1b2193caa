"""The REST API, which accepts readings and forwards them to the load balancer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from troposphere import AWSHelperFn, Equals, If, Join, Sub
from troposphere import apigateway as apigw
from troposphere.secretsmanager import Secret

from .api_deployments import add_api_deployments
from .conditions import Condition
from .context import Context
from .ingress import INGRESS_HEADER, STAGE_NAME, secret_reference
from .logs import LOG_GROUP_ARN, add_log_group
from .readings import readings_schema
from .targets import LoadBalancing

TLS_POLICY = "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09"
"""TLS 1.3, and 1.2 with forward secrecy, which sensors of the last ten years speak. The default,
TLS_1_0, also accepts TLS 1.0. A policy whose name starts with `SecurityPolicy_` needs an endpoint
access mode; STRICT, which AWS recommends, refuses requests whose host is not the API's
(https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-security-policies.html)."""


@dataclass(frozen=True)
class Api:
    """The API and the stage under which callers reach it."""

    rest_api: apigw.RestApi
    stage: apigw.Stage


def add_api(
    context: Context,
    *,
    load_balancing: LoadBalancing,
    ingress_secret: Secret,
) -> Api:
    """Add the API with `POST /ingest`, its stage, and its API key."""
    choice = context.add_choice(
        "ApiAuthorization",
        ["API_KEY", "AWS_IAM", "NONE"],
        default="API_KEY",
        description="What a request must contain: an API key, an IAM signature, or nothing. A "
        "change from API_KEY deletes the key; after a change back, sensors need the new one.",
        label="Authorization",
    )
    requires_api_key = context.add_condition("RequiresApiKey", Equals(choice.ref(), "API_KEY"))
    requires_iam = context.add_condition(
        "RequiresIamAuthorization", Equals(choice.ref(), "AWS_IAM")
    )
    rest_api = context.add(
        apigw.RestApi(
            "RestApi",
            EndpointAccessMode="STRICT",
            EndpointConfiguration=apigw.EndpointConfiguration(Types=["REGIONAL"]),
            Name=context.environment_name(),
            SecurityPolicy=TLS_POLICY,
        )
    )
    method = _add_ingest_method(
        context,
        rest_api=rest_api,
        api_key_required=requires_api_key.as_bool(),
        authorization_type=requires_iam.choose("AWS_IAM", "NONE"),
        integration=_integration(load_balancing),
    )
    deployment_id = add_api_deployments(
        context,
        method=method,
        requires_api_key=requires_api_key,
        requires_iam=requires_iam,
        accesses=load_balancing.accesses,
    )
    variables = {
        **load_balancing.stage_variables,
        "ingressSecret": secret_reference(ingress_secret),
    }
    stage = _add_stage(context, rest_api, deployment_id, variables)
    api = Api(rest_api=rest_api, stage=stage)
    _add_api_key(context, api, condition=requires_api_key)
    invoke_url = Sub(
        f"https://${{{rest_api.title}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}"
        f"/{STAGE_NAME}/ingest"
    )
    context.add_output("ApiId", "The REST API.", rest_api.ref())
    context.add_output("ApiStageName", "Stage of the API.", stage.ref())
    context.add_output("ApiInvokeUrl", "URL to which readings are posted.", invoke_url)
    return api


def _integration(load_balancing: LoadBalancing) -> apigw.Integration:
    return apigw.Integration(
        **load_balancing.integration,
        IntegrationHttpMethod="POST",
        # The other headers of the caller pass. The secret is in a stage variable, because an
        # update of the stage takes effect without a new deployment
        # (https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-parameter-mapping-sources.html).
        RequestParameters={
            f"integration.request.header.{INGRESS_HEADER}": "stageVariables.ingressSecret",
            "integration.request.header.x-api-key": "'-'",
        },
        Type="HTTP_PROXY",
    )


def _add_ingest_method(
    context: Context,
    *,
    rest_api: apigw.RestApi,
    api_key_required: If,
    authorization_type: If,
    integration: apigw.Integration,
) -> apigw.Method:
    """Add `POST /ingest`, which refuses bodies that are not readings and forwards the others."""
    api_id = rest_api.ref()
    resource = context.add(
        apigw.Resource(
            "IngestResource",
            ParentId=rest_api.get_att("RootResourceId"),
            PathPart="ingest",
            RestApiId=api_id,
        )
    )
    model = context.add(
        apigw.Model(
            "ReadingsModel",
            ContentType="application/json",
            RestApiId=api_id,
            # A string, because CloudFormation turns numbers in an object into strings.
            Schema=json.dumps(readings_schema(), separators=(",", ":"), sort_keys=True),
        )
    )
    validator = context.add(
        apigw.RequestValidator("ReadingsValidator", RestApiId=api_id, ValidateRequestBody=True)
    )
    return context.add(
        apigw.Method(
            "IngestMethod",
            ApiKeyRequired=api_key_required,
            AuthorizationType=authorization_type,
            HttpMethod="POST",
            Integration=integration,
            # $default validates bodies of every other content type, too.
            RequestModels={"$default": model.ref(), "application/json": model.ref()},
            RequestValidatorId=validator.ref(),
            ResourceId=resource.ref(),
            RestApiId=api_id,
        )
    )


def _add_stage(
    context: Context,
    rest_api: apigw.RestApi,
    deployment_id: Join,
    variables: Mapping[str, AWSHelperFn],
) -> apigw.Stage:
    return context.add(
        apigw.Stage(
            "ApiStage",
            AccessLogSetting=_add_access_logs(context),
            DeploymentId=deployment_id,
            MethodSettings=[_add_throttling(context)],
            RestApiId=rest_api.ref(),
            StageName=STAGE_NAME,
            TracingEnabled=context.has_detailed_monitoring.as_bool(),
            Variables=dict(variables),
        )
    )


def _add_throttling(context: Context) -> apigw.MethodSetting:
    """Add the limits; return the setting of every method.

    In most regions an account may have 10,000 requests a second, and 5,000 at once
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html).
    """
    rate = context.add_number(
        "ThrottleRate",
        default=100,
        maximum=10000,
        description="Requests per second that the API accepts.",
        label="Throttle rate",
    )
    burst = context.add_number(
        "ThrottleBurst",
        default=200,
        maximum=5000,
        description="Requests that the API accepts at once, before the rate applies.",
        label="Throttle burst",
    )
    return apigw.MethodSetting(
        HttpMethod="*",
        MetricsEnabled=True,
        ResourcePath="/*",
        ThrottlingBurstLimit=burst.ref(),
        ThrottlingRateLimit=rate.ref(),
    )


def _add_access_logs(context: Context) -> If:
    """Add the log group of the access logs; return the setting of the stage."""
    # Disabled by default: API Gateway refuses access logs in an account without the role.
    has_access_logs = context.add_switch(
        "ApiAccessLogs",
        condition="HasApiAccessLogs",
        description="Access logs of the API. Requires API Gateway's CloudWatch role, which an "
        "account has once per region and which this stack does not own.",
        label="Access logs",
    )
    log_group = add_log_group(
        context, "ApiLogGroup", service="apigateway", writer="api", condition=has_access_logs
    )
    entry = {
        "error": "$context.error.message",
        "ip": "$context.identity.sourceIp",
        "latency": "$context.responseLatency",
        "method": "$context.httpMethod",
        "path": "$context.path",
        "requestId": "$context.requestId",
        "status": "$context.status",
        "time": "$context.requestTime",
    }
    setting = apigw.AccessLogSetting(
        # Not the attribute Arn of the log group, which ends in :*
        DestinationArn=Sub(f"{LOG_GROUP_ARN}${{{log_group.title}}}"),
        Format=json.dumps(entry, separators=(",", ":")),
    )
    return has_access_logs.choose(setting)


def _add_api_key(context: Context, api: Api, *, condition: Condition) -> None:
    """Add the API key and the usage plan through which it is valid for the stage."""
    api_key = context.add(apigw.ApiKey("ApiKey", Condition=condition, Enabled=True))
    usage_plan = context.add(
        apigw.UsagePlan(
            "UsagePlan",
            ApiStages=[apigw.ApiStage(ApiId=api.rest_api.ref(), Stage=api.stage.ref())],
            Condition=condition,
        )
    )
    context.add(
        apigw.UsagePlanKey(
            "UsagePlanKey",
            Condition=condition,
            KeyId=api_key.ref(),
            KeyType="API_KEY",
            UsagePlanId=usage_plan.ref(),
        )
    )
    context.add_output(
        "ApiKeyId",
        "ID of the API key. For its value: aws apigateway get-api-key --include-value.",
        api_key.ref(),
        condition=condition,
    )
