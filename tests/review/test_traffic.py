"""Changes of what security groups allow."""

import time
from ipaddress import IPv4Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comparing import compared
from iot_pipeline_cfn.review.ports import Ports
from iot_pipeline_cfn.review.traffic import Flow, find_traffic_changes, flows
from iot_pipeline_cfn.template.findings import Severity

ANYWHERE = "0.0.0.0/0"
NOWHERE = [{"CidrIp": "127.0.0.1/32", "IpProtocol": "-1"}]


def compare(before, after):
    return compared(find_traffic_changes, before, after)


def ref(name):
    return {"Ref": name}


def rule(whom, port=None, to_port=None, protocol="tcp", end="Source"):
    """A rule for an address range, a prefix list, or what is referred to."""
    if isinstance(whom, dict) or whom.startswith("sg-"):
        key = f"{end}SecurityGroupId"
    else:
        key = "CidrIpv6" if ":" in whom else "CidrIp"
        key = f"{end}PrefixListId" if whom.startswith("pl-") else key
    ports = {} if port is None else {"FromPort": port, "ToPort": to_port or port}
    return {key: whom, "IpProtocol": protocol, **ports}


def group(*ingress, egress=NOWHERE):
    properties = {"SecurityGroupIngress": list(ingress), "VpcId": ref("Vpc")}
    if egress is not None:
        properties["SecurityGroupEgress"] = egress
    return {"Type": "AWS::EC2::SecurityGroup", "Properties": properties}


def extra(kind, of, body):
    return {"Type": f"AWS::EC2::SecurityGroup{kind}", "Properties": {"GroupId": of, **body}}


def base(*ingress, egress=NOWHERE, app_egress=None, **others):
    """An application whose group is `App`, and a database whose group is `Data`."""
    return {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "App": group(egress=app_egress),
        "Data": group(*ingress, egress=egress),
        "Database": {
            "Type": "AWS::RDS::DBInstance",
            "Properties": {"VPCSecurityGroups": [ref("Data")]},
        },
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {
                "NetworkConfiguration": {"AwsvpcConfiguration": {"SecurityGroups": [ref("App")]}}
            },
        },
        **others,
    }


def renamed(resources, old, new):
    def inside(value):
        if isinstance(value, dict):
            return {key: inside(item) for key, item in value.items()}
        if isinstance(value, list):
            return [inside(item) for item in value]
        return new if value == old else value

    return {new if name == old else name: inside(body) for name, body in resources.items()}


FROM_APP = rule(ref("App"), 5432)
TO_DATA = rule(ref("Data"), 5432, end="Destination")

SAME = {
    "order": (base(rule(ANYWHERE, 80), FROM_APP), base(FROM_APP, rule(ANYWHERE, 80))),
    "ports one by one": (
        base(rule(ANYWHERE, 80, 81)),
        base(rule(ANYWHERE, 80), rule(ANYWHERE, 81)),
    ),
    "a resource of its own": (base(FROM_APP), base(Way=extra("Ingress", ref("Data"), FROM_APP))),
    "by attribute": (
        base(FROM_APP),
        base(rule({"Fn::GetAtt": ["App", "GroupId"]}, 5432)),
    ),
    "protocol by number": (base(FROM_APP), base(rule(ref("App"), 5432, protocol=6))),
    "ports as text": (base(FROM_APP), base(rule(ref("App"), "5432"))),
    "host bits": (base(rule("10.0.0.0/16", 1)), base(rule("10.0.3.7/16", 1))),
    "another name": (base(FROM_APP), renamed(base(FROM_APP), "Data", "DatabaseGroup")),
    "all ports of a protocol without ports": (
        base(rule(ANYWHERE, protocol="47")),
        base(rule(ANYWHERE, 1, protocol="47")),
    ),
    "egress that answers cannot need": (base(FROM_APP), base(FROM_APP, egress=NOWHERE * 2)),
}


@pytest.mark.parametrize(("before", "after"), SAME.values(), ids=SAME.keys())
def test_form_of_the_rules_makes_no_difference(before, after):
    assert compare(before, after) == compare(after, before) == []


