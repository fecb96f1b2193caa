"""The command line `iot-pipeline`.

Exit codes: 0 done; 1 refused, and nothing was changed; 2 the command was not understood, or a file
could not be read; 3 a template or parameters are not valid; 4 failed, and rolled back; 5 failed,
and stuck; 6 timed out, and CloudFormation goes on; 7 no credentials, no access, or no answer from
AWS; 8 a check before the deployment has failed; 9 a rehearsal has found something off; 10 a review
has found what it was told to fail on; 130 interrupted. An error is on stderr, in one line
where one will do.
"""

import json
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from iot_pipeline_cfn import __version__

from .output import echo

if TYPE_CHECKING:
    from iot_pipeline_cfn.cli.console import Console
    from iot_pipeline_cfn.deploy.connection import Connection
    from iot_pipeline_cfn.deploy.deployment import Proposal, Wish
    from iot_pipeline_cfn.deploy.environments import Environment
    from iot_pipeline_cfn.deploy.operations import Operations
    from iot_pipeline_cfn.review.reviewing import Side
    from iot_pipeline_cfn.review.verdict import Review

PROGRAM = "iot-pipeline"
FILE = click.Path(path_type=Path)
PARAMETERS = Path("parameters")
MISSING_NAME = " Name the environment (with make: ENV=pr123)."
NOBODY_TO_ASK = "there is nobody to ask: say --yes (with make: YES=1)"

Decorator = Callable[[Any], Any]


