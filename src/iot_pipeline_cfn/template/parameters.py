"""Parameter files, and the parameters of a stack.

A file has the format of CodePipeline's template configuration, `{"Parameters": {...},
"Tags": {...}, "StackPolicy": {...}}`
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/continuous-delivery-codepipeline-cfn-artifacts.html),
and optionally `"Bucket"`, the S3 bucket for templates that are too large for a request, `"Account"`
and `"Region"`, the only ones that its environments may be in, `"RoleARN"`, the service role that
CloudFormation acts as, `"Template"`, the name of the template in `templates/`, `"Network"`, the
network that its environments share, and `"TimeToLive"`, how long an environment is kept after its
last deployment.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from .file_rules import TEXTS, check_tags, is_stack_policy
from .files import UnreadableFileError, load_object
from .findings import Finding, Severity, Value
from .lookup import scalar_text
from .resolution import Resolver
from .stateful import HIDDEN, masked

SUFFIX_PARAMETER: Final = "EnvironmentSuffix"
"""Set from the environment's name; a file serves all environments of its type."""
IMAGE_PARAMETER: Final = "ImageTag"
"""The tag of the container image; given when deploying, and kept by the stack."""

VALUE_BYTES: Final = 4096
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""

COUNT_PARAMETER: Final = "CurrentCount"
"""The number of tasks that an update keeps; read from the running service."""

COMMIT_PARAMETER: Final = "Commit"
RENEWAL_PARAMETER: Final = "RenewedAt"
RECORDED_PARAMETERS: Final = frozenset({COMMIT_PARAMETER, RENEWAL_PARAMETER})
"""Parameters that record a deployment, and that no resource uses."""

NETWORK_PARAMETER: Final = "Network"
"""The suffix of the network that an environment shares, in a template that has this parameter."""
SLOT_PARAMETER: Final = "NetworkSlot"
"""The place of an environment in its network, which no other environment has."""
SLOTS: Final = 95
"""A load balancer has at most 100 target groups, which AWS does not raise, and 100 rules
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html). The
redirect to HTTPS is a rule, and the replacement of a target group needs room for both."""

RESERVED_PARAMETERS: Final = RECORDED_PARAMETERS | {
    SUFFIX_PARAMETER,
    COUNT_PARAMETER,
    SLOT_PARAMETER,
}
"""Parameters that only the deployer sets."""

PROJECT: Final = "iot-pipeline"
"""The prefix of stack names and physical names, and the value of the tag `Project`."""

DEFAULT_TEMPLATE: Final = "iot-pipeline"
"""The template of a parameter file that names none."""
SHARED_TEMPLATE: Final = "iot-pipeline-shared"
"""The template of a parameter file that names no template but a network."""

LISTS: Final[Mapping[str, str]] = MappingProxyType(
    {"CommaDelimitedList": "String", "List<Number>": "Number"}
)
"""The types whose values are lists, each with the type of an item."""

FIXED: Final = frozenset(
    {"AvailabilityZone1", "AvailabilityZone2", "EncryptionKey", NETWORK_PARAMETER}
)
"""Parameters that cannot be changed: another value would replace the database."""

SECTIONS: Final = frozenset({"Parameters", "StackPolicy", "Tags"} | TEXTS.keys())


@dataclass(frozen=True)
class ParameterFile:
    """The content of a parameter file."""

    path: Path
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    stack_policy: Mapping[str, Any] | None
    bucket: str | None = None
    template: str = DEFAULT_TEMPLATE
    account: str | None = None
    region: str | None = None
    role_arn: str | None = None
    time_to_live: str | None = None


def load(path: Path) -> ParameterFile:
    """Read a parameter file.

    Raises:
        UnreadableFileError: The file cannot be read or has the wrong format.

    """
    return parameter_file(path, load_object(path))


def parameter_file(path: Path, content: dict[str, Any]) -> ParameterFile:
    """Return the parameter file with this content.

    Raises:
        UnreadableFileError: The content has the wrong format.

    """
    if unknown := sorted(content.keys() - SECTIONS):
        known = ", ".join(sorted(SECTIONS))
        raise UnreadableFileError(path, f"is not one of {known}", repr(unknown[0]))
    for section in ("Parameters", "Tags"):
        values = content.setdefault(section, {})
        if not isinstance(values, dict):
            raise UnreadableFileError(path, "must be an object whose values are strings", section)
        for name, value in values.items():
            if not isinstance(value, str):
                raise UnreadableFileError(path, "must be a string", f"{section}.{name}")
    policy = content.get("StackPolicy")
    if policy is not None and not is_stack_policy(policy):
        raise UnreadableFileError(path, "must be a stack policy", "StackPolicy")
    for section, (pattern, meaning) in TEXTS.items():
        text = content.get(section)
        if text is not None and not (isinstance(text, str) and pattern.fullmatch(text)):
            raise UnreadableFileError(path, f"must be {meaning}", section)
    network = {NETWORK_PARAMETER: content["Network"]} if "Network" in content else {}
    return ParameterFile(
        path=path,
        parameters=content["Parameters"] | network,
        tags=content["Tags"],
        stack_policy=policy,
        bucket=content.get("Bucket"),
        template=content.get("Template", SHARED_TEMPLATE if network else DEFAULT_TEMPLATE),
        account=content.get("Account"),
        region=content.get("Region"),
        role_arn=content.get("RoleARN"),
        time_to_live=content.get("TimeToLive"),
    )


