"""Updates between the modes of an environment, with a sensor that goes on sending.

A mode is changed in each direction, with every other mode on either side. The change set is what
the review predicts, and no request is lost unless a preflight check has announced it.
"""

import itertools
import json
import threading
from contextlib import contextmanager

from checkout import READING, REGION, ROOT
from deploying import parameters_of, record_image, stack_of
from emulated import outputs
from iot_pipeline_cfn.deploy.ingest import Ingest
from iot_pipeline_cfn.rehearsal.local_task import register
from iot_pipeline_cfn.review.resolved import EnvironmentSource, resolve_pair
from iot_pipeline_cfn.review.resource_changes import find_changes
from iot_pipeline_cfn.review.updates import find_interruptions, find_replacements

MODES = {
    "ApiAuthorization": ("API_KEY", "AWS_IAM"),
    "Availability": ("single-zone", "multi-zone"),
    "CapacityProvider": ("FARGATE", "FARGATE_SPOT"),
    "CertificateArn": ("", "issued"),
    "Durability": ("ephemeral", "protected"),
    "Ingress": ("public", "private"),
    "Monitoring": ("basic", "detailed"),
}
INTERRUPTED = {
    "ApiAuthorization": "IngestMethod",
    "Durability": "Database",
    "ImageTag": "Service",
    "Ingress": "LoadBalancer",
}
"""The resource that a change of a mode interrupts: of the image, its removal."""

LOST = {"Availability": {"Cache"}, "Monitoring": {"LoadBalancerLogGroup"}}
"""The data that a change of a mode loses: of monitoring, its reduction."""

POLICIES = {"DeletionPolicy", "UpdateReplacePolicy"}

SENT = READING | {"deviceId": "integration-test-modes"}
TEMPLATE = (ROOT / "templates/iot-pipeline.json").read_text()


def changes():
    """Yield changes of parameters: every mode on and off in one order, and then in the other.

    Each mode thereby changes in each direction both before and after each other mode.
    """
    tags = (f"v{number}" for number in itertools.count(1))
    for order in (list(MODES), list(reversed(MODES))):
        for side in (1, 0):
            yield "ImageTag", next(tags)
            for name in order:
                yield name, MODES[name][side]
    yield "ImageTag", ""


class Environment:
    """An environment that is deployed with other parameters, again and again."""

    def __init__(self, project, aws, connection, port):
        self.project, self.aws, self.connection, self.port = project, aws, connection, port
        arn = aws("acm").request_certificate(DomainName="iot.example.com")["CertificateArn"]
        self.values = {"issued": arn}
        self.file = {name: off for name, (off, _) in MODES.items()} | {
            "DeletionProtection": "disabled",
            "DomainName": "iot.example.com",
            "EncryptionKey": "customer-managed",
            "ThrottleBurst": "5000",
            "ThrottleRate": "10000",
        }

    def deploy(self, *options, **parameters):
        self.file |= {name: self.values.get(value, value) for name, value in parameters.items()}
        self.project.write(TEMPLATE, pr={"Parameters": self.file})
        return self.project.deploy("pr1", "--json", *options)

    @property
    def parameters(self):
        return parameters_of(self.aws)

    def ingest(self):
        """Return a sensor, whose requests reach the container."""
        found = outputs(stack_of(self.aws))
        register(self.connection, found, self.port)
        return Ingest(self.connection, found)


@contextmanager
def sending(ingest):
    """Send readings all the time, and give the statuses of the answers."""
    statuses, ended = [], threading.Event()

    def send():
        while not ended.is_set():
            statuses.append(ingest.send(SENT).status)
            ended.wait(0.01)

    thread = threading.Thread(target=send)
    thread.start()
    yield statuses
    ended.set()
    thread.join()


def require_agreement(before, after, planned, announced):
    """Require that a review predicts the changes of a plan, and what preflight checks announce."""
    template = json.loads(TEMPLATE)
    pair = resolve_pair(
        EnvironmentSource(template, before), EnvironmentSource(template, after), REGION
    )
    # The emulator leaves out resources of which only a policy changes.
    predicted = {
        change.logical_id: change
        for change in find_changes(*pair)
        if not change.properties or {part.path for part in change.properties} - POLICIES
    }
    planned = {change["logical_id"]: change for change in planned}
    # A change set also has whatever refers to a changed resource.
    assert {name: change.action for name, change in predicted.items()} == {
        name: change["action"]
        for name, change in planned.items()
        if name in predicted
        or change["action"] != "Modify"
        or not all(part["because_of"] for part in change["properties"])
    }
    for name, change in predicted.items():
        assert {change.replacement, planned[name]["replacement"]} != {"True", "False"}, name
    reviewed = {each.subject for each in (*find_replacements(*pair), *find_interruptions(*pair))}
    assert {*announced} & {"Database", "LoadBalancer"} <= reviewed


def expected(before, name, value):
    """Return the data that a change loses, and the resource that it interrupts in use."""
    loses = name == "Availability" or value == "basic"
    interrupts = before["ImageTag"] and (name != "ImageTag" or not value)
    return LOST[name] if loses else set(), INTERRUPTED.get(name) if interrupts else None


def test_updates_between_modes(project, aws, connect_to, container_port):
    environment = Environment(project, aws, connect_to(), container_port)
    assert environment.deploy().status == 0
    assert environment.deploy(EncryptionKey="aws-managed").code == "fixed-parameter"
    environment.file["EncryptionKey"] = "customer-managed"
    for name, value in changes():
        before = environment.parameters
        if name == "ImageTag" and value:
            record_image(aws, "pr1", value)
        lost, interrupted = expected(before, name, value)
        with sending(environment.ingest()) as statuses:
            done = environment.deploy(**{name: value})
            if before["Durability"] == "protected" and (lost or interrupted):
                assert done.code == ("data-loss" if lost else "preflight"), (name, value)
                assert {*done.details.get("resources", ())} == lost
                allowed = (f"--allow-replacement={each}" for each in lost)
                done = environment.deploy("--ignore", "interruption", *allowed)
            assert done.status == 0, (name, value, done.err)
        plan, findings, *_ = done.documents
        announced = [
            each["subject"] for each in findings["findings"] if each["code"] == "interruption"
        ]
        assert announced == [interrupted] * bool(interrupted), (name, value)
        require_agreement(before, environment.parameters, plan["changes"], announced)
        assert interrupted or {*statuses} == {202}, (name, value)
        assert environment.ingest().send(SENT).status == 202, (name, value)
