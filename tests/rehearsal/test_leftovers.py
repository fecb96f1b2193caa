"""Resources that are left in an account."""

from iot_pipeline_cfn.rehearsal.leftovers import list_resources


def retain_topic(template):
    template["Resources"]["AlarmTopic"]["DeletionPolicy"] = "Retain"


def test_retained_resource_is_left_over(failure_of):
    failure = failure_of(retain_topic, "create", "destroy")
    assert (failure.code, failure.details["operations"]) == ("leftovers", ["list_topics"])


def test_deleted_gateway_is_not_left_over(aws):
    """AWS describes it for an hour."""
    ec2 = aws("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    gateway = ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")["NatGateway"]
    assert len(list_resources(aws)["describe_nat_gateways"]) == 1
    ec2.delete_nat_gateway(NatGatewayId=gateway["NatGatewayId"])
    assert ec2.describe_nat_gateways()["NatGateways"]
    assert list_resources(aws)["describe_nat_gateways"] == []
