"""What errors of AWS mean to the user."""

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    SSOTokenLoadError,
)

from iot_pipeline_cfn.deploy.errors import explained, is_gone
from iot_pipeline_cfn.exit_codes import ExitCode


def answer(code, message="Some words.", status=400, operation="DescribeStacks"):
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, operation)


@pytest.mark.parametrize(
    ("error", "exit_code", "code"),
    [
        (NoCredentialsError(), ExitCode.NO_ACCESS, "no-credentials"),
        (SSOTokenLoadError(error_msg="expired"), ExitCode.NO_ACCESS, "no-credentials"),
        (EndpointConnectionError(endpoint_url="x"), ExitCode.NO_ACCESS, "unreachable"),
        (ReadTimeoutError(endpoint_url="x"), ExitCode.NO_ACCESS, "unreachable"),
        (ParamValidationError(report="x"), ExitCode.USAGE, "bad-request"),
        (answer("ExpiredToken"), ExitCode.NO_ACCESS, "expired-credentials"),
        (answer("InvalidClientTokenId"), ExitCode.NO_ACCESS, "unknown-credentials"),
        (answer("UnauthorizedOperation"), ExitCode.NO_ACCESS, "access-denied"),
        (answer("Throttling"), ExitCode.NO_ACCESS, "throttled"),
        (answer("ServiceUnavailable", status=503), ExitCode.NO_ACCESS, "aws-failed"),
        (answer("AlreadyExistsException"), ExitCode.REFUSED, "aws-refused"),
        (answer("ValidationError"), ExitCode.REFUSED, "aws-refused"),
        (
            answer("ValidationError", operation="CreateChangeSet"),
            ExitCode.INVALID,
            "aws-refused",
        ),
    ],
)
def test_error_has_a_code_and_an_exit_code(error, exit_code, code):
    found = explained(error)
    assert (found.exit_code, found.code) == (exit_code, code)
    if isinstance(error, ClientError):
        assert found.details == {
            "operation": error.operation_name,
            "aws_code": error.response["Error"]["Code"],
            "aws_message": "Some words.",
        }


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (answer("ValidationError", "Stack with id iot-pipeline-pr1 does not exist"), True),
        (answer("ChangeSetNotFound"), True),
        (answer("ValidationError", "1 validation error detected"), False),
        (answer("AccessDenied", "The role does not exist"), False),
    ],
)
def test_stack_that_does_not_exist_is_gone(error, expected):
    assert is_gone(error) is expected
