"""The command sweep."""

import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from iot_pipeline_cfn.deploy.observer import Observer, Operation
from iot_pipeline_cfn.template.findings import Finding
from iot_pipeline_cfn.template.parameters import load

from .console import Console
from .opening import open_connection
from .options import PARAMETERS, Place, json_option, place_options, role_option, timeout_option
from .printing import print_table

if TYPE_CHECKING:
    from iot_pipeline_cfn.deploy.cloudformation import Stack
    from iot_pipeline_cfn.deploy.connection import Connection
    from iot_pipeline_cfn.deploy.events import Event
    from iot_pipeline_cfn.deploy.operations import Operations
    from iot_pipeline_cfn.deploy.orphans import OrphanResult
    from iot_pipeline_cfn.deploy.sweeping import Candidate


@dataclass(frozen=True)
class SweepObserver(Observer):
    """What is shown of one of several deletions that run at once: a line for each step."""

    console: Console

    def notify(self, finding: Finding) -> None:
        """Show a step of a deletion."""
        self.console.notify(finding)

    @contextmanager
    def watch(
        self, operation: Operation, subject: str, logical_ids: Collection[str]
    ) -> "Iterator[Callable[[Event], None]]":
        """Tell that an operation begins."""
        from .deploy_wording import OPERATIONS

        self.console.say(OPERATIONS[operation].format(subject))
        yield lambda _: None


@click.command()
@click.option(
    "--open-pull-requests",
    envvar="IOT_PIPELINE_OPEN_PULL_REQUESTS",
    metavar="NUMBERS",
    help="The open pull requests, such as 12,15, or none; - reads them from stdin.  [default: not "
    "known, so that none counts as closed]",
)
@click.option(
    "--pull-requests-only",
    is_flag=True,
    help="Leave out environments that are not of pull requests.",
)
@click.option(
    "--leftovers",
    is_flag=True,
    envvar="IOT_PIPELINE_LEFTOVERS",
    help="With --yes, also remove what deleted environments have left behind.",
)
@click.option(
    "--yes", is_flag=True, envvar="IOT_PIPELINE_YES", help="Delete, and do not only show."
)
@role_option
@timeout_option
@place_options
@json_option
def sweep(
    *,
    open_pull_requests: str | None,
    pull_requests_only: bool,
    leftovers: bool,
    yes: bool,
    role_arn: str | None,
    timeout: float,
    place: Place,
    as_json: bool,
) -> None:
    """Find environments that nobody needs any more, and leftovers.

    These are environments whose pull request is closed, or whose time is over. Protected
    environments, those of other tools and those whose state is not known are always kept.
    """
    from iot_pipeline_cfn.deploy import orphans, sweeping
    from iot_pipeline_cfn.deploy.inventory import environment_stacks
    from iot_pipeline_cfn.deploy.location import locate

    numbers = pull_request_numbers(open_pull_requests)
    connection, console = open_connection(place, as_json=as_json)
    console.show_location(locate(connection))
    stacks = environment_stacks(connection)
    if pull_requests_only:
        stacks = [each for each in stacks if sweeping.environment_of(each).is_of_pull_request]
    candidates = sweeping.find_candidates(stacks, numbers)
    if yes:
        pause = 0 if connection.is_local else sweeping.START_SECONDS
        open_stack = opener(connection, console, timeout, role_arn)
        candidates = sweeping.delete_candidates(candidates, numbers, open_stack, pause)
    found, unreadable = orphans.find_orphans(connection)
    left = (
        orphans.remove_orphans(connection, found)
        if yes and leftovers
        else [orphans.OrphanResult(each) for each in found]
    )
    show_sweep(console, numbers, candidates, left, unreadable)
    sweeping.require_swept(candidates, left)


def show_sweep(
    console: Console,
    open_pull_requests: Collection[int] | None,
    candidates: "Sequence[Candidate]",
    leftovers: "Sequence[OrphanResult]",
    unreadable: Mapping[str, str],
) -> None:
    """Print the environments that nobody needs, and what environments have left behind."""
    from . import sweep_wording as wording

    region = str(console.location["location"]["region"])
    found = [(each, wording.monthly_price(each.orphan, region)) for each in leftovers]
    if console.as_json:
        numbers = None if open_pull_requests is None else sorted(open_pull_requests)
        content = {
            "open_pull_requests": numbers,
            "environments": [wording.candidate_data(each) for each in candidates],
            "leftovers": [{**each.as_data(), "monthly_price": price} for each, price in found],
            "unreadable": dict(unreadable),
        }
        console.document("sweep", content)
        return
    unneeded = [wording.candidate_row(each) for each in candidates if each.verdict.deletes]
    if unneeded:
        print_table(wording.ENVIRONMENT_HEADINGS, unneeded)
    if found:
        rows = wording.leftover_rows(found)
        print_table(wording.LEFTOVER_HEADINGS, rows, numbers=("Monthly",), wraps="Left behind")
    if kept := wording.kept_line(candidates):
        console.say(kept)
    if not unneeded and not found:
        console.say("nothing to sweep")
    for line in wording.hint_lines(candidates, leftovers):
        console.say(line)
    for line in wording.failure_lines(candidates, leftovers, unreadable):
        console.say(line)


def opener(
    connection: "Connection", console: Console, timeout: float, role_arn: str | None
) -> "Callable[[Stack], Operations]":
    """Return a function that opens a stack's environment with its parameter file, if any."""
    from iot_pipeline_cfn.deploy.environments import find_parameter_file
    from iot_pipeline_cfn.deploy.operations import Operations
    from iot_pipeline_cfn.deploy.sweeping import environment_of

    def open_stack(stack: "Stack") -> "Operations":
        environment = environment_of(stack)
        path = find_parameter_file(environment, PARAMETERS)
        file = load(path) if path else None
        return Operations(
            environment,
            connection,
            SweepObserver(console),
            timeout=timeout,
            on_interrupt="leave",
            wait=False,
            file=file,
            role_arn=role_arn or (file.role_arn if file else None),
        )

    return open_stack


def pull_request_numbers(text: str | None) -> set[int] | None:
    """Return the numbers of pull requests, or None if they are not known.

    Raises:
        click.UsageError: when the list is empty, as that of a program that has failed.

    """
    if text is None:
        return None
    if text == "-":
        text = sys.stdin.read()
    words = re.split(r"[\s,]+", text.strip())
    if words == ["none"]:
        return set()
    if not all(re.fullmatch(r"#?[0-9]+", word, re.ASCII) for word in words):
        message = "--open-pull-requests takes numbers such as 12,15, or the word none"
        raise click.UsageError(message)
    return {int(word.removeprefix("#")) for word in words}
