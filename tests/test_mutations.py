"""Each thing that is easily lost is taken away in turn, and some check must notice.

What is taken away, one at a time: every DependsOn, every rule of a security group, every IAM
statement and every endpoint. The checks are all those tests of this directory that look at nothing
but the template, so that a mutant is not caught by merely differing from the committed file.
"""

import copy
import importlib
import inspect
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from conftest import resolve_all

Place = tuple[str | int, ...]


@cache
def checks() -> dict[str, Callable[..., None]]:
    """Return every test that takes the template, its environments, or both, and nothing else."""
    modules = [
        importlib.import_module(path.stem)
        for path in sorted(Path(__file__).parent.glob("test_*.py"))
        if path.stem != Path(__file__).stem
    ]
    return {
        name: function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if name.startswith("test_")
        and not hasattr(function, "hypothesis")
        and {*inspect.signature(function).parameters} in ({"template"}, {"environments"})
    }


def mutations(template: dict[str, Any]) -> Iterator[tuple[str, Place]]:
    """Yield what is taken away: its name, and its place in the template."""
    for name, resource in template["Resources"].items():
        if "DependsOn" in resource:
            yield f"{name} DependsOn {resource['DependsOn']}", ("Resources", name, "DependsOn")
        if resource["Type"] in ("AWS::EC2::SecurityGroupEgress", "AWS::EC2::VPCEndpoint"):
            yield name, ("Resources", name)
        for path, rule in _lists(resource, "SecurityGroupIngress", "SecurityGroupEgress"):
            yield f"{name} {rule['Description']}", ("Resources", name, *path)
        for path, statement in _lists(resource, "Statement"):
            if isinstance(statement.get("Effect"), str):
                action = statement["Action"][0]
                yield f"{name} {action} {path[-1]}", ("Resources", name, *path)


def _lists(value: Any, *keys: str, inside: bool = False) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield the place of every item of the lists under the keys, also where `Fn::If` chooses."""
    if isinstance(value, dict):
        for key, item in value.items():
            for path, found in _lists(
                item, *keys, inside=key in keys or (inside and key == "Fn::If")
            ):
                yield (key, *path), found
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if inside and isinstance(item, dict):
                yield (index,), item
            else:
                for path, found in _lists(item, *keys, inside=inside and isinstance(item, list)):
                    yield (index, *path), found


def without(template: dict[str, Any], path: Place) -> dict[str, Any]:
    """Return the template without what is at a place, and without outputs that refer to it."""
    mutant = copy.deepcopy(template)
    place: Any = mutant
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    if len(path) == 2:
        mutant["Outputs"] = {
            name: output
            for name, output in mutant["Outputs"].items()
            if output["Value"] != {"Ref": path[-1]}
        }
    return mutant


def caught_by(mutant: dict[str, Any]) -> str | None:
    """Return the name of the first check that fails, if any does."""
    given = {"template": mutant, "environments": resolve_all(mutant)}
    for name, check in checks().items():
        try:
            check(**{key: given[key] for key in inspect.signature(check).parameters})
        # A mutant may also miss what a check looks for.
        except (AssertionError, KeyError, ValueError):
            return name
    return None


def test_template_itself_is_caught_by_no_check(template):
    """A check that fails in any case would catch every mutant."""
    assert caught_by(template) is None
    assert len(checks()) > 50


def test_every_mutant_is_caught(template, capsys):
    """And says how many there were."""
    found = {name: caught_by(without(template, path)) for name, path in mutations(template)}
    survivors = [name for name, check in found.items() if check is None]
    with capsys.disabled():
        print(f"\n{len(found) - len(survivors)} of {len(found)} mutants caught")  # noqa: T201 - for people
    assert not survivors


@pytest.mark.parametrize(
    ("kind", "least"), [("DependsOn", 16), ("Endpoint", 5), ("Egress", 4), ("Role ", 14)]
)
def test_mutants_are_of_every_kind(template, kind, least):
    """A change of the template's form must not leave nothing to mutate."""
    assert sum(kind in name for name, _ in mutations(template)) >= least
