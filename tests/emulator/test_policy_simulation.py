"""Simulations of the policies of a role."""

import json

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


def test_policies_of_a_role_with_a_path_are_found_and_their_unknown_conditions_named(aws):
    """The Region is known, although the request does not give it."""
    conditions = {
        "iam:CreateRole": {"StringLike": {"iam:PermissionsBoundary": "*"}},
        "rds:CreateDBInstance": {"StringEquals": {"aws:RequestedRegion": "*"}},
        "sns:CreateTopic": {},
    }
    statements = [
        {"Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition}
        for action, condition in conditions.items()
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam = aws("iam")
    role = iam.create_role(RoleName="any", Path="/of/", AssumeRolePolicyDocument=TRUST)["Role"]
    iam.put_role_policy(RoleName="any", PolicyName="any", PolicyDocument=document)
    found = iam.simulate_principal_policy(PolicySourceArn=role["Arn"], ActionNames=[*conditions])
    assert [
        (each["EvalActionName"], each["EvalDecision"], each["MissingContextValues"])
        for each in found["EvaluationResults"]
    ] == [
        ("iam:CreateRole", "implicitDeny", ["iam:PermissionsBoundary"]),
        ("rds:CreateDBInstance", "implicitDeny", []),
        ("sns:CreateTopic", "allowed", []),
    ]
