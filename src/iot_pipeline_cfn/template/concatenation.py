"""Text that `Fn::Sub` and `Fn::Join` put together, in one form.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-sub.html
"""

from collections.abc import Iterable, Mapping
from typing import Any

from .lookup import scalar_text
from .references import VARIABLE


def parse_variable(variable: str) -> dict[str, Any]:
    """Return the reference that a variable of `Fn::Sub` stands for."""
    name, _, attribute = variable.partition(".")
    return {"Fn::GetAtt": [name, attribute]} if attribute else {"Ref": variable}


def concatenated(pieces: Iterable[Any]) -> Any:
    """Return the text that pieces make together; `Fn::Sub` where some are not known.

    A function that has no form within text becomes a variable of its own.
    """
    kept: list[Any] = []
    for piece in pieces:
        parts = _parts(piece)
        if parts and kept and isinstance(kept[-1], str) and isinstance(parts[0], str):
            kept[-1] += parts.pop(0)
        kept += parts
    kept = [piece for piece in kept if piece != ""] or [""]
    if len(kept) == 1:
        return kept[0]
    own: dict[str, Any] = {}
    text = ""
    for piece in kept:
        match piece:
            case str():
                text += piece.replace("${", "${!")
            case {"Ref": str(name)}:
                text += f"${{{name}}}"
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                text += f"${{{name}.{attribute}}}"
            case _:
                known = next((key for key in own if own[key] == piece), str(len(own) + 1))
                own[known] = piece
                text += f"${{{known}}}"
    return {"Fn::Sub": [text, own] if own else text}


def _parts(piece: Any) -> list[Any]:
    """Return literals and values of a piece of text, which can be `Fn::Sub` itself."""
    match piece:
        case {"Fn::Sub": str(text)}:
            own: Mapping[str, Any] = {}
        case {"Fn::Sub": [str(text), Mapping() as own]}:
            pass
        case Mapping() | list():
            return [piece]
        case _:
            return [scalar_text(piece)]
    found = VARIABLE.split(text)
    found[::2] = [literal.replace("${!", "${") for literal in found[::2]]
    found[1::2] = [own.get(name, parse_variable(name)) for name in found[1::2]]
    return found
