"""Policy documents of a template, taken apart into permissions.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from iot_pipeline_cfn.template.lookup import (
    Resources,
    mappings,
    possible_values,
    properties_of,
    short_text_of,
    text_of,
    type_of,
)
from iot_pipeline_cfn.template.references import walk

from .differences import is_function

ALLOW, DENY = "Allow", "Deny"
EVERYONE: Final = "*"

IDENTITY_TYPES: Final = frozenset({"AWS::IAM::Group", "AWS::IAM::Role", "AWS::IAM::User"})
MANAGED_POLICIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(IDENTITY_TYPES, "ManagedPolicyArns"),
        "AWS::SSO::PermissionSet": "ManagedPolicies",
        "AWS::Serverless::Function": "Policies",
        "AWS::Serverless::StateMachine": "Policies",
    }
)
"""The properties that attach managed policies, by type."""

ENDPOINT_TYPE: Final = "AWS::EC2::VPCEndpoint"

PolicyStatement = Mapping[str, Any]

PRINCIPAL_ELEMENTS: Final = frozenset({"NotPrincipal", "Principal"})
PRINCIPAL_KINDS: Final = frozenset({"AWS", "CanonicalUser", "Federated", "Service"})
UNCOMPARED_ELEMENTS: Final = frozenset({"NotAction", "NotPrincipal", "NotResource"})
COMPARED_OPERATORS: Final = frozenset(
    {"ArnEquals", "ArnLike", "Bool", "StringEquals", "StringLike"}
)

OWNER_PROPERTIES: Final = (
    "Bucket",
    "GroupName",
    "Groups",
    "Queues",
    "RoleName",
    "Roles",
    "SecretId",
    "Topics",
    "UserName",
    "Users",
)
"""Properties with which a policy that is a resource of its own names what it is attached to."""

EVERYTHING: Final = "*"
SERVICES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AWS::KMS::Key": "kms",
        "AWS::S3::BucketPolicy": "s3",
        "AWS::SNS::TopicPolicy": "sns",
        "AWS::SQS::QueuePolicy": "sqs",
        "AWS::SecretsManager::ResourcePolicy": "secretsmanager",
    }
)
"""Types with a policy of a resource, on which only the actions of its service are possible.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

DEFAULT_ENDPOINT_POLICY: Final[Mapping[str, Any]] = MappingProxyType(
    {"Statement": {"Action": "*", "Effect": ALLOW, "Principal": EVERYONE, "Resource": "*"}}
)
"""https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html"""


class PolicyCondition(NamedTuple):
    """One condition of a statement: the key has one of the values."""

    operator: str
    key: str
    values: frozenset[str]


@dataclass(frozen=True)
class Permission:
    """One action that one principal may take, or may not, on one resource.

    Attributes:
        subject: The logical ID of the role, or of the resource, that has the policy.
        effect: `Allow` or `Deny`.
        principal: Such as `Service:ecs.amazonaws.com`; empty in a policy of a role, user or group.
        action: The action as it is written; it may be a pattern.
        resource: The resource, with references as in `${Database.Arn}`; it may be a pattern.
        conditions: All of them must hold.

    """

    subject: str
    effect: str
    principal: str
    action: str
    resource: str
    conditions: frozenset[PolicyCondition] = frozenset()


def permissions(resources: Resources) -> frozenset[Permission]:
    """Return the permissions of every policy document of an environment.

    The form of a policy makes no difference: how statements are split and ordered, and whether a
    role's policy is a property or a resource. Statements that are not compared are left out.
    """
    return frozenset(
        permission
        for subject, statement in _statements(resources)
        for permission in compared_permissions(subject, statement)
    )


def compared_permissions(subject: str, statement: PolicyStatement) -> list[Permission]:
    """Return the permissions of a statement; none if it cannot be compared."""
    return [*_permissions(subject, statement)] if is_compared(statement) else []


def statements_by_subject(resources: Resources) -> defaultdict[str, list[PolicyStatement]]:
    """Return the statements of all policies that are attached to each resource."""
    found = defaultdict(list)
    for subject, statement in _statements(resources):
        found[subject].append(statement)
    return found


def uncompared_changes(
    before: Sequence[PolicyStatement], after: Sequence[PolicyStatement]
) -> list[tuple[PolicyStatement | None, PolicyStatement | None]]:
    """Return the changed statements that cannot be compared, each with its other side.

    The other side of a statement has the same `Sid`, else it is the most similar changed statement,
    whether that one can be compared or not.
    """
    old, new = (
        [statement for statement in one if statement not in other]
        for one, other in ((before, after), (after, before))
    )
    pairs = [
        (_similarity(old[i], new[j]), -abs(i - j), i, j)
        for i, j in product(range(len(old)), range(len(new)))
        if _may_replace(old[i], new[j])
    ]
    counterparts: dict[int, int] = {}
    for *_, i, j in sorted(pairs, key=lambda pair: pair[:2], reverse=True):
        if i not in counterparts and j not in counterparts.values():
            counterparts[i] = j
    added = [new[j] for j in range(len(new)) if j not in counterparts.values()]
    found = [
        *((old[i], new[counterparts[i]] if i in counterparts else None) for i in range(len(old))),
        *((None, statement) for statement in added),
    ]
    return [pair for pair in found if not all(is_compared(side) for side in pair if side)]


