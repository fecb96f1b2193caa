"""Connections to AWS or to the local AWS emulator: clients, retries, the caller."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import OperationModel

from iot_pipeline_cfn import DEFAULT_REGION
from iot_pipeline_cfn.emulator import control
from iot_pipeline_cfn.exit_codes import ExitCode

from .credentials import named_region, open_session
from .errors import DeploymentError

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

RETRIES: Final = {
    ("retry_mode", "AWS_RETRY_MODE"): ("mode", "standard"),
    ("max_attempts", "AWS_MAX_ATTEMPTS"): ("total_max_attempts", 5),
}
"""How calls are retried where neither the profile nor the environment configures it.
https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

CONNECT_SECONDS: Final = 10
"""Connect timeout; botocore's default would retry for five minutes."""

ALIAS_SECONDS: Final = 2
"""How long the account's alias may take, which is only shown."""


class Target(StrEnum):
    """Where environments live."""

    AWS = "aws"
    LOCAL = "local"


@dataclass(frozen=True)
class Caller:
    """Who calls AWS, and in which account."""

    account: str
    arn: str


def _client(service: str) -> Any:
    """Return a property of a connection, the client of a service."""
    return property(lambda connection: connection.client(service))


class Connection:
    """A session in a Region, and its clients."""

    acm: "ACMClient" = _client("acm")
    apigateway: "APIGatewayClient" = _client("apigateway")
    apigatewayv2: Any = _client("apigatewayv2")
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
        profile: str | None = None,
    ) -> None:
        """Set the session of all clients, the URL of a local AWS emulator, and a named profile."""
        self.session = session
        self.profile = profile
        self.region = region
        self.target = target
        self.endpoint_url = endpoint_url
        self.clients: dict[str, Any] = {}
        self._lock = Lock()

    def in_region(self, region: str) -> "Connection":
        """Return a connection of the same session to another Region."""
        other = Connection(self.session, region, self.target, self.endpoint_url, self.profile)
        other._lock = self._lock
        return other

    @property
    def is_local(self) -> bool:
        """Whether it is a connection to the local AWS emulator."""
        return self.target is Target.LOCAL

    @property
    def template_bucket(self) -> str | None:
        """The bucket for large templates that exists anyway."""
        return control.TEMPLATE_BUCKET if self.is_local else None

    @cached_property
    def caller(self) -> Caller:
        """The account and the identity that calls are made with; needs no permission."""
        identity = self.sts.get_caller_identity()
        return Caller(identity["Account"], identity["Arn"])

    @cached_property
    def account_alias(self) -> str:
        """The account's alias; empty without one, or where it cannot be read at once."""
        if self.is_local:
            return ""
        patience = Config(
            connect_timeout=ALIAS_SECONDS,
            read_timeout=ALIAS_SECONDS,
            retries={"total_max_attempts": 1},
        )
        with suppress(BotoCoreError, ClientError):
            return next(
                iter(self._create("iam", patience).list_account_aliases()["AccountAliases"]), ""
            )
        return ""

    def client(self, service: str) -> Any:
        """Return the client of a service, which is created when it is first needed."""
        # A session is not thread-safe while it creates a client.
        with self._lock:
            if service not in self.clients:
                self.clients[service] = self._create(service)
            return self.clients[service]

    def _create(self, service: str, more: Config | None = None) -> Any:
        config = Config(
            retries=self._retries(),
            connect_timeout=CONNECT_SECONDS,
            s3={"addressing_style": "path"},
            # No proxy is between here and the loopback interface.
            proxies={} if self.is_local else None,
        )
        session: Any = self.session
        try:
            return session.client(
                service,
                region_name=self.region,
                endpoint_url=self.endpoint_url,
                config=config.merge(more) if more else config,
            )
        except BotoCoreError:
            raise
        except ValueError as error:
            # An invalid URL of an endpoint, or a number of attempts that is none.
            message = f"the AWS configuration is invalid: {error}; see: aws configure list"
            raise DeploymentError(message, ExitCode.NO_ACCESS, code="bad-configuration") from None

    def _retries(self) -> Any:
        profile = self.session._session.get_scoped_config()  # noqa: SLF001
        return {
            option: value
            for (key, variable), (option, value) in RETRIES.items()
            if key not in profile and variable not in os.environ
        }


def connect(target: Target, region: str | None, profile: str | None = None) -> Connection:
    """Connect to AWS, or to the local AWS emulator, which is started if it is not running.

    On AWS, an option, the environment or the profile names the Region; there is no default. The
    emulator needs no AWS configuration.

    Raises:
        EmulatorError: when the emulator does not start.
        DeploymentError: when AWS has no Region or no credentials.

    """
    if target is Target.LOCAL:
        with suppress(BotoCoreError):
            region = region or named_region() or boto3.Session().region_name
        region = region or DEFAULT_REGION
        emulator = control.start(control.DIRECTORY, region)
        return Connection(emulator_session(), region, target, emulator.endpoint_url)
    session = open_session(region, profile)
    return Connection(session, session.region_name, target, profile=profile)


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
