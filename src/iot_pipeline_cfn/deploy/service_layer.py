"""The service layer: what the commands plan, deploy and destroy do, without a command line.

The order of the steps, and when they go on without asking, is decided here. The caller is shown
each step by the observer of its `Operations`, and gets the results as data.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.file_rules import BUCKET
from iot_pipeline_cfn.template.findings import Finding, Severity
from iot_pipeline_cfn.template.parameters import ParameterSet

from .bootstrap import ACCOUNT, existing_settings, with_deletion_role, with_setup
from .cloudformation import Stack
from .concurrency import both
from .deletion import DeletionPlan, delete, plan_deletion
from .deployment import Plan, planned
from .drift import find_drift_of_changes
from .errors import DeploymentError
from .events import Event
from .execution import execute
from .health import require_working
from .late_log_groups import delete_late_log_groups
from .location import locate
from .network_use import find_network, lost_slot, network_needed, network_of
from .observer import Question
from .operations import Operations
from .planning import REASONS, Refusal, Verb, is_ephemeral
from .preflight.check_registry import CHECKS
from .preflight.checking import merge_validations, run_checks
from .preflight.quota_checks import reached_quotas
from .protection import is_protected
from .remaining_snapshots import Snapshot, find_snapshots
from .reported_changes import loses_data
from .request import DeploymentRequest, find_bucket, load_request

ATTEMPTS: Final = 4
"""How often another deployment may be faster before the last attempt."""


@dataclass(frozen=True)
class Consent:
    """Whether the user has agreed, or can be asked; CI agrees to deployments, not to deletions."""

    yes: bool = False
    interactive: bool = False
    in_ci: bool = False

    def covers_deployment(self, *, is_local: bool) -> bool:
        """Return whether a deployment goes on without asking.

        Scripts need no consent for the local AWS emulator.
        """
        return self.yes or self.in_ci or (is_local and not self.interactive)

    def require(self, *, given: bool) -> None:
        """Require that consent is given or can be asked for."""
        if not given and not self.interactive:
            message = "not a terminal: pass --yes to skip confirmation (make: YES=1)"
            raise DeploymentError(message, ExitCode.USAGE, code="no-consent")


@dataclass(frozen=True)
class DeploymentResult:
    """The plan of a deployment that is done, the stack after it, and how long it took.

    `unready` is what does not work yet, where nobody waited for it.
    """

    plan: Plan
    stack: Stack
    seconds: float
    unready: Sequence[Finding] = ()

    @property
    def had_effect(self) -> bool:
        """Whether anything had to change."""
        return bool(not self.plan.empty or self.plan.settings)


@dataclass(frozen=True)
class DeletionResult:
    """What a deletion had to delete, and what became of it.

    Attributes:
        plan: What it had to delete.
        left: The last events of the resources that it left behind.
        late_log_groups: The log groups that it found after the stack was deleted, and deleted.
        snapshots: The snapshots that remain of its databases and caches.
        seconds: How long it took.

    """

    plan: DeletionPlan
    left: Sequence[Event] = ()
    late_log_groups: Sequence[str] = ()
    snapshots: Sequence[Snapshot] = ()
    seconds: float = 0


def plan(
    operations: Operations, request: DeploymentRequest, *, detects_drift: bool = False
) -> Plan:
    """Return the plan of a deployment, with the findings of the preflight checks and drift."""
    _require_valid(request)
    operations, request = with_setup(operations, request)
    with planned(operations, request, Verb.PLAN) as made:
        made.findings, made.drift = both(
            lambda: _check(request, made),
            lambda: find_drift_of_changes(
                operations, made.stack, made.changes, detects=detects_drift
            ),
        )
        return made


def _require_valid(request: DeploymentRequest) -> None:
    if request.bucket and not BUCKET.fullmatch(request.bucket):
        message = f"{request.bucket!r} is not the name of an S3 bucket"
        raise DeploymentError(message, ExitCode.USAGE, code="bad-bucket")
    if unknown := sorted({*request.ignored} - CHECKS.keys()):
        message = f"--ignore {unknown[0]}: no such check; the checks are {', '.join(CHECKS)}"
        raise DeploymentError(message, ExitCode.USAGE, code="unknown-check")


def _require_ephemeral(request: DeploymentRequest) -> None:
    """Require that a request in express mode is for an ephemeral environment."""
    given = {**request.file.parameters, **request.parameters}
    if not is_ephemeral(ParameterSet(request.template, given, {}).known()):
        refusal = Refusal.EXPRESS_PROTECTED
        raise DeploymentError(REASONS[refusal], code=refusal)


def _check(request: DeploymentRequest, made: Plan) -> Sequence[Finding]:
    """Return the findings of the preflight checks and of CloudFormation's early validation."""
    found = [] if made.empty else run_checks(CHECKS, made.context, request.ignored)
    return merge_validations(made.validations, found)