def template_path(name: str) -> Path:
    """Return the path of a rendered template of the checkout."""
    return Path("templates", f"{name}.json")


def load_template(path: Path) -> dict[str, Any]:
    """Read a rendered template.

    Raises:
        UnreadableFileError: The file cannot be read or is not a template of this project.

    """
    content = load_object(path)
    for section, needed in (("Parameters", SUFFIX_PARAMETER), ("Resources", None)):
        entries = content.get(section)
        if not isinstance(entries, dict) or not (needed in entries if needed else entries):
            raise UnreadableFileError(path, f"is not a template with {needed or 'resources'}")
        if not all(isinstance(entry, dict) and "Type" in entry for entry in entries.values()):
            raise UnreadableFileError(path, "must be objects that have a Type", section)
    return content


def stack_tags(suffix: str) -> dict[str, str]:
    """Return the tags of an environment's stack, which CloudFormation propagates to its resources.

    A stack that is deployed without the deployer needs the same tags.
    """
    return {"Environment": suffix, "Project": PROJECT}


def check_file(template: Mapping[str, Any], file: ParameterFile) -> Iterator[Finding]:
    """Yield the errors of a parameter file for a rendered template."""
    for finding in _check_file(template, file):
        yield replace(finding, details={"file": str(file.path), **finding.details})


def _check_file(template: Mapping[str, Any], file: ParameterFile) -> Iterator[Finding]:
    for name in sorted(RESERVED_PARAMETERS & file.parameters.keys()):
        yield _error("reserved-parameter", name)
    suffix = template["Parameters"][SUFFIX_PARAMETER].get("Default", "any")
    parameters = ParameterSet(template, {**file.parameters, SUFFIX_PARAMETER: suffix})
    for finding in parameters.findings():
        # A secret is not in a file: an option gives it.
        if finding.code != "missing-parameter" or not is_secret(template, finding.subject):
            yield finding
    yield from check_tags(file.tags)


def is_secret(template: Mapping[str, Any], name: str) -> bool:
    """Return whether the value of a parameter must not be shown."""
    return str(template["Parameters"].get(name, {}).get("NoEcho", False)).lower() == "true"


