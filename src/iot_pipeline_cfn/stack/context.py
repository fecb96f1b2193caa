"""What an environment is called, and the choices that carry most of what differs."""

from dataclasses import dataclass

from troposphere import And, Condition, Equals, Parameter, Template

from .naming import SUFFIX_MAX_LENGTH, SUFFIX_PATTERN, SUFFIX_RULE
from .sections import add_choice, add_condition, add_parameter


@dataclass(frozen=True)
class Environment:
    """The suffix, and the names of the conditions that the choices decide."""

    suffix: Parameter
    is_multi_zone: str
    is_protected: str
    has_deletion_protection: str
    has_detailed_monitoring: str


def add_environment(template: Template) -> Environment:
    """Add the suffix and the choices Availability, Durability and Monitoring.

    Deletion protection is a part of Durability with a switch of its own: it has to be lifted before
    a stack can be deleted, and the snapshots must not go with it.
    """
    group = "Environment"
    suffix = add_parameter(
        template,
        Parameter(
            "EnvironmentSuffix",
            Type="String",
            AllowedPattern=f"^{SUFFIX_PATTERN}$",
            ConstraintDescription=SUFFIX_RULE,
            Description="Names the environment: pr123, staging, prod.",
            MaxLength=SUFFIX_MAX_LENGTH,
        ),
        group=group,
        label="Suffix",
    )
    availability = add_choice(
        template,
        "Availability",
        ["single-zone", "multi-zone"],
        default="multi-zone",
        description="Multi-zone is a standby database, a second cache node, and interface "
        "endpoints in both zones. A change replaces the cache.",
        group=group,
        label="Availability",
    )
    durability = add_choice(
        template,
        "Durability",
        ["ephemeral", "protected"],
        default="protected",
        description="Protected is backups, deletion protection, the database's logs, and snapshots "
        "of database and cache when the stack is deleted.",
        group=group,
        label="Durability",
    )
    deletion_protection = add_choice(
        template,
        "DeletionProtection",
        ["enabled", "disabled"],
        default="enabled",
        description="Of database and load balancer, where Durability is protected. Disabled lets "
        "the stack be deleted; the snapshots are still kept.",
        group=group,
        label="Deletion protection",
    )
    monitoring = add_choice(
        template,
        "Monitoring",
        ["basic", "detailed"],
        default="basic",
        description="Detailed adds enhanced monitoring, insights into database and containers, "
        "X-Ray, and the load balancer's access logs.",
        group=group,
        label="Monitoring",
    )
    is_protected = add_condition(template, "IsProtected", Equals(durability.ref(), "protected"))
    has_deletion_protection = add_condition(
        template,
        "HasDeletionProtection",
        And(Condition(is_protected), Equals(deletion_protection.ref(), "enabled")),
    )
    return Environment(
        suffix=suffix,
        is_multi_zone=add_condition(
            template, "IsMultiZone", Equals(availability.ref(), "multi-zone")
        ),
        is_protected=is_protected,
        has_deletion_protection=has_deletion_protection,
        has_detailed_monitoring=add_condition(
            template, "HasDetailedMonitoring", Equals(monitoring.ref(), "detailed")
        ),
    )
