"""IAM policies, with what awacs leaves to its callers."""

from collections.abc import Sequence
from typing import Any

from awacs.aws import (
    Action,
    Allow,
    ArnLike,
    Bool,
    Condition,
    Deny,
    PolicyDocument,
    Principal,
    Statement,
    StringEquals,
)
from awacs.sts import AssumeRole
from troposphere import AccountId
from troposphere.iam import Policy

ALARM_ARN = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:"
"""The part of an alarm's ARN before its name, for `Sub`."""


def policy_document(*statements: Statement) -> PolicyDocument:
    """Return a policy document with the current version of the policy language.

    Without a `Version`, IAM reads a document as 2008-10-17, which has no policy variables.
    """
    return PolicyDocument(Version="2012-10-17", Statement=list(statements))


def allow(
    actions: Sequence[Action],
    resources: Sequence[Any],
    *,
    condition: Condition | None = None,
    principal: Principal | None = None,
    sid: str | None = None,
) -> Statement:
    """Return a statement that allows the actions on the resources."""
    optional = {"Condition": condition, "Principal": principal, "Sid": sid}
    return Statement(
        Action=list(actions),
        Effect=Allow,
        Resource=list(resources),
        **{key: value for key, value in optional.items() if value is not None},
    )


def require_tls(actions: Sequence[Action], resource: object) -> Statement:
    """Return the statement of a resource policy that denies the actions without TLS."""
    return Statement(
        Action=list(actions),
        Condition=Condition(Bool({"aws:SecureTransport": "false"})),
        Effect=Deny,
        Principal=Principal("*"),
        Resource=[resource],
        Sid="RequireTls",
    )


def on_behalf_of(*source_arns: object) -> Condition:
    """Return the condition that a service acts for resources of this account with these ARNs."""
    return Condition(
        [
            ArnLike({"aws:SourceArn": list(source_arns)}),
            StringEquals({"aws:SourceAccount": AccountId}),
        ]
    )


def inline_policy(name: str, *statements: Statement) -> Policy:
    """Return a policy that belongs to one role."""
    return Policy(PolicyName=name, PolicyDocument=policy_document(*statements))


def trust_policy(service: str, *, names_account: bool = True) -> PolicyDocument:
    """Return the policy that lets a service, such as `ecs-tasks`, assume a role.

    The service may do so only on behalf of this account, not of another one that asks it to
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html). A service that does not
    name the account when it assumes a role could not assume it.
    """
    source = {"Condition": Condition(StringEquals({"aws:SourceAccount": AccountId}))}
    return policy_document(
        Statement(
            Action=[AssumeRole],
            Effect=Allow,
            Principal=Principal("Service", f"{service}.amazonaws.com"),
            **(source if names_account else {}),
        )
    )
