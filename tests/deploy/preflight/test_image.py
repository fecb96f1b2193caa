"""Whether the image that tasks are to be started from is there, fits them, and is known to be safe.

moto is a registry with scans; what neither it nor the embedded AWS has is made up.
"""

import json
import shlex
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.stub import Stubber

from checkout import REGION, ROOT
from deploying import BUCKET, made_up_session, record_image
from iot_pipeline_cfn.deploy.connection import Connection, Target, emulator_session
from iot_pipeline_cfn.deploy.preflight import image
from iot_pipeline_cfn.deploy.preflight.checking import Severity, Subject, run
from preflights import resource_change

NAME = "iot-pipeline-dev"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
TEMPLATE = json.loads((ROOT / "templates/iot-pipeline.json").read_text())

TASK = resource_change("Modify", "TaskDefinition", "AWS::ECS::TaskDefinition", "True")
SERVICE = resource_change("Modify", "Service", "AWS::ECS::Service")
REPOSITORY = resource_change("Add", "Repository", "AWS::ECR::Repository")
GONE = resource_change("Remove", "Service", "AWS::ECS::Service")


def look(connection, *changes, tag="v1", architecture="X86_64"):
    given = {"EnvironmentSuffix": "dev", "ImageTag": tag, "CpuArchitecture": architecture}
    subject = Subject("dev", connection, TEMPLATE, given, changes or (TASK, SERVICE))
    return run({image.CODE: image.look}, subject)


def only(findings):
    (finding,) = findings
    assert finding.code == "image"
    assert finding.logical_ids == ["TaskDefinition", "Service"]
    return finding


@pytest.fixture
def aws_like(moto, monkeypatch):
    """A connection to moto as if it was AWS, with the repository of an environment."""
    monkeypatch.setattr(Connection, "embedded", False)
    connection = Connection(emulator_session(), REGION, Target.AWS, moto.endpoint_url)
    connection.ecr.create_repository(repositoryName=NAME)
    return connection


def put(connection, manifest, tag="v1"):
    """Put an image into the repository and return its digest."""
    put = connection.ecr.put_image(
        repositoryName=NAME,
        imageManifest=json.dumps(manifest),
        imageManifestMediaType=manifest["mediaType"],
        imageTag=tag,
    )
    return put["image"]["imageId"]["imageDigest"]


def put_single(connection, tag="v1"):
    """Put an image of one architecture, whose layers say nothing of it."""
    return put(connection, {"mediaType": MANIFEST, "layers": [{"digest": f"sha256:{tag}"}]}, tag)


def put_index(connection, *architectures, scanned=True):
    """Put an image of several architectures, each an image of its own without a tag."""
    entries = [{"digest": "sha256:built", "platform": {"architecture": "unknown"}}]
    for architecture in architectures:
        digest = put_single(connection, architecture)
        if scanned:
            connection.ecr.start_image_scan(repositoryName=NAME, imageId={"imageDigest": digest})
        entries.append({"digest": digest, "platform": {"architecture": architecture}})
    put(connection, {"mediaType": INDEX, "manifests": entries})
    return entries[-1]["digest"]


def test_image_that_is_there_fits_and_is_scanned_is_nothing_to_speak_of(aws_like):
    """On either architecture; what is scanned is what the tasks run, not the index."""
    put_index(aws_like, "amd64", "arm64")
    assert look(aws_like) == []
    assert look(aws_like, architecture="ARM64") == []


@pytest.mark.parametrize(
    ("changes", "tag"), [([TASK, SERVICE], ""), ([GONE], "v1"), ([REPOSITORY], "v1")]
)
def test_nothing_is_asked_where_no_task_is(changes, tag):
    """There is no connection to ask."""
    assert look(None, *changes, tag=tag) == []


def test_repository_without_a_name_of_its_own_is_not_looked_into():
    """Only the stack can tell its name."""
    unnamed = {"Repository": {"Type": "AWS::ECR::Repository"}}
    given = {"EnvironmentSuffix": "dev", "ImageTag": "v1"}
    nobody = Connection(None, REGION, Target.AWS)
    subject = Subject("dev", nobody, {"Resources": unnamed}, given, [TASK])
    assert run({image.CODE: image.look}, subject) == []


def test_missing_image_is_told_with_what_is_there_and_how_to_push_it(aws_like):
    """The commands have the account's registry, and the platform that the tasks run on."""
    for number in range(7):
        put_single(aws_like, f"old{number}")
    finding = only(look(aws_like, architecture="ARM64"))
    assert finding.severity is Severity.ERROR
    said, *commands = finding.message.split("\n    ")
    tags = said.partition("newest tags there: ")[2].removesuffix("; to push it:").split(", ")
    assert said.startswith(f"v1 is not in {NAME}; ")
    assert len(set(tags) & {f"old{number}" for number in range(7)}) == 5
    registry = f"123456789012.dkr.ecr.{REGION}.amazonaws.com"
    login = f"docker login --username AWS --password-stdin {registry}"
    assert commands == [
        f"aws ecr get-login-password --region {REGION} | {login}",
        f"docker build --platform linux/arm64 -t {registry}/{NAME}:v1 .",
        f"docker push {registry}/{NAME}:v1",
    ]


