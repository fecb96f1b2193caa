"""Lines, and tables: drawn on a terminal, and otherwise a line for each row."""

import os
import shutil
import sys
from collections.abc import Collection, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from rich.console import Console as RichConsole


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal; a process can be started without any stream."""
    return stream is not None and stream.isatty()


def columns(*, err: bool = False) -> int | None:
    """Return the width of a stream, None without a terminal, where lines are of any length."""
    is_limited = is_terminal(sys.stderr if err else sys.stdout)
    return shutil.get_terminal_size().columns if is_limited else None


def rich_console(*, err: bool = False) -> "RichConsole":
    """Return a console that prints text as it is."""
    from rich.console import Console

    return Console(stderr=err, highlight=False, emoji=False, markup=False)


def echo(text: str, *, err: bool = False) -> bool:
    """Write a line, and return whether it has a reader, without which an operation goes on.

    Raises:
        OSError: when the line cannot be written for another reason.

    """
    try:
        click.echo(text, err=err)
    except OSError as error:
        # At its end, Python would try once more to write what is buffered.
        stream = sys.stderr if err else sys.stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if not isinstance(error, BrokenPipeError):
            raise
        return False
    return True


def echo_sentence(text: str, *, err: bool = False) -> None:
    """Write lines, wrapped between words on a terminal.

    A line that is indented by four spaces is a command, which stays whole so that it can be copied.
    """
    width = columns(err=err)
    for line in text.splitlines() if width else [text]:
        is_command = line.startswith("    ")
        echo(line if is_command or not width else wrapped(line, width), err=err)


def wrapped(line: str, width: int) -> str:
    """Return a line wrapped between words, and the rest indented below it."""
    indent = line[: len(line) - len(line.lstrip())] + "  "
    return fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def print_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    err: bool = False,
    numbers: Collection[str] = (),
    wraps: str | None = None,
) -> None:
    """Print a table without its empty columns; a row that begins with `!` stands out.

    Columns of `numbers` are aligned at the right. On a terminal one column wraps, by default the
    last.
    """
    used = [index for index in range(len(headings)) if any(row[index] for row in rows)]
    if not used:
        return
    table = [[row[index] for index in used] for row in (headings, *rows)]
    right = [headings[index] in numbers for index in used]
    if not columns(err=err):
        _print_plain(table, right, err=err)
        return
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, show_header=any(table[0]), header_style="bold")
    for column, is_right in zip(zip(*table, strict=True), right, strict=True):
        is_whole = column[0] != (wraps or table[0][-1])
        drawn.add_column(
            column[0],
            justify="right" if is_right else "left",
            min_width=max(map(len, column)) if is_whole else None,
            no_wrap=is_whole,
            overflow="fold",
        )
    for row in table[1:]:
        style = "bold red" if row[0].startswith("!") else ""
        drawn.add_row(*(Text(cell, style) for cell in row))
    rich_console(err=err).print(drawn)


def _print_plain(table: Sequence[Sequence[str]], right: Sequence[bool], *, err: bool) -> None:
    lines = [[cell.replace("\n", ", ") for cell in row] for row in table if any(row)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(line, widths, right, strict=True)
        ]
        echo("  ".join(cells).rstrip(), err=err)
