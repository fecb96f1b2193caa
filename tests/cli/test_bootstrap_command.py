"""Setting up an account on the command line."""

from dataclasses import replace

from checkout import ROOT


def test_account_is_set_up_by_one_command_and_listed_as_no_environment(project):
    checkout = replace(project, directory=ROOT)
    assert checkout.run("bootstrap").code == "no-consent"
    *events, outputs = checkout.run("bootstrap", "--yes", "--json").documents
    assert events
    bucket = f"iot-pipeline-{project.account}-ap-northeast-1-an"
    assert outputs["outputs"]["TemplateBucketName"] == bucket
    assert checkout.run("list", "--json").document["environments"] == []


def test_parameters_are_checked_before_anything_is_created(project, aws):
    refused = replace(project, directory=ROOT).run(
        "bootstrap", "--yes", "--parameter", "GitHubRepository=no-owner"
    )
    assert refused.code == "invalid"
    assert aws("cloudformation").describe_stacks()["Stacks"] == []
