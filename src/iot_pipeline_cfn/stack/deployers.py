"""The roles that deploy environments: CloudFormation's, the deployer's and GitHub's.

CloudFormation acts with a service role, so that a deployer needs no permissions on resources. All
who may change a stack can use its service role without passing it
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html): pull
requests therefore have a service role of their own, and a deployer may change only its own stacks.
The roles of environments have a permissions boundary, so that no template can give itself more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from awacs import iam as iam_actions
from awacs.aws import (
    Action,
    Allow,
    Condition,
    Deny,
    Null,
    PolicyDocument,
    Principal,
    Statement,
    StringEquals,
    StringLike,
)
from awacs.s3 import GetObject, PutObject
from awacs.sts import AssumeRole, AssumeRoleWithWebIdentity
from troposphere import And, Parameter, Select, Split, Sub
from troposphere.iam import ManagedPolicy, OIDCProvider, Role
from troposphere.s3 import Bucket

from .conditions import Condition as TemplateCondition
from .conditions import is_empty, is_given
from .context import Context
from .permissions import (
    ARN,
    DEPLOYER,
    DEPLOYER_OF_ALL,
    DEPLOYER_TAGGED,
    EVERY,
    GRANTS,
    PASSED_TO,
    PLACE,
    PULL_REQUESTS,
    RUNTIME,
    SERVICE_LINKED_ROLES,
    STACKS,
    DeploymentScope,
    statements_of,
)
from .policies import allow, inline_policy, policy_document, trust_policy

READING: Final = ("Describe*", "Get*", "List*")
SCOPES: Final = (EVERY, PULL_REQUESTS)
ROLE_PATH: Final = "/iot-pipeline-account/"
"""Keeps the roles of this stack apart from those of an environment `account-...`."""

GITHUB: Final = "token.actions.githubusercontent.com"
GITHUB_ENVIRONMENT: Final = "production"
GITHUB_BRANCH: Final = "ref:refs/heads/main"
"""https://docs.github.com/en/actions/reference/security/oidc"""
SESSION_SECONDS: Final = 7200
"""As long as the job that deploys pull requests may take."""


def add_deployers(context: Context, *, bucket: Bucket) -> None:
    """Add the roles with which all environments, and those of pull requests only, are deployed."""
    common = _add_policy(
        context,
        "CommonPolicy",
        statements_of(
            (grant for grants in GRANTS.values() for grant in grants if grant.common), EVERY
        ),
    )
    roles = {scope: _add_service_role(context, scope, common) for scope in SCOPES}
    looking = _add_policy(
        context,
        "DeployerCommonPolicy",
        statements_of((grant for grant in DEPLOYER if grant.common), EVERY),
    )
    passed = {EVERY: [*roles.values()], PULL_REQUESTS: [roles[PULL_REQUESTS]]}
    policies = {
        scope: [
            looking,
            _add_policy(
                context,
                f"{scope.title}DeployerPolicy",
                _deployments(scope, bucket, [role.get_att("Arn") for role in passed[scope]]),
            ),
        ]
        for scope in SCOPES
    }
    account = Principal("AWS", Sub(f"{ARN}iam::${{AWS::AccountId}}:root"))
    trust = policy_document(Statement(Action=[AssumeRole], Effect=Allow, Principal=account))
    role = _deployer(context, "DeploymentRole", policies[EVERY], trust)
    context.add_output("DeploymentRoleArn", "Role that deploys environments.", role.get_att("Arn"))
    _add_github(context, policies)


def _add_policy(context: Context, title: str, statements: Sequence[Statement]) -> ManagedPolicy:
    """Add a managed policy."""
    return context.add(ManagedPolicy(title, PolicyDocument=policy_document(*statements)))


def _add_service_role(context: Context, scope: DeploymentScope, common: ManagedPolicy) -> Role:
    """Add the service role of a scope, and the boundary of the roles that it may create."""
    boundary = _add_policy(context, f"{scope.title}Boundary", [*_runtime(scope), *_refusals(scope)])
    layers = [
        _add_policy(
            context,
            f"{scope.title}{layer}Policy",
            statements_of((grant for grant in grants if not grant.common), scope),
        )
        for layer, grants in GRANTS.items()
    ]
    limits = [] if scope is EVERY else scope.limits()
    service_role = context.add(
        Role(
            f"{scope.title}ServiceRole",
            AssumeRolePolicyDocument=trust_policy("cloudformation", names_account=False),
            ManagedPolicyArns=[policy.ref() for policy in (common, *layers)],
            Path=ROLE_PATH,
            Policies=[inline_policy("roles", *_roles(scope, boundary), *_refusals(scope), *limits)],
        )
    )
    arn = service_role.get_att("Arn")
    environments = "pull requests" if scope is PULL_REQUESTS else "all environments"
    description = f"Permissions boundary of the roles of {environments}."
    context.add_output(f"{scope.title}BoundaryArn", description, boundary.ref())
    description = f"Role that CloudFormation assumes for {environments}."
    context.add_output(f"{scope.title}ServiceRoleArn", description, arn)
    return service_role


