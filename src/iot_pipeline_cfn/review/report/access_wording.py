"""The wording of findings about traffic, permissions, exposure, quotas and prices."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.template.findings import Finding

ACCESS_WORDINGS: Final[Mapping[str, str | Callable[[Finding], str]]] = MappingProxyType({})

SHOWN = 3
"""How many of many things a line names."""


def listing(items: Iterable[str], separator: str = ", ") -> str:
    """Return the first few of the items, sorted, and how many there are besides."""
    ordered = sorted(set(items))
    more = [f"and {left} more"] if (left := len(ordered) - SHOWN) > 0 else []
    return " ".join([separator.join(ordered[:SHOWN]), *more])
