"""What is asked of each environment, before and after a change.

An analysis is a module's `compare`, from the resolved resources before and after to remarks; adding
one is a line in `ANALYSES`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from iot_pipeline_cfn.template.lookup import Resources

from . import grants, losses, needs, prices, surface, traffic
from .remarks import Remark
from .verdict import DATA


@dataclass(frozen=True)
class Analysis:
    """A question, and the heading that its remarks stand under."""

    heading: str
    compare: Callable[..., list[Remark]]
    regional: bool = False
    """Whether it takes the region too."""
    of_new: bool = False
    """Whether it has something to say of an environment where nothing was before."""


ANALYSES: Final = (
    Analysis(DATA, losses.compare),
    Analysis("Traffic", traffic.compare),
    Analysis("Permissions", grants.compare),
    Analysis("Surface", surface.compare),
    Analysis("Quotas", needs.compare, of_new=True),
    Analysis("Cost", prices.compare, regional=True, of_new=True),
)


def analysed(
    before: Resources, after: Resources, *, region: str
) -> Iterator[tuple[str, list[Remark]]]:
    """Yield the remarks of each analysis with its heading; both sides are resolved resources."""
    for analysis in ANALYSES:
        if before or analysis.of_new:
            place = {"region": region} if analysis.regional else {}
            yield analysis.heading, analysis.compare(before, after, **place)
