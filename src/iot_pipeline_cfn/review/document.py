"""The Markdown document of a template: what each type of environment consists of."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.template.lookup import Resources, short_text_of, type_of
from iot_pipeline_cfn.template.parameters import IMAGE_PARAMETER
from iot_pipeline_cfn.template.quotas import QUOTAS, Quota
from iot_pipeline_cfn.template.resolution import resolve

from . import prices
from .creation_time import critical_path
from .diagrams import traffic_diagram
from .needs import needs
from .policy_documents import ALLOW, EVERYONE, Permission, managed_policies, permissions
from .report.tables import code, codes, escaped, table
from .traffic import flows

NOWHERE: Final = "none of these"

OPERATORS: Final[Mapping[str, str]] = MappingProxyType(
    {"ArnLike": "is like", "Bool": "is", "StringEquals": "is", "StringLike": "is like"}
)


@dataclass(frozen=True)
class Column:
    """One type of environment, or several with the same parameters."""

    name: str
    given: Mapping[str, str]
    resources: Resources
    outputs: Mapping[str, Any]


def document(name: str, template: Mapping[str, Any], given: Mapping[str, Mapping[str, str]]) -> str:
    """Return the document of a template as Markdown.

    `given` has the parameters of each type of environment.
    """
    columns = _columns(template, given)
    sections = {
        "Traffic": _traffic(columns),
        "Price a month": _prices(columns),
        "Creation time": _creation_time(columns),
        "Quotas": _quotas(columns),
        "Parameters": _parameters(template, columns),
        "Permissions": _permissions(columns),
        "Resources": _resources(template, columns),
        "Outputs": _outputs(template, columns),
    }
    bodies = {title: [*body] for title, body in sections.items()}
    lines = [
        line for title in bodies if bodies[title] for line in (f"## {title}", "", *bodies[title])
    ]
    return "\n".join([*_heading(name, template, columns), *lines])


def _columns(template: Mapping[str, Any], given: Mapping[str, Mapping[str, str]]) -> list[Column]:
    names = defaultdict(list)
    for name, values in sorted(given.items()):
        names[tuple(sorted(values.items()))].append(name)
    return [_column(template, ", ".join(same), dict(values)) for values, same in names.items()]


def _column(template: Mapping[str, Any], name: str, given: Mapping[str, str]) -> Column:
    # Without an image, no task would run.
    resolved = resolve(template, {IMAGE_PARAMETER: "any", **given})
    return Column(name, given, dict(sorted(resolved["Resources"].items())), resolved["Outputs"])


def _heading(name: str, template: Mapping[str, Any], columns: Sequence[Column]) -> list[str]:
    sizes = sorted(len(column.resources) for column in columns)
    each = f" ({sizes[0]} to {sizes[-1]} in one environment)" if len({*sizes}) > 1 else ""
    counts = [
        f"{len(template['Resources'])} resources{each}",
        f"{len(template['Parameters'])} parameters",
        f"{len(template.get('Outputs', {}))} outputs",
    ]
    origin = (
        f"`make template` writes this from [{name}.json]({name}.json) and the "
        "[parameter files](../parameters)."
    )
    if IMAGE_PARAMETER in template["Parameters"]:
        origin += " It describes environments that have an image."
    description = f"{escaped(template.get('Description', ''))}. {'; '.join(counts)}."
    return [f"# {escaped(name)}", "", description, "", origin, ""]


def _only_in(found: Mapping[str, Iterable[Any]]) -> dict[Any, str]:
    """Return everything that any column has, with the columns that have it unless all do."""
    having = defaultdict(list)
    for column, each in found.items():
        for one in dict.fromkeys(each):
            having[one].append(column)
    return {
        one: "" if len(names) == len(found) else ", ".join(names) for one, names in having.items()
    }


def _merge(rows: Iterable[Sequence[str]], place: int) -> list[tuple[str, ...]]:
    """Return rows that differ in one cell only as one row with all of these cells."""
    merged = defaultdict(set)
    for row in rows:
        merged[*row[:place], *row[place + 1 :]].add(row[place])
    return sorted(
        (*key[:place], ", ".join(sorted(cells)), *key[place:]) for key, cells in merged.items()
    )


def _traffic(columns: Sequence[Column]) -> Iterator[str]:
    found = {column.name: flows(column.resources) for column in columns}
    if not any(found.values()):
        return
    diagrams = defaultdict(list)
    for column in columns:
        lines = traffic_diagram(column.resources, found[column.name])
        diagrams[tuple(lines)].append(column.name)
    for diagram, names in diagrams.items():
        yield from (f"**{', '.join(names)}**", "", "```mermaid", *diagram, "```", "")
    yield from ("A solid line is a connection that the security groups of both ends allow.", "")
    rows = [
        (code(flow.source), code(flow.target), str(flow.ports), only)
        for flow, only in _only_in(found).items()
    ]
    yield from table(("From", "To", "Ports", "Only in"), _merge(rows, 1), optional=1)


def _creation_time(columns: Sequence[Column]) -> Iterator[str]:
    """Yield how long the creation takes, and what it waits for."""
    paths = {column.name: critical_path(column.resources) for column in columns}
    if not any(path.slow for path in paths.values()):
        return
    yield (
        "By typical durations of the slow types of resources, which were not measured here: the "
        "chain that ends last."
    )
    yield ""
    rows = [
        [escaped(name), f"{path.seconds / 60:.0f}", ", ".join(map(code, path.slow))]
        for name, path in paths.items()
    ]
    yield from table(("Environment", "Minutes", "Waits for"), rows)


def _prices(columns: Sequence[Column]) -> list[str]:
    """Return the monthly price: each item in one region, and the total in every region."""
    regions, prices_table = prices.priced_regions(), prices.price_table()
    bills = {
        region: [prices.bill(each.resources, region) for each in columns] for region in regions
    }
    region = min(
        regions,
        key=lambda each: sum(
            len(_unpriced(items)) + len(prices.estimated(items)) for items in bills[each]
        ),
    )
    names = {item.name for items in bills[region] for item in items}
    if not names:
        return []
    rows = [
        [
            escaped(name),
            *(_cost([item for item in items if item.name == name]) for items in bills[region]),
        ]
        for name in sorted(names, key=str.lower)
    ]
    rows += [[f"**{each}**", *map(_total, bills[each])] for each in regions]
    text = (
        f"By AWS's price list as of {prices_table['as_of']}, for {prices_table['hours_a_month']} "
        f"hours, each item in {region}. Not counted: {prices.NOT_COUNTED}. ≈ is a total with "
        "prices that no public page states: they are estimated by size from the same family in the "
        "Region, else from us-east-1 as EC2's prices of the family differ between the Regions."
    )
    header = ("Item", *(column.name for column in columns))
    return [text, "", *table(header, rows)]


def _unpriced(items: Iterable[prices.Item]) -> set[str]:
    return {item.name for item in items if item.monthly is None}


def _cost(items: Sequence[prices.Item]) -> str:
    count = sum(item.quantity for item in items)
    if not items:
        return ""
    cost = "not priced" if _unpriced(items) else f"${prices.total(items):,.2f}"
    return f"{count:g} for {cost}".replace(" ", "\N{NO-BREAK SPACE}")


def _total(items: Sequence[prices.Item]) -> str:
    if unpriced := sorted(_unpriced(items)):
        return f"not priced: {escaped(', '.join(unpriced))}"
    cost = f"${prices.total(items):,.2f}"
    if estimates := prices.estimated(items):
        return f"≈ {cost} (${prices.total(estimates):,.2f} estimated)"
    return cost


def _quotas(columns: Sequence[Column]) -> list[str]:
    needed = [needs(column.resources) for column in columns]
    rows = [
        (quota.limited, str(quota.default), *(_need(each[name], quota) for each in needed))
        for name, quota in QUOTAS.items()
        if any(each[name] for each in needed)
    ]
    text = (
        "What an environment needs of quotas; vCPU for as many tasks as auto scaling may run. "
        "**Bold** is more than AWS's default: request an increase first."
    )
    header = ("Quota", "AWS's default", *(column.name for column in columns))
    return [text, "", *table(header, rows)] if rows else []


def _need(need: float, quota: Quota) -> str:
    return f"**{need:g}**" if need > quota.default else f"{need:g}"


def _parameters(template: Mapping[str, Any], columns: Sequence[Column]) -> list[str]:
    declared = template["Parameters"]
    interface = template.get("Metadata", {}).get("AWS::CloudFormation::Interface", {})
    rows = []
    for group in interface.get("ParameterGroups", []):
        rows.append([f"**{escaped(group['Label']['default'])}**", "", ""])
        for name in group["Parameters"]:
            default = str(declared[name].get("Default", ""))
            given: dict[str, list[str]] = defaultdict(list)
            for column in columns:
                given[column.given.get(name, default)].append(column.name)
            values = [
                f"{', '.join(given[value])}: {code(value)}" for value in given if value != default
            ]
            text = f"{code(name)}<br>{_described(declared[name])}"
            rows.append([text, code(default), "<br>".join(values)])
    return table(("Parameter", "Default", "Other values"), rows)


def _described(declaration: Mapping[str, Any]) -> str:
    description = escaped(declaration.get("Description", ""))
    if choices := declaration.get("AllowedValues"):
        return f"{description} One of {codes(map(str, choices))}."
    return description


def _permissions(columns: Sequence[Column]) -> Iterator[str]:
    text = "The policy of an endpoint allows nothing by itself: it limits what others allow."
    yield from (text, "")
    only = _only_in({column.name: permissions(column.resources) for column in columns})
    rows: list[tuple[str, ...]] = [
        (
            code(permission.subject),
            _principal(permission),
            _action(permission),
            _resource(permission),
            _conditions(permission),
            only[permission],
        )
        for permission in only
    ]
    for place in (2, 3, 0):
        rows = _merge(rows, place)
    policies = {
        column.name: [
            (role, policy)
            for policy, roles in managed_policies(column.resources).items()
            for role in roles
        ]
        for column in columns
    }
    managed = [
        (code(role), "", f"managed policy {code(policy.rpartition('/')[2])}", "", "", only)
        for (role, policy), only in _only_in(policies).items()
    ]
    # A list, because ARNs do not wrap in a table.
    for subject, who, action, on, where, only_in in sorted([*rows, *managed]):
        yield "".join(
            [
                f"- {subject}{who and f', for {who}'}: {action}{on and f' on {on}'}",
                f"{where and f', where {where}'}{only_in and f' *(only in {only_in})*'}",
            ]
        )
    yield ""


def _principal(permission: Permission) -> str:
    name = permission.principal.partition(":")[2] or permission.principal
    return "anyone" if name == EVERYONE else code(short_text_of(name))


def _resource(permission: Permission) -> str:
    return "anything" if permission.resource == "*" else code(short_text_of(permission.resource))


def _action(permission: Permission) -> str:
    action = code(permission.action or "*")
    return action if permission.effect == ALLOW else f"**Deny** {action}"


def _conditions(permission: Permission) -> str:
    return " and ".join(
        f"{code(key)} {OPERATORS.get(operator, operator)} {' or '.join(map(code, sorted(values)))}"
        for operator, key, values in sorted(permission.conditions, key=str)
    )


def _resources(template: Mapping[str, Any], columns: Sequence[Column]) -> list[str]:
    only = _only_in({column.name: column.resources for column in columns})
    rows = [
        (code(name), type_of(resource), only.get(name, NOWHERE))
        for name, resource in template["Resources"].items()
    ]
    by_type = sorted(rows, key=lambda row: (row[1], row[0]))
    return table(("Resource", "Type", "Only in"), by_type, optional=1)


def _outputs(template: Mapping[str, Any], columns: Sequence[Column]) -> list[str]:
    only = _only_in({column.name: column.outputs for column in columns})
    rows = [
        (code(name), escaped(output.get("Description", "")), only.get(name, NOWHERE))
        for name, output in sorted(template.get("Outputs", {}).items())
    ]
    return table(("Output", "Description", "Only in"), rows, optional=1)
