"""The REST API that takes readings in and hands them to the load balancer."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from troposphere import (
    And,
    AWSObject,
    Condition,
    Equals,
    If,
    Not,
    NoValue,
    Or,
    Ref,
    Sub,
    Template,
    encode_to_dict,
)
from troposphere.apigateway import (
    AccessLogSetting,
    ApiKey,
    ApiStage,
    Deployment,
    EndpointConfiguration,
    Integration,
    Method,
    MethodSetting,
    Model,
    RequestValidator,
    Resource,
    RestApi,
    Stage,
    UsagePlan,
    UsagePlanKey,
)
from troposphere.apigatewayv2 import VpcLink

from iot_pipeline_cfn.template.references import reachable

from .context import Environment
from .encryption import Encryption
from .ingress import STAGE_NAME, Ingress
from .load_balancer import LoadBalancing
from .log_groups import add_log_group
from .naming import LOG_GROUP_ARN, environment_name, tag_map, tags
from .network import Network
from .sections import add_choice, add_condition, add_number, add_output, add_switch
from .security_groups import SecurityGroups

GROUP = "API"
COMPONENT = "api"
READINGS_IN_BATCH = 500


@dataclass(frozen=True)
class Api:
    """The API and the stage under which callers reach it."""

    rest_api: RestApi
    stage: Stage


@dataclass(frozen=True)
class Authorization:
    """The names of the conditions on what callers must bring; under neither, nothing."""

    requires_api_key: str
    requires_iam: str


def add_api(
    template: Template,
    *,
    environment: Environment,
    encryption: Encryption,
    network: Network,
    ingress: Ingress,
    security_groups: SecurityGroups,
    load_balancing: LoadBalancing,
) -> Api:
    """Add the API with `POST /ingest`, its stage, and what callers need to use it."""
    choice = add_choice(
        template,
        "ApiAuthorization",
        ["API_KEY", "AWS_IAM", "NONE"],
        default="API_KEY",
        description="What a caller must bring: an API key, a signature by IAM, or nothing.",
        group=GROUP,
        label="Authorization",
    )
    authorization = Authorization(
        requires_api_key=add_condition(template, "RequiresApiKey", Equals(choice.ref(), "API_KEY")),
        requires_iam=add_condition(
            template, "RequiresIamAuthorization", Equals(choice.ref(), "AWS_IAM")
        ),
    )
    rest_api = template.add_resource(
        RestApi(
            "RestApi",
            EndpointConfiguration=EndpointConfiguration(Types=["REGIONAL"]),
            Name=environment_name(environment.suffix),
            Tags=tags(environment.suffix, "api", component=COMPONENT),
        )
    )
    vpc_link = template.add_resource(
        VpcLink(
            "VpcLink",
            Condition=ingress.uses_private_ingress,
            Name=environment_name(environment.suffix),
            SecurityGroupIds=[security_groups.vpc_link.ref()],
            SubnetIds=[subnet.ref() for subnet in network.private_subnets],
            Tags=tag_map(environment.suffix, "vpc-link", component=COMPONENT),
        )
    )
    method = _add_ingest_method(
        template,
        rest_api=rest_api,
        authorization=authorization,
        ingress=ingress,
        load_balancing=load_balancing,
        vpc_link=vpc_link,
    )
    deployment_id = _add_deployments(
        template,
        rest_api=rest_api,
        method=method,
        authorization=authorization,
        ingress=ingress,
    )
    stage = _add_stage(
        template,
        environment=environment,
        encryption=encryption,
        ingress=ingress,
        rest_api=rest_api,
        deployment_id=deployment_id,
    )
    _add_api_key(
        template,
        environment=environment,
        authorization=authorization,
        rest_api=rest_api,
        stage=stage,
    )
    invoke_url = Sub(
        f"https://${{{rest_api.title}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}"
        f"/{STAGE_NAME}/ingest"
    )
    add_output(template, "ApiId", "The REST API.", rest_api.ref())
    add_output(template, "ApiStageName", "Stage of the API.", stage.ref())
    add_output(template, "ApiInvokeUrl", "Where readings are posted.", invoke_url)
    return Api(rest_api=rest_api, stage=stage)


def _add_ingest_method(
    template: Template,
    *,
    rest_api: RestApi,
    authorization: Authorization,
    ingress: Ingress,
    load_balancing: LoadBalancing,
    vpc_link: VpcLink,
) -> Method:
    """Add `POST /ingest`, which refuses what cannot be a reading and passes on the rest."""
    resource = template.add_resource(
        Resource(
            "IngestResource",
            ParentId=rest_api.get_att("RootResourceId"),
            PathPart="ingest",
            RestApiId=rest_api.ref(),
        )
    )
    model = template.add_resource(
        Model(
            "ReadingsModel",
            ContentType="application/json",
            RestApiId=rest_api.ref(),
            # As text: in an object, CloudFormation would turn the numbers into text.
            Schema=json.dumps(readings_schema(), separators=(",", ":"), sort_keys=True),
        )
    )
    validator = template.add_resource(
        RequestValidator("ReadingsValidator", RestApiId=rest_api.ref(), ValidateRequestBody=True)
    )
    private = ingress.uses_private_ingress
    integration = Integration(
        ConnectionId=If(private, vpc_link.ref(), NoValue),
        ConnectionType=If(private, "VPC_LINK", "INTERNET"),
        IntegrationHttpMethod="POST",
        IntegrationTarget=If(private, load_balancing.load_balancer.ref(), NoValue),
        Type="HTTP_PROXY",
        # With a certificate HTTP redirects, which API Gateway does not follow, and the name must
        # be the certificate's. A stage variable takes effect without a new deployment.
        Uri=If(
            ingress.has_certificate,
            "https://${stageVariables.domainName}/ingest",
            Sub(f"http://${{{load_balancing.load_balancer.title}.DNSName}}/ingest"),
        ),
    )
    return template.add_resource(
        Method(
            "IngestMethod",
            ApiKeyRequired=If(authorization.requires_api_key, True, False),
            AuthorizationType=If(authorization.requires_iam, "AWS_IAM", "NONE"),
            HttpMethod="POST",
            Integration=integration,
            # $default also validates bodies that claim to be something else than JSON.
            RequestModels={"$default": model.ref(), "application/json": model.ref()},
            RequestValidatorId=validator.ref(),
            ResourceId=resource.ref(),
            RestApiId=rest_api.ref(),
        )
    )


def readings_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 4, as API Gateway reads it) of one reading or a batch."""
    reading = {
        "additionalProperties": False,
        "properties": {
            "deviceId": {"pattern": "^[A-Za-z0-9._:-]{1,64}$", "type": "string"},
            "measurements": {
                "additionalProperties": {"type": "number"},
                "minProperties": 1,
                "type": "object",
            },
            "timestamp": {
                "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$",
                "type": "string",
            },
        },
        "required": ["deviceId", "measurements", "timestamp"],
        "type": "object",
    }
    batch = {
        "items": {"$ref": "#/definitions/reading"},
        "maxItems": READINGS_IN_BATCH,
        "minItems": 1,
        "type": "array",
    }
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "definitions": {"reading": reading},
        "anyOf": [{"$ref": "#/definitions/reading"}, batch],
    }


