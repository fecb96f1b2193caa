"""What RDS sells: a version of an engine on an instance class, with a storage type, in zones.

What exists can only be changed to what can be ordered, too.
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeOrderableDBInstanceOptions.html
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from .checking import Finding, Severity, Subject

if TYPE_CHECKING:
    from types_boto3_rds.type_defs import OrderableDBInstanceOptionTypeDef as Option

CODE = "database-orderable"

DATABASE: Final = "AWS::RDS::DBInstance"

FEATURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "EnableIAMDatabaseAuthentication": "SupportsIAMDatabaseAuthentication",
        "EnablePerformanceInsights": "SupportsPerformanceInsights",
        "MaxAllocatedStorage": "SupportsStorageAutoscaling",
        "MonitoringInterval": "SupportsEnhancedMonitoring",
        "MultiAZ": "MultiAZCapable",
        "StorageEncrypted": "SupportsStorageEncryption",
    }
)
"""Properties that not every class can have, each with what an option says of it."""


def look(subject: Subject) -> Iterator[Finding]:
    """Look whether each database that is new, or changes in what is ordered, can be ordered."""
    ordered = ("DBInstanceClass", "Engine", "EngineVersion", "StorageType", *FEATURES)
    for logical_id, properties in subject.touched(DATABASE, *ordered).items():
        for problem in _problems(subject, logical_id, properties):
            yield Finding(CODE, Severity.ERROR, f"{logical_id}: {problem}", [logical_id])


def _problems(subject: Subject, logical_id: str, properties: Mapping[str, Any]) -> Iterator[str]:
    engine, version = properties.get("Engine"), properties.get("EngineVersion")
    region = subject.connection.region
    size = properties.get("DBInstanceClass")
    what = f"{engine} {version} on {size}"
    options = _options(subject, Engine=engine, EngineVersion=version, DBInstanceClass=size)
    if not options:
        versions = _versions(subject, str(engine), str(version))
        if version in versions:
            yield f"{what} is not sold in {region}; {_classes(subject, engine, version)}"
        # What runs a version that cannot be made any more keeps it.
        elif logical_id in subject.touched(DATABASE, "EngineVersion"):
            yield (
                f"{engine} {version} cannot be made any more in {region}, but "
                f"{', '.join(versions)} can: raise ENGINE_VERSION in database.py, and make template"
            )
        return
    storage = properties.get("StorageType")
    fitting = [option for option in options if option.get("StorageType") == storage]
    if not fitting:
        types = ", ".join(sorted({option.get("StorageType", "") for option in options}))
        yield f"{what} is sold in {region} with storage {types} only, not {storage}"
        return
    for name, feature in FEATURES.items():
        if properties.get(name) and not any(option.get(feature, True) for option in fitting):
            yield f"{what} is sold in {region} without {name}; choose another DatabaseInstanceClass"
    yield from _zones(subject, fitting, what, needed=2 if properties.get("MultiAZ") else 1)


def _zones(
    subject: Subject, options: Sequence["Option"], what: str, *, needed: int
) -> Iterator[str]:
    """Yield that the zones of the environment, or of the region, are too few."""
    sold = {
        zone.get("Name", "") for option in options for zone in option.get("AvailabilityZones", [])
    }
    names = ("AvailabilityZone1", "AvailabilityZone2")
    given = {zone for name in names if (zone := subject.parameters.get(name))}
    if len(sold & (given or sold)) < needed:
        yield (
            f"{what} is sold in {', '.join(sorted(sold))} only, and needs {needed} of "
            f"{', '.join(sorted(given)) or 'the zones'}; give other zones, or choose another "
            "DatabaseInstanceClass"
        )


def _options(subject: Subject, **order: Any) -> list["Option"]:
    pages = subject.connection.rds.get_paginator("describe_orderable_db_instance_options").paginate(
        **order, Vpc=True
    )
    return [option for page in pages for option in page["OrderableDBInstanceOptions"]]


def _versions(subject: Subject, engine: str, version: str) -> list[str]:
    """Return the versions of the same major version that can be made."""
    pages = subject.connection.rds.get_paginator("describe_db_engine_versions").paginate(
        Engine=engine, DBParameterGroupFamily=f"{engine}{version.partition('.')[0]}"
    )
    return [one["EngineVersion"] for page in pages for one in page["DBEngineVersions"]]


def _classes(subject: Subject, engine: object, version: object) -> str:
    """Return in words which of the classes that the template takes are sold."""
    sold = {
        option.get("DBInstanceClass")
        for option in _options(subject, Engine=engine, EngineVersion=version)
    }
    allowed = subject.template["Parameters"]["DatabaseInstanceClass"]["AllowedValues"]
    names = ", ".join(name for name in allowed if name in sold)
    return f"as DatabaseInstanceClass {names} can be chosen" if names else "take another region"
