"""Rules for stacks that can be created, and that a later change breaks."""

from pathlib import Path
from typing import Any

from cfnlint.helpers import import_filename
from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError

# cfn-lint loads the files of a directory, not a package.
lookup = import_filename("_template", str(Path(__file__).parent))

REFERENCE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference"


class DeliverySourceOfReplacedResource(CloudFormationLintRule):
    """CloudWatch Logs refuses another resource for a delivery source that exists."""

    id = "W9013"
    shortdesc = "Log delivery source keeps its name when its resource is replaced"
    description = (
        "A parameter that replaces the resource of a delivery source must be in the name of the "
        "source, so that it is replaced too: an update with another ResourceArn fails."
    )
    source_url = "https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2513"
    tags = ("logs",)

    def match(self, cfn: Any) -> list[Any]:
        """Report each source that is not replaced with its resource."""
        matches = []
        for name, properties in lookup.resources(cfn, "AWS::Logs::DeliverySource"):
            for resource in lookup.references(cfn, name, "ResourceArn"):
                kept = self._replacing(cfn, resource) - lookup.choices(cfn, properties.get("Name"))
                if kept:
                    message = f"A change of {sorted(kept)} replaces {resource!r}, and not {name!r}"
                    matches.append(RuleMatch(["Resources", name], message))
        return matches

    def _replacing(self, cfn: Any, resource: str) -> set[str]:
        """Return the parameters whose change replaces a resource."""
        kind = lookup.type_of(cfn, resource)
        try:
            schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(cfn.regions[0], kind).schema
        except ResourceNotFoundError:
            return set()
        create_only = {path.split("/")[2] for path in schema.get("createOnlyProperties", ())}
        properties = dict(lookup.resources(cfn, kind))[resource]
        return set(lookup.choices(cfn, [properties.get(name) for name in create_only]))


class CapacityProviderWithoutDeployment(CloudFormationLintRule):
    """ECS takes another capacity provider only with a new deployment."""

    id = "W9014"
    shortdesc = "Capacity provider from a parameter without ForceNewDeployment"
    description = (
        "An update that changes only the capacity providers of a service fails, because ECS "
        "demands a new deployment; give the parameter as ForceNewDeploymentNonce."
    )
    source_url = "https://github.com/aws/aws-cdk/issues/34631"
    tags = ("ecs",)

    def match(self, cfn: Any) -> list[Any]:
        """Report each service whose capacity providers a parameter changes."""
        return [
            RuleMatch(["Resources", name], f"A change of {parameter!r} deploys nothing of {name!r}")
            for name, properties in lookup.resources(cfn, "AWS::ECS::Service")
            if "ForceNewDeployment" not in properties
            for parameter in sorted(lookup.choices(cfn, properties.get("CapacityProviderStrategy")))
        ]


class ExtendedSupportByDefault(CloudFormationLintRule):
    """RDS enrols a database in Extended Support, which no update can end."""

    id = "I9015"
    shortdesc = "Database in RDS Extended Support by default"
    description = (
        "Without EngineLifecycleSupport a MySQL or PostgreSQL database is enrolled in Extended "
        "Support, which costs extra after the end of standard support and cannot be changed later."
    )
    source_url = f"{REFERENCE}/aws-resource-rds-dbinstance.html"
    tags = ("rds",)

    def match(self, cfn: Any) -> list[Any]:
        """Report each database that does not choose."""
        engines = {"aurora-mysql", "aurora-postgresql", "mysql", "postgres"}
        databases = [
            *lookup.resources(cfn, "AWS::RDS::DBCluster"),
            # The instances of a cluster have its support.
            *(
                (name, properties)
                for name, properties in lookup.resources(cfn, "AWS::RDS::DBInstance")
                if "DBClusterIdentifier" not in properties
            ),
        ]
        return [
            RuleMatch(["Resources", name], f"{name!r} does not choose EngineLifecycleSupport")
            for name, properties in databases
            if str(properties.get("Engine")).lower() in engines
            and "EngineLifecycleSupport" not in properties
        ]
