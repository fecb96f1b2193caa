"""Writing to stdout and stderr, also where nobody reads them any more."""

import os
import sys

import click


def echo(text: str, *, err: bool = False) -> None:
    """Write a line; once nobody reads, what is being done goes on without.

    Raises:
        OSError: when it cannot be written for another reason.

    """
    try:
        click.echo(text, err=err)
    except OSError as error:
        # Python would try once more to write what is left, when it ends.
        stream = sys.stderr if err else sys.stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if not isinstance(error, BrokenPipeError):
            raise
