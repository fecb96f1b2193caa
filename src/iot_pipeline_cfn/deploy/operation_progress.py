"""The progress of an operation on a stack, as its events tell it."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

from iot_pipeline_cfn.template.findings import Value

from .events import COMPLETIONS, Event


@dataclass
class OperationProgress:
    """What an operation works on and has completed; without logical IDs, the total is unknown."""

    logical_ids: Collection[str] = ()
    busy: dict[str, Event] = field(default_factory=dict)
    """The resources in progress, each with the event that it began with."""
    done: set[str] = field(default_factory=set)
    begun: datetime | None = None

    @property
    def completed(self) -> int:
        """The number of completed resources."""
        return len(self.done.intersection(self.logical_ids) if self.logical_ids else self.done)

    def see(self, event: Event) -> float | None:
        """Take an event into account; return how many seconds its resource took, if it is known."""
        if event.of_stack:
            if event.rolls_back:
                # It works on other resources, and so on an unknown number.
                self.logical_ids, self.done = (), set()
            elif event.status in COMPLETIONS:
                # Resources that keep their values after all have no events.
                self.done.update(self.logical_ids)
            return None
        if event.status.endswith("_IN_PROGRESS"):
            self.busy.setdefault(event.logical_id, event)
            return None
        begun = self.busy.pop(event.logical_id, None)
        self.done.add(event.logical_id)
        return (event.time - begun.time).total_seconds() if begun else None

    def seconds_by_resource(self) -> dict[str, float]:
        """Return how long each resource in progress has taken so far, the longest first."""
        now = datetime.now(UTC)
        order = sorted([*self.busy.values()], key=lambda event: event.time)
        return {each.logical_id: max((now - each.time).total_seconds(), 0) for each in order}

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        return {
            "completed": self.completed,
            "total": len(self.logical_ids) or None,
            "begun": self.begun and self.begun.isoformat(),
            "in_progress": [*self.seconds_by_resource()],
        }
