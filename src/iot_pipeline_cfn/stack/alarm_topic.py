"""The SNS topic that the alarms notify."""

from awacs import sns as sns_actions
from awacs.aws import Principal
from troposphere.sns import Subscription, Topic, TopicPolicy

from .conditions import is_given
from .context import Context
from .policies import ALARM_ARN, allow, on_behalf_of, policy_document, require_tls


def add_alarm_topic(context: Context) -> Topic:
    """Add the topic, to which only this environment's alarms publish."""
    # No file contains the address of a person. An operator gives it when deploying.
    email = context.add_optional(
        "AlarmEmail",
        r"[^@\s]+@[^@\s]+\.[^@\s]+",
        constraint="An e-mail address.",
        description="Optional: address that receives alarms once its owner has confirmed the "
        "subscription.",
        label="Alarm e-mail",
    )
    has_email = context.add_condition("HasAlarmEmail", is_given(email))
    topic = context.add(
        Topic(
            "AlarmTopic",
            # CloudWatch may not use the key that AWS manages for SNS
            # (https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html).
            KmsMasterKeyId=context.encryption.key_arn(),
            Subscription=[has_email.choose(Subscription(Endpoint=email.ref(), Protocol="email"))],
        )
    )
    # It takes the place of the default policy, which lets the whole account publish.
    context.add(
        TopicPolicy(
            "AlarmTopicPolicy",
            PolicyDocument=policy_document(
                allow(
                    [sns_actions.Publish],
                    [topic.ref()],
                    principal=Principal("Service", "cloudwatch.amazonaws.com"),
                    condition=on_behalf_of(context.environment_name(prefix=ALARM_ARN, ending="/*")),
                    sid="Alarms",
                ),
                require_tls([sns_actions.Publish], topic.ref()),
            ),
            Topics=[topic.ref()],
        )
    )
    context.add_output("AlarmTopicArn", "Topic of the alarms.", topic.ref())
    return topic
