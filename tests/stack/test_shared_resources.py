"""What an account has once: the bucket for templates, and API Gateway's log role."""

import pytest

from resolution import of_type, only, resolve


@pytest.fixture
def account(templates):
    return resolve(templates["account"], {})


def test_bucket_is_private_and_encrypted_and_forgets_templates(account):
    bucket = only(account, "S3::Bucket")
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    (ownership,) = bucket["OwnershipControls"]["Rules"]
    assert ownership["ObjectOwnership"] == "BucketOwnerEnforced"
    assert bucket["BucketEncryption"]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 30)


def test_bucket_is_reached_over_tls_only(account):
    (statement,) = only(account, "S3::BucketPolicy")["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(statement["Resource"]) == len(["the bucket", "its objects"])


@pytest.mark.parametrize(("choice", "count"), [("enabled", 1), ("disabled", 0)])
def test_account_may_have_its_own_role_for_logs(templates, choice, count):
    account = resolve(templates["account"], {"ApiGatewayLogs": choice})
    assert len(of_type(account, "ApiGateway::Account")) == count
    roles = of_type(account, "IAM::Role")
    assert ("ApiGatewayLogRole" in roles) is bool(count)
