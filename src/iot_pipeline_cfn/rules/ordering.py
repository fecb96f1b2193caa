"""Rules for resources that need another one first, where no reference says so."""

from pathlib import Path
from typing import Any

from cfnlint.helpers import import_filename
from cfnlint.rules import CloudFormationLintRule, RuleMatch

# cfn-lint loads the files of a directory, not a package.
lookup = import_filename("_template", str(Path(__file__).parent))

DEPENDS_ON = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
    "aws-attribute-dependson.html"
)


class DeploymentBeforeMethods(CloudFormationLintRule):
    """A deployment is a snapshot of its API: what is created later is not in it."""

    id = "E9005"
    shortdesc = "Deployment of an API that does not depend on its methods"
    description = (
        "An API deployment must depend on every method (or route) of its API: without any the "
        "deployment fails, and one that is created later is not deployed."
    )
    source_url = (
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
        "aws-resource-apigateway-deployment.html"
    )
    tags = ("apigateway", "dependson")

    def match(self, cfn: Any) -> list[Any]:
        """Report each method that a deployment of its API does not wait for."""
        return [
            RuleMatch(["Resources", deployment], f"{deployment!r} does not depend on {method!r}")
            for service, api, kind in (
                ("ApiGateway", "RestApiId", "Method"),
                ("ApiGatewayV2", "ApiId", "Route"),
            )
            for deployment, _ in lookup.resources(cfn, f"AWS::{service}::Deployment")
            for method, _ in lookup.resources(cfn, f"AWS::{service}::{kind}")
            if lookup.references(cfn, deployment, api).keys()
            & lookup.references(cfn, method, api).keys()
            and method not in lookup.waits_for(cfn, deployment)
            and lookup.can_coexist(cfn, deployment, method)
        ]


class ServiceBeforeListener(CloudFormationLintRule):
    """ECS refuses a target group that no load balancer uses."""

    id = "E9008"
    shortdesc = "ECS service that does not depend on the listener of its target group"
    description = (
        "An ECS service must depend on a listener or rule that uses its target group: until then "
        "the target group 'does not have an associated load balancer'."
    )
    source_url = (
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
        "aws-resource-ecs-service.html"
    )
    tags = ("ecs", "elasticloadbalancingv2", "dependson")

    def match(self, cfn: Any) -> list[Any]:
        """Report each target group of a service whose listeners the service does not wait for."""
        matches = []
        for service, _ in lookup.resources(cfn, "AWS::ECS::Service"):
            before = lookup.waits_for(cfn, service)
            for group in lookup.references(cfn, service, "LoadBalancers"):
                listeners = [
                    listener
                    for listener, _ in lookup.resources(
                        cfn,
                        "AWS::ElasticLoadBalancingV2::Listener",
                        "AWS::ElasticLoadBalancingV2::ListenerRule",
                    )
                    if group in lookup.references(cfn, listener)
                    and lookup.can_coexist(cfn, service, listener)
                ]
                if listeners and not before & {*listeners}:
                    message = f"{service!r} depends on no listener of {group!r}: {listeners}"
                    matches.append(RuleMatch(["Resources", service], message))
        return matches


class BeforeGatewayAttachment(CloudFormationLintRule):
    """What needs the internet gateway waits until the VPC has it."""

    id = "W9009"
    shortdesc = "Resource that needs a gateway and does not depend on its attachment"
    description = (
        "Routes to a gateway, public NAT gateways, internet-facing load balancers, public "
        "databases and associated Elastic IP addresses must depend on the attachment of the "
        "gateway to the VPC."
    )
    source_url = f"{DEPENDS_ON}#gatewayattachment"
    tags = ("ec2", "dependson")

    def match(self, cfn: Any) -> list[Any]:
        """Report each resource that needs an attachment and waits for none."""
        attachments = dict(lookup.resources(cfn, "AWS::EC2::VPCGatewayAttachment"))
        matches = []
        for name, resource in cfn.get_resources().items():
            needed = [
                attachment
                for attachment in attachments
                if self._needs(cfn, name, resource, attachment)
                and lookup.can_coexist(cfn, name, attachment)
            ]
            if needed and not lookup.waits_for(cfn, name) & {*needed}:
                message = f"{name!r} does not depend on the gateway attachment {needed[0]!r}"
                matches.append(RuleMatch(["Resources", name], message))
        return matches

    def _needs(self, cfn: Any, name: str, resource: Any, attachment: str) -> bool:
        properties = resource.get("Properties", {})
        if not isinstance(properties, dict):
            return False
        internet = lookup.references(cfn, attachment, "InternetGatewayId").keys()
        gateways = internet | lookup.references(cfn, attachment, "VpnGatewayId").keys()
        match resource["Type"], properties:
            case "AWS::EC2::Route", _:
                return bool(lookup.references(cfn, name, "GatewayId").keys() & gateways)
            case "AWS::EC2::NatGateway", {"ConnectivityType": "private"}:
                return False
            case (
                ("AWS::EC2::NatGateway", _)
                | ("AWS::EC2::EIP", {"InstanceId": _})
                | ("AWS::RDS::DBInstance", {"PubliclyAccessible": True | "true"})
            ):
                pass
            case (
                "AWS::ElasticLoadBalancingV2::LoadBalancer"
                | "AWS::ElasticLoadBalancing::LoadBalancer",
                _,
            ) if "internet-facing" in self._schemes(cfn, properties):
                pass
            case _:
                return False
        vpcs = lookup.references(cfn, attachment, "VpcId").keys()
        return bool(internet and vpcs & lookup.waits_for(cfn, name))

    def _schemes(self, cfn: Any, properties: dict[str, Any]) -> list[Any]:
        found = cfn.get_values(properties, "Scheme")
        return ["internet-facing"] if found is None else [each["Value"] for each in found]
