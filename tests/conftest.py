"""The rendered templates, and the environments that parameters make of them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import hypothesis
import pytest
from moto.server import ThreadedMotoServer

from deploying import Project, small_template
from iot_pipeline_cfn.deploy.connection import Connection, Target, embedded_session
from iot_pipeline_cfn.emulator.control import start, stop
from iot_pipeline_cfn.parameters import load
from iot_pipeline_cfn.rendering import render_all
from resolution import resolve

# A shell that runs the tests in the background ignores it, and so would what they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no finding.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

ROOT = Path(__file__).parents[1]
CFN_LINT = Path(sys.executable).with_name("cfn-lint")
PARAMETER_FILES = sorted((ROOT / "parameters").glob("*.json"))
REGION = "ap-northeast-1"
ACCOUNTS = count(111_111_111_111)
CERTIFICATE = {
    "CertificateArn": "arn:aws:acm:ap-northeast-1:123456789012:certificate/0a1b2c3d",
    "DomainName": "iot.example.com",
}
ENVIRONMENTS = {file.stem: dict(load(file).parameters) for file in PARAMETER_FILES} | {
    "defaults": {},
    "least": {
        "ApiAuthorization": "NONE",
        "Availability": "single-zone",
        "Durability": "ephemeral",
        "NatGateways": "none",
    },
    "public-https": {"ApiAuthorization": "NONE", "ImageTag": "v1"} | CERTIFICATE,
    "most": {
        "AlarmEmail": "somebody@example.com",
        "ApiAccessLogs": "enabled",
        "AvailabilityZone1": "ap-northeast-1a",
        "AvailabilityZone2": "ap-northeast-1c",
        "EncryptionKey": "customer-managed",
        "FlowLogs": "enabled",
        "ImageTag": "v1",
        "Ingress": "private",
        "Monitoring": "detailed",
        "NatElasticIpAllocationId": "eipalloc-0123456789abcdef0",
        "NatGateways": "per-zone",
        "WebAcl": "enabled",
    }
    | CERTIFICATE,
}
"""The parameters of every kind of environment, and of some that go to extremes."""


def run(*command, cwd=ROOT, env=None):
    """Run a program to its end and return what it said and its exit code."""
    return subprocess.run(command, capture_output=True, check=False, cwd=cwd, env=env, text=True)


def make(*arguments, cwd=ROOT):
    """Run make as a person does, also where make itself runs the tests."""
    env = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    return run("make", *arguments, cwd=cwd, env=env)


def resolve_all(template: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what the template comes to in each environment, by its name."""
    return {name: resolve(template, given) for name, given in ENVIRONMENTS.items()}


@pytest.fixture(scope="session", params=render_all().items(), ids=lambda item: item[0])
def template(request):
    _, rendering = request.param
    return json.loads(rendering.text)


@pytest.fixture(scope="session")
def environments(template):
    return resolve_all(template)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory):
    """An embedded AWS that the tests share; `aws` gives each test an account of its own there."""
    directory = tmp_path_factory.mktemp("emulator")
    yield start(directory, REGION)
    stop(directory)


@pytest.fixture(scope="session")
def session():
    """What clients are made of, which remembers the descriptions of services."""
    return boto3.Session(region_name=REGION)


@pytest.fixture
def aws(emulator, session):
    """A function from the name of a service to a client of it, in an account that is empty."""
    account = f"{next(ACCOUNTS):012}"
    with ExitStack() as clients:

        @cache
        def made(service, region):
            client = session.client(
                service,
                region_name=region,
                aws_access_key_id=account,
                aws_secret_access_key=account,
                endpoint_url=emulator.endpoint_url,
            )
            clients.callback(client.close)
            return client

        def client(service):
            return made(service, client.region)

        client.account = account
        client.region = REGION
        yield client


@pytest.fixture
def connect_to(emulator, aws):
    """A function from a region to the connection that a verb has to the same account."""

    def connect_to(region=REGION):
        session = boto3.Session(aws.account, "made-up", region_name=region)
        return Connection(session, region, Target.LOCAL, emulator.endpoint_url)

    return connect_to


@pytest.fixture(scope="session")
def moto_url():
    """The URL of a second AWS that is not ours, for what the embedded one has not."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def moto(moto_url):
    """A connection to that second AWS, where nothing is."""
    urlopen(Request(f"{moto_url}/moto-api/reset", method="POST")).close()
    return Connection(embedded_session(), REGION, Target.LOCAL, moto_url)


@pytest.fixture
def project(tmp_path, emulator, aws):
    """A small project to deploy, in an account of its own."""
    project = Project(tmp_path, aws.account, emulator.endpoint_url, REGION)
    project.write(small_template())
    return project
