"""How long the creation of resources usually takes."""

from iot_pipeline_cfn.template.creation_times import OTHERWISE, USUAL_SECONDS, creation_time
from iot_pipeline_cfn.template.schemas import schema_of

DATABASE = {"Type": "AWS::RDS::DBInstance"}
TOPIC = {"Type": "AWS::SNS::Topic"}


def test_chain_that_takes_longest_decides():
    resources = {
        "Network": TOPIC,
        "Database": DATABASE | {"DependsOn": "Network"},
        "Service": TOPIC | {"Properties": {"Name": {"Fn::GetAtt": ["Database", "Arn"]}}},
        "Beside": TOPIC | {"Properties": {"Name": {"Ref": "Elsewhere"}}},
    }
    found = creation_time(resources)
    assert found.chain == ("Network", "Database", "Service")
    assert found.seconds == USUAL_SECONDS["AWS::RDS::DBInstance"] + 2 * OTHERWISE


def test_nothing_and_what_waits_for_itself_take_no_time():
    assert creation_time({}).seconds == 0
    assert creation_time({"A": TOPIC | {"DependsOn": "A"}}).seconds == OTHERWISE
    pair = {"A": TOPIC | {"DependsOn": ["B"]}, "B": TOPIC | {"DependsOn": ["A"]}}
    assert creation_time(pair).seconds == 0


def test_types_exist():
    assert all(map(schema_of, USUAL_SECONDS))


def test_database_decides_about_every_environment_type(environments):
    for each in environments.values():
        assert "Database" in creation_time(each["Resources"]).chain
