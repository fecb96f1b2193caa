"""The deployments of the API; an environment has the one that fits its parameters.

A deployment is a snapshot of the API that never changes: callers see a change only after a
deployment with another logical ID takes its place. Therefore the logical ID contains a checksum of
everything that the snapshot contains
(https://docs.aws.amazon.com/apigateway/latest/developerguide/updating-api.html).

A parameter changes the API without changing the template. CloudFormation creates a new resource on
a change of a parameter only if a condition depends on it, and a resource has one condition. So
there are twelve deployments: three kinds of authorization, two kinds of ingress, with and without a
certificate. One deployment whose ID contains the parameters would be simpler, but then each
environment would have a template of its own, which nobody reviewed. The secret of the ingress is a
variable of the stage and no part of the snapshot.
"""

import json
import zlib
from functools import cache
from itertools import product
from typing import Any

from troposphere import And, AWSHelperFn, AWSObject, Join, Not, Or, encode_to_dict
from troposphere.apigateway import Deployment, Method

from iot_pipeline_cfn.template.references import reachable

from .conditions import Condition
from .context import Context
from .ingress import Ingress
from .load_balancer import LoadBalancing
from .security_groups import SecurityGroups


def add_api_deployments(
    context: Context,
    *,
    method: Method,
    requires_api_key: Condition,
    requires_iam: Condition,
    ingress: Ingress,
    security_groups: SecurityGroups,
    load_balancing: LoadBalancing,
) -> Join:
    """Add the deployments; return the ID of the one that the stage serves."""
    checksum = _checksum(context, method)
    api_key, iam = requires_api_key.as_term(), requires_iam.as_term()
    private, https = ingress.uses_private_ingress.as_term(), ingress.has_certificate.as_term()
    # A deployment, and so the stage, waits for everything that it calls.
    http_rule, https_rule = load_balancing.http_rule, load_balancing.https_rule
    authorizations: dict[str, AWSHelperFn] = {
        "ApiKey": api_key,
        "Iam": iam,
        "Open": Not(Or(api_key, iam)),
    }
    accesses: dict[str, tuple[list[AWSHelperFn], list[AWSObject]]] = {
        "PrivateHttps": ([private, https], [https_rule]),
        "PrivateHttp": ([private, Not(https)], [http_rule]),
        "PublicHttps": ([Not(private), https], [https_rule, security_groups.public_https]),
        "PublicHttp": ([Not(private), Not(https)], [http_rule]),
    }
    choices = []
    for (authorization, term), (access, (terms, called)) in product(
        authorizations.items(), accesses.items()
    ):
        name = f"{authorization}{access}"
        condition = context.add_condition(f"Deploys{name}", And(term, *terms))
        deployment = Deployment(
            f"Deployment{name}{checksum}",
            # API Gateway refuses to deploy an API without methods.
            DependsOn=[method, *called],
            RestApiId=method.RestApiId,
        )
        context.add(deployment, condition=condition)
        choices.append(condition.choose(deployment.ref(), ""))
    # One of them is not empty. In nested conditions, cloudformation-validate would report the
    # branches that the parameters of an environment exclude.
    return Join("", choices)


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
