"""Uploading a template to the bucket from which CloudFormation reads it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from botocore.loaders import create_loader

from iot_pipeline_cfn.exit_codes import ExitCode

from .connection import Connection
from .errors import DENIED, DeploymentError, code_of, message_of


def upload(
    connection: Connection, bucket: str, key: str, body: str, kms_key: str | None = None
) -> str:
    """Upload a template to a bucket of this account and Region, and return its URL.

    Policies of buckets often deny objects that are sent without encryption
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingEncryption.html), and a bucket name
    that was given up can belong to somebody else
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html).
    """
    encryption: dict[str, Any] = {"ServerSideEncryption": "AES256"}
    if kms_key:
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}
    with _same_region(connection, bucket), _named(connection, bucket, key):
        connection.s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=body.encode(),
            ContentType="application/json",
            ExpectedBucketOwner=connection.caller.account,
            **encryption,
        )
    return f"{_endpoint(connection)}/{bucket}/{key}"


def _endpoint(connection: Connection) -> str:
    """Return the URL of S3 for CloudFormation, whatever endpoint this machine has.

    The path-style URL is the one that the AWS CDK passes
    (https://github.com/aws/aws-cdk-cli/blob/main/packages/%40aws-cdk/toolkit-lib/lib/api/deployments/template-body-parameter.ts).
    """
    if connection.endpoint_url:
        return connection.endpoint_url
    partition = connection.session.get_partition_for_region(connection.region)
    known = create_loader().load_data("partitions")["partitions"]
    suffixes = {each["id"]: each["outputs"]["dnsSuffix"] for each in known}
    return f"https://s3.{connection.region}.{suffixes[partition]}"


@contextmanager
def _same_region(connection: Connection, bucket: str) -> Iterator[None]:
    """Refuse to be redirected to another Region, where CloudFormation does not read."""
    signed: list[str] = []

    def check(request: AWSRequest, **_: object) -> None:
        signed.append(request.context.get("signing", {}).get("region", ""))
        if signed[-1] != signed[0]:
            raise _elsewhere(connection, bucket, signed[-1])

    events = connection.s3.meta.events
    events.register("before-sign.s3.PutObject", check)
    try:
        yield
    finally:
        events.unregister("before-sign.s3.PutObject", check)


def _elsewhere(connection: Connection, bucket: str, region: str) -> DeploymentError:
    message = f"the bucket {bucket!r} is in {region}: one in {connection.region} is needed"
    return DeploymentError(message, code="bucket-elsewhere", region=region)


@contextmanager
def _named(connection: Connection, bucket: str, key: str) -> Iterator[None]:
    """Name the bucket in an error about it, and what to do."""
    try:
        yield
    except ClientError as error:
        region = error.response["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
        if region not in {None, connection.region}:
            raise _elsewhere(connection, bucket, region) from None
        where = f"cannot upload the template to s3://{bucket}/{key}: {message_of(error)}"
        if code_of(error) == "NoSuchBucket":
            create = f"aws s3 mb s3://{bucket} --region {connection.region}"
            message = f"{where}; create it, for example with: {create}"
            raise DeploymentError(message, code="no-bucket", bucket=bucket) from None
        if code_of(error) not in DENIED:
            raise
        message = (
            f"{where}; the caller needs s3:PutObject and s3:GetObject there, and the bucket must "
            f"belong to the account {connection.caller.account}"
        )
        raise DeploymentError(
            message,
            ExitCode.NO_ACCESS,
            code="access-denied",
            bucket=bucket,
            key=key,
            operation="PutObject",
            aws_message=message_of(error),
        ) from None