def test_first_deployment_with_an_image_is_told_the_way_in_two_steps(aws_like):
    """Its repository would be made by the deployment whose tasks need what is in it."""
    finding = look(aws_like, REPOSITORY, TASK, SERVICE)[0]
    assert finding.severity is Severity.ERROR
    said, *commands = finding.message.split("\n    ")
    assert "only this deployment makes" in said
    assert "deploy dev --region ap-northeast-1 --image-tag ''" in commands[0]
    assert commands[-2].startswith("docker push 123456789012.dkr.ecr.")
    assert commands[-1].endswith("--image-tag v1")


def test_image_for_the_other_architecture_is_an_error(aws_like):
    """With both ways on: build it for the other, or run it on the other."""
    put_index(aws_like, "arm64", scanned=False)
    wrong, *_ = look(aws_like)
    assert wrong.severity is Severity.ERROR
    assert wrong.message == (
        "v1 is built for arm64, and tasks run on X86_64: build it with --platform linux/amd64, "
        "under another tag; or --parameter CpuArchitecture=ARM64"
    )
    put_index(aws_like, "s390x", scanned=False)
    assert look(aws_like)[0].message.endswith("under another tag")


def scan_finds(connection, digest, status, **counts):
    """Have moto answer so for the scan of an image."""
    findings = {"findingSeverityCounts": counts} if counts else {}
    result = {
        "repositoryName": NAME,
        "imageId": {"imageDigest": digest},
        "imageScanStatus": {"status": status, "description": "what it says"},
        "imageScanFindings": findings,
    }
    body = json.dumps({"results": [result], "region": REGION}).encode()
    url = f"{connection.endpoint_url}/moto-api/static/ecr/scan-finding-results"
    headers = {"Content-Type": "application/json"}
    urlopen(Request(url, body, headers, method="POST")).close()


@pytest.mark.parametrize(
    ("status", "counts", "said"),
    [
        ("COMPLETE", {"CRITICAL": 3, "HIGH": 9}, "the scan of v1 has 3 critical findings"),
        ("ACTIVE", {"CRITICAL": 1}, "the scan of v1 has 1 critical findings"),
        ("ACTIVE", {"HIGH": 1}, None),
        ("COMPLETE", {}, None),
        ("IN_PROGRESS", {}, "the scan of v1 is not done (IN_PROGRESS); look again with: aws ecr"),
        ("PENDING", {}, "the scan of v1 is not done (PENDING)"),
        ("UNSUPPORTED_IMAGE", {}, "the scan of v1 is UNSUPPORTED_IMAGE: what it says; see: aws"),
    ],
)
def test_scan_is_only_warned_of(aws_like, status, counts, said):
    """Basic scans are COMPLETE in the end, those of Inspector ACTIVE."""
    digest = put_single(aws_like)
    aws_like.ecr.start_image_scan(repositoryName=NAME, imageId={"imageDigest": digest})
    scan_finds(aws_like, digest, status, **counts)
    findings = look(aws_like)
    if said is None:
        assert findings == []
    else:
        finding = only(findings)
        assert finding.severity is Severity.WARNING
        assert said in finding.message
        assert f"--image-id imageDigest={digest}" in finding.message


def test_image_that_was_never_scanned_is_warned_of(aws_like):
    """With the command that has it scanned."""
    put_single(aws_like)
    finding = only(look(aws_like))
    assert finding.severity is Severity.WARNING
    assert f"aws ecr start-image-scan --repository-name {NAME} --image-id" in finding.message


@contextmanager
def configuration_served(content):
    """Serve an image's configuration as S3 does, and yield its URL."""

    class Blob(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Blob) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def made_up():
    """A connection to nothing, and what the answers of its registry go to."""
    connection = Connection(made_up_session(REGION), REGION, Target.AWS)
    with Stubber(connection.ecr) as stubber:
        yield connection, stubber
        stubber.assert_no_pending_responses()


def answer_image(stubber, manifest):
    answer = {"imageId": {"imageDigest": "sha256:1"}, "imageManifest": json.dumps(manifest)}
    stubber.add_response("batch_get_image", {"images": [answer], "failures": []})


def answer_single(stubber, url):
    answer_image(stubber, {"config": {"digest": "sha256:2"}})
    stubber.add_response(
        "get_download_url_for_layer",
        {"downloadUrl": url},
        {"repositoryName": NAME, "layerDigest": "sha256:2"},
    )
    stubber.add_response(
        "describe_image_scan_findings", {"imageScanStatus": {"status": "COMPLETE"}}
    )


