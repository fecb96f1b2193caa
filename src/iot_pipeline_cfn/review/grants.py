"""Changes of permissions: who may do what, before and after."""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from iot_pipeline_cfn.template.findings import Finding, Severity
from iot_pipeline_cfn.template.lookup import Resources, properties_of, short_text_of, type_of

from .policy_documents import (
    ALLOW,
    DENY,
    ENDPOINT_TYPE,
    EVERYONE,
    IDENTITY_TYPES,
    Permission,
    PolicyCondition,
    PolicyStatement,
    compared_permissions,
    managed_policies,
    statements_by_subject,
    uncompared_changes,
)
from .resolved import ResolvedEnvironment


def find_permission_changes(
    before: ResolvedEnvironment, after: ResolvedEnvironment
) -> Iterator[Finding]:
    """Yield permission changes.

    Exposure is what becomes allowed, what is no longer denied, and what is allowed under conditions
    that are weaker or cannot be compared.
    """
    old, new = before.resources, after.resources
    if old == new:
        return
    # A new endpoint allows nothing: its policy only limits what other policies allow.
    ignored = _endpoints(old) ^ _endpoints(new)
    was, will_be = statements_by_subject(old), statements_by_subject(new)
    for subject in sorted((was.keys() | will_be.keys()) - ignored):
        changes = uncompared_changes(was[subject], will_be[subject])
        sides = [
            _Side.of(subject, statements, [pair[place] for pair in changes if pair[place]])
            for place, statements in enumerate((was[subject], will_be[subject]))
        ]
        yield from _findings(subject, *sides)
        for pair in changes:
            texts = [pair[0] and _text(pair[0]), pair[1] and _text(pair[1])]
            details = {"before": texts[0], "after": texts[1]}
            yield Finding("uncompared-policy-statement", Severity.EXPOSURE, subject, details)
    yield from _managed_policies(old, new)
    yield from _permissions_boundaries(old, new)


def _endpoints(resources: Resources) -> set[str]:
    return {name for name, resource in resources.items() if type_of(resource) == ENDPOINT_TYPE}


class _Side(NamedTuple):
    """The permissions of a subject before or after a change.

    Attributes:
        permissions: Those of all statements that can be compared.
        uncertain: Those of statements whose other side cannot be compared.

    """

    permissions: frozenset[Permission]
    uncertain: frozenset[Permission]

    @classmethod
    def of(
        cls,
        subject: str,
        statements: Iterable[PolicyStatement],
        uncertain: Collection[PolicyStatement | None],
    ) -> "_Side":
        """Return the permissions of statements; `uncertain` are some of these."""
        found: dict[bool, set[Permission]] = {True: set(), False: set()}
        for statement in statements:
            found[statement in uncertain].update(compared_permissions(subject, statement))
        return cls(frozenset(found[True] | found[False]), frozenset(found[True] - found[False]))


def _text(statement: PolicyStatement) -> str:
    return json.dumps(statement, default=str, sort_keys=True)


def matches(pattern: str, other: str) -> bool:
    """Return whether a pattern with `*` and `?` allows everything that another one allows."""
    return pattern == other or _expression(pattern).fullmatch(other) is not None


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    wildcards = {"*": ".*", "?": "[^*]"}
    return re.compile(
        "".join(wildcards.get(sign) or re.escape(sign) for sign in pattern), re.DOTALL
    )


def escalates(action: str) -> bool:
    """Return whether an action can give its principal, or others, more permissions.

    Actions of the access level "Permissions management", those that take another identity, and
    those that run other code with the role of a function.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_understand-policy-summary-access-level-summaries.html
    """
    service, _, name = action.lower().partition(":")
    is_iam = matches(service, "iam") and not name.startswith(READING)
    return is_iam or any(matches(name, other) or matches(other, name) for other in ESCALATING)


READING: Final = ("generate", "get", "list", "simulate")
ESCALATING: Final = (
    *("addpermission", "assumerole*", "creategrant", "put*policy", "setqueueattributes"),
    *("settopicattributes", "updatefunctioncode"),
)
"""Names of actions in lower case, whatever the service; they may be patterns."""


def _matches_principal(pattern: str, other: str) -> bool:
    """Return whether a principal is another one, or the account that it belongs to."""
    account = re.fullmatch(r"AWS:arn:.+?:(?:iam|sts)::(.+?):[^:]+/.+", other)
    return pattern in (EVERYONE, other) or bool(account and pattern == f"AWS:{account[1]}")


def _includes(outer: Permission, inner: Permission) -> bool:
    """Return whether one permission includes another one, whatever the conditions."""
    return (
        outer.effect == inner.effect
        and matches(outer.action.lower(), inner.action.lower())
        and matches(outer.resource, inner.resource)
        and _matches_principal(outer.principal, inner.principal)
    )


def _is_as_strict(inner: Permission, outer: Permission) -> bool:
    """Return whether the conditions of one permission hold only where those of another one do."""
    return all(
        any(_implies(own, condition) for own in inner.conditions) for condition in outer.conditions
    )


