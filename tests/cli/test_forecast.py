"""What the review knows about a plan."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from iot_pipeline_cfn.cli.forecast import Forecast
from iot_pipeline_cfn.deploy.cloudformation import Stack
from iot_pipeline_cfn.template import schemas
from iot_pipeline_cfn.template.changes import Replacement
from preflights import NOWHERE, TEMPLATE, ZONES, change, context_of

MAYBE = [
    change("ApiErrorsAlarm", "Modify", "Conditional"),
    change("TaskDefinition", "Modify", "Conditional"),
    change("Database", "Modify", "Conditional"),
    change("UsagePlan", "Modify"),
]


def forecast(changes, before=None, **parameters):
    """Return the forecast of an update that sets parameters, or of a creation."""
    given = {"EnvironmentSuffix": "dev", "ImageTag": "v1"} | ZONES
    now = datetime.now(UTC)
    arn = "arn:aws:cloudformation:ap-northeast-1:1:stack/a/1"
    stack = Stack(arn, "a", "CREATE_COMPLETE", "", now, None, given, {}, (), False)
    context = context_of(NOWHERE, changes, stack=before and stack, **given | parameters)
    vars(context)["template_before"] = before
    return Forecast(
        SimpleNamespace(stack=stack, changes=changes, context=context, creates=not before)
    )


def replacements(found):
    return {each.logical_id: each.replacement for each in found.changes}


def test_replacement_that_the_review_rules_out_is_none():
    """Except for resources with data, because deployments are refused by CloudFormation's word."""
    found = replacements(forecast(MAYBE, TEMPLATE, ThrottleRate="51", ImageTag="v2"))
    assert found == {
        "ApiErrorsAlarm": Replacement.NO,
        "TaskDefinition": Replacement.MAYBE,
        "Database": Replacement.MAYBE,
        "UsagePlan": Replacement.NO,
    }


@pytest.mark.parametrize("is_missing", ["schemas", "template"])
def test_without_knowledge_the_change_set_is_right(monkeypatch, is_missing):
    found = forecast(MAYBE, TEMPLATE, ThrottleRate="51")
    if is_missing == "schemas":

        def schema_of(_):
            raise schemas.MissingSchemasError

        monkeypatch.setattr("iot_pipeline_cfn.review.update_behavior.schema_of", schema_of)
    else:
        vars(found.plan.context)["template_before"] = None
    assert replacements(found) == {each.logical_id: each.replacement for each in MAYBE}


def test_price_of_a_month_before_and_after():
    found = forecast([], TEMPLATE, DesiredCount="0")
    assert 0 < found.monthly < found.monthly_before
    found = forecast([], TEMPLATE, DatabaseInstanceClass="db.unknown")
    assert found.monthly is None
    assert found.monthly_before > 100


def test_services_of_a_creation_have_counts_and_prices():
    added = [replace(each, replacement=Replacement.NO) for each in MAYBE]
    found = {name: (count, price) for name, count, price in forecast(added).services()}
    assert found["RDS"] == (1, pytest.approx(36.5))
    assert found["CloudWatch"] == (1, 0)
