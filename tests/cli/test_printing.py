"""Lines and tables on a terminal of 80 columns, and in a pipe."""

import io
from contextlib import redirect_stdout

import pytest

from iot_pipeline_cfn.cli.printing import echo_sentence, print_table, wrapped

NAME = "PrivateSubnet1RouteTableAssociation"
ROWS = [
    ("! Replace", NAME, "9", "ContainerDefinitions (ImageTag), Volumes"),
    ("Add", "A", "10", ""),
]
HEADINGS = ("Change", "Logical ID", "Count", "Because of")


class TerminalStream(io.StringIO):
    """A terminal of 80 columns."""

    def isatty(self):
        return True


@pytest.fixture
def printed(monkeypatch):
    """A function that calls another, and returns what that prints on a terminal."""

    def printed(function, *arguments, **options):
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setenv("TERM", "dumb")
        with redirect_stdout(TerminalStream()) as stream:
            function(*arguments, **options)
        return stream.getvalue()

    return printed


def test_table_on_a_terminal_breaks_no_word(printed):
    shown = printed(print_table, HEADINGS, ROWS, numbers=("Count",))
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert {*shown.split()} == {*" ".join([*HEADINGS, *(" ".join(row) for row in ROWS)]).split()}
    assert f"{NAME}      9  Container" in shown


def test_widest_column_is_not_cut_for_the_sake_of_the_one_that_wraps(printed):
    rows = [("A" * 45, "", "1.5"), ("", f"{'word ' * 10}end", "")]
    shown = printed(print_table, ("Step", "Checks", "Seconds"), rows, wraps="Checks")
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert {"Seconds", "1.5", "end"} <= {*shown.split()}


def test_table_in_a_pipe_has_a_line_for_each_row(capsys):
    print_table((*HEADINGS, "Empty"), [(*row, "") for row in ROWS], numbers=("Count",))
    assert capsys.readouterr().out == (
        f"Change     {'Logical ID':<{len(NAME)}}  Count  Because of\n"
        f"! Replace  {NAME}      9  ContainerDefinitions (ImageTag), Volumes\n"
        f"Add        {'A':<{len(NAME)}}     10\n"
    )


def test_sentences_wrap_between_words_and_commands_not_at_all(printed):
    assert printed(echo_sentence, "word " * 20) == f"{'word ' * 15}word\n  word word word word\n"
    command = f"    iot-pipeline deploy {NAME} --parameter {NAME}={NAME}"
    assert printed(echo_sentence, command) == f"{command}\n"


def test_rest_of_a_wrapped_line_is_indented_below_it():
    assert wrapped("  Database may be replaced", 20) == "  Database may be\n    replaced"
    assert wrapped("", 20) == ""
