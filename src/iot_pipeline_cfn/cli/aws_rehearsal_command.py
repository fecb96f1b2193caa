"""The command rehearse on AWS: its question, its report, and how it ends."""

import json
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.review.report.tables import table
from iot_pipeline_cfn.template.files import load_object, write
from iot_pipeline_cfn.template.parameters import (
    DEFAULT_TEMPLATE,
    IMAGE_PARAMETER,
    ParameterSet,
    load_template,
    template_path,
)

from .console import Console, json_document
from .opening import open_environment
from .options import PARAMETERS, Patience, Place
from .rehearsal_wording import STEP_WORDINGS, check_sentence
from .staleness import require_fresh_templates

if TYPE_CHECKING:
    from iot_pipeline_cfn.deploy.environments import Environment
    from iot_pipeline_cfn.deploy.operations import Operations
    from iot_pipeline_cfn.deploy.request import DeploymentRequest
    from iot_pipeline_cfn.rehearsal.aws_rehearsal import Beginning, RehearsalRecord

DEPLOYMENTS: Final = 6
"""The creation, the image, the failing update, two changes of the ingress, and the deletion; each
counts like the creation."""


def run_on_aws(
    name: str, template: Path | None, place: Place, image: str, report: Path | None, *, yes: bool
) -> dict[str, Any]:
    """Rehearse on AWS after a confirmation, and return the document of the report."""
    from iot_pipeline_cfn.deploy.errors import DeploymentError
    from iot_pipeline_cfn.deploy.service_layer import Consent
    from iot_pipeline_cfn.rehearsal import aws_rehearsal
    from iot_pipeline_cfn.rehearsal.aws_target import AwsTarget

    if template is None:
        require_fresh_templates()
    environment, request = load_own_network(name, template)
    operations, console = open_environment(
        environment, place, Patience(3600), request.file, as_json=False
    )
    operations = replace(operations, on_interrupt="leave")
    stack, location = operations.find_stack(), operations.location
    report = report or Path(f"rehearsal-{environment.suffix}")
    record = _read(report)
    if record:
        aws_rehearsal.require_own_record(record, location.account, location.region)
    beginning = aws_rehearsal.decide_beginning(stack, record)
    if record is None or beginning is not aws_rehearsal.Beginning.CONTINUE:
        own = stack.tags[aws_rehearsal.REHEARSAL_TAG] if stack else uuid.uuid4().hex
        record = aws_rehearsal.RehearsalRecord(
            own, location.account, location.region, environment.suffix
        )
    request = aws_rehearsal.tagged(request, record.id)
    hours, price = expected_use(request, location.region)
    Consent().require(given=yes or console.interactive)
    if not yes and not _agrees(console, environment.suffix, hours, price, beginning):
        message = "nothing was changed"
        raise DeploymentError(message, code="declined")

    def save() -> None:
        write_report(report, report_data(record, price))

    target = AwsTarget(operations.connection, image)
    results = aws_rehearsal.rehearse_on_aws(
        operations, request, target, record, beginning=beginning, save=save
    )
    with closing(results):
        for step in results:
            console.say(f"{step.result:7}  {STEP_WORDINGS[step.name]}")
    document = report_data(record, price) | {"durations": find_durations(operations)}
    write_report(report, document)
    console.say(f"the report is in {report}.md and {report}.json")
    return document


def load_own_network(name: str, template: Path | None) -> "tuple[Environment, DeploymentRequest]":
    """Read the request of an environment; one that would share a network gets its own."""
    from iot_pipeline_cfn.deploy.network_use import network_of
    from iot_pipeline_cfn.deploy.request import load_request

    environment, request = load_request(name, template, PARAMETERS)
    if template is None and network_of(request) is not None:
        body = load_template(template_path(DEFAULT_TEMPLATE))
        known = {
            name: value
            for name, value in request.file.parameters.items()
            if name in body["Parameters"]
        }
        parameters = {"NatGateways": "none", **known}
        file = replace(request.file, parameters=parameters, template=DEFAULT_TEMPLATE)
        request = replace(request, template=body, file=file)
    return environment, request


def _agrees(
    console: Console, suffix: str, hours: float, price: float | None, beginning: "Beginning"
) -> bool:
    cost = "an unknown price" if price is None else f"about ${price:.2f}"
    text = {
        "CREATE": f"Create {suffix}, rehearse for about {hours:.1f} hours ({cost}), and delete it?",
        "CONTINUE": f"Continue the rehearsal of {suffix} ({cost} in all), and delete it?",
        "CLEAN_UP": f"Delete {suffix}, which a rehearsal has left?",
    }[beginning.name]
    return console.answer(f"{text} [y/N]") in {"y", "yes"}


