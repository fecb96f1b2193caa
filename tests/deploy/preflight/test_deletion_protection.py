"""Deletion protection of resources that a change deletes."""

import pytest

from iot_pipeline_cfn.template.findings import Severity
from preflights import change, commands, run_check
from quota_consumers import db_instance, subnet


def found(connection, logical_id, physical_id, **others):
    made = {"action": "Modify", "replacement": "True"} | others
    return run_check(
        "deletion-protection", connection, [change(logical_id, **made, physical_id=physical_id)]
    )


def load_balancer(aws, protected):
    elbv2 = aws("elbv2")
    created = elbv2.create_load_balancer(Name="any", Subnets=[subnet(aws)])
    arn = created["LoadBalancers"][0]["LoadBalancerArn"]
    attribute = {"Key": "deletion_protection.enabled", "Value": str(protected).lower()}
    elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[attribute])
    return arn


def database(aws, protected):
    return db_instance(aws, DeletionProtection=protected)


TYPES = [("LoadBalancer", load_balancer), ("Database", database)]


@pytest.mark.parametrize(("logical_id", "create"), TYPES)
def test_protected_resource_must_not_be_deleted(aws, connect_to, logical_id, create):
    physical_id = create(aws, protected=True)
    for deletes in ({}, {"action": "Remove", "replacement": "False"}):
        (finding,) = found(connect_to(), logical_id, physical_id, **deletes)
        assert (finding.severity, finding.subject) == (Severity.ERROR, logical_id)
        assert finding.details["physical_id"] == physical_id
        (command,) = commands(finding)
        assert command[1:3] == ["deploy", "dev"]
        assert command[-2:] == ["--parameter", "DeletionProtection=disabled"]
    for keeps in (
        {"replacement": "False"},
        {"action": "Add", "replacement": "False"},
        {"policy_action": "ReplaceAndRetain"},
        {"action": "Remove", "replacement": "False", "policy_action": "Retain"},
    ):
        assert found(connect_to(), logical_id, physical_id, **keeps) == []


@pytest.mark.parametrize(("logical_id", "create"), TYPES)
def test_unprotected_resource_may_be_deleted(aws, connect_to, logical_id, create):
    assert found(connect_to(), logical_id, create(aws, protected=False)) == []
