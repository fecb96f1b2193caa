"""The command rehearse."""

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iot_pipeline_cfn import DEFAULT_REGION
from iot_pipeline_cfn.exit_codes import ExitCode

from .console import Console
from .options import (
    FILE,
    PARAMETERS,
    Place,
    json_option,
    region_option,
    template_option,
    yes_option,
)
from .printing import echo, print_table
from .rehearsal_wording import STEP_WORDINGS, check_sentence
from .root import FilePath
from .staleness import require_fresh_templates

if TYPE_CHECKING:
    from iot_pipeline_cfn.rehearsal.steps import Step

PROCESSOR = Path("examples/processor/processor.py")


@click.command()
@click.argument("environment", required=False, envvar="ENVIRONMENT_SUFFIX")
@click.option(
    "--processor",
    type=FILE,
    help="The program in place of the container image.  [default: that of examples/]",
)
@click.option(
    "--target",
    type=click.Choice(["aws", "local"]),
    default="local",
    show_default=True,
    envvar="IOT_PIPELINE_TARGET",
    help="AWS, or a local AWS emulator of its own.",
)
@click.option(
    "--image",
    default="examples/processor",
    show_default=True,
    envvar="IOT_PIPELINE_IMAGE",
    help="On AWS: the directory to build, or the URI of an image in ECR.",
)
@click.option(
    "--report",
    type=FilePath(path_type=Path),
    help="On AWS: the path of the report, without .json and .md.  [default: rehearsal-<suffix>]",
)
@click.option(
    "--profile", envvar="IOT_PIPELINE_PROFILE", help="The profile.  [default: AWS_PROFILE]"
)
@yes_option
@region_option
@template_option
@json_option
def rehearse(
    *,
    environment: str | None,
    processor: Path | None,
    target: str,
    image: str,
    report: Path | None,
    profile: str | None,
    yes: bool,
    region: str | None,
    template: Path | None,
    as_json: bool,
) -> None:
    """Run the end-to-end scenario on an emulator, or on AWS."""
    if target == "aws":
        from .aws_rehearsal_command import require_success, run_on_aws

        place = Place(region=region, profile=profile)
        name = environment or "pr-rehearsal"
        document = run_on_aws(name, template, place, image, report, yes=yes)
        if as_json:
            echo(json.dumps(document, default=str))
        require_success(document)
        return
    environment = environment or "pr1"
    from iot_pipeline_cfn.deploy.errors import DeploymentError
    from iot_pipeline_cfn.deploy.request import load_request

    try:
        from iot_pipeline_cfn.rehearsal.runner import rehearse
    except ModuleNotFoundError as error:
        message = (
            f"{error.name} is missing: in the checkout, run make rehearse, or pip install "
            "'.[rehearsal]'"
        )
        raise DeploymentError(message) from None

    console = Console(as_json=as_json)
    processor = processor or PROCESSOR
    if not processor.is_file():
        message = f"there is no program {processor}"
        raise click.UsageError(message)
    if template is None:
        require_fresh_templates()
    named, request = load_request(environment, template, PARAMETERS)
    steps = []
    with closing(rehearse(named, request, region or DEFAULT_REGION, processor)) as results:
        for step in results:
            console.say(f"{step.result:7}  {STEP_WORDINGS[step.name]}")
            steps.append(step)
    if as_json:
        console.document("rehearsal", {"steps": [step.as_data() for step in steps]})
    else:
        rows = [row for step in steps for row in _rows(step)]
        total = (f"{sum(step.seconds for step in steps):.1f}", "total")
        print_table(("Seconds", "Step and checks"), [*rows, total], numbers=("Seconds",))
    if failure := steps[-1].failure:
        message = f"{STEP_WORDINGS[steps[-1].name]}: {check_sentence(failure)}"
        raise DeploymentError(message, ExitCode.REHEARSAL_FAILED)


def _rows(step: "Step") -> list[tuple[str, str]]:
    """Return the rows of a step in the table, one for each check; a failed one stands out."""
    rows = [("", f"- {check_sentence(check)}") for check in step.checks]
    if step.failure:
        rows.append(("!", f"- failed: {check_sentence(step.failure)}"))
    if step.skipped:
        rows.append(("", f"- skipped: {check_sentence(step.skipped)}"))
    return [(f"{step.seconds:.1f}", STEP_WORDINGS[step.name]), *rows]
