"""The topic of the alarms: its subscription, its key, and who publishes."""

import pytest

from resolution import name_of, of_type, only

KEY = {"Fn::GetAtt": ["EncryptionKmsKey", "Arn"]}


@pytest.mark.parametrize(
    ("name", "subscriptions"),
    [("defaults", []), ("most", [{"Endpoint": "somebody@example.com", "Protocol": "email"}])],
)
def test_topic_has_a_subscription_where_an_address_is_given(environments, name, subscriptions):
    assert only(environments[name], "SNS::Topic")["Subscription"] == subscriptions


def test_topic_is_encrypted_with_the_customer_managed_key_which_alarms_may_use(environments):
    """CloudWatch may not use the key that AWS manages for SNS."""
    assert "KmsMasterKeyId" not in only(environments["defaults"], "SNS::Topic")
    assert only(environments["most"], "SNS::Topic")["KmsMasterKeyId"] == KEY
    statements = only(environments["most"], "KMS::Key")["KeyPolicy"]["Statement"]
    (alarms,) = (each for each in statements if each["Sid"] == "Alarms")
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert alarms["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert_only_alarms(environments["most"], alarms["Condition"])


def test_only_alarms_of_the_environment_publish(environments):
    for environment in environments.values():
        policy = only(environment, "SNS::TopicPolicy")
        publish, _ = policy["PolicyDocument"]["Statement"]
        assert publish["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert publish["Action"] == ["sns:Publish"]
        assert publish["Resource"] == policy["Topics"] == [{"Ref": "AlarmTopic"}]
        assert_only_alarms(environment, publish["Condition"])


def assert_only_alarms(environment, condition):
    assert condition["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    (pattern,) = map(name_of, condition["ArnLike"]["aws:SourceArn"])
    prefix = "arn:aws:cloudwatch:ap-northeast-1:123456789012:alarm:"
    for alarm in of_type(environment, "CloudWatch::Alarm").values():
        name, _, rest = name_of(alarm["AlarmName"]).partition("/")
        assert rest
        assert pattern == f"{prefix}{name}/*"
