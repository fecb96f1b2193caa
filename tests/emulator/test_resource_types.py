"""Resources of the template in the emulator: real wherever it has the service."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from checkout import ENVIRONMENTS, REGION
from iot_pipeline_cfn.emulator.control import TEMPLATE_BUCKET
from iot_pipeline_cfn.rehearsal.ingest import Answer, Ingest
from iot_pipeline_cfn.rehearsal.leftovers import list_resources

STACK = "iot-pipeline-any"
TAGS = [{"Key": "Owner", "Value": "somebody"}]
STACK_TAGS = ("Owner", "aws:cloudformation:stack-name")
"""Tags that resources get from their stack."""


@pytest.fixture
def deploy(aws, emulator, template):
    """A function that deploys the template with parameters and returns the settled stack."""
    aws("s3").put_object(Bucket=TEMPLATE_BUCKET, Key="any.json", Body=json.dumps(template).encode())

    def deploy(parameters, kind="CREATE"):
        cloudformation = aws("cloudformation")
        change_set = cloudformation.create_change_set(
            StackName=STACK,
            ChangeSetName=f"any-{time.monotonic_ns()}",
            ChangeSetType=kind,
            TemplateURL=f"{emulator.endpoint_url}/{TEMPLATE_BUCKET}/any.json",
            Parameters=[
                {"ParameterKey": name, "ParameterValue": str(value)}
                for name, value in {"EnvironmentSuffix": "any", **parameters}.items()
            ],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Tags=TAGS,
        )["Id"]
        cloudformation.get_waiter("change_set_create_complete").wait(
            ChangeSetName=change_set, WaiterConfig={"Delay": 0.02}
        )
        cloudformation.execute_change_set(ChangeSetName=change_set)
        return settled(cloudformation)

    return deploy


def settled(cloudformation, stack=STACK):
    """Return a stack once nothing is in progress."""
    while True:
        (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        if not described["StackStatus"].endswith("IN_PROGRESS"):
            return described
        time.sleep(0.02)


def delete(cloudformation, stack):
    cloudformation.delete_stack(StackName=STACK)
    return settled(cloudformation, stack["StackId"])


def outputs(stack):
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def reasons(cloudformation, stack):
    """Return the reasons of failed resources by their logical IDs."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(
        StackName=stack["StackId"]
    )
    return {
        event["LogicalResourceId"]: event["ResourceStatusReason"]
        for page in pages
        for event in page["StackEvents"]
        if event["ResourceStatus"].endswith("FAILED")
    }


def tags(resource):
    return {tag["Key"]: tag["Value"] for tag in resource["Tags"]}


def parameters_of(environment, aws):
    """Return the parameters of an environment with an Elastic IP that exists."""
    given = dict(ENVIRONMENTS[environment])
    if "NatElasticIpAllocationId" in given:
        address = aws("ec2").allocate_address(Domain="vpc")
        given["NatElasticIpAllocationId"] = address["AllocationId"]
    return given


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_is_created_and_deleted_without_leftovers(aws, deploy, environment):
    given = parameters_of(environment, aws)
    before = list_resources(aws)
    stack = deploy(given)
    assert stack["StackStatus"] == "CREATE_COMPLETE", reasons(aws("cloudformation"), stack)
    assert list_resources(aws) != before
    if given.get("Durability", "protected") == "protected":
        stack = deploy(given | {"DeletionProtection": "disabled"}, "UPDATE")
        assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert delete(aws("cloudformation"), stack)["StackStatus"] == "DELETE_COMPLETE"
    assert list_resources(aws) == before


def test_protected_environment_is_not_deleted(aws, deploy):
    stack = deploy(ENVIRONMENTS["prod"])
    assert delete(aws("cloudformation"), stack)["StackStatus"] == "DELETE_FAILED"
    failed = reasons(aws("cloudformation"), stack)
    assert "Cannot delete protected DB Instance" in failed["Database"]
    assert "cannot be deleted because deletion protection is enabled" in failed["LoadBalancer"]


