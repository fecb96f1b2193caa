"""The deployments of the API; an environment has the one that fits its parameters.

A deployment is a snapshot of the API that never changes: callers see a change only after a
deployment with another logical ID takes its place. Therefore the logical ID contains a checksum of
everything that the snapshot contains
(https://docs.aws.amazon.com/apigateway/latest/developerguide/updating-api.html).

A parameter changes the API without changing the template. CloudFormation creates a new resource on
a change of a parameter only if a condition depends on it, and a resource has one condition. So
there are twelve deployments: three kinds of authorization, two kinds of ingress, with and without a
certificate. One deployment whose ID contains the parameters would be simpler, but then each
environment would have a template of its own, which nobody reviewed.
"""

import json
import zlib
from functools import cache
from typing import Any

from troposphere import And, AWSHelperFn, AWSObject, If, Not, Or, Ref, encode_to_dict
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
) -> If:
    """Add the deployments; return the ID of the one that the stage serves."""
    checksum = _checksum(context, method)
    api_key, iam = requires_api_key.as_term(), requires_iam.as_term()
    private, https = ingress.uses_private_ingress.as_term(), ingress.has_certificate.as_term()

    def add(name: str, *terms: AWSHelperFn) -> Ref:
        deployment = Deployment(
            f"Deployment{name}{checksum}",
            Condition=context.add_condition(f"Deploys{name}", And(*terms)),
            # API Gateway refuses to deploy an API without methods.
            DependsOn=method,
            RestApiId=method.RestApiId,
        )
        return context.add(deployment).ref()

    def add_for(name: str, authorization: AWSHelperFn) -> If:
        return ingress.uses_private_ingress.choose(
            ingress.has_certificate.choose(
                add(f"{name}PrivateHttps", authorization, private, https),
                add(f"{name}PrivateHttp", authorization, private, Not(https)),
            ),
            ingress.has_certificate.choose(
                add(f"{name}PublicHttps", authorization, Not(private), https),
                add(f"{name}PublicHttp", authorization, Not(private), Not(https)),
            ),
        )

    return requires_api_key.choose(
        add_for("ApiKey", api_key),
        requires_iam.choose(add_for("Iam", iam), add_for("Open", Not(Or(api_key, iam)))),
    )


def _checksum(context: Context, resource: AWSObject) -> str:
    """Return a checksum of a resource and everything that it refers to.

    The latter counts because a replaced resource has another ID. For example, a VPC link is
    replaced with its security group. Tags are added later and do not count.
    """
    resources = context.template.resources

    @cache
    def body(name: str) -> dict[str, Any]:
        return encode_to_dict(resources[name])

    title = str(resource.title)
    names = {title} | reachable(title, resources, body)
    content = json.dumps({name: body(name) for name in names}, sort_keys=True)
    return f"{zlib.crc32(content.encode()):08x}"
