"""A template and its environments, written down to be read.

Made from nothing but the rendered template and the parameter files.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.template.lookup import Resource, Resources, of_type, short_text_of, text_of
from iot_pipeline_cfn.template.parameters import IMAGE_PARAMETER
from iot_pipeline_cfn.template.quotas import QUOTAS
from iot_pipeline_cfn.template.references import dependencies, references
from iot_pipeline_cfn.template.resolution import resolve

from . import diagrams, prices
from .grants import ALLOW, Grant, Terms, grants
from .needs import needs
from .report.tables import code, codes, escaped, table
from .traffic import Flow, flows

WORD = re.compile("(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where words of a name in capitals meet."""

NOWHERE = "none of these"

OPERATORS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ArnLike": "is like",
        "Bool": "is",
        "StringEquals": "is",
        "StringLike": "is like",
    }
)


@dataclass(frozen=True)
class Kind:
    """A kind of environment, or several that differ in nothing but their name."""

    name: str
    given: Mapping[str, str]
    resources: Resources
    outputs: Mapping[str, Any]
    used: Mapping[str, set[str]]
    flows: frozenset[Flow]


def document(name: str, template: Mapping[str, Any], given: Mapping[str, Mapping[str, str]]) -> str:
    """Return the document of a template as Markdown.

    Args:
        name: The template's name.
        template: The rendered template.
        given: What the parameter file of each kind of environment gives.

    """
    kinds = _kinds(template, given)
    return "\n".join(
        [
            *_heading(name, template, kinds),
            *_traffic(kinds),
            *_network(kinds),
            *_prices(kinds),
            *_quotas(kinds),
            *_parameters(template, kinds),
            *_permissions(kinds),
            *_resources(template, kinds),
            *_outputs(template, kinds),
        ]
    )


def _heading(name: str, template: Mapping[str, Any], kinds: Sequence[Kind]) -> list[str]:
    sizes = sorted(len(kind.resources) for kind in kinds)
    each = f", of which an environment has {sizes[0]} to {sizes[-1]}" if sizes else ""
    counts = [
        f"{len(template['Resources'])} resources{each}",
        f"{len(template['Parameters'])} parameters",
        f"{len(template.get('Outputs', {}))} outputs",
    ]
    origin = (
        f"`make template` writes this from [{name}.json]({name}.json) and the "
        "[parameter files](../parameters). What it says of a kind of environment it says of one "
        "that has an image."
    )
    description = f"{escaped(template.get('Description', ''))}. {'; '.join(counts)}."
    return [f"# {escaped(name)}", "", description, "", origin, ""]


def _kinds(template: Mapping[str, Any], given: Mapping[str, Mapping[str, str]]) -> list[Kind]:
    """Return the kinds of environment; files that give the same are one."""
    names = defaultdict(list)
    for name, values in sorted(given.items()):
        names[tuple(sorted(values.items()))].append(name)
    return [_kind(template, ", ".join(same), dict(values)) for values, same in names.items()]


def _kind(template: Mapping[str, Any], name: str, given: Mapping[str, str]) -> Kind:
    # Without an image, no task would run.
    resolved = resolve(template, {IMAGE_PARAMETER: "any", **given})
    # Whether the template was just built or read from its file.
    resources = dict(sorted(resolved["Resources"].items()))
    used = {
        each: resources.keys() & set(references(resource.get("Properties")))
        for each, resource in resources.items()
    }
    return Kind(name, given, resources, resolved["Outputs"], used, flows(resources))


def _only(kinds: Sequence[Kind], having: Container[str]) -> str:
    """Return the names of those kinds that have something, nothing where all have."""
    names = [kind.name for kind in kinds if kind.name in having]
    return "" if len(names) == len(kinds) else ", ".join(names)


def _by_kind(found: Mapping[str, Iterable[Any]], kinds: Sequence[Kind]) -> dict[Any, str]:
    """Return all that is found of any kind, with the kinds that it is only in."""
    having = defaultdict(set)
    for kind, each in found.items():
        for one in each:
            having[one].add(kind)
    return {one: _only(kinds, having[one]) for one in having}


