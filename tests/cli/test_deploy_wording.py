"""The sentences of the deployment commands."""

from datetime import UTC, datetime, timedelta

import pytest

from iot_pipeline_cfn.cli.deploy_wording import age, loss_text, status_facts
from iot_pipeline_cfn.deploy.inventory import Drift, EnvironmentStatus, Summary
from iot_pipeline_cfn.template.changes import Action, Replacement, ResourceChange


@pytest.mark.parametrize(
    ("action", "replacement", "expected"),
    [
        (Action.REMOVE, Replacement.NO, "is removed; "),
        (Action.MODIFY, Replacement.YES, "is replaced; "),
        (Action.MODIFY, Replacement.MAYBE, "may be replaced; "),
        (Action.DYNAMIC, Replacement.NO, "may be removed or replaced; "),
        (Action.UNKNOWN, Replacement.NO, "may be removed or replaced; "),
    ],
)
def test_loss_is_stated_only_as_certain_as_it_is(action, replacement, expected):
    change = ResourceChange(action, "Database", "AWS::RDS::DBInstance", replacement)
    assert loss_text(change).startswith(expected)


def test_drift_of_a_resource_has_no_path():
    now = datetime.now(UTC)
    summary = Summary(
        "pr1", "iot-pipeline-pr1", "CREATE_COMPLETE", now, now, "", "", protected=False
    )
    drift = [
        Drift("Token", "AWS::SecretsManager::Secret", "", "deleted"),
        Drift("Topic", "AWS::SNS::Topic", "DisplayName", "changed"),
    ]
    facts = status_facts(EnvironmentStatus(summary, "", in_step_with_template=True, drift=drift))
    assert facts["drift"] == (
        "Token (AWS::SecretsManager::Secret): deleted; Topic (AWS::SNS::Topic): DisplayName changed"
    )


@pytest.mark.parametrize(
    ("ago", "shown"),
    [
        (timedelta(seconds=5), "5 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=23), "23 h"),
        (timedelta(days=9), "9 d"),
        (-timedelta(seconds=5), "0 s"),
    ],
)
def test_age_is_shown_in_the_largest_unit(ago, shown):
    """A clock behind that of AWS shows 0 s."""
    assert age(datetime.now(UTC) - ago) == shown
