"""The container image: whether it exists, fits the tasks, and has passed its scan."""

import json
from urllib.request import Request, urlopen

import pytest

from checkout import REGION
from deploying import BUCKET, record_image
from iot_pipeline_cfn.deploy.connection import Connection, Target, emulator_session
from iot_pipeline_cfn.template.findings import Severity
from preflights import (
    NOWHERE,
    TEMPLATE,
    change,
    commands,
    parameters_of,
    problems,
    remediations,
    run_check,
    stubbed,
)
from serving import serving

NAME = "iot-pipeline-dev"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"

TASK = change("TaskDefinition", "Modify", "True")
SERVICE = change("Service", "Modify")
REPOSITORY = change("Repository")
REMOVED = change("Service", "Remove")


def check(connection, *changes, tag="v1", architecture="X86_64", **others):
    given = {"ImageTag": tag, "CpuArchitecture": architecture}
    return run_check("image", connection, changes or (TASK, SERVICE), **given, **others)


def only(findings, severity, problem):
    """Return the only finding, which has this severity and problem."""
    (finding,) = findings
    assert (finding.severity, finding.details["problem"]) == (severity, problem)
    return finding


@pytest.fixture
def registry(moto):
    """A connection to moto with the repository of an environment."""
    connection = Connection(emulator_session(), REGION, Target.AWS, moto.endpoint_url)
    connection.ecr.create_repository(repositoryName=NAME)
    return connection


def put(connection, manifest, tag="v1"):
    """Put an image into the repository and return its digest."""
    answer = connection.ecr.put_image(
        repositoryName=NAME,
        imageManifest=json.dumps(manifest),
        imageManifestMediaType=manifest["mediaType"],
        imageTag=tag,
    )
    return answer["image"]["imageId"]["imageDigest"]


def put_single(connection, tag="v1"):
    """Put an image of one architecture, without a configuration."""
    return put(connection, {"mediaType": MANIFEST, "layers": [{"digest": f"sha256:{tag}"}]}, tag)


def put_index(connection, *architectures, scanned=True):
    """Put an image of several architectures."""
    entries = [{"digest": "sha256:built", "platform": {"architecture": "unknown"}}]
    for architecture in architectures:
        digest = put_single(connection, architecture)
        if scanned:
            connection.ecr.start_image_scan(repositoryName=NAME, imageId={"imageDigest": digest})
        entries.append({"digest": digest, "platform": {"architecture": architecture}})
    put(connection, {"mediaType": INDEX, "manifests": entries})
    return entries[-1]["digest"]


def test_scanned_image_for_the_architecture_passes(registry):
    """The image that the tasks run is scanned, not the index."""
    put_index(registry, "amd64", "arm64")
    assert check(registry) == []
    assert check(registry, architecture="ARM64") == []


@pytest.mark.parametrize(
    ("changes", "tag"), [([TASK, SERVICE], ""), ([REMOVED], "v1"), ([REPOSITORY], "v1")]
)
def test_change_without_tasks_or_image_needs_no_call(changes, tag):
    assert check(NOWHERE, *changes, tag=tag) == []


def test_repository_with_a_generated_name_is_not_checked():
    unnamed = {"Repository": {"Type": "AWS::ECR::Repository"}}
    assert check(NOWHERE, TASK, template=TEMPLATE | {"Resources": unnamed}) == []


def test_missing_image_comes_with_the_command_that_pushes_one(registry):
    for number in range(7):
        put_single(registry, f"old{number}")
    finding = only(check(registry, architecture="ARM64"), Severity.ERROR, "missing")
    assert finding.subject == "ImageTag"
    assert finding.details["logical_ids"] == ["TaskDefinition", "Service"]
    assert len({*finding.details["newest_tags"]} & {f"old{number}" for number in range(7)}) == 5
    (words,) = commands(finding)
    assert words[1:] == ["deploy", "dev", "--region", REGION, "--image", "DIRECTORY"]


def test_first_deployment_with_an_image_needs_two_steps(registry):
    """The repository is created by the deployment whose tasks need an image in it."""
    finding = only(check(registry, REPOSITORY, TASK, SERVICE), Severity.ERROR, "no-repository")
    both, first = commands(finding)
    assert both[-2:] == ["--image", "DIRECTORY"]
    assert first[1:] == ["deploy", "dev", "--region", REGION, "--image-tag", ""]


def test_image_is_found_by_its_digest(registry):
    digest = put_index(registry, "amd64")
    assert check(registry, tag=digest) == []
    only(check(registry, tag=f"sha256:{'0' * 64}"), Severity.ERROR, "missing")


@pytest.mark.parametrize(
    ("built", "choice"), [("arm64", {"CpuArchitecture": "ARM64"}), ("s390x", {})]
)
def test_image_for_another_architecture_is_an_error(registry, built, choice):
    put_index(registry, built, scanned=False)
    finding, *_ = check(registry)
    assert problems([finding]) == [(Severity.ERROR, "architecture")]
    assert finding.details["built"] == [built]
    assert remediations(finding, "build-for-platform") == [{"platform": "linux/amd64"}]
    assert parameters_of(finding) == choice


def scan_finds(connection, digest, status, **counts):
    """Let moto have this result of an image's scan."""
    findings = {"findingSeverityCounts": counts} if counts else {}
    result = {
        "repositoryName": NAME,
        "imageId": {"imageDigest": digest},
        "imageScanStatus": {"status": status, "description": "unsupported"},
        "imageScanFindings": findings,
    }
    body = json.dumps({"results": [result], "region": REGION}).encode()
    url = f"{connection.endpoint_url}/moto-api/static/ecr/scan-finding-results"
    headers = {"Content-Type": "application/json"}
    urlopen(Request(url, body, headers, method="POST")).close()


