"""Deployment requests, and what CloudFormation is asked for them."""

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.findings import Finding
from iot_pipeline_cfn.template.parameter_wording import parameter_sentence
from iot_pipeline_cfn.template.parameters import (
    COMMIT_PARAMETER,
    DEFAULT_TEMPLATE,
    RENEWAL_PARAMETER,
    SUFFIX_PARAMETER,
    ParameterFile,
    ParameterSet,
    check_file,
    load,
    load_template,
    stack_tags,
    template_path,
)
from iot_pipeline_cfn.template.zones import OFFERS

from . import cloudformation
from .cloudformation import Stack
from .connection import Connection
from .environments import Environment, environment_named, parameter_file
from .errors import DeploymentError
from .lifetime import (
    CREATOR_TAG,
    OWNER_TAG,
    PULL_REQUEST_TAG,
    TIME_TO_LIVE_TAG,
    origin_tags,
    renewal,
)
from .operations import Operations, command_line
from .planning import ENVIRONMENT_TAG, capabilities, failure_options
from .template_upload import upload

KEY_PREFIXES: Final[Mapping[bool, str]] = {False: "iot-pipeline", True: "pull-requests"}
"""The beginnings of the keys of templates. Pull requests cannot replace templates of others."""

ZONES: Final = ("AvailabilityZone1", "AvailabilityZone2")


@dataclass(frozen=True)
class DeploymentRequest:
    """What a deployment starts from: a rendered template, a parameter file, and options.

    `parameters` override those of the file. An existing environment keeps its owner.
    """

    template: Mapping[str, Any]
    file: ParameterFile
    parameters: Mapping[str, str] = field(default_factory=dict)
    owner: str = "unknown"
    commit: str = ""
    """The commit that is deployed, if it is known."""
    pull_request: str | None = None
    """The number of a pull request, or `none`."""
    time_to_live: str | None = None
    """How long to keep the environment, such as `3d`, or `none`; overrides that of the file."""
    bucket: str | None = None
    kms_key: str | None = None
    """The key with which the template is encrypted in the bucket."""
    ignored: Sequence[str] = ()
    """The codes of preflight checks whose errors are warnings."""
    allowed_losses: Sequence[str] = ()
    """The logical IDs that a protected environment may lose with their data."""
    skipped: Sequence[str] = ()
    """The logical IDs that a stuck rollback leaves as they are."""
    express: bool = False
    """Whether CloudFormation creates the environment in express mode."""
    reviewed: Mapping[str, Any] | None = None
    """A saved plan that must still hold."""
    with_network: bool = False
    """Whether to create the network first that the environment shares, where it does not exist."""

    @cached_property
    def body(self) -> str:
        """The template as it is sent: without white space, which counts towards its size."""
        return json.dumps(self.template, separators=(",", ":"), sort_keys=True)

    @property
    def template_hash(self) -> str:
        """The SHA-256 of the template, by which a reviewed plan recognises it."""
        return hashlib.sha256(self.body.encode()).hexdigest()


@dataclass(frozen=True)
class ChangeSetInput:
    """What CloudFormation is asked, from the request and the existing stack."""

    template_hash: str
    parameters: Mapping[str, str]
    """The value that each parameter gets."""
    sent: Mapping[str, str | None]
    """The parameters that are sent; None stands for the previous value."""
    tags: Mapping[str, str]
    capabilities: Sequence[str]
    express: bool

    def with_parameters(self, given: Mapping[str, str]) -> "ChangeSetInput":
        """Return the same input with values of parameters."""
        return replace(self, parameters={**self.parameters, **given}, sent={**self.sent, **given})


def load_request(
    name: str, template: Path | None, directory: Path
) -> tuple[Environment, DeploymentRequest]:
    """Read the template and the parameter file of an environment, which must fit each other.

    The file names the template, unless one is given.

    Raises:
        UnreadableFileError: when one of them cannot be read.

    """
    path = template or template_path(DEFAULT_TEMPLATE)
    body = load_template(path)
    environment = environment_named(name, body)
    file = load(parameter_file(environment, directory))
    if template is None and file.template != path.stem:
        body = load_template(template_path(file.template))
    # An option, or the stack, may have a value that the file lacks.
    found = [each for each in check_file(body, file) if each.code != "missing-parameter"]
    if found:
        raise _invalid(found)
    return environment, DeploymentRequest(body, file)


def _invalid(findings: Sequence[Finding]) -> DeploymentError:
    """Return the error of invalid parameters."""
    message = "\n".join(map(parameter_sentence, findings))
    data = [finding.as_data() for finding in findings]
    return DeploymentError(message, ExitCode.INVALID, code="invalid", findings=data)


