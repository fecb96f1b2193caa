"""Who may do what, before and after: every policy document, statement by statement.

A pattern with `*` or `?` is compared as text: it allows what any other allows that it matches
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html).
"""

import importlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.template.lookup import (
    Resources,
    mappings,
    possible_values,
    properties_of,
    short_text_of,
    text_of,
    type_of,
)

from .addresses import is_within, parse_network
from .remarks import Remark, Severity
from .report.access_wording import SHOWN, listing

ALLOW, DENY = "Allow", "Deny"
EVERYBODY = "*"
PRINCIPALS: Final = frozenset({"AWS", "CanonicalUser", "Federated", "Service"})
IDENTITIES: Final = frozenset({"AWS::IAM::Group", "AWS::IAM::Role", "AWS::IAM::User"})

HOLDERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "AWS::IAM::GroupPolicy": ("GroupName",),
        "AWS::IAM::ManagedPolicy": ("Groups", "Roles", "Users"),
        "AWS::IAM::Policy": ("Groups", "Roles", "Users"),
        "AWS::IAM::RolePolicy": ("RoleName",),
        "AWS::IAM::UserPolicy": ("UserName",),
        "AWS::S3::BucketPolicy": ("Bucket",),
        "AWS::SNS::TopicPolicy": ("Topics",),
        "AWS::SQS::QueuePolicy": ("Queues",),
        "AWS::SecretsManager::ResourcePolicy": ("SecretId",),
    }
)
"""Where a policy that is a resource of its own says whose it is."""

ENDPOINT = "AWS::EC2::VPCEndpoint"
ENDPOINT_BY_DEFAULT: Final[Mapping[str, Any]] = MappingProxyType(
    {"Statement": {"Action": "*", "Effect": ALLOW, "Principal": EVERYBODY, "Resource": "*"}}
)
"""https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html."""

OTHERWISE = "may under other conditions, which may be looser"
HOW: Final = MappingProxyType(
    {
        # By effect, whether it is gained or lost, and whether only its conditions are others.
        (ALLOW, True, False): "may now",
        (ALLOW, True, True): "may under looser conditions",
        (ALLOW, False, False): "may no longer",
        (ALLOW, False, True): "may only under stricter conditions",
        (DENY, True, False): "is now denied",
        (DENY, True, True): "is denied under looser conditions",
        (DENY, False, False): "is no longer denied",
        (DENY, False, True): "is denied only under stricter conditions",
    }
)


@dataclass(frozen=True)
class Terms:
    """What an element of a statement names: the patterns, or what a `Not...` leaves."""

    patterns: frozenset[str] = frozenset()
    is_inverse: bool = False

    def __str__(self) -> str:
        """Return the terms for people."""
        names = listing(map(short_text_of, self.patterns))
        return f"all but {names}" if self.is_inverse else names


Condition = tuple[str, str, frozenset[str]]
"""Operator, key, and values."""


@dataclass(frozen=True)
class Grant:
    """One action that one principal may take, or may not, on one resource.

    Attributes:
        holder: The logical id of the role, or of the resource, that the policy is about.
        is_trust: Whether it is about who takes on a role.
        effect: `Allow` or `Deny`.
        principal: Empty in a policy of a role, user or group.
        action: The action as it is written.
        resource: Empty where a policy says none; a reference is `${Database.Arn}`.
        conditions: All of which must hold.

    """

    holder: str
    is_trust: bool
    effect: str
    principal: Terms
    action: Terms
    resource: Terms
    conditions: frozenset[Condition] = frozenset()


def grants(resources: Resources) -> frozenset[Grant]:
    """Return what every policy document of an environment allows and denies.

    Whether statements are split, merged or ordered otherwise, and whether a role's policy is its
    own or a resource, makes no difference.

    Args:
        resources: What is resolved of a template, in which anything may still be a reference.

    """
    attached = _attached(resources)
    return frozenset(
        grant
        for name, resource in resources.items()
        for holder in _holders(name, resource, attached)
        for is_trust, document in _documents_that_count(resource)
        for statement in mappings(document["Statement"])
        for grant in _grants(holder, statement, is_trust=is_trust)
    )