# A row: before, after; source, target and ports of the connection.
WIDER = {
    "the internet": (
        base(FROM_APP), base(FROM_APP, rule(ANYWHERE, 5432)),
        ("0.0.0.0/0", "Database", "tcp 5432"),
    ),
    "IPv6 after IPv4": (
        base(rule(ANYWHERE, 5432)), base(rule(ANYWHERE, 5432), rule("::/0", 5432)),
        ("::/0", "Database", "tcp 5432"),
    ),
    "a subnet by a group outside of it": (
        base(rule("10.0.3.0/24", 5432)), base(rule("10.0.3.0/24", 5432), FROM_APP),
        ("Service", "Database", "tcp 5432"),
    ),
    "more ports": (
        base(rule(ANYWHERE, 80, 90)), base(rule(ANYWHERE, 79, 91)),
        ("0.0.0.0/0", "Database", "tcp 79, tcp 91"),
    ),
    "every protocol": (
        base(rule(ANYWHERE, 0, 65535)), base(rule(ANYWHERE, protocol="-1")),
        ("0.0.0.0/0", "Database", "all"),
    ),
    "UDP": (
        base(rule(ANYWHERE, 53)), base(rule(ANYWHERE, 53), rule(ANYWHERE, 53, protocol="udp")),
        ("0.0.0.0/0", "Database", "udp 53"),
    ),
    "pings": (
        base(), base(rule(ANYWHERE, 8, -1, protocol="icmp")),
        ("0.0.0.0/0", "Database", "icmp 8--1"),
    ),
    "ICMP of one code": (
        base(), base(rule(ANYWHERE, 3, 4, protocol="1")),
        ("0.0.0.0/0", "Database", "icmp 3-4"),
    ),
    "every ICMP": (
        base(rule(ANYWHERE, 8, -1, protocol="icmp")), base(rule(ANYWHERE, -1, -1, protocol="icmp")),
        ("0.0.0.0/0", "Database", "icmp"),
    ),
    "a prefix list": (base(), base(rule("pl-1", 443)), ("pl-1", "Database", "tcp 443")),
    "a group of somebody else": (base(), base(rule("sg-1", 443)), ("sg-1", "Database", "tcp 443")),
    "egress that both ends need": (
        base(FROM_APP, app_egress=NOWHERE), base(FROM_APP, app_egress=[TO_DATA]),
        ("Service", "Database", "tcp 5432"),
    ),
    "egress as a resource": (
        base(FROM_APP, app_egress=NOWHERE),
        base(FROM_APP, app_egress=NOWHERE, Way=extra("Egress", ref("App"), TO_DATA)),
        ("Service", "Database", "tcp 5432"),
    ),
    "egress to the world": (
        base(app_egress=NOWHERE), base(app_egress=[rule(ANYWHERE, 443)]),
        ("Service", "0.0.0.0/0", "tcp 443"),
    ),
    "no egress rule, so EC2's own": (
        base(app_egress=NOWHERE), base(app_egress=[]),
        ("Service", "::/0", "all"),
    ),
    "addresses that a parameter hides": (
        base(), base(rule(ANYWHERE, 22) | {"CidrIp": ref("Office")}),
        ("Office", "Database", "tcp 22"),
    ),
    "either side of a condition": (
        base(),
        base({"Fn::If": ["OnlyAStackKnows", rule(ANYWHERE, 1), ref("AWS::NoValue")]}),
        ("0.0.0.0/0", "Database", "tcp 1"),
    ),
    "another carrier of the group": (
        base(FROM_APP),
        base(FROM_APP, Worker={
            "Type": "AWS::Lambda::Function",
            "Properties": {"VpcConfig": {"SecurityGroupIds": [ref("App")]}},
        }),
        ("Worker", "Database", "tcp 5432"),
    ),
}  # fmt: skip


def connections(findings, code):
    """Return source, target and ports of the connections that findings are about."""
    return {
        (source, target, ", ".join(finding.details["ports"]))
        for finding in findings
        if finding.code == code
        for source in finding.details["sources"]
        for target in finding.details["targets"]
    }


