"""The stack that an account has once in each Region, and what environments take from it.

Its template is `templates/account.json`: a bucket for templates, the service roles of
CloudFormation, the permissions boundaries of the roles of environments, and roles for deployers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from . import cloudformation
from .cloudformation import Stack
from .concurrency import both
from .connection import Connection
from .environments import STACK_PREFIX, Environment
from .location import locate
from .operations import Operations
from .request import DeploymentRequest

ACCOUNT: Final = "account"
"""The name of the environment that the stack is, with its own parameter file."""
STACK: Final = f"{STACK_PREFIX}{ACCOUNT}"
BOUNDARY: Final = "PermissionsBoundary"
"""The parameter of a template whose roles can have a permissions boundary."""

GITHUB: Final = "token.actions.githubusercontent.com"


@dataclass(frozen=True)
class Setup:
    """What the stack provides to an environment."""

    bucket: str
    service_role: str
    boundary: str


def find_setup(connection: Connection, environment: Environment) -> Setup | None:
    """Return the account's setup for an environment; None before its stack exists."""
    stack = cloudformation.find_stack(connection.cloudformation, STACK)
    outputs = stack.output_values if stack else {}
    scope = "PullRequest" if environment.is_of_pull_request else ""
    names = ("TemplateBucketName", f"{scope}ServiceRoleArn", f"{scope}BoundaryArn")
    return Setup(*(outputs[name] for name in names)) if {*names} <= outputs.keys() else None


def with_setup(
    operations: Operations, request: DeploymentRequest
) -> tuple[Operations, DeploymentRequest]:
    """Complete a deployment with what the account's stack provides.

    Options and the parameter file come first, and the emulator has a bucket of its own.
    """
    connection, environment = operations.connection, operations.environment
    if environment.name == ACCOUNT:
        return operations, request
    (setup, stack), _ = both(
        lambda: both(lambda: find_setup(connection, environment), operations.describe),
        lambda: locate(connection),
    )
    operations = replace(operations, described=(stack,))
    if setup is None:
        return operations, request
    own_bucket = connection.template_bucket or setup.bucket
    boundary = {BOUNDARY: setup.boundary} if BOUNDARY in request.template["Parameters"] else {}
    role = operations.role_arn
    if role is None and not _lacks_boundary(stack):
        role = setup.service_role
    return (
        replace(operations, role_arn=role),
        replace(
            request,
            bucket=request.bucket or request.file.bucket or own_bucket,
            parameters={**boundary, **request.file.parameters, **request.parameters},
        ),
    )


def _lacks_boundary(stack: Stack | None) -> bool:
    """Return whether a stack exists whose roles have no boundary.

    The service role may not change such roles, nor take a boundary away again where the update
    that adds it is rolled back. That update is made with the permissions of the caller.
    """
    return stack is not None and not stack.parameters.get(BOUNDARY)


def with_deletion_role(operations: Operations, stack: Stack | None) -> Operations:
    """Complete a deletion with the account's service role where the stack's own is gone.

    CloudFormation cannot delete a stack whose role does not exist, unless it gets another one
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html). A
    stack without a role gets the account's too, so that its deleter needs no permissions on
    resources, unless its roles have no boundary, which that role cannot delete.
    """
    if operations.role_arn or stack is None or operations.environment.name == ACCOUNT:
        return operations
    if stack.role_arn:
        is_needed = not _exists(operations.connection, stack.role_arn)
    else:
        is_needed = bool(stack.parameters.get(BOUNDARY))
    setup = find_setup(operations.connection, operations.environment) if is_needed else None
    return replace(operations, role_arn=setup.service_role) if setup else operations


def existing_settings(
    connection: Connection, given: Mapping[str, str], stack: Stack | None
) -> dict[str, str]:
    """Return the parameters by which the account's stack leaves alone what exists already.

    An account has one OIDC provider of GitHub, and one role of API Gateway in each Region.
    """
    found = {}
    if stack is None and _has_api_gateway_role(connection):
        found["ApiGatewayLogs"] = "disabled"
    has_github = stack is not None and stack.parameters.get("GitHubRepository")
    if given.get("GitHubRepository") and not has_github:
        providers = connection.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        arns = [provider["Arn"] for provider in providers]
        if existing := [arn for arn in arns if arn.endswith(f"/{GITHUB}")]:
            found["OidcProviderArn"] = existing[0]
    return {name: value for name, value in found.items() if name not in given}


def _has_api_gateway_role(connection: Connection) -> bool:
    """Return whether API Gateway has a role that exists; a deleted one stays set."""
    arn = connection.apigateway.get_account().get("cloudwatchRoleArn", "")
    return bool(arn) and _exists(connection, arn)


def _exists(connection: Connection, role_arn: str) -> bool:
    try:
        return bool(connection.iam.get_role(RoleName=role_arn.rpartition("/")[2]))
    except connection.iam.exceptions.NoSuchEntityException:
        return False