def _runtime(scope: DeploymentScope) -> list[Statement]:
    """Return what the boundary allows the roles of environments."""
    databases = [f"arn:*:rds:*:*:db:{name}" for name in scope.names]
    master_secrets = StringLike({"aws:ResourceTag/aws:rds:primaryDBInstanceArn": databases})
    return [
        *statements_of(RUNTIME, scope),
        # GetRandomPassword has no resource.
        allow([Action("secretsmanager", "GetRandomPassword")], ["*"]),
        # RDS tags the secret of a master user, which has no tags of the stack.
        allow(
            [Action("secretsmanager", "GetSecretValue")],
            ["*"],
            condition=Condition(master_secrets),
        ),
    ]


def _refusals(scope: DeploymentScope) -> list[Statement]:
    """Return what a narrow scope denies."""
    return [] if scope is EVERY else [scope.refusal()]


def _roles(scope: DeploymentScope, boundary: ManagedPolicy) -> list[Statement]:
    """Return what the service role may do with the roles of environments."""
    roles = [scope.arn("iam:role/NAME")]
    linked_roles = Sub(f"{ARN}iam::${{AWS::AccountId}}:role/aws-service-role/*")
    has_boundary = Condition(StringEquals({"iam:PermissionsBoundary": boundary.ref()}))
    services = {"iam:PassedToService": [f"{service}.amazonaws.com" for service in PASSED_TO]}
    linked = {
        "iam:AWSServiceName": [f"{service}.amazonaws.com" for service in SERVICE_LINKED_ROLES]
    }
    return [
        allow(
            [
                iam_actions.AttachRolePolicy,
                iam_actions.CreateRole,
                iam_actions.DeleteRolePolicy,
                iam_actions.DetachRolePolicy,
                iam_actions.PutRolePermissionsBoundary,
                iam_actions.PutRolePolicy,
            ],
            roles,
            condition=has_boundary,
        ),
        allow(
            [
                iam_actions.DeleteRole,
                Action("iam", "Get*"),
                Action("iam", "List*"),
                iam_actions.TagRole,
                iam_actions.UntagRole,
                iam_actions.UpdateAssumeRolePolicy,
                iam_actions.UpdateRole,
                iam_actions.UpdateRoleDescription,
            ],
            roles,
        ),
        allow([iam_actions.PassRole], roles, condition=Condition(StringEquals(services))),
        allow(
            [iam_actions.CreateServiceLinkedRole],
            [linked_roles],
            condition=Condition(StringEquals(linked)),
        ),
        Statement(
            Action=[Action("iam", "*")],
            Effect=Deny,
            Resource=[Sub(f"{ARN}iam::${{AWS::AccountId}}:role{ROLE_PATH}*")],
        ),
        # By name, because the tags of a role do not limit to whom it is passed
        # (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html).
        Statement(
            Action=[Action("iam", "*")],
            Effect=Deny,
            NotResource=[*scope.arns("iam:role/EXACT"), linked_roles],
        ),
    ]


def _deployments(
    scope: DeploymentScope, bucket: Bucket, service_roles: Sequence[Any]
) -> list[Statement]:
    """Return what a deployer may do: change the stacks of a scope, and look."""
    cloudformation = f"{ARN}cloudformation:{PLACE}stack/"
    stacks = [Sub(f"{cloudformation}iot-pipeline-{suffix}/*") for suffix in scope.suffixes]
    to_cloudformation = StringEquals({"iam:PassedToService": "cloudformation.amazonaws.com"})
    guardduty = Condition(StringEquals({"aws:ResourceTag/GuardDutyManaged": "true"}))
    of_all = [
        *statements_of(DEPLOYER_OF_ALL, scope),
        # The endpoint and the group of GuardDuty do not have our tags.
        allow(
            [Action("ec2", "DeleteSecurityGroup"), Action("ec2", "DeleteVpcEndpoints")],
            ["*"],
            condition=guardduty,
        ),
    ]
    change_sets = [Action("cloudformation", "CreateChangeSet")]
    return [
        allow([Action("cloudformation", action) for action in STACKS.split()], stacks),
        # The template has a transform, on which a change set needs permission, too.
        allow(change_sets, [Sub(f"{ARN}cloudformation:*:aws:transform/LanguageExtensions")]),
        # An import would bring resources of others under the service role.
        Statement(
            Action=change_sets,
            Condition=Condition(Null({"cloudformation:ImportResourceTypes": "false"})),
            Effect=Deny,
            Resource=["*"],
        ),
        # The stack with these roles can be read, for its outputs.
        Statement(
            NotAction=[Action("cloudformation", pattern) for pattern in READING],
            Effect=Deny,
            Resource=[Sub(f"{cloudformation}${{AWS::StackName}}/*")],
        ),
        *statements_of((grant for grant in DEPLOYER if not grant.common), scope),
        allow(
            [Action(*action) for action in DEPLOYER_TAGGED],
            ["*"],
            condition=Condition(scope.tagged()),
        ),
        *(of_all if scope is EVERY else ()),
        allow([GetObject, PutObject], [Sub(f"${{{bucket.title}.Arn}}/{scope.keys}")]),
        allow([iam_actions.PassRole], service_roles, condition=Condition(to_cloudformation)),
    ]


