"""The progress of an operation, drawn in place on a terminal."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from .deploy_wording import event_line
from .signs_of_life import InProgress

if TYPE_CHECKING:
    from iot_pipeline_cfn.deploy.events import Event

ROWS: Final = 8
"""The number of resources in progress that are shown."""


def rich_console(*, err: bool = False) -> Console:
    """Return a console that prints text as it is."""
    return Console(stderr=err, highlight=False, emoji=False, markup=False)


@contextmanager
def draw(title: str, logical_ids: Collection[str]) -> "Iterator[Callable[[Event], None]]":
    """Draw the resources in progress, the failures, and a bar; yield what takes each event."""
    columns = (TextColumn("{task.description}"), BarColumn())
    bar = Progress(*columns, MofNCompleteColumn(), TimeElapsedColumn())
    task = bar.add_task(title, total=len(logical_ids) or None)
    busy = InProgress()
    done: set[str] = set()

    with Live(bar, console=rich_console(err=True), refresh_per_second=8) as live:

        def see(event: "Event") -> None:
            if event.failed:
                live.console.print(Text(event_line(event), "red"))
            if event.of_stack:
                return
            busy.see(event)
            if event.logical_id not in busy:
                done.add(event.logical_id)
            bar.update(task, completed=len(done.intersection(logical_ids) if logical_ids else done))
            live.update(Group(_in_progress(busy), bar))

        yield see


def _in_progress(busy: "Mapping[str, Event]") -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for event in list(busy.values())[-ROWS:]:
        table.add_row(
            event.logical_id, event.resource_type, event.detail or event.status, style="dim"
        )
    return table
