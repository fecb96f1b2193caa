"""The way to AWS, or to the embedded one: sessions, regions, retries."""

import os
from collections.abc import Callable, Mapping
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, NoCredentialsError
from botocore.model import OperationModel

from iot_pipeline_cfn import DEFAULT_REGION
from iot_pipeline_cfn.emulator import control

if TYPE_CHECKING:
    from types_boto3_acm import ACMClient
    from types_boto3_apigateway import APIGatewayClient
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_ec2 import EC2Client
    from types_boto3_ecr import ECRClient
    from types_boto3_ecs import ECSClient
    from types_boto3_elasticache import ElastiCacheClient
    from types_boto3_elbv2 import ElasticLoadBalancingv2Client
    from types_boto3_iam import IAMClient
    from types_boto3_kms import KMSClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_rds import RDSClient
    from types_boto3_s3 import S3Client
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_service_quotas import ServiceQuotasClient
    from types_boto3_sts import STSClient

T = TypeVar("T")

ATTEMPTS = 5
"""Throttling, server errors and dropped connections are tried again so often in all, with waits
that double each time. Nothing is lost by giving up: the same command attaches to what goes on."""


CONNECT_SECONDS = 10
"""Who cannot reach a service from where they are learns so in a minute, and not in five."""


class Target(StrEnum):
    """Where environments live."""

    AWS = "aws"
    LOCAL = "local"


class _Client(Generic[T]):
    """A client of a service, which a connection makes where it is first needed."""

    def __init__(self, service: str) -> None:
        """Take the service as botocore names it."""
        self._service = service

    def __set_name__(self, _: type, name: str) -> None:
        """Take the attribute that the client is kept in."""
        self._name = name

    def __get__(self, connection: "Connection", _: type) -> T:
        """Return the client; a session makes one after the other, whoever asks for them."""
        with connection.lock:
            if self._name not in vars(connection):
                client = connection.session.client(self._service, **connection.settings())  # type: ignore[call-overload]
                vars(connection)[self._name] = client
            return cast("T", vars(connection)[self._name])


class Connection:
    """A session in a region, and the clients that are made of it where they are needed."""

    acm: "_Client[ACMClient]" = _Client("acm")
    apigateway: "_Client[APIGatewayClient]" = _Client("apigateway")
    cloudformation: "_Client[CloudFormationClient]" = _Client("cloudformation")
    cloudwatch: "_Client[CloudWatchClient]" = _Client("cloudwatch")
    ec2: "_Client[EC2Client]" = _Client("ec2")
    ecr: "_Client[ECRClient]" = _Client("ecr")
    ecs: "_Client[ECSClient]" = _Client("ecs")
    elasticache: "_Client[ElastiCacheClient]" = _Client("elasticache")
    elbv2: "_Client[ElasticLoadBalancingv2Client]" = _Client("elbv2")
    iam: "_Client[IAMClient]" = _Client("iam")
    kms: "_Client[KMSClient]" = _Client("kms")
    logs: "_Client[CloudWatchLogsClient]" = _Client("logs")
    rds: "_Client[RDSClient]" = _Client("rds")
    s3: "_Client[S3Client]" = _Client("s3")
    secretsmanager: "_Client[SecretsManagerClient]" = _Client("secretsmanager")
    service_quotas: "_Client[ServiceQuotasClient]" = _Client("service-quotas")
    sts: "_Client[STSClient]" = _Client("sts")

    def __init__(
        self,
        session: boto3.Session,
        region: str,
        target: Target,
        endpoint_url: str | None = None,
    ) -> None:
        """Take what clients are made of, and the URL of an embedded AWS."""
        self.session = session
        self.region = region
        self.target = target
        self.endpoint_url = endpoint_url
        self.lock = Lock()

    @property
    def template_bucket(self) -> str | None:
        """The bucket for templates that is there anyway."""
        return control.TEMPLATE_BUCKET if self.target is Target.LOCAL else None

    @property
    def is_local(self) -> bool:
        """Whether it is a connection to the local AWS emulator."""
        return self.target is Target.LOCAL

    @property
    def embedded(self) -> bool:
        """Whether the embedded AWS answers, also where `AWS_ENDPOINT_URL` leads to it."""
        return control.HOST in self.cloudformation.meta.endpoint_url

    def settings(self) -> dict[str, Any]:
        """Return what each client is made with."""
        config = Config(
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            connect_timeout=CONNECT_SECONDS,
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
