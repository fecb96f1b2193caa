"""What environments cost, by what their stacks have."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from deploying import small_template
from iot_pipeline_cfn.cli.environment_prices import monthly_prices
from iot_pipeline_cfn.deploy.cloudformation import Stack
from preflights import TEMPLATE, stubbed

DEV = {"Availability": "single-zone", "NatGateways": "single", "EnvironmentSuffix": "dev"}
PLACE = "arn:aws:cloudformation:us-east-1:123456789012:stack/iot-pipeline-dev/1"
STACK = Stack(
    PLACE, "", "CREATE_COMPLETE", "", datetime.now(UTC), None, DEV | {"ImageTag": ""}, {}, [], False
)


def price(stack, template=TEMPLATE):
    answers = stubbed(cloudformation=[("get_template", {"TemplateBody": json.dumps(template)})])
    return monthly_prices([(answers, stack)])[0]


def test_price_follows_the_parameters_of_the_stack():
    one = price(STACK)
    two = price(replace(STACK, parameters=STACK.parameters | {"NatGateways": "per-zone"}))
    assert two - one == pytest.approx(0.05 * 730, abs=0.01)
    assert price(replace(STACK, parameters=STACK.parameters | {"ImageTag": "v1"})) > one


def test_price_that_is_not_known_is_none():
    elsewhere = replace(STACK, arn=PLACE.replace("us-east-1", "sa-east-1"))
    classes = {"DatabaseInstanceClass": "db.m7g.large", "CacheNodeType": "cache.r7g.xlarge"}
    unlisted = replace(STACK, parameters=STACK.parameters | classes)
    assert [price(each) for each in (elsewhere, unlisted)] == [None, None]
    denied = stubbed(cloudformation=[("get_template", "AccessDenied")])
    assert monthly_prices([(denied, STACK)]) == [None]


def test_stack_without_resources_costs_nothing():
    assert monthly_prices([(stubbed(), replace(STACK, status="ROLLBACK_COMPLETE"))]) == [0.0]


def test_list_has_the_total(project):
    project.write(small_template())
    project.deploy("pr1")
    done = project.run("list", "--json").document
    assert (done["environments"][0]["monthly_price"], done["monthly_price"]) == (0.0, 0.0)
