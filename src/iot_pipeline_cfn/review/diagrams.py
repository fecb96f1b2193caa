"""Diagrams of an environment in the language of Mermaid, which GitHub draws.

https://mermaid.js.org/syntax/flowchart.html
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from iot_pipeline_cfn.template.lookup import Resources, as_list, of_type
from iot_pipeline_cfn.template.references import references

from .traffic import Flow

ANY = "0.0.0.0/0"
ANYBODY, ANYWHERE = "Anybody", "Anywhere"
BREAK = "<br/>"


def network(resources: Resources, used: Mapping[str, set[str]]) -> list[str]:
    """Return the lines of a diagram of what stands in which subnet, and where routes lead.

    `used` gives the resources that each one refers to.
    """
    lines = ["flowchart LR"]
    holds = _standing(resources, used)
    for vpc, properties in of_type(resources, "AWS::EC2::VPC").items():
        lines.append(f'subgraph {vpc}["{_text(vpc, properties.get("CidrBlock"))}"]')
        for number, subnets in enumerate(_zones(resources, vpc), 1):
            lines.append(f'subgraph {vpc}Zone{number}["Zone {number}"]')
            for subnet in subnets:
                lines += _subnet(resources, subnet, holds[subnet])
            lines.append("end")
        lines += [
            f'{name}["{_text(name)}"]'
            for name, endpoint in of_type(resources, "AWS::EC2::VPCEndpoint").items()
            if vpc in used[name] and endpoint.get("RouteTableIds")
        ]
        lines.append("end")
    return [*lines, *_routes(resources)]


def _zones(resources: Resources, vpc: str) -> list[list[str]]:
    """Return the subnets of each zone of a VPC."""
    zones = defaultdict(list)
    for name, subnet in of_type(resources, "AWS::EC2::Subnet").items():
        if vpc in references(subnet.get("VpcId")):
            zones[json.dumps(subnet.get("AvailabilityZone"), sort_keys=True)].append(name)
    return [zones[zone] for zone in sorted(zones)]


def _subnet(resources: Resources, subnet: str, holds: Sequence[str]) -> Iterator[str]:
    """Yield a subnet with what stands in it."""
    cidr = of_type(resources, "AWS::EC2::Subnet")[subnet].get("CidrBlock")
    yield f'subgraph {subnet}["{_text(subnet, cidr)}"]'
    gateways = of_type(resources, "AWS::EC2::NatGateway")
    yield from (f'{name}["{_text(name)}"]' for name in holds if name in gateways)
    others = [_placed(resources, name) for name in holds if name not in gateways]
    if others or not holds:
        yield f'{subnet}Holds["{BREAK.join(others) or "nothing"}"]'
    yield "end"


def _standing(resources: Resources, used: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """Return what stands in each subnet, by itself or by its subnet group."""
    subnets = of_type(resources, "AWS::EC2::Subnet").keys()
    groups = {
        name: used[name] & subnets
        for name, resource in resources.items()
        if resource["Type"].endswith("SubnetGroup")
    }
    found: dict[str, list[str]] = {subnet: [] for subnet in subnets}
    for name in sorted(resources):
        if name in groups or resources[name]["Type"] == "AWS::EC2::SubnetRouteTableAssociation":
            continue
        through = (groups[group] for group in used[name] & groups.keys())
        for subnet in (used[name] & subnets) or set().union(*through):
            found[subnet].append(name)
    return found


def _placed(resources: Resources, name: str) -> str:
    """Return a name, and that its one instance may be elsewhere, where that is so."""
    database = of_type(resources, "AWS::RDS::DBInstance").get(name, {"MultiAZ": True})
    return _text(name) if database.get("MultiAZ") else f"{_text(name)}, here or there"


def _routes(resources: Resources) -> Iterator[str]:
    """Yield where the routes of each subnet lead."""
    subnets = defaultdict(list)
    for each in of_type(resources, "AWS::EC2::SubnetRouteTableAssociation").values():
        subnets[_name(each.get("RouteTableId"))].append(_name(each.get("SubnetId")))
    gateways = of_type(resources, "AWS::EC2::InternetGateway")
    ways = gateways.keys() | of_type(resources, "AWS::EC2::NatGateway").keys()
    for route in of_type(resources, "AWS::EC2::Route").values():
        cidr = route.get("DestinationCidrBlock")
        label = "" if cidr == ANY else f'|"{_text(cidr)}"|'
        way = _name(route.get("GatewayId", route.get("NatGatewayId")))
        if way in ways:
            yield from (
                f"{subnet} -->{label} {way}" for subnet in subnets[_name(route.get("RouteTableId"))]
            )
    for name, endpoint in of_type(resources, "AWS::EC2::VPCEndpoint").items():
        for routes in as_list(endpoint.get("RouteTableIds")):
            yield from (f"{subnet} --> {name}" for subnet in subnets[_name(routes)])
    for name in gateways:
        yield f"{name} --> Internet((Internet))"
        yield from (f"{way} --> {name}" for way in sorted(ways - gateways.keys()))


def _name(value: object) -> str:
    """Return the resource that a value refers to."""
    return next(references(value), "")


def traffic(
    resources: Resources, used: Mapping[str, set[str]], matrix: Iterable[Flow]
) -> list[str]:
    """Return the lines of a diagram of who talks to whom, inside and outside of the VPC.

    `used` gives the resources that each one refers to, and `matrix` who reaches whom.
    """
    carriers = _carriers(resources, used)
    groups = {name: group for group, names in carriers.items() for name in names}
    inside: dict[str, str] = {}
    outside: dict[str, str] = {}

    def node(name: str) -> str:
        """Return the id of the node for a name, which is there from now on."""
        place = groups.get(name, name)
        key = place if place.isalnum() else f"Address{''.join(filter(str.isalnum, place))}"
        label = BREAK.join(map(_text, carriers.get(place, [place])))
        nodes = inside if place in carriers else outside
        nodes[key] = f'["{label}"]' if place in resources else f'(["{label}"])'
        return key

    edges = [
        f'{node(ANYBODY if source == ANY else source)} -->|"{label}"| '
        f"{node(ANYWHERE if target == ANY else target)}"
        for (source, target), label in sorted(_ports(matrix).items())
    ]
    edges += [
        f'{node(source)} -.->|"{_text(label)}"| {node(target)}'
        for source, target, label in dict.fromkeys(_relations(resources))
    ]
    return [
        "flowchart LR",
        *(f"{key}{shape}" for key, shape in sorted(outside.items())),
        'subgraph InVpc["VPC"]',
        *(f"{key}{shape}" for key, shape in sorted(inside.items())),
        "end",
        *edges,
    ]


def _carriers(resources: Resources, used: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """Return what carries each security group."""
    found: dict[str, list[str]] = {
        name: [] for name in of_type(resources, "AWS::EC2::SecurityGroup")
    }
    for name, others in used.items():
        if not resources[name]["Type"].startswith("AWS::EC2::SecurityGroup"):
            for group in found.keys() & others:
                found[group].append(name)
    return {group: sorted(names) or [group] for group, names in found.items()}


def _ports(matrix: Iterable[Flow]) -> dict[tuple[str, str], str]:
    """Return the ports between two ends, in words."""
    found = defaultdict(list)
    for flow in sorted(matrix, key=lambda flow: (flow.protocol, str(flow.from_port).zfill(5))):
        found[flow.source, flow.target].append(ports(flow))
    return {ends: ", ".join(each) for ends, each in found.items()}


def ports(flow: Flow) -> str:
    """Return the protocol and the ports of a flow as people write them."""
    if flow.protocol == "-1":
        return "all"
    both = str(flow.from_port)
    if flow.to_port != flow.from_port:
        both += f" to {flow.to_port}"
    return f"{flow.protocol} {both}"


def _relations(resources: Resources) -> Iterator[tuple[str, str, str]]:
    """Yield who talks to whom where no security group says so."""
    yield from _requests(resources)
    yield from _of_tasks(resources)
    for name, rule in of_type(resources, "AWS::Events::Rule").items():
        for source in _known(resources, rule.get("EventPattern")):
            yield source, name, "event"
        for target in as_list(rule.get("Targets")):
            yield from ((name, other, "starts") for other in _known(resources, target.get("Arn")))
    for name, machine in of_type(resources, "AWS::StepFunctions::StateMachine").items():
        steps = machine.get("DefinitionString")
        services = of_type(resources, "AWS::ECS::Service").keys()
        for other in _known(resources, steps):
            if other in services:
                yield name, other, "fresh tasks"


def _requests(resources: Resources) -> Iterator[tuple[str, str, str]]:
    """Yield the way of requests from their callers to the load balancer."""
    paths = of_type(resources, "AWS::ApiGateway::Resource")
    links = of_type(resources, "AWS::ApiGatewayV2::VpcLink").keys()
    balancers = of_type(resources, "AWS::ElasticLoadBalancingV2::LoadBalancer").keys()
    for method in of_type(resources, "AWS::ApiGateway::Method").values():
        api = _name(method.get("RestApiId"))
        path = paths.get(_name(method.get("ResourceId")), {}).get("PathPart", "")
        yield "Callers", api, f"{method.get('HttpMethod')} /{path}"
        named = _known(resources, method.get("Integration"))
        ways = [name for name in named if name in links] or [
            name for name in named if name in balancers
        ]
        for way in ways:
            yield api, way, "privately" if way in links else "over the internet"
    for each in of_type(resources, "AWS::WAFv2::WebACLAssociation").values():
        for acl in _known(resources, each.get("WebACLArn")):
            stages = of_type(resources, "AWS::ApiGateway::Stage")
            for stage in _known(resources, each.get("ResourceArn")):
                yield acl, _name(stages.get(stage, {}).get("RestApiId")) or stage, "filters"


def _of_tasks(resources: Resources) -> Iterator[tuple[str, str, str]]:
    """Yield what the tasks of each service use besides what they reach."""
    labels = {
        "AWS::ECR::Repository": "image",
        "AWS::Logs::LogGroup": "logs",
        "AWS::SecretsManager::Secret": "secret",
    }
    definitions = of_type(resources, "AWS::ECS::TaskDefinition")
    for name, service in of_type(resources, "AWS::ECS::Service").items():
        for definition in _known(resources, service.get("TaskDefinition")):
            containers = definitions.get(definition, {}).get("ContainerDefinitions")
            for other in _known(resources, containers):
                if label := labels.get(resources[other]["Type"]):
                    yield name, other, label


def _known(resources: Resources, value: object) -> list[str]:
    return sorted(resources.keys() & set(references(value)))


def _text(*parts: object) -> str:
    """Return texts as a label in quotes shows them."""
    text = " ".join(str(part) for part in parts if part)
    for character, name in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        text = text.replace(character, name)
    return text
