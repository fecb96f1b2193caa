"""Whether AWS offers the engine version and the instance class of database and cache."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.deploy.request import ZONES
from iot_pipeline_cfn.template.findings import Finding, Remediation, Severity, Value

from .checking import PreflightContext, choose_parameter, describe, report

DATABASE: Final = "AWS::RDS::DBInstance"
CACHE: Final = "AWS::ElastiCache::ReplicationGroup"

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
"""Properties that not every instance class supports, with the attribute of an orderable option."""

Option = Mapping[str, Any]


def check_database_orderable(context: PreflightContext) -> Iterator[Finding]:
    """Report databases that RDS does not offer as they are created or changed.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeOrderableDBInstanceOptions.html
    """
    ordered = ("DBInstanceClass", "Engine", "EngineVersion", "StorageType", *FEATURES)
    for logical_id, properties in context.changed(DATABASE, *ordered).items():
        facts = {
            "subject": logical_id,
            "region": context.connection.region,
            "engine": properties.get("Engine"),
            "version": properties.get("EngineVersion"),
            "instance_class": properties.get("DBInstanceClass"),
        }
        for problem, details, remediation in _database_problems(context, logical_id, properties):
            found = {**facts, "problem": problem, **details}
            yield report("database-orderable", Severity.ERROR, [logical_id], remediation, **found)


Problem = tuple[str, dict[str, Value], Remediation]
_ANOTHER_CLASS: Final = choose_parameter("DatabaseInstanceClass")


def _database_problems(
    context: PreflightContext, logical_id: str, properties: Mapping[str, Any]
) -> Iterator[Problem]:
    engine, version = properties.get("Engine"), properties.get("EngineVersion")
    order = {"Engine": engine, "EngineVersion": version}
    options = _options(context, **order, DBInstanceClass=properties.get("DBInstanceClass"))
    if not options:
        versions = _database_versions(context, str(engine), str(version))
        if version in versions:
            values = _sold_classes(context, order)
            choose = choose_parameter("DatabaseInstanceClass", values=values)
            yield "class", {"sold": values}, choose
        # An existing database keeps a version that can no longer be created.
        elif logical_id in context.changed(DATABASE, "EngineVersion"):
            yield "version", {"sold": versions}, _another_version("database")
        return
    storage = properties.get("StorageType")
    fitting = [option for option in options if option.get("StorageType") == storage]
    if not fitting:
        sold = sorted({option.get("StorageType", "") for option in options})
        yield "storage", {"storage": storage, "sold": sold}, _ANOTHER_CLASS
        return
    for name, attribute in FEATURES.items():
        if properties.get(name) and not any(option.get(attribute, True) for option in fitting):
            yield "feature", {"feature": name}, _ANOTHER_CLASS
    yield from _zone_problems(context, fitting, needed=2 if properties.get("MultiAZ") else 1)


def _zone_problems(
    context: PreflightContext, options: Sequence[Option], *, needed: int
) -> Iterator[Problem]:
    """Yield that the class is offered in too few zones of the environment, or of the region."""
    sold = {
        zone.get("Name", "") for option in options for zone in option.get("AvailabilityZones", [])
    }
    given = {zone for name in ZONES if (zone := context.parameters.get(name))}
    if len(sold & (given or sold)) < needed:
        details = {"sold": sorted(sold), "needed": needed, "zones": sorted(given)}
        yield "zones", details, _ANOTHER_CLASS


def _options(context: PreflightContext, **order: Any) -> list[Option]:
    call = "describe_orderable_db_instance_options"
    return list(describe(context.connection.rds, call, **order, Vpc=True))


def _database_versions(context: PreflightContext, engine: str, version: str) -> list[str]:
    """Return the versions of the same major version that can be created."""
    family = f"{engine}{version.partition('.')[0]}"
    found = describe(
        context.connection.rds,
        "describe_db_engine_versions",
        Engine=engine,
        DBParameterGroupFamily=family,
    )
    return [one["EngineVersion"] for one in found]


def _sold_classes(context: PreflightContext, order: Mapping[str, Any]) -> list[str]:
    """Return the instance classes that both the template and the region have."""
    sold = {option.get("DBInstanceClass") for option in _options(context, **order)}
    allowed = context.template["Parameters"]["DatabaseInstanceClass"]["AllowedValues"]
    return [name for name in allowed if name in sold]


def check_cache_orderable(context: PreflightContext) -> Iterator[Finding]:
    """Report caches that ElastiCache does not offer as they are created or changed.

    No call lists the node types of a region. A type that can be reserved is offered; one
    that cannot is probably not, so that is a warning.
    https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_DescribeReservedCacheNodesOfferings.html
    """
    connection = context.connection
    # An existing cache keeps a version and a node type that are no longer offered.
    for logical_id, properties in context.changed(CACHE, "Engine", "EngineVersion").items():
        engine, version = properties.get("Engine"), properties.get("EngineVersion")
        sold = describe(connection.elasticache, "describe_cache_engine_versions", Engine=engine)
        versions = [each["EngineVersion"] for each in sold]
        # 7.1 also means the newest of 7.1.x.
        if not any(f"{one}.".startswith(f"{version}.") for one in versions):
            yield report(
                "cache-orderable",
                Severity.ERROR,
                [logical_id],
                _another_version("cache"),
                subject=logical_id,
                problem="version",
                engine=engine,
                version=version,
                region=connection.region,
                sold=versions,
            )
    for logical_id, properties in context.changed(CACHE, "CacheNodeType").items():
        node_type = properties.get("CacheNodeType")
        call = "describe_reserved_cache_nodes_offerings"
        if not any(describe(connection.elasticache, call, CacheNodeType=node_type)):
            yield report(
                "cache-orderable",
                Severity.WARNING,
                [logical_id],
                choose_parameter("CacheNodeType"),
                subject=logical_id,
                problem="node-type",
                node_type=node_type,
                region=connection.region,
            )


def _another_version(component: str) -> Remediation:
    return Remediation("change-template", {"component": component, "constant": "ENGINE_VERSION"})
