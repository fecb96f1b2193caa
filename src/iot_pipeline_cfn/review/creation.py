"""In which order the resources of an environment are created, and what that takes longest."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from iot_pipeline_cfn.references import waits_for

from .values import Resources


@cache
def durations() -> Mapping[str, Any]:
    """Return how long resources take to be created by their types, with date and source."""
    content: dict[str, Any] = json.loads(Path(__file__).with_name("durations.json").read_bytes())
    return content


def is_observed(resource_type: str) -> bool:
    """Return whether a type's duration is known, and not just taken to be short."""
    return resource_type in durations()["types"]


def seconds(resource_type: str) -> float:
    """Return how long a resource of a type typically takes to be created."""
    known = durations()["types"].get(resource_type, {})
    return float(known.get("seconds", durations()["otherwise_seconds"]))


@dataclass(frozen=True)
class Creation:
    """When each resource is complete, in seconds, and the chain that takes longest."""

    completed: Mapping[str, float]
    critical_path: Sequence[str]

    def seconds(self) -> float:
        """Return how long all of it takes."""
        return max(self.completed.values(), default=0)


def dependencies(resources: Resources) -> dict[str, set[str]]:
    """Return for each resource those that it waits for directly."""
    return {
        name: (waits_for(resource) & resources.keys()) - {name}
        for name, resource in resources.items()
    }


def essential(waits: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return the dependencies that do not follow from others.

    Raises:
        CycleError: when resources wait for each other.

    """
    before: dict[str, set[str]] = {}
    for name in TopologicalSorter(waits).static_order():
        before[name] = waits[name].union(*(before[each] for each in waits[name]))
    return {
        name: found.difference(*(before[each] for each in found)) for name, found in waits.items()
    }


def creation(waits: Mapping[str, set[str]], took: Mapping[str, float]) -> Creation:
    """Return how a creation goes where everything begins as soon as it can.

    Raises:
        CycleError: when resources wait for each other.

    """
    completed: dict[str, float] = {}
    for name in TopologicalSorter(waits).static_order():
        completed[name] = took[name] + max((completed[each] for each in waits[name]), default=0)

    def last(names: Sequence[str]) -> list[str]:
        # Of two that take the same, always the same one.
        return sorted(names, key=lambda name: (-completed[name], name))[:1]

    path: list[str] = []
    found = last(list(waits))
    while found:
        path += found
        found = last(list(waits[path[-1]]))
    return Creation(completed, path[::-1])
