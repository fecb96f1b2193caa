"""The resource type that puts a web ACL in front of a resource, real in WAF."""

from ministack.services import waf

from .resource_types import Attributes, Properties, ResourceType, accepted


def _associate(properties: Properties) -> tuple[str, Attributes]:
    resource, web_acl = properties["ResourceArn"], properties["WebACLArn"]
    accepted(waf._associate_web_acl({"ResourceArn": resource, "WebACLArn": web_acl}))
    return f"{resource}|{web_acl}", {}


def _disassociate(_reference: str, properties: Properties) -> None:
    accepted(waf._disassociate_web_acl({"ResourceArn": properties["ResourceArn"]}))


RESOURCE_TYPES = {
    "AWS::WAFv2::WebACLAssociation": ResourceType(
        create=_associate,
        update=lambda _reference, _old, _new: {},
        delete=_disassociate,
        create_only=("ResourceArn", "WebACLArn"),
    ),
}