def shown(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the values of parameters as they may be shown."""
    return {
        name: HIDDEN if is_secret(template, name) else value for name, value in parameters.items()
    }


def changed_values(
    template: Mapping[str, Any], before: Mapping[str, str], after: Mapping[str, str]
) -> dict[str, tuple[str | None, str | None]]:
    """Return the parameters that change, each with its values as they may be shown.

    A secret that is given counts as changed, since nobody can read the one before.
    """
    old, new = (
        {name: masked(value, name) for name, value in shown(template, side).items()}
        for side in (before, after)
    )
    return {
        name: (old.get(name), new.get(name))
        for name in sorted({*before, *after} - RESERVED_PARAMETERS)
        if before.get(name) != after.get(name)
    }


@dataclass(frozen=True)
class ParameterSet:
    """How given, previous and default values of a stack's parameters combine.

    A stack keeps the value of a parameter that is no longer given, whatever the new default is. A
    parameter that the template has only now takes its default.

    Attributes:
        template: The rendered template.
        given: The values that are given.
        previous: The values that the stack has, None for one that is not known; empty where the
            stack does not exist yet.

    """

    template: Mapping[str, Any]
    given: Mapping[str, str]
    previous: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def declared(self) -> Mapping[str, Mapping[str, Any]]:
        """The declarations of the parameters by name."""
        declared: Mapping[str, Mapping[str, Any]] = self.template.get("Parameters", {})
        return declared

    def effective(self) -> dict[str, str | None]:
        """Return the value that each declared parameter gets, None for one that is not known."""
        return {name: self._effective(name) for name in self.declared}

    def _effective(self, name: str) -> str | None:
        if name in self.given:
            return self.given[name]
        if name in self.previous:
            return self.previous[name]
        default = self.declared[name].get("Default")
        return None if default is None else scalar_text(default)

    def updated(self, template: Mapping[str, Any], given: Mapping[str, str]) -> "ParameterSet":
        """Return the parameters of the same stack after an update with a template and values."""
        return ParameterSet(template, given, self.effective())

    def known(self) -> dict[str, str]:
        """Return the effective values that are known."""
        return {name: value for name, value in self.effective().items() if value is not None}

    def to_send(self) -> dict[str, str | None]:
        """Return the parameters of the change set; None stands for `UsePreviousValue`."""
        kept = {name: None for name in self.declared if name in self.previous}
        return {**kept, **self.given}

    def fixed_changes(self) -> Iterator[Finding]:
        """Yield the fixed parameters that are given another value than the stack has."""
        for name in sorted(FIXED & self.given.keys()):
            old, new = self.previous.get(name), self.given[name]
            if old is not None and old != new:
                yield _error("fixed-parameter", name, before=old, after=new)

    def findings(self) -> Iterator[Finding]:
        """Yield the values that CloudFormation would reject, one by one and in combination."""
        for name in sorted(self.given.keys() - self.declared.keys()):
            yield _error("unknown-parameter", name, declared=sorted(self.declared))
        valid: dict[str, str] = {}
        for name, declaration in sorted(self.declared.items()):
            value = self._effective(name)
            if value is None:
                if name not in self.previous:
                    yield _error("missing-parameter", name)
            elif value == HIDDEN and name not in self.given and "NoEcho" in declaration:
                valid[name] = value
            elif finding := check_value(name, declaration, value):
                yield finding
            else:
                valid[name] = value
        if valid.keys() == self.declared.keys():
            yield from _check_rules(self.template, valid)
            yield from _check_counts(valid)


def check_value(name: str, declaration: Mapping[str, Any], value: str) -> Finding | None:
    """Return the rule of a parameter's declaration that a value violates, if any.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
    """
    if declaration["Type"] in LISTS:
        single = {**declaration, "Type": LISTS[declaration["Type"]]}
        checked = (check_value(name, single, item.strip()) for item in value.split(","))
        return next(filter(None, checked), None)
    shown = HIDDEN if "NoEcho" in declaration else masked(value, name)
    allowed = [scalar_text(choice) for choice in declaration.get("AllowedValues", [])]
    if len(value.encode()) > VALUE_BYTES:
        return _error("value-too-long", name, value=shown, maximum_bytes=VALUE_BYTES)
    if allowed and value not in allowed:
        return _error("value-not-allowed", name, value=shown, allowed=allowed)
    if declaration["Type"] == "Number":
        return _check_number(name, declaration, value, shown)
    pattern = declaration.get("AllowedPattern", ".*")
    shortest = int(declaration.get("MinLength", 0))
    longest = int(declaration.get("MaxLength", VALUE_BYTES))
    if shortest <= len(value) <= longest and _matches(pattern, value):
        return None
    rule = declaration.get("ConstraintDescription", pattern)
    return _error("pattern-mismatch", name, value=shown, rule=rule)


def _check_number(
    name: str, declaration: Mapping[str, Any], value: str, shown: str
) -> Finding | None:
    if not re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", value, re.ASCII):
        return _error("not-a-number", name, value=shown)
    low, high = (declaration.get(key, value) for key in ("MinValue", "MaxValue"))
    if float(low) <= float(value) <= float(high):
        return None
    return _error("out-of-range", name, value=shown, minimum=low, maximum=high)


def _matches(pattern: str, value: str) -> bool:
    try:
        return bool(re.fullmatch(pattern, value, re.ASCII | re.DOTALL))
    except re.error:
        # CloudFormation uses Java's regular expressions; Python supports most of them.
        return True


def _check_rules(template: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[Finding]:
    resolver = Resolver(template, values)
    for name, rule in template.get("Rules", {}).items():
        if "RuleCondition" in rule and not resolver.holds(rule["RuleCondition"]):
            continue
        for assertion in rule["Assertions"]:
            if resolver.holds(assertion["Assert"]) is False:
                rule_text = assertion.get("AssertDescription", name)
                yield _error("template-rule", name, rule=rule_text)


def _check_counts(values: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the errors of the task counts, which the template's rules can only compare as text.

    Application Auto Scaling rejects a minimum above the maximum after all else has been created.
    """
    counts = {name: values[name] for name in ("DesiredCount", "MaximumCount") if name in values}
    fractions = [name for name, value in counts.items() if not value.isdecimal()]
    for name in fractions:
        yield _error("not-a-whole-number", name, value=counts[name])
    match counts:
        case {"DesiredCount": desired, "MaximumCount": maximum} if not fractions:
            if int(desired) > int(maximum):
                code = "desired-count-above-maximum"
                yield _error(code, "DesiredCount", value=desired, maximum=maximum)


def _error(code: str, subject: str, **details: Value) -> Finding:
    return Finding(code, Severity.ERROR, subject, details)
