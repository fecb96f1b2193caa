"""Parameter files: reading them, and what CloudFormation would refuse in them.

A file has CodePipeline's template-configuration format, `{"Parameters": {...}, "Tags": {...},
"StackPolicy": {...}}`
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/continuous-delivery-codepipeline-cfn-artifacts.html).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .naming import TAG_KEYS

SUFFIX_PARAMETER = "EnvironmentSuffix"
"""Given by the environment's name; a file serves all environments of its kind."""

VALUE_BYTES = 4096
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""

SECTIONS = frozenset({"Parameters", "StackPolicy", "Tags"})


class ParameterFileError(Exception):
    """A parameter file that cannot be read; the message names the file, the place and the rule."""


@dataclass(frozen=True)
class ParameterFile:
    """What a parameter file sets."""

    path: Path
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    stack_policy: Mapping[str, Any] | None


def load(path: Path) -> ParameterFile:
    """Read a parameter file.

    Raises:
        OSError: when the file cannot be read.
        ParameterFileError: when it has not the format.

    """
    try:
        content = json.loads(path.read_bytes(), object_pairs_hook=_unique_keys)
    except ValueError as error:
        msg = f"{path}: not JSON: {error}"
        raise ParameterFileError(msg) from None
    if not isinstance(content, dict) or not content.keys() <= SECTIONS:
        msg = f"{path}: must be an object with nothing but {', '.join(sorted(SECTIONS))}"
        raise ParameterFileError(msg)
    for section in ("Parameters", "Tags"):
        values = content.setdefault(section, {})
        if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
            msg = f"{path}: {section} must be an object whose values are strings"
            raise ParameterFileError(msg)
    policy = content.get("StackPolicy")
    if policy is not None and not (isinstance(policy, dict) and policy.keys() == {"Statement"}):
        msg = f'{path}: StackPolicy must be {{"Statement": [...]}}'
        raise ParameterFileError(msg)
    return ParameterFile(path, content["Parameters"], content["Tags"], policy)


def _unique_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        msg = f"{twice!r} is there twice"
        raise ValueError(msg)
    return content


def problems(template: Mapping[str, Any], file: ParameterFile) -> Iterator[str]:
    """Yield what is wrong with a file for a rendered template, each in one line with its rule."""
    if SUFFIX_PARAMETER in file.parameters:
        yield f"{file.path}: {SUFFIX_PARAMETER}: is the environment's name, not a file's to set"
    for problem in parameter_problems(template, {**file.parameters, SUFFIX_PARAMETER: "any"}):
        yield f"{file.path}: {problem}"
    for key in sorted(file.tags.keys() & TAG_KEYS):
        yield f"{file.path}: tag {key}: is the template's to set"


def parameter_problems(template: Mapping[str, Any], given: Mapping[str, str]) -> Iterator[str]:
    """Yield what CloudFormation would refuse of the values given for a stack's parameters."""
    declared: Mapping[str, Mapping[str, Any]] = template.get("Parameters", {})
    for name in sorted(given.keys() - declared.keys()):
        yield f"{name}: no such parameter; the template has {', '.join(sorted(declared))}"
    values: dict[str, str] = {}
    for name, declaration in sorted(declared.items()):
        if name not in given and "Default" not in declaration:
            yield f"{name}: has no default and must be given"
            continue
        value = given.get(name, str(declaration.get("Default")))
        if rule := broken_rule(declaration, value):
            yield f"{name}: {value!r} {rule}"
        else:
            values[name] = value
    if values.keys() == declared.keys():
        yield from _broken_template_rules(template, values)


def broken_rule(declaration: Mapping[str, Any], value: str) -> str | None:
    """Return which rule of a parameter's declaration a value breaks, if any.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
    """
    if len(value.encode()) > VALUE_BYTES:
        return f"is longer than {VALUE_BYTES} bytes"
    allowed = [str(choice) for choice in declaration.get("AllowedValues", [])]
    if allowed and value not in allowed:
        return f"is not one of {', '.join(allowed)}"
    if declaration["Type"] == "Number":
        return _broken_number_rule(declaration, value)
    pattern = declaration.get("AllowedPattern", ".*")
    shortest = int(declaration.get("MinLength", 0))
    longest = int(declaration.get("MaxLength", VALUE_BYTES))
    if shortest <= len(value) <= longest and re.fullmatch(pattern, value, re.ASCII | re.DOTALL):
        return None
    return f"is not allowed: {declaration.get('ConstraintDescription', pattern)}"


def _broken_number_rule(declaration: Mapping[str, Any], value: str) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return "is not a number"
    low, high = (declaration.get(key, number) for key in ("MinValue", "MaxValue"))
    return None if low <= number <= high else f"is not from {low} to {high}"


def _broken_template_rules(template: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[str]:
    """Yield the broken assertions of the template's own rules, and one that they cannot express."""
    for rule in template.get("Rules", {}).values():
        if "RuleCondition" in rule and not holds(rule["RuleCondition"], values):
            continue
        for assertion in rule["Assertions"]:
            if not holds(assertion["Assert"], values):
                yield assertion["AssertDescription"]
    # CloudFormation's rules compare text; Application Auto Scaling refuses a minimum above the
    # maximum only when the rest of the stack exists.
    desired, maximum = (int(values.get(name, 0)) for name in ("DesiredCount", "MaximumCount"))
    if desired > maximum:
        yield f"DesiredCount: {desired} is more than MaximumCount, which is {maximum}"


def holds(
    expression: Mapping[str, Any],
    values: Mapping[str, str],
    conditions: Mapping[str, Any] | None = None,
) -> bool:
    """Return what a condition or an assertion comes to, as CloudFormation evaluates it.

    `values` holds every parameter's value, and `conditions` the template's, where the expression
    refers to them.

    Raises:
        ValueError: when it contains another function than `Fn::And`, `Fn::Or`, `Fn::Not` and
            `Fn::Equals`.

    """
    ((function, arguments),) = expression.items()
    match function:
        case "Condition":
            return holds((conditions or {})[arguments], values, conditions)
        case "Fn::And":
            return all(holds(argument, values, conditions) for argument in arguments)
        case "Fn::Or":
            return any(holds(argument, values, conditions) for argument in arguments)
        case "Fn::Not":
            return not holds(arguments[0], values, conditions)
        case "Fn::Equals":
            first, second = (
                values[side["Ref"]] if isinstance(side, Mapping) else side for side in arguments
            )
            return bool(first == second)
    msg = f"cannot evaluate {function}"
    raise ValueError(msg)
