"""Requests between the changes of two resources."""

from emulated import change_set, create, template

NUMBER = 8


def body(port):
    """Return a template with security groups that let a port in."""
    rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "CidrIp": "10.0.0.0/8"}
    properties = {"GroupDescription": "any", "SecurityGroupIngress": [rule]}
    group = {"Type": "AWS::EC2::SecurityGroup", "Properties": properties}
    return template({f"Group{number}": group for number in range(NUMBER)})


def test_requests_are_served_during_an_update(cloudformation, aws):
    ec2 = aws("ec2")
    create(cloudformation, body(80))
    made = change_set(cloudformation, body(443))
    cloudformation.execute_change_set(ChangeSetName=made["Id"])
    seen = set()
    while NUMBER not in seen:
        found = ec2.describe_security_groups()["SecurityGroups"]
        ports = [
            rule["FromPort"]
            for group in found
            for rule in group["IpPermissions"]
            if "FromPort" in rule
        ]
        seen.add(ports.count(443))
    assert seen & {*range(1, NUMBER)}
