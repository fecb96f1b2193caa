"""The account's stack, and what deployments take from it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from checkout import ROOT
from deploying import small_template
from iot_pipeline_cfn.deploy.bootstrap import (
    ACCOUNT,
    STACK,
    find_setup,
    with_deletion_role,
    with_setup,
)
from iot_pipeline_cfn.deploy.connection import Target
from iot_pipeline_cfn.deploy.environments import Environment
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.lifetime import OWNER_TAG
from iot_pipeline_cfn.deploy.observer import Observer, Question
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.request import load_request
from iot_pipeline_cfn.deploy.service_layer import Consent, bootstrap, deploy, plan

YES = Consent(yes=True)


class Agreeing(Observer):
    """An observer that agrees to everything, and remembers to what."""

    def __init__(self):
        self.questions = []

    def confirm(self, question, environment):
        self.questions.append(question)
        return True


@pytest.fixture(autouse=True)
def checkout(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture
def bootstrapped(connect_to):
    """A function that sets up the account, with parameters."""

    def run(**parameters):
        account, request = load_request(ACCOUNT, None, Path("parameters"))
        operations = Operations(account, connect_to())
        return bootstrap(operations, replace(request, parameters=parameters), YES).stack

    return run


def outputs_of(stack):
    return stack.output_values


def parameters_of(stack, *names):
    return [stack.parameters[name] for name in names]


def test_account_is_set_up_once_and_protected(bootstrapped, aws):
    stack = bootstrapped()
    assert (stack.name, stack.status) == (STACK, "CREATE_COMPLETE")
    assert bootstrapped().termination_protection
    bucket = outputs_of(stack)["TemplateBucketName"]
    assert bucket == f"iot-pipeline-{aws.account}-ap-northeast-1-an"
    assert aws("apigateway").get_account()["cloudwatchRoleArn"]


def test_what_the_account_has_already_is_left_alone(bootstrapped, aws):
    trust = {"Version": "2012-10-17", "Statement": []}
    made = aws("iam").create_role(RoleName="others", AssumeRolePolicyDocument=json.dumps(trust))
    role = made["Role"]["Arn"]
    operation = {"op": "replace", "path": "/cloudwatchRoleArn", "value": role}
    aws("apigateway").update_account(patchOperations=[operation])
    url = "https://token.actions.githubusercontent.com"
    provider = aws("iam").create_open_id_connect_provider(Url=url)["OpenIDConnectProviderArn"]
    stack = bootstrapped(GitHubRepository="example/iot-pipeline")
    assert parameters_of(stack, "ApiGatewayLogs", "OidcProviderArn") == ["disabled", provider]
    assert aws("apigateway").get_account()["cloudwatchRoleArn"] == role
    trust = aws("iam").get_role(
        RoleName=outputs_of(stack)["GitHubPullRequestRoleArn"].rpartition("/")[2]
    )["Role"]["AssumeRolePolicyDocument"]
    (statement,) = trust["Statement"]
    assert statement["Principal"] == {"Federated": provider}
    assert statement["Condition"]["StringEquals"][f"{url[8:]}:sub"] == [
        "repo:example/iot-pipeline:pull_request",
        "repo:example/iot-pipeline:ref:refs/heads/main",
    ]


@pytest.mark.parametrize(("suffix", "scope"), [("pr1", "PullRequest"), ("staging", "")])
def test_environment_gets_role_and_boundary_of_its_scope(bootstrapped, connect_to, suffix, scope):
    outputs = outputs_of(bootstrapped())
    setup = find_setup(connect_to(), Environment(suffix, suffix))
    assert setup.bucket == outputs["TemplateBucketName"]
    assert setup.service_role == outputs[f"{scope}ServiceRoleArn"]
    assert setup.boundary == outputs[f"{scope}BoundaryArn"]


def test_deployment_takes_bucket_role_and_boundary_unless_they_are_given(bootstrapped, connect_to):
    connection = connect_to(target=Target.AWS)
    environment, request = load_request("pr1", None, Path("parameters"))
    operations = Operations(environment, connection)
    assert with_setup(operations, request) == (replace(operations, described=(None,)), request)
    outputs = outputs_of(bootstrapped())
    found, completed = with_setup(operations, request)
    assert found.role_arn == outputs["PullRequestServiceRoleArn"]
    assert completed.bucket == outputs["TemplateBucketName"]
    assert completed.parameters["PermissionsBoundary"] == outputs["PullRequestBoundaryArn"]
    found, completed = with_setup(
        replace(operations, role_arn="own"),
        replace(request, bucket="own", parameters={"PermissionsBoundary": "own"}),
    )
    assert (found.role_arn, completed.bucket) == ("own", "own")
    assert completed.parameters["PermissionsBoundary"] == "own"


def test_service_role_has_the_permissions_that_the_simulator_is_asked_for(bootstrapped, connect_to):
    bootstrapped()
    environment, request = load_request("prod", None, Path("parameters"))
    made = plan(Operations(environment, connect_to()), request)
    assert [each.details for each in made.findings if each.code == "permissions"] == []


def test_environment_keeps_its_boundary(bootstrapped, connect_to):
    outputs = outputs_of(bootstrapped())
    environment, request = load_request("pr1", None, Path("parameters"))
    operations = Operations(environment, connect_to())
    stack = deploy(operations, request, YES).stack
    assert parameters_of(stack, "PermissionsBoundary") == [outputs["PullRequestBoundaryArn"]]
    assert plan(operations, request).empty


def test_first_deployment_sets_up_the_account_if_the_user_agrees(connect_to, aws):
    observer = Agreeing()
    environment, request = load_request("pr1", None, Path("parameters"))
    operations = Operations(environment, connect_to(target=Target.AWS), observer)
    with pytest.raises(DeploymentError) as caught:
        deploy(operations, request, YES)
    assert caught.value.code == "bucket-needed"
    assert "bootstrap" in caught.value.details["command"]
    request = replace(request, ignored=[], owner="me")
    result = deploy(operations, request, Consent(interactive=True))
    assert observer.questions == [
        *(Question.BOOTSTRAP, Question.DEPLOY),
        *(Question.NETWORK, Question.DEPLOY),
        Question.DEPLOY,
    ]
    assert result.stack.status == "CREATE_COMPLETE"
    for stack in aws("cloudformation").describe_stacks()["Stacks"]:
        assert {"Key": OWNER_TAG, "Value": "me"} in stack["Tags"], stack["StackName"]
    bucket = f"iot-pipeline-{aws.account}-ap-northeast-1-an"
    assert aws("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_small_template_needs_no_setup(project, connect_to, monkeypatch):
    monkeypatch.chdir(project.directory)
    project.write(small_template(), pr={})
    environment, request = load_request("pr1", None, Path("parameters"))
    operations = Operations(environment, connect_to(target=Target.AWS))
    assert not plan(operations, request).empty
    assert json.loads(request.body)["Parameters"].keys() >= {"EnvironmentSuffix"}
    assert environment == Environment("pr1", "pr1")


def test_deletion_takes_the_role_of_the_account_if_the_stack_has_none_that_exists(
    bootstrapped, connect_to, aws
):
    """It cannot delete roles that have no boundary."""
    account = bootstrapped()
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    aws("iam").create_role(RoleName="here", AssumeRolePolicyDocument=trust)
    operations = Operations(Environment("pr1", "pr1"), connect_to())

    def taken(role, boundary):
        arn = role and f"arn:aws:iam::111111111111:role/{role}"
        stack = replace(account, role_arn=arn, parameters={"PermissionsBoundary": boundary})
        return with_deletion_role(operations, stack).role_arn

    found = [taken("", "any"), taken("gone", "any"), taken("here", "any"), taken("", "")]
    assert found == [outputs_of(account)["PullRequestServiceRoleArn"]] * 2 + [None] * 2
    given = replace(operations, role_arn="given")
    assert with_deletion_role(given, account) is given
