"""The deployments of the API: every change of the API leads to a new one."""

import json
import re

import pytest

from checkout import CERTIFICATE
from iot_pipeline_cfn.stack import iot_pipeline
from resolution import of_type, only, resolve, waits_for

VARIANTS = [
    {"ApiAuthorization": authorization, "Ingress": ingress} | certificate
    for authorization in ("API_KEY", "AWS_IAM", "NONE")
    for ingress in ("public", "private")
    for certificate in ({}, CERTIFICATE)
]


def test_stage_serves_the_only_deployment_which_depends_on_the_method(template):
    """API Gateway refuses to deploy an API without methods."""
    for given in VARIANTS:
        environment = resolve(template, given)
        (deployment,) = of_type(environment, "ApiGateway::Deployment")
        assert only(environment, "ApiGateway::Stage")["DeploymentId"] == {"Ref": deployment}
        assert {"IngestMethod", "ReadingsModel", "ReadingsValidator"} <= waits_for(
            environment, deployment
        )


def test_stage_waits_for_everything_that_the_api_calls(template):
    """While a certificate is added, the stage must not call a listener that does not exist."""
    called = {"LoadBalancerHttpsIngress", "HttpForwardingRule", "HttpsForwardingRule"}
    for given in VARIANTS:
        environment = resolve(template, given)
        if "CertificateArn" in given:
            expected = called - {"HttpForwardingRule"} & environment["Resources"].keys()
        else:
            expected = {"HttpForwardingRule"}
        assert called & waits_for(environment, "ApiStage") == expected


def test_each_form_of_the_method_has_its_own_deployment(template):
    environments = [resolve(template, given) for given in VARIANTS]
    deployments = {
        name for each in environments for name in of_type(each, "ApiGateway::Deployment")
    }
    methods = {
        json.dumps(only(each, "ApiGateway::Method"), sort_keys=True) for each in environments
    }
    assert len(deployments) == len(methods) == len(VARIANTS)


def test_no_other_parameter_changes_a_resource_of_the_api(template):
    """A deployment contains these resources, so such a parameter would need deployments, too."""
    deployed = {"Method", "Model", "RequestValidator", "Resource", "RestApi"}
    conditions = {
        condition
        for resource in template["Resources"].values()
        if resource["Type"].removeprefix("AWS::ApiGateway::") in deployed
        for condition in re.findall(r'"Fn::If": \["(\w+)"', json.dumps(resource))
    }
    assert conditions == {
        "HasCertificate",
        "RequiresApiKey",
        "RequiresIamAuthorization",
        "UsesPrivateIngress",
    }


@pytest.mark.parametrize(
    ("title", "name", "value"),
    [
        ("IngestMethod", "OperationName", "Other"),
        ("ReadingsModel", "Description", "Other"),
        ("IngestResource", "PathPart", "other"),
        ("ReadingsValidator", "Name", "other"),
        ("RestApi", "Description", "Other"),
        # These are replaced, and so are the VPC link and the integration that refer to them.
        ("VpcLinkSecurityGroup", "GroupDescription", "Other"),
        ("LoadBalancer", "IpAddressType", "dualstack"),
    ],
)
def test_change_of_a_resource_leads_to_a_new_deployment(monkeypatch, title, name, value):
    before = deployments_of(iot_pipeline())
    assert deployments_of(iot_pipeline()) == before
    add_resource = type(iot_pipeline()).add_resource

    def changed(template, resource):
        if resource.title == title:
            setattr(resource, name, value)
        return add_resource(template, resource)

    monkeypatch.setattr("troposphere.Template.add_resource", changed)
    assert not deployments_of(iot_pipeline()) & before


def deployments_of(template):
    return {
        title
        for title, resource in template.resources.items()
        if resource.resource_type == "AWS::ApiGateway::Deployment"
    }
