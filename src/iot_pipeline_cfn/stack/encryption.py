"""The customer managed key, for an environment that does not use the keys of AWS."""

from dataclasses import dataclass

from awacs import aws
from awacs import kms as kms_actions
from troposphere import AccountId, AWSHelperFn, If, Sub
from troposphere.kms import Alias, Key

from .conditions import Condition
from .context import Context
from .logs import LOG_GROUP_ARN
from .policies import ALARM_ARN, allow, inline_policy, on_behalf_of, policy_document

ADMINISTRATION = (
    kms_actions.CancelKeyDeletion,
    kms_actions.CreateAlias,
    kms_actions.DeleteAlias,
    kms_actions.DescribeKey,
    kms_actions.DisableKey,
    kms_actions.DisableKeyRotation,
    kms_actions.EnableKey,
    kms_actions.EnableKeyRotation,
    kms_actions.GetKeyPolicy,
    kms_actions.GetKeyRotationStatus,
    kms_actions.ListGrants,
    kms_actions.ListKeyPolicies,
    kms_actions.ListKeyRotations,
    kms_actions.ListResourceTags,
    kms_actions.PutKeyPolicy,
    kms_actions.RevokeGrant,
    kms_actions.RotateKeyOnDemand,
    kms_actions.ScheduleKeyDeletion,
    kms_actions.TagResource,
    kms_actions.UntagResource,
    kms_actions.UpdateAlias,
    kms_actions.UpdateKeyDescription,
)
"""Everything that anybody in the account may do with the key itself: nothing allows `kms:*`."""

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
    """The customer managed key, and the condition under which it exists."""

    key: Key
    is_customer_managed: Condition

    def key_arn(self) -> If:
        """Return the value of a `KmsKeyId`; without one, AWS encrypts with a key of its own."""
        return self.is_customer_managed.choose(self.key.get_att("Arn"))

    def decrypt_policy(self) -> If:
        """Return the inline policy that lets a role decrypt with the customer managed key."""
        return self._policy("decrypt", kms_actions.Decrypt)

    def encrypt_policy(self) -> If:
        """Return the inline policy that lets a role store a secret.

        https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
        """
        return self._policy("encrypt", kms_actions.Decrypt, kms_actions.GenerateDataKey)

    def _policy(self, name: str, *actions: aws.Action) -> If:
        statement = allow(actions, [self.key.get_att("Arn")])
        return self.is_customer_managed.choose(inline_policy(name, statement))


def add_encryption(context: Context) -> Encryption:
    """Add the customer managed key, which encrypts everything that the environment stores."""
    is_customer_managed = context.add_switch(
        "EncryptionKey",
        ("aws-managed", "customer-managed"),
        condition="UsesCustomerManagedKey",
        description="Customer-managed is one KMS key of the stack, which rotates. Cannot be "
        "changed later, because it would replace database, cache and repository.",
        label="Encryption key",
    )
    retained = context.is_protected.choose("Retain", "Delete")
    key = context.add(
        Key(
            "EncryptionKmsKey",
            Condition=is_customer_managed,
            # The snapshots that a protected environment leaves behind cannot be read without it.
            # The deployer executes change sets with RetainExceptOnCreate: as a policy, the
            # transform rejects it
            # (https://github.com/aws-cloudformation/cfn-language-discussion/issues/139).
            DeletionPolicy=retained,
            UpdateReplacePolicy=retained,
            EnableKeyRotation=True,
            KeyPolicy=_key_policy(context),
            PendingWindowInDays=7,
        )
    )
    context.add(
        Alias(
            "EncryptionKmsAlias",
            Condition=is_customer_managed,
            AliasName=context.environment_name(prefix="alias/"),
            TargetKeyId=key.ref(),
        )
    )
    context.add_output(
        "EncryptionKeyArn",
        "Customer managed key of the environment.",
        key.get_att("Arn"),
        condition=is_customer_managed,
    )
    return Encryption(key=key, is_customer_managed=is_customer_managed)


def _key_policy(context: Context) -> aws.PolicyDocument:
    """Return a key policy: the account administers the key, services use it.

    No principal uses the key directly: those of the account only through the services that store
    data here, CloudWatch Logs only for this environment's log groups
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html), and
    CloudWatch only for its alarms, which notify an encrypted topic.
    """
    account = aws.AWSPrincipal(AccountId)
    this_key = ["*"]  # In a key policy the resource is the key itself.
    through_services: dict[str, list[AWSHelperFn]] = {
        # ElastiCache also calls KMS as dax
        # (https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/at-rest-encryption.html).
        "kms:ViaService": [
            Sub(f"{service}.${{AWS::Region}}.amazonaws.com")
            for service in ("dax", "ecr", "elasticache", "rds", "secretsmanager")
        ]
    }
    log_groups: list[AWSHelperFn] = [
        context.environment_name(prefix=f"{LOG_GROUP_ARN}/*/", ending=ending)
        for ending in ("", "/*")
    ]
    return policy_document(
        allow(ADMINISTRATION, this_key, principal=account, sid="Administration"),
        allow(
            ENCRYPTION,
            this_key,
            principal=account,
            condition=aws.Condition(aws.StringEquals(through_services)),
            sid="UseThroughServices",
        ),
        allow(
            [kms_actions.CreateGrant],
            this_key,
            principal=account,
            condition=aws.Condition(
                [
                    aws.Bool({"kms:GrantIsForAWSResource": "true"}),
                    aws.StringEquals(through_services),
                ]
            ),
            sid="GrantsToServices",
        ),
        allow(
            ENCRYPTION,
            this_key,
            principal=aws.Principal("Service", Sub("logs.${AWS::Region}.amazonaws.com")),
            condition=aws.Condition(
                aws.ArnLike({"kms:EncryptionContext:aws:logs:arn": log_groups})
            ),
            sid="LogGroups",
        ),
        # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
        allow(
            [kms_actions.Decrypt, kms_actions.GenerateDataKey],
            this_key,
            principal=aws.Principal("Service", "cloudwatch.amazonaws.com"),
            condition=on_behalf_of(context.environment_name(prefix=ALARM_ARN, ending="/*")),
            sid="Alarms",
        ),
    )
