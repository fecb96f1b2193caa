"""The availability zones of an environment."""

from collections.abc import Iterator

from .checking import Finding, Severity, Subject

CODE = "zones"


def look(subject: Subject) -> Iterator[Finding]:
    """Look whether the zones that an environment is given exist and can be used."""
    names = ("AvailabilityZone1", "AvailabilityZone2")
    given = {name: subject.parameters[name] for name in names if subject.parameters.get(name)}
    if not given or not subject.new("AWS::EC2::Subnet"):
        return
    zones = subject.connection.ec2.describe_availability_zones()["AvailabilityZones"]
    states = {zone["ZoneName"]: zone["State"] for zone in zones}
    for name, zone in given.items():
        if states.get(zone) != "available":
            usable = ", ".join(sorted(each for each in states if states[each] == "available"))
            message = (
                f"{name}: {zone} is not available in {subject.connection.region}: {usable} are"
            )
            yield Finding(CODE, Severity.ERROR, message)
