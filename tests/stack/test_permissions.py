"""What CloudFormation, the deployer and the roles of environments are allowed."""

import json
import re
from fnmatch import fnmatchcase

import pytest

from checkout import ROOT
from iot_pipeline_cfn.stack.permissions import GRANTS
from iot_pipeline_cfn.template.schemas import schema_of

SCOPES = ("", "PullRequest")

NEEDLESS = {
    "Other services that a type can be used with": (
        "amplify:* apprunner:* appsync:* autoloop:* autoscaling:DescribeTags bedrock-agentcore:* "
        "codewhisperer:* cognito-idp:* firehose:* lambda:* payments:* s3:* vpc-lattice:* vpce:* "
        "workmail:*"
    ),
    "Web ACLs of load balancers and of Verified Access": (
        "ec2:*VerifiedAccess* elasticloadbalancing:*WebACL* wafv2:PutPermissionPolicy"
    ),
    "Not actions of IAM": (
        "apigateway:TagResource apigateway:unTagResource logs:AllowVendedLogDeliveryForResource"
    ),
    "Features that no template uses": (
        "application-autoscaling:*ScheduledAction ec2:AcceptAddressTransfer "
        "ec2:*PrivateNatGatewayAddress ec2:*NatGatewayAddress ec2:*SubnetCidrBlock "
        "ec2:*tachVpnGateway ec2:CreateVpcEncryptionControl ec2:ModifyVpcTenancy "
        "ecs:PutAccountSetting* elasticloadbalancing:ModifyCapacityReservation "
        "elasticloadbalancing:ModifyIpPools elasticloadbalancing:RegisterTargets "
        "rds:*RoleToDBInstance rds:RemoveRoleFromDBInstance rds:PromoteReadReplica "
        "rds:*BackupsReplication secretsmanager:*Repli* sns:PutDataProtectionPolicy"
    ),
    "Never to be allowed": "iam:DeleteRolePermissionsBoundary iam:DeleteServiceLinkedRole",
}
"""Actions of the handlers that the service role lacks, with the reason."""


def statements(document, effect="Allow"):
    return [one for one in document["Statement"] if one["Effect"] == effect]


def matches(value, patterns):
    return any(fnmatchcase(value.lower(), pattern.lower()) for pattern in patterns)


def is_met(condition, tags):
    """Return whether a resource with these tags meets a condition on tags."""
    known = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
    for operator, keys in condition.items():
        for key, values in keys.items():
            expected = values if isinstance(values, list) else [values]
            if operator == "Null":
                met = (key not in known) == (values == "true")
            elif operator == "StringNotLike":
                met = key not in known or not matches(known[key], expected)
            else:
                met = key in known and matches(known[key], expected)
            if not met:
                return False
    return True


def arn_of(resource):
    """Return the ARN of a resource such as `ec2:vpc/vpc-1`, in the place of all tests."""
    service, path = resource.split(":", 1)
    return f"arn:aws:{service}:eu-west-1:{'' if service == 'apigateway' else '1'}:{path}"


def covers(one, kind, value):
    """Return whether a statement is for an action or a resource, or for all but some."""
    patterns = [
        pattern.get("Fn::Sub", "") if isinstance(pattern, dict) else pattern
        for pattern in one.get(kind, one.get(f"Not{kind}"))
    ]
    for name, known in (("Partition", "aws"), ("Region", "eu-west-1"), ("AccountId", "1")):
        patterns = [pattern.replace(f"${{AWS::{name}}}", known) for pattern in patterns]
    return matches(value, patterns) is (kind in one)


def is_allowed(policy, action, resource, environment):
    """Return what IAM decides on an action on a resource of an environment, or without tags."""
    tags = {"Environment": environment, "Project": "iot-pipeline"} if environment else {}
    effects = {
        one["Effect"]
        for one in policy
        if covers(one, "Action", action)
        and covers(one, "Resource", arn_of(resource))
        and is_met(one.get("Condition", {}), tags)
    }
    return effects == {"Allow"}


