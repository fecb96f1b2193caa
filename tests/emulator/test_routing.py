"""Requests that travel through the API and the load balancer of the emulator."""

import json

import pytest

from checkout import READING, REGION
from emulated import outputs
from iot_pipeline_cfn.deploy.ingest import Answer, Ingest
from serving import serving


@pytest.fixture
def target():
    """A server in place of a container, the requests that it received, and their API keys."""
    arrived, keys = [], []

    def answer(path, headers, body):
        arrived.append((path, json.loads(body)))
        keys.append(headers["x-api-key"])
        return (418, b"no") if b"refuse me" in body else (202, b"")

    with serving(answer) as port:
        yield port, arrived, keys


@pytest.mark.parametrize(
    "case",
    [
        (REGION, {}),
        (REGION, {"ApiAuthorization": "AWS_IAM"}),
        ("eu-central-1", {"Ingress": "private"}),
        (REGION, {"DomainName": "iot.example.com"}),
    ],
    ids=str,
)
def test_reading_travels_from_the_api_to_a_target(aws, deploy, connect_to, target, case):
    """With a domain name, it travels through the listener that has the certificate."""
    aws.region, parameters = case
    if domain := parameters.get("DomainName"):
        arn = aws("acm").request_certificate(DomainName=domain)["CertificateArn"]
        parameters = parameters | {"CertificateArn": arn}
    found = outputs(deploy(parameters))
    port, arrived, keys = target
    target_group = found["TargetGroupArn"]
    aws("elbv2").register_targets(
        TargetGroupArn=target_group, Targets=[{"Id": "127.0.0.1", "Port": port}]
    )
    connection = connect_to(aws.region)
    assert found["ApiInvokeUrl"].startswith(f"{connection.endpoint_url}/")
    ingest = Ingest(connection, found)
    assert ingest.send(READING).status == 202
    assert ingest.send(READING, READING).status == 202
    assert ingest.send({"deviceId": "press-7"}).status == 400
    assert ingest.post(b"[").status == 400
    assert ingest.post(json.dumps(READING).encode(), authorized=False).status == 403
    assert arrived == [("/ingest", READING), ("/ingest", [READING, READING])]
    # The key of the caller stays with the API.
    assert keys == ["-", "-"]


def test_load_balancer_refuses_requests_that_do_not_come_from_the_api(
    aws, deploy, connect_to, target
):
    found = outputs(deploy({}))
    port, arrived, _ = target
    aws("elbv2").register_targets(
        TargetGroupArn=found["TargetGroupArn"], Targets=[{"Id": "127.0.0.1", "Port": port}]
    )
    for headers in ({}, {"X-Ingress-Secret": "*"}, {"X-Ingress-Secret": "-"}):
        answer = Ingest(connect_to(), found).bypass(json.dumps(READING).encode(), headers)
        assert answer == Answer(403, "Call the API.")
    assert arrived == []


def test_changed_method_is_served_once_it_is_deployed(aws, deploy, connect_to, target):
    found = outputs(deploy({}))
    port, *_ = target
    aws("elbv2").register_targets(
        TargetGroupArn=found["TargetGroupArn"], Targets=[{"Id": "127.0.0.1", "Port": port}]
    )
    gateway, ingest = aws("apigateway"), Ingest(connect_to(), found)
    (api,) = gateway.get_rest_apis()["items"]
    resources = gateway.get_resources(restApiId=api["id"])["items"]
    (method,) = (each["id"] for each in resources if each["path"] == "/ingest")
    gateway.delete_method(restApiId=api["id"], resourceId=method, httpMethod="POST")
    assert ingest.send(READING).status == 202
    gateway.create_deployment(restApiId=api["id"], stageName="prod")
    assert ingest.send(READING).status == 403


def test_error_of_a_target_is_the_answer_of_the_api(aws, deploy, connect_to, target):
    found = outputs(deploy({}))
    port, *_ = target
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
