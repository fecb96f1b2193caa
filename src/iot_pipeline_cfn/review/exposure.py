"""Changes of exposure: public access, authentication and encryption, before and after."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.template.findings import Finding, Severity
from iot_pipeline_cfn.template.lookup import Resources, of_type, text_of, type_of
from iot_pipeline_cfn.template.references import references

from .assessment_rules import Assessment
from .assessments import find_rule_changes
from .resolved import ResolvedEnvironment

ENTRY_POINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AWS::ApiGateway::Method": "new-api-method",
        "AWS::ApiGateway::Resource": "new-api-path",
        "AWS::EC2::EIP": "new-elastic-ip",
        "AWS::ElasticLoadBalancingV2::ListenerRule": "new-listener-rule",
    }
)
"""Types whose new resources are worth a look by themselves, with the codes for that."""


def find_exposure_changes(
    before: ResolvedEnvironment, after: ResolvedEnvironment
) -> Iterator[Finding]:
    """Yield changes of exposure by the rules, new entry points, and removed web ACLs."""
    for name, resource in after.resources.items():
        resource_type = type_of(resource)
        if resource_type in ENTRY_POINTS and type_of(before.resources.get(name)) != resource_type:
            yield Finding(ENTRY_POINTS[resource_type], Severity.CHANGE, name)
    yield from find_rule_changes(before, after, Assessment.EXPOSURE)
    yield from _unguarded(before.resources, after.resources)


def _unguarded(before: Resources, after: Resources) -> Iterator[Finding]:
    """Yield resources that stay but lose their web ACL."""
    old, new = _guarded(before), _guarded(after)
    for arn in sorted(old.keys() - new.keys()):
        if all(name in after for name in old[arn]):
            subject = min(old[arn], default=arn)
            yield Finding("web-acl-removed", Severity.EXPOSURE, subject, {"before": arn})


def _guarded(resources: Resources) -> dict[str, set[str]]:
    """Return the resources that each association of a web ACL refers to, by the ARN in it."""
    return {
        text_of(arn): set(references(arn)) & resources.keys()
        for association in of_type(resources, "AWS::WAFv2::WebACLAssociation").values()
        for arn in [association.get("ResourceArn")]
    }
