"""Errors of deployments, and what errors of botocore mean to the user."""

from collections.abc import Sequence

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 Of botocore, which its other connection errors derive from.
    CredentialRetrievalError,
    HTTPClientError,
    MetadataRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.findings import Finding, Value


class DeploymentError(Exception):
    """A verb failed or was refused, for a reason with a stable code.

    `details` are the facts behind the message, by snake_case keys.
    """

    def __init__(
        self,
        message: str,
        exit_code: ExitCode = ExitCode.REFUSED,
        *,
        code: str = "refused",
        **details: Value,
    ) -> None:
        """Set the message for the user: what failed, and what to do."""
        super().__init__(message)
        self.code = code
        self.exit_code = exit_code
        self.details = details


class ChangeSetRejectedError(DeploymentError):
    """CloudFormation rejected a change set, with the findings of its early validation."""

    def __init__(
        self, message: str, findings: Sequence[Finding], *, code: str, reason: str
    ) -> None:
        """Set the message, the findings, and CloudFormation's reason."""
        super().__init__(message, ExitCode.INVALID, code=code, reason=reason)
        self.findings = findings


NO_CREDENTIALS = (
    CredentialRetrievalError,
    MetadataRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
UNKNOWN_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"})
THROTTLED = frozenset(
    {"RequestLimitExceeded", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequests"}
)
AWS_FAILED = 500

CONFIGURE = (
    "configure credentials, for example with aws configure sso, or use the local AWS emulator with "
    "--target local (make: TARGET=local)"
)
AGAIN = "run the same command again"


def code_of(error: ClientError) -> str:
    """Return AWS's code of an error."""
    return error.response["Error"]["Code"]


def message_of(error: ClientError) -> str:
    """Return AWS's message of an error."""
    return error.response["Error"].get("Message") or code_of(error)


def is_gone(error: ClientError) -> bool:
    """Return whether the stack or the change set of a call no longer exists."""
    code = code_of(error)
    return code == "ChangeSetNotFound" or (
        code == "ValidationError" and "does not exist" in message_of(error)
    )


def explained(error: BotoCoreError | ClientError) -> DeploymentError:
    """Return an error of botocore as one for the user, with what to do about it."""
    if isinstance(error, ClientError):
        return _explain_response(error)
    if isinstance(error, NO_CREDENTIALS):
        message, code = f"{str(error).rstrip('.')}: {CONFIGURE}", "no-credentials"
    elif isinstance(error, ConnectionError | HTTPClientError):
        message, code = f"cannot reach AWS: {error}; {AGAIN}", "unreachable"
    else:
        return DeploymentError(str(error), ExitCode.USAGE, code="bad-request")
    return DeploymentError(message, ExitCode.NO_ACCESS, code=code)


def _explain_response(error: ClientError) -> DeploymentError:
    aws_code, words, operation = code_of(error), message_of(error), error.operation_name
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    exit_code = ExitCode.NO_ACCESS
    if aws_code in EXPIRED:
        code = "expired-credentials"
        message = (
            "the AWS credentials have expired, and CloudFormation goes on: renew them and "
            f"{AGAIN} to follow it"
        )
    elif aws_code in UNKNOWN_CREDENTIALS:
        code, message = "unknown-credentials", f"AWS rejects the credentials ({words}): {CONFIGURE}"
    elif aws_code in DENIED:
        code, message = "access-denied", f"access denied to {operation}: {words}"
    elif aws_code in THROTTLED:
        code, message = "throttled", f"AWS throttles {operation} ({words}): {AGAIN}"
    elif status >= AWS_FAILED:
        code, message = "aws-failed", f"AWS fails at {operation} ({words}): {AGAIN}"
    else:
        code, message = "aws-refused", f"AWS rejects {operation}: {words} ({aws_code})"
        # A stack in the wrong state answers with ValidationError as well.
        invalid = aws_code == "ValidationError" and operation == "CreateChangeSet"
        exit_code = ExitCode.INVALID if invalid else ExitCode.REFUSED
    return DeploymentError(
        message, exit_code, code=code, operation=operation, aws_code=aws_code, aws_message=words
    )
