"""Commands of the AWS CLI that messages name, as a person can paste them into a shell."""

import shlex

from iot_pipeline_cfn.deploy.connection import Connection


def aws_command(connection: Connection, *arguments: str) -> str:
    """Return a command for where environments live."""
    words = ["aws", *arguments, "--region", connection.region]
    if connection.is_local and connection.endpoint_url:
        # It takes any credentials, and the AWS CLI sends nothing without some.
        words = ["AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", *words]
        words += ["--endpoint-url", connection.endpoint_url]
    return shlex.join(words)