def _add_deployments(
    template: Template,
    *,
    rest_api: RestApi,
    method: Method,
    authorization: Authorization,
    ingress: Ingress,
) -> Ref | If | None:
    """Add the deployments and return the one that the stage serves.

    A deployment is a snapshot of the API that never changes: what callers meet stays as it was
    until a deployment with another logical id takes its place. So the id carries a checksum of what
    the snapshot is taken of. A parameter changes that without changing the template: there is one
    deployment for each way in which parameters shape the API, and only the one that fits exists
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/updating-api.html).
    """
    checksum = _checksum(template, method)
    served: Ref | If | None = None
    for name, expression in _variants(authorization, ingress):
        condition = add_condition(template, f"Deploys{name}", expression)
        deployment = template.add_resource(
            Deployment(
                f"Deployment{name}{checksum}",
                Condition=condition,
                # API Gateway refuses to deploy an API without methods.
                DependsOn=method,
                RestApiId=rest_api.ref(),
            )
        )
        served = If(condition, deployment.ref(), served) if served else deployment.ref()
    return served


def _checksum(template: Template, resource: AWSObject) -> str:
    """Return a checksum of a resource and of all that it refers to.

    What it refers to counts because a resource that is replaced has another id: a VPC link, say,
    is replaced with its security group.
    """

    @cache
    def body(name: str) -> dict[str, Any]:
        return encode_to_dict(template.resources[name])

    title = str(resource.title)
    names = {title} | reachable(title, template.resources, body)
    content = json.dumps({name: body(name) for name in names}, sort_keys=True)
    return f"{zlib.crc32(content.encode()):08x}"


