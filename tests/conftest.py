"""Fixtures for all tests: the template, and connections to the emulator and to moto."""

import gc
import json
import os
import signal
from contextlib import ExitStack
from functools import cache
from urllib.request import Request, urlopen

import boto3
import botocore.session
import hypothesis
import pytest
from botocore.retries.standard import ExponentialBackoff

from checkout import ACCOUNTS, REGION, ROOT, resolve_all
from deployed import observed
from deploying import Project, container_answer, small_template
from iot_pipeline_cfn.deploy import health
from iot_pipeline_cfn.deploy.connection import Connection, Target, emulator_session
from iot_pipeline_cfn.emulator import control
from iot_pipeline_cfn.stack import render_all
from serving import serving
from terminals import Terminal

# Sessions share the descriptions of services, which are slow to read.
botocore.session.create_loader = cache(botocore.session.create_loader)

# No test waits between botocore's attempts.
ExponentialBackoff.delay_amount = lambda *_: 0

# Nor for a service that does not work.
health.SETTLING_SECONDS = 0.05

# A shell ignores SIGINT for jobs in the background, and their children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Examples have no deadline, since the machine may be busy. `make test-fast` tries fewer of them.
hypothesis.settings.register_profile("thorough", deadline=None)
hypothesis.settings.register_profile("fast", deadline=None, max_examples=20)
hypothesis.settings.load_profile("thorough")


SLOW_FIXTURES = frozenset({"emulator", "moto_url", "repository"})
SLOW_DIRECTORIES = frozenset({"deployed", "emulator", "examples", "rehearsal"})


def pytest_ignore_collect(collection_path, config):
    """Import no slow test where none runs."""
    is_slow = collection_path.parent == ROOT / "tests" and collection_path.name in SLOW_DIRECTORIES
    return True if is_slow and config.option.markexpr == "not slow" else None


def pytest_collection_modifyitems(items):
    """Mark the tests that need the emulator or another server as slow."""
    # The schemas of AWS, which tests read and keep, are more than half of all objects.
    gc.set_threshold(50_000, 20, 20)
    for item in items:
        parts = item.path.relative_to(ROOT / "tests").parts
        if SLOW_FIXTURES & {*item.fixturenames} or parts[0] in SLOW_DIRECTORIES:
            item.add_marker("slow")


def pytest_addoption(parser):
    parser.addoption(
        "--deployed",
        action="store_true",
        help="Run tests/deployed against the environment that ENVIRONMENT_SUFFIX, "
        "IOT_PIPELINE_TARGET and IOT_PIPELINE_REGION name.",
    )


@pytest.fixture(scope="session")
def templates():
    """All templates as they are rendered now, which may differ from the committed files."""
    return {name: json.loads(rendering.text) for name, rendering in render_all().items()}


@pytest.fixture(scope="session")
def template(templates):
    """The template of environments."""
    return templates["iot-pipeline"]


@pytest.fixture(scope="session")
def environments(template):
    return resolve_all(template)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory):
    """A local AWS emulator that the tests share; `aws` gives each test its own account."""
    directory = tmp_path_factory.mktemp("emulator")
    yield control.start(directory, REGION)
    control.stop(directory)


@pytest.fixture(scope="session")
def session():
    """A session that creates the clients of all tests."""
    return boto3.Session(region_name=REGION)


@pytest.fixture
def aws(emulator, session):
    """A function from the name of a service to its client, in an empty account."""
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
    """A function from a region and a target to a connection to the same account."""

    def connect_to(region=REGION, target=Target.LOCAL):
        session = boto3.Session(aws.account, "made-up", region_name=region)
        return Connection(session, region, target, emulator.endpoint_url)

    return connect_to


@pytest.fixture(scope="session")
def moto_url():
    """The URL of a moto server, for services that the emulator lacks."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def moto(moto_url):
    """A connection to the moto server, which is empty."""
    urlopen(Request(f"{moto_url}/moto-api/reset", method="POST")).close()
    return Connection(emulator_session(), REGION, Target.LOCAL, moto_url)


@pytest.fixture
def project(tmp_path, emulator, aws):
    """A small project to deploy, in its own account."""
    project = Project(tmp_path, aws.account, emulator.endpoint_url, REGION)
    project.write(small_template())
    return project


@pytest.fixture
def terminal(project):
    """A function that runs `iot-pipeline` on a terminal."""
    terminals = []

    def run(*arguments, **variables):
        terminals.append(Terminal(project, *arguments, **variables))
        return terminals[-1]

    yield run
    for one in terminals:
        one.process.kill()
        one.process.wait()
        os.close(one.master)


@pytest.fixture(scope="session")
def container_port():
    """The port of a server that accepts readings as a container does."""
    with serving(container_answer) as port:
        yield port


@pytest.fixture(scope="session")
def deploy_environment(emulator, container_port, tmp_path_factory):
    """A function that deploys an environment into its own account and returns it.

    If the parameters name an image, a server stands for its container. Others are deployed into
    the account before.
    """
    files = {
        path.stem: json.loads(path.read_text()) for path in (ROOT / "parameters").glob("*.json")
    }
    committed = (ROOT / "templates/iot-pipeline.json").read_text()

    def deploy_environment(name, parameters, template=committed, others=()):
        directory, account = tmp_path_factory.mktemp("environment"), f"{next(ACCOUNTS):012}"
        project = Project(directory, account, emulator.endpoint_url, REGION)
        project.write_committed("pr", **files)
        (directory / "templates/iot-pipeline.json").write_text(template)
        given = [f"--parameter={name}={value}" for name, value in parameters.items()]
        session = boto3.Session(account, "made-up", region_name=REGION)
        connection = Connection(session, REGION, Target.LOCAL, emulator.endpoint_url)
        for other in others:
            assert project.deploy(other, "--with-network").status == 0
        result = project.deploy(name, *given)
        # A broken environment may not work, which the tests find as well.
        assert result.status == 0 or result.code == "not-working", result.err
        environment = observed.find(name, connection)
        if "ImageTag" in parameters:
            connection.elbv2.register_targets(
                TargetGroupArn=environment.outputs["TargetGroupArn"],
                Targets=[{"Id": "127.0.0.1", "Port": container_port}],
            )
        return environment

    return deploy_environment
