"""The sentences about the state of an environment."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from . import deploy_wording as wording
from .plan_wording import drift_text, duration

if TYPE_CHECKING:
    from iot_pipeline_cfn.deploy.environment_status import EnvironmentStatus
    from iot_pipeline_cfn.deploy.events import Event
    from iot_pipeline_cfn.deploy.operation_progress import OperationProgress

STATES: Final = {
    "REVIEW_IN_PROGRESS": "planned, not created yet",
    "ROLLBACK_COMPLETE": "its creation failed",
    "UPDATE_ROLLBACK_COMPLETE": "the last update failed and was rolled back",
    "UPDATE_ROLLBACK_FAILED": "the last update failed, and so did its rollback",
}
"""What the less obvious states mean."""


def status_facts(status: "EnvironmentStatus") -> dict[str, str]:
    """Return the facts that are known of an environment as words, by their labels."""
    summary = status.summary
    words = STATES.get(summary.state, "")
    if summary.state == "DELETE_COMPLETE":
        words = "its creation failed" if status.cause else "deleted"
    updated = wording.age(summary.updated) if summary.state.startswith("UPDATE") else ""
    facts = {
        "name": summary.name,
        "stack": f"{summary.stack}, {summary.region}",
        "state": summary.state + (f": {words}" if words else ""),
        "cause": cause_text(status.cause) if status.cause else "",
        "reason": "" if status.cause else status.reason,
        "progress": _progress(status.progress) if status.progress else "",
    }
    if summary.state != "DELETE_COMPLETE":
        facts |= {
            "tasks": f"{status.tasks.running} of {status.tasks.desired} run"
            if status.tasks
            else "",
            "alarms": "" if status.alarms is None else ", ".join(status.alarms) or "none in alarm",
            "image": summary.image or "none, so no task runs",
            "commit": summary.commit,
            "age": wording.age(summary.created) + (f", updated {updated} ago" if updated else ""),
            "time left": wording.time_left(summary.expires),
            "owner": summary.owner,
            "protected": "yes" if summary.protected else "no",
            "template": f"{'the' if status.in_step_with_template else 'not the'} committed one",
        }
    if status.drift is not None:
        facts["drift"] = "\n".join(map(drift_text, status.drift)) or "none"
    return {name: value for name, value in facts.items() if value}


def cause_text(cause: "Event") -> str:
    """Return the failure of a resource as a sentence."""
    return f"{cause.logical_id} ({cause.resource_type}): {cause.reason or cause.status}"


def _progress(progress: "OperationProgress") -> str:
    total = f" of {len(progress.logical_ids)}" if progress.logical_ids else ""
    since = progress.begun and (datetime.now(UTC) - progress.begun).total_seconds()
    busy = [f"{name} ({duration(taken)})" for name, taken in progress.seconds_by_resource().items()]
    return f"{progress.completed}{total} resources" + (
        (f" in {duration(since)}" if since else "") + (f"; now {', '.join(busy)}" if busy else "")
    )
