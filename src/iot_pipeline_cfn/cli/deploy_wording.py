"""The sentences and table rows about plans, operations and environments."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from iot_pipeline_cfn.deploy.observer import Operation, Question
from iot_pipeline_cfn.template.creation_times import USUAL_SECONDS
from iot_pipeline_cfn.template.findings import Finding
from iot_pipeline_cfn.template.parameters import IMAGE_PARAMETER

from .health_wording import PROBLEMS, problem_text
from .plan_wording import duration, minutes, short_type

if TYPE_CHECKING:
    from iot_pipeline_cfn.deploy.cloudformation import Stack
    from iot_pipeline_cfn.deploy.deletion import DeletedResource, DeletionPlan
    from iot_pipeline_cfn.deploy.events import Event
    from iot_pipeline_cfn.deploy.inventory import Summary
    from iot_pipeline_cfn.deploy.location import Location
    from iot_pipeline_cfn.deploy.operation_progress import OperationProgress
    from iot_pipeline_cfn.deploy.service_layer import DeletionResult, DeploymentResult

OPERATIONS: Final = {
    Operation.CREATE: "creating {}",
    Operation.UPDATE: "updating {}",
    Operation.DELETE: "deleting {}",
    Operation.REMOVE_FAILED_CREATION: "removing {}",
    Operation.ROLL_BACK: "rolling back {}",
    Operation.CANCEL_UPDATE: "cancelling the update of {}",
    Operation.CHECK: "waiting until {} works",
    Operation.RELEASE: "waiting for what holds the network of {}",
    Operation.OTHER: "waiting for {}",
}
QUESTIONS: Final = {
    Question.BOOTSTRAP: "There is no bucket for templates in {}: deploy the account's stack first?",
    Question.NETWORK: "The network {} does not exist: deploy it first?",
    Question.DEPLOY: "Deploy {}?",
    Question.ROLL_BACK: "Roll {} back?",
    Question.CANCEL_UPDATE: "Interrupted: cancel the update?",
    Question.DELETE_CREATION: "Interrupted: delete the new stack?",
}
NOTICES: Final = {
    "waiting": "{subject} is in {status}: waiting for it to end",
    "removing-failed-creation": "{subject} is an empty stack whose creation failed: removing it",
    "rolling-back": "{subject} is in {status} ({reason}): rolling back; failed: {resources}",
    "creating-network": "the network {network} does not exist: deploying it first",
    "building-image": "building {directory} with {builder}",
    "image-pushed": "pushed {tag} to {repository}: {digest}",
    "waiting-for-scan": "waiting for the scan of {digest}",
    "image-present": "{repository} has {tag}: {digest}",
    "deploying-again": "another deployment changed {subject}: planning again",
    "late-log-group": "{name} was there after the deletion of its stack: deleted",
    "log-groups-not-deleted": "log groups may be left, which cannot be listed or deleted: {reason}",
    "waiting-for-release": "{subject} cannot be deleted yet: waiting for {obstacles}",
    "obstacle-removed": "{id} ({description}), which holds {logical_id}: deleted",
    "obstacle-not-removed": "{id} ({description}), which holds {logical_id}, stays: {reason}",
    "deleting-again": "{subject} is in {status}: trying again",
    "not-cancelled": "{reason}",
    "previous-image": "{subject} goes back from {current} to {previous}",
    "outage": "AWS does not answer, and CloudFormation goes on; still trying ({reason})",
    "drift-unknown": "note: the drift of some resources is not known: {reason}",
    "validation-unreadable": "note: cannot read the early validation: {reason}",
    "task-count-unreadable": "note: the update may stop tasks: cannot read how many run: {reason}",
    "alarms-unreadable": "cannot read the alarms: {reason}",
    "tasks-unreadable": "cannot read the tasks: {reason}",
    "snapshots-unreadable": "cannot read which snapshots remain: {reason}",
    "change-set-not-removed": "cannot delete the change set, which can safely be left: {reason}",
}
OUTCOMES: Final = {
    "deleted": "Lost",
    "unknown": "Lost or kept",
    "snapshot": "Snapshot",
    "kept": "Kept",
}
"""What becomes of resources that hold data, the worst first."""
INVOKE_URL: Final = "ApiInvokeUrl"
LINKS: Final = {INVOKE_URL: "API   ", "RepositoryUri": "Images"}
"""The outputs that a user needs first."""
COMPLETIONS: Final = {
    "CREATE_COMPLETE": "created",
    "UPDATE_COMPLETE": "updated",
    "DELETE_COMPLETE": "deleted",
    "DELETE_SKIPPED": "kept",
    "IMPORT_COMPLETE": "imported",
}
"""What the event of a resource says that it ends with."""

IN_PROGRESS_SHOWN: Final = 8
SHORT_DIGEST: Final = len("sha256:") + 12

OPTIONAL_HEADINGS: Final = ("Image", "Owner", "Commit", "Age", "PR")
"""The columns of a list of environments that a narrow terminal lacks, in this order."""
DELETION_HEADINGS: Final = ("Data", "Type", "Resources")


def location_line(location: "Location") -> str:
    """Return the line about the account and the Region that precedes everything else."""
    alias = "local AWS emulator" if location.target == "local" else location.account_alias
    parts = [
        f"{location.account} ({alias})" if alias else location.account,
        location.region,
        f"as {location.principal.split(':', 5)[-1]}",
    ]
    if location.service_role:
        parts.append(f"CloudFormation as {location.service_role.split(':', 5)[-1]}")
    subject = f"{location.stack} in " if location.stack else ""
    return subject + ", ".join(parts)


def environment_table(
    summaries: "Sequence[Summary]", prices: Sequence[float | None], columns: int
) -> list[list[str]]:
    """Return environments as a table with a total, in as many columns as there is room for."""
    rows = [_environment_row(*each) for each in zip(summaries, prices, strict=True)]
    unknown = sum(price is None for price in prices)
    total = f"${sum(filter(None, prices)):.2f}" + (f" + {unknown} unknown" if unknown else "")
    rows.append({"Environment": "total", "Monthly": total})
    headings = list(rows[0])
    if len({summary.region for summary in summaries}) == 1:
        headings.remove("Region")

    def width() -> int:
        widest = (max(len(row.get(each, "")) for row in [{each: each}, *rows]) for each in headings)
        return sum(widest) + 2 * (len(headings) - 1)

    for heading in OPTIONAL_HEADINGS:
        if width() > columns:
            headings.remove(heading)
    return [headings, *([row.get(heading, "") for heading in headings] for row in rows)]


def _environment_row(summary: "Summary", price: float | None) -> dict[str, str]:
    """Return an environment as a row by headings."""
    commit, _, is_dirty = summary.commit.partition("-")
    return {
        "Environment": summary.name,
        "Region": summary.region,
        "State": summary.state,
        "Left": "protected" if summary.protected else time_left(summary.expires),
        "Age": age(summary.created),
        "PR": str(summary.pull_request or ""),
        "Commit": commit[:7] + ("+" if is_dirty else ""),
        "Owner": summary.owner,
        "Image": summary.image[:SHORT_DIGEST] if ":" in summary.image else summary.image,
        "Monthly": "unknown" if price is None else f"${price:.2f}",
    }


def deletion_rows(
    resources: "Sequence[DeletedResource]", *, verbose: bool
) -> list[tuple[str, ...]]:
    """List what is lost, saved and kept, a row for each type, or if verbose, each resource."""
    if verbose:
        return [
            (OUTCOMES[each.outcome], short_type(each.resource_type), each.logical_id)
            for each in resources
        ]
    grouped: dict[tuple[str, str], list[str]] = {}
    order = sorted(resources, key=lambda each: not each.can_have_snapshots)
    for outcome, word in OUTCOMES.items():
        for each in order:
            if each.outcome == outcome and (each.has_data or outcome != "deleted"):
                key = word, short_type(each.resource_type)
                grouped.setdefault(key, []).append(each.logical_id)
    return [(*key, ", ".join(sorted(names))) for key, names in grouped.items()]


def absent_line(suffix: str, location: "Location") -> str:
    """Return the line about an environment that does not exist, so that nothing is deleted."""
    place = "the local AWS emulator" if location.target == "local" else location.account
    return f"there is no environment {suffix} in {place}, {location.region}: nothing to delete"


def notice_line(finding: Finding) -> str:
    """Return a step of an operation, or what does not work yet, as a line."""
    if finding.code in PROBLEMS:
        return f"not ready yet: {problem_text(finding)}"
    return NOTICES[finding.code].format(subject=finding.subject, **finding.details)


def deletion_line(plan: "DeletionPlan", stack: "Stack", owner: str) -> str:
    """Return the line below the resources that are deleted: how many there are, and whose."""
    takes_any = any(each.outcome == "snapshot" for each in plan.resources)
    snapshots = "final snapshots are taken" if takes_any else "no snapshot is taken"
    by = f" by {owner}" if owner else ""
    return (
        f"{len(plan.resources)} resources in all; {snapshots}; "
        f"{stack.name} was created {age(stack.created)} ago{by}"
    )


def deletion_lines(suffix: str, result: "DeletionResult") -> Iterator[str]:
    """Yield the lines at the end of a deletion: what was deleted, and what remains."""
    kept = {
        each.logical_id: each.physical_id
        for each in result.plan.resources
        if each.outcome == "kept"
    }
    left = {
        event.logical_id: event.physical_id for event in result.left if event.logical_id not in kept
    }
    deleted = len(result.plan.resources) - len(left) - len(kept)
    yield f"{suffix} is deleted: {deleted} resources in {duration(result.seconds)}"
    for title, found in (("left behind", left), ("kept", kept)):
        if found:
            names = ", ".join(f"{name} ({found[name]})" for name in sorted(found))
            yield f"{title}: {names}"
    for snapshot in result.snapshots:
        yield f"snapshot of {snapshot.logical_id}: {snapshot.name}"
    if result.snapshots:
        yield "docs/runbook.md tells how to restore an environment from snapshots"


def arrival_lines(
    suffix: str, result: "DeploymentResult", command: Callable[[str], str]
) -> Iterator[str]:
    """Yield the lines at the end of a deployment: where the environment is, and what is next."""
    took = duration(result.seconds)
    done = "created" if result.plan.creates else "updated"
    state = "is not ready yet" if result.unready else "is up"
    yield f"{suffix} {state}: " + (
        f"{done} in {took}" if result.had_effect else "nothing to change"
    )
    stack = result.stack
    outputs = stack.output_values
    yield from (f"  {word}  {outputs[name]}" for name, word in LINKS.items() if name in outputs)
    if stack.parameters.get(IMAGE_PARAMETER) == "":
        yield "  No task runs yet. To build and deploy an image (docs/image.md), run:"
        yield f"    {command('deploy')} --image DIRECTORY"
    elif INVOKE_URL in outputs:
        yield "  Send a reading:"
        yield f"    {command('send')}"
    yield f"  Outputs ({len(stack.outputs)}):"
    yield f"    {command('outputs')}"


def in_progress_line(title: str, seconds: float, progress: "OperationProgress") -> str:
    """Return the line that an operation goes on, with what is in progress."""
    busy = progress.seconds_by_resource()
    names = ", ".join(
        f"{name} ({duration(busy[name])}{usual_time(progress.busy.get(name))})"
        for name in [*busy][:IN_PROGRESS_SHOWN]
    )
    more = len(busy) - IN_PROGRESS_SHOWN
    names += f" and {more} more" if more > 0 else ""
    return f"still {title} after {duration(seconds)}: {names or 'no resource in progress'}"


def usual_time(event: "Event | None") -> str:
    """Return how long the creation that an event begins usually takes, where that is known."""
    is_creation = event is not None and event.status.startswith("CREATE_")
    usual = USUAL_SECONDS.get(event.resource_type) if event and is_creation else None
    return f", usually {minutes(usual)}" if usual else ""


def completion_line(event: "Event", seconds: float, progress: "OperationProgress") -> str:
    """Return the line about a completed resource, with the number of those that are."""
    total = len(progress.logical_ids)
    count = f"[{progress.completed:>{len(str(total))}}/{total}] " if total else ""
    word = COMPLETIONS.get(event.status, f"is in {event.status}")
    return f"{count}{event.logical_id} {word} in {duration(seconds)}"


def event_line(event: "Event") -> str:
    """Return an event as a line."""
    reason = f"  {event.reason}" if event.reason else ""
    return (
        f"{event.time:%H:%M:%S}Z  {event.detail or event.status:<20}  {event.logical_id} "
        f"({event.resource_type}){reason}"
    )


UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60))


def age(since: datetime) -> str:
    """Return the time since a moment."""
    return _length((datetime.now(UTC) - since).total_seconds())


def time_left(until: datetime | None) -> str:
    """Return the time until a moment, if there is one."""
    if until is None:
        return "no end"
    seconds = (until - datetime.now(UTC)).total_seconds()
    # Half a unit more, so that what has just begun is not a unit short.
    unit = next((length for _, length in UNITS if seconds >= length), 1)
    return _length(seconds + unit / 2) if seconds > 0 else "over"


def _length(seconds: float) -> str:
    """Return a time in the largest unit that fits."""
    for unit, length in UNITS:
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
