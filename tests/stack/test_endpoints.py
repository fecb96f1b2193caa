"""VPC endpoints."""

import pytest

from resolution import of_type, resolve

SERVICES = {"secretsmanager", "ecr.api", "ecr.dkr", "logs"}


def by_service(environment):
    return {
        endpoint["ServiceName"].removeprefix("com.amazonaws.ap-northeast-1."): endpoint
        for endpoint in of_type(environment, "EC2::VPCEndpoint").values()
    }


def test_s3_endpoint_serves_only_image_layers_to_both_private_route_tables(environments):
    """https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html."""
    s3 = by_service(environments["defaults"])["s3"]
    assert s3["VpcEndpointType"] == "Gateway"
    assert s3["RouteTableIds"] == [{"Ref": "PrivateRouteTable1"}, {"Ref": "PrivateRouteTable2"}]
    (statement,) = s3["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["s3:GetObject"]
    assert statement["Resource"] == ["arn:aws:s3:::prod-ap-northeast-1-starport-layer-bucket/*"]


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
