"""The deployments of the API, of which an environment has the one that fits its parameters.

A deployment is a snapshot of the API that never changes: callers see a change only after a
deployment with another logical ID takes its place. Therefore the logical ID contains a checksum of
everything that the snapshot contains. A parameter changes the API without changing the template:
there is one deployment for each way in which parameters change the API, each under a condition
(https://docs.aws.amazon.com/apigateway/latest/developerguide/updating-api.html).
"""

import json
import zlib
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

from troposphere import And, AWSObject, If, Not, NoValue, Or, Ref, encode_to_dict
from troposphere.apigateway import Deployment, Method

from iot_pipeline_cfn.template.references import reachable

from .conditions import Condition
from .context import Context
from .ingress import Ingress


def add_api_deployments(
    context: Context,
    *,
    method: Method,
    requires_api_key: Condition,
    requires_iam: Condition,
    ingress: Ingress,
) -> Ref | If:
    """Add the deployments; return the ID of the one that the stage serves."""
    checksum = _checksum(context, method)
    served: Ref | If = NoValue
    for name, expression in _variants(requires_api_key, requires_iam, ingress):
        condition = context.add_condition(f"Deploys{name}", expression)
        deployment = context.add(
            Deployment(
                f"Deployment{name}{checksum}",
                Condition=condition,
                # API Gateway refuses to deploy an API without methods.
                DependsOn=method,
                RestApiId=method.RestApiId,
            )
        )
        is_first = served is NoValue
        served = deployment.ref() if is_first else condition.choose(deployment.ref(), served)
    return served


def _checksum(context: Context, resource: AWSObject) -> str:
    """Return a checksum of a resource and everything that it refers to.

    The latter counts because a replaced resource has another ID. For example, a VPC link is
    replaced with its security group.
    """
    resources = context.template.resources
    context.add_tags(default="api")

    @cache
    def body(name: str) -> dict[str, Any]:
        return encode_to_dict(resources[name])

    title = str(resource.title)
    names = {title} | reachable(title, resources, body)
    content = json.dumps({name: body(name) for name in names}, sort_keys=True)
    return f"{zlib.crc32(content.encode()):08x}"


def _variants(
    requires_api_key: Condition, requires_iam: Condition, ingress: Ingress
) -> Iterator[tuple[str, And]]:
    """Yield a name and a condition for each way in which parameters change the API."""
    api_key, iam = requires_api_key.as_term(), requires_iam.as_term()
    private, https = ingress.uses_private_ingress.as_term(), ingress.has_certificate.as_term()
    for variant in product(
        (("ApiKey", api_key), ("Iam", iam), ("Open", Not(Or(api_key, iam)))),
        (("Public", Not(private)), ("Private", private)),
        (("Http", Not(https)), ("Https", https)),
    ):
        yield "".join(word for word, _ in variant), And(*(condition for _, condition in variant))
