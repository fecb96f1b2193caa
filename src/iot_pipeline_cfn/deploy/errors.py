"""Errors of deployments, and what errors of botocore mean to the user."""

import os
import shlex
from collections.abc import Sequence
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    ConnectionError,  # noqa: A004 Of botocore, which its other connection errors derive from.
    HTTPClientError,
    IncompleteReadError,
    LoginError,
    MissingParametersError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    RefreshWithMFAUnsupportedError,
    SSLError,
    SSOError,
    TokenRetrievalError,
    ValidationError,
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


class FindingsError(DeploymentError):
    """An operation failed because of findings, which are shown with the error."""

    def __init__(
        self,
        message: str,
        exit_code: ExitCode,
        findings: Sequence[Finding],
        *,
        code: str,
        **details: Value,
    ) -> None:
        """Set the message for the user, and the findings."""
        super().__init__(message, exit_code, code=code, **details)
        self.findings = findings


AGAIN: Final = "run the same command again"
NAME_REGION: Final = (
    "name it with --region (make: REGION=...), AWS_REGION, AWS_DEFAULT_REGION or in the profile"
)
CONFIGURE: Final = (
    "configure credentials, for example with aws login or aws configure sso, or use the local AWS "
    "emulator with --target local (make: TARGET=local)"
)

REMEDIES: Final[Sequence[tuple[tuple[type[BotoCoreError], ...], str, str]]] = (
    ((NoCredentialsError, PartialCredentialsError), "no-credentials", CONFIGURE),
    (
        (SSOError, TokenRetrievalError),
        "expired-credentials",
        "run: aws sso login{profile}; then {again}",
    ),
    ((LoginError,), "expired-credentials", "run: aws login{profile}; then {again}"),
    (
        (RefreshWithMFAUnsupportedError,),
        "expired-credentials",
        "{again}, which asks for a new code; CloudFormation goes on",
    ),
    (
        (ProfileNotFound, ConfigNotFound, ConfigParseError),
        "bad-configuration",
        "see: aws configure list-profiles",
    ),
    ((NoRegionError,), "no-region", NAME_REGION),
    (
        (SSLError,),
        "unreachable",
        "where a proxy inspects TLS, set AWS_CA_BUNDLE to a file with its certificate authority",
    ),
    ((ProxyConnectionError,), "unreachable", "check HTTPS_PROXY and NO_PROXY, then {again}"),
    ((ConnectionError, HTTPClientError, IncompleteReadError), "unreachable", "{again}"),
)
"""Errors of botocore that nobody but the user can end: their codes, and what to do. The first row
that fits counts."""

WRONG_REQUESTS: Final = (MissingParametersError, ParamValidationError, ValidationError)
"""Errors of botocore about the arguments of a call."""

EXPIRED: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)
SKEWED: Final = frozenset({"RequestInTheFuture", "RequestTimeTooSkewed"})
SKEWED_SIGNATURES: Final = ("Signature expired", "Signature not yet current")
"""How AWS's message begins where the code is one of wrong credentials.
https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
"""
UNKNOWN_CREDENTIALS: Final = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidIdentityToken",
        "InvalidSecurity",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "NotSignedUp",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""
DENIED: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "NotAuthorized", "UnauthorizedOperation", "403"}
)
THROTTLED: Final = frozenset(
    {
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "TooManyRequestsException",
    }
)
SIGN_INS: Final = frozenset(
    {
        "AssumeRole",
        "AssumeRoleWithWebIdentity",
        "CreateOAuth2Token",
        "CreateToken",
        "GetCallerIdentity",
        "GetRoleCredentials",
    }
)
"""Calls by which credentials are obtained: no failure of theirs is about a stack."""
AWS_FAILED: Final = 500


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


def is_transient(error: BotoCoreError | ClientError) -> bool:
    """Return whether the same call may succeed later: AWS throttles, fails, or is not reached."""
    if isinstance(error, ClientError):
        return code_of(error) in THROTTLED or _status(error) >= AWS_FAILED
    return isinstance(error, ConnectionError | HTTPClientError | IncompleteReadError)


def explained(error: BotoCoreError | ClientError, profile: str | None = None) -> DeploymentError:
    """Return an error of botocore as one for the user, with what to do about it.

    Everything that botocore raises by itself is about the access to AWS, except wrong requests.
    """
    if isinstance(error, ClientError):
        return _explain_response(error)
    words = " ".join(str(error).split()).rstrip(".")
    unlisted = ("bad-configuration", "see: aws configure list{profile}")
    code, remedy = next((row for types, *row in REMEDIES if isinstance(error, types)), unlisted)
    if (code, remedy) == unlisted and isinstance(error, WRONG_REQUESTS):
        return DeploymentError(words, ExitCode.USAGE, code="bad-request")
    profile = profile or os.environ.get("AWS_PROFILE")
    option = f" --profile {shlex.quote(profile)}" if profile else ""
    remedy = remedy.format(again=AGAIN, profile=option)
    message = f"cannot reach AWS: {words}; {remedy}" if code == "unreachable" else ""
    return DeploymentError(message or f"{words}: {remedy}", ExitCode.NO_ACCESS, code=code)


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _explain_response(error: ClientError) -> DeploymentError:
    aws_code, words, operation = code_of(error), message_of(error), error.operation_name
    exit_code = ExitCode.NO_ACCESS
    if aws_code in SKEWED or words.startswith(SKEWED_SIGNATURES):
        code = "clock-skew"
        message = f"the clock of this machine is wrong ({words}): set it, then {AGAIN}"
    elif aws_code in EXPIRED:
        code = "expired-credentials"
        # EC2 has one code for both.
        clock = ", or the clock of this machine is wrong" if aws_code == "RequestExpired" else ""
        message = (
            f"the AWS credentials have expired{clock}, and CloudFormation goes on: renew them and "
            f"{AGAIN} to follow it"
        )
    elif aws_code in UNKNOWN_CREDENTIALS:
        code = "unknown-credentials"
        message = (
            f"AWS rejects the credentials ({words}), as it does in a Region that the account has "
            f"not enabled: {CONFIGURE}"
        )
    elif aws_code in DENIED:
        code, message = "access-denied", f"access denied to {operation}: {words}"
    elif aws_code in THROTTLED:
        code, message = "throttled", f"AWS throttles {operation} ({words}): {AGAIN}"
    elif _status(error) >= AWS_FAILED:
        code, message = "aws-failed", f"AWS fails at {operation} ({words}): {AGAIN}"
    else:
        code, message = "aws-refused", f"AWS rejects {operation}: {words} ({aws_code})"
        # A stack in the wrong state answers with ValidationError as well.
        invalid = aws_code == "ValidationError" and operation == "CreateChangeSet"
        if operation not in SIGN_INS:
            exit_code = ExitCode.INVALID if invalid else ExitCode.REFUSED
    return DeploymentError(
        message, exit_code, code=code, operation=operation, aws_code=aws_code, aws_message=words
    )
