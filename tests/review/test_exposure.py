"""New entry points and removed web ACLs."""

import pytest

from comparing import compared
from iot_pipeline_cfn.review.exposure import find_exposure_changes
from iot_pipeline_cfn.template.findings import Severity


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("ApiGateway::Method", "new-api-method"),
        ("ApiGateway::Resource", "new-api-path"),
        ("EC2::EIP", "new-elastic-ip"),
        ("ElasticLoadBalancingV2::ListenerRule", "new-listener-rule"),
    ],
)
def test_new_entry_point_is_a_change(kind, code):
    resource = {"Type": f"AWS::{kind}", "Properties": {"AuthorizationType": "AWS_IAM"}}
    (finding,) = compared(find_exposure_changes, {}, {"Thing": resource})
    assert (finding.severity, finding.code) == (Severity.CHANGE, code)


def guarded(name="Association", stage="Stage"):
    arn = {"Fn::Sub": f"arn:aws:apigateway:::/stages/${{{stage}}}"}
    properties = {"ResourceArn": arn, "WebACLArn": "any"}
    return {
        "Stage": {"Type": "AWS::ApiGateway::Stage"},
        "Other": {"Type": "AWS::ApiGateway::Stage"},
        name: {"Type": "AWS::WAFv2::WebACLAssociation", "Properties": properties},
    }


@pytest.mark.parametrize(
    ("after", "exposed"),
    [
        ({"Stage": {"Type": "AWS::ApiGateway::Stage"}}, ["Stage"]),
        (guarded(stage="Other"), ["Stage"]),
        (guarded(name="Renamed"), []),
        ({}, []),
    ],
)
def test_resource_that_stays_without_its_web_acl_is_exposed(after, exposed):
    found = compared(find_exposure_changes, guarded(), after)
    assert [finding.subject for finding in found] == exposed
