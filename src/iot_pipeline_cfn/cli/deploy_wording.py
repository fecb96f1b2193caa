"""The sentences and table rows about plans, operations and environments."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from iot_pipeline_cfn.deploy.observer import Operation, Question
from iot_pipeline_cfn.deploy.reported_changes import loses_data
from iot_pipeline_cfn.template.changes import Action, PropertyChange, Replacement, ResourceChange
from iot_pipeline_cfn.template.findings import Finding
from iot_pipeline_cfn.template.parameters import COUNT_PARAMETER
from iot_pipeline_cfn.template.stateful import DataOutcome, data_outcome

from .health_wording import PROBLEMS, problem_line

if TYPE_CHECKING:
    from iot_pipeline_cfn.deploy.deletion import DeletedResource
    from iot_pipeline_cfn.deploy.deployment import Plan
    from iot_pipeline_cfn.deploy.events import Event
    from iot_pipeline_cfn.deploy.inventory import EnvironmentStatus, Summary
    from iot_pipeline_cfn.deploy.location import Location

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
    "validation-unreadable": "note: cannot read the early validation: {reason}",
    "task-count-unreadable": "note: the update may stop tasks: cannot read how many run: {reason}",
    "change-set-not-removed": "cannot delete the change set, which can safely be left: {reason}",
}
SETTINGS: Final = {
    "stack-policy": "the stack policy changes to that of the parameter file",
    "termination-protection-on": "termination protection is switched on",
    "termination-protection-off": "termination protection is switched off",
}
OUTCOMES: Final = {
    "deleted": "deleted",
    "kept": "kept",
    "snapshot": "deleted; a final snapshot is kept",
    "unknown": "deleted or kept: the deletion policy cannot be read",
}
DATA: Final = {
    DataOutcome.LOST: "its data is lost",
    DataOutcome.RETAINED: "its data is retained outside the stack",
    DataOutcome.SNAPSHOT: "its data is kept in a snapshot",
}
REPLACEMENTS: Final = {Replacement.YES: "yes", Replacement.MAYBE: "maybe", Replacement.NO: ""}

IN_PROGRESS_SHOWN: Final = 8

CHANGE_HEADINGS: Final = ("Action", "Logical ID", "Type", "Replacement", "Because of")
OPTIONAL_HEADINGS: Final = ("Image", "Owner", "Commit", "Age", "PR")
"""The columns of a list of environments that a narrow terminal lacks, in this order."""
DELETION_HEADINGS: Final = ("Logical ID", "Type", "Outcome")


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


def change_row(change: ResourceChange) -> tuple[str, ...]:
    """Return a resource change as a row, which begins with `!` if the change loses data."""
    return (
        f"! {change.action}" if loses_data(change) else change.action,
        change.logical_id,
        change.resource_type,
        REPLACEMENTS[change.replacement],
        "\n".join(map(_property, change.properties)),
    )


def _property(part: PropertyChange) -> str:
    if part.before is None and part.after is None:
        return f"{part.path} ({part.because_of})" if part.because_of else part.path
    return f"{part.path}: {part.before or '-'} -> {part.after or '-'}"


def plan_lines(plan: "Plan") -> Iterator[str]:
    """Return the lines below the table of changes: settings, counts, and data that is lost."""
    name = plan.stack.name
    for setting in plan.settings:
        yield f"{name}: {SETTINGS[setting]}"
    if plan.removed_tags:
        tags = ", ".join(plan.removed_tags)
        yield f"{name}: tags are removed that are not in the parameter file: {tags}"
    if plan.empty:
        if not plan.settings:
            yield f"{name} in {plan.stack.account}, {plan.stack.region}: nothing to change"
        return
    if count := plan.content.parameters.get(COUNT_PARAMETER):
        yield f"{name}: the service keeps its {count} tasks ({COUNT_PARAMETER})"
    counts = Counter(change.action for change in plan.changes)
    summary = ", ".join(f"{action} {count}" for action, count in sorted(counts.items()))
    yield f"{name}: {summary or 'no resource changes, only outputs or metadata'}"
    yield from (
        f"! {change.logical_id} {loss_text(change)}"
        for change in plan.changes
        if loses_data(change)
    )


def loss_text(change: ResourceChange) -> str:
    """Describe the loss of a stateful resource and its data."""
    if change.action is Action.REMOVE:
        what = "is removed"
    elif change.replacement is Replacement.NO:
        what = "may be removed or replaced"
    else:
        what = "is replaced" if change.replacement is Replacement.YES else "may be replaced"
    data = DATA[data_outcome(change.policy_action.removeprefix("ReplaceAnd"))]
    causes = ", ".join(part.path for part in change.replacing_properties)
    return f"{what}; {data}" + (f"; because of {causes}" if causes else "")


def status_facts(status: "EnvironmentStatus") -> dict[str, str]:
    """Return the state of an environment as words by their labels."""
    facts = status.as_data() | {"age": age(status.summary.created)}
    if status.drift is not None:
        facts["drift"] = "; ".join(
            " ".join(
                filter(
                    None, (f"{each.logical_id} ({each.resource_type}):", each.path, each.difference)
                )
            )
            for each in status.drift
        )
    return {name.replace("_", " "): _word(value) for name, value in facts.items()}


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
        "Image": summary.image,
        "Monthly": "unknown" if price is None else f"${price:.2f}",
    }


def deletion_row(resource: "DeletedResource") -> tuple[str, ...]:
    """Return a resource of a stack that is going to be deleted as a row."""
    return resource.logical_id, resource.resource_type, OUTCOMES[resource.outcome]


def result_line(
    suffix: str, state: str | None, left: "Sequence[Event]", location: "Location"
) -> str:
    """Return the state of an environment at the end, with the resources that are left behind."""
    if state is None:
        place = f"{location.account}, {location.region}"
        return f"there is no environment {suffix} in {place}: nothing to delete"
    if state != "DELETE_COMPLETE":
        return f"{suffix} is in {state}"
    names = ", ".join(f"{each.logical_id} ({each.physical_id})" for each in left)
    return f"{suffix} is deleted" + (f", but for {names}" if names else "")


def notice_line(finding: Finding) -> str:
    """Return a step of an operation, or what does not work yet, as a line."""
    if finding.code in PROBLEMS:
        return problem_line(finding)
    return NOTICES[finding.code].format(subject=finding.subject, **finding.details)


def in_progress_line(title: str, seconds: float, logical_ids: Sequence[str]) -> str:
    """Return the line that an operation goes on, with what is in progress."""
    names = ", ".join(logical_ids[:IN_PROGRESS_SHOWN])
    more = len(logical_ids) - IN_PROGRESS_SHOWN
    names += f" and {more} more" if more > 0 else ""
    return f"still {title} after {seconds / 60:.0f} min: {names or 'no resource in progress'}"


def event_line(event: "Event") -> str:
    """Return an event as a line."""
    reason = f"  {event.reason}" if event.reason else ""
    return (
        f"{event.time:%H:%M:%S}Z  {event.detail or event.status:<20}  {event.logical_id} "
        f"({event.resource_type}){reason}"
    )


def age(since: datetime) -> str:
    """Return the time since a moment."""
    return _length((datetime.now(UTC) - since).total_seconds())


def time_left(until: datetime | None) -> str:
    """Return the time until a moment, if there is one."""
    if until is None:
        return "no end"
    seconds = (until - datetime.now(UTC)).total_seconds()
    return _length(seconds) if seconds > 0 else "over"


def _length(seconds: float) -> str:
    """Return a time in the largest unit that fits."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _word(value: object) -> str:
    words = {"True": "yes", "False": "no", "": "none", "None": "none"}
    return words.get(str(value), str(value))
