"""The command rehearse."""

from contextlib import closing
from pathlib import Path

import click

from iot_pipeline_cfn import DEFAULT_REGION
from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.parameters import load, load_template

from .console import Console
from .options import PARAMETERS, json_option, region_option, template_option


@click.command()
@click.argument("environment", default="pr1", envvar="ENVIRONMENT_SUFFIX")
@click.option(
    "--processor",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=Path("examples/processor/processor.py"),
    show_default=True,
    help="The program that stands for the container image.",
)
@region_option
@template_option
@json_option
def rehearse(
    *, environment: str, processor: Path, region: str | None, template: Path, as_json: bool
) -> None:
    """Run the end-to-end scenario on a local AWS emulator of its own."""
    from iot_pipeline_cfn.deploy.environments import environment_named, parameter_file
    from iot_pipeline_cfn.deploy.errors import DeploymentError

    try:
        from iot_pipeline_cfn.rehearsal.life import rehearse
    except ModuleNotFoundError as error:
        message = f"{error.name} is missing: pip install 'iot-pipeline-cfn[rehearsal]'"
        raise DeploymentError(message) from None

    console = Console(as_json=as_json)
    whose = environment_named(environment, load_template(template))
    load(parameter_file(whose, PARAMETERS))
    steps = []
    with closing(rehearse(whose, region or DEFAULT_REGION, template, processor)) as life:
        for step in life:
            console.say(str(step))
            steps.append(step)
    if as_json:
        console.document("rehearsal", {"steps": [vars(step) for step in steps]})
    else:
        total = ("in all", "", f"{sum(step.seconds for step in steps):.1f}")
        rows = [row for step in steps for row in step.rows]
        console.table(("Step", "Checked", "Seconds"), [*rows, total])
    if steps[-1].off:
        message = f"{steps[-1].name}: {steps[-1].off}"
        raise DeploymentError(message, ExitCode.REHEARSAL_FAILED)
