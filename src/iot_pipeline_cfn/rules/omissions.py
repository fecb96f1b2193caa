"""Rules for a part that a resource needs and the template lacks."""

from pathlib import Path
from typing import Any

from cfnlint.helpers import import_filename
from cfnlint.rules import CloudFormationLintRule, RuleMatch

# cfn-lint loads the files of a directory, not a package.
lookup = import_filename("_template", str(Path(__file__).parent))

REFERENCE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference"


class RotationWithoutFunction(CloudFormationLintRule):
    """Only a secret that another service manages is rotated without a function."""

    id = "E9001"
    shortdesc = "Rotation schedule without a function"
    description = (
        "The rotation schedule of a secret of the template needs RotationLambdaARN or "
        "HostedRotationLambda, unless a partner or a service manages the secret."
    )
    source_url = f"{REFERENCE}/aws-resource-secretsmanager-rotationschedule.html"
    tags = ("secretsmanager",)

    def match(self, cfn: Any) -> list[Any]:
        """Report each schedule without a function."""
        secrets = {
            name
            for name, properties in lookup.resources(
                cfn,
                "AWS::SecretsManager::Secret",
                "AWS::SecretsManager::SecretTargetAttachment",
            )
            if "Type" not in properties
        }
        return [
            RuleMatch(["Resources", name], f"Nothing carries out the rotation of {secret!r}")
            for name, properties in lookup.resources(cfn, "AWS::SecretsManager::RotationSchedule")
            if not properties.keys() & {"RotationLambdaARN", "HostedRotationLambda"}
            for secret in lookup.references(cfn, name, "SecretId").keys() & secrets
        ]


class LogGroupThatNothingCreates(CloudFormationLintRule):
    """The driver awslogs does not create its log group by itself."""

    id = "W9002"
    shortdesc = "Container logs to a log group that no resource creates"
    description = (
        "Tasks do not start while the log group of the awslogs driver does not exist; make it a "
        "resource and refer to it, or set awslogs-create-group."
    )
    source_url = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html"
    tags = ("ecs", "logs")

    def match(self, cfn: Any) -> list[Any]:
        """Report each log group that is named and not created."""
        created = {
            lookup.text(properties.get("LogGroupName"))
            for _, properties in lookup.resources(cfn, "AWS::Logs::LogGroup")
        }
        matches = []
        for task, _ in lookup.resources(cfn, "AWS::ECS::TaskDefinition"):
            for index, container in enumerate(_containers(cfn, task)):
                match container:
                    case {"LogConfiguration": {"LogDriver": "awslogs", "Options": dict() as given}}:
                        group = lookup.text(given.get("awslogs-group"))
                    case _:
                        continue
                if (
                    group is None
                    or str(given.get("awslogs-create-group")).lower() == "true"
                    or lookup.VARIABLE.fullmatch(group)  # Another stack's, or a resource.
                    or group in created
                ):
                    continue
                path = ["ContainerDefinitions", index, "LogConfiguration", "Options"]
                message = f"No resource creates the log group {group!r}"
                matches.append(
                    RuleMatch(["Resources", task, "Properties", *path, "awslogs-group"], message)
                )
        return matches