@pytest.mark.parametrize(("before", "after", "connection"), WIDER.values(), ids=WIDER.keys())
def test_new_connection_is_exposure_and_its_reversal_is_not(before, after, connection):
    found = compare(before, after)
    assert connection in connections(found, "traffic-opened")
    assert Severity.EXPOSURE in {finding.severity for finding in found}
    reversal = compare(after, before)
    assert connection in connections(reversal, "traffic-closed")
    assert {finding.severity for finding in reversal} == {Severity.CHANGE}


def test_port_that_is_a_reference_may_be_another_one():
    """In both directions; but it is within all ports."""
    known, hidden = base(FROM_APP), base(rule(ref("App"), ref("Port")))
    for before, after, ports in ((known, hidden, "tcp Port"), (hidden, known, "tcp 5432")):
        assert connections(compare(before, after), "traffic-opened") == {
            ("Service", "Database", ports)
        }
    (finding,) = compare(base(rule(ref("App"), 0, 65535)), hidden)
    assert finding.code == "traffic-closed"


def test_finding_has_everything_that_reaches_its_targets():
    (finding,) = compare(base(FROM_APP), base(FROM_APP, rule(ANYWHERE, 5432)))
    assert finding.subject == "Database"
    assert finding.details == {
        "sources": ["0.0.0.0/0"],
        "targets": ["Database"],
        "ports": ["tcp 5432"],
        "before": {"Service": ["tcp 5432"]},
        "after": {"0.0.0.0/0": ["tcp 5432"], "Service": ["tcp 5432"]},
    }


def test_group_instead_of_everyone_is_no_exposure():
    found = compare(base(rule(ANYWHERE, 5432)), base(FROM_APP))
    assert [finding.code for finding in found] == ["traffic-closed"]
    assert connections(found, "traffic-closed") == {(ANYWHERE, "Database", "tcp 5432")}


def test_new_resource_instead_of_everyone_is_no_exposure():
    worker = {"Type": "AWS::Lambda::Function", "Properties": {"SecurityGroupIds": [ref("New")]}}
    after = base(rule(ref("New"), 5432), New=group(egress=[TO_DATA]), Worker=worker)
    assert {each.code for each in compare(base(rule(ANYWHERE, 5432)), after)} == {"traffic-closed"}


@pytest.mark.parametrize(
    ("groups", "code"),
    [
        (["Data", "Open"], "traffic-opened"),
        (["Data", "sg-1"], "unknown-security-groups"),
        ([], "default-security-group"),
    ],
)
def test_change_of_the_attached_groups_may_expose(groups, code):
    before = base(FROM_APP, Open=group(rule(ANYWHERE, 22)))
    carried = [name if name.startswith("sg-") else ref(name) for name in groups]
    database = {"Type": "AWS::RDS::DBInstance", "Properties": {"VPCSecurityGroups": carried}}
    found = compare(before, before | {"Database": database})
    exposed = {each.code: each for each in found if each.severity is Severity.EXPOSURE}
    assert exposed[code].subject == "Database"


def test_targets_with_the_same_source_and_ports_are_one_finding():
    others = {
        f"Replica{number}": {
            "Type": "AWS::RDS::DBInstance",
            "Properties": {"VPCSecurityGroups": [ref("Data")]},
        }
        for number in range(3)
    }
    (finding,) = compare(base(**others), base(rule("pl-1", 1), **others))
    assert finding.details["targets"] == ["Database", "Replica0", "Replica1", "Replica2"]


def test_sources_with_the_same_targets_and_ports_are_one_finding():
    """Egress that opens for many resources is one fact."""
    workers = {
        f"Worker{number}": {
            "Type": "AWS::Lambda::Function",
            "Properties": {"SecurityGroupIds": [ref("App")]},
        }
        for number in range(3)
    }
    (finding,) = compare(base(app_egress=NOWHERE, **workers), base(app_egress=[], **workers))
    assert finding.details["sources"] == ["Service", "Worker0", "Worker1", "Worker2"]
    assert finding.details["targets"] == ["0.0.0.0/0", "::/0"]


def many(address, count=200):
    """Groups with a port each, whose carriers can all be reached by the first."""
    found = {}
    for number in range(count):
        own = rule(address, 8000 + number)
        found[f"Group{number}"] = group(own, rule(ref("Group0"), 80), rule(ANYWHERE, number))
        found[f"Server{number}"] = {
            "Type": "AWS::EC2::Instance",
            "Properties": {"SecurityGroupIds": [ref(f"Group{number}")]},
        }
    return found


