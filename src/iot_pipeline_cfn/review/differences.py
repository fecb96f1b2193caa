"""Differences between two values of a template, and values as text."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from iot_pipeline_cfn.template.lookup import scalar_text, text_of

Path = tuple[str, ...]
"""The path of a value: names of properties, and list items such as `[web]`."""

KEYS: Final = ("Key", "Name", "Sid", "Id", "PolicyName", "ContainerName", "AttributeName")
"""Properties that identify the items of a list."""

UNORDERED: Final = frozenset({"Tags"})
"""Lists whose order has no meaning."""


@dataclass(frozen=True)
class Difference:
    """A path at which two values differ; None is a missing value."""

    path: Path
    before: Any
    after: Any


def format_path(path: Path) -> str:
    """Return a path as text: `ContainerDefinitions[web].Image`."""
    return "".join(part if part.startswith("[") else f".{part}" for part in path).lstrip(".")


def equal(first: object, second: object) -> bool:
    """Return whether two values are the same to CloudFormation: `80` and `"80"` are."""
    return first == second or canonical(first) == canonical(second)


def differences(before: Any, after: Any, path: Path = ()) -> Iterator[Difference]:
    """Yield the innermost differences of two values.

    List items are matched by a key such as `Name` if they have one, else by their similarity. JSON
    inside a string is compared as JSON, and `Fn::If` branch by branch.
    """
    if equal(before, after):
        return
    if is_choice(before) or is_choice(after):
        pairs = list(alternatives(before, after))
        found = [one for pair in pairs for one in differences(*pair, path)]
        inner = {one.path: one for one in found if one.path != path}
        yield from inner.values()
        if len(inner) < len(found):
            yield Difference(path, before, after)
        return
    inside = _parsed(before), _parsed(after)
    match inside:
        case Mapping(), Mapping() if not (is_function(inside[0]) or is_function(inside[1])):
            for key in sorted({*inside[0], *inside[1]}):
                yield from differences(inside[0].get(key), inside[1].get(key), (*path, key))
            return
        case list(), list():
            yield from _item_differences(*inside, path)
            return
    yield Difference(path, before, after)


def is_choice(value: object) -> bool:
    """Return whether a value is `Fn::If` with both branches."""
    match value:
        case {"Fn::If": [str(), _, _]}:
            return True
    return False


def alternatives(before: Any, after: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the values before and after a change that an environment can have.

    Branches of `Fn::If` with the same condition belong together. `AWS::NoValue` is None.
    """
    match before, after:
        case (
            {"Fn::If": [str(one), old_yes, old_no]},
            {"Fn::If": [str(other), new_yes, new_no]},
        ) if one == other:
            yield from alternatives(old_yes, new_yes)
            yield from alternatives(old_no, new_no)
        case {"Fn::If": [str(), old_yes, old_no]}, _:
            yield from alternatives(old_yes, after)
            yield from alternatives(old_no, after)
        case _, {"Fn::If": [str(), new_yes, new_no]}:
            yield from alternatives(before, new_yes)
            yield from alternatives(before, new_no)
        case _:
            yield _or_none(before), _or_none(after)


def _or_none(value: Any) -> Any:
    return None if value == {"Ref": "AWS::NoValue"} else value