def test_network_is_described(aws, deploy):
    stack = deploy(ENVIRONMENTS["prod"])
    ec2 = aws("ec2")
    addresses = ec2.describe_addresses()["Addresses"]
    gateways = ec2.describe_nat_gateways()["NatGateways"]
    (flow_log,) = ec2.describe_flow_logs()["FlowLogs"]
    assert len(addresses) == len(gateways) == 2
    assert all(address["AssociationId"] for address in addresses)
    assert {each["NatGatewayId"] for each in gateways} == {
        outputs(stack)[f"NatGateway{number}Id"] for number in (1, 2)
    }
    assert flow_log["ResourceId"] == outputs(stack)["VpcId"]
    assert flow_log["LogDestination"] == outputs(stack)["FlowLogGroupName"]
    for resource in (*addresses, *gateways, flow_log):
        assert tags(resource)["Component"] == "network"
        assert tags(resource).keys() >= set(STACK_TAGS)


def test_egress_rule_of_its_own_is_described(aws, deploy):
    stack = deploy(ENVIRONMENTS["dev"])
    ids = outputs(stack)
    (group,) = aws("ec2").describe_security_groups(GroupIds=[ids["LoadBalancerSecurityGroupId"]])[
        "SecurityGroups"
    ]
    assert {
        (rule["FromPort"], pair["GroupId"], pair["Description"])
        for rule in group["IpPermissionsEgress"]
        for pair in rule["UserIdGroupPairs"]
    } == {(8080, ids["ContainerSecurityGroupId"], "Requests and health checks to the containers")}


def test_alarm_on_an_expression_is_described(aws, deploy):
    deploy(ENVIRONMENTS["prod"])
    (alarm,) = aws("cloudwatch").describe_alarms(AlarmNames=["iot-pipeline-any/CacheEvictions"])[
        "MetricAlarms"
    ]
    assert [metric["Id"] for metric in alarm["Metrics"]] == ["e1", "m1", "m2"]
    assert alarm["Threshold"] == 0
    assert "MetricName" not in alarm


def test_managed_password_of_the_database_is_a_secret(aws, deploy):
    stack = deploy(ENVIRONMENTS["pr"])
    arn = outputs(stack)["DatabaseSecretArn"]
    secret = aws("secretsmanager").get_secret_value(SecretId=arn)
    assert secret["Name"].startswith("rds!db-")
    content = json.loads(secret["SecretString"])
    assert content["username"] == "iot"
    assert len(content["password"]) > 30
    (instance,) = aws("rds").describe_db_instances()["DBInstances"]
    assert instance["MasterUserSecret"]["SecretArn"] == arn


def test_managed_password_survives_an_update(aws, deploy):
    given = ENVIRONMENTS["pr"]
    before = outputs(deploy(given))["DatabaseSecretArn"]
    stack = deploy(given | {"DatabaseInstanceClass": "db.t4g.large"}, "UPDATE")
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    (instance,) = aws("rds").describe_db_instances()["DBInstances"]
    assert instance["DBInstanceClass"] == "db.t4g.large"
    assert outputs(stack)["DatabaseSecretArn"] == before


def test_secret_of_the_cache_keeps_its_arn_and_value_in_an_update(aws, deploy, monkeypatch):
    stack = deploy(ENVIRONMENTS["pr"])
    (group,) = aws("elasticache").describe_replication_groups()["ReplicationGroups"]
    assert group["AuthTokenEnabled"]
    arn = outputs(stack)["CacheAuthTokenArn"]
    before = aws("secretsmanager").get_secret_value(SecretId=arn)
    assert before["ARN"] == arn
    monkeypatch.setitem(TAGS[0], "Value", "somebody else")
    stack = deploy(ENVIRONMENTS["pr"], "UPDATE")
    assert outputs(stack)["CacheAuthTokenArn"] == arn
    assert tags(aws("secretsmanager").describe_secret(SecretId=arn))["Owner"] == "somebody else"
    after = aws("secretsmanager").get_secret_value(SecretId=arn)
    assert after["SecretString"] == before["SecretString"]


