"""Changes of permissions."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comparing import compared
from iot_pipeline_cfn.review.grants import escalates, find_permission_changes, matches
from iot_pipeline_cfn.template.findings import Severity

BUCKET = "arn:aws:s3:::readings"
HOME = {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def compare(before, after):
    return compared(find_permission_changes, before, after)


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
def test_form_of_a_policy_makes_no_difference(before, after):
    assert compare(before, after) == compare(after, before) == []


ADDED, REMOVED = "permission-added", "permission-removed"
CHANGED = "permission-conditions-changed"
REVERSED = {ADDED: REMOVED, REMOVED: ADDED, CHANGED: CHANGED}
USED = ("123456789012", "kms:Decrypt", "Thing")

# A row: before, after, code; principal, action and resource in the details.
WIDER = {
    "an action": (
        role(allow()), role(allow(["s3:GetObject", "s3:PutObject"])),
        ADDED, ("Role", "s3:PutObject", f"{BUCKET}/*"),
    ),
    "a resource": (
        role(allow()), role(allow(), allow(resource="arn:aws:s3:::other/*")),
        ADDED, ("Role", "s3:GetObject", "arn:aws:s3:::other/*"),
    ),
    "a shorter pattern": (
        role(allow(resource=f"{BUCKET}/2026/*")), role(allow()),
        ADDED, ("Role", "s3:GetObject", f"{BUCKET}/*"),
    ),
    "a role": ({}, role(), ADDED, ("ecs-tasks.amazonaws.com", "sts:AssumeRole", "Role")),
    "trust in anyone": (
        role(trusted=[trust("arn:aws:iam::1:role/a", "AWS")]), role(trusted=[trust("*", "AWS")]),
        ADDED, ("*", "sts:AssumeRole", "Role"),
    ),
    "trust in an account": (
        role(trusted=[trust("arn:aws:iam::1:role/a", "AWS")]), role(trusted=[trust("1", "AWS")]),
        ADDED, ("1", "sts:AssumeRole", "Role"),
    ),
    "trust without a condition": (
        role(trusted=[trust(Condition=HOME)]), role(),
        CHANGED, ("ecs-tasks.amazonaws.com", "sts:AssumeRole", "Role"),
    ),
    "another value of a condition": (key(use(via("a"))), key(use(via("a", "b"))), CHANGED, USED),
    "a pattern in a condition": (
        key(use(via("a.b"))), key(use({"StringLike": {"kms:ViaService": "*.b"}})), CHANGED, USED,
    ),
    "one condition of two": (
        key(use(via("a") | {"Bool": {"kms:GrantIsForAWSResource": "true"}})), key(use(via("a"))),
        CHANGED, USED,
    ),
    "a Deny gone": (
        role(allow("*", "*"), deny("iam:*", "*")), role(allow("*", "*")),
        REMOVED, ("Role", "iam:*", "*"),
    ),
    "a Deny for less": (
        role(deny("iam:*", "*")), role(deny("iam:*", "arn:aws:iam::*:role/*")),
        REMOVED, ("Role", "iam:*", "*"),
    ),
    "a Deny under a condition": (
        role(deny("iam:*", "*")), role(deny("iam:*", "*", Condition=HOME)),
        CHANGED, ("Role", "iam:*", "*"),
    ),
    "the policy of an endpoint gone": (
        resource("EC2::VPCEndpoint", "PolicyDocument", allow(Principal="*")),
        {"Thing": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {}}},
        ADDED, ("*", "*", "Thing"),
    ),
    "a repository for another account": (
        resource("ECR::Repository", "RepositoryPolicyText"),
        resource("ECR::Repository", "RepositoryPolicyText", {
            "Action": "ecr:BatchGetImage", "Effect": "Allow", "Principal": {"AWS": "2"}}),
        ADDED, ("2", "ecr:BatchGetImage", "Thing"),
    ),
    "a bucket for anyone": (
        {"Bucket": {"Type": "AWS::S3::Bucket"}},
        apart("S3::BucketPolicy", allow(Principal="*"), Bucket={"Ref": "Bucket"}),
        ADDED, ("*", "s3:GetObject", f"{BUCKET}/*"),
    ),
    "a branch of a condition": (
        role(), role({"Fn::If": ["OnlyAStackKnows", allow(), {"Ref": "AWS::NoValue"}]}),
        ADDED, ("Role", "s3:GetObject", f"{BUCKET}/*"),
    ),
}  # fmt: skip


def found_permissions(findings, severity):
    """Return code, principal, action and resource of each permission."""
    return {
        (finding.code, finding.details["principal"], action, permission["resource"])
        for finding in findings
        if finding.severity is severity
        for permission in finding.details["permissions"]
        for action in permission["actions"]
    }


@pytest.mark.parametrize(("before", "after", "code", "facts"), WIDER.values(), ids=WIDER.keys())
def test_wider_permission_is_exposure_and_its_reversal_is_not(before, after, code, facts):
    assert (code, *facts) in found_permissions(compare(before, after), Severity.EXPOSURE)
    reversal = compare(after, before)
    assert (REVERSED[code], *facts) in found_permissions(reversal, Severity.CHANGE)
    assert {finding.severity for finding in reversal} == {Severity.CHANGE}


LIMITED = {"PermissionsBoundary": "arn:aws:iam::1:policy/limit"}
OTHERWISE_LIMITED = {"PermissionsBoundary": {"Ref": "Other"}}
MANAGED = {"ManagedPolicyArns": ["arn:aws:iam::aws:policy/Any"]}


@pytest.mark.parametrize(
    ("before", "after", "code", "severity", "details"),
    [
        ({}, MANAGED, "managed-policy-attached", Severity.EXPOSURE,
         {"policy": "arn:aws:iam::aws:policy/Any"}),
        (MANAGED, {}, "managed-policy-detached", Severity.CHANGE,
         {"policy": "arn:aws:iam::aws:policy/Any"}),
        (LIMITED, {}, "permissions-boundary-removed", Severity.EXPOSURE,
         {"before": LIMITED["PermissionsBoundary"], "after": None}),
        ({}, LIMITED, "permissions-boundary-added", Severity.CHANGE,
         {"before": None, "after": LIMITED["PermissionsBoundary"]}),
        (LIMITED, OTHERWISE_LIMITED, "permissions-boundary-changed", Severity.EXPOSURE,
         {"before": LIMITED["PermissionsBoundary"], "after": "Other"}),
    ],
)  # fmt: skip
def test_policies_outside_of_the_template(before, after, code, severity, details):
    (finding,) = compare(role(**before), role(**after))
    assert (finding.code, finding.severity, finding.subject) == (code, severity, "Role")
    assert finding.details == details


def test_finding_has_the_conditions_that_differ():
    (finding,) = compare(key(use(via("b", "a"))), key(use()))
    assert finding.details["before"] == [{"StringEquals": {"kms:ViaService": ["a", "b"]}}]
    assert finding.details["after"] == [{}]


def test_conditions_of_which_neither_is_stricter_are_one_finding():
    (finding,) = compare(key(use(via("a"))), key(use(via("b"))))
    assert (finding.code, finding.severity) == ("permission-conditions-changed", Severity.EXPOSURE)
    assert found_permissions([finding], Severity.EXPOSURE) == {(finding.code, *USED)}


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:*", "NotResource": f"{BUCKET}/*"},
        {"Effect": "Deny", "Action": "s3:*", "NotPrincipal": {"AWS": "1"}},
        allow(Condition={"StringNotEquals": {"aws:RequestedRegion": "a"}}),
        allow(Condition={"StringEqualsIfExists": {"kms:ViaService": "a"}}),
        allow(Condition={"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}),
        allow(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/16"}}),
    ],
)
def test_statement_that_is_not_compared_is_exposure_when_it_changes(statement):
    for before, after in ((role(), role(statement)), (role(statement), role())):
        (finding,) = compare(before, after)
        assert finding.code == "uncompared-policy-statement"
        assert (finding.severity, finding.subject) == (Severity.EXPOSURE, "Role")
        texts = [finding.details[side] for side in ("before", "after")]
        assert [json.loads(text) for text in texts if text] == [statement]
    assert compare(role(statement), role(statement) | {"Topic": {"Type": "AWS::SNS::Topic"}}) == []


def with_operator(operator):
    return allow(Condition={operator: {"aws:SourceAccount": "123456789012"}})


@pytest.mark.parametrize(
    ("compared_statement", "uncompared_statement"),
    [
        *(
            (with_operator("StringEquals"), with_operator(operator))
            for operator in (
                "StringEqualsIfExists",
                "ForAllValues:StringEquals",
                "StringNotEquals",
            )
        ),
        (allow(), {"Effect": "Allow", "NotAction": "iam:*", "Resource": f"{BUCKET}/*"}),
        (allow(), {"Effect": "Allow", "NotResource": "arn:other", "Action": "s3:GetObject"}),
        (
            allow(Sid="Read"),
            {"Sid": "Read", "Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:other"},
        ),
        (deny(), {"Effect": "Deny", "NotAction": "iam:*", "Resource": f"{BUCKET}/*"}),
    ],
)
def test_statement_whose_other_side_is_not_compared_is_shown_and_not_compared(
    compared_statement, uncompared_statement
):
    others = [allow("s3:ListBucket", BUCKET), allow("sqs:SendMessage", "arn:queue")]
    sides = [compared_statement, uncompared_statement]
    for before, after in (sides, reversed(sides)):
        (finding,) = compare(role(before, *others), role(*others, after))
        assert (finding.code, finding.severity) == (
            "uncompared-policy-statement",
            Severity.EXPOSURE,
        )
        texts = [finding.details[side] for side in ("before", "after")]
        assert [json.loads(text) for text in texts] == [before, after]


def test_principals_of_a_trust_policy_that_are_inverted_are_shown_and_not_compared():
    inverted = {"Effect": "Allow", "Action": "sts:AssumeRole", "NotPrincipal": {"AWS": "1"}}
    (finding,) = compare(role(allow()), role(allow(), trusted=[inverted]))
    assert finding.code == "uncompared-policy-statement"
    assert json.loads(finding.details["before"]) == trust()
    assert json.loads(finding.details["after"]) == inverted


def test_changes_beside_a_statement_that_is_not_compared_are_found():
    """The most similar statements belong together, and a repeated permission is not new."""
    old = role(with_operator("StringEquals"), allow("sqs:SendMessage", "arn:queue"))
    new = role(
        allow(["sqs:SendMessage", "sqs:DeleteMessage"], "arn:queue"),
        with_operator("StringEqualsIfExists"),
        with_operator("StringEquals"),
    )
    found = {finding.code: finding for finding in compare(old, new)}
    assert found.keys() == {"permission-added", "uncompared-policy-statement"}
    (permission,) = found["permission-added"].details["permissions"]
    assert (permission["actions"], permission["resource"]) == (["sqs:DeleteMessage"], "arn:queue")


def test_permissions_under_the_same_conditions_are_one_finding():
    (finding,) = compare(role(), role(allow(["s3:List*", "s3:Get*"]), allow(resource="arn:b")))
    assert finding.details == {
        "effect": "Allow",
        "principal": "Role",
        "permissions": [
            {
                "actions": ["s3:Get*", "s3:List*"],
                "resource": f"{BUCKET}/*",
                "escalates": False,
            },
            {"actions": ["s3:GetObject"], "resource": "arn:b", "escalates": False},
        ],
    }


def test_actions_that_can_escalate_come_first():
    actions = ["s3:GetObject", "iam:GetRole", "iam:PassRole"]
    (finding,) = compare(role(), role(allow("s3:GetObject", "arn:a"), allow(actions, "arn:b")))
    first, second = finding.details["permissions"]
    assert first["actions"] == ["iam:PassRole", "iam:GetRole", "s3:GetObject"]
    assert (first["escalates"], second["escalates"]) == (True, False)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("*", True),
        ("iam:*", True),
        ("iam:Create*", True),
        ("iam:ListRoles", False),
        ("sts:AssumeRole", True),
        ("sts:AssumeRoleWithSAML", True),
        ("sts:GetCallerIdentity", False),
        ("kms:CreateGrant", True),
        ("kms:*", True),
        ("s3:PutBucketPolicy", True),
        ("s3:Put*", True),
        ("s3:PutObject", False),
        ("lambda:AddPermission", True),
        ("logs:PutLogEvents", False),
    ],
)
def test_action_that_changes_permissions_escalates(action, expected):
    assert escalates(action) is expected


def test_conditions_of_a_new_permission_are_shown():
    """A denial for requests without TLS is none for all requests."""
    condition = {"Bool": {"aws:SecureTransport": "false"}}
    denied = {**allow(), "Effect": "Deny", "Condition": condition}
    (finding,) = compare(role(), role(denied))
    assert finding.details["conditions"] == [{"Bool": {"aws:SecureTransport": ["false"]}}]


@pytest.mark.parametrize(
    ("resource_type", "name"),
    [
        ("AWS::IAM::Role", "ManagedPolicyArns"),
        ("AWS::SSO::PermissionSet", "ManagedPolicies"),
        ("AWS::Serverless::Function", "Policies"),
    ],
)
def test_attached_managed_policy_is_exposure(resource_type, name):
    sides = [{"Any": {"Type": resource_type, "Properties": {name: found}}} for found in ([], ["A"])]
    (finding,) = compare(*sides)
    assert (finding.code, finding.severity) == ("managed-policy-attached", Severity.EXPOSURE)
    assert finding.details == {"policy": "A"}


@pytest.mark.parametrize(
    ("resource_type", "service"),
    [("AWS::S3::BucketPolicy", "s3"), ("AWS::SQS::QueuePolicy", "sqs")],
)
def test_every_action_on_a_resource_is_those_of_its_service(resource_type, service):
    def policy(action):
        statement = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*"}
        document = {"PolicyDocument": {"Statement": [statement]}}
        return {"Policy": {"Type": resource_type, "Properties": document}}

    assert compare(policy("*"), policy(f"{service}:*")) == []
    assert compare(policy("*"), policy(f"{service}:Get*"))


def test_new_endpoint_allows_nothing():
    endpoint = {"Thing": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {}}}
    assert compare({}, endpoint) == compare(endpoint, {}) == []


def patterns(alphabet="ab*?"):
    return st.text(alphabet, max_size=6)


def narrowed(draw, pattern):
    """Replace each `*` by a pattern and each `?` by a letter."""
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
    found = compare(role(*wide), role(*narrow))
    assert Severity.EXPOSURE not in {finding.severity for finding in found}


@given(st.lists(STATEMENTS, max_size=4), st.lists(STATEMENTS, max_size=4), st.randoms())
def test_both_together_allow_what_either_does(some, others, chance):
    both = [*some, *others]
    random.Random(chance.random()).shuffle(both)  # noqa: S311 - Nothing to guess.
    for part in (some, others):
        found = compare(role(*part), role(*both))
        assert {finding.severity for finding in found} <= {Severity.EXPOSURE}
    assert compare(role(*some, *others), role(*both)) == []
