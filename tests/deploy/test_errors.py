"""What errors of botocore mean to the user."""

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ValidationError

from iot_pipeline_cfn.cli import program
from iot_pipeline_cfn.deploy.errors import explained, is_gone, is_transient

WRONG_REQUESTS = {
    "MissingParametersError",
    "ParamValidationError",
    *(each.__name__ for each in (ValidationError, *ValidationError.__subclasses__())),
}
TREE = [BotoCoreError]
for each in TREE:
    TREE += [child for child in each.__subclasses__() if child not in TREE]


def an_error(kind):
    """Return an error of a type, whose own arguments do not matter."""
    return kind.__new__(kind, "some\nwords")


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_of_botocore_is_one_line_about_access(kind):
    """Except for wrong requests; none is unknown to the program."""
    message, status = program.explain(an_error(kind))
    assert "\n" not in message
    assert status == (2 if kind.__name__ in WRONG_REQUESTS else 7)


@pytest.mark.parametrize(
    ("name", "code", "remedy"),
    [
        ("NoCredentialsError", "no-credentials", "aws login"),
        ("PartialCredentialsError", "no-credentials", "aws configure sso"),
        ("UnauthorizedSSOTokenError", "expired-credentials", "aws sso login --profile 'my own'"),
        ("SSOTokenLoadError", "expired-credentials", "aws sso login --profile 'my own'"),
        ("TokenRetrievalError", "expired-credentials", "aws sso login --profile 'my own'"),
        ("LoginRefreshRequired", "expired-credentials", "run: aws login --profile 'my own'"),
        ("LoginTokenLoadError", "expired-credentials", "run: aws login --profile 'my own'"),
        ("RefreshWithMFAUnsupportedError", "expired-credentials", "asks for a new code"),
        ("ProfileNotFound", "bad-configuration", "aws configure list-profiles"),
        ("InfiniteLoopConfigError", "bad-configuration", "aws configure list --profile"),
        ("NoRegionError", "no-region", "AWS_REGION"),
        ("SSLError", "unreachable", "AWS_CA_BUNDLE"),
        ("ProxyConnectionError", "unreachable", "HTTPS_PROXY"),
        ("ConnectTimeoutError", "unreachable", "run the same command again"),
    ],
)
def test_error_names_what_helps(name, code, remedy):
    (kind,) = (each for each in TREE if each.__name__ == name)
    found = explained(an_error(kind), "my own")
    assert (found.code, found.exit_code) == (code, 7)
    assert remedy in str(found)


def response(code, message="any", status=400, operation="CreateChangeSet"):
    answer = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, operation)


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (response("ExpiredToken"), "expired-credentials", 7),
        (response("TokenRefreshRequired"), "expired-credentials", 7),
        (response("InvalidToken"), "unknown-credentials", 7),
        (response("InvalidSignatureException"), "unknown-credentials", 7),
        (response("OptInRequired"), "unknown-credentials", 7),
        (response("InvalidIdentityToken"), "unknown-credentials", 7),
        (response("RequestTimeTooSkewed"), "clock-skew", 7),
        (response("SignatureDoesNotMatch", "Signature expired: 1 is"), "clock-skew", 7),
        (response("SignatureDoesNotMatch", "The signature is wrong"), "unknown-credentials", 7),
        (response("ValidationError"), "aws-refused", 3),
        (response("ValidationError", operation="AssumeRole"), "aws-refused", 7),
        (response("ValidationError", operation="DescribeStacks"), "aws-refused", 1),
        (response("ThrottlingException"), "throttled", 7),
        (response("ServiceUnavailable", status=503), "aws-failed", 7),
    ],
)
def test_answer_of_aws_has_a_code_and_an_exit_code(error, code, status):
    found = explained(error)
    assert (found.code, found.exit_code) == (code, status)
    assert found.details["operation"] == error.operation_name
    assert found.details["aws_code"] == error.response["Error"]["Code"]
    assert is_transient(error) is (code in {"throttled", "aws-failed"})


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (response("ValidationError", "Stack with id iot-pipeline-pr1 does not exist"), True),
        (response("ChangeSetNotFound"), True),
        (response("ValidationError", "1 validation error detected"), False),
        (response("AccessDenied", "The role does not exist"), False),
    ],
)
def test_stack_that_does_not_exist_is_gone(error, expected):
    assert is_gone(error) is expected