def test_web_acl_is_associated_with_the_stage(aws, deploy):
    stack = deploy(ENVIRONMENTS["prod"])
    stage = f"arn:aws:apigateway:{REGION}::/restapis/{outputs(stack)['ApiId']}/stages/prod"
    assert aws("wafv2").get_web_acl_for_resource(ResourceArn=stage)["WebACL"]["Name"]


def test_log_delivery_is_described(aws, deploy):
    stack = deploy(ENVIRONMENTS["prod"])
    logs = aws("logs")
    (source,) = logs.describe_delivery_sources()["deliverySources"]
    (destination,) = logs.describe_delivery_destinations()["deliveryDestinations"]
    (delivery,) = logs.describe_deliveries()["deliveries"]
    assert source["resourceArns"] == [outputs(stack)["LoadBalancerArn"]]
    assert delivery["deliverySourceName"] == source["name"]
    assert delivery["deliveryDestinationArn"] == destination["arn"]
    assert all(each["tags"].keys() >= set(STACK_TAGS) for each in (source, destination, delivery))


def test_validator_checks_bodies_only(aws, deploy):
    stack = deploy(ENVIRONMENTS["pr"])
    (validator,) = aws("apigateway").get_request_validators(restApiId=outputs(stack)["ApiId"])[
        "items"
    ]
    assert validator["validateRequestBody"]
    assert not validator["validateRequestParameters"]


READING = {
    "deviceId": "press-7",
    "timestamp": "2026-01-31T12:00:30Z",
    "measurements": {"temperature": 71.5},
}


