"""Who may do what after a change, and might not before."""

import json
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot_pipeline_cfn.review import grants
from iot_pipeline_cfn.review.grants import matches
from iot_pipeline_cfn.review.remarks import Severity

BUCKET = "arn:aws:s3:::readings"
HOME = {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def allow(action="s3:GetObject", resource=f"{BUCKET}/*", effect="Allow", **elements):
    return {"Action": action, "Effect": effect, "Resource": resource, **elements}


def deny(*arguments, **elements):
    return allow(*arguments, effect="Deny", **elements)


def trust(principal="ecs-tasks.amazonaws.com", kind="Service", **elements):
    return {
        "Action": "sts:AssumeRole",
        "Effect": "Allow",
        "Principal": {kind: principal},
        **elements,
    }


def role(*statements, trusted=None, **properties):
    policy = {"PolicyDocument": {"Statement": list(statements)}, "PolicyName": "any"}
    return {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {"Statement": trusted or [trust()]},
                "Policies": [policy],
                **properties,
            },
        }
    }


def resource(kind, key, *statements, **properties):
    return {
        "Thing": {
            "Type": f"AWS::{kind}",
            "Properties": {key: {"Statement": list(statements)}, **properties},
        }
    }


def key(*statements):
    return resource("KMS::Key", "KeyPolicy", *statements)


def apart(kind, *statements, **properties):
    document = {"PolicyDocument": {"Statement": list(statements)}, **properties}
    return {"Policy": {"Type": f"AWS::{kind}", "Properties": document}}


def via(*services):
    return {"StringEquals": {"kms:ViaService": list(services)}}


def use(condition=None, **elements):
    statement = allow("kms:Decrypt", "*", Principal={"AWS": "123456789012"}, **elements)
    return statement | ({"Condition": condition} if condition else {})


