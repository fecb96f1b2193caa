"""Policy documents."""

from awacs.aws import Condition, StringEquals
from awacs.sns import Publish
from troposphere import encode_to_dict

from iot_pipeline_cfn.stack.policies import allow, inline_policy, policy_document, trust_policy


def test_document_has_the_current_version_and_every_statement():
    """In the order in which they are given."""
    document = encode_to_dict(policy_document(allow([Publish], ["a"]), allow([Publish], ["b"])))
    assert document["Version"] == "2012-10-17"
    assert [statement["Resource"] for statement in document["Statement"]] == [["a"], ["b"]]


def test_statement_has_no_empty_elements():
    """IAM refuses a null."""
    assert encode_to_dict(allow([Publish], ["a"])) == {
        "Action": ["sns:Publish"],
        "Effect": "Allow",
        "Resource": ["a"],
    }


def test_statement_keeps_its_condition_and_its_sid():
    """Where there is one."""
    condition = Condition(StringEquals({"aws:RequestedRegion": "eu-central-1"}))
    statement = encode_to_dict(allow([Publish], ["a"], condition=condition, sid="Home"))
    assert statement["Condition"] == {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}
    assert statement["Sid"] == "Home"


def test_trust_is_for_one_service_of_this_account():
    """The confused deputy."""
    (statement,) = encode_to_dict(trust_policy("states"))["Statement"]
    assert statement["Principal"] == {"Service": "states.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }


def test_inline_policy_has_a_name_and_a_document():
    policy = encode_to_dict(inline_policy("publish", allow([Publish], ["a"])))
    assert policy["PolicyName"] == "publish"
    assert policy["PolicyDocument"]["Version"] == "2012-10-17"
