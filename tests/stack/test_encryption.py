"""The customer managed key: what it encrypts, and which principals its policy allows."""

from fnmatch import fnmatchcase

from resolution import name_of, of_type, only

USES = {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"}
KEY = {"Fn::GetAtt": ["EncryptionKmsKey", "Arn"]}


def statements(environment):
    document = only(environment, "KMS::Key")["KeyPolicy"]
    return {statement["Sid"]: statement for statement in document["Statement"]}


def test_database_cache_logs_secrets_and_repository_use_the_key(environments):
    environment = environments["most"]
    database = only(environment, "RDS::DBInstance")
    assert database["KmsKeyId"] == database["MasterUserSecret"]["KmsKeyId"] == KEY
    assert database["PerformanceInsightsKMSKeyId"] == KEY
    assert only(environment, "ElastiCache::ReplicationGroup")["KmsKeyId"] == KEY
    secrets = of_type(environment, "SecretsManager::Secret")
    assert all(secret["KmsKeyId"] == KEY for secret in secrets.values())
    assert only(environment, "ECR::Repository")["EncryptionConfiguration"] == {
        "EncryptionType": "KMS",
        "KmsKey": KEY,
    }
    log_groups = of_type(environment, "Logs::LogGroup")
    assert len(log_groups) == 6
    assert all(log_group["KmsKeyId"] == KEY for log_group in log_groups.values())


def test_everything_is_encrypted_without_a_customer_managed_key(environments):
    environment = environments["defaults"]
    assert not of_type(environment, "KMS::Key")
    assert not of_type(environment, "KMS::Alias")
    assert only(environment, "RDS::DBInstance")["StorageEncrypted"] is True
    assert only(environment, "ElastiCache::ReplicationGroup")["AtRestEncryptionEnabled"] is True
    assert only(environment, "ECR::Repository")["EncryptionConfiguration"] == {
        "EncryptionType": "AES256"
    }


def test_key_rotates_and_outlives_the_snapshots_of_a_protected_environment(template, environments):
    """A snapshot cannot be read without its key."""
    assert only(environments["most"], "KMS::Key")["EnableKeyRotation"] is True
    key = template["Resources"]["EncryptionKmsKey"]
    for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
        assert key[policy] == {"Fn::If": ["IsProtected", "Retain", "Delete"]}


def test_account_administers_the_key_and_uses_it_only_through_services(environments):
    """No principal decrypts with the key directly."""
    found = statements(environments["most"])
    account = {"AWS": "123456789012"}
    administration = found["Administration"]
    assert administration["Principal"] == account
    # Somebody must be able to stop the key in an incident.
    needed = {"kms:DisableKey", "kms:EnableKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"}
    assert needed <= set(administration["Action"])
    assert not {"kms:CreateGrant", *USES} & set(administration["Action"])
    use = found["UseThroughServices"]
    assert use["Principal"] == account
    assert set(use["Action"]) >= USES
    # ElastiCache calls KMS under a second name
    # (https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/at-rest-encryption.html).
    services = ["dax", "ecr", "elasticache", "rds", "secretsmanager"]
    through = [f"{service}.ap-northeast-1.amazonaws.com" for service in services]
    assert use["Condition"] == {"StringEquals": {"kms:ViaService": through}}


def test_only_services_can_create_grants(environments):
    """RDS, ElastiCache and ECR use grants. A grant to a person would outlast the policy."""
    grant = statements(environments["most"])["GrantsToServices"]
    assert grant["Action"] == ["kms:CreateGrant"]
    assert grant["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}
    assert "kms:ViaService" in grant["Condition"]["StringEquals"]


def test_logs_can_use_the_key_only_for_log_groups_of_the_environment(environments):
    """The policy allows the names of environment `any`, and not those of `anyone`."""
    logs = statements(environments["most"])["LogGroups"]
    assert logs["Principal"] == {"Service": "logs.ap-northeast-1.amazonaws.com"}
    assert set(logs["Action"]) >= USES
    patterns = logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]

    def is_allowed(name):
        return any(fnmatchcase(prefix + name, pattern) for pattern in patterns)

    prefix = "arn:aws:logs:ap-northeast-1:123456789012:log-group:"
    names = [
        name_of(group["LogGroupName"])
        for group in of_type(environments["most"], "Logs::LogGroup").values()
    ]
    assert all(is_allowed(name) for name in names)
    assert not any(is_allowed(name.replace("-any", "-anyone")) for name in names)