@pytest.fixture(scope="session")
def account(templates):
    return templates["account"]["Resources"]


@pytest.fixture(scope="session")
def policies(account):
    """The documents of all managed policies by logical ID."""
    return {
        name: resource["Properties"]["PolicyDocument"]
        for name, resource in account.items()
        if resource["Type"] == "AWS::IAM::ManagedPolicy"
    }


def role_statements(account, policies, name):
    """Return all statements of a role."""
    role = account[name]["Properties"]
    attached = [policies[arn["Ref"]] for arn in role["ManagedPolicyArns"]]
    inline = [policy["PolicyDocument"] for policy in role.get("Policies", ())]
    return [one for document in attached + inline for one in document["Statement"]]


def service_role(account, policies, scope):
    """Return what the service role of a scope is allowed."""
    found = role_statements(account, policies, f"{scope}ServiceRole")
    return [one for one in found if one["Effect"] == "Allow"]


def handler_actions(resource_type):
    schema = schema_of(resource_type)
    handlers = [schema["handlers"].get(name, {}) for name in ("create", "read", "update", "delete")]
    tagging = schema.get("tagging")
    handlers += [tagging] if isinstance(tagging, dict) else []
    return {action for handler in handlers for action in handler.get("permissions", ())}


@pytest.mark.parametrize("scope", SCOPES)
def test_service_role_may_do_what_the_handlers_of_all_types_do(account, policies, template, scope):
    allowed = [action for one in service_role(account, policies, scope) for action in one["Action"]]
    needless = " ".join(NEEDLESS.values()).split()
    types = {resource["Type"] for resource in template["Resources"].values()}
    missing = {
        (resource_type, action)
        for resource_type in types
        for action in handler_actions(resource_type)
        if not matches(action, allowed) and not matches(action, needless)
    }
    assert missing == set()


def test_every_exception_is_needed(template):
    types = {resource["Type"] for resource in template["Resources"].values()}
    actions = {action for resource_type in types for action in handler_actions(resource_type)}
    for pattern in " ".join(NEEDLESS.values()).split():
        assert any(matches(action, [pattern]) for action in actions), pattern


@pytest.mark.parametrize("scope", SCOPES)
def test_boundary_covers_every_role_of_an_environment(policies, template, scope):
    allowed = [
        one for document in statements(policies[f"{scope}Boundary"]) for one in document["Action"]
    ]
    roles = [one for one in template["Resources"].values() if one["Type"] == "AWS::IAM::Role"]
    actions = set()
    for role in roles:
        for policy in role["Properties"].get("Policies", ()):
            # A policy that depends on a condition is an `Fn::If` with one policy.
            document = policy.get("Fn::If", [None, policy])[1]["PolicyDocument"]
            actions |= {one for statement in document["Statement"] for one in statement["Action"]}
    assert actions
    assert {action for action in actions if not matches(action, allowed)} == set()


@pytest.mark.parametrize("scope", SCOPES)
def test_service_role_creates_only_roles_with_the_boundary(account, policies, scope):
    changing = {"iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy"}
    condition = {"StringEquals": {"iam:PermissionsBoundary": {"Ref": f"{scope}Boundary"}}}
    found = [one for one in service_role(account, policies, scope) if changing & {*one["Action"]}]
    assert found
    assert all(one["Condition"] == condition for one in found)


@pytest.mark.parametrize("scope", SCOPES)
def test_nobody_deploys_with_permissions_beyond_environments(account, policies, scope):
    """No wildcard for all actions of a service, and IAM only for roles of environments."""
    for one in service_role(account, policies, scope):
        for action in one["Action"]:
            service, _, name = action.partition(":")
            assert name != "*"
            assert service not in {"cloudformation", "lambda", "organizations", "sts"}
            if service == "iam":
                assert all(
                    "iot-pipeline-" in str(arn) or "aws-service-role" in str(arn)
                    for arn in one["Resource"]
                )


