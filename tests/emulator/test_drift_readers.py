"""Drift detection of resources by the physical IDs that AWS gives them."""

from deploying import small_template

SECRET = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Description": "first"}}


def test_drift_of_a_secret_is_found_and_only_where_there_is_any(project, aws):
    project.write(small_template({"Secret": SECRET, "Other": SECRET}))
    project.deploy("pr1")
    assert project.run("status", "pr1", "--drift", "--json").document["drift"] == []
    secrets = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in aws("cloudformation").describe_stack_resources(
            StackName="iot-pipeline-pr1"
        )["StackResources"]
    }
    client = aws("secretsmanager")
    client.update_secret(SecretId=secrets["Secret"], Description="second")
    client.delete_secret(SecretId=secrets["Other"], ForceDeleteWithoutRecovery=True)
    found = project.run("status", "pr1", "--drift", "--json").document["drift"]
    assert [(each["logical_id"], each["path"], each["difference"]) for each in found] == [
        ("Other", "", "deleted"),
        ("Secret", "/Description", "not_equal"),
    ]
