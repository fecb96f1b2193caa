"""Running a command: signals, errors and exit codes."""

import signal
import sys
from typing import NoReturn

import click

from iot_pipeline_cfn.emulator.control import EmulatorError
from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.review.sources import BaseError
from iot_pipeline_cfn.template.files import UnreadableFileError
from iot_pipeline_cfn.template.parameters import template_path
from iot_pipeline_cfn.template.schemas import MissingSchemasError

from .printing import echo, echo_sentence

MISSING_NAME = " Name the environment (with make: ENV=pr123)."


def run(command: click.Command, program: str) -> NoReturn:
    """Run a command, report its error on stderr, and exit."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Respect an inherited SIG_IGN (nohup).
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _terminate)
    try:
        # Outside its standalone mode click leaves errors and exit codes to the caller.
        status = command.main(prog_name=program, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        echo(error.format_message(), err=True)
        status = error.exit_code
    except click.ClickException as error:
        hint = MISSING_NAME if isinstance(error, click.MissingParameter) else ""
        echo_sentence(f"{program}: {error.format_message()}{hint}", err=True)
        status = error.exit_code
    except click.Abort:
        echo(f"{program}: interrupted", err=True)
        status = ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 An unknown error is raised again.
        message, status = explain(error)
        echo_sentence(f"{program}: {message}", err=True)
    sys.exit(status)


def explain(error: Exception) -> tuple[str, ExitCode]:
    """Return the message and the exit code of an error; an unknown one is a bug and is raised."""
    match error:
        case UnreadableFileError(path=path) if path.parent == template_path("").parent:
            return f"{error}; in a checkout, make template renders it", ExitCode.USAGE
        case UnreadableFileError() | BaseError() | MissingSchemasError():
            return str(error), ExitCode.USAGE
        case OSError(filename=name, strerror=reason) if reason:
            return f"{name or 'cannot write to stdout'}: {reason}", ExitCode.USAGE
        case EmulatorError():
            return str(error), ExitCode.NO_ACCESS

    from botocore.exceptions import BotoCoreError, ClientError

    from iot_pipeline_cfn.deploy.errors import DeploymentError, FindingsError, explained

    if isinstance(error, BotoCoreError | ClientError):
        error = explained(error)
    if isinstance(error, FindingsError):
        from .health_wording import PROBLEMS, problem_text
        from .preflight_wording import finding_lines

        lines = [
            line
            for each in error.findings
            for line in ([problem_text(each)] if each.code in PROBLEMS else finding_lines(each))
        ]
        return "\n".join([str(error), *lines]), error.exit_code
    if isinstance(error, DeploymentError):
        return str(error), error.exit_code
    raise error


def _terminate(*_: object) -> NoReturn:
    from iot_pipeline_cfn.deploy.following import TerminatedError

    raise TerminatedError
