"""The availability zones of an environment.

That they are two different ones, and no local zones, the template itself says of its parameters;
and `planning.refuse_fixed` sees to it that they stay what they are.
"""

from collections.abc import Iterator, Sequence

from iot_pipeline_cfn.deploy.request import ZONES_WITHOUT_NAT_GATEWAYS

from .checking import Finding, Severity, Subject

CODE = "zones"


def look(subject: Subject) -> Iterator[Finding]:
    """Look whether the zones exist, can be used, and can have the NAT gateways that are wanted."""
    names = ("AvailabilityZone1", "AvailabilityZone2")
    given = {name: subject.parameters[name] for name in names if subject.parameters.get(name)}
    subnets, gateways = subject.new("AWS::EC2::Subnet"), subject.new("AWS::EC2::NatGateway")
    if not given or not (subnets or gateways):
        return
    region = subject.connection.region
    zones = {
        zone["ZoneName"]: zone
        for zone in subject.connection.ec2.describe_availability_zones()["AvailabilityZones"]
    }
    states = {name: zone["State"] for name, zone in zones.items()}
    usable = sorted(name for name in zones if states[name] != "unavailable")
    for name, zone in given.items():
        # PublicSubnet1, PrivateSubnet1 and NatGateway1 stand in AvailabilityZone1, and so on.
        number = name[-1]
        gateway = f"NatGateway{number}"
        if zone not in usable:
            if subnets:
                message = f"{name}: {zone} is not available in {region}: {', '.join(usable)} are"
                yield Finding(CODE, Severity.ERROR, message, _of(number, subnets))
            continue
        if subnets and states[zone] != "available":
            # Such as `constrained`: what is needed may well be had.
            message = f"{name}: {zone} is {states[zone]}, says AWS: creations may fail there"
            yield Finding(CODE, Severity.WARNING, message, _of(number, subnets))
        if gateway in gateways and zones[zone]["ZoneId"] in ZONES_WITHOUT_NAT_GATEWAYS:
            fewer = "none" if number == "1" else "single"
            message = (
                f"{name}: {zone} is {zones[zone]['ZoneId']}, where AWS offers no NAT gateways; "
                f"give another zone, or --parameter NatGateways={fewer}"
            )
            yield Finding(CODE, Severity.ERROR, message, [gateway])


def _of(number: str, subnets: Sequence[str]) -> list[str]:
    return [subnet for subnet in subnets if subnet.endswith(number)]