@pytest.mark.parametrize(
    ("suffix", "may_deploy"),
    [
        ("pr1", True),
        ("pr-1", True),
        ("pr123", True),
        ("prod", False),
        ("preprod", False),
        ("preview", False),
        ("staging", False),
        ("account", False),
    ],
)
def test_pull_requests_deploy_only_environments_of_pull_requests(policies, suffix, may_deploy):
    document = policies["PullRequestDeployerPolicy"]
    (stacks,) = (
        one["Resource"]
        for one in statements(document)
        if "cloudformation:DeleteStack" in one["Action"]
    )
    patterns = [arn["Fn::Sub"].rpartition("stack/")[2] for arn in stacks]
    assert matches(f"iot-pipeline-{suffix}/0a1b", patterns) is may_deploy


@pytest.mark.parametrize(("suffix", "denied"), [("pr1", False), ("prod", True), ("preview", True)])
def test_service_role_of_pull_requests_touches_nothing_of_other_environments(
    account, suffix, denied
):
    (policy,) = account["PullRequestServiceRole"]["Properties"]["Policies"]
    refusals = [
        one["Condition"]["StringNotLike"]["aws:ResourceTag/Environment"]
        for one in statements(policy["PolicyDocument"], "Deny")
        if "StringNotLike" in one.get("Condition", {})
    ]
    assert [not matches(suffix, patterns) for patterns in refusals] == [denied]


@pytest.mark.parametrize(
    ("action", "denied"),
    [
        ("elasticloadbalancing:CreateRule", False),
        ("ec2:AuthorizeSecurityGroupIngress", True),
        ("ec2:RevokeSecurityGroupIngress", True),
        ("ec2:UpdateSecurityGroupRuleDescriptionsIngress", True),
        ("elasticloadbalancing:ModifyListener", True),
        ("rds:DeleteDBSubnetGroup", True),
        ("apigateway:DELETE", True),
    ],
)
def test_service_role_of_pull_requests_uses_the_shared_network_and_does_not_change_it(
    account, action, denied
):
    (policy,) = account["PullRequestServiceRole"]["Properties"]["Policies"]
    (refusal,) = (
        one
        for one in statements(policy["PolicyDocument"], "Deny")
        if "shared-network*" in str(one.get("Condition")) and "NotAction" in one
    )
    assert matches(action, refusal["NotAction"]) is not denied


EXISTING = (
    ("ec2:AuthorizeSecurityGroupEgress", "security-group/sg-1"),
    ("ec2:AuthorizeSecurityGroupIngress", "security-group/sg-1"),
    ("ec2:RevokeSecurityGroupIngress", "security-group/sg-1"),
    ("ec2:UpdateSecurityGroupRuleDescriptionsIngress", "security-group/sg-1"),
    ("ec2:CreateRoute", "route-table/rtb-1"),
    ("ec2:ReplaceRoute", "route-table/rtb-1"),
    ("ec2:AssociateRouteTable", "subnet/subnet-1"),
    ("ec2:ReplaceRouteTableAssociation", "route-table/rtb-1"),
    ("ec2:DisassociateRouteTable", "route-table/rtb-1"),
    ("ec2:AttachInternetGateway", "vpc/vpc-1"),
    ("ec2:AssociateAddress", "elastic-ip/eipalloc-1"),
    ("ec2:DisassociateAddress", "elastic-ip/eipalloc-1"),
    ("ec2:ModifyVpcAttribute", "vpc/vpc-1"),
    ("ec2:CreateSubnet", "vpc/vpc-1"),
    ("ec2:CreateVpcEndpoint", "route-table/rtb-1"),
    ("ec2:CreateFlowLogs", "vpc/vpc-1"),
    ("ec2:CreateNatGateway", "subnet/subnet-1"),
    ("elasticache:CreateReplicationGroup", "snapshot:any"),
    ("elasticloadbalancing:CreateListener", "loadbalancer/app/any/1"),
    ("elasticloadbalancing:CreateRule", "listener/app/any/1/2"),
    ("apigateway:PUT", "/restapis/1/resources/2/methods/POST"),
    ("apigateway:SetWebACL", "/restapis/1/stages/prod"),
    ("apigateway:GET", "/apikeys/1"),
    ("apigateway:POST", "/usageplans/1/keys"),
)