def expected_use(request: "DeploymentRequest", region: str) -> tuple[float, float | None]:
    """Return the hours of a rehearsal and its dollars without what is billed by use, if known."""
    from iot_pipeline_cfn.review.prices import bill, price_table, total
    from iot_pipeline_cfn.review.resolved import pseudo_parameters
    from iot_pipeline_cfn.template.creation_times import creation_time
    from iot_pipeline_cfn.template.resolution import resolve

    given = {**request.file.parameters, **request.parameters, IMAGE_PARAMETER: "rehearsal"}
    values = ParameterSet(request.template, given, {}).known() | pseudo_parameters(region)
    resources = resolve(request.template, values)["Resources"]
    hours = creation_time(resources).seconds * DEPLOYMENTS / 3600
    items = bill(resources, region)
    if any(item.monthly is None for item in items):
        return hours, None
    return hours, round(total(items) / float(price_table()["hours_a_month"]) * hours, 2)


def find_durations(operations: "Operations") -> list[dict[str, Any]]:
    """Return how many seconds resources of each type took, by the events of the stack."""
    from botocore.exceptions import BotoCoreError, ClientError

    from iot_pipeline_cfn.deploy import cloudformation, events
    from iot_pipeline_cfn.deploy.operation_progress import OperationProgress

    client, name = operations.client, operations.environment.stack_name
    found: dict[tuple[str, str], list[float]] = {}
    try:
        stack = cloudformation.find_stack(client, name)
        stack = stack or cloudformation.find_deleted_stack(client, name)
        progress = OperationProgress()
        for event in reversed([*events.newest_first(client, stack.arn)] if stack else []):
            seconds = progress.see(event)
            if seconds is not None:
                found.setdefault((event.resource_type, event.status), []).append(seconds)
    except (BotoCoreError, ClientError):
        return []
    return [
        {"resource_type": each, "status": status, "seconds": found[each, status]}
        for each, status in sorted(found)
    ]


def _read(report: Path) -> "RehearsalRecord | None":
    from iot_pipeline_cfn.rehearsal.aws_rehearsal import read_record

    path = report.with_name(f"{report.name}.json")
    return read_record(load_object(path)) if path.exists() else None


def report_data(record: "RehearsalRecord", price: float | None) -> dict[str, Any]:
    """Return the document of a report."""
    from iot_pipeline_cfn.rehearsal.assumptions import load_register
    from iot_pipeline_cfn.rehearsal.verdicts import judge_assumptions

    judged = judge_assumptions(load_register(), record.steps, on_aws=True)
    content = {"price": price, "durations": [], "assumptions": [each.as_data() for each in judged]}
    return json_document("rehearsal", {**record.as_data(), **content})


def write_report(report: Path, document: Mapping[str, Any]) -> None:
    """Write the report as JSON, which a later rehearsal resumes from, and as Markdown."""
    text = json.dumps(document, indent=2, default=str)
    write(report.with_name(f"{report.name}.json"), f"{text}\n")
    write(report.with_name(f"{report.name}.md"), "\n".join(_markdown(document)) + "\n")


def _markdown(document: Mapping[str, Any]) -> Sequence[str]:
    from iot_pipeline_cfn.rehearsal.aws_rehearsal import read_record

    record = read_record(document)
    steps = [
        (
            STEP_WORDINGS[step.name],
            step.result,
            "; ".join(
                check_sentence(each)
                for each in (*step.checks, step.failure, step.skipped)
                if each is not None
            ),
            f"{step.seconds:.0f}",
        )
        for step in record.steps
    ]
    assumptions = [
        (f"`{each['id']}`", each["verdict"], each["statement"], "; ".join(each["reasons"]))
        for each in document["assumptions"]
    ]
    durations = [
        (f"`{each['resource_type']}`", each["status"], f"{max(each['seconds']):.0f}")
        for each in document["durations"]
    ]
    price = document["price"]
    return [
        f"# Rehearsal of {record.environment} in {record.account}, {record.region}",
        "",
        "Nobody reaches the stores from outside the VPC: a 2xx answer of the processor means that "
        "PostgreSQL has a reading.",
        "",
        f"Expected bill: {'unknown' if price is None else f'about ${price:.2f}'}, without what is "
        "billed by use.",
        "",
        *table(("Step", "Result", "Checks", "Seconds"), steps),
        *table(("Assumption", "Verdict", "Statement", "AWS's words"), assumptions),
        *table(("Resource type", "Status", "Longest, in seconds"), durations),
    ]


def require_success(document: Mapping[str, Any]) -> None:
    """Require that all steps have passed, and that the environment is deleted."""
    from iot_pipeline_cfn.deploy.errors import DeploymentError
    from iot_pipeline_cfn.rehearsal.aws_rehearsal import read_record

    record = read_record(document)
    failed = [step for step in record.steps if step.failure]
    if not failed:
        return
    lines = [
        f"{STEP_WORDINGS[step.name]}: {check_sentence(step.failure)}"
        for step in failed
        if step.failure
    ]
    if failed[-1].name == "destroy":
        lines.append("the environment was not deleted: run the same command again")
    exit_code = ExitCode.NO_ACCESS if record.can_continue else ExitCode.REHEARSAL_FAILED
    raise DeploymentError("\n".join(lines), exit_code, code="rehearsal-failed")