def require_passed(findings: Collection[Finding]) -> None:
    """Require that no finding is an error."""
    errors = [finding.code for finding in findings if finding.severity is Severity.ERROR]
    if codes := list(dict.fromkeys(errors)):
        ignore = " ".join(f"--ignore {code}" for code in codes)
        message = (
            f"nothing was changed; to deploy anyway: {ignore} (make: IGNORE='{' '.join(codes)}')"
        )
        raise DeploymentError(message, ExitCode.PREFLIGHT, code="preflight", codes=codes)


def deploy(
    operations: Operations, request: DeploymentRequest, consent: Consent
) -> DeploymentResult:
    """Create or update an environment."""
    if request.express:
        _require_ephemeral(request)
    given = consent.covers_deployment(is_local=operations.connection.is_local)
    consent.require(given=given)
    _require_valid(request)
    completed = _with_bootstrap(operations, request, consent)
    if completed[0].described == (None,) and create_network(operations, request, consent):
        completed = replace(completed[0], described=None), completed[1]
    operations, request = completed
    operations = replace(operations, agreed=given, skipped=request.skipped)
    for _ in range(ATTEMPTS):
        try:
            return _deploy(operations, request)
        except DeploymentError as error:
            # Another deployment was faster. A user decides anew, a script does not.
            if lost_slot(error):
                operations = replace(operations, agreed=True)
            elif not given or error.code != Refusal.CHANGE_SET_OBSOLETE:
                raise
        operations = replace(operations, described=None)
        operations.notify("deploying-again")
    return _deploy(operations, request)


def create_network(operations: Operations, request: DeploymentRequest, consent: Consent) -> bool:
    """Create the network that a new environment shares, if the user agrees; return if it did.

    On the local AWS emulator it costs nothing, and is created without asking.
    """
    name = network_of(request)
    if name is None or find_network(operations, name) or operations.find_stack():
        return False
    is_local = operations.connection.is_local
    agreed = request.with_network or is_local
    if not agreed and not (
        # The account and the Region are shown, and refused if wrong, before anything is asked.
        consent.interactive and operations.observer.confirm(Question.NETWORK, name)
    ):
        raise network_needed(operations, name)
    operations.notify("creating-network", network=name)
    network, own_request = load_request(name, None, request.file.path.parent)
    own_request = replace(own_request, owner=request.owner, commit=request.commit)
    own_operations = replace(operations, environment=network, file=own_request.file)
    deploy(own_operations, own_request, replace(consent, yes=consent.yes or is_local))
    return True


