"""Changes of permissions: who may do what, before and after."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from iot_pipeline_cfn.template.findings import Finding, Severity
from iot_pipeline_cfn.template.lookup import Resources, properties_of, short_text_of, type_of

from .policy_documents import (
    ALLOW,
    DENY,
    ENDPOINT_TYPE,
    EVERYONE,
    IDENTITY_TYPES,
    Condition,
    Permission,
    managed_policies,
    permissions,
    uncompared_statements,
)
from .resolved import ResolvedEnvironment

PATTERN_OPERATORS: Final = frozenset({"ArnEquals", "ArnLike", "StringLike"})


def find_permission_changes(
    before: ResolvedEnvironment, after: ResolvedEnvironment
) -> Iterator[Finding]:
    """Yield what changes of who may do what.

    Exposure is what becomes allowed, what is no longer denied, and what is allowed under conditions
    that are weaker or cannot be compared.
    """
    old, new = before.resources, after.resources
    if old == new:
        return
    # A new endpoint allows nothing: its policy only limits what other policies allow.
    ignored = _endpoints(old) ^ _endpoints(new)
    held, granted = (_by_subject(permissions(resources)) for resources in (old, new))
    for subject in sorted((held.keys() | granted.keys()) - ignored):
        yield from _findings(subject, held.get(subject, set()), granted.get(subject, set()))
    was, will_be = uncompared_statements(old), uncompared_statements(new)
    for subject in sorted((was.keys() | will_be.keys()) - ignored):
        sides = [sorted(side.get(subject, ())) for side in (was, will_be)]
        if sides[0] != sides[1]:
            details = {"before": sides[0], "after": sides[1]}
            yield Finding("uncompared-policy-statement", Severity.EXPOSURE, subject, details)
    yield from _managed_policies(old, new)
    yield from _permissions_boundaries(old, new)


def _endpoints(resources: Resources) -> set[str]:
    return {name for name, resource in resources.items() if type_of(resource) == ENDPOINT_TYPE}


def _by_subject(found: Iterable[Permission]) -> dict[str, set[Permission]]:
    subjects = defaultdict(set)
    for permission in found:
        subjects[permission.subject].add(permission)
    return subjects


def matches(pattern: str, other: str) -> bool:
    """Return whether a pattern with `*` and `?` allows everything that another one allows.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    wildcards = {"*": ".*", "?": "[^*]"}
    expression = "".join(wildcards.get(sign) or re.escape(sign) for sign in pattern)
    return re.fullmatch(expression, other, re.DOTALL) is not None


def _matches_principal(pattern: str, other: str) -> bool:
    """Return whether a principal is another one, or the account that it belongs to."""
    account = re.fullmatch(r"AWS:arn:.+?:(?:iam|sts)::(.+?):[^:]+/.+", other)
    return pattern in (EVERYONE, other) or bool(account and pattern == f"AWS:{account[1]}")


def _covers(outer: Permission, inner: Permission, *, check_conditions: bool = True) -> bool:
    """Return whether one permission includes another one."""
    return (
        outer.effect == inner.effect
        and matches(outer.action.lower(), inner.action.lower())
        and matches(outer.resource, inner.resource)
        and _matches_principal(outer.principal, inner.principal)
        and (
            not check_conditions
            or all(
                any(_implies(own, condition) for own in inner.conditions)
                for condition in outer.conditions
            )
        )
    )