@pytest.mark.parametrize(
    ("status", "counts", "problem"),
    [
        ("COMPLETE", {"CRITICAL": 3, "HIGH": 9}, "critical-findings"),
        ("ACTIVE", {"CRITICAL": 1}, "critical-findings"),
        ("ACTIVE", {"HIGH": 1}, None),
        ("COMPLETE", {}, None),
        ("IN_PROGRESS", {}, "scan-in-progress"),
        ("PENDING", {}, "scan-in-progress"),
        ("UNSUPPORTED_IMAGE", {}, "scan-failed"),
    ],
)
def test_problem_of_a_scan_is_a_warning(registry, status, counts, problem):
    """Basic scans end as COMPLETE, those of Inspector as ACTIVE."""
    digest = put_single(registry)
    registry.ecr.start_image_scan(repositoryName=NAME, imageId={"imageDigest": digest})
    scan_finds(registry, digest, status, **counts)
    found = check(registry)
    assert problems(found) == ([(Severity.WARNING, problem)] if problem else [])
    for finding in found:
        assert f"imageDigest={digest}" in commands(finding)[0]
        assert finding.details.get("critical", 0) == counts.get("CRITICAL", 0)


def test_image_without_a_scan_comes_with_the_command_that_starts_one(registry):
    put_single(registry)
    finding = only(check(registry), Severity.WARNING, "not-scanned")
    assert commands(finding)[0][:3] == ["aws", "ecr", "start-image-scan"]


def image_answer(manifest):
    answer = {"imageId": {"imageDigest": "sha256:1"}, "imageManifest": json.dumps(manifest)}
    return "batch_get_image", {"images": [answer], "failures": []}


def single_answers(url):
    layer = {"repositoryName": NAME, "layerDigest": "sha256:2"}
    return [
        image_answer({"config": {"digest": "sha256:2"}}),
        ("get_download_url_for_layer", {"downloadUrl": url}, layer),
        ("describe_image_scan_findings", {"imageScanStatus": {"status": "COMPLETE"}}),
    ]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"architecture": "amd64"}', []),
        (b'{"architecture": "arm64"}', ["architecture"]),
        (b"{}", []),
        (b"<html>", ["not-checked"]),
    ],
)
def test_architecture_of_a_single_image_is_in_its_configuration(content, found):
    with serving(lambda *_: (200, content)) as port:
        url = f"http://127.0.0.1:{port}/"
        assert [
            problem for _, problem in problems(check(stubbed(ecr=single_answers(url))))
        ] == found


def test_unreachable_configuration_is_a_note():
    finding = only(
        check(stubbed(ecr=single_answers("http://127.0.0.1:9/"))), Severity.NOTE, "not-checked"
    )
    assert finding.details["part"] == "architecture"


def test_scan_that_cannot_be_read_is_a_note():
    denied = ("describe_image_scan_findings", "AccessDeniedException")
    finding = only(check(stubbed(ecr=[image_answer({}), denied])), Severity.NOTE, "not-checked")
    assert finding.details["part"] == "scan"


def test_image_that_cannot_be_pulled_is_a_warning():
    failure = {"failureCode": "KmsError", "failureReason": "the key is disabled"}
    connection = stubbed(ecr=[("batch_get_image", {"images": [], "failures": [failure]})])
    finding = only(check(connection), Severity.WARNING, "not-pullable")
    assert finding.details["failures"] == {"KmsError": "the key is disabled"}


def test_missing_image_is_reported_without_tags_that_cannot_be_read():
    missing = ("batch_get_image", {"images": [], "failures": []})
    connection = stubbed(ecr=[missing, ("describe_images", "AccessDeniedException")])
    finding = only(check(connection), Severity.ERROR, "missing")
    assert finding.details["newest_tags"] == []


def test_deleted_repository_is_an_error():
    """The stack has the repository, so a deployment does not create it again."""
    connection = stubbed(ecr=[("batch_get_image", "RepositoryNotFoundException")])
    finding = only(check(connection), Severity.ERROR, "repository-deleted")
    assert commands(finding)[0][2:5] == ["create-repository", "--repository-name", NAME]


def test_missing_image_is_a_note_on_the_emulator(connect_to):
    """An image without layers, which only has been recorded, is enough there."""
    connection = connect_to()
    connection.ecr.create_repository(repositoryName=NAME)
    finding = only(check(connection), Severity.NOTE, "missing-on-emulator")
    assert commands(finding)[0][-2:] == ["--image", "DIRECTORY"]
    new = only(check(connection, REPOSITORY, TASK, SERVICE), Severity.NOTE, "missing-on-emulator")
    assert commands(new) == commands(finding)
    manifest = {"config": {"digest": "sha256:2"}, "mediaType": MANIFEST}
    put(connection, manifest)
    assert check(connection) == []


def test_deployment_to_the_emulator_needs_no_image(project, aws):
    project.write_committed("dev")
    deployed = project.deploy("dev", "--image-tag", "v1", "--json")
    planned = ("plan", "dev", "--image-tag", "v2", *BUCKET, "--json")
    for done in (deployed, project.run(*planned)):
        assert done.status == 0, done.err
        (finding,) = done.documents[1]["findings"]
        assert (finding["code"], finding["severity"]) == ("image", "note")
    record_image(aws, "dev", "v2")
    assert project.run(*planned).documents[1]["findings"] == []