def _may_replace(one: PolicyStatement, other: PolicyStatement) -> bool:
    """Return whether a statement may be another one after a change.

    The policies of roles and of resources differ: only the latter name principals.
    """
    effects = one.get("Effect"), other.get("Effect")
    has_principal, other_has = (bool(PRINCIPAL_ELEMENTS & side.keys()) for side in (one, other))
    return effects[0] == effects[1] and has_principal is other_has


def _similarity(one: PolicyStatement, other: PolicyStatement) -> tuple[bool, int]:
    equal = [key for key in one.keys() & other.keys() if one[key] == other[key]]
    return "Sid" in equal, len(equal)


def is_compared(statement: PolicyStatement) -> bool:
    """Return whether a statement can be compared element by element."""
    operators = {operator for block in mappings(statement.get("Condition")) for operator in block}
    return not (UNCOMPARED_ELEMENTS & statement.keys()) and operators <= COMPARED_OPERATORS


def policy_documents(resource: object) -> Iterator[Mapping[str, Any]]:
    """Yield every policy document among the properties of a resource, also those in JSON text."""
    for part in walk(properties_of(resource)):
        is_text = isinstance(part, str) and '"Statement"' in part
        for document in walk(_parse(part)) if is_text else [part]:
            if isinstance(document, dict) and _is_policy_document(document):
                yield document


def _parse(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _is_policy_document(part: Mapping[str, Any]) -> bool:
    """Return whether it is a policy document; a rule of a web ACL has a `Statement` as well."""
    statements = part.get("Statement")
    return isinstance(statements, list) or any("Effect" in each for each in mappings(statements))


def _statements(resources: Resources) -> Iterator[tuple[str, PolicyStatement]]:
    """Yield every statement with the logical ID of each resource that it is attached to."""
    attached = managed_policies(resources)
    for name, resource in resources.items():
        documents = list(policy_documents(resource))
        if type_of(resource) == ENDPOINT_TYPE and not documents:
            documents = [DEFAULT_ENDPOINT_POLICY]
        subjects = _owners(resource) | attached.get(name, set()) or {name}
        for document in documents:
            for statement in mappings(document["Statement"]):
                own = _with_own_actions(type_of(resource), statement)
                yield from ((subject, own) for subject in subjects)


def _with_own_actions(resource_type: str, statement: PolicyStatement) -> PolicyStatement:
    """Return a statement in which `*` means the actions of the resource's service."""
    service = SERVICES.get(resource_type)
    actions = [*possible_values(statement.get("Action"))]
    if service is None or EVERYTHING not in actions:
        return statement
    return {
        **statement,
        "Action": [f"{service}:*" if one == EVERYTHING else one for one in actions],
    }


def managed_policies(resources: Resources) -> defaultdict[str, set[str]]:
    """Return the roles, users and groups that name a managed policy, by its ARN or logical ID."""
    found = defaultdict(set)
    for name, resource in resources.items():
        attached = properties_of(resource).get(MANAGED_POLICIES.get(type_of(resource), ""))
        for policy in possible_values(attached):
            # SAM also accepts the documents of policies.
            if not isinstance(policy, Mapping) or is_function(policy):
                found[short_text_of(policy)].add(name)
    return found


def _owners(resource: object) -> set[str]:
    """Return the resources to which a separate policy resource is attached."""
    if not type_of(resource).endswith("Policy"):
        return set()
    return {
        short_text_of(owner).removesuffix(".Arn")
        for key in OWNER_PROPERTIES
        for owner in possible_values(properties_of(resource).get(key))
    }


def _permissions(subject: str, statement: PolicyStatement) -> Iterator[Permission]:
    effect = DENY if statement.get("Effect") == DENY else ALLOW
    conditions = frozenset(
        PolicyCondition(operator, key, frozenset(_texts(values)))
        for block in mappings(statement.get("Condition"))
        for operator, keys in block.items()
        for body in mappings(keys)
        for key, values in body.items()
    )
    for principal, action, resource in product(
        [*_principals(statement.get("Principal"))] or [""],
        [*_texts(statement.get("Action"))] or [""],
        [*_texts(statement.get("Resource"))] or [""],
    ):
        yield Permission(subject, effect, principal, action, resource, conditions)


def _texts(value: object) -> Iterator[str]:
    return map(text_of, possible_values(value))


def _principals(value: object) -> Iterator[str]:
    """Yield `*`, or a kind and a name: `AWS:123456789012`, also for the root of that account."""
    for item in possible_values(value):
        kinds = PRINCIPAL_KINDS & item.keys() if isinstance(item, Mapping) else frozenset()
        if not isinstance(item, Mapping) or not kinds:
            yield text_of(item)
            continue
        for kind in sorted(kinds):
            for text in _texts(item[kind]):
                root = re.fullmatch(r"arn:.+:iam::(.+):root", text)
                yield text if text == EVERYONE else f"{kind}:{root[1] if root else text}"
