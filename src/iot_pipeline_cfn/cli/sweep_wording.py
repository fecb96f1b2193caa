"""The sentences and tables about a sweep, and what leftovers cost."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from iot_pipeline_cfn.deploy.inventory import Summary
from iot_pipeline_cfn.deploy.sweeping import SweepVerdict
from iot_pipeline_cfn.review.prices import price_table

from .deploy_wording import age

if TYPE_CHECKING:
    from iot_pipeline_cfn.deploy.orphans import Orphan, OrphanResult
    from iot_pipeline_cfn.deploy.sweeping import Candidate

VERDICTS: Final = {
    SweepVerdict.PULL_REQUEST_CLOSED: "pull request closed",
    SweepVerdict.TIME_OVER: "time over",
    SweepVerdict.FOREIGN: "not of this tool",
    SweepVerdict.PROTECTED: "protected",
    SweepVerdict.UNKNOWN_STATUS: "in an unknown state",
    SweepVerdict.IN_PROGRESS: "with an operation in progress",
    SweepVerdict.PULL_REQUEST_OPEN: "with an open pull request",
    SweepVerdict.TIME_LEFT: "with time left",
    SweepVerdict.NO_END: "without an end",
    SweepVerdict.CHANGED: "deployed meanwhile",
    SweepVerdict.GONE: "deleted meanwhile",
}

ENVIRONMENT_HEADINGS: Final = ("Environment", "State", "Idle for", "Because", "Result")
LEFTOVER_HEADINGS: Final = ("Left behind", "Kind", "Monthly", "Result")

RATES: Final[Mapping[str, tuple[str, str]]] = {
    "address": ("public-ipv4", "hours"),
    "cache-snapshot": ("cache-backup-gb", "gigabytes"),
    "database-snapshot": ("database-backup-gb", "gigabytes"),
    "log-group": ("log-storage-gb", "gigabytes"),
}
"""The price of each kind of leftover, and what it is multiplied with; others cost nothing."""

CENT: Final = 0.01

TASK_DEFINITIONS: Final = "task-definitions"


def monthly_price(orphan: "Orphan", region: str) -> float | None:
    """Return the highest monthly price of a leftover in dollars, or None if it is not known."""
    if orphan.kind not in RATES:
        return 0.0
    name, factor = RATES[orphan.kind]
    table = price_table()
    rate = table["regions"].get(region, {}).get(name)
    if rate is None:
        return None
    quantity = table["hours_a_month"] if factor == "hours" else orphan.gigabytes
    return round(float(rate * quantity), 4)


def candidate_data(candidate: "Candidate") -> dict[str, Any]:
    """Return an environment with its verdict as data for JSON."""
    error = candidate.error
    return {
        **Summary.of(candidate.stack).as_data(),
        "verdict": candidate.verdict,
        "is_unneeded": candidate.verdict.deletes,
        "is_deleted": candidate.is_deleted,
        "error": error and {"code": error.code, "message": str(error)},
    }


def candidate_row(candidate: "Candidate") -> tuple[str, ...]:
    """Return an environment that is not needed as a row."""
    summary = Summary.of(candidate.stack)
    result = "stays" if candidate.error else "deleted" if candidate.is_deleted else ""
    because = VERDICTS[candidate.verdict]
    return summary.name, summary.state, age(summary.updated), because, result


def kept_line(candidates: "Sequence[Candidate]") -> str:
    """Return the line about the environments that are kept."""
    counts = Counter(each.verdict for each in candidates if not each.verdict.deletes)
    parts = [f"{count} {VERDICTS[verdict]}" for verdict, count in sorted(counts.items())]
    return f"kept: {', '.join(parts)}" if parts else ""


def leftover_rows(
    found: "Sequence[tuple[OrphanResult, float | None]]",
) -> list[tuple[str, ...]]:
    """Return leftovers and their prices as rows; the families of task definitions are one."""
    rows: list[tuple[str, ...]] = []
    families: dict[str, list[Orphan]] = {}
    for result, price in found:
        orphan, outcome = result.orphan, _outcome(result)
        if orphan.kind == TASK_DEFINITIONS:
            families.setdefault(outcome, []).append(orphan)
        else:
            rows.append((orphan.id, orphan.kind.replace("-", " "), _cost(price), outcome))
    for outcome, orphans in families.items():
        name = orphans[0].id if len(orphans) == 1 else f"{len(orphans)} families"
        count = sum(orphan.count for orphan in orphans)
        rows.append((name, f"task definitions ({count})", _cost(0), outcome))
    return rows


def _outcome(result: "OrphanResult") -> str:
    if result.is_removed:
        return "removed"
    if result.error:
        return "stays"
    return "" if result.orphan.is_removable else "kept on purpose"


def _cost(price: float | None) -> str:
    if price is None:
        return "unknown"
    return f"< ${CENT}" if 0 < price < CENT else f"${price:.2f}"


def hint_lines(
    candidates: "Sequence[Candidate]", leftovers: "Sequence[OrphanResult]"
) -> Iterator[str]:
    """Yield how to delete what is only shown."""
    if any(each.verdict.deletes and not (each.is_deleted or each.error) for each in candidates):
        yield "to delete these environments: --yes (make: YES=1)"
    if any(each.orphan.is_removable and not (each.is_removed or each.error) for each in leftovers):
        yield "to remove what is left behind: --leftovers --yes (make: LEFTOVERS=1 YES=1)"


def failure_lines(
    candidates: "Sequence[Candidate]",
    leftovers: "Sequence[OrphanResult]",
    unreadable: Mapping[str, str],
) -> Iterator[str]:
    """Yield a line for each failed deletion or listing, with its reason and remedy."""
    for candidate in candidates:
        if candidate.error:
            yield f"{Summary.of(candidate.stack).name}: {candidate.error}"
    for result in leftovers:
        if result.error:
            yield f"{result.orphan.id} stays: {result.error}"
    for kind, reason in unreadable.items():
        yield f"leftovers cannot be listed ({kind}): {reason}"
