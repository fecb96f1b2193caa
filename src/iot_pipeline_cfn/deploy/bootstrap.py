"""The stack that an account has once in each Region, and what environments take from it.

Its template is `templates/account.json`: a bucket for templates, the service roles of
CloudFormation, the permissions boundaries of the roles of environments, and roles for deployers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from botocore.exceptions import ClientError

from . import cloudformation
from .connection import Connection
from .environments import STACK_PREFIX
from .errors import DENIED, code_of
from .operations import Operations
from .request import DeploymentRequest

ACCOUNT: Final = "account"
"""The name of the environment that the stack is, with its own parameter file."""
STACK: Final = f"{STACK_PREFIX}{ACCOUNT}"
BOUNDARY: Final = "PermissionsBoundary"
"""The parameter of a template whose roles can have a permissions boundary."""

PULL_REQUEST: Final = re.compile(r"pr(\d|-)")
"""The suffixes that the roles of pull requests may touch (`stack.permissions.PULL_REQUESTS`)."""

GITHUB: Final = "token.actions.githubusercontent.com"


@dataclass(frozen=True)
class Setup:
    """What the stack provides to an environment."""

    bucket: str
    service_role: str
    boundary: str


def find_setup(connection: Connection, suffix: str) -> Setup | None:
    """Return what the account's stack provides to an environment.

    Return None before the stack exists, and to a caller who may not see it.
    """
    try:
        stack = cloudformation.find_stack(connection.cloudformation, STACK)
    except ClientError as error:
        if code_of(error) in DENIED:
            return None
        raise
    outputs = {output.name: output.value for output in stack.outputs} if stack else {}
    scope = "PullRequest" if PULL_REQUEST.match(suffix) else ""
    names = ("TemplateBucketName", f"{scope}ServiceRoleArn", f"{scope}BoundaryArn")
    return Setup(*(outputs[name] for name in names)) if {*names} <= outputs.keys() else None


def with_setup(
    operations: Operations, request: DeploymentRequest
) -> tuple[Operations, DeploymentRequest]:
    """Complete a deployment with what the account's stack provides.

    Options and the parameter file come first, and the emulator has a bucket of its own.
    """
    if operations.environment.name == ACCOUNT:
        return operations, request
    setup = find_setup(operations.connection, operations.environment.suffix)
    if setup is None:
        return operations, request
    own_bucket = operations.connection.template_bucket or setup.bucket
    takes_boundary = BOUNDARY in request.template["Parameters"]
    boundary = {BOUNDARY: setup.boundary} if takes_boundary else {}
    return (
        replace(operations, role_arn=operations.role_arn or setup.service_role),
        replace(
            request,
            bucket=request.bucket or request.file.bucket or own_bucket,
            parameters={**boundary, **request.file.parameters, **request.parameters},
        ),
    )


def existing_settings(connection: Connection, given: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters by which a new stack leaves alone what the account has already.

    An account has one OIDC provider of GitHub, and one role of API Gateway in each Region.
    """
    found = {}
    if connection.apigateway.get_account().get("cloudwatchRoleArn"):
        found["ApiGatewayLogs"] = "disabled"
    if given.get("GitHubRepository"):
        providers = connection.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        arns = [provider["Arn"] for provider in providers]
        if existing := [arn for arn in arns if arn.endswith(f"/{GITHUB}")]:
            found["OidcProviderArn"] = existing[0]
    return {name: value for name, value in found.items() if name not in given}