def _variants(authorization: Authorization, ingress: Ingress) -> Iterator[tuple[str, And]]:
    """Yield a name and a condition for each way in which parameters shape the API."""
    api_key, iam, private, https = (
        Condition(name)
        for name in (
            authorization.requires_api_key,
            authorization.requires_iam,
            ingress.uses_private_ingress,
            ingress.has_certificate,
        )
    )
    for variant in product(
        (("ApiKey", api_key), ("Iam", iam), ("Open", Not(Or(api_key, iam)))),
        (("Public", Not(private)), ("Private", private)),
        (("Http", Not(https)), ("Https", https)),
    ):
        yield "".join(word for word, _ in variant), And(*(condition for _, condition in variant))


def _add_stage(
    template: Template,
    *,
    environment: Environment,
    encryption: Encryption,
    ingress: Ingress,
    rest_api: RestApi,
    deployment_id: Ref | If | None,
) -> Stage:
    return template.add_resource(
        Stage(
            "ApiStage",
            AccessLogSetting=_add_access_logs(template, environment, encryption),
            DeploymentId=deployment_id,
            MethodSettings=[_add_throttling(template)],
            RestApiId=rest_api.ref(),
            StageName=STAGE_NAME,
            Tags=tags(environment.suffix, "stage", component=COMPONENT),
            TracingEnabled=If(environment.has_detailed_monitoring, True, False),
            Variables=If(
                ingress.has_certificate, {"domainName": ingress.domain_name.ref()}, NoValue
            ),
        )
    )


def _add_throttling(template: Template) -> MethodSetting:
    """Add the limits and return the setting of every method.

    In most regions an account may have 10,000 requests a second, and 5,000 at once
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html).
    """
    rate = add_number(
        template,
        "ThrottleRate",
        default=100,
        maximum=10000,
        description="Requests a second that the API takes.",
        group=GROUP,
        label="Throttle rate",
    )
    burst = add_number(
        template,
        "ThrottleBurst",
        default=200,
        maximum=5000,
        description="Requests that may come at once, before the rate counts.",
        group=GROUP,
        label="Throttle burst",
    )
    return MethodSetting(
        HttpMethod="*",
        MetricsEnabled=True,
        ResourcePath="/*",
        ThrottlingBurstLimit=burst.ref(),
        ThrottlingRateLimit=rate.ref(),
    )


def _add_access_logs(template: Template, environment: Environment, encryption: Encryption) -> If:
    """Add the log group of the access logs, if wanted, and return the stage's setting."""
    has_access_logs = add_switch(
        template,
        "ApiAccessLogs",
        condition="HasApiAccessLogs",
        description="Needs API Gateway's CloudWatch role, one for each account and region, "
        "which this stack does not own.",
        group=GROUP,
        label="Access logs",
    )
    log_group = add_log_group(
        template,
        "ApiLogGroup",
        service="apigateway",
        component=COMPONENT,
        environment=environment,
        encryption=encryption,
        condition=has_access_logs,
    )
    setting = AccessLogSetting(
        # Not the log group's own Arn, which ends in :*
        DestinationArn=Sub(f"{LOG_GROUP_ARN}${{{log_group.title}}}"),
        Format=json.dumps(
            {
                "error": "$context.error.message",
                "ip": "$context.identity.sourceIp",
                "latency": "$context.responseLatency",
                "method": "$context.httpMethod",
                "path": "$context.path",
                "requestId": "$context.requestId",
                "status": "$context.status",
                "time": "$context.requestTime",
            },
            separators=(",", ":"),
        ),
    )
    return If(has_access_logs, setting, NoValue)


def _add_api_key(
    template: Template,
    *,
    environment: Environment,
    authorization: Authorization,
    rest_api: RestApi,
    stage: Stage,
) -> None:
    condition = authorization.requires_api_key
    api_key = template.add_resource(
        ApiKey(
            "ApiKey",
            Condition=condition,
            Enabled=True,
            Tags=tags(environment.suffix, "api-key", component=COMPONENT),
        )
    )
    usage_plan = template.add_resource(
        UsagePlan(
            "UsagePlan",
            ApiStages=[ApiStage(ApiId=rest_api.ref(), Stage=stage.ref())],
            Condition=condition,
            Tags=tags(environment.suffix, "usage-plan", component=COMPONENT),
        )
    )
    template.add_resource(
        UsagePlanKey(
            "UsagePlanKey",
            Condition=condition,
            KeyId=api_key.ref(),
            KeyType="API_KEY",
            UsagePlanId=usage_plan.ref(),
        )
    )
    add_output(
        template,
        "ApiKeyId",
        "API key; its value: aws apigateway get-api-key --include-value.",
        api_key.ref(),
        condition=condition,
    )
