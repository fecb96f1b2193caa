"""The progress of an operation, drawn in place on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from .deploy_wording import event_line, usual_time
from .plan_wording import duration
from .printing import rich_console

if TYPE_CHECKING:
    from iot_pipeline_cfn.deploy.events import Event
    from iot_pipeline_cfn.deploy.operation_progress import OperationProgress

ROWS: Final = 8
"""The number of resources in progress that are shown."""


@contextmanager
def draw(
    title: str, progress: "OperationProgress", show: "Callable[[Event], None] | None"
) -> "Iterator[Callable[[Event], None]]":
    """Draw the resources in progress, the failures, and a bar; yield what takes each event.

    `show`, where there is one, also prints each event.
    """
    columns = (TextColumn("{task.description}"), BarColumn())
    bar = Progress(*columns, MofNCompleteColumn(), TimeElapsedColumn())
    task = bar.add_task(title, total=len(progress.logical_ids) or None)

    def drawn() -> Group:
        return Group(_in_progress(progress), bar)

    console = rich_console(err=True)
    with Live(get_renderable=drawn, console=console, refresh_per_second=4):

        def see(event: "Event") -> None:
            if event.failed or show:
                console.print(Text(event_line(event), "red" if event.failed else ""))
            progress.see(event)
            bar.update(task, completed=progress.completed, total=len(progress.logical_ids) or None)

        yield see


def _in_progress(progress: "OperationProgress") -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    busy = progress.seconds_by_resource()
    for name in [*busy][:ROWS]:
        time = duration(busy[name]) + usual_time(progress.busy.get(name))
        table.add_row(name, time, style="dim")
    return table