@pytest.mark.parametrize(("action", "resource"), EXISTING)
def test_templates_of_pull_requests_change_only_what_has_their_tags(
    account, policies, action, resource
):
    """A template can name what it does not create, such as a security group by its ID."""
    role = role_statements(account, policies, "PullRequestServiceRole")
    allowed = [
        name
        for name in ("pr1", "pr-1", "prod", "preview", "staging", None)
        if is_allowed(role, action, f"{action.partition(':')[0]}:{resource}", name)
    ]
    assert allowed == ["pr1", "pr-1"]


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("ec2:CreateVpc", "ec2:vpc/*"),
        ("ec2:CreateSubnet", "ec2:subnet/*"),
        ("ec2:CreateSecurityGroup", "ec2:security-group/*"),
        ("ec2:CreateRouteTable", "ec2:route-table/*"),
        ("ec2:CreateVpcEndpoint", "ec2:vpc-endpoint/*"),
        ("ec2:AllocateAddress", "ec2:elastic-ip/*"),
        ("elasticache:CreateReplicationGroup", "elasticache:replicationgroup:any"),
        ("elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:loadbalancer/app/any/1"),
        ("apigateway:POST", "apigateway:/restapis"),
        ("apigateway:POST", "apigateway:/apikeys"),
        ("apigateway:POST", "apigateway:/usageplans"),
    ],
)
def test_templates_of_pull_requests_create_what_has_no_tags_yet(
    account, policies, action, resource
):
    role = role_statements(account, policies, "PullRequestServiceRole")
    assert is_allowed(role, action, resource, None)


READABLE = {
    ("apigateway:GET", "apigateway:/account"): True,
    ("apigateway:GET", "apigateway:/restapis"): True,
    ("apigateway:GET", "apigateway:/usageplans"): True,
    ("apigateway:GET", "apigateway:/vpclinks/1"): True,
    ("elasticloadbalancing:DescribeTargetHealth", "elasticloadbalancing:any"): True,
    ("elasticloadbalancing:DescribeTags", "elasticloadbalancing:any"): True,
    ("elasticloadbalancing:DescribeLoadBalancerAttributes", "elasticloadbalancing:any"): True,
    ("apigateway:GET", "apigateway:/apikeys"): False,
    ("apigateway:GET", "apigateway:/restapis/1/stages/prod"): False,
    ("apigateway:GET", "apigateway:/usageplans/1/keys/2"): False,
    ("elasticloadbalancing:DescribeRules", "elasticloadbalancing:any"): False,
    ("ec2:DescribeInstanceAttribute", "ec2:instance/i-1"): False,
    ("ec2:DescribeVpnConnections", "ec2:any"): False,
}
"""What the deployer of pull requests may read, of which the rest contains secrets of others."""


@pytest.mark.parametrize(("action", "resource"), READABLE)
def test_pull_requests_read_no_secrets_of_others(account, policies, action, resource):
    allowed = {
        role: is_allowed(role_statements(account, policies, role), action, resource, None)
        for role in ("GitHubPullRequestRole", "GitHubProductionRole")
    }
    assert allowed == {
        "GitHubPullRequestRole": READABLE[action, resource],
        "GitHubProductionRole": True,
    }


CALL = re.compile(r'\b(ec2|elbv2)(?:, "|\.get_paginator\("|\.)describe_(\w+)')


