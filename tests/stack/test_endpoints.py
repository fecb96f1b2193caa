"""VPC endpoints."""

import pytest

from resolution import of_type, resolve

SERVICES = {"secretsmanager", "ecr.api", "ecr.dkr", "logs"}


def by_service(environment):
    return {
        endpoint["ServiceName"].removeprefix("com.amazonaws.ap-northeast-1."): endpoint
        for endpoint in of_type(environment, "EC2::VPCEndpoint").values()
    }


LAYERS = "arn:aws:s3:::prod-ap-northeast-1-starport-layer-bucket/*"
"""https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html."""


@pytest.mark.parametrize(
    ("gateways", "action", "resource"),
    [("none", "s3:GetObject", LAYERS), ("single", "s3:*", "*"), ("per-zone", "s3:*", "*")],
)
def test_s3_endpoint_serves_only_image_layers_without_a_nat_gateway(
    template, gateways, action, resource
):
    """Its route precedes that to a NAT gateway, so it must not restrict an application there."""
    s3 = by_service(resolve(template, {"NatGateways": gateways}))["s3"]
    assert s3["VpcEndpointType"] == "Gateway"
    assert s3["RouteTableIds"] == [{"Ref": "PrivateRouteTable1"}, {"Ref": "PrivateRouteTable2"}]
    (statement,) = s3["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ([action], [resource])


@pytest.mark.parametrize(
    ("availability", "subnets"),
    [("single-zone", ["PrivateSubnet1"]), ("multi-zone", ["PrivateSubnet1", "PrivateSubnet2"])],
)
def test_interface_endpoints_are_in_one_zone_or_both(template, availability, subnets):
    endpoints = by_service(resolve(template, {"Availability": availability}))
    for service in SERVICES:
        assert endpoints[service]["VpcEndpointType"] == "Interface"
        assert endpoints[service]["PrivateDnsEnabled"] is True
        assert endpoints[service]["SubnetIds"] == [{"Ref": subnet} for subnet in subnets]
        assert endpoints[service]["SecurityGroupIds"] == [{"Ref": "EndpointsSecurityGroup"}]
