"""The deployments of the API; an environment has the one that fits its parameters.

A deployment is a snapshot of the API that never changes: callers see a change only after a
deployment with another logical ID takes its place. Therefore the logical ID contains a checksum of
everything that the snapshot contains
(https://docs.aws.amazon.com/apigateway/latest/developerguide/updating-api.html).

A parameter changes the API without changing the template. CloudFormation creates a new resource on
a change of a parameter only if a condition depends on it, and a resource has one condition. So
there are twelve deployments: three kinds of authorization, two kinds of ingress, with and without a
certificate. In a shared network there are three. One deployment whose ID contains the parameters
would be simpler, but then each environment would have a template of its own, which nobody reviewed.
The secret of the ingress is a variable of the stage and no part of the snapshot.
"""

import json
import zlib
from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import Any

from troposphere import And, AWSHelperFn, AWSObject, Join, Not, Or, encode_to_dict
from troposphere.apigateway import Deployment, Method

from iot_pipeline_cfn.template.references import reachable

from .conditions import Condition
from .context import Context
from .targets import Access


def add_api_deployments(
    context: Context,
    *,
    method: Method,
    requires_api_key: Condition,
    requires_iam: Condition,
    accesses: Sequence[Access],
) -> Join:
    """Add the deployments; return the ID of the one that the stage serves."""
    checksum = _checksum(context, method)
    api_key, iam = requires_api_key.as_term(), requires_iam.as_term()
    authorizations: dict[str, AWSHelperFn] = {
        "ApiKey": api_key,
        "Iam": iam,
        "Open": Not(Or(api_key, iam)),
    }
    choices = []
    for (authorization, term), access in product(authorizations.items(), accesses):
        name = f"{authorization}{access.name}"
        when = And(term, *access.terms) if access.terms else term
        condition = context.add_condition(f"Deploys{name}", when)
        deployment = Deployment(
            f"Deployment{name}{checksum}",
            # API Gateway refuses to deploy an API without methods. A deployment, and so the stage,
            # waits for everything that it calls.
            DependsOn=[method, *access.called],
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
