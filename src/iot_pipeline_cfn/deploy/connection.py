"""The way to AWS, or to the embedded one: sessions, regions, retries."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, NoCredentialsError
from botocore.model import OperationModel

from iot_pipeline_cfn.emulator import control

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_ec2 import EC2Client
    from types_boto3_ecs import ECSClient
    from types_boto3_elbv2 import ElasticLoadBalancingv2Client
    from types_boto3_rds import RDSClient
    from types_boto3_s3 import S3Client
    from types_boto3_service_quotas import ServiceQuotasClient

DEFAULT_REGION = "ap-northeast-1"

ATTEMPTS = 5
"""Throttling, server errors and dropped connections are tried again so often in all, with waits
that double each time. Nothing is lost by giving up: the same command attaches to what goes on."""


class Target(StrEnum):
    """Where environments live."""

    AWS = "aws"
    LOCAL = "local"


@dataclass(frozen=True)
class Connection:
    """A session in a region, and the clients that are made of it where they are needed."""

    session: boto3.Session
    region: str
    target: Target
    endpoint_url: str | None = None
    # A session makes its clients one after the other, whoever asks for them.
    _lock: Lock = field(default_factory=Lock)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """The client of CloudFormation."""
        with self._lock:
            return self.session.client("cloudformation", **self._settings())

    @cached_property
    def ec2(self) -> "EC2Client":
        """The client of EC2."""
        with self._lock:
            return self.session.client("ec2", **self._settings())

    @cached_property
    def ecs(self) -> "ECSClient":
        """The client of ECS."""
        with self._lock:
            return self.session.client("ecs", **self._settings())

    @cached_property
    def elbv2(self) -> "ElasticLoadBalancingv2Client":
        """The client of Elastic Load Balancing."""
        with self._lock:
            return self.session.client("elbv2", **self._settings())

    @cached_property
    def rds(self) -> "RDSClient":
        """The client of RDS."""
        with self._lock:
            return self.session.client("rds", **self._settings())

    @cached_property
    def s3(self) -> "S3Client":
        """The client of S3."""
        with self._lock:
            return self.session.client("s3", **self._settings())

    @cached_property
    def service_quotas(self) -> "ServiceQuotasClient":
        """The client of Service Quotas."""
        with self._lock:
            return self.session.client("service-quotas", **self._settings())

    @property
    def template_bucket(self) -> str | None:
        """The bucket for templates that is there anyway."""
        return control.TEMPLATE_BUCKET if self.target is Target.LOCAL else None

    def _settings(self) -> dict[str, Any]:
        config = Config(
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            s3={"addressing_style": "path"},
            # Nothing between here and a server on the loopback interface.
            proxies={} if self.target is Target.LOCAL else None,
        )
        return {
            "region_name": self.region,
            "endpoint_url": self.endpoint_url,
            "config": config,
        }


def connect(target: Target, region: str | None) -> Connection:
    """Return a connection; the embedded AWS is started where it does not run yet.

    `region` is the one that was asked for, else it is that of the AWS configuration, else Tokyo.

    Raises:
        EmulatorError: when the embedded AWS does not start.
        NoCredentialsError: when there are none for AWS.

    """
    if target is Target.LOCAL:
        region = region or configured_region() or DEFAULT_REGION
        emulator = control.start(control.DIRECTORY, region)
        return Connection(embedded_session(), region, target, emulator.endpoint_url)
    session = boto3.Session()
    if session.get_credentials() is None:
        raise NoCredentialsError
    return Connection(session, region or session.region_name or DEFAULT_REGION, target)


def configured_region() -> str | None:
    """Return the region of the AWS configuration, if there is a usable one."""
    try:
        return boto3.Session().region_name
    except BotoCoreError:
        return None


def embedded_session() -> boto3.Session:
    """Return a session that reads nothing of the AWS configuration of whoever runs it."""
    own = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
            "defaults_mode": (None, None, "legacy", None),
        }
    )
    own.set_credentials("test", "test")
    return boto3.Session(botocore_session=own)


def trace(connection: Connection, say: Callable[[str], None]) -> None:
    """Say each call to AWS with its outcome, without what was sent or answered."""

    def answered(model: OperationModel, parsed: Mapping[str, Any], **_: object) -> None:
        metadata = parsed.get("ResponseMetadata", {})
        say(
            f"{model.service_model.service_name}.{model.name}: "
            f"{metadata.get('HTTPStatusCode')} {parsed.get('Error', {}).get('Code', '')} "
            f"retries={metadata.get('RetryAttempts')} request={metadata.get('RequestId')}"
        )

    def failed(exception: Exception, event_name: str, **_: object) -> None:
        say(f"{event_name.removeprefix('after-call-error.')}: {type(exception).__name__}")

    connection.session.events.register("after-call", answered)
    connection.session.events.register("after-call-error", failed)
