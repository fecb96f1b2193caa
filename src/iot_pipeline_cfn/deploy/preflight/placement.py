"""Zones: whether they exist, can be used now, and offer what the changes create there."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from iot_pipeline_cfn.deploy.request import ZONES
from iot_pipeline_cfn.template.findings import Finding, Remediation, Severity
from iot_pipeline_cfn.template.lookup import of_type
from iot_pipeline_cfn.template.references import references
from iot_pipeline_cfn.template.zones import OFFERS

from .checking import PreflightContext, choose_parameter, report, set_parameter

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import AvailabilityZoneTypeDef as Zone

SUBNET: Final = "AWS::EC2::Subnet"
ENDPOINT: Final = "AWS::EC2::VPCEndpoint"

Created = Mapping[str, Sequence[str]]
"""The created resources of one zone by their type."""


def check_zones(context: PreflightContext) -> Iterator[Finding]:
    """Report given zones that do not exist, cannot be used now, or lack what is created there.

    The template itself requires two different zones that are no local zones.
    """
    created = _created_by_zone(context)
    given = {name: zone for name in ZONES if (zone := context.parameters.get(name)) in created}
    if not given:
        return
    described = context.connection.ec2.describe_availability_zones()["AvailabilityZones"]
    zones = {zone["ZoneName"]: zone for zone in described if zone["State"] != "unavailable"}
    for name, value in given.items():
        if value in zones:
            yield from _missing_offers(context, name, zones[value], created[value])
        elif subnets := created[value].get(SUBNET):
            facts = {"zone": value, "region": context.connection.region, "usable": sorted(zones)}
            choose = choose_parameter(name, values=facts["usable"])
            problem = "unavailable"
            yield report(
                "zones", Severity.ERROR, subnets, choose, subject=name, problem=problem, **facts
            )
    yield from _missing_endpoints(context, {name: created[zone] for name, zone in given.items()})


def _created_by_zone(context: PreflightContext) -> dict[str, dict[str, list[str]]]:
    """Return the created resources by the zone of their subnets, and by type."""
    zones = {
        name: str(properties.get("AvailabilityZone"))
        for name, properties in of_type(context.resources, SUBNET).items()
    }
    created: dict[str, dict[str, list[str]]] = {}
    for resource_type in (SUBNET, ENDPOINT, *OFFERS):
        for name, properties in context.changed(resource_type).items():
            subnets = {name} if resource_type == SUBNET else {*references(properties)}
            for zone in {zones[each] for each in subnets & zones.keys()}:
                created.setdefault(zone, {}).setdefault(resource_type, []).append(name)
    return created


def _missing_offers(
    context: PreflightContext, name: str, zone: "Zone", created: Created
) -> Iterator[Finding]:
    """Report that a zone, given by a parameter, is constrained or lacks what is created there."""
    report_zone = partial(
        report,
        "zones",
        subject=name,
        zone=zone["ZoneName"],
        region=context.connection.region,
    )
    if SUBNET in created and zone["State"] != "available":
        state = zone["State"]
        yield report_zone(Severity.WARNING, created[SUBNET], problem="constrained", state=state)
    for resource_type, offer in OFFERS.items():
        covered = offer.covers(zone["ZoneId"])
        if resource_type in created and not covered:
            yield report_zone(
                Severity.WARNING if covered is None else Severity.ERROR,
                created[resource_type],
                *_remediations(name, created, resource_type),
                problem="region-not-listed" if covered is None else "not-offered",
                zone_id=zone["ZoneId"],
                offering=offer.what,
                source=offer.source,
            )


def _remediations(name: str, created: Created, resource_type: str) -> Iterator[Remediation]:
    """Yield how to do without a type of resource in the zone of a parameter."""
    if SUBNET in created:  # Otherwise the environment exists and keeps its zones.
        yield choose_parameter(name)
    match resource_type:
        case "AWS::EC2::NatGateway":
            yield set_parameter("NatGateways", "none" if name == ZONES[0] else "single")
        case "AWS::ApiGatewayV2::VpcLink":
            yield set_parameter("Ingress", "public")


def _missing_endpoints(
    context: PreflightContext, created: Mapping[str, Created]
) -> Iterator[Finding]:
    """Report interface endpoints in zones, by parameter, where their service has none."""
    services = {
        logical_id: str(properties.get("ServiceName"))
        for logical_id, properties in context.changed(ENDPOINT).items()
        if properties.get("VpcEndpointType") == "Interface"
    }
    if not any(ENDPOINT in here for here in created.values()):
        return
    details = context.connection.ec2.describe_vpc_endpoint_services(
        ServiceNames=sorted({*services.values()})
    )["ServiceDetails"]
    offered = {each["ServiceName"]: each["AvailabilityZones"] for each in details}
    for name, here in created.items():
        zone = context.parameters[name]
        for logical_id in here.get(ENDPOINT, ()):
            service = services[logical_id]
            if zone not in offered.get(service, [zone]):
                yield report(
                    "zones",
                    Severity.ERROR,
                    [logical_id],
                    *_remediations(name, here, ENDPOINT),
                    subject=name,
                    problem="no-endpoint",
                    zone=zone,
                    service=service,
                )