def main() -> NoReturn:
    """Run `iot-pipeline`, say what went wrong if anything did, and exit."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Whoever has set it to be ignored, as nohup does, means it.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _terminated)
    try:
        # Outside of its standalone mode click leaves errors and exit codes to the caller.
        status = pipeline.main(prog_name=PROGRAM, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        echo(error.format_message(), err=True)
        status = error.exit_code
    except click.ClickException as error:
        hint = MISSING_NAME if isinstance(error, click.MissingParameter) else ""
        echo(f"{PROGRAM}: {error.format_message()}{hint}", err=True)
        status = error.exit_code
    except click.Abort:
        echo(f"{PROGRAM}: interrupted", err=True)
        status = 130
    except Exception as error:  # noqa: BLE001 What is not ours is raised again.
        message, status = _explained(error)
        echo(f"{PROGRAM}: {message}", err=True)
    sys.exit(status)


def _terminated(*_: object) -> NoReturn:
    from iot_pipeline_cfn.deploy.following import TerminatedError

    raise TerminatedError


def _explained(error: Exception) -> tuple[str, int]:
    """Return the message and the exit code of an error, which is raised again if it is a bug."""
    from iot_pipeline_cfn.emulator.control import EmulatorError
    from iot_pipeline_cfn.review.sources import BaseError
    from iot_pipeline_cfn.template.parameters import UnreadableFileError
    from iot_pipeline_cfn.template.schemas import MissingSchemasError

    match error:
        case UnreadableFileError() | BaseError() | MissingSchemasError():
            return str(error), 2
        case OSError(filename=name, strerror=reason) if reason:
            return f"{name or 'what is to be said cannot be written'}: {reason}", 2
        case EmulatorError():
            return str(error), 7

    from botocore.exceptions import BotoCoreError, ClientError

    from iot_pipeline_cfn.deploy.errors import DeploymentError, explained

    if isinstance(error, BotoCoreError | ClientError):
        error = explained(error)
    if isinstance(error, DeploymentError):
        return str(error), error.exit_code
    raise error


def _all(*decorators: Decorator) -> Decorator:
    """Return what applies decorators as if they stood one below the other."""
    return lambda function: reduce(lambda inner, outer: outer(inner), decorators[::-1], function)


ENVIRONMENT = click.argument("environment", envvar="ENVIRONMENT_SUFFIX")
REGION = click.option(
    "--region",
    envvar="IOT_PIPELINE_REGION",
    help="By default that of the AWS configuration, else ap-northeast-1.",
)
PLACE = _all(
    click.option(
        "--target",
        type=click.Choice(["aws", "local"]),
        default="aws",
        show_default=True,
        envvar="IOT_PIPELINE_TARGET",
        help="AWS, or the embedded one.",
    ),
    REGION,
    click.option("--debug", is_flag=True, help="Say each call to AWS on stderr."),
)
TEMPLATE = click.option(
    "--template",
    type=FILE,
    default=Path("templates/iot-pipeline.json"),
    show_default=True,
    help="The rendered template.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
YES = click.option("--yes", is_flag=True, envvar="IOT_PIPELINE_YES", help="Do not ask.")
TIMEOUT = click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="How long to follow an operation.",
)
PATIENCE = _all(
    TIMEOUT,
    click.option(
        "--wait/--no-wait",
        default=True,
        show_default=True,
        help="Whether to wait where another operation is in progress.",
    ),
    click.option(
        "--on-interrupt",
        type=click.Choice(["cancel", "leave"]),
        help="What Ctrl-C does while an operation runs; by default it asks.",
    ),
)
WISH = _all(
    click.option(
        "--parameter",
        "parameters",
        multiple=True,
        metavar="NAME=VALUE",
        envvar="IOT_PIPELINE_PARAMETERS",
        help="Goes before the parameter file; can be given several times.",
    ),
    click.option(
        "--image-tag",
        envvar="IOT_PIPELINE_IMAGE_TAG",
        help="Short for --parameter ImageTag=...",
    ),
    click.option(
        "--bucket",
        envvar="IOT_PIPELINE_BUCKET",
        help="The S3 bucket that the template goes through.",
    ),
)


IGNORE = click.option(
    "--ignore",
    "ignored",
    multiple=True,
    metavar="CODE",
    envvar="IOT_PIPELINE_IGNORE",
    help="Take an error of a check for a warning; can be given several times.",
)


@click.group(name=PROGRAM)
@click.version_option(__version__)
def pipeline() -> None:
    """The CloudFormation of an IoT data pipeline, one environment per suffix."""


@pipeline.command()
@ENVIRONMENT
@WISH
@click.option("--save", type=FILE, help="Write what is shown, for deploy --reviewed.")
@IGNORE
@PATIENCE
@PLACE
@TEMPLATE
@JSON
def plan(*, save: Path | None, **options: Any) -> None:
    """Show what a deployment would change, and change nothing."""
    from iot_pipeline_cfn.deploy.deployment import proposed
    from iot_pipeline_cfn.deploy.planning import Wanted

    environment, wish = _wish(options)
    operations, console = _operations(options, environment)
    with proposed(operations, wish, Wanted.PLAN) as proposal:
        if save:
            _write(save, proposal.as_data())
        console.proposal(proposal, err=False)
        _check(operations, wish, proposal, console, options)


@pipeline.command()
@ENVIRONMENT
@WISH
@IGNORE
@PATIENCE
@PLACE
@TEMPLATE
@JSON
def preflight(**options: Any) -> None:
    """Check what can be known before a deployment, and change nothing."""
    from iot_pipeline_cfn.deploy.deployment import proposed
    from iot_pipeline_cfn.deploy.planning import Wanted

    environment, wish = _wish(options)
    operations, console = _operations(options, environment)
    with proposed(operations, wish, Wanted.PLAN) as proposal:
        if not _check(operations, wish, proposal, console, options, err=False):
            console.say("nothing stands in the way, as far as can be checked")


@pipeline.command()
@ENVIRONMENT
@WISH
@click.option("--reviewed", type=FILE, help="Go on only if what plan --save wrote still holds.")
@click.option(
    "--allow-replacement",
    "allowed",
    multiple=True,
    metavar="LOGICAL_ID",
    help="Replace or remove this resource of a protected environment, whatever it holds.",
)
@IGNORE
@YES
@PATIENCE
@PLACE
@TEMPLATE
@JSON
def deploy(*, reviewed: Path | None, allowed: Sequence[str], yes: bool, **options: Any) -> None:
    """Bring an environment up, or up to date, by a change set that is shown first.

    Asks on a terminal. Where there is none, it goes ahead if CI is set, or on the embedded AWS.
    """
    from iot_pipeline_cfn.deploy.deployment import execute, proposed, settle
    from iot_pipeline_cfn.deploy.errors import DeploymentError
    from iot_pipeline_cfn.deploy.guards import refuse_losses
    from iot_pipeline_cfn.deploy.planning import Action, Wanted
    from iot_pipeline_cfn.deploy.protection import is_protected
    from iot_pipeline_cfn.template.parameters import load_object

    environment, wish = _wish(options)
    review = load_object(reviewed) if reviewed else None
    operations, console = _operations(options, environment)
    # A rehearsal goes ahead where there is nobody to ask.
    agreed = yes or _in_ci() or (options["target"] == "local" and not console.interactive)
    if not agreed and not console.interactive:
        raise click.UsageError(NOBODY_TO_ASK)
    with proposed(operations, wish, Wanted.DEPLOY) as proposal:
        console.proposal(proposal, err=True)
        if review is not None:
            proposal.refuse_moved(review)
        if is_protected(proposal.stack) and not proposal.creates:
            refuse_losses(proposal.changes, allowed)
        _check(operations, wish, proposal, console, options)
        something = proposal.action is Action.EXECUTE or proposal.settings
        if something and not (agreed or console.ask(f"Deploy {operations.environment.suffix}?")):
            message = "nothing was deployed"
            raise DeploymentError(message)
        if proposal.action is Action.EXECUTE:
            stack = execute(operations, wish, proposal)
        else:
            stack = proposal.stack
            settle(operations, wish, stack, proposal.content.parameters)
    console.outputs(stack.outputs)


@pipeline.command()
@ENVIRONMENT
@click.option("--file", type=FILE, help="Write them there instead, as JSON.")
@PLACE
@TEMPLATE
@JSON
def outputs(*, file: Path | None, **options: Any) -> None:
    """Print the outputs of an environment."""
    operations, console = _operations(options)
    found = operations.find_own().outputs
    if file:
        _write(file, {output.name: output.value for output in found})
    else:
        console.outputs(found)


@pipeline.command()
@ENVIRONMENT
@click.option("--drift", "looks_for_drift", is_flag=True, help="Have CloudFormation look for it.")
@PLACE
@TEMPLATE
@JSON
def status(*, looks_for_drift: bool, **options: Any) -> None:
    """Show where an environment stands."""
    from iot_pipeline_cfn.deploy.inventory import age, drift, in_step, summary_of
    from iot_pipeline_cfn.template.parameters import load_template

    operations, console = _operations(options)
    stack = operations.find_own()
    template = load_template(options["template"])
    facts = summary_of(stack).as_data() | {
        "age": age(stack.created),
        "reason": stack.reason,
        "in step with the template": in_step(operations.connection, stack, template),
    }
    if looks_for_drift:
        facts["drift"] = drift(operations, stack)
    console.facts(facts)


@pipeline.command()
@ENVIRONMENT
@click.option("--follow", is_flag=True, help="Go on until the operation has come to its end.")
@TIMEOUT
@PLACE
@TEMPLATE
@JSON
def events(*, follow: bool, **options: Any) -> None:
    """Show the events of the operation that runs, or of the last one."""
    from iot_pipeline_cfn.deploy import events
    from iot_pipeline_cfn.deploy.errors import DeploymentError, ExitCode
    from iot_pipeline_cfn.deploy.planning import exit_code_of, failure_mode

    operations, console = _operations(options)
    stack = operations.find_own()
    client = operations.connection.cloudformation
    if not follow:
        for event in events.last_operation(client, stack.arn):
            console.event(event)
        return
    creates = stack.status in {"CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"}
    with operations.follower.limited():
        ended = events.follow(
            client,
            stack.arn,
            after=None,
            see=console.event,
            timeout=operations.follower.timeout,
            deletes_itself=creates and failure_mode(stack.parameters) == "DELETE",
        )
    gone = creates and ended == "DELETE_COMPLETE"
    if exit_code := ExitCode.ROLLED_BACK if gone else exit_code_of(ended):
        message = f"{operations.environment.suffix} has ended in {ended}"
        raise DeploymentError(message, exit_code)


@pipeline.command(name="list")
@PLACE
@JSON
def list_(**options: Any) -> None:
    """Show all environments of the region."""
    from iot_pipeline_cfn.deploy.inventory import environments

    connection, console = _connected(options)
    console.environments(list(environments(connection)))


@pipeline.command()
@ENVIRONMENT
@click.option("--force", is_flag=True, help="Leave behind what cannot be deleted.")
@YES
@PATIENCE
@PLACE
@TEMPLATE
def destroy(*, force: bool, yes: bool, **options: Any) -> None:
    """Delete an environment, once what goes was shown and its suffix typed.

    A protected environment is refused, and the way to lift that is named.
    """
    from iot_pipeline_cfn.deploy.destruction import delete, doomed
    from iot_pipeline_cfn.deploy.errors import DeploymentError

    operations, console = _operations(options)
    if not yes and not console.interactive:
        raise click.UsageError(NOBODY_TO_ASK)
    suffix = operations.environment.suffix
    stack, fates = doomed(operations)
    if stack is None:
        console.say(f"there is no environment {suffix}: nothing to delete")
        return
    console.fates(fates)
    if not yes and console.answer(f"Type {suffix} to delete it") != suffix:
        message = "nothing was deleted"
        raise DeploymentError(message)
    left = delete(operations, stack, force=force)
    console.say(f"{suffix} is deleted" + (f", but for {', '.join(left)}" if left else ""))


@pipeline.command()
@ENVIRONMENT
@PATIENCE
@PLACE
@TEMPLATE
def cancel(**options: Any) -> None:
    """Cancel the update that is in progress."""
    from iot_pipeline_cfn.deploy.destruction import cancel_update

    operations, console = _operations(options)
    console.say(f"{operations.environment.suffix} is in {cancel_update(operations)}")


@pipeline.command()
@click.argument("files", type=FILE, nargs=-1)
@TEMPLATE
def validate(*, files: Sequence[Path], template: Path) -> int:
    """Check parameter files, by default all in parameters/, against the template."""
    from iot_pipeline_cfn.template.parameters import (
        UnreadableFileError,
        load,
        load_template,
        problems,
    )

    chosen = files or sorted(PARAMETERS.glob("*.json"))
    if not chosen:
        message = f"there are no files in {PARAMETERS}/"
        raise click.UsageError(message)
    status = 0
    body = load_template(template)
    for path in chosen:
        try:
            found = list(problems(body, load(path)))
            status = status or (3 if found else 0)
        except UnreadableFileError as error:
            found = [str(error)]
            status = 2
        for problem in found:
            echo(problem, err=True)
    if status == 0:
        echo(f"{len(chosen)} parameter files fit {template}")
    return status


@pipeline.command()
@click.argument("files", type=FILE, nargs=-1, metavar="[OLD.json NEW.json]")
@click.option(
    "--base",
    envvar="IOT_PIPELINE_BASE",
    metavar="COMMIT",
    help="What to compare with; by default where the branch has left origin/main.",
)
@click.option(
    "--parameters",
    "parameter_files",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="With two files: parameters to resolve both with; can be given several times.",
)
@click.option(
    "--region",
    envvar="IOT_PIPELINE_REGION",
    default="ap-northeast-1",
    show_default=True,
    help="Where the environments are.",
)
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a comment.")
@JSON
@click.option(
    "--fail-on",
    type=click.Choice(["data-loss", "exposure", "replacement", "interruption", "change", "note"]),
    help="Exit with 10 if there is this, or worse.",
)
def review(*, files: Sequence[Path], fail_on: str | None, **options: Any) -> int:
    """Show what the changes of this work tree do to each kind of environment.

    Takes what is in templates/ and parameters/, or else two templates.
    """
    from iot_pipeline_cfn.review.reviewing import review
    from iot_pipeline_cfn.review.verdict import as_data, rank
    from iot_pipeline_cfn.template.findings import Severity

    if len(files) not in {0, 2}:
        message = "takes no files, or two: OLD.json NEW.json"
        raise click.UsageError(message)
    if options["as_markdown"] and options["as_json"]:
        message = "--markdown and --json exclude each other"
        raise click.UsageError(message)
    before, after = _sides(files, options)
    reviews = review(before, after, region=options["region"])
    if options["as_json"]:
        echo(json.dumps(as_data(reviews)))
    elif options["as_markdown"]:
        from iot_pipeline_cfn.review.report.markdown import markdown

        echo(markdown(reviews))
    else:
        _print_lines(reviews)
    worst = [rank(one.worst) for one in reviews if one.worst]
    return 10 if fail_on and worst and min(worst) <= rank(Severity(fail_on)) else 0


def _sides(files: Sequence[Path], options: Mapping[str, Any]) -> "tuple[Side, Side]":
    from iot_pipeline_cfn.review.reviewing import Side
    from iot_pipeline_cfn.review.sources import base, committed, template_of, work_tree
    from iot_pipeline_cfn.template.parameters import load

    if not files:
        if options["parameter_files"]:
            message = "--parameters goes with two files; else parameters/ is read"
            raise click.UsageError(message)
        after = work_tree()
        commit = base(options["base"])
        echo(f"compared with {commit[:12]}", err=True)
        return committed(commit), after
    given = {path.stem: load(path) for path in options["parameter_files"]}
    name = files[1].stem
    old, new = (Side({name: template_of(path)}, given) for path in files)
    return old, new


def _print_lines(reviews: "Sequence[Review]") -> None:
    from iot_pipeline_cfn.review.report.terminal import lines

    if not sys.stdout.isatty():
        for line, _ in lines(reviews):
            echo(line)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, emoji=False, markup=False)
    for line, style in lines(reviews):
        console.print(Text(line, style), soft_wrap=True)


@pipeline.command()
@click.argument("environment", default="pr1", envvar="ENVIRONMENT_SUFFIX")
@click.option(
    "--processor",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=Path("examples/processor/processor.py"),
    show_default=True,
    help="The program that stands for the container image.",
)
@REGION
@TEMPLATE
@JSON
def rehearse(
    *, environment: str, processor: Path, region: str | None, template: Path, as_json: bool
) -> None:
    """Take an environment through its whole life, on an embedded AWS of its own."""
    from iot_pipeline_cfn.cli.console import Console
    from iot_pipeline_cfn.deploy.connection import DEFAULT_REGION
    from iot_pipeline_cfn.deploy.environments import environment_named, parameter_file
    from iot_pipeline_cfn.deploy.errors import DeploymentError, ExitCode
    from iot_pipeline_cfn.template.parameters import load, load_template

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
        console.data({"steps": [vars(step) for step in steps]})
    else:
        total = ("in all", "", f"{sum(step.seconds for step in steps):.1f}")
        rows = [row for step in steps for row in step.rows]
        console.table(("Step", "Checked", "Seconds"), [*rows, total])
    if steps[-1].off:
        message = f"{steps[-1].name}: {steps[-1].off}"
        raise DeploymentError(message, ExitCode.OFF)


@pipeline.group()
def emulator() -> None:
    """The embedded AWS, of which each checkout has its own."""


@emulator.command()
@REGION
def start(*, region: str | None) -> None:
    """Start it, where it does not run."""
    connection, _ = _connected({"target": "local", "region": region, "debug": False})
    echo(f"the embedded AWS answers at {connection.endpoint_url}")


@emulator.command()
def stop() -> None:
    """Stop it; it forgets all environments."""
    from iot_pipeline_cfn.emulator import control

    stopped = control.stop(control.DIRECTORY)
    echo("the embedded AWS is stopped" if stopped else "the embedded AWS does not run")


@emulator.command(name="status")
def emulator_status() -> None:
    """Show whether it runs, and what it only records."""
    from iot_pipeline_cfn.emulator import control

    running = control.running(control.DIRECTORY)
    if running:
        since = f"since {running.started:%Y-%m-%d %H:%M:%S} UTC"
        echo(f"{running.endpoint_url}, process {running.process_id}, {since}")
    else:
        echo("the embedded AWS does not run")
    for resource_type, reason in sorted(control.RECORDED.items()):
        echo(f"only recorded: {resource_type}, since {reason}")


def _connected(options: Mapping[str, Any]) -> tuple["Connection", "Console"]:
    from iot_pipeline_cfn.cli.console import Console
    from iot_pipeline_cfn.deploy.connection import Target, connect, trace

    console = Console(options.get("as_json", False))
    connection = connect(Target(options["target"]), options["region"])
    if options["debug"]:
        trace(connection, console.say)
    return connection, console


def _operations(
    options: Mapping[str, Any], environment: "Environment | None" = None
) -> tuple["Operations", "Console"]:
    """Return what acts on an environment: the one given, else the one that the options name."""
    from iot_pipeline_cfn.deploy.environments import environment_named
    from iot_pipeline_cfn.deploy.following import Follower
    from iot_pipeline_cfn.deploy.operations import Operations, command
    from iot_pipeline_cfn.template.parameters import load_template

    environment = environment or environment_named(
        options["environment"], load_template(options["template"])
    )
    connection, console = _connected(options)
    if environment.name != environment.suffix:
        console.say(f"{environment.name!r} is the environment {environment.suffix}")
    follower = Follower(
        connection,
        console,
        timeout=options.get("timeout", 600),
        on_interrupt=options.get("on_interrupt"),
        attach=command("events --follow", environment.name, connection),
    )
    wait = options.get("wait", True)
    return Operations(environment, connection, console, follower, wait=wait), console


def _check(
    operations: "Operations",
    wish: "Wish",
    proposal: "Proposal",
    console: "Console",
    options: Mapping[str, Any],
    *,
    err: bool = True,
) -> bool:
    """Show what the checks find of a change set, and return whether that is anything.

    Raises:
        DeploymentError: when it is an error, which stops the deployment.

    """
    from iot_pipeline_cfn.deploy.deployment import subject_of
    from iot_pipeline_cfn.deploy.errors import DeploymentError, ExitCode
    from iot_pipeline_cfn.deploy.preflight.checking import Severity, joined, run
    from iot_pipeline_cfn.deploy.preflight.checks import CHECKS

    subject = subject_of(operations, wish, proposal.content, proposal.changes)
    found = [] if proposal.empty else run(CHECKS, subject, options["ignored"])
    warnings, findings = joined(proposal.warnings, found)
    console.findings(warnings, findings, err=err)
    stopping = [finding.code for finding in findings if finding.severity is Severity.ERROR]
    # A check can find several things.
    if errors := list(dict.fromkeys(stopping)):
        ignore = " ".join(f"--ignore {code}" for code in errors)
        message = (
            f"nothing was changed; to go on all the same: {ignore} "
            f"(with make: IGNORE='{' '.join(errors)}')"
        )
        raise DeploymentError(message, ExitCode.PREFLIGHT)
    return bool(warnings or findings)


def _wish(options: Mapping[str, Any]) -> tuple["Environment", "Wish"]:
    """Return an environment and what it shall become, once files and options are known to fit."""
    from iot_pipeline_cfn.deploy.deployment import Wish
    from iot_pipeline_cfn.deploy.environments import environment_named, parameter_file
    from iot_pipeline_cfn.deploy.errors import DeploymentError, ExitCode
    from iot_pipeline_cfn.deploy.preflight.checks import CHECKS
    from iot_pipeline_cfn.template.parameters import BUCKET, load, load_template, problems

    template = load_template(options["template"])
    environment = environment_named(options["environment"], template)
    file = load(parameter_file(environment, PARAMETERS))
    if found := list(problems(template, file)):
        raise DeploymentError("\n".join(found), ExitCode.INVALID)
    if options["bucket"] and not BUCKET.fullmatch(options["bucket"]):
        message = f"{options['bucket']!r} is not the name of an S3 bucket"
        raise click.UsageError(message)
    if unknown := sorted(set(options["ignored"]) - CHECKS.keys()):
        message = f"--ignore {unknown[0]}: there is no such check, but {', '.join(CHECKS)}"
        raise click.UsageError(message)
    given = _given([*options["parameters"], *_image(options["image_tag"])])
    return environment, Wish(template, file, given, _owner(), options["bucket"])


def _image(tag: str | None) -> list[str]:
    return [] if tag is None else [f"ImageTag={tag}"]


def _given(assignments: Sequence[str]) -> dict[str, str]:
    """Return the parameters that options set, each once."""
    from iot_pipeline_cfn.template.parameters import SUFFIX_PARAMETER

    given: dict[str, str] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            message = f"--parameter takes NAME=VALUE, not {text!r}"
        elif name == SUFFIX_PARAMETER:
            message = f"{SUFFIX_PARAMETER} is the environment's name, not a parameter to set"
        elif name in given:
            message = f"{name} is set twice"
        else:
            given[name] = value
            continue
        raise click.UsageError(message)
    return given


def _owner() -> str:
    """Return who has an environment made: whoever CI works for, else the user of this machine."""
    from getpass import getuser

    name = os.environ.get("GITHUB_ACTOR") or os.environ.get("GITLAB_USER_LOGIN")
    with suppress(OSError, KeyError):
        name = name or getuser()
    # What a tag's value may have.
    return re.sub(r"[^\w .:/=+@-]", "-", name or "unknown", flags=re.ASCII)[:256]


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


def _write(path: Path, data: Mapping[str, Any]) -> None:
    from iot_pipeline_cfn.template.files import write

    write(path, json.dumps(data, indent=2, sort_keys=True) + "\n")
