"""The command line `iot-pipeline`: parse, call, render the result."""

from typing import NoReturn

import click

from iot_pipeline_cfn import __version__

from .bootstrap_command import bootstrap
from .deploy_command import deploy, plan, preflight
from .destroy_command import cancel, destroy
from .emulator_command import emulator
from .inspect_command import events, list_, outputs, status
from .logs_command import logs
from .program import run
from .rehearse_command import rehearse
from .review_command import review
from .rollback_command import rollback
from .root import enter_root
from .send_command import send
from .sweep_command import sweep
from .validate_command import validate

PROGRAM = "iot-pipeline"


@click.group(name=PROGRAM)
@click.version_option(__version__)
@click.pass_context
def pipeline(context: click.Context) -> None:
    """The CloudFormation of an IoT data pipeline, one environment per suffix."""
    context.obj = enter_root()


for command in (
    bootstrap,
    plan,
    preflight,
    deploy,
    outputs,
    status,
    events,
    list_,
    logs,
    send,
    rollback,
    destroy,
    cancel,
    sweep,
    validate,
    review,
    rehearse,
    emulator,
):
    pipeline.add_command(command)


def main() -> NoReturn:
    """Run `iot-pipeline` and exit."""
    run(pipeline, PROGRAM)
