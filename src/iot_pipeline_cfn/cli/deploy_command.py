"""The commands plan, preflight and deploy."""

import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.files import write
from iot_pipeline_cfn.template.parameter_wording import parameter_sentence
from iot_pipeline_cfn.template.parameters import (
    BUCKET,
    IMAGE_PARAMETER,
    SUFFIX_PARAMETER,
    check_file,
    load,
    load_object,
    load_template,
)

from .console import Console
from .opening import open_environment
from .options import (
    FILE,
    PARAMETERS,
    Patience,
    Place,
    RequestOptions,
    environment_argument,
    json_option,
    patience_options,
    place_options,
    request_options,
    template_option,
    together,
    yes_option,
)

if TYPE_CHECKING:
    from iot_pipeline_cfn.deploy.deployment import Proposal, Wish
    from iot_pipeline_cfn.deploy.environments import Environment
    from iot_pipeline_cfn.deploy.operations import Operations

NOT_A_TERMINAL = "not a terminal: pass --yes to skip confirmation (make: YES=1)"

deployment_options = together(
    environment_argument,
    request_options,
    patience_options,
    place_options,
    template_option,
    json_option,
)


@click.command()
@deployment_options
@click.option("--save", type=FILE, help="Write the plan to a file, for deploy --reviewed.")
def plan(
    *,
    environment: str,
    options: RequestOptions,
    patience: Patience,
    place: Place,
    template: Path,
    as_json: bool,
    save: Path | None,
) -> None:
    """Show what a deployment would change, without changing anything."""
    from iot_pipeline_cfn.deploy.deployment import proposed
    from iot_pipeline_cfn.deploy.planning import Wanted

    requested, wish = _request(environment, template, options)
    operations, console = open_environment(requested, place, patience, as_json=as_json)
    with proposed(operations, wish, Wanted.PLAN) as proposal:
        if save:
            write(save, json.dumps(proposal.as_data(), indent=2, sort_keys=True) + "\n")
        console.proposal(proposal, err=False)
        _check(operations, wish, proposal, console, options.ignored)


@click.command()
@deployment_options
def preflight(
    *,
    environment: str,
    options: RequestOptions,
    patience: Patience,
    place: Place,
    template: Path,
    as_json: bool,
) -> None:
    """Run the preflight checks, without changing anything."""
    from iot_pipeline_cfn.deploy.deployment import proposed
    from iot_pipeline_cfn.deploy.planning import Wanted

    requested, wish = _request(environment, template, options)
    operations, console = open_environment(requested, place, patience, as_json=as_json)
    with proposed(operations, wish, Wanted.PLAN) as proposal:
        if not _check(operations, wish, proposal, console, options.ignored, err=False):
            console.say("all preflight checks passed")


@click.command()
@deployment_options
@click.option("--reviewed", type=FILE, help="Deploy only if this plan --save file still holds.")
@click.option(
    "--allow-replacement",
    "allowed",
    multiple=True,
    metavar="LOGICAL_ID",
    help="Allow a protected environment to lose this resource and its data; repeatable.",
)
@yes_option
def deploy(
    *,
    environment: str,
    options: RequestOptions,
    patience: Patience,
    place: Place,
    template: Path,
    as_json: bool,
    reviewed: Path | None,
    allowed: Sequence[str],
    yes: bool,
) -> None:
    """Create or update an environment by a change set that is shown first.

    Asks for confirmation on a terminal. Without one, it goes ahead if CI is set or the target is
    the local AWS emulator.
    """
    from iot_pipeline_cfn.deploy.deployment import execute, proposed, settle
    from iot_pipeline_cfn.deploy.errors import DeploymentError
    from iot_pipeline_cfn.deploy.guards import refuse_losses
    from iot_pipeline_cfn.deploy.planning import Action, Wanted
    from iot_pipeline_cfn.deploy.protection import is_protected

    requested, wish = _request(environment, template, options)
    review = load_object(reviewed) if reviewed else None
    operations, console = open_environment(requested, place, patience, as_json=as_json)
    # The local AWS emulator needs no confirmation in scripts.
    agreed = yes or _in_ci() or (place.target == "local" and not console.interactive)
    if not agreed and not console.interactive:
        raise click.UsageError(NOT_A_TERMINAL)
    with proposed(operations, wish, Wanted.DEPLOY) as proposal:
        console.proposal(proposal, err=True)
        if review is not None:
            proposal.refuse_moved(review)
        if is_protected(proposal.stack) and not proposal.creates:
            refuse_losses(proposal.changes, allowed)
        _check(operations, wish, proposal, console, options.ignored)
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


def _request(name: str, template: Path, options: RequestOptions) -> "tuple[Environment, Wish]":
    """Build the deployment request from files and options, which must fit the template."""
    from iot_pipeline_cfn.deploy.deployment import Wish
    from iot_pipeline_cfn.deploy.environments import environment_named, parameter_file
    from iot_pipeline_cfn.deploy.errors import DeploymentError
    from iot_pipeline_cfn.deploy.preflight.checks import CHECKS

    body = load_template(template)
    environment = environment_named(name, body)
    file = load(parameter_file(environment, PARAMETERS))
    if found := list(check_file(body, file)):
        raise DeploymentError("\n".join(map(parameter_sentence, found)), ExitCode.INVALID)
    if options.bucket and not BUCKET.fullmatch(options.bucket):
        message = f"{options.bucket!r} is not the name of an S3 bucket"
        raise click.UsageError(message)
    if unknown := sorted(set(options.ignored) - CHECKS.keys()):
        message = f"--ignore {unknown[0]}: no such check; the checks are {', '.join(CHECKS)}"
        raise click.UsageError(message)
    return environment, Wish(body, file, _given(options), _owner(), options.bucket)


def _given(options: RequestOptions) -> dict[str, str]:
    """Return the parameters that options set, each once."""
    assignments = [text.partition("=") for text in options.parameters]
    if options.image_tag is not None:
        assignments.append((IMAGE_PARAMETER, "=", options.image_tag))
    given: dict[str, str] = {}
    for name, equals, value in assignments:
        if not equals:
            message = f"--parameter takes NAME=VALUE, not {name!r}"
        elif name == SUFFIX_PARAMETER:
            message = f"{SUFFIX_PARAMETER} comes from the environment's name and cannot be set"
        elif name in given:
            message = f"{name} is set twice"
        else:
            given[name] = value
            continue
        raise click.UsageError(message)
    return given


def _owner() -> str:
    """Return the owner of a new environment: the user that CI works for, else the local user."""
    name = os.environ.get("GITHUB_ACTOR") or os.environ.get("GITLAB_USER_LOGIN")
    with suppress(OSError, KeyError):
        name = name or getuser()
    # The characters that a tag's value may have.
    return re.sub(r"[^\w .:/=+@-]", "-", name or "unknown", flags=re.ASCII)[:256]


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


def _check(
    operations: "Operations",
    wish: "Wish",
    proposal: "Proposal",
    console: Console,
    ignored: Sequence[str],
    *,
    err: bool = True,
) -> bool:
    """Show the findings of the preflight checks, and return whether there are any.

    Raises:
        DeploymentError: when one of them is an error, which stops the deployment.

    """
    from iot_pipeline_cfn.deploy.deployment import subject_of
    from iot_pipeline_cfn.deploy.errors import DeploymentError
    from iot_pipeline_cfn.deploy.preflight.checking import Severity, joined, run
    from iot_pipeline_cfn.deploy.preflight.checks import CHECKS

    subject = subject_of(operations, wish, proposal.content, proposal.changes)
    found = [] if proposal.empty else run(CHECKS, subject, ignored)
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