def _implies(stricter: PolicyCondition, looser: PolicyCondition) -> bool:
    """Return whether one condition holds only where another one holds.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    operators = stricter.operator, looser.operator
    is_comparable = operators[0] == operators[1] or operators == ("StringEquals", "StringLike")
    is_pattern = looser.operator in ("ArnEquals", "ArnLike", "StringLike")
    return (
        is_comparable
        and stricter.key.lower() == looser.key.lower()
        and all(
            any(matches(each, value) if is_pattern else each == value for each in looser.values)
            for value in stricter.values
        )
    )


def _only_in(there: _Side, here: _Side) -> dict[Permission, list[Permission]]:
    """Return the permissions that only one side has.

    Each comes with those of the other side that differ from it only in their conditions.

    What is denied as well is not allowed.
    """
    denied = [replace(each, effect=ALLOW) for each in there.permissions if each.effect == DENY]
    known = (*here.permissions, *denied)
    return {
        each: [other for other in here.permissions if _includes(other, each)]
        for each in there.permissions - there.uncertain
        if not any(_includes(one, each) and _is_as_strict(each, one) for one in known)
    }


class _Group(NamedTuple):
    """Permissions that make one finding: they differ in action and resource only."""

    code: str
    severity: Severity
    effect: str
    principal: str
    conditions: frozenset[PolicyCondition]
    before: frozenset[frozenset[PolicyCondition]]
    after: frozenset[frozenset[PolicyCondition]]


def _findings(subject: str, old: _Side, new: _Side) -> Iterator[Finding]:
    """Yield the permission changes of one role, or of one resource with a policy."""
    sides = {True: _only_in(new, old), False: _only_in(old, new)}
    changed = {
        (is_added, replace(each, conditions=frozenset()))
        for is_added, side in sides.items()
        for each, others in side.items()
        if others
    }
    groups: dict[_Group, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for is_added, side in sides.items():
        for each, others in side.items():
            is_wider = is_added is (each.effect == ALLOW)
            # Where neither conditions are stricter, the wider side reports both.
            is_reported = (not is_added, replace(each, conditions=frozenset())) in changed
            if not others or is_wider or not is_reported:
                verb = "conditions-changed" if others else "added" if is_added else "removed"
                own = frozenset({each.conditions} if others else ())
                rest = frozenset(other.conditions for other in others)
                group = _Group(
                    f"permission-{verb}",
                    Severity.EXPOSURE if is_wider else Severity.CHANGE,
                    each.effect,
                    each.principal,
                    frozenset() if others else each.conditions,
                    *((rest, own) if is_added else (own, rest)),
                )
                groups[group][each.resource].add(each.action)
    found = [
        Finding(group.code, group.severity, subject, _details(subject, group, actions))
        for group, actions in groups.items()
    ]
    yield from sorted(found, key=lambda finding: (finding.code, str(finding.details)))


def _details(subject: str, group: _Group, actions: dict[str, set[str]]) -> dict[str, Any]:
    # In the policy of a resource, `*` is that resource.
    everything = subject if group.principal else EVERYONE
    found: dict[str, Any] = {
        "effect": group.effect,
        "principal": group.principal.partition(":")[2] or group.principal or subject,
        "permissions": sorted(
            (
                {
                    "actions": sorted(some, key=lambda action: (not escalates(action), action)),
                    "resource": everything if resource in ("", "*") else short_text_of(resource),
                    "escalates": group.effect == ALLOW and any(map(escalates, some)),
                }
                for resource, some in sorted(actions.items())
            ),
            key=lambda permission: not permission["escalates"],
        ),
    }
    if group.conditions:
        found["conditions"] = _blocks([group.conditions])
    if group.before:
        found |= {"before": _blocks(group.before), "after": _blocks(group.after)}
    return found


def _blocks(alternatives: Iterable[Iterable[PolicyCondition]]) -> list[dict[str, Any]]:
    """Return conditions as policies have them: `{"Bool": {"aws:SecureTransport": ["true"]}}`."""
    blocks = []
    for conditions in alternatives:
        block: dict[str, dict[str, list[str]]] = defaultdict(dict)
        for operator, key, values in sorted(conditions, key=lambda each: each[:2]):
            block[operator][key] = sorted(values)
        blocks.append(dict(block))
    return sorted(blocks, key=str)


def _managed_policies(before: Resources, after: Resources) -> Iterator[Finding]:
    """Yield the managed policies that are attached or detached and are not in the template."""
    old, new = managed_policies(before), managed_policies(after)
    for policy in sorted((old.keys() | new.keys()) - before.keys() - after.keys()):
        for code, severity, roles in (
            ("managed-policy-attached", Severity.EXPOSURE, new[policy] - old[policy]),
            ("managed-policy-detached", Severity.CHANGE, old[policy] - new[policy]),
        ):
            yield from (Finding(code, severity, role, {"policy": policy}) for role in sorted(roles))


def _permissions_boundaries(before: Resources, after: Resources) -> Iterator[Finding]:
    for name, resource in after.items():
        if type_of(resource) in IDENTITY_TYPES and name in before:
            was, will_be = (
                short_text_of(properties_of(one).get("PermissionsBoundary")) or None
                for one in (before[name], resource)
            )
            if was != will_be:
                verb = "changed" if was and will_be else "removed" if was else "added"
                severity = Severity.EXPOSURE if was else Severity.CHANGE
                details = {"before": was, "after": will_be}
                yield Finding(f"permissions-boundary-{verb}", severity, name, details)
