"""Change sets as DescribeChangeSet returns them, including what the emulator never answers."""

import pytest

from change_sets import change, detail
from iot_pipeline_cfn.deploy.reported_changes import change_data, loses_data, resource_change
from iot_pipeline_cfn.template.changes import Action, Replacement, UpdateBehavior


@pytest.mark.parametrize(
    ("action", "known"), [("Import", Action.IMPORT), ("Whatever", Action.UNKNOWN)]
)
def test_action_that_is_not_known_is_no_error(action, known):
    found = resource_change(change("A", Action=action)["ResourceChange"])
    assert (found.action, found.replacement, found.properties) == (known, Replacement.NO, ())


@pytest.mark.parametrize(
    ("recreation", "behavior"),
    [
        ("Never", UpdateBehavior.NO_INTERRUPTION),
        ("Conditionally", UpdateBehavior.MAYBE_REPLACEMENT),
        ("Always", UpdateBehavior.REPLACEMENT),
        ("AnythingNew", UpdateBehavior.MAYBE_REPLACEMENT),
    ],
)
def test_recreation_that_is_not_known_may_replace(recreation, behavior):
    details = [{"Target": {"Name": "Engine", "RequiresRecreation": recreation}}]
    (part,) = resource_change(change("A", Details=details)["ResourceChange"]).properties
    assert part.behavior is behavior


def test_property_occurs_once_with_its_cause_and_values():
    """AWS details it for each cause, and again where it knows the value."""
    details = [
        detail("Engine") | {"CausingEntity": "EngineVersion"},
        detail("Engine", "15", "16", RequiresRecreation="Conditionally"),
        {"Target": {"Attribute": "Tags"}},
        detail("Subnets", "a", None, Path="/Properties/Network/Subnets"),
    ]
    found = resource_change(change("A", Details=details)["ResourceChange"])
    engine, tags, subnets = found.properties
    assert (engine.path, engine.before, engine.after) == ("Engine", "15", "16")
    assert (engine.because_of, engine.behavior) == (
        "EngineVersion",
        UpdateBehavior.MAYBE_REPLACEMENT,
    )
    assert (tags.path, tags.before) == ("Tags", None)
    assert (subnets.path, subnets.before, subnets.after) == ("Network.Subnets", "a", None)


@pytest.mark.parametrize(
    "name", ["MasterUserPassword", "AuthToken", "SecretString", "Deep/ClientSecretValue"]
)
def test_value_of_a_secret_is_not_shown(name):
    details = [detail(name.split("/")[-1], "hunter1", "hunter2", Path=f"/Properties/{name}")]
    found = resource_change(change("A", Details=details)["ResourceChange"])
    assert "hunter" not in str(change_data(found))
    assert (found.properties[0].before, found.properties[0].after) == ("****", "****")


@pytest.mark.parametrize(
    ("resource_type", "others", "loses"),
    [
        ("AWS::RDS::DBInstance", {"Action": "Remove"}, True),
        ("AWS::RDS::DBInstance", {"Replacement": "True"}, True),
        ("AWS::RDS::DBInstance", {"Replacement": "Conditional"}, True),
        ("AWS::RDS::DBInstance", {"Replacement": "AnythingNew"}, True),
        ("AWS::RDS::DBInstance", {"Action": "Dynamic"}, True),
        ("AWS::RDS::DBInstance", {"Action": "AnythingNew"}, True),
        ("AWS::RDS::DBInstance", {"Replacement": "False"}, False),
        ("AWS::RDS::DBInstance", {"Action": "Add"}, False),
        ("AWS::ElastiCache::ReplicationGroup", {"Action": "Remove"}, True),
        ("AWS::Logs::LogGroup", {"Action": "Remove"}, True),
        ("AWS::EC2::Subnet", {"Action": "Remove"}, False),
        ("AWS::ECS::Service", {"Replacement": "True"}, False),
    ],
)
def test_change_that_can_cost_data_is_known(resource_type, others, loses):
    data = change("A", ResourceType=resource_type, **others)["ResourceChange"]
    assert loses_data(resource_change(data)) is loses


@pytest.mark.parametrize(
    ("changes", "replacement"),
    [
        ({"MultiAZ": "Conditionally", "Tags": "Never"}, Replacement.NO),
        ({"MultiAZ": "Conditionally", "Engine": "Conditionally"}, Replacement.MAYBE),
        ({"MultiAZ": "Conditionally", "Port": "Always"}, Replacement.MAYBE),
        ({"MultiAZ": "AnythingNew"}, Replacement.MAYBE),
        ({"Tags": "Never"}, Replacement.MAYBE),
        ({}, Replacement.MAYBE),
    ],
)
def test_replacement_that_only_other_database_engines_need_is_none(changes, replacement):
    """Reviews know from the documentation what change sets do not."""
    details = [detail(name, RequiresRecreation=value) for name, value in changes.items()]
    data = change("Database", Replacement="Conditional", Details=details)["ResourceChange"]
    found = resource_change(data)
    is_lost = replacement is Replacement.MAYBE
    assert (found.replacement, loses_data(found)) == (replacement, is_lost)
