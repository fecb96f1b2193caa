"""Resources whose content is not in the template: nested stacks, and what SAM generates."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.template.changes import Action
from iot_pipeline_cfn.template.findings import Finding, Findings, Severity
from iot_pipeline_cfn.template.references import walk
from iot_pipeline_cfn.template.schemas import schema_of

from .resolved import ResolvedEnvironment
from .resource_changes import find_changes
from .update_behavior import SAM_TYPES

CONTENTS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-stack.html
        "AWS::CloudFormation::Stack": frozenset({"Parameters", "TemplateURL"}),
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-stackset.html
        "AWS::CloudFormation::StackSet": frozenset(
            {"Parameters", "StackInstancesGroup", "TemplateBody", "TemplateURL"}
        ),
        # https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-application.html
        "AWS::Serverless::Application": frozenset({"Location", "Parameters"}),
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-servicecatalog-cloudformationprovisionedproduct.html
        "AWS::ServiceCatalog::CloudFormationProvisionedProduct": frozenset(
            {
                *("PathId", "PathName", "ProductId", "ProductName", "ProvisioningArtifactId"),
                *("ProvisioningArtifactName", "ProvisioningParameters"),
            }
        ),
    }
)
"""Properties that decide about resources of another template."""

FUNCTION_CODE: Final = frozenset({"CodeUri", "ImageUri", "InlineCode"})


def is_content(resource_type: str, name: str) -> bool:
    """Return whether a property decides about resources that the template does not contain."""
    if name.startswith("Fn::") or name in CONTENTS.get(resource_type, ()):
        return True
    generated = SAM_TYPES.get(resource_type)
    if generated is None:
        return resource_type.startswith("AWS::Serverless::")
    properties = (schema_of(generated) or {}).get("properties", {})
    return name not in properties and name not in FUNCTION_CODE


def _is_transformed(value: object) -> bool:
    """Return whether a macro makes a value, or a part of it."""
    return any("Fn::Transform" in part for part in walk(value) if isinstance(part, Mapping))


def find_unknown_contents(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield resources whose content changes in a way that is not known, so that anything may."""
    for change in find_changes(before, after):
        unknown = sorted(
            {
                part.name
                for part in change.properties
                if is_content(change.resource_type, part.name)
                or any(_is_transformed(value) for value in (part.before, part.after))
            }
        )
        if change.action is Action.MODIFY and unknown:
            details = {"properties": unknown}
            yield Finding("unknown-content", Severity.REPLACEMENT, change.logical_id, details)