def _deployer(
    context: Context,
    title: str,
    policies: Sequence[ManagedPolicy],
    trust: PolicyDocument,
    condition: TemplateCondition | None = None,
) -> Role:
    """Add a role with the policies of deployers."""
    role = Role(
        title,
        AssumeRolePolicyDocument=trust,
        ManagedPolicyArns=[policy.ref() for policy in policies],
        MaxSessionDuration=SESSION_SECONDS,
        Path=ROLE_PATH,
    )
    return context.add(role, condition=condition)


@dataclass(frozen=True)
class _Repository:
    """The repository on GitHub: its name, and its ID and that of its owner."""

    name: Parameter
    owner_id: Parameter
    repository_id: Parameter
    has_ids: TemplateCondition

    def subjects(self, ending: str) -> list[Any]:
        """Return the subjects of the tokens of some of its jobs, in both forms.

        GitHub adds IDs for repositories that were created, renamed or transferred after 15 July
        2026 (https://docs.github.com/en/actions/reference/security/oidc).
        """
        owner, repository = (Select(part, Split("/", self.name.ref())) for part in range(2))
        with_ids = Sub(
            f"repo:${{Owner}}@${{{self.owner_id.title}}}/"
            f"${{Repository}}@${{{self.repository_id.title}}}:{ending}",
            Owner=owner,
            Repository=repository,
        )
        return [
            Sub(f"repo:${{{self.name.title}}}:{ending}"),
            self.has_ids.choose(with_ids),
        ]


def _add_github(context: Context, policies: dict[DeploymentScope, list[ManagedPolicy]]) -> None:
    """Add the roles that jobs of a repository on GitHub can assume, if there is a repository."""
    name = context.add_optional(
        "GitHubRepository",
        "[A-Za-z0-9-]+/[A-Za-z0-9._-]+",
        constraint="Empty, or the owner and the name of a repository.",
        description="The repository on GitHub whose jobs deploy, such as example/iot-pipeline.",
        label="Repository on GitHub",
    )
    owner_id, repository_id = (
        context.add_optional(
            f"GitHub{part}Id",
            "[0-9]+",
            constraint="Empty, or a number.",
            description=f"The ID of the {part.lower()}, which the subject of tokens contains "
            "for repositories created, renamed or transferred after 15 July 2026.",
            label=f"ID of the {part.lower()}",
        )
        for part in ("Owner", "Repository")
    )
    provider_arn = context.add_optional(
        "OidcProviderArn",
        f"arn:[a-z-]+:iam::[0-9]{{12}}:oidc-provider/{GITHUB}",
        constraint=f"Empty, or the ARN of the OIDC provider {GITHUB}.",
        description="The account's OIDC provider of GitHub, if it has one: an account has one.",
        label="OIDC provider of GitHub",
    )
    has_github = context.add_condition("HasGitHub", is_given(name))
    has_ids = context.add_condition(
        "HasGitHubIds", And(is_given(owner_id), is_given(repository_id))
    )
    creates_provider = context.add_condition(
        "CreatesOidcProvider", And(has_github.as_term(), is_empty(provider_arn))
    )
    provider = context.add(
        OIDCProvider(
            "GitHubOidcProvider",
            # Others in the account may use it.
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            ClientIdList=["sts.amazonaws.com"],
            Url=f"https://{GITHUB}",
        ),
        condition=creates_provider,
    )
    federated = creates_provider.choose(provider.ref(), provider_arn.ref())
    repository = _Repository(name, owner_id, repository_id, has_ids)
    roles = {
        # The sweep runs on the default branch.
        "GitHubPullRequestRole": (policies[PULL_REQUESTS], ["pull_request", GITHUB_BRANCH]),
        "GitHubProductionRole": (policies[EVERY], [f"environment:{GITHUB_ENVIRONMENT}"]),
    }
    for title, (policy, endings) in roles.items():
        audience = {
            f"{GITHUB}:aud": "sts.amazonaws.com",
            f"{GITHUB}:sub": [
                subject for ending in endings for subject in repository.subjects(ending)
            ],
        }
        trust = policy_document(
            Statement(
                Action=[AssumeRoleWithWebIdentity],
                Condition=Condition(StringEquals(audience)),
                Effect=Allow,
                Principal=Principal("Federated", federated),
            )
        )
        role = _deployer(context, title, policy, trust, has_github)
        description = f"Role that jobs of the repository assume ({endings[0]})."
        context.add_output(f"{title}Arn", description, role.get_att("Arn"), condition=has_github)