class TasksWithoutImage(CloudFormationLintRule):
    """A repository is empty when the stack that creates it starts the service."""

    id = "W9003"
    shortdesc = "ECS service starts tasks from a repository that the template creates"
    description = (
        "The repository is empty while the stack is created, so the tasks cannot start and the "
        "creation waits; give the service no tasks until an image is pushed."
    )
    source_url = f"{REFERENCE}/aws-resource-ecs-service.html#cfn-ecs-service-desiredcount"
    tags = ("ecs", "ecr")

    def match(self, cfn: Any) -> list[Any]:
        """Report each service with tasks from an empty repository."""
        matches = []
        for service, properties in lookup.resources(cfn, "AWS::ECS::Service"):
            if not self._has_tasks(cfn, properties) or self._waits_for_a_build(cfn, service):
                continue
            for task in lookup.references(cfn, service, "TaskDefinition"):
                for container in _containers(cfn, task):
                    repository = self._empty_repository(cfn, container)
                    if repository:
                        message = f"{repository!r} has no image yet when {service!r} starts tasks"
                        matches.append(RuleMatch(["Resources", service], message))
        return matches

    def _empty_repository(self, cfn: Any, container: dict[str, Any]) -> str | None:
        """Return the repository of the template from which all possible images come."""
        repositories = dict(lookup.resources(cfn, "AWS::ECR::Repository"))
        found: str | None = None
        for branch in cfn.get_values(container, "Image") or ():
            image = branch["Value"]
            match image:
                case {"Fn::Sub": [str() as pattern, dict()]} if lookup.text(image) is None:
                    # The tag cannot be told, which does not matter.
                    image = pattern
            variables = lookup.VARIABLE.findall(lookup.text(image) or "")
            used = {name.partition(".")[0] for name in variables} & repositories.keys()
            if not used:
                return None
            found = min(used)
        return found

    def _has_tasks(self, cfn: Any, properties: dict[str, Any]) -> bool:
        found = cfn.get_values(properties, "DesiredCount")
        for value in [1] if found is None else [each["Value"] for each in found]:
            count = value
            if isinstance(value, dict):
                count = cfn.get_parameters_valid().get(value.get("Ref"), {}).get("Default", 0)
            if str(count) == "0":
                return False
        return True

    def _waits_for_a_build(self, cfn: Any, service: str) -> bool:
        kinds = {lookup.type_of(cfn, name) for name in lookup.waits_for(cfn, service)}
        return any(
            kind.startswith(("Custom::", "AWS::CloudFormation::")) or "::" not in kind
            for kind in kinds
        )


class MethodWithoutIntegration(CloudFormationLintRule):
    """API Gateway deploys no method without an integration."""

    id = "E9004"
    shortdesc = "API method without integration"
    description = (
        "A method without integration cannot be deployed: 'No integration defined for method'."
    )
    source_url = f"{REFERENCE}/aws-resource-apigateway-method.html"
    tags = ("apigateway",)

    def match(self, cfn: Any) -> list[Any]:
        """Report each method without an integration."""
        return [
            RuleMatch(["Resources", name], f"{name!r} has no integration")
            for name, properties in lookup.resources(cfn, "AWS::ApiGateway::Method")
            if not properties.get("Integration")
        ]


class RegistryThroughNatGateway(CloudFormationLintRule):
    """Layers of images are the traffic that costs most at a NAT gateway."""

    id = "I9010"
    shortdesc = "Private tasks pull images through a NAT gateway"
    description = (
        "Images of ECR reach private subnets through the NAT gateway, at a price per gigabyte, "
        "unless the VPC has endpoints for ECR (api and dkr) and S3."
    )
    source_url = "https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html"
    tags = ("ecs", "ecr", "ec2")

    def match(self, cfn: Any) -> list[Any]:
        """Report each service in a private subnet without an endpoint of the registry."""
        if any(
            "ecr.dkr" in str(properties.get("ServiceName"))
            for _, properties in lookup.resources(cfn, "AWS::EC2::VPCEndpoint")
        ):
            return []
        matches = []
        for service, _ in lookup.resources(cfn, "AWS::ECS::Service"):
            subnets = lookup.references(cfn, service, "NetworkConfiguration")
            private = [name for name in subnets if self._is_behind_nat_gateway(cfn, name)]
            tasks = lookup.references(cfn, service, "TaskDefinition")
            if private and any(self._uses_ecr(cfn, task) for task in tasks):
                message = f"{service!r} pulls images through the NAT gateway of {private[0]!r}"
                matches.append(RuleMatch(["Resources", service], message))
        return matches

    def _is_behind_nat_gateway(self, cfn: Any, subnet: str) -> bool:
        tables = {
            table
            for name, _ in lookup.resources(cfn, "AWS::EC2::SubnetRouteTableAssociation")
            if subnet in lookup.references(cfn, name, "SubnetId")
            for table in lookup.references(cfn, name, "RouteTableId")
        }
        return any(
            lookup.references(cfn, route, "NatGatewayId")
            and tables & lookup.references(cfn, route, "RouteTableId").keys()
            for route, _ in lookup.resources(cfn, "AWS::EC2::Route")
        )

    def _uses_ecr(self, cfn: Any, task: str) -> bool:
        used = lookup.references(cfn, task, "ContainerDefinitions")
        return bool(lookup.of_type(cfn, used, "AWS::ECR::Repository")) or any(
            ".dkr.ecr." in (lookup.text(container.get("Image")) or "")
            for container in _containers(cfn, task)
        )


