"""Check the templates with AWS's cloudformation-validate.

A template is checked twice: with its parameters, for contradictory conditions, and as each of its
parameter files resolves it, in each Region of .cfnlintrc.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cloudformation_validate import (
    CelEngine,
    PseudoParameterOverrides,
    RuleFilterConfig,
    Severity,
    TemplateContent,
    ValidateConfig,
)

from iot_pipeline_cfn.template.parameters import load, load_template
from iot_pipeline_cfn.template.resolution import resolve

REGIONS = ("ap-northeast-1", "us-east-1", "eu-central-1")

OPTIONAL = {"PermissionsBoundary": "arn:aws:iam::123456789012:policy/any"}
"""Parameters whose default no property accepts: the validator does not see that `Fn::If` leaves the
property out."""

NUMBERS_AS_TEXT = "W9003"
"""A rule that does not apply: parameters are text, which CloudFormation converts."""

CONDITIONAL_REFERENCE = "W1001"
"""A rule that cfn-lint has, too, and that here does not see `Fn::If` in an output."""


def main() -> int:
    """Print what the validator finds; return 1 if there is anything."""
    found = [*_findings()]
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


def _findings() -> Iterator[str]:
    engine = CelEngine()
    files = {path.stem: load(path) for path in sorted(Path("parameters").glob("*.json"))}
    for path in sorted(Path("templates").glob("*.json")):
        template = load_template(path)
        given = {name: OPTIONAL[name] for name in OPTIONAL.keys() & template["Parameters"].keys()}
        config = ValidateConfig(
            exclude=RuleFilterConfig(ids=[CONDITIONAL_REFERENCE]),
            parameter_overrides=given,
            severity_level=Severity.WARN,
        )
        yield from _check(engine, path.stem, template, config)
        for name, file in files.items():
            if file.template != path.stem:
                continue
            for region in REGIONS:
                values = {"AWS::Region": region, "EnvironmentSuffix": name, **file.parameters}
                config = ValidateConfig(
                    exclude=RuleFilterConfig(ids=[NUMBERS_AS_TEXT]),
                    pseudo_parameter_overrides=PseudoParameterOverrides(region=region),
                    severity_level=Severity.WARN,
                )
                resolved = {**resolve(template, values), "Transform": template["Transform"]}
                yield from _check(engine, f"{path.stem}, {name} in {region}", resolved, config)


def _check(
    engine: CelEngine, name: str, template: Mapping[str, Any], config: ValidateConfig
) -> Iterator[str]:
    report = engine.validate_template(TemplateContent(json.dumps(template), name), config)
    for each in report.diagnostics:
        subject = each.entity.logical_id if each.entity else "the template"
        yield f"{name}: {subject}: {each.rule_id} {each.message}"


if __name__ == "__main__":
    sys.exit(main())
