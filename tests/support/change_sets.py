"""Changes as DescribeChangeSet returns them."""


def change(logical_id, **others):
    defaults = {"Action": "Modify", "ResourceType": "AWS::RDS::DBInstance"}
    return {
        "Type": "Resource",
        "ResourceChange": defaults | {"LogicalResourceId": logical_id} | others,
    }


def detail(name, before=None, after=None, **target):
    values = {"BeforeValue": before, "AfterValue": after}
    known = {key: value for key, value in values.items() if value is not None}
    return {"Target": {"Attribute": "Properties", "Name": name, **known, **target}}
