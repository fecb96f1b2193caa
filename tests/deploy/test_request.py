"""Deployment requests, and what CloudFormation is asked for them."""

from deploying import parameters_of, small_template, stack_of


def test_update_keeps_parameters_that_are_not_given(project, aws):
    """An option overrides the file, and the file overrides the previous value."""
    project.deploy("pr1", "--image-tag", "v1", "--parameter", "DisplayName=second")
    assert values(aws) == {"ImageTag": "v1", "DisplayName": "second"}
    project.deploy("pr1", "--parameter", "DisplayName=third")
    assert values(aws) == {"ImageTag": "v1", "DisplayName": "third"}
    project.write(small_template(), pr={"Parameters": {"DisplayName": "of the file"}})
    project.deploy("pr1")
    assert values(aws) == {"ImageTag": "v1", "DisplayName": "of the file"}
    project.deploy("pr1", "--parameter", "DisplayName=of the option", IOT_PIPELINE_IMAGE_TAG="")
    assert values(aws) == {"ImageTag": "v1", "DisplayName": "of the option"}
    project.deploy("pr1", "--image-tag", "")
    assert values(aws) == {"ImageTag": "", "DisplayName": "of the file"}


def values(aws):
    return {name: parameters_of(aws)[name] for name in ("ImageTag", "DisplayName")}


def test_large_template_needs_a_bucket(project, aws):
    """The parameter file can name it."""
    template = small_template() | {"Metadata": {"Padding": "x" * 60_000}}
    project.write(template)
    done = project.run("deploy", "pr1", "--yes")
    assert (done.status, done.code) == (1, "bucket-needed")
    project.write(template, pr={"Bucket": "iot-pipeline-templates"})
    assert project.run("deploy", "pr1", "--yes").status == 0
    assert project.run("deploy", "pr1", "--yes", "--bucket", "not-there").status == 1
    assert stack_of(aws)["StackStatus"] == "CREATE_COMPLETE"


ZONES = {
    name: {"Type": "String", "Default": ""} for name in ("AvailabilityZone1", "AvailabilityZone2")
}


def test_zones_offer_also_what_only_other_parameters_create(project, aws):
    """The second zone of Paris has no VPC links."""
    never = {"Never": {"Fn::Equals": ["a", "b"]}}
    link = {"Type": "AWS::ApiGatewayV2::VpcLink", "Condition": "Never", "Properties": {}}
    project.write(small_template({"Link": link}, parameters=ZONES) | {"Conditions": never})
    project.deploy("pr1", "--region", "eu-west-3")
    aws.region = "eu-west-3"
    found = parameters_of(aws)
    assert [found[name] for name in ZONES] == ["eu-west-3a", "eu-west-3c"]


def test_zones_are_chosen_once(project, aws):
    project.write(small_template(parameters=ZONES))
    project.deploy("pr1")
    found = parameters_of(aws)
    assert found["AvailabilityZone1"] == "ap-northeast-1a"
    assert found["AvailabilityZone2"] != found["AvailabilityZone1"]
    done = project.deploy("pr1", "--parameter", "AvailabilityZone1=ap-northeast-1d")
    assert (done.status, done.code) == (1, "fixed-parameter")
    assert done.details["parameter"] == "AvailabilityZone1"


def test_secret_is_given_by_an_option_once_and_never_shown(project):
    """The stack keeps it, and the file need not have it."""
    secret = {"Secret": {"Type": "String", "NoEcho": True, "AllowedPattern": "[a-z]{8,}"}}
    project.write(small_template(parameters=secret))
    missing = project.deploy("pr1")
    assert (missing.status, missing.code) == (3, "invalid")
    first = project.deploy("pr1", "--parameter", "Secret=correcthorse", "--json")
    again = project.deploy("pr1", "--parameter", "DisplayName=second", "--json")
    assert (first.status, again.status) == (0, 0), again.err
    assert [done.documents[0]["parameters"]["Secret"] for done in (first, again)] == ["****"] * 2
    assert "correcthorse" not in first.out + first.err + again.out + again.err