def _deploy(operations: Operations, request: DeploymentRequest) -> DeploymentResult:
    observer, suffix = operations.observer, operations.environment.suffix
    with planned(operations, request, Verb.DEPLOY) as made:
        observer.show_plan(made)
        if request.reviewed is not None:
            made.require_unchanged(request.reviewed)
        _refuse_data_loss(made, request.allowed_losses)
        made.findings = _check(request, made)
        observer.show_findings(made.findings)
        require_passed(made.findings)
        has_effect = not made.empty or made.settings
        if has_effect and not operations.agreed:
            if not observer.confirm(Question.DEPLOY, suffix):
                message = "nothing was deployed"
                raise DeploymentError(message, code="declined")
            # Others may have deployed before the user answered.
            _check_again(operations, request, made)
        begun = time.monotonic()
        try:
            stack = execute(operations, made)
        except DeploymentError as error:
            cause = error.details.get("cause")
            if isinstance(cause, dict) and (found := [*reached_quotas(made.context, cause)]):
                observer.show_findings(found)
            raise
    unready = require_working(operations, stack)
    return DeploymentResult(made, stack, time.monotonic() - begun, unready)


def _check_again(operations: Operations, request: DeploymentRequest, made: Plan) -> None:
    """Require that the checks still pass; only new errors are shown."""
    known = {finding.code for finding in made.findings}
    found = [each for each in _check(request, made) if each.code not in known]
    if any(each.severity is Severity.ERROR for each in found):
        operations.observer.show_findings(found)
    require_passed(found)


def _with_bootstrap(
    operations: Operations, request: DeploymentRequest, consent: Consent
) -> tuple[Operations, DeploymentRequest]:
    """Complete a deployment with the account's stack, which is created if the user agrees."""
    completed = with_setup(operations, request)
    try:
        find_bucket(operations.connection, completed[1])
    except DeploymentError:
        if not consent.interactive:
            raise
        # The account and the Region are shown, and refused if wrong, before anything is asked.
        region = operations.location.region
        if not operations.observer.confirm(Question.BOOTSTRAP, region):
            raise
        account, own_request = load_request(ACCOUNT, None, request.file.path.parent)
        own_request = replace(own_request, owner=request.owner)
        own_operations = replace(operations, environment=account, file=own_request.file)
        bootstrap(own_operations, own_request, consent)
        return with_setup(operations, request)
    return completed


def bootstrap(
    operations: Operations, request: DeploymentRequest, consent: Consent
) -> DeploymentResult:
    """Create or update the account's stack, which leaves alone what the account has already."""
    given = {**request.file.parameters, **request.parameters}
    stack, _ = both(operations.describe, lambda: locate(operations.connection))
    existing = existing_settings(operations.connection, given, stack)
    request = replace(request, parameters={**existing, **request.parameters})
    return deploy(replace(operations, described=(stack,)), request, consent)


def _refuse_data_loss(made: Plan, allowed: Collection[str]) -> None:
    """Refuse to remove or replace stateful resources of a protected environment."""
    if made.creates or not is_protected(made.stack):
        return
    lost = [
        change for change in made.changes if loses_data(change) and change.logical_id not in allowed
    ]
    if lost:
        names = [change.logical_id for change in lost]
        options = " ".join(f"--allow-replacement {name}" for name in names)
        message = (
            f"nothing was changed: the environment is protected, and data of {', '.join(names)} "
            f"would be removed or replaced; to deploy anyway, add: {options}"
        )
        raise DeploymentError(message, code="data-loss", resources=names)


def destroy(operations: Operations, consent: Consent, *, force: bool = False) -> DeletionResult:
    """Delete an environment; `force` leaves behind the resources that cannot be deleted."""
    consent.require(given=consent.yes)
    made = plan_deletion(operations)
    observer, suffix = operations.observer, operations.environment.suffix
    observer.show_deletion(made)
    if made.stack is None:
        return DeletionResult(made)
    if not consent.yes and not observer.confirm(Question.DELETE, suffix):
        message = "nothing was deleted"
        raise DeploymentError(message, code="declined")
    operations = with_deletion_role(operations, made.stack)
    begun = time.monotonic()
    events = delete(operations, made.stack, made.resources, force=force)
    left = {event.logical_id: event for event in events if event.status == "DELETE_SKIPPED"}
    groups, snapshots = both(
        lambda: delete_late_log_groups(operations, made, events),
        lambda: find_snapshots(operations, made.resources),
    )
    return DeletionResult(made, [*left.values()], groups, snapshots, time.monotonic() - begun)
