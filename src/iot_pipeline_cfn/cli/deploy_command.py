"""The commands plan, preflight and deploy."""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iot_pipeline_cfn.template.files import load_object, write
from iot_pipeline_cfn.template.parameters import IMAGE_PARAMETER, RESERVED_PARAMETERS

from .console import json_document
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
from .staleness import require_fresh_templates

if TYPE_CHECKING:
    from iot_pipeline_cfn.deploy.environments import Environment
    from iot_pipeline_cfn.deploy.request import DeploymentRequest

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
@click.option("--drift", "detects_drift", is_flag=True, help="Have CloudFormation detect drift.")
@click.option("--save", type=FILE, help="Write the plan to a file, for deploy --reviewed.")
def plan(
    *,
    environment: str,
    options: RequestOptions,
    patience: Patience,
    place: Place,
    template: Path | None,
    as_json: bool,
    detects_drift: bool,
    save: Path | None,
) -> None:
    """Show what a deployment would change, without changing anything."""
    from iot_pipeline_cfn.deploy import service_layer

    requested, request = _request(environment, template, options)
    operations, console = open_environment(
        requested, place, patience, request.file, options.role_arn, as_json=as_json
    )
    made = service_layer.plan(operations, request, detects_drift=detects_drift)
    if save:
        data = json_document("plan", made.as_data() | console.location)
        write(save, json.dumps(data, indent=2, sort_keys=True) + "\n")
    console.plan(made, err=False)
    console.findings(made.findings, err=True)
    service_layer.require_passed(made.findings)


@click.command()
@deployment_options
def preflight(
    *,
    environment: str,
    options: RequestOptions,
    patience: Patience,
    place: Place,
    template: Path | None,
    as_json: bool,
) -> None:
    """Run the preflight checks, without changing anything."""
    from iot_pipeline_cfn.deploy import service_layer

    requested, request = _request(environment, template, options)
    operations, console = open_environment(
        requested, place, patience, request.file, options.role_arn, as_json=as_json
    )
    made = service_layer.plan(operations, request)
    console.findings(made.findings, err=False)
    service_layer.require_passed(made.findings)
    if not made.findings:
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
@click.option(
    "--skip",
    "skipped",
    multiple=True,
    metavar="LOGICAL_ID",
    envvar="IOT_PIPELINE_SKIP",
    help="Leave this resource as it is where a rollback is stuck; repeatable.",
)
@click.option(
    "--express",
    is_flag=True,
    envvar="IOT_PIPELINE_EXPRESS",
    help="Create an ephemeral environment in CloudFormation's express mode.",
)
@click.option(
    "--with-network",
    is_flag=True,
    envvar="IOT_PIPELINE_WITH_NETWORK",
    help="Deploy the shared network of the environment first, if it does not exist.",
)
@click.option(
    "--image",
    envvar="IOT_PIPELINE_IMAGE",
    metavar="DIRECTORY|URI",
    help="Build this directory, or copy this image in ECR, push it and deploy it.",
)
@yes_option
def deploy(
    *,
    environment: str,
    options: RequestOptions,
    patience: Patience,
    place: Place,
    template: Path | None,
    as_json: bool,
    reviewed: Path | None,
    allowed: Sequence[str],
    skipped: Sequence[str],
    express: bool,
    with_network: bool,
    image: str | None,
    yes: bool,
) -> None:
    """Create or update an environment, after showing the changes.

    Asks for confirmation on a terminal. Without one, it goes ahead if CI is set or the target is
    the local AWS emulator.
    """
    from iot_pipeline_cfn.deploy import service_layer
    from iot_pipeline_cfn.deploy.image_delivery import deploy_image

    requested, request = _request(
        environment,
        template,
        options,
        allowed_losses=allowed,
        skipped=skipped,
        express=express,
        reviewed=load_object(reviewed) if reviewed else None,
        with_network=with_network,
    )
    if image and IMAGE_PARAMETER in request.parameters:
        raise click.UsageError(f"{IMAGE_PARAMETER} is set twice")
    if image and reviewed:
        raise click.UsageError("--image changes what was reviewed: plan with the image's digest")
    operations, console = open_environment(
        requested, place, patience, request.file, options.role_arn, as_json=as_json
    )
    consent = service_layer.Consent(yes, console.interactive, in_ci())
    if image:
        result = deploy_image(operations, request, consent, image)
    else:
        result = service_layer.deploy(operations, request, consent)
    console.deployed(operations, result)


def _request(
    name: str,
    template: Path | None,
    options: RequestOptions,
    **others: Any,
) -> "tuple[Environment, DeploymentRequest]":
    """Build the deployment request from files and options."""
    from iot_pipeline_cfn.deploy.request import load_request

    if template is None:
        require_fresh_templates()
    environment, request = load_request(name, template, PARAMETERS)
    return environment, replace(
        request,
        parameters=given_parameters(options.parameters, options.image_tag),
        owner=owner(),
        commit=options.commit or commit(),
        pull_request=options.pull_request or pull_request(),
        time_to_live=options.time_to_live,
        bucket=options.bucket,
        kms_key=options.kms_key,
        ignored=options.ignored,
        **others,
    )


def given_parameters(texts: Sequence[str], image_tag: str | None = None) -> dict[str, str]:
    """Return the parameters that options set, each once."""
    assignments = [text.partition("=") for text in texts]
    if image_tag is not None:
        assignments.append((IMAGE_PARAMETER, "=", image_tag))
    given: dict[str, str] = {}
    for name, equals, value in assignments:
        if not equals:
            message = f"--parameter takes NAME=VALUE, not {name!r}"
        elif name in RESERVED_PARAMETERS:
            message = f"{name} is set by the deployer and cannot be given"
        elif name in given:
            message = f"{name} is set twice"
        else:
            given[name] = value
            continue
        raise click.UsageError(message)
    return given


def owner() -> str:
    """Return the owner of a new environment: the user that CI works for, else the local user."""
    name = os.environ.get("GITHUB_ACTOR") or os.environ.get("GITLAB_USER_LOGIN")
    with suppress(OSError, KeyError):
        name = name or getuser()
    return name or "unknown"


def commit() -> str:
    """Return the commit of the checkout, else the one that GitHub names; empty without one."""
    with suppress(OSError):
        git = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        done = subprocess.run(git, capture_output=True, check=False, text=True)
        if done.returncode == 0:
            return done.stdout.strip()
    return os.environ.get("GITHUB_SHA", "")


def pull_request() -> str | None:
    """Return the number of the pull request that a job on GitHub runs for."""
    found = re.fullmatch(r"refs/pull/(\d+)/\w+", os.environ.get("GITHUB_REF", ""), re.ASCII)
    return found[1] if found else None


def in_ci() -> bool:
    """Return whether the command runs in continuous integration."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}
