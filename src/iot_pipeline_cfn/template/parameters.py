"""Parameter files: reading them, and what CloudFormation would refuse in them.

A file has CodePipeline's template-configuration format, `{"Parameters": {...}, "Tags": {...},
"StackPolicy": {...}}`
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/continuous-delivery-codepipeline-cfn-artifacts.html),
and may have `"Bucket": "..."` besides, the S3 bucket that the template goes through.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .resolution import Resolver

SUFFIX_PARAMETER = "EnvironmentSuffix"
"""Given by the environment's name; a file serves all environments of its kind."""
IMAGE_PARAMETER = "ImageTag"
"""What says which image runs; given when deploying, and kept by the stack."""

VALUE_BYTES = 4096
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""

TAGS_OF_TEMPLATE = frozenset({"Component", "Environment", "Name", "Project"})
"""What `naming.tags` sets, which would take a while to import."""

FIXED = frozenset({"AvailabilityZone1", "AvailabilityZone2", "EncryptionKey"})
"""Parameters that a stack keeps for its life."""

SECTIONS = frozenset({"Bucket", "Parameters", "StackPolicy", "Tags"})
BUCKET = re.compile("[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""

TAG_KEY = re.compile("(?!aws:).{1,128}")
TAG_VALUE = re.compile(".{0,256}")
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Tag.html"""

SHOWN = 60
"""So many characters of a wrong value are shown."""


class UnreadableFileError(Exception):
    """A file that cannot be read; the message is one line with the file, the place and the rule."""


@dataclass(frozen=True)
class ParameterFile:
    """What a parameter file sets."""

    path: Path
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    stack_policy: Mapping[str, Any] | None
    bucket: str | None


def load(path: Path) -> ParameterFile:
    """Read a parameter file.

    Raises:
        UnreadableFileError: when it cannot be read, or has not the format.

    """
    return parameter_file(path, load_object(path))


def parameter_file(path: Path, content: dict[str, Any]) -> ParameterFile:
    """Return what a parameter file sets, of which the content was read.

    Raises:
        UnreadableFileError: when it has not the format.

    """
    if not content.keys() <= SECTIONS:
        raise _unreadable(path, f"must have nothing but {', '.join(sorted(SECTIONS))}")
    for section in ("Parameters", "Tags"):
        values = content.setdefault(section, {})
        if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
            raise _unreadable(path, f"{section} must be an object whose values are strings")
    policy = content.get("StackPolicy")
    if policy is not None and not _is_policy(policy):
        raise _unreadable(path, 'StackPolicy must be {"Statement": [{...}]}')
    bucket = content.get("Bucket")
    if bucket is not None and not (isinstance(bucket, str) and BUCKET.fullmatch(bucket)):
        raise _unreadable(path, "Bucket must be the name of an S3 bucket")
    return ParameterFile(path, content["Parameters"], content["Tags"], policy, bucket)


def load_template(path: Path) -> dict[str, Any]:
    """Read a rendered template.

    Raises:
        UnreadableFileError: when it cannot be read, or is no template.

    """
    content = load_object(path)
    for section, needed in (("Parameters", SUFFIX_PARAMETER), ("Resources", None)):
        entries = content.get(section)
        if not isinstance(entries, dict) or not (needed in entries if needed else entries):
            raise _unreadable(path, f"is not a template with {needed or 'resources'}")
        if not all(isinstance(entry, dict) and "Type" in entry for entry in entries.values()):
            raise _unreadable(path, f"{section} must be objects that have a Type")
    return content


def load_object(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        UnreadableFileError: when it cannot be read, or is something else.

    """
    try:
        return parsed_object(path, path.read_bytes())
    except OSError as error:
        raise _unreadable(path, error.strerror) from None


def parsed_object(path: Path, text: bytes) -> dict[str, Any]:
    """Return the JSON object that is the content of a file.

    Raises:
        UnreadableFileError: when it is something else.

    """
    try:
        content = json.loads(text, object_pairs_hook=_unique_keys)
        # JSON can spell half of a character, which no call to AWS can carry.
        json.dumps(content, ensure_ascii=False).encode()
    except RecursionError:
        raise _unreadable(path, "not JSON: nested too deeply") from None
    except ValueError as error:
        raise _unreadable(path, f"not JSON: {error}") from None
    if not isinstance(content, dict):
        raise _unreadable(path, "must be an object")
    return content


def _unreadable(path: Path, reason: str | None) -> UnreadableFileError:
    return UnreadableFileError(f"{path}: {reason}")


def _unique_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        msg = f"{twice!r} is there twice"
        raise ValueError(msg)
    return content


def _is_policy(policy: object) -> bool:
    match policy:
        case {"Statement": [*statements], **others} if statements and not others:
            return all(isinstance(statement, dict) for statement in statements)
    return False


def problems(template: Mapping[str, Any], file: ParameterFile) -> Iterator[str]:
    """Yield what is wrong with a file for a rendered template, each in one line with its rule."""
    if SUFFIX_PARAMETER in file.parameters:
        yield f"{file.path}: {SUFFIX_PARAMETER}: is the environment's name, not a file's to set"
    for problem in parameter_problems(template, {**file.parameters, SUFFIX_PARAMETER: "any"}):
        yield f"{file.path}: {problem}"
    for key, value in sorted(file.tags.items()):
        if key in TAGS_OF_TEMPLATE:
            yield f"{file.path}: tag {key}: is the template's to set"
        elif not (TAG_KEY.fullmatch(key) and TAG_VALUE.fullmatch(value)):
            yield (
                f"{file.path}: tag {_shown(key)}: a key has 1 to 128 characters and does not begin "
                "with aws:, a value has at most 256"
            )


@dataclass(frozen=True)
class ParameterSet:
    """How given, previous and default values of a stack's parameters combine.

    A stack keeps the value of a parameter that is no longer given, whatever the new default is. A
    parameter that the template has only now takes its default.

    Attributes:
        declared: The template's `Parameters`.
        given: The values that are given.
        previous: The values that the stack has, None for one that is not known; empty where the
            stack does not exist yet.

    """

    declared: Mapping[str, Mapping[str, Any]]
    given: Mapping[str, str]
    previous: Mapping[str, str | None] = field(default_factory=dict)

    def effective(self) -> dict[str, str | None]:
        """Return the value that each declared parameter gets, None for one that is not known."""
        return {name: self._effective(name) for name in self.declared}

    def _effective(self, name: str) -> str | None:
        if name in self.given:
            return self.given[name]
        if name in self.previous:
            return self.previous[name]
        default = self.declared[name].get("Default")
        return None if default is None else str(default)

    def known(self) -> dict[str, str]:
        """Return the effective values that are known."""
        return {name: value for name, value in self.effective().items() if value is not None}

    def to_send(self) -> dict[str, str | None]:
        """Return the parameters of the change set; None stands for `UsePreviousValue`."""
        kept = {name: None for name in self.declared if name in self.previous}
        return {**kept, **self.given}

    def fixed_changes(self) -> dict[str, tuple[str, str]]:
        """Return the fixed parameters that are given another value, with both values."""
        found = {}
        for name in sorted(FIXED & self.given.keys()):
            old, new = self.previous.get(name), self.given[name]
            if old is not None and old != new:
                found[name] = (old, new)
        return found


def parameter_problems(template: Mapping[str, Any], given: Mapping[str, str]) -> Iterator[str]:
    """Yield what CloudFormation would refuse of the values given for a stack's parameters."""
    declared: Mapping[str, Mapping[str, Any]] = template["Parameters"]
    for name in sorted(given.keys() - declared.keys()):
        yield f"{_shown(name)}: no such parameter; the template has {', '.join(sorted(declared))}"
    values: dict[str, str] = {}
    for name, declaration in sorted(declared.items()):
        if name not in given and "Default" not in declaration:
            yield f"{name}: has no default and must be given"
            continue
        value = given.get(name, str(declaration.get("Default")))
        if rule := broken_rule(declaration, value):
            shown = "what is given" if "NoEcho" in declaration else _shown(value)
            yield f"{name}: {shown} {rule}"
        else:
            values[name] = value
    if values.keys() == declared.keys():
        yield from _broken_template_rules(template, values)
        yield from _broken_counts(values)


def _shown(text: str) -> str:
    """Return a text that a user gave, in quotes, in one line, and not too long."""
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


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
    if shortest <= len(value) <= longest and _matches(pattern, value):
        return None
    return f"is not allowed: {declaration.get('ConstraintDescription', pattern)}"


def _matches(pattern: str, value: str) -> bool:
    try:
        return bool(re.fullmatch(pattern, value, re.ASCII | re.DOTALL))
    except re.error:
        # CloudFormation has Java's regular expressions, of which Python knows most.
        return True


def _broken_number_rule(declaration: Mapping[str, Any], value: str) -> str | None:
    if not re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", value, re.ASCII):
        return "is not a number"
    low, high = (declaration.get(key, value) for key in ("MinValue", "MaxValue"))
    return None if float(low) <= float(value) <= float(high) else f"is not from {low} to {high}"


def _broken_template_rules(template: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[str]:
    resolver = Resolver(template, values)
    for rule in template.get("Rules", {}).values():
        if "RuleCondition" in rule and not resolver.holds(rule["RuleCondition"]):
            continue
        for assertion in rule["Assertions"]:
            if resolver.holds(assertion["Assert"]) is False:
                yield assertion.get("AssertDescription", "a rule of the template is broken")


def _broken_counts(values: Mapping[str, str]) -> Iterator[str]:
    """Yield what the template's own rules cannot express, since they compare nothing but text.

    Application Auto Scaling refuses a minimum above the maximum when all else has been created.
    """
    desired, maximum = (values.get(name, "0") for name in ("DesiredCount", "MaximumCount"))
    for name, value in (("DesiredCount", desired), ("MaximumCount", maximum)):
        if not value.isdecimal():
            yield f"{name}: {value!r} is not a whole number"
            return
    if int(desired) > int(maximum):
        yield f"DesiredCount: {desired} is more than MaximumCount, which is {maximum}"