def test_pull_requests_may_make_the_calls_of_the_deployer(account, policies):
    """Only the rules of a shared network are optional: its slots are known without them."""
    role = role_statements(account, policies, "GitHubPullRequestRole")
    code = "".join(
        path.read_text() for path in (ROOT / "src/iot_pipeline_cfn/deploy").rglob("*.py")
    )
    services = {"ec2": "ec2", "elbv2": "elasticloadbalancing"}
    calls = {
        f"{services[service]}:Describe{name.title().replace('_', '')}"
        for service, name in CALL.findall(code)
    }
    assert len(calls) > 10
    assert {call for call in calls if not is_allowed(role, call, "any:any", None)} == {
        "elasticloadbalancing:DescribeRules"
    }


def test_pull_requests_read_only_their_own_api_keys(account, policies):
    """Each key has its value, also without the list of all keys."""
    role = role_statements(account, policies, "GitHubPullRequestRole")
    keys = ("pr1", "prod", "staging", None)
    assert [
        name for name in keys if is_allowed(role, "apigateway:GET", "apigateway:/apikeys/1", name)
    ] == ["pr1"]
    created = role_statements(account, policies, "PullRequestServiceRole")
    assert not is_allowed(created, "apigateway:GET", "apigateway:/apikeys", None)


@pytest.mark.parametrize("scope", SCOPES)
def test_deployers_read_the_stack_of_the_account_and_cannot_change_it(policies, scope):
    """They take bucket, service role and boundary from its outputs."""
    own = "${AWS::StackName}/"
    denied = statements(policies[f"{scope}DeployerPolicy"], "Deny")
    (refusal,) = (one for one in denied if own in str(one["Resource"]))
    patterns = refusal["NotAction"]
    assert matches("cloudformation:DescribeStacks", patterns)
    assert not matches("cloudformation:CreateChangeSet", patterns)
    assert not matches("cloudformation:DeleteStack", patterns)


WITHOUT_RESOURCES = (
    "cloudformation:DescribeStackDriftDetectionStatus",
    "logs:DeleteResourcePolicy",
    "logs:PutResourcePolicy",
    "secretsmanager:GetRandomPassword",
    "sns:Unsubscribe",
)
"""https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html"""


@pytest.mark.parametrize("action", WITHOUT_RESOURCES)
def test_action_that_has_no_resource_is_allowed_on_all(policies, action):
    allowed = [one for document in policies.values() for one in statements(document)]
    on_all = [one for one in allowed if one["Resource"] == ["*"] and "Condition" not in one]
    assert any(matches(action, one["Action"]) for one in on_all)


def test_service_role_creates_databases_with_default_option_groups(account, policies):
    """RDS checks the option group too, also the default one."""
    for scope in SCOPES:
        resources = [
            str(arn)
            for one in service_role(account, policies, scope)
            if matches("rds:CreateDBInstance", one["Action"])
            for arn in one["Resource"]
        ]
        assert any(":og:default*" in arn for arn in resources)


def test_every_deployer_passes_the_service_roles_of_its_environments(policies):
    passed = {
        scope: [
            arn["Fn::GetAtt"][0]
            for one in statements(policies[f"{scope}DeployerPolicy"])
            if one["Action"] == ["iam:PassRole"]
            for arn in one["Resource"]
        ]
        for scope in SCOPES
    }
    both = ["ServiceRole", "PullRequestServiceRole"]
    assert passed == {"": both, "PullRequest": ["PullRequestServiceRole"]}


@pytest.mark.parametrize(("suffix", "denied"), [("pr1", False), ("prod", True), ("preview", True)])
def test_service_role_of_pull_requests_passes_roles_of_pull_requests_only(account, suffix, denied):
    (policy,) = account["PullRequestServiceRole"]["Properties"]["Policies"]
    (refusal,) = (
        one for one in statements(policy["PolicyDocument"], "Deny") if "NotResource" in one
    )
    patterns = [arn["Fn::Sub"] for arn in refusal["NotResource"]]
    prefix = patterns[0].partition("role/")[0]
    role = f"{prefix}role/iot-pipeline-{suffix}-TaskRole-0A1B"
    assert matches(role, patterns) is not denied
    assert refusal["Action"] == ["iam:*"]


