"""A terminal for the commands."""

import os

import pytest

from terminals import Terminal


@pytest.fixture
def terminal(project):
    """A function that runs `iot-pipeline` on a terminal."""
    terminals = []

    def run(*arguments):
        terminals.append(Terminal(project, *arguments))
        return terminals[-1]

    yield run
    for one in terminals:
        one.process.kill()
        one.process.wait()
        os.close(one.master)
