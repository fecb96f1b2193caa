"""How long the creation of an environment takes."""

import pytest

from checkout import ENVIRONMENTS
from iot_pipeline_cfn.review.creation_time import DURATIONS, OTHERS, critical_path
from iot_pipeline_cfn.template.references import dependencies
from resolution import explicit_dependencies, resolve, waits_for


def resource(kind, *names, **properties):
    return {"Type": kind, "DependsOn": list(names), "Properties": properties}


def test_path_is_the_chain_that_ends_last():
    cache, database = "AWS::ElastiCache::ReplicationGroup", "AWS::RDS::DBInstance"
    resources = {
        "Cache": resource(cache),
        "Database": resource(database),
        "Task": resource("AWS::ECS::TaskDefinition", "Cache", "Database"),
        "Service": resource("AWS::ECS::Service", "Task", DesiredCount=1),
        "Link": resource("AWS::ApiGatewayV2::VpcLink"),
    }
    path = critical_path(resources)
    assert path.slow == ["Cache", "Service"]
    assert path.seconds == DURATIONS[cache] + OTHERS + DURATIONS["AWS::ECS::Service"]
    resources["Database"] = resource(database, MultiAZ=True)
    assert critical_path(resources).slow == ["Database", "Service"]
    del resources["Service"]
    assert critical_path(resources).slow == ["Database"]
    assert critical_path({}).seconds == 0


def test_environment_waits_for_the_cache_and_the_service_in_both_forms(templates, template):
    given = {"ImageTag": "v1"} | ENVIRONMENTS["small"]
    own, shared = (
        resolve(each, given)["Resources"] for each in (template, templates["iot-pipeline-shared"])
    )
    for resources in (own, shared):
        assert critical_path(resources).slow == ["Cache", "Service"]
    assert critical_path(shared).seconds <= critical_path(own).seconds


@pytest.mark.parametrize("name", ["iot-pipeline", "iot-pipeline-shared", "shared-network"])
def test_no_dependency_is_explicit_that_a_reference_implies(templates, name):
    """It would say nothing, and hide which dependencies are needed."""
    resources = templates[name]["Resources"]
    for title, body in resources.items():
        implied = dependencies({**resources, title: {**body, "DependsOn": []}})[title]
        reached = implied.union(*(waits_for(templates[name], each) for each in implied))
        assert not reached & {*explicit_dependencies(body)}, title