@pytest.mark.parametrize(
    ("content", "severities"),
    [
        (b'{"architecture": "amd64"}', []),
        (b'{"architecture": "arm64"}', [Severity.ERROR]),
        (b"{}", []),
        (b"<html>", [Severity.NOTE]),
    ],
)
def test_image_of_one_architecture_says_it_in_its_configuration(made_up, content, severities):
    """ECR gives a URL for that, and does not tell by itself."""
    connection, stubber = made_up
    with configuration_served(content) as url:
        answer_single(stubber, url)
        assert [finding.severity for finding in look(connection)] == severities


def test_configuration_that_cannot_be_fetched_is_worth_a_note(made_up):
    """As where S3 cannot be reached."""
    connection, stubber = made_up
    answer_single(stubber, "http://127.0.0.1:9/")
    finding = only(look(connection))
    assert finding.severity is Severity.NOTE
    assert finding.message.startswith("what v1 is built for could not be looked at: ")


def test_image_that_may_not_be_read_blocks_nothing(made_up):
    """Nor one of which ECR gives another failure than that it is not there."""
    connection, stubber = made_up
    stubber.add_client_error("batch_get_image", "AccessDeniedException", "no")
    (finding,) = look(connection)
    assert finding.severity is Severity.NOTE
    assert "could not be checked: access denied to BatchGetImage" in finding.message
    failure = {"failureCode": "KmsError", "failureReason": "the key is disabled"}
    stubber.add_response("batch_get_image", {"images": [], "failures": [failure]})
    finding = only(look(connection))
    assert finding.severity is Severity.WARNING
    assert "may not be pulled: the key is disabled" in finding.message


def test_what_is_known_is_said_where_the_rest_may_not_be_read(made_up):
    """A missing image, without the tags that there are and the number of the account."""
    connection, stubber = made_up
    sts = Stubber(connection.sts)
    sts.add_client_error("get_caller_identity", "AccessDenied")
    sts.activate()
    stubber.add_response("batch_get_image", {"images": [], "failures": []})
    stubber.add_client_error("describe_images", "AccessDeniedException")
    finding = only(look(connection))
    assert finding.severity is Severity.ERROR
    assert "newest tags there: none" in finding.message
    assert "docker push ACCOUNT.dkr.ecr" in finding.message


def test_scan_that_may_not_be_read_blocks_nothing(made_up):
    """The image is there, and that is what counts."""
    connection, stubber = made_up
    answer_image(stubber, {})
    stubber.add_client_error("describe_image_scan_findings", "AccessDeniedException")
    finding = only(look(connection))
    assert finding.severity is Severity.NOTE
    assert "the scan of v1 could not be looked at: access denied" in finding.message


def test_repository_that_somebody_has_removed_is_an_error(made_up):
    """The stack has it, so that no deployment makes it again."""
    connection, stubber = made_up
    stubber.add_client_error("batch_get_image", "RepositoryNotFoundException")
    finding = only(look(connection))
    assert finding.severity is Severity.ERROR
    assert f"aws ecr create-repository --repository-name {NAME}" in finding.message


def test_embedded_aws_takes_any_tag_and_says_how_to_record_one(emulator, aws):
    """It runs no containers; the command works as it is printed."""
    aws("ecr").create_repository(repositoryName=NAME)
    session = boto3.Session(aws.account, "made-up", region_name=REGION)
    connection = Connection(session, REGION, Target.LOCAL, emulator.endpoint_url)
    finding = only(look(connection))
    assert finding.severity is Severity.NOTE
    assert "on AWS that is an error" in finding.message
    command = finding.message.partition("to record it: ")[2]
    words = shlex.split(command)
    assert words[:3] == ["AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "aws"]
    arguments = dict(zip(words[5::2], words[6::2], strict=True))
    assert arguments.pop("--endpoint-url") == emulator.endpoint_url
    assert arguments.pop("--region") == REGION
    call = {"repositoryName": "--repository-name", "imageTag": "--image-tag"}
    call |= {"imageManifest": "--image-manifest"}
    aws("ecr").put_image(**{name: arguments.pop(option) for name, option in call.items()})
    assert arguments == {}
    assert look(connection) == []
    finding = look(connection, REPOSITORY, TASK, SERVICE)[0]
    assert finding.severity is Severity.NOTE


def test_rehearsal_needs_no_image(project, aws):
    """Neither at first nor later, and is told each time, until there is one."""
    project.write(json.dumps(TEMPLATE), dev=json.loads((ROOT / "parameters/dev.json").read_text()))
    done = project.deploy("dev", "--image-tag", "v1")
    assert done.status == 0, done.err
    assert f"note image: v1 cannot be in {NAME}, which only this deployment makes" in done.err
    planned = ("plan", "dev", "--image-tag", "v2", *BUCKET)
    assert f"note image: v2 is not in {NAME}" in project.run(*planned).err
    record_image(aws, "dev", "v2")
    assert " image: " not in project.run(*planned).err
