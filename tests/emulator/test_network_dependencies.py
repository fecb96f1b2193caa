"""Parts of a network that are used are not deleted."""

from emulated import created, reasons, settled


def test_used_parts_of_a_network_refuse_to_be_deleted(aws):
    cloudformation, ec2 = aws("cloudformation"), aws("ec2")
    parts = {
        "Vpc": ("AWS::EC2::VPC", {"CidrBlock": "10.0.0.0/16"}),
        "Subnet": ("AWS::EC2::Subnet", {"CidrBlock": "10.0.0.0/24", "VpcId": {"Ref": "Vpc"}}),
        "Group": (
            "AWS::EC2::SecurityGroup",
            {"GroupDescription": "any", "VpcId": {"Ref": "Vpc"}},
        ),
    }
    assert created(cloudformation, **parts) == {}
    resources = cloudformation.describe_stack_resources(StackName="small")["StackResources"]
    ids = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources}
    made = ec2.create_network_interface(SubnetId=ids["Subnet"], Groups=[ids["Group"]])
    cloudformation.delete_stack(StackName="small")
    stack = settled(cloudformation, "small")
    failed = reasons(cloudformation, stack)
    assert f"resource {ids['Group']} has a dependent object" in failed["Group"]
    assert "has dependencies and cannot be deleted" in failed["Subnet"]
    ec2.delete_network_interface(NetworkInterfaceId=made["NetworkInterface"]["NetworkInterfaceId"])
    cloudformation.delete_stack(StackName="small")
    assert settled(cloudformation, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"