def is_function(value: object) -> bool:
    """Return whether a value is an intrinsic function or a reference."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return False
    (name,) = value
    return name in {"Ref", "Condition"} or str(name).startswith("Fn::")


def _parsed(value: Any) -> Any:
    """Return the content of a JSON string, and any other value unchanged."""
    match value:
        case {"Fn::ToJsonString": inside} if len(value) == 1:
            return inside
        case {"Fn::Sub": str(text)} if len(value) == 1:
            inside = _parsed(text)
            return value if inside == text else inside
        case str() if value.startswith(("{", "[")) and not value.startswith("{{"):
            try:
                return json.loads(value)
            except (ValueError, RecursionError):
                return value
    return value


def _item_differences(
    before: Sequence[Any], after: Sequence[Any], path: Path
) -> Iterator[Difference]:
    key = next((key for key in KEYS if _tells_apart(key, before) and _tells_apart(key, after)), "")
    if key:
        old, new = ({format_value(item[key]): item for item in items} for items in (before, after))
        found = [
            difference
            for name in sorted({*old, *new})
            for difference in differences(old.get(name), new.get(name), (*path, f"[{name}]"))
        ]
    else:
        found = list(_unkeyed_differences(before, after, path))
    if not found and not UNORDERED & {*path}:
        found = [Difference(path, before, after)]
    yield from found


def _tells_apart(key: str, items: Sequence[Any]) -> bool:
    names = [
        format_value(item[key])
        for item in items
        if isinstance(item, Mapping) and key in item and not is_function(item)
    ]
    return len(set(names)) == len(items)


def _unkeyed_differences(
    before: Sequence[Any], after: Sequence[Any], path: Path
) -> Iterator[Difference]:
    removed, added = _without(before, after), _without(after, before)
    if not any(_is_object(item) for item in (*before, *after)):
        if removed or added:
            yield Difference(
                path,
                [before[index] for index in removed] or None,
                [after[index] for index in added],
            )
        return
    for old in removed:
        match = old if old in added else None
        if _is_object(before[old]) or match is None:
            match = next((index for index in added if _alike(before[old], after[index])), None)
        if match is None:
            yield Difference((*path, f"[{old}]"), before[old], None)
        else:
            added.remove(match)
            yield from differences(before[old], after[match], (*path, f"[{match}]"))
    yield from (Difference((*path, f"[{index}]"), None, after[index]) for index in added)


def _without(items: Sequence[Any], others: Sequence[Any]) -> list[int]:
    """Return the indices of the items that others lack; duplicates count."""
    left = [canonical(item) for item in others]
    indices = []
    for index, item in enumerate(items):
        if (value := canonical(item)) in left:
            left.remove(value)
        else:
            indices.append(index)
    return indices


def _is_object(value: object) -> bool:
    return isinstance(value, Mapping | list) and not is_function(value)


def _alike(first: object, second: object) -> bool:
    """Return whether two items are versions of the same: half of their properties are equal."""
    if not (isinstance(first, Mapping) and isinstance(second, Mapping)):
        return isinstance(first, list) and isinstance(second, list)
    same = sum(equal(first[key], second[key]) for key in first.keys() & second.keys())
    return 2 * same >= max(len(first), len(second))


def canonical(value: object) -> object:
    """Return the same value for all values that CloudFormation treats as the same."""
    match value:
        case bool() | int() | float():
            return scalar_text(value)
        case Mapping():
            kept = {str(key): canonical(item) for key, item in value.items() if item is not None}
            return dict(sorted(kept.items()))
        case list():
            return [canonical(item) for item in value]
    return value


def common_start(first: str, second: str) -> int:
    """Return the length of the common start of two texts."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(first), len(second)))


def one_line(text: str) -> str:
    """Return text in one line and without control characters."""
    return "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))


def format_value(value: object) -> str:
    """Return a value as text, with references as in `Fn::Sub`: `${Database.Arn}`."""
    match value:
        case None:
            text = ""
        case Mapping() if is_function(value):
            text = _format_function(*value.items())
        case Mapping():
            text = (
                "{" + ", ".join(f"{key}: {format_value(item)}" for key, item in value.items()) + "}"
            )
        case list():
            text = ", ".join(map(format_value, value))
        case _:
            text = str(canonical(value))
    return text


def _format_function(call: tuple[str, Any]) -> str:
    name, argument = call
    if name in {"Ref", "Fn::GetAtt", "Fn::Sub", "Fn::Join"}:
        return text_of({name: argument})
    return f"{name.removeprefix('Fn::')}({format_value(argument)})"
