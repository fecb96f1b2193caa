"""The customer key of an environment that does not want the keys AWS manages."""

from dataclasses import dataclass

from awacs import kms as kms_actions
from awacs.aws import (
    ArnLike,
    AWSPrincipal,
    Bool,
    Condition,
    PolicyDocument,
    Principal,
    StringEquals,
)
from troposphere import AccountId, AWSHelperFn, Equals, If, NoValue, Sub, Template
from troposphere.iam import Policy
from troposphere.kms import Alias, Key

from .context import Environment
from .naming import LOG_GROUP_ARN, environment_name, tags
from .policies import allow, policy_document
from .sections import add_choice, add_condition, add_output

ADMINISTRATION = (
    kms_actions.CancelKeyDeletion,
    kms_actions.CreateAlias,
    kms_actions.DeleteAlias,
    kms_actions.DescribeKey,
    kms_actions.DisableKeyRotation,
    kms_actions.EnableKeyRotation,
    kms_actions.GetKeyPolicy,
    kms_actions.GetKeyRotationStatus,
    kms_actions.ListGrants,
    kms_actions.ListResourceTags,
    kms_actions.PutKeyPolicy,
    kms_actions.RevokeGrant,
    kms_actions.ScheduleKeyDeletion,
    kms_actions.TagResource,
    kms_actions.UntagResource,
    kms_actions.UpdateAlias,
    kms_actions.UpdateKeyDescription,
)

ENCRYPTION = (
    kms_actions.Decrypt,
    kms_actions.DescribeKey,
    kms_actions.Encrypt,
    kms_actions.GenerateDataKey,
    kms_actions.GenerateDataKeyWithoutPlaintext,
    kms_actions.ReEncryptFrom,
    kms_actions.ReEncryptTo,
)


@dataclass(frozen=True)
class Encryption:
    """The customer key, which exists only under the condition `uses_customer_key`."""

    key: Key
    uses_customer_key: str

    def key_arn(self) -> If:
        """Return the key for a `KmsKeyId`; left out, AWS encrypts with a key of its own."""
        return If(self.uses_customer_key, self.key.get_att("Arn"), NoValue)

    def decrypt_policy(self) -> If:
        """Return the role's inline policy that opens secrets encrypted with the customer key."""
        statement = allow([kms_actions.Decrypt], [self.key.get_att("Arn")])
        policy = Policy(PolicyName="decrypt", PolicyDocument=policy_document(statement))
        return If(self.uses_customer_key, policy, NoValue)


def add_encryption(template: Template, *, environment: Environment) -> Encryption:
    """Add the customer key for database, cache, secrets, registry and log groups, if wanted."""
    choice = add_choice(
        template,
        "EncryptionKey",
        ["aws-managed", "customer-managed"],
        default="aws-managed",
        description="Customer-managed is one rotating key of the stack's own. Fixed once the "
        "environment exists: database, cache and registry would have to be replaced.",
        group="Environment",
        label="Encryption key",
    )
    uses_customer_key = add_condition(
        template, "UsesCustomerKey", Equals(choice.ref(), "customer-managed")
    )
    key = template.add_resource(
        Key(
            "EncryptionKmsKey",
            Condition=uses_customer_key,
            # The snapshots that a protected environment leaves behind cannot be read without it.
            DeletionPolicy=If(environment.is_protected, "RetainExceptOnCreate", "Delete"),
            UpdateReplacePolicy=If(environment.is_protected, "Retain", "Delete"),
            EnableKeyRotation=True,
            KeyPolicy=key_policy(environment),
            PendingWindowInDays=7,
            Tags=tags(environment.suffix, "key", component="encryption"),
        )
    )
    template.add_resource(
        Alias(
            "EncryptionKmsAlias",
            Condition=uses_customer_key,
            AliasName=environment_name(environment.suffix, prefix="alias/"),
            TargetKeyId=key.ref(),
        )
    )
    add_output(
        template,
        "EncryptionKeyArn",
        "Customer key of the environment.",
        key.get_att("Arn"),
        condition=uses_customer_key,
    )
    return Encryption(key=key, uses_customer_key=uses_customer_key)


def key_policy(environment: Environment) -> PolicyDocument:
    """Return a policy under which the key is administered by the account and used by services.

    Nobody encrypts or decrypts with the key directly: the account's principals may do so only
    through the services that keep data here, and CloudWatch Logs only for this environment's log
    groups (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html).
    """
    account = AWSPrincipal(AccountId)
    this_key = ["*"]  # In a key policy the resource is the key itself.
    through_services: dict[str, list[AWSHelperFn]] = {
        # ElastiCache calls as dax too
        # (https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/at-rest-encryption.html).
        "kms:ViaService": [
            Sub(f"{service}.${{AWS::Region}}.amazonaws.com")
            for service in ("dax", "ecr", "elasticache", "rds", "secretsmanager")
        ]
    }
    log_groups: list[AWSHelperFn] = [
        environment_name(
            environment.suffix,
            prefix=f"{LOG_GROUP_ARN}/*/",
            ending=ending,
        )
        for ending in ("", "/*")
    ]
    return policy_document(
        allow(ADMINISTRATION, this_key, principal=account, sid="Administration"),
        allow(
            ENCRYPTION,
            this_key,
            principal=account,
            condition=Condition(StringEquals(through_services)),
            sid="UseThroughServices",
        ),
        allow(
            [kms_actions.CreateGrant],
            this_key,
            principal=account,
            condition=Condition(
                [Bool({"kms:GrantIsForAWSResource": "true"}), StringEquals(through_services)]
            ),
            sid="GrantsToServices",
        ),
        allow(
            ENCRYPTION,
            this_key,
            principal=Principal("Service", Sub("logs.${AWS::Region}.amazonaws.com")),
            condition=Condition(ArnLike({"kms:EncryptionContext:aws:logs:arn": log_groups})),
            sid="LogGroups",
        ),
    )