def documents(resource: object) -> Iterator[tuple[bool, Mapping[str, Any]]]:
    """Yield every policy document of a resource, and whether it is about taking on a role.

    Wherever it stands, also as text.
    """
    to_do: list[tuple[bool, object]] = [(False, properties_of(resource))]
    while to_do:
        is_trust, part = to_do.pop()
        if isinstance(part, str) and '"Statement"' in part:
            part = _parsed(part)
        if isinstance(part, dict):
            if _is_document(part):
                yield is_trust, part
            to_do += [
                (is_trust or key == "AssumeRolePolicyDocument", inner)
                for key, inner in part.items()
            ]
        elif isinstance(part, list):
            to_do += [(is_trust, inner) for inner in part]


def _is_document(part: Mapping[str, Any]) -> bool:
    """Return whether statements are of a policy, and not of a web ACL."""
    listed = part.get("Statement")
    return isinstance(listed, list) or any("Effect" in body for body in mappings(listed))


def compare(before: Resources, after: Resources) -> list[Remark]:
    """Return what changes of who may do what.

    Exposure is what is allowed of late, or denied no longer, or allowed under conditions that are
    looser or cannot be compared.

    Args:
        before: The resolved resources of an environment, as they are.
        after: The same, as they would be.

    """
    if before == after:
        return []
    old, new = _by_holder(grants(before)), _by_holder(grants(after))
    remarks = [
        remark
        for holder in sorted(old.keys() | new.keys())
        if old.get(holder) != new.get(holder)
        # The policy of an endpoint only limits what others allow.
        and not (_is_endpoint(before, holder) ^ _is_endpoint(after, holder))
        for remark in _remarks(holder, old.get(holder, frozenset()), new.get(holder, frozenset()))
    ]
    return [*remarks, *_managed(before, after), *_boundaries(before, after)]


def _is_endpoint(resources: Resources, name: str) -> bool:
    return type_of(resources.get(name)) == ENDPOINT


def _documents_that_count(resource: object) -> list[tuple[bool, Mapping[str, Any]]]:
    found = list(documents(resource))
    if not found and type_of(resource) == ENDPOINT:
        return [(False, ENDPOINT_BY_DEFAULT)]
    return found


def _by_holder(found: Iterable[Grant]) -> dict[str, frozenset[Grant]]:
    holders: dict[str, set[Grant]] = defaultdict(set)
    for grant in found:
        holders[grant.holder].add(grant)
    return {holder: frozenset(held) for holder, held in holders.items()}


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _attached(resources: Resources) -> dict[str, list[str]]:
    """Return the roles, users and groups that name a managed policy of the template, by policy."""
    found = defaultdict(list)
    for name, resource in resources.items():
        if type_of(resource) in IDENTITIES:
            for policy in possible_values(properties_of(resource).get("ManagedPolicyArns")):
                found[short_text_of(policy)].append(name)
    return found


def _holders(name: str, resource: object, attached: Mapping[str, list[str]]) -> set[str]:
    return {
        short_text_of(holder).removesuffix(".Arn")
        for key in HOLDERS.get(type_of(resource), ())
        for holder in possible_values(properties_of(resource).get(key))
    }.union(attached.get(name, ())) or {name}


def _grants(holder: str, statement: Mapping[str, Any], *, is_trust: bool) -> Iterator[Grant]:
    effect = DENY if statement.get("Effect") == DENY else ALLOW
    conditions = frozenset(_conditions(statement.get("Condition")))
    for principal, action, resource in product(
        _terms(statement, "Principal", _principals),
        _terms(statement, "Action", _texts),
        _terms(statement, "Resource", _texts),
    ):
        yield Grant(holder, is_trust, effect, principal, action, resource, conditions)


