"""The sentences and table rows about plans."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from iot_pipeline_cfn.deploy.reported_changes import loses_data
from iot_pipeline_cfn.template.changes import Action, PropertyChange, Replacement, ResourceChange
from iot_pipeline_cfn.template.creation_times import USUAL_SECONDS, creation_time
from iot_pipeline_cfn.template.lookup import short_text_of, type_of
from iot_pipeline_cfn.template.parameters import COUNT_PARAMETER
from iot_pipeline_cfn.template.stateful import HIDDEN, DataOutcome, data_outcome

from .forecast import CENT, Forecast

if TYPE_CHECKING:
    from iot_pipeline_cfn.deploy.deployment import Plan
    from iot_pipeline_cfn.deploy.drift import Drift

SETTINGS: Final = {
    "stack-policy": "the stack policy changes to that of the parameter file",
    "termination-protection-on": "termination protection is switched on",
    "termination-protection-off": "termination protection is switched off",
}
DATA: Final = {
    DataOutcome.LOST: "its data is lost",
    DataOutcome.RETAINED: "its data is retained outside the stack",
    DataOutcome.SNAPSHOT: "its data is kept in a snapshot",
}
ACTIONS: Final[Mapping[tuple[Action, Replacement], str]] = MappingProxyType(
    {
        (Action.REMOVE, Replacement.NO): "Remove",
        (Action.DYNAMIC, Replacement.NO): "May remove",
        (Action.UNKNOWN, Replacement.NO): "May remove",
        (Action.MODIFY, Replacement.YES): "Replace",
        (Action.MODIFY, Replacement.MAYBE): "May replace",
        (Action.MODIFY, Replacement.NO): "Update",
        (Action.SYNC_WITH_ACTUAL, Replacement.NO): "Sync",
        (Action.IMPORT, Replacement.NO): "Import",
        (Action.ADD, Replacement.NO): "Add",
    }
)
"""What happens to a resource, the most severe first."""

HEADINGS: Final = ("Change", "Logical ID", "Type", "Because of")
SERVICE_HEADINGS: Final = ("Service", "Resources", "$ a month")

PROPERTIES_SHOWN: Final = 3
VALUE_LENGTH: Final = 24
"""Longer values are shown with --verbose only."""


def plan_table(
    forecast: Forecast, *, is_narrow: bool, verbose: bool
) -> tuple[Sequence[str], list[tuple[str, ...]]]:
    """Return headings and rows: a new environment by service, of another one each change."""
    if forecast.plan.creates and not verbose:
        return SERVICE_HEADINGS, service_rows(forecast)
    return HEADINGS, change_rows(forecast.changes, is_narrow=is_narrow, verbose=verbose)


def change_rows(
    changes: Sequence[ResourceChange], *, is_narrow: bool, verbose: bool
) -> list[tuple[str, ...]]:
    """Return the changes as rows, the most severe first; `!` marks those that lose data."""
    words = list(ACTIONS.values())
    order = sorted(
        changes,
        key=lambda one: (not loses_data(one), words.index(_action(one)), one.logical_id),
    )
    return [
        (
            f"! {_action(change)}" if loses_data(change) else _action(change),
            change.logical_id,
            "" if is_narrow and not verbose else short_type(change.resource_type),
            "\n".join(map(_property, change.properties)) if verbose else _causes(change),
        )
        for change in order
    ]


def _action(change: ResourceChange) -> str:
    return (
        ACTIONS.get((change.action, change.replacement)) or ACTIONS[change.action, Replacement.NO]
    )


def short_type(resource_type: str) -> str:
    """Return a resource type in words, such as `EC2 VPC` for `AWS::EC2::VPC`."""
    return resource_type.removeprefix("AWS::").replace("::", " ")


def _causes(change: ResourceChange) -> str:
    """Return the properties that decide about a resource, with values that are short."""
    found = list(dict.fromkeys(map(_short_property, change.deciding_properties)))
    more = len(found) - PROPERTIES_SHOWN
    return ", ".join(found[:PROPERTIES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _short_property(part: PropertyChange) -> str:
    before, after = (_value(value) for value in (part.before, part.after))
    if max(len(before), len(after)) > VALUE_LENGTH or part.before is part.after is None:
        cause = part.because_of.partition(".")[0]
        return f"{part.name} ({cause})" if cause else part.name
    return f"{part.name}: {before} -> {after}"


def _property(part: PropertyChange) -> str:
    if part.before is None and part.after is None:
        return f"{part.path} ({part.because_of})" if part.because_of else part.path
    return f"{part.path}: {_value(part.before)} -> {_value(part.after)}"


def _value(value: object) -> str:
    return "-" if value is None else short_text_of(value) or "''"


def plan_lines(plan: "Plan", forecast: Forecast) -> Iterator[str]:
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
    if not plan.creates:
        yield f"{name}: {_counts(forecast.changes)}"
    yield from _costs(plan, forecast)
    yield from (
        f"! {change.logical_id} {loss_text(change)}"
        for change in forecast.changes
        if loses_data(change)
    )
    yield from (f"{name}: drift of {drift_text(drift)}" for drift in plan.drift or ())


def drift_text(drift: "Drift") -> str:
    """Describe the drift of a property, or of a resource."""
    parts = (f"{drift.logical_id} ({drift.resource_type}):", drift.path, drift.difference)
    return " ".join(filter(None, parts))


def _counts(changes: Sequence[ResourceChange]) -> str:
    counts = Counter(map(_action, changes))
    words = dict.fromkeys(ACTIONS.values())
    found = ", ".join(f"{word.lower()} {counts[word]}" for word in words if counts[word])
    return found or "no resource changes, only outputs or metadata"


def _costs(plan: "Plan", forecast: Forecast) -> Iterator[str]:
    """Yield the price of a month if it is known, and changes."""
    after, before = forecast.monthly, forecast.monthly_before
    if plan.creates:
        if after is None:
            unknown = sorted({item.name for item in forecast.bill if item.monthly is None})
            price = f"; the price is not known of {', '.join(unknown)}"
        else:
            price = f", which cost about ${after:,.2f} a month plus use" if after else ""
        yield f"{len(plan.changes)} new resources{price}"
        yield from _time(plan)
    elif after is not None and before is not None and abs(after - before) >= CENT:
        yield f"a month costs about ${before:,.2f} -> ${after:,.2f} plus use"


def _time(plan: "Plan") -> Iterator[str]:
    """Yield how long a creation usually takes; on the emulator it takes seconds."""
    context = plan.context
    if context.connection.is_local or plan.content.express:
        return
    found = creation_time(context.resources)
    types = {name: type_of(context.resources[name]) for name in found.chain}
    slow = [
        f"{name} {minutes(USUAL_SECONDS[types[name]])}"
        for name in found.chain
        if types[name] in USUAL_SECONDS
    ]
    if slow:
        yield f"this usually takes about {minutes(found.seconds)}, of which {', '.join(slow)}"


def parameter_lines(plan: "Plan") -> Iterator[str]:
    """Yield the parameters that change, with their values before and after."""
    for name, (before, after) in plan.parameter_changes.items():
        if before == after == HIDDEN:
            yield f"{name}: {HIDDEN} (given again)"
        else:
            yield f"{name}: {_value(before)} -> {_value(after)}"


def service_rows(forecast: Forecast) -> list[tuple[str, ...]]:
    """Return a row for each service of a new environment, with a total."""
    rows = forecast.services()
    total = ("Total", sum(count for _, count, _ in rows), forecast.monthly)
    return [(name, str(count), _dollars(monthly)) for name, count, monthly in (*rows, total)]


def _dollars(monthly: float | None) -> str:
    return "unknown" if monthly is None else f"{monthly:,.2f}" if monthly else ""


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


def duration(seconds: float) -> str:
    """Return a duration in its two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def minutes(seconds: float) -> str:
    """Return a rough duration."""
    return f"{max(1, round(seconds / 60))} min"
