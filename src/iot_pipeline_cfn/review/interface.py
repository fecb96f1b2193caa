"""What others rely on: outputs, the declarations of parameters, and sections of the template."""

from collections.abc import Mapping
from typing import Any, Final

from iot_pipeline_cfn.template.changes import Replacement
from iot_pipeline_cfn.template.findings import Finding, Findings, Severity, Value
from iot_pipeline_cfn.template.references import references
from iot_pipeline_cfn.template.stateful import HIDDEN, masked

from .causes import find_causes
from .differences import equal, format_value
from .resolved import ResolvedEnvironment, Template
from .resource_changes import find_changes


def find_output_changes(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield outputs that are added, removed or changed."""
    for name in sorted({*before.outputs, *after.outputs}):
        old, new = (side.outputs.get(name, {}) for side in (before, after))
        values = [masked(side.get("Value"), name) for side in (old, new)]
        exports = [side.get("Export", {}).get("Name") for side in (old, new)]
        if exports[0] and not equal(*exports):
            yield Finding("export-changed", Severity.WARNING, name, _sides(*exports))
        if not new:
            yield Finding("output-removed", Severity.CHANGE, name, _sides(values[0], None))
        elif not old:
            yield Finding("output-added", Severity.NOTE, name, _sides(None, values[1]))
        elif not equal(old.get("Value"), new.get("Value")):
            if exports[0]:
                details = {"export": exports[0], **_sides(*values)}
                yield Finding("exported-value-changed", Severity.WARNING, name, details)
            else:
                yield Finding("output-changed", Severity.CHANGE, name, _sides(*values))


def _sides(before: Value, after: Value) -> dict[str, Value]:
    return {"before": before, "after": after}


def find_outputs_of_replaced(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield outputs whose values change because resources are replaced."""
    origins = find_causes(before, after)
    outputs: dict[tuple[tuple[str, ...], Replacement], set[str]] = {}
    for change in find_changes(before, after):
        name, replacement = change.logical_id, change.replacement
        if replacement is not Replacement.NO:
            causes = origins[name] or (name,)
            outputs.setdefault((causes, replacement), set()).update(
                output
                for output, body in after.outputs.items()
                if name in references(body.get("Value"))
            )
    for (causes, replacement), names in outputs.items():
        if names:
            exported = sorted(name for name in names if "Export" in after.outputs[name])
            details = {"outputs": sorted(names), "exported": exported, "replacement": replacement}
            severity = Severity.WARNING if exported else Severity.CHANGE
            yield Finding("outputs-follow", severity, "Outputs", details, causes)


def find_parameter_changes(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield parameters that are added or removed, and changes of their defaults and rules."""
    old, new = (side.source.template.get("Parameters", {}) for side in (before, after))
    for name in sorted(old.keys() - new.keys()):
        yield Finding("parameter-removed", Severity.CHANGE, name)
    for name in sorted(new.keys() - old.keys()):
        if "Default" in new[name]:
            details = {"after": _default(name, new[name])}
            yield Finding("parameter-added", Severity.NOTE, name, details)
        else:
            yield Finding("required-parameter-added", Severity.CHANGE, name)
    for name in sorted(old.keys() & new.keys()):
        yield from _declaration_changes(name, old[name], new[name])
    if not equal(*(side.source.template.get("Rules") for side in (before, after))):
        yield Finding("rules-changed", Severity.CHANGE, "Rules")


RULES: Final = (
    "AllowedPattern",
    "AllowedValues",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
)


def _declaration_changes(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Findings:
    if not equal(old.get("Default"), new.get("Default")):
        code = "default-changed" if "Default" in new else "default-removed"
        yield Finding(code, Severity.CHANGE, name, _sides(_default(name, old), _default(name, new)))
    fewer, more = _choices(old, new), _choices(new, old)
    if fewer or more:
        yield Finding(
            "allowed-values-changed", Severity.CHANGE, name, {"removed": fewer, "added": more}
        )
    for rule in RULES:
        has_choices = rule == "AllowedValues" and rule in old and rule in new
        if not has_choices and not equal(old.get(rule), new.get(rule)):
            details = {"rule": rule, "before": old.get(rule), "after": new.get(rule)}
            yield Finding("parameter-rule-changed", Severity.CHANGE, name, details)


def _choices(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the allowed values of one declaration that another one does not allow."""
    choices = [side.get("AllowedValues") for side in (one, other)]
    if not all(isinstance(side, list) for side in choices):
        return []
    own, others = ([format_value(choice) for choice in side or ()] for side in choices)
    return [text for text in own if text not in others]


def _default(name: str, declaration: Mapping[str, Any]) -> Value:
    if "Default" in declaration and "NoEcho" in declaration:
        return HIDDEN
    return masked(declaration.get("Default"), name)


def find_unresolvable_changes(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield changes whose effect is known only when CloudFormation processes the template."""
    old, new = (side.source.template for side in (before, after))
    for section in ("Globals", "Hooks", "Transform"):
        # One transform and a list of one are the same.
        values = [
            value if isinstance(value := side.get(section), list) else [value]
            for side in (old, new)
        ]
        if not equal(*values):
            details = _sides(old.get(section), new.get(section))
            yield Finding("processing-changed", Severity.REPLACEMENT, section, details)
    macros = [name for name in map(format_value, _transforms(new)) if name not in KNOWN_TRANSFORMS]
    if macros and not equal(old.get("Resources"), new.get("Resources")):
        yield Finding("processed-by-macro", Severity.REPLACEMENT, "Transform", {"macros": macros})
    functions = [_functions(template) for template in (old, new)]
    for name in sorted({*functions[0], *functions[1]}):
        if not equal(*(side.get(name) for side in functions)):
            yield Finding("loop-changed", Severity.REPLACEMENT, name[-1], {"section": name[0]})


KNOWN_TRANSFORMS: Final = frozenset({"AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"})
"""Transforms whose effect is known, or told for each resource."""


def _transforms(template: Template) -> list[Any]:
    """Return the transforms of a template, which have a name, or parameters as well."""
    found = template.get("Transform", [])
    names = found if isinstance(found, list) else [found]
    return [each.get("Name") if isinstance(each, Mapping) else each for each in names]


def _functions(template: Template) -> dict[tuple[str, str], object]:
    """Return the functions that make entries, such as `Fn::ForEach`, with their sections."""
    return {
        (section, name): body
        for section, entries in {**template, "": template}.items()
        if isinstance(entries, Mapping)
        for name, body in entries.items()
        if name.startswith("Fn::")
    }


def find_ineffective_changes(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield sections that differ; asked only where no environment changes."""
    for section in ("Conditions", "Mappings"):
        old, new = (side.source.template.get(section, {}) for side in (before, after))
        if not equal(old, new):
            yield Finding("ineffective", Severity.NOTE, section)