def _terms(
    statement: Mapping[str, Any], key: str, texts: Callable[[object], Iterator[str]]
) -> list[Terms]:
    if f"Not{key}" in statement:
        return [Terms(frozenset(texts(statement[f"Not{key}"])), is_inverse=True)]
    return [Terms(frozenset({text})) for text in texts(statement.get(key))] or [Terms()]


def _texts(value: object) -> Iterator[str]:
    return map(text_of, possible_values(value))


def _principals(value: object) -> Iterator[str]:
    """Yield `*`, `AWS:` and an account or an ARN, `Service:` and a name, and so on."""
    for item in possible_values(value):
        kinds = PRINCIPALS & item.keys() if isinstance(item, Mapping) else frozenset()
        if not isinstance(item, Mapping) or not kinds:
            yield text_of(item)
            continue
        for kind in sorted(kinds):
            for text in _texts(item[kind]):
                root = re.fullmatch(r"arn:.+:iam::(.+):root", text)
                yield text if text == EVERYBODY else f"{kind}:{root[1] if root else text}"


def _conditions(value: object) -> Iterator[Condition]:
    for block in mappings(value):
        for operator, keys in block.items():
            for body in mappings(keys):
                for key, values in body.items():
                    yield operator, key, frozenset(_texts(values))


def matches(pattern: str, other: str) -> bool:
    """Return whether a pattern allows all that another one does; `*` is any text, `?` a sign."""
    if pattern in ("*", other):
        return True
    at = mark = 0
    star = None
    position = 0
    while position < len(other):
        sign = pattern[at : at + 1]
        if sign == "*":
            star, mark = at, position
            at += 1
        elif sign and (sign == other[position] or (sign == "?" and other[position] != "*")):
            at += 1
            position += 1
        elif star is not None:
            mark += 1
            at, position = star + 1, mark
        else:
            return False
    return not pattern[at:].strip("*")


def _matches_action(pattern: str, other: str) -> bool:
    return matches(pattern.lower(), other.lower())


def _matches_principal(pattern: str, other: str) -> bool:
    """Return whether a principal is another, or the account that it belongs to."""
    account = re.fullmatch(r"AWS:arn:.+?:(?:iam|sts)::(.+?):[^:]+/.+", other)
    return pattern in (EVERYBODY, other) or bool(account and pattern == f"AWS:{account[1]}")


def _contains(outer: Terms, inner: Terms, admits: Callable[[str, str], bool]) -> bool:
    """Return whether terms name all that others name, as far as that can be told."""

    def is_named(pattern: str, by: Terms) -> bool:
        return any(admits(other, pattern) for other in by.patterns)

    if outer.is_inverse and inner.is_inverse:
        return all(is_named(pattern, inner) for pattern in outer.patterns)
    if outer.is_inverse:
        return not any(
            re.search(r"[*?]|\$\{", pattern) or is_named(pattern, outer)
            for pattern in inner.patterns
        )
    if inner.is_inverse:
        return "*" in outer.patterns
    return all(is_named(pattern, outer) for pattern in inner.patterns)


def _covers(outer: Grant, inner: Grant, *, whatever_conditions: bool = False) -> bool:
    """Return whether one grant says all that another does, as far as that can be told."""
    return (
        (outer.is_trust, outer.effect) == (inner.is_trust, inner.effect)
        and _contains(outer.action, inner.action, _matches_action)
        and _contains(outer.resource, inner.resource, matches)
        and _contains(outer.principal, inner.principal, _matches_principal)
        and (whatever_conditions or _implies(inner.conditions, outer.conditions))
    )


def _implies(stricter: Iterable[Condition], looser: Iterable[Condition]) -> bool:
    """Return whether conditions hold only where others do, as far as that can be told."""
    return all(any(_is_as_strict(one, other) for one in stricter) for other in looser)


