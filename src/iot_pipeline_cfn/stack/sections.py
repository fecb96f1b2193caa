"""Parameters, conditions and outputs, with the checks that troposphere leaves out."""

from collections.abc import Sequence

from troposphere import AWSHelperFn, Equals, Not, Output, Parameter, Template


def add_parameter(template: Template, parameter: Parameter, *, group: str, label: str) -> Parameter:
    """Add a parameter with the group and the label under which the console shows it."""
    template.add_parameter(parameter)
    template.add_parameter_to_group(parameter, group)
    template.set_parameter_label(parameter, label)
    return parameter


def add_choice(
    template: Template,
    name: str,
    values: Sequence[str],
    *,
    default: str,
    description: str,
    group: str,
    label: str,
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
    return add_parameter(template, parameter, group=group, label=label)


def add_switch(
    template: Template, name: str, *, condition: str, description: str, group: str, label: str
) -> str:
    """Add a parameter that is disabled unless enabled, and return the condition that it is."""
    parameter = add_choice(
        template,
        name,
        ["disabled", "enabled"],
        default="disabled",
        description=description,
        group=group,
        label=label,
    )
    return add_condition(template, condition, Equals(parameter.ref(), "enabled"))


def add_number(
    template: Template,
    name: str,
    *,
    default: int,
    maximum: int,
    description: str,
    group: str,
    label: str,
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
    return add_parameter(template, parameter, group=group, label=label)


def add_optional(
    template: Template,
    name: str,
    pattern: str,
    *,
    constraint: str,
    description: str,
    group: str,
    label: str,
) -> Parameter:
    """Add a parameter that is empty or fits a pattern, which the constraint says in words."""
    parameter = Parameter(
        name,
        Type="String",
        AllowedPattern=f"^({pattern})?$",
        ConstraintDescription=constraint,
        Default="",
        Description=description,
    )
    return add_parameter(template, parameter, group=group, label=label)


def is_given(parameter: Parameter) -> Not:
    """Return the expression that an optional parameter is not empty."""
    return Not(Equals(parameter.ref(), ""))


def add_condition(template: Template, name: str, expression: AWSHelperFn) -> str:
    """Add a condition and return its name, for `If` and for a resource's `Condition`.

    Raises:
        ValueError: when the template has a condition of this name, which troposphere overwrites.

    """
    if name in template.conditions:
        msg = f"the template already has a condition {name}"
        raise ValueError(msg)
    return template.add_condition(name, expression)


def add_output(
    template: Template,
    name: str,
    description: str,
    value: AWSHelperFn | str,
    *,
    condition: str | None = None,
) -> None:
    """Add a described output, where `condition` names the one under which its resource exists."""
    output = Output(name, Description=description, Value=value)
    if condition is not None:
        output.Condition = condition
    template.add_output(output)
