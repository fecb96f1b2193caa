"""The environments to test, and the tests that only AWS can answer."""

import os
import sys
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.deploy.connection import Target, connect
from iot_pipeline_cfn.deploy.errors import DeploymentError, explained
from iot_pipeline_cfn.emulator.control import EmulatorError

from . import observed

ENVIRONMENTS = {
    # The first deployment, without an image.
    "dev": {},
    # The network is shared with pr2.
    "pr1": {},
    "prod": {"ImageTag": "v1"},
    "staging": {
        "CertificateArn": "arn:aws:acm:ap-northeast-1:123456789012:certificate/0a1b2c3d",
        "DomainName": "iot.example.com",
        "ImageTag": "v1",
    },
}
"""The environments that are deployed if none is named, with parameters that override the files."""


def pytest_configure(config):
    if config.getoption("--deployed") and not os.environ.get("ENVIRONMENT_SUFFIX"):
        message = "name the environment (with make: ENV=pr123)"
        raise pytest.UsageError(message)
    if config.getoption("--deployed"):
        # Errors name commands of the program that runs.
        sys.argv[0] = str(Path(sys.argv[0]).with_name("iot-pipeline"))


def pytest_generate_tests(metafunc):
    if "environment" in metafunc.fixturenames:
        is_named = metafunc.config.getoption("--deployed")
        names = [os.environ["ENVIRONMENT_SUFFIX"]] if is_named else ENVIRONMENTS
        metafunc.parametrize("environment", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def environment(request):
    """The named environment, or one that is deployed for the tests."""
    name = request.param
    if not request.config.getoption("--deployed"):
        deploy = request.getfixturevalue("deploy_environment")
        return deploy(name, ENVIRONMENTS[name], others=["pr2"] if name == "pr1" else [])
    try:
        target = Target(os.environ.get("IOT_PIPELINE_TARGET") or Target.AWS)
        connection = connect(target, os.environ.get("IOT_PIPELINE_REGION") or None)
        return observed.find(name, connection)
    except (BotoCoreError, ClientError) as error:
        pytest.exit(str(explained(error)), 1)
    except (DeploymentError, EmulatorError, ValueError) as error:
        pytest.exit(str(error), 1)


@pytest.fixture(autouse=True)
def _skip_tests_for_aws(request, environment):
    marker = request.node.get_closest_marker("aws")
    if marker and environment.is_local:
        pytest.skip(f"only on AWS: {marker.args[0]}")