def build_input(
    operations: Operations, request: DeploymentRequest, stack: Stack | None
) -> ChangeSetInput:
    """Build the input of a change set for an existing stack, or for a new one."""
    given = {**request.file.parameters, **request.parameters}
    if stack is None and not given.keys() & {*ZONES}:
        given |= _choose_zones(operations.connection, request.template)
    given[SUFFIX_PARAMETER] = operations.environment.suffix
    tags = _tags(operations, request, stack)
    recorded = {
        COMMIT_PARAMETER: request.commit,
        RENEWAL_PARAMETER: renewal(stack, tags.get(TIME_TO_LIVE_TAG), datetime.now(UTC)),
    }
    given |= {
        name: value for name, value in recorded.items() if name in request.template["Parameters"]
    }
    previous = stack.parameters if stack else {}
    parameters = ParameterSet(request.template, given, previous)
    for finding in parameters.fixed_changes():
        raise DeploymentError(
            parameter_sentence(finding),
            code="fixed-parameter",
            parameter=finding.subject,
            **finding.details,
        )
    if found := list(parameters.findings()):
        raise _invalid(found)
    return ChangeSetInput(
        template_hash=request.template_hash,
        parameters=parameters.known(),
        sent=parameters.to_send(),
        tags=tags,
        capabilities=capabilities(request.template),
        express=request.express,
    )


def _tags(
    operations: Operations, request: DeploymentRequest, stack: Stack | None
) -> dict[str, str]:
    """Return the tags of the stack: those of the file, of the environment and of its origin."""
    given = {
        CREATOR_TAG: None if stack else operations.connection.caller.arn,
        OWNER_TAG: request.owner,
        PULL_REQUEST_TAG: request.pull_request,
        TIME_TO_LIVE_TAG: request.time_to_live or request.file.time_to_live,
    }
    return {
        **request.file.tags,
        **stack_tags(operations.environment.suffix),
        ENVIRONMENT_TAG: operations.environment.name,
        **origin_tags(given, stack.tags if stack else {}),
    }


def _choose_zones(connection: Connection, template: Mapping[str, Any]) -> dict[str, str]:
    """Return two zones for a new environment, which keeps them: other zones replace its subnets.

    They are the first by name of those that offer most of what the template can place there, also
    what only other parameters would, so that these can be changed later. `Fn::GetAZs` guarantees no
    order.
    """
    if not {*ZONES} <= template["Parameters"].keys():
        return {}
    zones = connection.ec2.describe_availability_zones(
        Filters=[
            {"Name": "state", "Values": ["available"]},
            {"Name": "zone-type", "Values": ["availability-zone"]},
        ]
    )["AvailabilityZones"]
    types = {resource["Type"] for resource in template["Resources"].values()}
    offers = [offer for resource_type, offer in OFFERS.items() if resource_type in types]

    def rank(zone: Mapping[str, Any]) -> tuple[int, str]:
        missing = sum(offer.covers(zone["ZoneId"]) is False for offer in offers)
        return missing, zone["ZoneName"]

    names = [zone["ZoneName"] for zone in sorted(zones, key=rank)]
    return dict(zip(ZONES, names, strict=False)) if len(names) >= len(ZONES) else {}


def find_bucket(connection: Connection, request: DeploymentRequest) -> str | None:
    """Return the bucket for a template that is too large for the call, or None for a small one."""
    size = len(request.body.encode())
    if size <= cloudformation.TEMPLATE_BYTES:
        return None
    if bucket := request.bucket or request.file.bucket or connection.template_bucket:
        return bucket
    command = shlex.join(command_line("bootstrap", connection))
    message = (
        f"the template has {size:,} bytes, and CloudFormation reads more than "
        f"{cloudformation.TEMPLATE_BYTES:,} only from S3: run {command} once for this account and "
        f"Region (make bootstrap), or name a bucket in {connection.region} with --bucket (make: "
        f'BUCKET=...), or as "Bucket" in {request.file.path}'
    )
    raise DeploymentError(message, code="bucket-needed", size=size, command=command)


def send_template(
    operations: Operations, request: DeploymentRequest, bucket: str | None
) -> dict[str, str]:
    """Upload the template if there is a bucket, and return its argument of CreateChangeSet."""
    if bucket is None:
        return {"TemplateBody": request.body}
    # The key is the hash, so that the same template is stored once.
    prefix = KEY_PREFIXES[operations.environment.is_of_pull_request]
    key = f"{prefix}/{request.template_hash}.json"
    url = upload(operations.connection, bucket, key, request.body, request.kms_key)
    return {"TemplateURL": url}


def submit(
    operations: Operations, content: ChangeSetInput, template: Mapping[str, str], *, creates: bool
) -> tuple[str, str]:
    """Have CloudFormation create a change set, and return its ARN and the stack's."""
    call = {
        "ChangeSetType": "CREATE" if creates else "UPDATE",
        "Parameters": cloudformation.parameter_list(content.sent),
        "Tags": cloudformation.tag_list(content.tags),
        "Capabilities": content.capabilities,
        **failure_options(content.parameters, creates=creates, express=content.express),
        **operations.role,
        **template,
    }
    return cloudformation.create_change_set(
        operations.client, operations.environment.stack_name, call
    )