def _diagrams(title: str, drawn: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield the diagrams of kinds, those that are the same only once."""
    names = defaultdict(list)
    for kind, lines in drawn.items():
        names[tuple(lines)].append(kind)
    yield from (f"## {title}", "")
    for diagram, same in names.items():
        yield from (f"**{', '.join(same)}**", "", "```mermaid", *diagram, "```", "")


def _network(kinds: Sequence[Kind]) -> Iterator[str]:
    drawn = {kind.name: diagrams.network(kind.resources, kind.used) for kind in kinds}
    yield from _diagrams("What stands where", drawn)


def _traffic(kinds: Sequence[Kind]) -> Iterator[str]:
    drawn = {kind.name: diagrams.traffic(kind.resources, kind.used, kind.flows) for kind in kinds}
    yield from _diagrams("Who talks to whom", drawn)
    yield "A solid line is a connection that both ends' security groups allow, as below."
    yield ""
    found = _by_kind({kind.name: kind.flows for kind in kinds}, kinds)
    rows = sorted((flow.source, flow.target, diagrams.ports(flow), found[flow]) for flow in found)
    yield from table(
        ("From", "To", "Port", "Only in"),
        ((code(source), code(target), ports, only) for source, target, ports, only in rows),
        optional=1,
    )


def _prices(kinds: Sequence[Kind]) -> list[str]:
    """Return what each kind costs a month, line by line in the first region, and in all in each."""
    regions = prices.regions()
    known = prices.table()
    first = {kind.name: prices.monthly(kind.resources, regions[0]) for kind in kinds}
    # In the order that they have in the longest of the lists.
    place: dict[str, int] = {}
    for items in first.values():
        for number, what in enumerate(dict.fromkeys(item.what for item in items)):
            place[what] = max(number, place.get(what, 0))
    rows = [
        [
            escaped(each),
            *(_cost(item for item in first[name] if item.what == each) for name in first),
        ]
        for each in sorted(place, key=place.__getitem__)
    ]
    totals = [
        [
            f"**{region}**",
            *(prices.amount(prices.monthly(kind.resources, region)) for kind in kinds),
        ]
        for region in regions
    ]
    text = (
        f"By AWS's price list as of {known['as_of']}, for {known['hours_a_month']} hours, line by "
        f"line in {regions[0]}. Not counted: {prices.NOT_COUNTED}."
    )
    header = ("What", *(kind.name for kind in kinds))
    return ["## Price a month", "", text, "", *table(header, [*rows, *totals])]


def _cost(items: Iterable[prices.Item]) -> str:
    same = list(items)
    count = sum(item.quantity for item in same)
    if not same:
        return ""
    if any(item.monthly is None for item in same):
        return f"{count:g}, not in the table"
    return f"{count:g} for {prices.dollars(prices.total(same))}".replace(" ", "\N{NO-BREAK SPACE}")


def _quotas(kinds: Sequence[Kind]) -> list[str]:
    text = (
        "What an environment needs of what can be used up; of vCPU, for as many tasks as auto "
        "scaling may run."
    )
    needed = [needs(kind.resources) for kind in kinds]
    rows = [
        (quota.limited, str(quota.default), *(f"{each[check]:g}" for each in needed))
        for check, quota in QUOTAS.items()
    ]
    header = ("Quota", "AWS's default", *(kind.name for kind in kinds))
    return ["## Quotas", "", text, "", *table(header, rows)]


def _parameters(template: Mapping[str, Any], kinds: Sequence[Kind]) -> list[str]:
    """Return every parameter in the order of the console, with what kinds set otherwise."""
    declared = template["Parameters"]
    interface = template.get("Metadata", {}).get("AWS::CloudFormation::Interface", {})
    groups = [
        (group["Label"]["default"], group["Parameters"])
        for group in interface.get("ParameterGroups", [])
    ]
    rows = []
    for label, names in groups:
        rows.append([f"**{escaped(label)}**", *([""] * (len(kinds) + 1))])
        rows += [
            [
                f"{code(name)}<br>{_described(declared[name])}",
                code(str(declared[name].get("Default", ""))),
                *(code(_unless_default(declared[name], kind.given.get(name))) for kind in kinds),
            ]
            for name in names
        ]
    header = ("Parameter", "Default", *(kind.name for kind in kinds))
    return [
        "## Parameters",
        "",
        "Of each kind, only what is not the default.",
        "",
        *table(header, rows),
    ]


def _unless_default(declaration: Mapping[str, Any], value: str | None) -> str:
    return "" if value is None or value == str(declaration.get("Default")) else value


def _described(declaration: Mapping[str, Any]) -> str:
    description = escaped(declaration.get("Description", ""))
    if choices := declaration.get("AllowedValues"):
        return f"{description} One of {codes(map(str, choices))}."
    return description


def _permissions(kinds: Sequence[Kind]) -> Iterator[str]:
    """Yield what each role may do, and then what policies of resources say."""
    only = _by_kind({kind.name: grants(kind.resources) for kind in kinds}, kinds)
    held = defaultdict(list)
    for grant in only:
        held[grant.holder].append(grant)
    roles = {name for kind in kinds for name in of_type(kind.resources, "AWS::IAM::Role")}
    yield from ("## Who may do what", "")
    yield from ("Roles first. The policy of an endpoint only limits what others allow.", "")
    for role in sorted(roles):
        yield from _role(role, held[role], only, kinds)
    alike = defaultdict(list)
    for name in sorted(held.keys() - roles):
        alike[tuple(_sentence(*row) for row in _policy_rows(held[name], only))].append(name)
    for sentences, names in alike.items():
        yield from (f"### {', '.join(names)}", "", *sentences, "")


def _sentence(who: str, may: str, resource: str, where: str, within: str) -> str:
    ending = f"{where and f', where {where}'}{within and f', only in {within}'}"
    return f"- {who} may {may}, on {resource}{ending}"


def _role(
    role: str, held: Sequence[Grant], only: Mapping[Grant, str], kinds: Sequence[Kind]
) -> Iterator[str]:
    """Yield who takes a role on, and what it then may."""
    yield from (f"### {role}", "")
    for who, *_, where, within in _policy_rows([one for one in held if one.is_trust], only):
        ending = f"{where and f' where {where}'}{within and f', only in {within}'}"
        yield from (f"Taken on by {who}{ending}.", "")
    managed = {
        kind.name: [
            text_of(arn)
            for arn in of_type(kind.resources, "AWS::IAM::Role")
            .get(role, {})
            .get("ManagedPolicyArns", [])
        ]
        for kind in kinds
    }
    for arn in sorted(_by_kind(managed, kinds)):
        yield from (f"Has AWS's policy {code(arn.rpartition('/')[2])}.", "")
    rows = _policy_rows([one for one in held if not one.is_trust], only)
    header = ("May", "On", "Only where", "Only in")
    yield from table(header, (row[1:] for row in rows), optional=2)


def _policy_rows(held: Iterable[Grant], kinds: Mapping[Grant, str]) -> list[list[str]]:
    """Return who may do what on what, where, and in which kinds, with what is alike together."""
    verbs = defaultdict(set)
    for grant in held:
        who = _terms(grant.principal, "anybody")
        resource = _terms(grant.resource, "anything")
        service, verb = _action(grant.action)
        key = (who, grant.effect, _where(grant), kinds[grant], service, resource)
        verbs[key].add(verb)
    resources = defaultdict(set)
    for (who, effect, where, only, service, resource), found in verbs.items():
        may = ", ".join(sorted(found))
        words = f"{service}: {may}" if service else may
        words = words if effect == ALLOW else f"**not** {words}"
        resources[who, words, where, only].add(resource)
    return sorted(
        [who, words, ", ".join(sorted(found)), where, only]
        for (who, words, where, only), found in resources.items()
    )


def _action(action: Terms) -> tuple[str, str]:
    """Return the service and the verb in words: `ecr:BatchGetImage` is to batch get image."""
    if action.is_inverse or len(action.patterns) != 1:
        return "", _terms(action, "anything")
    service, _, verb = next(iter(action.patterns)).rpartition(":")
    return service, escaped("do anything" if verb == "*" else WORD.sub(" ", verb).lower())


def _terms(terms: Terms, everything: str) -> str:
    names = [
        everything if pattern == "*" else code(short_text_of(pattern).removeprefix("Service:"))
        for pattern in sorted(terms.patterns)
    ]
    return f"{'all but ' if terms.is_inverse else ''}{', '.join(names)}"


def _where(grant: Grant) -> str:
    return " and ".join(
        f"{code(key)} {OPERATORS.get(operator, operator)} {' or '.join(map(code, sorted(values)))}"
        for operator, key, values in sorted(grant.conditions, key=str)
    )


def _resources(template: Mapping[str, Any], kinds: Sequence[Kind]) -> Iterator[str]:
    """Yield every resource of the template by the part that it belongs to."""
    resources = template["Resources"]
    parts = components(resources, dependencies(resources))
    only = _by_kind({kind.name: kind.resources for kind in kinds}, kinds)
    yield from ("## Resources", "")
    for part in sorted(set(parts.values())):
        yield from (f"### {escaped(part)}", "")
        rows = [
            (code(name), resources[name]["Type"], only.get(name, NOWHERE))
            for name in sorted(resources)
            if parts[name] == part
        ]
        yield from table(("Resource", "Type", "Only in"), rows, optional=1)


def _outputs(template: Mapping[str, Any], kinds: Sequence[Kind]) -> Iterator[str]:
    only = _by_kind({kind.name: kind.outputs for kind in kinds}, kinds)
    yield from ("## Outputs", "")
    rows = [
        (code(name), escaped(output.get("Description", "")), only.get(name, NOWHERE))
        for name, output in sorted(template.get("Outputs", {}).items())
    ]
    yield from table(("Output", "Description", "Only in"), rows, optional=1)


def components(resources: Resources, waits: Mapping[str, set[str]]) -> dict[str, str]:
    """Return the part that each resource belongs to, by its tag.

    What takes no tags belongs where most of those do that it refers to. `waits` gives these.
    """
    found = {name: _tag(resource) for name, resource in resources.items()}
    while missing := {name: _majority(waits[name], found) for name in found if not found[name]}:
        if not any(missing.values()):
            return found | dict.fromkeys(missing, "others")
        found |= missing
    return found


def _tag(resource: Resource) -> str:
    match resource.get("Properties", {}).get("Tags"):
        case {"Component": str(part)}:
            return part
        case [*tags]:
            return next((tag["Value"] for tag in tags if tag["Key"] == "Component"), "")
    return ""


def _majority(names: Iterable[str], parts: Mapping[str, str]) -> str:
    votes = Counter(sorted(parts[name] for name in names if parts[name]))
    return votes.most_common(1)[0][0] if votes else ""
