"""What nearly every component needs: the template, the environment's choices, its encryption."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from troposphere import And, AWSHelperFn, AWSObject, Equals, Output, Parameter, Sub, Tags, Template
from troposphere.iam import Role

from iot_pipeline_cfn.template.parameters import SUFFIX_PARAMETER

from . import naming
from .conditions import ALWAYS, NEVER, Condition, is_given

if TYPE_CHECKING:
    from .encryption import Encryption

R = TypeVar("R", bound=AWSObject)


class ToJsonString(AWSHelperFn):
    """A JSON document that stays readable in the template and reaches AWS as a string.

    The transform `AWS::LanguageExtensions` evaluates it. The transform also allows functions in
    `DeletionPolicy` and `UpdateReplacePolicy`
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/transform-aws-languageextensions.html).
    """

    def __init__(self, document: dict[str, Any]) -> None:
        """Wrap a document, whose references and other functions are resolved first."""
        self.data = {"Fn::ToJsonString": document}


class Context:
    """The template of one environment, with the choices on which most components depend.

    The methods add to the template and check what troposphere does not.
    """

    encryption: "Encryption"
    """Set by the composition, before any component that stores data."""

    suffix: Parameter
    is_multi_zone: Condition
    is_protected: Condition
    has_deletion_protection: Condition
    has_detailed_monitoring: Condition
    """Set by `add_environment`, in a template of environments."""

    def __init__(self, description: str) -> None:
        """Start a template, whose parameters follow in the order in which they are added."""
        self.template = Template(Description=description)
        self.template.set_version("2010-09-09")
        self.template.set_transform("AWS::LanguageExtensions")
        self._group = "Environment"

    def add_account(self) -> None:
        """Add the suffix, which an account has only one of, and the deletion protection."""
        self.suffix = self.add_parameter(
            Parameter(
                SUFFIX_PARAMETER,
                Type="String",
                AllowedValues=["account"],
                ConstraintDescription="account.",
                Default="account",
                Description="Suffix of the stack's name.",
            ),
            label="Suffix",
        )
        self.add_choice(
            "DeletionProtection",
            ["enabled", "disabled"],
            default="enabled",
            description="Termination protection of the stack. Disable it before deleting the "
            "stack.",
            label="Deletion protection",
        )

    def add_environment(self) -> None:
        """Add the suffix and the choices Availability, Durability and Monitoring.

        Deletion protection is a part of Durability with a parameter of its own: it must be lifted
        before a stack can be deleted, and the snapshots must still be kept.
        """
        self.suffix = self.add_parameter(
            Parameter(
                SUFFIX_PARAMETER,
                Type="String",
                AllowedPattern=f"^{naming.SUFFIX_PATTERN}$",
                ConstraintDescription=naming.SUFFIX_RULE,
                Description="Suffix of the environment's names, such as pr123, staging or prod.",
                MaxLength=naming.SUFFIX_MAX_LENGTH,
            ),
            label="Suffix",
        )
        self.is_multi_zone = self.add_switch(
            "Availability",
            ("single-zone", "multi-zone"),
            default="multi-zone",
            condition="IsMultiZone",
            description="Multi-zone adds a standby database, a second cache node, and interface "
            "endpoints in both zones. A change replaces the cache.",
            label="Availability",
        )
        self.is_protected = self.add_switch(
            "Durability",
            ("ephemeral", "protected"),
            default="protected",
            condition="IsProtected",
            description="Protected adds backups, deletion protection, logs of the database, and "
            "snapshots of database and cache when the stack is deleted.",
            label="Durability",
        )
        deletion_protection = self.add_choice(
            "DeletionProtection",
            ["enabled", "disabled"],
            default="enabled",
            description="Deletion protection of database and load balancer, if Durability is "
            "protected. Disable it before deleting the stack; snapshots are kept all the same.",
            label="Deletion protection",
        )
        self.has_detailed_monitoring = self.add_switch(
            "Monitoring",
            ("basic", "detailed"),
            condition="HasDetailedMonitoring",
            description="Detailed adds enhanced monitoring, insights into database and containers, "
            "X-Ray, and the load balancer's access logs, which a change to basic deletes.",
            label="Monitoring",
        )
        self.has_deletion_protection = self.add_condition(
            "HasDeletionProtection",
            And(self.is_protected.as_term(), Equals(deletion_protection.ref(), "enabled")),
        )

    def environment_name(self, *, prefix: str = "", ending: str = "") -> Sub:
        """Return the name `<prefix>iot-pipeline-<suffix><ending>`."""
        return naming.environment_name(self.suffix, prefix=prefix, ending=ending)

    @contextmanager
    def group(self, name: str) -> Iterator[None]:
        """Have the console show the parameters that are added in this context in a group."""
        outer, self._group = self._group, name
        yield
        self._group = outer

    def add_boundary(self) -> None:
        """Set the permissions boundary of every role, if there is one."""
        boundary = self.add_optional(
            "PermissionsBoundary",
            "arn:[a-z-]+:iam::[0-9]{12}:policy/.+",
            constraint="Empty, or the ARN of a managed policy.",
            description="The permissions boundary of all roles. The deployer sets that of the "
            "stack iot-pipeline-account.",
            label="Permissions boundary",
        )
        has_boundary = self.add_condition("HasPermissionsBoundary", is_given(boundary))
        for resource in self.template.resources.values():
            if isinstance(resource, Role):
                resource.PermissionsBoundary = has_boundary.choose(boundary.ref())

    def add_names(self) -> None:
        """Set the tag `Name` of resources of EC2, which have no other name in the console.

        The deployer sets the tags that are the same for all resources, `Environment` and `Project`,
        on the stack (`template.parameters.stack_tags`), and CloudFormation propagates them.
        """
        for resource in self.template.resources.values():
            if str(resource.resource_type).startswith("AWS::EC2::") and "Tags" in resource.props:
                resource.Tags = Tags(Name=self.environment_name(ending=f"/{resource.title}"))

    def add(self, resource: R, *, condition: Condition | None = None) -> R:
        """Add a resource, which exists only under the condition if there is one."""
        if condition is NEVER:
            return resource
        if condition not in {None, ALWAYS}:
            resource.Condition = condition
        return self.template.add_resource(resource)

    def add_parameter(self, parameter: Parameter, *, label: str) -> Parameter:
        """Add a parameter with the label under which the console shows it."""
        self.template.add_parameter(parameter)
        self.template.add_parameter_to_group(parameter, self._group)
        self.template.set_parameter_label(parameter, label)
        return parameter

    def add_choice(
        self, name: str, values: Sequence[str], *, default: str, description: str, label: str
    ) -> Parameter:
        """Add a parameter that takes one of the values."""
        parameter = Parameter(
            name,
            Type="String",
            AllowedValues=list(values),
            ConstraintDescription=f"One of {', '.join(values)}.",
            Default=default,
            Description=description,
        )
        return self.add_parameter(parameter, label=label)

    def add_switch(
        self,
        name: str,
        values: tuple[str, str] = ("disabled", "enabled"),
        *,
        default: str | None = None,
        condition: str,
        description: str,
        label: str,
    ) -> Condition:
        """Add a parameter with two values; return the condition that it has the second one.

        The default is the first value.
        """
        first, second = values
        parameter = self.add_choice(
            name, values, default=default or first, description=description, label=label
        )
        return self.add_condition(condition, Equals(parameter.ref(), second))

    def add_number(
        self, name: str, *, default: int, maximum: int, description: str, label: str
    ) -> Parameter:
        """Add a parameter that takes a number from 1 to the maximum."""
        parameter = Parameter(
            name,
            Type="Number",
            ConstraintDescription=f"1 to {maximum}.",
            Default=default,
            Description=description,
            MaxValue=maximum,
            MinValue=1,
        )
        return self.add_parameter(parameter, label=label)

    def add_optional(
        self, name: str, pattern: str, *, constraint: str, description: str, label: str
    ) -> Parameter:
        """Add a parameter that is empty or matches a pattern, described by the constraint."""
        parameter = Parameter(
            name,
            Type="String",
            AllowedPattern=f"^({pattern})?$",
            ConstraintDescription=constraint,
            Default="",
            Description=description,
        )
        return self.add_parameter(parameter, label=label)

    def add_condition(self, name: str, expression: AWSHelperFn) -> Condition:
        """Add a condition.

        Raises:
            ValueError: when the template has a condition of this name. Troposphere would overwrite
                it.

        """
        if name in self.template.conditions:
            msg = f"the template already has a condition {name}"
            raise ValueError(msg)
        return Condition(self.template.add_condition(name, expression))

    def add_rule(
        self, name: str, *, condition: AWSHelperFn, assertion: AWSHelperFn, description: str
    ) -> None:
        """Add a rule: where the condition holds, the assertion must hold too."""
        assertions = [{"Assert": assertion, "AssertDescription": description}]
        self.template.add_rule(name, {"RuleCondition": condition, "Assertions": assertions})

    def add_output(
        self,
        name: str,
        description: str,
        value: AWSHelperFn | str,
        *,
        condition: Condition | None = None,
    ) -> None:
        """Add an output, with the condition under which its resource exists."""
        output = Output(name, Description=description, Value=value)
        if condition is NEVER:
            return
        if condition not in {None, ALWAYS}:
            output.Condition = condition
        self.template.add_output(output)

    def describe(self, **descriptions: str) -> None:
        """Describe parameters by what they do in this template, where others have them too."""
        for name, description in descriptions.items():
            self.template.parameters[name].Description = description
