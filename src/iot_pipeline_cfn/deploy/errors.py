"""Errors of deployments, and what errors of botocore mean to the user."""

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

from iot_pipeline_cfn.emulator.control import HOST
from iot_pipeline_cfn.exit_codes import ExitCode


class DeploymentError(Exception):
    """Why a verb did not do what was asked; the message is for the person who asked."""

    def __init__(self, message: str, exit_code: ExitCode = ExitCode.REFUSED) -> None:
        """Take the message, which says what to do next, and the exit code."""
        super().__init__(message)
        self.exit_code = exit_code


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

TWO_WAYS_ON = (
    "configure credentials, such as with aws configure sso, or use the embedded AWS with --target "
    "local (with make: TARGET=local)"
)


def code_of(error: ClientError) -> str:
    """Return AWS's code for an error."""
    return error.response["Error"]["Code"]


def message_of(error: ClientError) -> str:
    """Return AWS's words for an error."""
    return error.response["Error"].get("Message") or code_of(error)


def is_gone(error: ClientError) -> bool:
    """Return whether it says that a stack or a change set does not exist any more."""
    code = code_of(error)
    return code == "ChangeSetNotFound" or (
        code == "ValidationError" and "does not exist" in message_of(error)
    )


def explained(error: BotoCoreError | ClientError) -> DeploymentError:
    """Return what an error of botocore means to the person who runs a verb."""
    if isinstance(error, ClientError):
        return _explained_answer(error)
    if isinstance(error, NO_CREDENTIALS):
        message = f"{str(error).rstrip('.')}: {TWO_WAYS_ON}"
    elif isinstance(error, ConnectionError | HTTPClientError):
        message = f"AWS cannot be reached: {error}; run the same command again"
        if HOST in str(error):
            message += " (the embedded AWS, if it was that, has ended with all its environments)"
    else:
        return DeploymentError(str(error), ExitCode.USAGE)
    return DeploymentError(message, ExitCode.NO_ACCESS)


def _explained_answer(error: ClientError) -> DeploymentError:
    code, words = code_of(error), message_of(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    exit_code = ExitCode.NO_ACCESS
    if code in EXPIRED:
        message = (
            "the AWS credentials have expired; what CloudFormation has begun goes on: get new ones "
            "and run the same command again to attach to it"
        )
    elif code in UNKNOWN_CREDENTIALS:
        message = f"AWS does not accept the credentials ({words}): {TWO_WAYS_ON}"
    elif code in DENIED:
        message = f"access denied to {error.operation_name}: {words}"
    elif code in THROTTLED:
        message = f"AWS throttles {error.operation_name} ({words}): run the same command again"
    elif status >= AWS_FAILED:
        message = f"AWS fails at {error.operation_name} ({words}): run the same command again"
    else:
        message = f"AWS refuses {error.operation_name}: {words} ({code})"
        # It is also what a stack answers that is in the wrong state.
        invalid = code == "ValidationError" and error.operation_name == "CreateChangeSet"
        exit_code = ExitCode.INVALID if invalid else ExitCode.REFUSED
    return DeploymentError(message, exit_code)
