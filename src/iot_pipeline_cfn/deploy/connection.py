"""Connections to AWS or to the local AWS emulator: sessions, Regions, retries."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING, Any

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

ATTEMPTS = 5
"""All attempts of a call. Nothing is lost by giving up: the same command follows the operation."""

CONNECT_SECONDS = 10
"""Connect timeout; botocore's default would retry for five minutes."""


class Target(StrEnum):
    """Where environments live."""

    AWS = "aws"
    LOCAL = "local"


def _client(service: str) -> Any:
    """Return a property of a connection, the client of a service."""
    return property(lambda connection: connection.client(service))


class Connection:
    """A session in a Region, and its clients."""

    acm: "ACMClient" = _client("acm")
    apigateway: "APIGatewayClient" = _client("apigateway")
    cloudformation: "CloudFormationClient" = _client("cloudformation")
    cloudwatch: "CloudWatchClient" = _client("cloudwatch")
    ec2: "EC2Client" = _client("ec2")
    ecr: "ECRClient" = _client("ecr")
    ecs: "ECSClient" = _client("ecs")
    elasticache: "ElastiCacheClient" = _client("elasticache")
    elbv2: "ElasticLoadBalancingv2Client" = _client("elbv2")
    iam: "IAMClient" = _client("iam")
    kms: "KMSClient" = _client("kms")
    logs: "CloudWatchLogsClient" = _client("logs")
    rds: "RDSClient" = _client("rds")
    s3: "S3Client" = _client("s3")
    secretsmanager: "SecretsManagerClient" = _client("secretsmanager")
    service_quotas: "ServiceQuotasClient" = _client("service-quotas")
    sts: "STSClient" = _client("sts")

    def __init__(
        self,
        session: boto3.Session,
        region: str,
        target: Target,
        endpoint_url: str | None = None,
    ) -> None:
        """Set the session of all clients, and the URL of a local AWS emulator."""
        self.session = session
        self.region = region
        self.target = target
        self.endpoint_url = endpoint_url
        self.clients: dict[str, Any] = {}
        self._lock = Lock()

    @property
    def is_local(self) -> bool:
        """Whether it is a connection to the local AWS emulator."""
        return self.target is Target.LOCAL

    @property
    def template_bucket(self) -> str | None:
        """The bucket for large templates that exists anyway."""
        return control.TEMPLATE_BUCKET if self.is_local else None

    def client(self, service: str) -> Any:
        """Return the client of a service, which is created when it is first needed."""
        config = Config(
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            connect_timeout=CONNECT_SECONDS,
            s3={"addressing_style": "path"},
            # No proxy is between here and the loopback interface.
            proxies={} if self.is_local else None,
        )
        # A session is not thread-safe while it creates a client.
        with self._lock:
            if service not in self.clients:
                session: Any = self.session
                self.clients[service] = session.client(
                    service,
                    region_name=self.region,
                    endpoint_url=self.endpoint_url,
                    config=config,
                )
            return self.clients[service]


def connect(target: Target, region: str | None) -> Connection:
    """Connect to AWS, or to the local AWS emulator, which is started if it is not running.

    Without a Region the AWS configuration names it, or else it is Tokyo.

    Raises:
        EmulatorError: when the emulator does not start.
        NoCredentialsError: when there are no credentials for AWS.

    """
    if target is Target.LOCAL:
        with suppress(BotoCoreError):  # The emulator needs no AWS configuration.
            region = region or boto3.Session().region_name
        region = region or DEFAULT_REGION
        emulator = control.start(control.DIRECTORY, region)
        return Connection(emulator_session(), region, target, emulator.endpoint_url)
    session = boto3.Session()
    if session.get_credentials() is None:
        raise NoCredentialsError
    return Connection(session, region or session.region_name or DEFAULT_REGION, target)


def emulator_session() -> boto3.Session:
    """Return a session for the emulator, which ignores the user's AWS configuration."""
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
    """Report each call to AWS and its result, without the data."""

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
