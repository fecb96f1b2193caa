"""What an account needs once in each Region: a bucket for templates, and API Gateway's log role."""

from awacs.aws import Action, Bool, Condition, Deny, Principal, Statement
from troposphere import Sub
from troposphere.apigateway import Account
from troposphere.iam import Role
from troposphere.s3 import (
    AbortIncompleteMultipartUpload,
    Bucket,
    BucketEncryption,
    BucketPolicy,
    LifecycleConfiguration,
    LifecycleRule,
    OwnershipControls,
    OwnershipControlsRule,
    PublicAccessBlockConfiguration,
    ServerSideEncryptionByDefault,
    ServerSideEncryptionRule,
)

from iot_pipeline_cfn.template.parameters import PROJECT

from .context import Context
from .policies import policy_document, trust_policy

TEMPLATE_DAYS = 30
"""CloudFormation keeps its own copy of a template, so an object is needed for minutes."""


def add_bucket(context: Context) -> Bucket:
    """Add the bucket for templates, whose name only this account can have.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/gpbucketnamespaces.html
    """
    bucket = context.add(
        Bucket(
            "TemplateBucket",
            BucketEncryption=BucketEncryption(
                ServerSideEncryptionConfiguration=[
                    ServerSideEncryptionRule(
                        ServerSideEncryptionByDefault=ServerSideEncryptionByDefault(
                            SSEAlgorithm="AES256"
                        )
                    )
                ]
            ),
            BucketNamePrefix=PROJECT,
            BucketNamespace="account-regional",
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
            LifecycleConfiguration=LifecycleConfiguration(
                Rules=[
                    LifecycleRule(
                        AbortIncompleteMultipartUpload=AbortIncompleteMultipartUpload(
                            DaysAfterInitiation=1
                        ),
                        ExpirationInDays=TEMPLATE_DAYS,
                        Status="Enabled",
                    )
                ]
            ),
            OwnershipControls=OwnershipControls(
                Rules=[OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]
            ),
            PublicAccessBlockConfiguration=PublicAccessBlockConfiguration(
                BlockPublicAcls=True,
                BlockPublicPolicy=True,
                IgnorePublicAcls=True,
                RestrictPublicBuckets=True,
            ),
        )
    )
    arn = bucket.get_att("Arn")
    in_clear_text = Statement(
        Action=[Action("s3", "*")],
        Condition=Condition(Bool({"aws:SecureTransport": "false"})),
        Effect=Deny,
        Principal=Principal("*"),
        Resource=[arn, Sub(f"${{{bucket.title}.Arn}}/*")],
    )
    context.add(
        BucketPolicy(
            "TemplateBucketPolicy",
            Bucket=bucket.ref(),
            PolicyDocument=policy_document(in_clear_text),
        )
    )
    context.add_output("TemplateBucketName", "Bucket for templates.", bucket.ref())
    return bucket


def add_api_logging(context: Context) -> None:
    """Add the role with which API Gateway writes logs, one for all APIs in the Region.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    """
    sets_role = context.add_switch(
        "ApiGatewayLogs",
        default="enabled",
        condition="SetsApiGatewayRole",
        description="The role with which API Gateway writes logs, which an account has once in a "
        "Region. Disable it if the account has such a role.",
        label="Logs of API Gateway",
    )
    policy = "service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    # CloudFormation leaves the role set when the account resource is deleted, so both are kept
    # (https://github.com/aws/aws-cdk/issues/6194).
    role = context.add(
        Role(
            "ApiGatewayLogRole",
            AssumeRolePolicyDocument=trust_policy("apigateway", names_account=False),
            ManagedPolicyArns=[Sub(f"arn:${{AWS::Partition}}:iam::aws:policy/{policy}")],
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        ),
        condition=sets_role,
    )
    account = Account(
        "ApiGatewayAccount",
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
        CloudWatchRoleArn=role.get_att("Arn"),
    )
    context.add(account, condition=sets_role)
