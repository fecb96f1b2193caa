"""A small project to deploy, and `iot-pipeline` run in it as in a process of its own."""

import contextlib
import io
import json
import os
import re
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from checkout import REGION, ROOT
from documents import documents
from iot_pipeline_cfn import cli
from iot_pipeline_cfn.cli import program
from iot_pipeline_cfn.cli.console import Console
from iot_pipeline_cfn.deploy.errors import explained
from iot_pipeline_cfn.deploy.observer import Observer
from iot_pipeline_cfn.emulator.control import TEMPLATE_BUCKET

EXPLAIN = program.explain
NOTIFY = Console.notify
PROGRAM = Path(sys.executable).with_name(cli.PROGRAM)
BUCKET = ("--bucket", TEMPLATE_BUCKET)


def topic(**properties):
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


def log_group(name):
    return {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}}


IMPOSSIBLE = {
    "Type": "AWS::EC2::NatGateway",
    "Properties": {"SubnetId": "subnet-0", "AllocationId": "eipalloc-0"},
}
"""A resource that cannot be created."""

RETAINED_THEN_FAILED = {
    "Kept": topic() | {"DeletionPolicy": "Retain"},
    "Impossible": IMPOSSIBLE | {"DependsOn": "Kept"},
}
"""A resource that a deletion retains, and one that fails after it."""


def small_template(resources=None, outputs=None, parameters=None):
    """Return a template with the parameters that the deployer knows of, and a topic."""
    return {
        "Parameters": {
            "EnvironmentSuffix": {
                "Type": "String",
                "AllowedPattern": "[a-z][a-z0-9]*(-[a-z0-9]+)*",
                "MaxLength": 32,
                "ConstraintDescription": "lowercase letters",
            },
            "Durability": {"Type": "String", "Default": "ephemeral"},
            "DeletionProtection": {"Type": "String", "Default": "enabled"},
            "ImageTag": {"Type": "String", "Default": ""},
            "DisplayName": {"Type": "String", "Default": "first"},
        }
        | (parameters or {}),
        "Resources": {
            "Topic": topic(
                DisplayName={"Ref": "DisplayName"},
                Tags=[
                    {"Key": name, "Value": {"Ref": name}}
                    for name in ("DeletionProtection", "ImageTag")
                ],
            )
        }
        | (resources or {}),
        "Outputs": {"TopicArn": {"Value": {"Ref": "Topic"}, "Description": "The topic."}}
        | (outputs or {}),
    }


class Recorder(Observer):
    """An observer that remembers what it was asked, and always gives the same answer."""

    def __init__(self, answer):
        self.answer = answer
        self.questions = []

    def confirm(self, question, environment):
        self.questions.append((question, environment))
        return self.answer


@dataclass(frozen=True)
class Result:
    """How a command ended, what it printed, its notices, and the error that it ended with."""

    status: int
    out: str
    err: str
    notices: list[str]
    error: Exception | None = None

    @property
    def code(self):
        """The code of a `DeploymentError`."""
        return getattr(self.error, "code", None)

    @property
    def details(self):
        """The details of a `DeploymentError`."""
        return getattr(self.error, "details", {})

    @property
    def documents(self):
        """The JSON documents on stdout, each valid by its schema."""
        return documents(self.out)

    @property
    def document(self):
        (document,) = self.documents
        return document

    @property
    def last_line(self):
        return self.err.strip().splitlines()[-1]


def run_program(main, directory, variables, *argv):
    """Run a program in a directory to its end, with these variables and no others."""
    out, err = io.StringIO(), io.StringIO()
    errors: list[Exception] = []
    notices = []

    def explain(error):
        is_from_aws = isinstance(error, BotoCoreError | ClientError)
        errors.append(explained(error) if is_from_aws else error)
        return EXPLAIN(error)

    def notify(console, finding):
        notices.append(finding.code)
        NOTIFY(console, finding)

    terminate = signal.getsignal(signal.SIGTERM)
    with (
        contextlib.chdir(directory),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.dict(os.environ, variables, clear=True),
        mock.patch.object(sys, "argv", [*argv]),
        mock.patch.object(sys, "stdin", io.StringIO()),
        mock.patch.object(program, "explain", explain),
        mock.patch.object(Console, "notify", notify),
    ):
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        finally:
            signal.signal(signal.SIGTERM, terminate)
    return Result(status, out.getvalue(), err.getvalue(), notices, *errors)


def pipeline(*arguments, cwd=ROOT):
    """Run `iot-pipeline` where it reaches no AWS."""
    return Project(cwd, "any", "http://127.0.0.1:9", REGION).run(*arguments)


