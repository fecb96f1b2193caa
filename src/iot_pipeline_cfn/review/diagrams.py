"""A diagram of the traffic of an environment in the language of Mermaid, which GitHub draws.

https://mermaid.js.org/syntax/flowchart.html
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from iot_pipeline_cfn.template.lookup import Resources, of_type
from iot_pipeline_cfn.template.references import references

from .traffic import Flow

EVERYWHERE = "0.0.0.0/0"
ESCAPES = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;"}

Edges = Mapping[tuple[str, str], str]
"""The labels of connections by source and target."""


def traffic_diagram(resources: Resources, matrix: Iterable[Flow]) -> list[str]:
    """Return the lines of a diagram: requests to the API, then what security groups allow."""
    requests = dict(_requests(resources))
    connections = _connections(matrix)
    alike = _alike(connections, resources)
    boxes: dict[str, str] = {}
    for name in [name for ends in (*requests, *connections) for name in ends]:
        first = alike.get(name, (name,))[0]
        text = "<br/>".join(map(_escape, alike.get(name, (name,))))
        boxes[first] = f'["{text}"]' if name in resources else f'(["{text}"])'
    inside = {name for ends in connections for name in ends if name in resources} & boxes.keys()
    lines = [f"{_id(name)}{boxes[name]}" for name in sorted(boxes.keys() - inside)]
    lines += ['subgraph InVpc["VPC"]', *(f"{name}{boxes[name]}" for name in sorted(inside)), "end"]
    for arrow, edges in (("-.->", requests), ("-->", connections)):
        lines += [
            f'{_id(source)} {arrow}|"{_escape(label)}"| {_id(target)}'
            for (source, target), label in edges.items()
            if {source, target} <= boxes.keys()
        ]
    return ["flowchart LR", *lines]


def _connections(matrix: Iterable[Flow]) -> Edges:
    ports: dict[tuple[str, str], list[str]] = defaultdict(list)
    for flow in sorted(matrix):
        source = "Anyone" if flow.source == EVERYWHERE else flow.source
        target = "Internet" if flow.target == EVERYWHERE else flow.target
        ports[source, target].append(str(flow.ports))
    return {ends: ", ".join(each) for ends, each in ports.items()}


def _alike(edges: Edges, resources: Resources) -> dict[str, tuple[str, ...]]:
    """Return for each resource all those with the same connections, which share one box."""
    connected: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for (source, target), label in edges.items():
        connected[source].add(("to", target, label))
        connected[target].add(("from", source, label))
    return {
        name: tuple(sorted(each for each in resources if connected.get(each) == connected[name]))
        for name in connected.keys() & resources.keys()
    }


def _requests(resources: Resources) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the path of requests from their callers to the load balancer."""
    paths = of_type(resources, "AWS::ApiGateway::Resource")
    links = of_type(resources, "AWS::ApiGatewayV2::VpcLink").keys()
    balancers = of_type(resources, "AWS::ElasticLoadBalancingV2::LoadBalancer").keys()
    for method in of_type(resources, "AWS::ApiGateway::Method").values():
        api, resource = (
            next(references(method.get(key)), "") for key in ("RestApiId", "ResourceId")
        )
        path = paths.get(resource, {}).get("PathPart", "")
        yield ("Callers", api), f"{method.get('HttpMethod')} /{path}"
        named = set(references(method.get("Integration")))
        for name in sorted(named & links or named & balancers):
            yield (api, name), "privately" if name in links else "over the internet"


def _id(name: str) -> str:
    """Return an ID that Mermaid accepts."""
    return name if name.isalnum() else f"Address{''.join(filter(str.isalnum, name))}"


def _escape(text: str) -> str:
    """Return a text as a label in quotes shows it."""
    return "".join(ESCAPES.get(character, character) for character in text)