def _is_as_strict(one: Condition, other: Condition) -> bool:
    """Return whether a condition holds only where another one does.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    if one == other:
        return True
    (operator, key, values), (wider, wider_key, wider_values) = (
        (operator.lower(), key.lower(), values) for operator, key, values in (one, other)
    )
    is_optional = operator.endswith("ifexists") and not wider.endswith("ifexists")
    if key != wider_key or is_optional:
        return False
    operator, wider = operator.removesuffix("ifexists"), wider.removesuffix("ifexists")
    if (operator, values) == (wider, wider_values):
        return True
    if operator != wider and (operator, wider) not in (
        ("arnequals", "arnlike"),
        ("arnlike", "arnequals"),
        ("stringequals", "stringlike"),
    ):
        return False
    admits = next((how for word, how in COMPARED.items() if word in wider), None)
    if admits is None:
        return False
    inner, outer = (wider_values, values) if "not" in operator else (values, wider_values)
    return all(any(admits(text, value) for text in outer) for value in inner)


def _is_same(one: str, other: str) -> bool:
    return one == other


def _is_network_within(outer: str, inner: str) -> bool:
    return outer == inner or is_within(parse_network(inner), parse_network(outer))


COMPARED: Final[Mapping[str, Callable[[str, str], bool]]] = MappingProxyType(
    {
        "like": matches,
        "arn": matches,
        "string": _is_same,
        "ipaddress": _is_network_within,
        "bool": _is_same,
        "binaryequals": _is_same,
    }
)
"""How values of condition operators contain each other; of numbers and dates only equal ones do."""


def _expanded(grant: Grant) -> list[Grant]:
    """Return a grant as one of each action that its pattern stands for, where that is known."""
    (pattern,) = grant.action.patterns if len(grant.action.patterns) == 1 else ("",)
    service, _, name = pattern.partition(":")
    if grant.action.is_inverse or not re.search(r"[*?]", name):
        return [grant]
    actions = [action for action in _actions(service.lower()) if _matches_action(name, action)]
    return [
        replace(grant, action=Terms(frozenset({f"{service}:{action}"}))) for action in actions
    ] or [grant]


def _actions(service: str) -> Iterator[str]:
    """Yield the names of all actions of a service, of one that awacs does not know none."""
    if not re.fullmatch("[a-z0-9-]+", service):
        return
    try:
        module = importlib.import_module(
            "awacs." + {"lambda": "awslambda"}.get(service, service.replace("-", "_"))
        )
    except ModuleNotFoundError:
        return
    if getattr(module, "prefix", None) == service:
        yield from (
            action.action for action in vars(module).values() if isinstance(action, module.Action)
        )


def _wider(new: Iterable[Grant], old: Iterable[Grant]) -> list[tuple[Grant, list[Grant]]]:
    """Return what of the new grants the old ones do not say, each with those but for conditions.

    What is allowed and denied at once is not allowed.
    """
    denied = [replace(grant, effect=ALLOW) for grant in new if grant.effect == DENY]
    found: list[tuple[Grant, list[Grant]]] = []
    for grant in new:
        if any(_covers(other, grant) for other in (*old, *denied)):
            continue
        left = [
            (piece, [other for other in old if _covers(other, piece, whatever_conditions=True)])
            for piece in _expanded(grant)
            if not any(_covers(other, piece) for other in old)
        ]
        for part in (
            [each for each in left if each[1]],
            [each for each in left if not each[1]],
        ):
            together = [other for _, others in part for other in others]
            found += part if len(part) <= SHOWN else [(grant, together)]
    return found


def _remarks(holder: str, old: frozenset[Grant], new: frozenset[Grant]) -> Iterator[Remark]:
    """Yield what changes in what one role may do, or in what may be done to one resource."""
    gained, lost = _wider(new, old), _wider(old, new)
    gained_again, lost_again = (
        {(grant.effect, *_words(grant)) for grant, others in found if others}
        for found in (gained, lost)
    )
    undecided = gained_again & lost_again
    found: dict[tuple[Severity, str, str, str, str], dict[str, list[str]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for is_gain, grant, others in (
        *((True, *each) for each in gained),
        *((False, *each) for each in lost),
    ):
        severity = Severity.EXPOSURE if is_gain is (grant.effect == ALLOW) else Severity.CHANGE
        is_undecided = bool(others) and (grant.effect, *_words(grant)) in undecided
        if is_undecided and severity is Severity.CHANGE:
            continue
        how = OTHERWISE if is_undecided else HOW[grant.effect, is_gain, bool(others)]
        here, there = _said([grant], others), _said(others, others)
        sides = (there, here) if is_gain else (here, there)
        who, action, resource = _words(grant)
        found[severity, who, how, *sides][resource].append(action)
    for (severity, who, how, was, will_be), whats in sorted(found.items()):
        what = listing((f"{listing(actions)} on {on}" for on, actions in whats.items()), "; ")
        yield Remark(severity, holder, f"{who} {how}: {what}", was, will_be)


def _words(grant: Grant) -> tuple[str, str, str]:
    """Return who may do what, and on what."""
    if not grant.principal.patterns:
        return grant.holder, str(grant.action), str(grant.resource)
    names = frozenset(
        "anybody" if name == EVERYBODY else name.partition(":")[2] or name
        for name in grant.principal.patterns
    )
    who, resource = replace(grant.principal, patterns=names), str(grant.resource)
    return str(who), str(grant.action), grant.holder if resource in ("", "*") else resource


def _said(held: Sequence[Grant], others: Sequence[Grant]) -> str:
    """Return the conditions of grants in words, where they are what differs."""
    if not others:
        return ""
    return " or ".join(
        sorted(
            {
                " and ".join(
                    f"{operator} {key} {listing(values)}"
                    for operator, key, values in sorted(grant.conditions, key=str)
                )
                or "no condition"
                for grant in held
            }
        )
    )


def _managed(before: Resources, after: Resources) -> Iterator[Remark]:
    """Yield which managed policies are attached or detached, of those whose text is elsewhere."""
    old, new = _managed_policies(before), _managed_policies(after)
    for name in sorted(old.keys() | new.keys()):
        was, will_be = old.get(name, set()), new.get(name, set())
        for arn in sorted(will_be - was):
            message = f"{name} may now do what the managed policy {arn} allows"
            yield Remark(Severity.EXPOSURE, name, message, listing(was), listing(will_be))
        for arn in sorted(was - will_be):
            message = f"{name} may no longer do what the managed policy {arn} allows"
            yield Remark(Severity.CHANGE, name, message, listing(was), listing(will_be))


def _managed_policies(resources: Resources) -> dict[str, set[str]]:
    found = defaultdict(set)
    for policy, names in _attached(resources).items():
        if policy not in resources:
            for name in names:
                found[name].add(policy)
    return found


def _boundaries(before: Resources, after: Resources) -> Iterator[Remark]:
    """Yield where what limits a role or a user is gone, another, or new."""
    for name, resource in after.items():
        if type_of(resource) not in IDENTITIES or name not in before:
            continue
        was, will_be = (
            short_text_of(properties_of(one).get("PermissionsBoundary"))
            for one in (before[name], resource)
        )
        if was and not will_be:
            message = f"{name} is no longer limited by a permissions boundary"
            yield Remark(Severity.EXPOSURE, name, message, was, will_be)
        elif was and was != will_be:
            message = f"{name} has another permissions boundary, which may allow more"
            yield Remark(Severity.EXPOSURE, name, message, was, will_be)
        elif was != will_be:
            message = f"{name} is now limited by a permissions boundary"
            yield Remark(Severity.CHANGE, name, message, was, will_be)
