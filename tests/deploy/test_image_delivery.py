"""Deployments that build an image, or copy one, before they deploy it."""

import json
import os
import subprocess
from contextlib import nullcontext
from unittest import mock

import pytest

from checkout import REGION, ROOT
from deploying import Recorder, names_of_stacks, parameters_of, small_template, stack_of
from images import Builders, Layout, layer_of, write_image
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.image_delivery import deploy_image
from iot_pipeline_cfn.deploy.observer import Question
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.request import load_request
from iot_pipeline_cfn.deploy.service_layer import Consent

NAME = {"Fn::Sub": "iot-pipeline-${EnvironmentSuffix}"}
RUNS_AN_IMAGE = small_template(
    {"Repository": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": NAME}}},
    {"RepositoryUri": {"Value": {"Fn::GetAtt": "Repository.RepositoryUri"}, "Description": "A."}},
    {"CpuArchitecture": {"Type": "String", "Default": "X86_64"}},
)


@pytest.fixture
def builders(tmp_path):
    """A builder, and the directory that it builds."""
    builders = Builders(tmp_path / "bin")
    builders.install("podman")
    write_image(builders.archive)
    (tmp_path / "app").mkdir()
    (tmp_path / "app/Dockerfile").write_text("FROM scratch")
    return builders


@pytest.fixture
def deliver(project, builders):
    """A function that deploys an image, with the builders as the only ones."""
    project.write(RUNS_AN_IMAGE, staging={}, prod={})

    def deliver(image="app", environment="pr1", *options, **variables):
        variables = {"PATH": str(builders.directory)} | variables
        return project.deploy(environment, "--image", image, *options, **variables)

    return deliver


def commit(directory):
    """Put a directory under version control, and return its commit."""
    options = ["-c", "user.name=any", "-c", "user.email=any@example.com"]
    for arguments in (["init", "-q"], ["add", "app"], ["commit", "-q", "--message=any"]):
        subprocess.run(["git", *options, *arguments], cwd=directory, check=True)
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    return subprocess.check_output(command, cwd=directory, text=True).strip()


def images_of(aws, suffix="pr1"):
    """Return the tags of the images in an environment's repository, by digest."""
    name = f"iot-pipeline-{suffix}"
    found = aws("ecr").describe_images(repositoryName=name)["imageDetails"]
    return {image["imageDigest"]: image["imageTags"] for image in found}


def test_new_environment_is_created_before_its_image_is_pushed(deliver, aws):
    done = deliver()
    assert done.status == 0, done.err
    assert done.notices == ["building-image", "image-pushed"]
    assert "created" in done.out
    assert done.err.count(aws.account) == 1
    (digest,) = images_of(aws)
    assert parameters_of(aws)["ImageTag"] == digest
    assert images_of(aws)[digest] == [f"content-{digest[7:19]}"]


@pytest.mark.parametrize("agrees", [True, False])
def test_user_is_asked_once(project, builders, connect_to, aws, agrees):
    project.write(RUNS_AN_IMAGE)
    directory = project.directory
    environment, request = load_request(
        "pr1", directory / "templates/iot-pipeline.json", directory / "parameters"
    )
    observer = Recorder(agrees)
    operations = Operations(environment, connect_to(), observer)
    refusal = nullcontext() if agrees else pytest.raises(DeploymentError)
    with mock.patch.dict(os.environ, {"PATH": str(builders.directory)}), refusal:
        deploy_image(operations, request, Consent(interactive=True), str(directory / "app"))
    assert observer.questions == [(Question.DEPLOY, "pr1")]
    assert bool(names_of_stacks(aws)) is agrees


def test_commit_is_built_once(deliver, aws, project, builders):
    """Its tag has the commit. Another deployment finds it, and changes nothing."""
    tag = f"{commit(project.directory)}-app-amd64"
    for notice, builds in (("image-pushed", 1), ("image-present", 1)):
        done = deliver()
        assert (done.status, done.notices[-1]) == (0, notice), done.err
        assert [*images_of(aws).values()] == [[tag]]
        assert [call[1] for call in builders.calls].count("build") == builds


def test_changed_directory_is_pushed_under_a_tag_of_its_content(deliver, aws, builders):
    """A build that gives the same content pushes nothing."""
    pushed = []
    for text in ("first", "second", "second"):
        write_image(builders.archive, text=text)
        pushed.append(deliver().notices[-1])
    assert pushed == ["image-pushed", "image-pushed", "image-present"]
    assert len(images_of(aws)) == 2


def uri(aws, suffix, name):
    separator = "@" if ":" in name else ":"
    registry = f"{aws.account}.dkr.ecr.{REGION}.amazonaws.com"
    return f"{registry}/iot-pipeline-{suffix}{separator}{name}"


def test_image_is_promoted_by_digest_without_a_builder(deliver, aws, project):
    """The other environment gets the same digest, and the tag that tells the commit."""
    tag = f"{commit(project.directory)}-app-amd64"
    deliver(environment="staging")
    (digest,) = images_of(aws, "staging")
    done = deliver(uri(aws, "staging", digest), "prod", PATH="")
    assert done.status == 0, done.err
    assert done.notices == ["image-pushed"]
    assert images_of(aws, "prod") == {digest: [tag]}
    assert parameters_of(aws, "prod")["ImageTag"] == digest
    again = deliver(uri(aws, "prod", tag), "prod", PATH="")
    assert (again.status, again.notices) == (0, ["image-present"])


def test_tag_that_another_image_has_is_not_moved(deliver, aws, builders):
    """The copy gets a tag of its content."""
    deliver()
    write_image(builders.archive, text="second")
    deliver(environment="staging")
    (second,) = images_of(aws, "staging")
    ecr = aws("ecr")
    (image,) = ecr.batch_get_image(
        repositoryName="iot-pipeline-staging", imageIds=[{"imageDigest": second}]
    )["images"]
    for suffix, manifest in (("staging", image["imageManifest"]), ("pr1", "{}")):
        name = f"iot-pipeline-{suffix}"
        ecr.put_image(repositoryName=name, imageManifest=manifest, imageTag="same")
    done = deliver(uri(aws, "staging", "same"))
    assert done.status == 0, done.err
    assert images_of(aws)[second] == [f"content-{second[7:19]}"]


def test_image_of_another_architecture_changes_nothing(deliver, aws, builders):
    """Neither one that was built, nor one in ECR; the builder was asked for the right one."""
    done = deliver("app", "pr1", "--parameter", "CpuArchitecture=ARM64")
    assert (done.status, done.code) == (1, "image-architecture")
    assert done.details == {"built": ["amd64"]}
    (build,) = [call for call in builders.calls if call[1] == "build"]
    assert build[build.index("--platform") + 1] == "linux/arm64"
    assert names_of_stacks(aws) == []
    deliver(environment="staging")
    (digest,) = images_of(aws, "staging")
    done = deliver(uri(aws, "staging", digest), "pr1", "--parameter", "CpuArchitecture=ARM64")
    assert done.code == "image-architecture"
    assert names_of_stacks(aws) == ["iot-pipeline-staging"]


def test_environment_keeps_its_architecture(deliver, aws, builders):
    """The parameters of the stack count where none are given."""
    write_image(builders.archive, "arm64")
    assert deliver("app", "pr1", "--parameter", "CpuArchitecture=ARM64").status == 0
    layout = Layout()
    both = [layout.add_image(each, layer_of(file=each)) for each in ("amd64", "arm64")]
    layout.write(builders.archive, *both)
    assert deliver().status == 0
    assert len(images_of(aws)) == 2


@pytest.mark.parametrize(
    ("image", "status", "code"),
    [
        ("missing", 2, "bad-image"),
        ("docker.io/library/python:3", 2, "bad-image"),
        (f"000000000000.dkr.ecr.{REGION}.amazonaws.com/any:v1", 1, "image-elsewhere"),
        ("app", 1, "no-builder"),
    ],
)
def test_image_that_cannot_be_had_changes_nothing(deliver, aws, image, status, code):
    done = deliver(image, PATH="")
    assert (done.status, done.code) == (status, code), done.err
    assert names_of_stacks(aws) == []


def test_image_that_the_repository_lacks_is_an_error(deliver, aws):
    deliver()
    done = deliver(uri(aws, "pr1", "v1"))
    assert (done.status, done.code) == (1, "image-missing")


def test_invalid_parameter_is_refused_before_anything_is_built(deliver, builders):
    done = deliver("app", "pr1", "--parameter", "Nonsense=1")
    assert (done.status, builders.calls) == (3, [])


def test_template_without_an_image_takes_none(deliver, project):
    project.write(small_template())
    assert (deliver().status, deliver().code) == (2, "no-image-parameter")


def test_foreign_stack_gets_no_image(deliver, aws, builders):
    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    aws("cloudformation").create_stack(StackName="iot-pipeline-pr1", TemplateBody=template)
    done = deliver()
    assert (done.status, done.code) == (1, "foreign-stack")
    assert builders.calls == []


def test_tasks_run_the_digest_that_was_pushed(project, aws, builders):
    """The example, as a pull request deploys it."""
    project.write_shared()
    directory = str(ROOT / "examples/processor")
    path = {"PATH": str(builders.directory)}
    done = project.deploy("pr1", "--with-network", "--image", directory, **path)
    assert done.status == 0, done.err
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack_of(aws, "pr1")["Outputs"]}
    task = aws("ecs").describe_task_definition(taskDefinition=outputs["TaskDefinitionArn"])
    images = {each["image"] for each in task["taskDefinition"]["containerDefinitions"]}
    (digest,) = images_of(aws)
    assert images == {f"{outputs['RepositoryUri']}@{digest}"}
