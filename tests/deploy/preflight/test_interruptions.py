"""Changes during which requests fail."""

from datetime import UTC, datetime

import pytest

from iot_pipeline_cfn.deploy.cloudformation import Stack
from iot_pipeline_cfn.deploy.preflight.interruptions import check_interruption
from iot_pipeline_cfn.template.findings import Severity
from preflights import NOWHERE, added, change, context_of, modified

REPLACED = change("LoadBalancer", "Modify", "True")


def findings(*changes, image="v1", new_image="v1", durability="protected"):
    """Return the findings about changes of an environment with an image."""
    parameters = {"ImageTag": image, "Durability": durability}
    now = datetime.now(UTC)
    stack = Stack("arn", "dev", "UPDATE_COMPLETE", "", now, now, parameters, {}, (), False)
    return list(check_interruption(context_of(NOWHERE, changes, stack=stack, ImageTag=new_image)))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (REPLACED, "load-balancer"),
        (modified("Database", "BackupRetentionPeriod"), "database"),
        (modified("Database", "DBInstanceClass"), "database"),
        (modified("IngestMethod", "AuthorizationType", "ApiKeyRequired"), "authorization"),
    ],
)
def test_interruption_is_an_error_in_a_protected_environment(changes, problem):
    for durability, severity in (("protected", "ERROR"), ("ephemeral", "WARNING")):
        (finding,) = findings(changes, durability=durability)
        assert finding.severity is Severity[severity]
        assert (finding.subject, finding.details["problem"]) == (changes.logical_id, problem)
    assert findings(changes, image="") == []


@pytest.mark.parametrize("new_image", ["", "v2"])
def test_last_task_is_not_stopped_unnoticed(new_image):
    found = findings(modified("Service", "DesiredCount"), new_image=new_image)
    assert [each.details["problem"] for each in found] == ["no-tasks"] * (not new_image)


def test_other_changes_interrupt_nothing():
    changes = (
        modified("LoadBalancer", "SecurityGroups"),
        modified("Database", "MultiAZ", "MonitoringInterval"),
        modified("Service", "TaskDefinition", "CapacityProviderStrategy"),
        *added("IngestMethod"),
    )
    assert findings(*changes) == []


def test_creation_interrupts_nothing():
    assert list(check_interruption(context_of(NOWHERE, [REPLACED], ImageTag="v1"))) == []
