"""The command bootstrap."""

from collections.abc import Sequence
from dataclasses import replace

import click

from .deploy_command import given_parameters, in_ci, owner
from .opening import open_environment
from .options import (
    PARAMETERS,
    Patience,
    Place,
    json_option,
    parameter_option,
    patience_options,
    place_options,
    yes_option,
)
from .staleness import require_fresh_templates


@click.command()
@parameter_option
@patience_options
@place_options
@json_option
@yes_option
def bootstrap(
    *, parameters: Sequence[str], patience: Patience, place: Place, as_json: bool, yes: bool
) -> None:
    """Set up the account, once in each Region.

    Its stack, iot-pipeline-account, has the bucket for templates, the roles with which environments
    are deployed, and API Gateway's role for logs. The parameter GitHubRepository adds roles for
    jobs on GitHub.
    """
    from iot_pipeline_cfn.deploy import service_layer
    from iot_pipeline_cfn.deploy.bootstrap import ACCOUNT
    from iot_pipeline_cfn.deploy.request import load_request

    require_fresh_templates()
    account, request = load_request(ACCOUNT, None, PARAMETERS)
    operations, console = open_environment(account, place, patience, request.file, as_json=as_json)
    consent = service_layer.Consent(yes, console.interactive, in_ci())
    given = given_parameters(parameters)
    requested = replace(request, parameters=given, owner=owner())
    result = service_layer.bootstrap(operations, requested, consent)
    console.outputs(result.stack.outputs)