@dataclass(frozen=True)
class Project:
    """A directory with a template and parameter files, and the AWS that its commands reach."""

    directory: Path
    account: str
    endpoint_url: str
    region: str

    def write(self, template: Any, **files: Any) -> None:
        """Put a template and parameter files there; `pr` is there in any case."""
        (self.directory / "templates").mkdir(exist_ok=True)
        (self.directory / "parameters").mkdir(exist_ok=True)
        text = template if isinstance(template, str) else json.dumps(template)
        (self.directory / "templates/iot-pipeline.json").write_text(text)
        for name, content in ({"pr": {}} | files).items():
            (self.directory / f"parameters/{name}.json").write_text(json.dumps(content))

    @property
    def environment(self):
        """The variables that lead a command to this AWS, and to no other."""
        return {
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "made-up",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "PATH": os.environ["PATH"],
        }

    def run(self, *arguments: str, **variables: str) -> Result:
        """Run `iot-pipeline` to its end."""
        return run_program(
            cli.main, self.directory, self.environment | variables, cli.PROGRAM, *arguments
        )

    def deploy(self, name: str, *options: str, **variables: str) -> Result:
        """Deploy without being asked."""
        return self.run("deploy", name, "--yes", *BUCKET, *options, **variables)

    def write_committed(self, name: str, **others: Any) -> None:
        """Put the committed templates and a parameter file there, and prepare the account."""
        file = json.loads((ROOT / f"parameters/{name}.json").read_text())
        self.write((ROOT / "templates/iot-pipeline.json").read_text(), **{name: file, **others})
        for template in ("iot-pipeline-shared", "shared-network"):
            text = (ROOT / f"templates/{template}.json").read_text()
            (self.directory / f"templates/{template}.json").write_text(text)
        session = boto3.Session(self.account, "made-up", region_name=self.region)
        set_logs_role(session.client("apigateway", endpoint_url=self.endpoint_url))

    def write_shared(self) -> None:
        """Put the committed templates there, with environments that share a network."""
        network = json.loads((ROOT / "parameters/shared-network.json").read_text())
        self.write_committed("pr", **{"shared-network": network})

    def plan(self, name: str, *options: str) -> dict[str, Any]:
        """Return the plan of a deployment, which the preflight checks must pass."""
        done = self.run("plan", name, *BUCKET, *options, "--json")
        assert done.status == 0, done.err
        return done.documents[0]


def set_logs_role(apigateway):
    """Give API Gateway a role, without which it rejects a stage with access logs; return it."""
    role = "arn:aws:iam::111111111111:role/logs"
    operation = {"op": "replace", "path": "/cloudwatchRoleArn", "value": role}
    apigateway.update_account(patchOperations=[operation])
    return role


def made_up_session(region="us-east-1"):
    """Return a session for clients that reach nothing, since their answers are made up too."""
    return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=region)


def command_named_in(message):
    """Return the arguments of the command that a message names last."""
    return re.findall(r"(?:run|with):\s+\S*iot-pipeline (.*)", message)[-1].split()


def stack_of(aws, suffix="pr1"):
    """Return the stack of an environment."""
    (stack,) = aws("cloudformation").describe_stacks(StackName=f"iot-pipeline-{suffix}")["Stacks"]
    return stack


def parameters_of(aws, suffix="pr1"):
    """Return the parameters of an environment's stack."""
    given = stack_of(aws, suffix)["Parameters"]
    return {each["ParameterKey"]: each["ParameterValue"] for each in given}


PROTECTED = {"Parameters": {"DeletionProtection": "enabled", "Durability": "protected"}}

WAITS = {
    "Waits": {
        "Type": "AWS::CloudFormation::WaitCondition",
        "CreationPolicy": {"ResourceSignal": {"Timeout": "PT20S"}},
    },
    "After": topic() | {"DependsOn": "Waits"},
}
"""Resources with which an operation goes on until it is signalled."""


HELD = {
    "Type": "AWS::RDS::DBInstance",
    "DeletionPolicy": "Delete",
    "Properties": {"DeletionProtection": True},
}
"""A resource that refuses to be deleted."""


def signal_success(aws, suffix="pr1"):
    """Let the resource that an operation waits for come to its end."""
    aws("cloudformation").signal_resource(
        StackName=f"iot-pipeline-{suffix}",
        LogicalResourceId="Waits",
        UniqueId="1",
        Status="SUCCESS",
    )


def start_update(project):
    """Leave an update of another process running."""
    project.deploy("pr1")
    project.write(small_template(WAITS))
    done = project.deploy("pr1", "--timeout", "0.3")
    assert done.status == 6
    return done


def names_of_stacks(aws):
    return [stack["StackName"] for stack in aws("cloudformation").describe_stacks()["Stacks"]]


def container_answer(path, _headers, body):
    """Return the answer of a healthy container, which takes readings of integration tests only."""
    if path == "/":
        return 200, b""
    is_ours = path == "/ingest" and json.loads(body)["deviceId"].startswith("integration-test-")
    return 202 if is_ours else 500, b""


def record_image(aws, suffix, tag):
    """Have an environment's repository hold an image of a tag, as if it had been pushed."""
    aws("ecr").put_image(repositoryName=f"iot-pipeline-{suffix}", imageTag=tag, imageManifest="{}")
