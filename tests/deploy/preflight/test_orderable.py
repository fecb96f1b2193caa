"""Whether AWS sells the database and the cache of the template."""

import pytest

from checkout import REGION
from iot_pipeline_cfn.template.findings import Severity
from preflights import (
    ZONES,
    added,
    change,
    modified,
    problems,
    remediations,
    run_check,
    stubbed,
)

ORDER = {"Engine": "postgres", "EngineVersion": "16.15", "DBInstanceClass": "db.t4g.micro"}
OPTION = ORDER | {
    "AvailabilityZones": [{"Name": zone} for zone in ZONES.values()],
    "MultiAZCapable": True,
    "StorageType": "gp3",
    "SupportsEnhancedMonitoring": True,
    "SupportsIAMDatabaseAuthentication": True,
    "SupportsPerformanceInsights": True,
    "SupportsStorageAutoscaling": True,
    "SupportsStorageEncryption": True,
    "Vpc": True,
}
OPTIONS = "describe_orderable_db_instance_options"


def options(*found):
    return {"OrderableDBInstanceOptions": list(found)}


def database(*answers, made=change("Database"), **parameters):  # noqa: B008 A constant.
    """Return the findings about the database, where RDS gives these answers."""
    found = run_check("database-orderable", stubbed(rds=answers), [made], **parameters)
    assert {each.subject for each in found} <= {"Database"}
    assert {each.severity for each in found} <= {Severity.ERROR}
    return found


@pytest.mark.parametrize(
    ("sold", "parameters"),
    [
        ({}, {}),
        ({}, {"Monitoring": "detailed"}),
        ({"MultiAZCapable": False}, {"Availability": "single-zone"}),
        ({"AvailabilityZones": [{"Name": "ap-northeast-1c"}]}, {"Availability": "single-zone"}),
        ({"AvailabilityZones": [{"Name": "x"}, {"Name": "y"}]}, dict.fromkeys(ZONES, "")),
        ({"SupportsPerformanceInsights": False}, {"Monitoring": "basic"}),
    ],
)
def test_database_is_sold(sold, parameters):
    lesser = OPTION | {"AvailabilityZones": [], "SupportsIAMDatabaseAuthentication": False}
    answer = options(OPTION | {"StorageType": "gp2"}, lesser, OPTION | sold)
    assert database((OPTIONS, answer, ORDER | {"Vpc": True}), **parameters) == []


@pytest.mark.parametrize(
    ("sold", "parameters", "facts"),
    [
        ({"StorageType": "io1"}, {}, {"problem": "storage", "storage": "gp3", "sold": ["io1"]}),
        ({"MultiAZCapable": False}, {}, {"problem": "feature", "feature": "MultiAZ"}),
        (
            {"SupportsPerformanceInsights": False},
            {"Monitoring": "detailed"},
            {"problem": "feature", "feature": "EnablePerformanceInsights"},
        ),
        (
            {"AvailabilityZones": [{"Name": "ap-northeast-1a"}, {"Name": "ap-northeast-1d"}]},
            {},
            {"problem": "zones", "needed": 2, "zones": [*ZONES.values()]},
        ),
        (
            {"AvailabilityZones": [{"Name": "ap-northeast-1d"}]},
            {"Availability": "single-zone"},
            {"problem": "zones", "needed": 1, "sold": ["ap-northeast-1d"]},
        ),
        (
            {"AvailabilityZones": [{"Name": "ap-northeast-1d"}]},
            dict.fromkeys(ZONES, ""),
            {"problem": "zones", "needed": 2, "zones": []},
        ),
    ],
)
def test_database_is_sold_otherwise(sold, parameters, facts):
    (finding,) = database((OPTIONS, options(OPTION | sold)), **parameters)
    order = {"engine": "postgres", "version": "16.15", "instance_class": "db.t4g.micro"}
    expected = facts | order | {"region": REGION, "logical_ids": ["Database"]}
    assert finding.details.items() >= expected.items()
    assert remediations(finding, "choose-parameter") == [{"name": "DatabaseInstanceClass"}]


def no_options(*versions):
    """Return the answers of RDS where the class is not sold with the version."""
    family = {"Engine": "postgres", "DBParameterGroupFamily": "postgres16"}
    found = {"DBEngineVersions": [{"EngineVersion": version} for version in versions]}
    return [(OPTIONS, options()), ("describe_db_engine_versions", found, family)]


@pytest.mark.parametrize(
    ("classes", "choice"),
    [
        (["db.x9.large", "db.m7g.large", "db.t4g.small"], ["db.t4g.small", "db.m7g.large"]),
        (["db.x9.large"], []),
    ],
)
@pytest.mark.parametrize("made", [change("Database"), modified("Database", "DBInstanceClass")])
def test_instance_class_is_not_sold(classes, choice, made):
    """The classes that both the template and the region have are proposed."""
    sold = options(*({"DBInstanceClass": name} for name in classes))
    whole = {"Engine": "postgres", "EngineVersion": "16.15", "Vpc": True}
    answers = [*no_options("16.9", "16.15"), (OPTIONS, sold, whole)]
    (finding,) = database(*answers, made=made)
    assert finding.details["problem"] == "class"
    chosen = {"name": "DatabaseInstanceClass", "values": choice}
    assert remediations(finding, "choose-parameter") == [chosen]


@pytest.mark.parametrize("made", [change("Database"), modified("Database", "EngineVersion")])
def test_engine_version_is_no_longer_created(made):
    (finding,) = database(*no_options("16.18", "16.19"), made=made)
    assert finding.details["problem"] == "version"
    assert finding.details["sold"] == ["16.18", "16.19"]
    assert remediations(finding, "change-template")


def test_existing_database_keeps_its_engine_version():
    assert database(*no_options("16.18"), made=modified("Database", "DBInstanceClass")) == []


def cache(made, versions=None, offerings=None):
    """Return the severity and the problem of each finding about the cache."""
    answers = []
    if versions is not None:
        found = {"CacheEngineVersions": [{"EngineVersion": version} for version in versions]}
        answers.append(("describe_cache_engine_versions", found, {"Engine": "redis"}))
    if offerings is not None:
        is_error = isinstance(offerings, str)
        answer = offerings if is_error else {"ReservedCacheNodesOfferings": offerings}
        answers.append(("describe_reserved_cache_nodes_offerings", answer))
    return problems(run_check("cache-orderable", stubbed(elasticache=answers), [made]))


NODE = {"CacheNodeType": "cache.t4g.micro"}


@pytest.mark.parametrize("version", ["7.1", "7.1.0"])
@pytest.mark.parametrize(
    "made", [*added("Cache"), modified("Cache", "CacheNodeType", "EngineVersion")]
)
def test_cache_is_sold(made, version):
    assert cache(made, ["6.2", version], [NODE]) == []


def test_cache_is_not_sold():
    """The version certainly is not, and the node type is probably not."""
    assert cache(change("Cache"), ["7.0", "7.10"], []) == [
        (Severity.ERROR, "version"),
        (Severity.WARNING, "node-type"),
    ]


def test_existing_cache_keeps_what_is_no_longer_sold():
    node_type = [(Severity.WARNING, "node-type")]
    assert cache(modified("Cache", "CacheNodeType"), offerings=[]) == node_type
    version = [(Severity.ERROR, "version")]
    assert cache(modified("Cache", "EngineVersion"), versions=["8.0"]) == version


def test_finding_from_before_a_denied_call_is_kept():
    assert cache(change("Cache"), [], "AccessDenied") == [
        (Severity.ERROR, "version"),
        (Severity.NOTE, "not-checked"),
    ]
