"""Changes of a small template, which all reports show."""

from dataclasses import replace
from pathlib import Path

from iot_pipeline_cfn.review.reviewing import Side
from iot_pipeline_cfn.template.parameters import parameter_file

POLICY = {
    "Statement": [
        {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
        {
            "Effect": "Deny",
            "Action": "Update:Replace",
            "Principal": "*",
            "Resource": "LogicalResourceId/Database",
        },
    ]
}


def template(**values):
    """Return a small template; the values are those that the change is about."""

    def resource(resource_type, properties, **attributes):
        return {"Type": f"AWS::{resource_type}", "Properties": properties, **attributes}

    def given(key, default):
        return values.get(key, default)

    deployment = given("deployment", "Deployment1")
    return {
        "Parameters": {
            "Version": {"Type": "String", "Default": "16.4"},
            "Zones": {"Type": "Number", "Default": "1", "MaxValue": given("zones", "3")},
        },
        "Resources": {
            "Vpc": resource("EC2::VPC", {"CidrBlock": given("range", "10.0.0.0/16")}),
            "Subnet": resource(
                "EC2::Subnet", {"CidrBlock": "10.0.1.0/24", "VpcId": {"Ref": "Vpc"}}
            ),
            "Database": resource(
                "RDS::DBInstance",
                {
                    "BackupRetentionPeriod": given("backups", 7),
                    "DBName": given("database", "readings"),
                    "EngineVersion": {"Ref": "Version"},
                    "MasterUserPassword": given("password", "first"),
                },
                DeletionPolicy="Snapshot",
                UpdateReplacePolicy="Snapshot",
            ),
            "Api": resource("ApiGateway::RestApi", {"Description": given("api", "`first` *API*")}),
            deployment: resource("ApiGateway::Deployment", {"RestApiId": {"Ref": "Api"}}),
            "Stage": resource("ApiGateway::Stage", {"DeploymentId": {"Ref": deployment}}),
            given("topic", "Topic"): resource("SNS::Topic", {"DisplayName": "Alarms"}),
        },
        "Outputs": {"SubnetId": {"Value": {"Ref": "Subnet"}}},
    }


def side(body, **parameters):
    """Return a side with two environment types; prod has a stack policy."""
    dev = {"Template": "example"}
    prod = {**dev, "Parameters": parameters, "StackPolicy": POLICY}
    contents = {"dev": dev, "prod": prod}
    paths = {name: parameter_file(Path(f"{name}.json"), body) for name, body in contents.items()}
    return Side({"example": body}, paths)


BEFORE = template()
NASTY = "a|b `c` <img src=x> @all **bold** [link](x) #1\nsecond ``line`` \x1b[31m"
SCENARIOS = {
    "api": (side(BEFORE), side(template(api=NASTY, deployment="Deployment2"))),
    "cascade": (side(BEFORE), side(template(range="10.1.0.0/16", topic="Alarms"))),
    "database": (side(BEFORE), side(template(database="other", password="second"))),
    "parameters": (side(BEFORE), side(template(backups=1, zones="2"), Version="16.6")),
    "removed": (side(BEFORE), replace(side(BEFORE), files={"dev": side(BEFORE).files["dev"]})),
}