def test_many_changed_groups_are_compared_in_time():
    """The time grows with the change and not with its square: 200 groups took two minutes."""
    start = time.process_time()
    assert len(compare(many("192.0.2.1/32"), many("198.51.100.1/32"))) == 400
    assert time.process_time() - start < 2


def test_flows_need_the_rules_of_both_ends():
    """Ranges of addresses have no rules of their own."""
    resources = base(
        FROM_APP, rule(ANYWHERE, 80), app_egress=[rule("10.0.0.0/8", 5000, 6000, end="Destination")]
    )
    assert flows(resources) == {
        Flow("Service", "Database", Ports("tcp", 5432, 5432)),
        Flow("Service", "10.0.0.0/8", Ports("tcp", 5000, 6000)),
        Flow(ANYWHERE, "Database", Ports("tcp", 80, 80)),
    }


def networks():
    return st.builds(
        lambda address, length: ip_network((address, length), strict=False),
        st.integers(0, 2**32 - 1),
        st.integers(0, 30),
    ).filter(lambda network: not network.is_loopback)


@st.composite
def rules(draw):
    low, high = sorted(draw(st.tuples(st.integers(0, 65535), st.integers(0, 65535))))
    protocol = draw(st.sampled_from(["tcp", "udp", "-1"]))
    return rule(str(draw(networks())), low, high, protocol)


@st.composite
def narrowed(draw, wide):
    """Draw a rule for a part of the addresses and of the ports."""
    network = IPv4Network(wide["CidrIp"])
    length = draw(st.integers(network.prefixlen, 32))
    address = int(network[0]) + draw(st.integers(0, network.num_addresses - 1))
    low = draw(st.integers(wide["FromPort"], wide["ToPort"]))
    protocol = draw(st.sampled_from(["tcp", "-1"])) if wide["IpProtocol"] == "-1" else None
    return rule(
        str(ip_network((address, length), strict=False)),
        low,
        draw(st.integers(low, wide["ToPort"])),
        protocol or wide["IpProtocol"],
    )


@given(st.data(), st.lists(rules(), min_size=1, max_size=4))
def test_narrower_is_never_wider(data, wide):
    narrow = [data.draw(narrowed(one)) for one in data.draw(st.permutations(wide))]
    found = compare(base(*wide), base(*narrow))
    assert Severity.EXPOSURE not in {finding.severity for finding in found}


@given(rules(), st.data())
def test_splitting_is_no_exposure(wide, data):
    network = IPv4Network(wide["CidrIp"])
    halves = [wide | {"CidrIp": str(half)} for half in network.subnets()]
    middle = data.draw(st.integers(wide["FromPort"], wide["ToPort"]))
    parts = [
        part
        for half in halves
        for part in (
            half | {"ToPort": middle},
            half | {"FromPort": min(middle + 1, half["ToPort"])},
        )
    ]
    found = compare(base(wide), base(*parts))
    assert Severity.EXPOSURE not in {finding.severity for finding in found}


@given(st.lists(rules(), max_size=3), rules())
def test_rule_for_more_than_before_is_always_found(some, added):
    """Whatever is let through already, an address that none of it names is new."""
    known = [IPv4Network(one["CidrIp"]) for one in some]
    found = compare(base(*some), base(*some, added))
    network = IPv4Network(added["CidrIp"])
    if not any(network.overlaps(other) for other in known):
        assert [finding.severity for finding in found] == [Severity.EXPOSURE]


@given(st.lists(rules(), max_size=3), st.lists(rules(), max_size=3))
def test_union_lets_through_what_either_does(some, others):
    both = base(*some, *others)
    for part in (some, others):
        found = compare(base(*part), both)
        assert {finding.severity for finding in found} <= {Severity.EXPOSURE}


@pytest.mark.parametrize("removed", ["Service", "Database"])
def test_removed_carrier_of_a_group_opens_nothing(removed):
    before = base(rule(ref("App"), 5432))
    after = {name: body for name, body in before.items() if name != removed}
    assert not [found for found in compare(before, after) if found.severity is Severity.EXPOSURE]
