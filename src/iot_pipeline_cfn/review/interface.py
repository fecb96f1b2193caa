"""What others rely on: outputs, and the parameters that they give."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from iot_pipeline_cfn.template.findings import Finding
from iot_pipeline_cfn.template.parameters import SUFFIX_PARAMETER, ParameterSet
from iot_pipeline_cfn.template.references import references
from iot_pipeline_cfn.template.stateful import masked

from .causes import Causes
from .differences import equal, worded
from .remarks import Remark, Severity, about
from .resolved import ResolvedEnvironment, Template
from .resources import Change, Replacement

HIDDEN: Final = "****"


def outputs(
    found: Sequence[Change],
    before: ResolvedEnvironment,
    after: ResolvedEnvironment,
    origins: Causes,
) -> Iterator[Remark]:
    """Yield outputs that come, go, or get another value, themselves or through what they show.

    `origins` are the causes of the changes that have some.
    """
    for name in sorted({*before.outputs, *after.outputs}):
        old, new = (side.outputs.get(name, {}) for side in (before, after))
        values = [worded(masked(side.get("Value"), name)) for side in (old, new)]
        exports = [worded(side.get("Export", {}).get("Name")) for side in (old, new)]
        if exports[0] and exports[0] != exports[1]:
            message = "is not exported as before, which is refused while another stack imports it"
            yield about(Severity.CHANGE, name, message, *exports)
        if not new:
            message = "is removed: whatever reads this output fails"
            yield about(Severity.CHANGE, name, message, before=values[0])
        elif not old:
            yield about(Severity.NOTE, name, "is a new output", after=values[1])
        elif not equal(old.get("Value"), new.get("Value")):
            yield about(Severity.CHANGE, name, "gets another value", *values)
    yield from _through(found, after, origins)


def _through(
    found: Sequence[Change], after: ResolvedEnvironment, origins: Causes
) -> Iterator[Remark]:
    """Yield which outputs show something of what is replaced, by the causes of that."""
    shown: dict[tuple[tuple[str, ...], str], set[str]] = {}
    for change in found:
        if change.replacement is Replacement.NO:
            continue
        verb = "change" if change.replacement is Replacement.YES else "may change"
        roots = origins.get(change.logical_id) or (change.logical_id,)
        shown.setdefault((roots, verb), set()).update(
            name
            for name, output in after.outputs.items()
            if change.logical_id in references(output.get("Value"))
        )
    for (roots, verb), names in shown.items():
        if names:
            message = f"the values of {', '.join(sorted(names))} {verb} with {', '.join(roots)}"
            yield Remark(Severity.CHANGE, ", ".join(roots), message, causes=roots)


def invalid_parameters(before: ParameterSet, after: ParameterSet) -> Iterator[Finding]:
    """Yield values of parameters that are rejected after the change and were not before it."""
    known = [*_errors(before)]
    for finding in (*after.fixed_changes(), *_errors(after)):
        if finding not in known:
            yield replace(finding, severity=Severity.REPLACEMENT)


def _errors(parameters: ParameterSet) -> Iterator[Finding]:
    suffix = {SUFFIX_PARAMETER: "any"} if SUFFIX_PARAMETER in parameters.declared else {}
    for finding in replace(parameters, given={**suffix, **parameters.given}).findings():
        # The list of all parameters of the template would be noise in a review.
        details = {key: value for key, value in finding.details.items() if key != "declared"}
        yield replace(finding, details=details)


def parameters(before: Template, after: Template) -> Iterator[Remark]:
    """Yield parameters that come and go, and defaults and rules of theirs that change."""
    old, new = (side.get("Parameters", {}) for side in (before, after))
    for name in sorted(old.keys() - new.keys()):
        yield about(Severity.CHANGE, name, "is removed: whoever still gives it is refused")
    for name in sorted(new.keys() - old.keys()):
        if "Default" in new[name]:
            default = _shown(new[name], "Default")
            yield about(Severity.NOTE, name, "is a new parameter, with a default", after=default)
        else:
            message = "is a new parameter without default, which everybody has to give"
            yield about(Severity.CHANGE, name, message)
    for name in sorted(old.keys() & new.keys()):
        yield from _declaration(name, old[name], new[name])
    if not equal(before.get("Rules"), after.get("Rules")):
        yield about(Severity.CHANGE, "Rules", "what parameters may be together changes")


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


def _declaration(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Remark]:
    if not equal(old.get("Default"), new.get("Default")):
        if "Default" in new:
            message = "has another default: a stack keeps what it has, a new one takes this"
        else:
            message = "has no default any more, so that a new stack needs a value"
        values = [_shown(side, "Default") for side in (old, new)]
        yield about(Severity.CHANGE, name, message, *values)
    gone, more = _choices(old, new), _choices(new, old)
    if gone or more:
        says = "allows less" if gone else "allows more"
        yield about(
            Severity.CHANGE, name, f"{says}: AllowedValues", ", ".join(gone), ", ".join(more)
        )
    for rule in RULES:
        both = "AllowedValues" in old and "AllowedValues" in new and rule == "AllowedValues"
        if not both and not equal(old.get(rule), new.get(rule)):
            values = [worded(side.get(rule)) for side in (old, new)]
            yield about(Severity.CHANGE, name, f"has another rule: {rule}", *values)


def _choices(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the values that one declaration allows by name and the other does not."""
    choices = [side.get("AllowedValues") for side in (one, other)]
    if not all(isinstance(side, list) for side in choices):
        return []
    own, others = ([worded(choice) for choice in side or ()] for side in choices)
    return [text for text in own if text not in others]


def _shown(declaration: Mapping[str, Any], key: str) -> str:
    value = worded(declaration.get(key))
    if key in declaration and "NoEcho" in declaration:
        return HIDDEN
    return value or ("''" if key in declaration else "")