class LogDeliveryWithoutPolicy(CloudFormationLintRule):
    """The service that delivers logs writes only where a resource policy lets it."""

    id = "I9011"
    shortdesc = "Log delivery to a log group without resource policy"
    description = (
        "A log group that receives vended logs needs a resource policy for "
        "delivery.logs.amazonaws.com; CloudWatch Logs adds one only if the caller may. Templates "
        "in AWS's documentation lack it, and deployments of others failed without it."
    )
    source_url = (
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/"
        "AWS-logs-infrastructure-V2-CloudWatchLogs.html"
    )
    tags = ("logs",)

    def match(self, cfn: Any) -> list[Any]:
        """Report each destination whose log group has no policy."""
        policies = [dict(each) for _, each in lookup.resources(cfn, "AWS::Logs::ResourcePolicy")]
        if "delivery.logs.amazonaws.com" in str(policies):
            return []
        groups = dict(lookup.resources(cfn, "AWS::Logs::LogGroup"))
        return [
            RuleMatch(["Resources", name], f"{group!r} has no policy for log deliveries")
            for name, _ in lookup.resources(cfn, "AWS::Logs::DeliveryDestination")
            for group in lookup.references(cfn, name, "DestinationResourceArn")
            if group in groups and "ResourcePolicyDocument" not in groups[group]
        ]


class FlowLogRecreatesLogGroup(CloudFormationLintRule):
    """Records in flight outlive the stack, and their writer creates the log group again."""

    id = "W9012"
    shortdesc = "Flow log may create its log group again"
    description = (
        "After the stack is deleted, records in flight create the named log group again if the "
        "role of the flow log may, and the next creation fails because the name is taken."
    )
    source_url = "https://github.com/terraform-aws-modules/terraform-aws-vpc/issues/435"
    tags = ("ec2", "logs")

    def match(self, cfn: Any) -> list[Any]:
        """Report each flow log whose role may create its log group, which the template names."""
        groups = dict(lookup.resources(cfn, "AWS::Logs::LogGroup"))
        roles = dict(lookup.resources(cfn, "AWS::IAM::Role"))
        return [
            RuleMatch(["Resources", role], f"{role!r} lets {name!r} create {group!r} again")
            for name, _ in lookup.resources(cfn, "AWS::EC2::FlowLog")
            for group in lookup.references(cfn, name, "LogGroupName")
            if "LogGroupName" in groups.get(group, {})
            for role in lookup.references(cfn, name, "DeliverLogsPermissionArn")
            if "logs:CreateLogGroup" in str(roles.get(role, {}).get("Policies"))
        ]


def _containers(cfn: Any, task: str) -> list[dict[str, Any]]:
    """Return the container definitions of a task definition."""
    found = cfn.template["Resources"][task].get("Properties", {}).get("ContainerDefinitions")
    listed = found if isinstance(found, list) else []
    return [each if isinstance(each, dict) else {} for each in listed]
