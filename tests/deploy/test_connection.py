"""Connections to AWS and to the local AWS emulator."""

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from iot_pipeline_cfn.deploy.connection import (
    Connection,
    Target,
    connect,
    emulator_session,
    trace,
)
from iot_pipeline_cfn.emulator.control import TEMPLATE_BUCKET

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def configure(monkeypatch, tmp_path):
    """A function that makes environment variables the only AWS configuration."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def configure(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return configure


KEYS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}


@pytest.mark.parametrize(
    ("variables", "region", "expected"),
    [
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, None, "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "us-east-1", "us-east-1"),
    ],
)
def test_region_of_the_clients_is_given_or_configured(configure, variables, region, expected):
    configure(**KEYS, **variables)
    connection = connect(Target.AWS, region)
    assert (connection.region, connection.cloudformation.meta.region_name) == (expected, expected)
    assert (connection.is_local, connection.template_bucket) == (False, None)


@pytest.mark.parametrize(
    ("variables", "config", "expected"),
    [
        ({}, "", ("standard", 5)),
        ({"AWS_MAX_ATTEMPTS": "9"}, "", ("standard", 9)),
        ({"AWS_RETRY_MODE": "adaptive"}, "", ("adaptive", 5)),
        ({}, "retry_mode=adaptive\nmax_attempts=7\n", ("adaptive", 7)),
    ],
)
def test_client_is_created_once_and_retries_as_configured(
    configure, tmp_path, variables, config, expected
):
    (tmp_path / "config").write_text(f"[default]\n{config}")
    configure(**KEYS, **variables)
    connection = connect(Target.AWS, "us-east-1")
    assert connection.ec2 is connection.client("ec2")
    retries = connection.ec2.meta.config.retries
    assert (retries["mode"], retries["total_max_attempts"]) == expected


def test_emulator_ignores_the_configuration_of_the_user(configure):
    """Neither a proxy nor a profile that does not exist matters."""
    configure(**KEYS, AWS_PROFILE="missing", HTTP_PROXY=NOWHERE)
    session = emulator_session()
    assert session.get_credentials().access_key == "test"
    connection = Connection(session, "us-east-1", Target.LOCAL, NOWHERE)
    assert connection.sts.meta.config.proxies == {}
    assert connection.template_bucket == TEMPLATE_BUCKET


def test_trace_reports_calls_and_failures(connect_to):
    said = []
    connection = connect_to()
    trace(connection, said.append)
    connection.sts.get_caller_identity()
    (answered,) = said
    assert answered.split()[:2] == ["sts.GetCallerIdentity:", "200"]
    unreachable = Connection(boto3.Session("any", "any"), "us-east-1", Target.LOCAL, NOWHERE)
    trace(unreachable, said.append)
    with pytest.raises(EndpointConnectionError):
        unreachable.sts.get_caller_identity()
    assert said[-1].endswith("EndpointConnectionError")