@pytest.fixture
def target():
    """A server in place of a container, and the requests that it received."""
    arrived = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            arrived.append(
                (self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            )
            refused = "refuse me" in str(arrived[-1])
            body = b"no" if refused else b""
            self.send_response(418 if refused else 202)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server.server_port, arrived
        server.shutdown()


@pytest.mark.parametrize(
    "case",
    [
        (REGION, {}),
        (REGION, {"ApiAuthorization": "AWS_IAM"}),
        ("eu-central-1", {"Ingress": "private"}),
    ],
    ids=str,
)
def test_reading_travels_from_the_api_to_a_target(aws, deploy, connect_to, target, case):
    aws.region, parameters = case
    found = outputs(deploy(parameters))
    port, arrived = target
    target_group = found["TargetGroupArn"]
    aws("elbv2").register_targets(
        TargetGroupArn=target_group, Targets=[{"Id": "127.0.0.1", "Port": port}]
    )
    ingest = Ingest(connect_to(aws.region), found)
    assert ingest.send(READING).status == 202
    assert ingest.send(READING, READING).status == 202
    assert ingest.send({"deviceId": "press-7"}).status == 400
    assert ingest.post(b"[").status == 400
    assert ingest.post(json.dumps(READING).encode(), authorized=False).status == 403
    assert arrived == [("/ingest", READING), ("/ingest", [READING, READING])]


def test_error_of_a_target_is_the_answer_of_the_api(aws, deploy, connect_to, target):
    found = outputs(deploy({}))
    port, _ = target
    aws("elbv2").register_targets(
        TargetGroupArn=found["TargetGroupArn"], Targets=[{"Id": "127.0.0.1", "Port": port}]
    )
    ingest = Ingest(connect_to(), found)
    refused = READING | {"measurements": {"refuse me": 1}}
    assert [ingest.send(refused) for _ in range(3)] == [Answer(418, "no")] * 3


def test_readings_above_the_burst_are_refused(deploy, connect_to):
    found = outputs(deploy({"ThrottleBurst": 2, "ThrottleRate": 1}))
    ingest = Ingest(connect_to(), found)
    answers = [ingest.send(READING).status for _ in range(9)]
    # Nothing listens behind the load balancer.
    assert answers[:2] == [503, 503]
    assert 429 in answers


def test_managed_password_is_rotated_on_request(aws, deploy):
    found = outputs(deploy({"ImageTag": "v1"}))
    secret, ecs = found["DatabaseSecretArn"], aws("ecs")

    def deployment():
        answer = ecs.describe_services(
            cluster=found["ClusterName"], services=[found["ServiceName"]]
        )
        return answer["services"][0]["deployments"][0]["id"]

    def password():
        return json.loads(aws("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])

    before = password(), deployment()
    aws("rds").modify_db_instance(
        DBInstanceIdentifier=found["DatabaseInstanceId"],
        RotateMasterUserPassword=True,
        ApplyImmediately=True,
    )
    after = password()
    assert after["username"] == before[0]["username"]
    assert after["password"] != before[0]["password"]
    while deployment() == before[1]:
        time.sleep(0.02)


def test_task_definition_describes_its_secrets(aws, deploy):
    found = outputs(deploy({}))
    task = aws("ecs").describe_task_definition(taskDefinition=found["TaskDefinitionArn"])
    (container,) = task["taskDefinition"]["containerDefinitions"]
    secrets = {secret["name"]: secret["valueFrom"] for secret in container["secrets"]}
    assert secrets == {
        "DB_PASSWORD": f"{found['DatabaseSecretArn']}:password::",
        "DB_USERNAME": f"{found['DatabaseSecretArn']}:username::",
        "REDIS_AUTH_TOKEN": found["CacheAuthTokenArn"],
    }


def test_number_of_tasks_follows_the_parameter(aws, deploy):
    given = ENVIRONMENTS["pr"] | {"ImageTag": "v1", "DesiredCount": "1"}

    def desired(stack):
        (service,) = aws("ecs").describe_services(
            cluster=outputs(stack)["ClusterName"], services=[outputs(stack)["ServiceName"]]
        )["services"]
        return service["desiredCount"]

    assert desired(deploy(given)) == 1
    assert desired(deploy(given | {"DesiredCount": "2"}, "UPDATE")) == 2


def test_key_has_the_waiting_period_of_the_template(aws, deploy):
    stack = deploy(ENVIRONMENTS["pr"] | {"EncryptionKey": "customer-managed"})
    key = outputs(stack)["EncryptionKeyArn"]
    assert delete(aws("cloudformation"), stack)["StackStatus"] == "DELETE_COMPLETE"
    described = aws("kms").describe_key(KeyId=key)["KeyMetadata"]
    assert described["KeyState"] == "PendingDeletion"
    assert 6 <= (described["DeletionDate"] - described["CreationDate"]).days <= 7


def test_changed_stack_tags_reach_resources_without_replacing_them(aws, deploy, monkeypatch):
    given = ENVIRONMENTS["prod"]
    deploy(given)
    before = identities(aws)
    monkeypatch.setitem(TAGS[0], "Value", "somebody else")
    assert deploy(given, "UPDATE")["StackStatus"] == "UPDATE_COMPLETE"
    assert identities(aws) == before
    ec2, logs = aws("ec2"), aws("logs")
    tagged = [
        *map(tags, ec2.describe_addresses()["Addresses"]),
        *map(tags, ec2.describe_nat_gateways()["NatGateways"]),
        *map(tags, ec2.describe_flow_logs()["FlowLogs"]),
        *(each["tags"] for each in logs.describe_deliveries()["deliveries"]),
        *(each["tags"] for each in logs.describe_delivery_sources()["deliverySources"]),
        *(each["tags"] for each in logs.describe_delivery_destinations()["deliveryDestinations"]),
    ]
    assert {each["Owner"] for each in tagged} == {"somebody else"}


def identities(aws):
    """Return the physical IDs of the stack's resources."""
    pages = aws("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
    return {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for page in pages
        for each in page["StackResourceSummaries"]
    }


def test_missing_address_fails_the_stack(aws, deploy):
    before = list_resources(aws)
    stack = deploy(
        ENVIRONMENTS["pr"]
        | {
            "NatGateways": "single",
            "NatElasticIpAllocationId": "eipalloc-0123456789abcdef0",
        }
    )
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    reason = reasons(aws("cloudformation"), stack)["NatGateway1"]
    assert "The allocation ID 'eipalloc-0123456789abcdef0' does not exist" in reason
    assert list_resources(aws) == before


def test_address_in_use_fails_the_stack(aws, deploy):
    given = parameters_of("most", aws)
    subnet = aws("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    cloudformation = aws("cloudformation")
    gateway = {"AllocationId": given["NatElasticIpAllocationId"], "SubnetId": subnet}
    assert created(cloudformation, Any=("AWS::EC2::NatGateway", gateway)) == {}
    stack = deploy(given)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "is already associated" in reasons(cloudformation, stack)["NatGateway1"]


def test_another_address_replaces_the_nat_gateway(aws, deploy):
    old, new = (parameters_of("most", aws)["NatElasticIpAllocationId"] for _ in range(2))
    given = ENVIRONMENTS["pr"] | {"NatGateways": "single"}
    before = outputs(deploy(given | {"NatElasticIpAllocationId": old}))["NatGateway1Id"]
    after = outputs(deploy(given | {"NatElasticIpAllocationId": new}, "UPDATE"))["NatGateway1Id"]
    described = aws("ec2").describe_nat_gateways()["NatGateways"]
    assert {each["NatGatewayId"]: each["State"] for each in described} == {
        before: "deleted",
        after: "available",
    }
    used = {
        address["AllocationId"]
        for address in aws("ec2").describe_addresses()["Addresses"]
        if "AssociationId" in address
    }
    assert used == {new}


def test_duplicate_and_orphaned_egress_rules_fail(aws):
    groups = aws("ec2").describe_security_groups()["SecurityGroups"]
    rule = {
        "GroupId": groups[0]["GroupId"],
        "DestinationSecurityGroupId": groups[0]["GroupId"],
        "FromPort": 1,
        "IpProtocol": "tcp",
        "ToPort": 1,
    }
    kind = "AWS::EC2::SecurityGroupEgress"
    cloudformation = aws("cloudformation")
    failed = created(cloudformation, Any=(kind, rule), Same=(kind, rule))
    assert "already exists" in failed["Same"]
    failed = created(cloudformation, Any=(kind, rule | {"GroupId": "sg-0123456789abcdef0"}))
    assert "The security group 'sg-0123456789abcdef0' does not exist" in failed["Any"]


def test_description_of_an_egress_rule_changes_in_place(aws):
    (group,) = aws("ec2").describe_security_groups()["SecurityGroups"]
    rule = {"GroupId": group["GroupId"], "CidrIp": "10.0.0.0/8", "IpProtocol": "-1"}
    kind = "AWS::EC2::SecurityGroupEgress"
    cloudformation = aws("cloudformation")
    created(cloudformation, Any=(kind, rule | {"Description": "Old"}))
    cloudformation.update_stack(
        StackName="small", TemplateBody=small(Any=(kind, rule | {"Description": "New"}))
    )
    assert settled(cloudformation, "small")["StackStatus"] == "UPDATE_COMPLETE"
    (group,) = aws("ec2").describe_security_groups()["SecurityGroups"]
    described = [
        block["Description"]
        for each in group["IpPermissionsEgress"]
        for block in each["IpRanges"]
        if "Description" in block
    ]
    assert described == ["New"]


def small(**resources):
    """Return a template of resources, each with its type and properties."""
    return json.dumps(
        {
            "Resources": {
                name: {"Type": kind, "Properties": properties}
                for name, (kind, properties) in resources.items()
            }
        }
    )


def created(cloudformation, **resources):
    """Create a stack of resources and return the reasons of those that failed."""
    stack = cloudformation.create_stack(
        StackName="small", TemplateBody=small(**resources), OnFailure="DELETE"
    )
    settled(cloudformation, stack["StackId"])
    return reasons(cloudformation, stack)


def test_minimum_above_maximum_capacity_fails_the_stack(aws, deploy):
    given = {"ImageTag": "v1", "DesiredCount": "5", "MaximumCount": "4"}
    stack = deploy(ENVIRONMENTS["pr"] | given)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    reason = reasons(aws("cloudformation"), stack)["ServiceScalableTarget"]
    assert "Maximum capacity cannot be less than minimum capacity" in reason