def _implies(stricter: Condition, looser: Condition) -> bool:
    """Return whether one condition holds only where another one holds.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    operators = stricter.operator, looser.operator
    if stricter.key.lower() != looser.key.lower() or (
        stricter.operator != looser.operator and operators != ("StringEquals", "StringLike")
    ):
        return False
    is_pattern = looser.operator in PATTERN_OPERATORS
    return all(
        any(
            matches(pattern, value) if is_pattern else pattern == value for pattern in looser.values
        )
        for value in stricter.values
    )


Alternatives = frozenset[frozenset[Condition]]


@dataclass(frozen=True)
class _Difference:
    """A permission that only one side has.

    Attributes:
        permission: The permission.
        is_added: Whether it is the side after the change.
        others: The same permission of the other side, under other conditions.

    """

    permission: Permission
    is_added: bool
    others: frozenset[Permission]

    @property
    def identity(self) -> Permission:
        """The permission without its conditions."""
        return replace(self.permission, conditions=frozenset())

    @property
    def severity(self) -> Severity:
        """Exposure where more is allowed or less is denied."""
        is_wider = self.is_added is (self.permission.effect == ALLOW)
        return Severity.EXPOSURE if is_wider else Severity.CHANGE

    def code(self, undecided: Collection[Permission]) -> str:
        """Return the code of the finding."""
        if not self.others:
            return "permission-added" if self.is_added else "permission-removed"
        if self.identity in undecided:
            return "permission-conditions-changed"
        return f"permission-conditions-{'loosened' if self.is_added else 'tightened'}"

    def group(self, undecided: Collection[Permission]) -> "_Group":
        """Return the group that makes one finding; conditions count where they differ."""
        own = frozenset({self.permission.conditions} if self.others else ())
        others = frozenset(each.conditions for each in self.others)
        return _Group(
            self.code(undecided),
            self.severity,
            self.permission.effect,
            self.permission.principal,
            *((others, own) if self.is_added else (own, others)),
        )


class _Group(NamedTuple):
    """Permissions that have the same in common but their action and resource."""

    code: str
    severity: Severity
    effect: str
    principal: str
    before: Alternatives
    after: Alternatives


def _differences(
    there: Collection[Permission], here: Collection[Permission], *, is_added: bool
) -> list[_Difference]:
    """Return what one side has beyond the other one. What is denied as well is not allowed."""
    denied = [replace(each, effect=ALLOW) for each in there if each.effect == DENY]
    return [
        _Difference(
            permission,
            is_added,
            frozenset(one for one in here if _covers(one, permission, check_conditions=False)),
        )
        for permission in there
        if not any(_covers(other, permission) for other in (*here, *denied))
    ]


def _findings(
    subject: str, old: Collection[Permission], new: Collection[Permission]
) -> Iterator[Finding]:
    """Yield what changes for one role, or for one resource with a policy."""
    added = _differences(new, old, is_added=True)
    removed = _differences(old, new, is_added=False)
    # Neither conditions are stricter than the others: one finding, not one for each side.
    undecided = {each.identity for each in added if each.others} & {
        each.identity for each in removed if each.others
    }
    groups: dict[_Group, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for each in (*added, *removed):
        group = each.group(undecided)
        if group.code != "permission-conditions-changed" or group.severity is Severity.EXPOSURE:
            groups[group][each.permission.resource].add(each.permission.action)
    found = [
        Finding(group.code, group.severity, subject, _details(subject, group, actions))
        for group, actions in groups.items()
    ]
    yield from sorted(found, key=lambda finding: (finding.code, str(finding.details)))


def _details(subject: str, group: _Group, actions: Mapping[str, set[str]]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "effect": group.effect,
        "principal": group.principal.partition(":")[2] or group.principal or subject,
        "permissions": [
            {
                "actions": sorted(actions[resource]),
                # In the policy of a resource, all resources are that one.
                "resource": subject
                if group.principal and resource in ("", "*")
                else short_text_of(resource),
            }
            for resource in sorted(actions)
        ],
    }
    if group.before:
        found |= {"before": _blocks(group.before), "after": _blocks(group.after)}
    return found


def _blocks(alternatives: Alternatives) -> list[dict[str, dict[str, list[str]]]]:
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
        was, will_be = old.get(policy, set()), new.get(policy, set())
        details = {"policy": policy}
        for name in sorted(will_be - was):
            yield Finding("managed-policy-attached", Severity.EXPOSURE, name, details)
        for name in sorted(was - will_be):
            yield Finding("managed-policy-detached", Severity.CHANGE, name, details)


def _permissions_boundaries(before: Resources, after: Resources) -> Iterator[Finding]:
    """Yield the roles and users whose permissions boundary changes."""
    for name, resource in after.items():
        if type_of(resource) in IDENTITY_TYPES and name in before:
            was, will_be = _boundary(before[name]), _boundary(resource)
            if was != will_be:
                verb = "changed" if was and will_be else "removed" if was else "added"
                severity = Severity.EXPOSURE if was else Severity.CHANGE
                details = {"before": was, "after": will_be}
                yield Finding(f"permissions-boundary-{verb}", severity, name, details)


def _boundary(resource: Mapping[str, Any]) -> str:
    return short_text_of(properties_of(resource).get("PermissionsBoundary"))