def test_pull_requests_change_nothing_of_others_directly(policies):
    """Names that begin with `pr` are not enough: each grant has tags, or names all suffixes."""
    for one in statements(policies["PullRequestDeployerPolicy"]):
        coarse = [arn for arn in one["Resource"] if "iot-pipeline-pr*" in str(arn)]
        assert not coarse or "Condition" in one
    keys = [
        str(arn)
        for one in statements(policies["PullRequestDeployerPolicy"])
        if "s3:PutObject" in one["Action"]
        for arn in one["Resource"]
    ]
    assert all(arn.endswith("/pull-requests/*'}") for arn in keys)
    assert keys


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(
    "action",
    [
        "BatchCheckLayerAvailability",
        "BatchGetImage",
        "CompleteLayerUpload",
        "GetDownloadUrlForLayer",
        "InitiateLayerUpload",
        "PutImage",
        "UploadLayerPart",
    ],
)
def test_deployers_push_images_only_to_their_environments(policies, scope, action):
    (grant,) = (
        one
        for one in statements(policies[f"{scope}DeployerPolicy"])
        if matches(f"ecr:{action}", one["Action"])
    )
    patterns = grant["Condition"]["StringLike"]["aws:ResourceTag/Environment"]
    assert matches("pr1", patterns)
    assert matches("prod", patterns) is (scope == "")


UNTAGGED = ("ec2:DeleteNetworkInterface", "ec2:DeleteVpcEndpoints", "ec2:DeleteSecurityGroup")
LEFTOVERS = (
    "ec2:ReleaseAddress",
    "ecs:DeleteTaskDefinitions",
    "logs:DeleteLogGroup",
)


@pytest.mark.parametrize("scope", SCOPES)
def test_deployers_remove_what_deletions_leave(policies, scope):
    """What has no tags of ours is not for pull requests."""
    allowed = {
        action: "Condition" in one or "iot-pipeline-" in str(one["Resource"])
        for one in statements(policies[f"{scope}DeployerPolicy"])
        for action in one["Action"]
    }
    assert all(allowed[action] for action in LEFTOVERS)
    assert {*UNTAGGED} & allowed.keys() == (set() if scope else {*UNTAGGED})


@pytest.mark.parametrize("scope", SCOPES)
def test_boundary_allows_nothing_that_no_role_uses(policies, template, scope):
    """Enhanced monitoring has a managed policy of AWS."""
    used = set()
    for role in template["Resources"].values():
        if role["Type"] == "AWS::IAM::Role":
            text = json.dumps(role["Properties"].get("Policies", []))
            used |= {word for word in text.split('"') if ":" in word and " " not in word}
    for one in statements(policies[f"{scope}Boundary"]):
        if "RDS*" not in str(one["Resource"]):
            assert {action for action in one["Action"] if action not in used} <= {
                "kms:GenerateDataKey"
            }


def test_policies_and_template_are_within_the_limits(templates, account, policies):
    """Managed policies have 6,144 characters, inline policies of a role 10,240 together.

    The template must fit into a request: there is no bucket before it is deployed. A reference is
    longer than what it becomes, but for ARNs, which have up to 60 characters more.
    """
    for name, document in policies.items():
        assert len(json.dumps(document, separators=(",", ":"))) < 6144, name
    for resource in account.values():
        inline = resource["Properties"].get("Policies", [])
        assert len(json.dumps(inline, separators=(",", ":"))) < 10_240
    assert len(json.dumps(templates["account"], separators=(",", ":"))) <= 51_200
    assert len(GRANTS) + 1 <= 10