SAME = {
    "one or a list": (role(allow()), role(allow(["s3:GetObject"], [f"{BUCKET}/*"]))),
    "one statement, not in a list": (
        role(allow()), role(Policies={"PolicyDocument": {"Statement": allow()}}),
    ),
    "letters of actions": (role(allow("S3:getobject")), role(allow())),
    "merged": (role(allow("s3:GetObject"), allow("s3:PutObject")),
               role(allow(["s3:PutObject", "s3:GetObject"]))),
    "a narrower one besides": (role(allow("s3:*")), role(allow("s3:*"), allow("s3:Get*"))),
    "a policy of its own": (
        role(allow()), role(Policies=[]) | apart("IAM::Policy", allow(), Roles=[{"Ref": "Role"}]),
    ),
    "a managed policy": (
        role(allow()),
        role(Policies=[], ManagedPolicyArns=[{"Ref": "Policy"}])
        | apart("IAM::ManagedPolicy", allow()),
    ),
    "a pattern for what there is": (
        role(allow([f"xray:Put{what}" for what in (
            "EncryptionConfig", "ResourcePolicy", "TelemetryRecords", "TraceSegments", "Spans",
            "SpansForIndexing")], "*")),
        role(allow("xray:Put*", "*")),
    ),
    "the account and its root": (key(use()), key(use(Sid="Any") | {
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"}})),
    "order of values": (key(use(via("a", "b"))), key(use(via("b", "a")))),
    "letters of condition keys": (
        key(use(via("a"))), key(use({"StringEquals": {"KMS:viaservice": "a"}})),
    ),
    "a reference in another form": (
        role(allow(resource={"Fn::GetAtt": ["Bucket", "Arn"]})),
        role(allow(resource={"Fn::Sub": "${Bucket.Arn}"})),
    ),
    "as text": (
        resource("Logs::ResourcePolicy", "PolicyDocument", allow(Principal="*")),
        {"Thing": {"Type": "AWS::Logs::ResourcePolicy", "Properties": {
            "PolicyDocument": json.dumps({"Statement": allow(Principal={"AWS": "*"})})}}},
    ),
    "what is denied anyway": (
        role(deny("s3:*", "*")), role(deny("s3:*", "*"), allow("s3:PutObject")),
    ),
    "the default of an endpoint": (
        {"Thing": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {}}},
        resource("EC2::VPCEndpoint", "PolicyDocument", allow("*", "*", Principal="*")),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), SAME.values(), ids=SAME.keys())
def test_other_form_is_no_change(before, after):
    assert grants.compare(before, after) == grants.compare(after, before) == []


# A row: before, after, what is said of the change, and what of undoing it.
WIDER = {
    "an action": (
        role(allow()), role(allow(["s3:GetObject", "s3:PutObject"])),
        f"Role may now: s3:PutObject on {BUCKET}/*",
        f"Role may no longer: s3:PutObject on {BUCKET}/*",
    ),
    "a pattern of actions": (
        role(allow("ecr:GetAuthorizationToken", "*")), role(allow("ecr:Get*", "*")),
        "Role may now: ecr:Get* on *", "Role may no longer: ecr:Get* on *",
    ),
    "a pattern for two more": (
        role(allow(["ecr:BatchGetImage", "ecr:BatchGetRepositoryScanningConfiguration"], "*")),
        role(allow("ecr:Batch*", "*")),
        ("Role may now: ecr:BatchCheckLayerAvailability, ecr:BatchDeleteImage, "
        "ecr:BatchImportUpstreamImage on *"),
        ("Role may no longer: ecr:BatchCheckLayerAvailability, ecr:BatchDeleteImage, "
        "ecr:BatchImportUpstreamImage on *"),
    ),
    "everything": (
        role(allow()), role(allow("*", "*")), "Role may now: * on *", "Role may no longer: * on *",
    ),
    "a resource": (
        role(allow()), role(allow(), allow(resource="arn:aws:s3:::other/*")),
        "Role may now: s3:GetObject on arn:aws:s3:::other/*",
        "Role may no longer: s3:GetObject on arn:aws:s3:::other/*",
    ),
    "a shorter pattern": (
        role(allow(resource=f"{BUCKET}/2026/*")), role(allow()),
        f"Role may now: s3:GetObject on {BUCKET}/*",
        f"Role may no longer: s3:GetObject on {BUCKET}/*",
    ),
    "everything but": (
        role(allow()), role({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
        "Role may now: all but iam:* on *", "Role may no longer: all but iam:* on *",
    ),
    "fewer exceptions": (
        role({"Effect": "Allow", "NotAction": ["iam:*", "kms:*"], "Resource": "*"}),
        role({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
        "Role may now: all but iam:* on *", "Role may no longer: all but iam:* on *",
    ),
    "a role": (
        {}, role(allow()), "ecs-tasks.amazonaws.com may now: sts:AssumeRole on Role",
        "ecs-tasks.amazonaws.com may no longer: sts:AssumeRole on Role",
    ),
    "trust in another service": (
        role(), role(trusted=[trust(["ecs-tasks.amazonaws.com", "ec2.amazonaws.com"])]),
        "ec2.amazonaws.com may now: sts:AssumeRole on Role",
        "ec2.amazonaws.com may no longer: sts:AssumeRole on Role",
    ),
    "trust in anybody": (
        role(trusted=[trust("arn:aws:iam::1:role/a", "AWS")]), role(trusted=[trust("*", "AWS")]),
        "anybody may now: sts:AssumeRole on Role", "anybody may no longer: sts:AssumeRole on Role",
    ),
    "trust in an account": (
        role(trusted=[trust("arn:aws:iam::1:role/a", "AWS")]), role(trusted=[trust("1", "AWS")]),
        "1 may now: sts:AssumeRole on Role", "1 may no longer: sts:AssumeRole on Role",
    ),
    "trust without a condition": (
        role(trusted=[trust(Condition=HOME)]), role(trusted=[trust()]),
        "ecs-tasks.amazonaws.com may under looser conditions: sts:AssumeRole on Role",
        "ecs-tasks.amazonaws.com may only under stricter conditions: sts:AssumeRole on Role",
    ),
    "another value of a condition": (
        key(use(via("a"))), key(use(via("a", "b"))),
        "123456789012 may under looser conditions: kms:Decrypt on Thing",
        "123456789012 may only under stricter conditions: kms:Decrypt on Thing",
    ),
    "a pattern in a condition": (
        key(use(via("a.b"))), key(use({"StringLike": {"kms:ViaService": "*.b"}})),
        "123456789012 may under looser conditions: kms:Decrypt on Thing",
        "123456789012 may only under stricter conditions: kms:Decrypt on Thing",
    ),
    "more addresses in a condition": (
        key(use({"IpAddress": {"aws:SourceIp": "10.0.3.0/24"}})),
        key(use({"IpAddress": {"aws:SourceIp": "10.0.0.0/16"}})),
        "123456789012 may under looser conditions: kms:Decrypt on Thing",
        "123456789012 may only under stricter conditions: kms:Decrypt on Thing",
    ),
    "fewer exceptions in a condition": (
        key(use({"StringNotEquals": {"aws:RequestedRegion": ["a", "b"]}})),
        key(use({"StringNotEquals": {"aws:RequestedRegion": "a"}})),
        "123456789012 may under looser conditions: kms:Decrypt on Thing",
        "123456789012 may only under stricter conditions: kms:Decrypt on Thing",
    ),
    "a condition that may be missing": (
        key(use(via("a"))), key(use({"StringEqualsIfExists": {"kms:ViaService": "a"}})),
        "123456789012 may under looser conditions: kms:Decrypt on Thing",
        "123456789012 may only under stricter conditions: kms:Decrypt on Thing",
    ),
    "a Deny gone": (
        role(allow("*", "*"), deny("iam:*", "*")), role(allow("*", "*")),
        "Role is no longer denied: iam:* on *", "Role is now denied: iam:* on *",
    ),
    "a Deny for less": (
        role(deny("iam:*", "*")), role(deny("iam:*", "arn:aws:iam::*:role/*")),
        "Role is no longer denied: iam:* on *", "Role is now denied: iam:* on *",
    ),
    "a Deny under a condition": (
        role(deny("iam:*", "*")),
        role(deny("iam:*", "*", Condition={"Bool": {"aws:MultiFactorAuthPresent": "false"}})),
        "Role is denied only under stricter conditions: iam:* on *",
        "Role is denied under looser conditions: iam:* on *",
    ),
    "a managed policy of AWS": (
        role(), role(ManagedPolicyArns=["arn:aws:iam::aws:policy/Any"]),
        "Role may now do what the managed policy arn:aws:iam::aws:policy/Any allows",
        "Role may no longer do what the managed policy arn:aws:iam::aws:policy/Any allows",
    ),
    "a boundary gone": (
        role(PermissionsBoundary="arn:aws:iam::1:policy/limit"), role(),
        "Role is no longer limited by a permissions boundary",
        "Role is now limited by a permissions boundary",
    ),
    "the policy of an endpoint gone": (
        resource("EC2::VPCEndpoint", "PolicyDocument", allow(Principal="*")),
        {"Thing": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {}}},
        "anybody may now: * on Thing", "anybody may no longer: * on Thing",
    ),
    "a repository for another account": (
        resource("ECR::Repository", "RepositoryPolicyText"),
        resource("ECR::Repository", "RepositoryPolicyText", {
            "Action": "ecr:BatchGetImage", "Effect": "Allow", "Principal": {"AWS": "2"}}),
        "2 may now: ecr:BatchGetImage on Thing", "2 may no longer: ecr:BatchGetImage on Thing",
    ),
    "a bucket for anybody": (
        {"Bucket": {"Type": "AWS::S3::Bucket"}},
        apart("S3::BucketPolicy", allow(Principal="*"), Bucket={"Ref": "Bucket"}),
        f"anybody may now: s3:GetObject on {BUCKET}/*",
        f"anybody may no longer: s3:GetObject on {BUCKET}/*",
    ),
    "an API for anybody": (
        resource("ApiGateway::RestApi", "Policy"),
        resource("ApiGateway::RestApi", "Policy", allow("execute-api:Invoke", "*", Principal="*")),
        "anybody may now: execute-api:Invoke on Thing",
        "anybody may no longer: execute-api:Invoke on Thing",
    ),
    "either side of a condition": (
        role(), role({"Fn::If": ["OnlyAStackKnows", allow(), {"Ref": "AWS::NoValue"}]}),
        f"Role may now: s3:GetObject on {BUCKET}/*",
        f"Role may no longer: s3:GetObject on {BUCKET}/*",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "more", "less"), WIDER.values(), ids=WIDER.keys())
def test_what_is_wider_is_exposure_and_undoing_it_only_a_change(before, after, more, less):
    found = grants.compare(before, after)
    assert more in [remark.message for remark in found if remark.severity is Severity.EXPOSURE]
    undone = grants.compare(after, before)
    assert less in [remark.message for remark in undone]
    assert {remark.severity for remark in undone} == {Severity.CHANGE}


def test_remark_shows_the_conditions_that_differ():
    (remark,) = grants.compare(key(use(via("a", "b"))), key(use()))
    assert (remark.before, remark.after) == ("StringEquals kms:ViaService a, b", "no condition")


def test_conditions_that_cannot_be_compared_may_be_looser():
    """And are one remark, not one for each side."""
    minutes = [{"NumericLessThan": {"aws:MultiFactorAuthAge": value}} for value in ("5", "9")]
    (remark,) = grants.compare(*(key(use(condition)) for condition in minutes))
    assert remark.severity is Severity.EXPOSURE
    assert "which may be looser: kms:Decrypt on Thing" in remark.message


def test_another_boundary_may_allow_more():
    limits = [role(PermissionsBoundary={"Ref": name}) for name in ("One", "Other")]
    (remark,) = grants.compare(*limits)
    assert (remark.severity, remark.before, remark.after) == (Severity.EXPOSURE, "One", "Other")


def test_many_are_counted():
    actions = [f"s3:{word}Object" for word in ("Get", "Put", "Delete", "Restore")]
    (remark,) = grants.compare(role(), role(allow(actions)))
    assert remark.message == (
        f"Role may now: s3:DeleteObject, s3:GetObject, s3:PutObject and 1 more on {BUCKET}/*"
    )


def test_new_endpoint_gives_nobody_anything():
    """Its policy only limits what others allow."""
    endpoint = {"Thing": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {}}}
    assert grants.compare({}, endpoint) == grants.compare(endpoint, {}) == []


def test_actions_are_looked_up_only_where_a_pattern_needs_it():
    """Importing what awacs knows of a service takes longer than all the rest."""
    code = (
        "import sys; from iot_pipeline_cfn.review import grants as p\n"
        "def role(*actions): return {'R': {'Type': 'AWS::IAM::Role', 'Properties': {'Policies': "
        "{'Statement': {'Effect': 'Allow', 'Action': list(actions), 'Resource': '*'}}}}}\n"
        "assert p.compare(role('s3:Get*'), role('s3:Get*', 'sns:Publish'))\n"
        "assert not any(name.startswith('awacs') for name in sys.modules)\n"
        "p.compare(role(), role('s3:Get*'))\n"
        "assert 'awacs.s3' in sys.modules and 'awacs.sns' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def patterns(alphabet="ab*?"):
    return st.text(alphabet, max_size=6)


def narrowed(draw, pattern):
    """Put any pattern for `*`, and a letter for `?`."""
    parts = {"*": patterns(), "?": st.sampled_from("ab?")}
    return "".join(draw(parts[sign]) if sign in parts else sign for sign in pattern)


@given(st.data(), patterns())
def test_pattern_allows_every_pattern_narrower_than_it(data, pattern):
    assert matches(pattern, narrowed(data.draw, pattern))


@given(patterns(), patterns(), patterns("ab"))
def test_pattern_that_allows_another_allows_all_that_that_one_does(pattern, other, text):
    if matches(pattern, other) and matches(other, text):
        assert matches(pattern, text)


ACTIONS = st.sampled_from(["s3:Get*", "s3:*Object", "s3:P?t*", "s3:*", "sns:Publish", "*"])
STATEMENTS = st.builds(allow, ACTIONS, patterns("ab*"))


@given(st.lists(STATEMENTS, min_size=1, max_size=4), st.data())
def test_narrower_is_never_wider(wide, data):
    narrow = [
        statement
        | {
            "Action": statement["Action"].replace("*", data.draw(st.sampled_from(["*", "x", ""]))),
            "Resource": narrowed(data.draw, statement["Resource"]),
            "Condition": data.draw(st.sampled_from([{}, HOME])),
        }
        for statement in data.draw(st.permutations(wide))
    ]
    found = grants.compare(role(*wide), role(*narrow))
    assert Severity.EXPOSURE not in {remark.severity for remark in found}


@given(st.lists(STATEMENTS, max_size=4), st.lists(STATEMENTS, max_size=4), st.randoms())
def test_both_together_allow_what_either_does(some, others, chance):
    both = [*some, *others]
    random.Random(chance.random()).shuffle(both)  # noqa: S311 - Nothing to guess.
    for part in (some, others):
        found = grants.compare(role(*part), role(*both))
        assert {remark.severity for remark in found} <= {Severity.EXPOSURE}
    assert grants.compare(role(*some, *others), role(*both)) == []
