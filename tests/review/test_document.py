"""What is written down about the template, to be read."""

import json
import re
import shutil
import sys

import pytest
from markdown_it import MarkdownIt

from checkout import PARAMETER_FILES, ROOT, run
from iot_pipeline_cfn.review.diagrams import network, ports, traffic
from iot_pipeline_cfn.review.document import document
from iot_pipeline_cfn.review.report.tables import code, escaped, table
from iot_pipeline_cfn.review.traffic import Flow
from iot_pipeline_cfn.template.parameters import load

GIVEN = {file.stem: load(file).parameters for file in PARAMETER_FILES}
TEXT = (ROOT / "templates/iot-pipeline.md").read_text()


def shown(text):
    """Return the text that a reader of Markdown sees."""
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    return "".join(
        "\n" if each.type == "softbreak" else each.content
        for token in tokens
        if token.type == "inline"
        for each in token.children
    )


def section(heading):
    """Return the rows of the tables of a section, each as its cells."""
    body = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [
        [cell.strip() for cell in line[1:-1].split("|")]
        for line in body.splitlines()
        if line.startswith("| ")
    ]


def test_document_is_the_same_each_time(template):
    """Whatever order the parameter files come in."""
    assert document("iot-pipeline", template, GIVEN) == TEXT
    assert document("iot-pipeline", template, dict(reversed(GIVEN.items()))) == TEXT


@pytest.mark.parametrize("name", ["Parameters", "Resources", "Outputs"])
def test_everything_of_the_template_is_in_its_section(template, name):
    """Once."""
    rows = section(name)
    found = re.findall(r"^`(\w+)`", "\n".join(row[0] for row in rows), re.MULTILINE)
    assert sorted(found) == sorted(template[name])


def test_kinds_show_what_is_not_the_default(template):
    """And what files give alike stands once."""
    header, _, *rows = section("Parameters")
    values = {re.findall(r"\w+", row[0])[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert header[1:] == ["Default", "dev", "pr", "prod", "staging"]
    for kind in ("dev", "prod", "staging"):
        for name, declaration in template["Parameters"].items():
            given = GIVEN[kind].get(name, "")
            expected = "" if given == str(declaration.get("Default", "")) else given
            assert values[name][kind].strip("`") == expected, (kind, name)


def test_resources_are_said_to_be_only_where_they_are():
    """Of the kinds with an image."""
    only = {row[0].strip("`"): "".join(row[2:]) for row in section("Resources")}
    assert only["NatGateway1"] == "dev, prod, staging"
    assert only["Vpc"] == only["CpuScalingPolicy"] == ""
    assert only["HttpsListener"] == "none of these"


def test_prices_and_quotas_are_those_of_the_analyses():
    """To the cent."""
    prices = {row[0]: row[1:] for row in section("Price a month")}
    assert prices["What"] == ["dev", "pr", "prod", "staging"]
    assert prices["**ap-northeast-1**"][1] == "$113.66"
    assert prices["**us-east-1**"][2].startswith("at least $")
    assert prices["interface endpoint, per zone"][2].split() == ["8", "for", "$81.76"]
    assert prices["db.m7g.large postgres"][2] == "2, not in the table"
    assert ["Fargate vCPUs", "6", "0", "0", "20", "1"] in section("Quotas")


def test_permissions_are_in_words():
    """Of every role, also of what AWS manages."""
    rows = section("Who may do what")
    assert ["secretsmanager: get secret value", "`Database.MasterUserSecret.SecretArn`", ""] in rows
    assert "Has AWS's policy `AmazonRDSEnhancedMonitoringRole`." in TEXT
    assert "Taken on by `states.amazonaws.com` where `aws:SourceAccount`" in TEXT


def mermaids():
    return re.findall(r"```mermaid\n(.*?)```", TEXT, re.DOTALL)


def test_diagrams_have_only_lines_that_mermaid_understands():
    """Frames that close, labels in quotes, and nodes with the ids of resources."""
    label = r'"[^"]*"'
    node = rf"\w+(\[{label}\]|\(\[{label}\]\)|\(\(\w+\)\))?"
    arrow = rf"(-->|-\.->)(\|{label}\|)?"
    line = re.compile(rf"subgraph \w+\[{label}\]|end|{node}|\w+ {arrow} {node}")
    assert len(mermaids()) == 6
    for diagram in mermaids():
        first, *lines = diagram.splitlines()
        assert first == "flowchart LR"
        assert [each for each in lines if not line.fullmatch(each)] == []
        assert sum(each.startswith("subgraph") for each in lines) == lines.count("end")
        ids = re.findall(r"^(?:subgraph )?(\w+)[\[(]", diagram, re.MULTILINE)
        assert len(ids) == len(set(ids))
        # Mermaid ends a frame at the word.
        assert "end" not in {*ids}


def test_traffic_shows_the_way_of_a_reading():
    """Publicly, and privately in production."""
    public, private = mermaids()[:2]
    assert 'Callers -.->|"POST /ingest"| RestApi' in public
    assert 'Anybody -->|"tcp 80, tcp 443"| LoadBalancerSecurityGroup' in public
    assert 'VpcLinkSecurityGroup -->|"tcp 80"| LoadBalancerSecurityGroup' in private
    assert "Anybody" not in private
    for diagram in (public, private):
        assert 'LoadBalancerSecurityGroup -->|"tcp 8080"| ContainerSecurityGroup' in diagram
        assert 'ContainerSecurityGroup["Service"]' in diagram


def test_network_shows_what_stands_in_which_zone():
    """And where the routes of each subnet lead."""
    dev, pr, prod, _ = mermaids()[2:]
    assert "PrivateSubnet2 --> NatGateway1" in dev
    assert "PrivateSubnet2 --> NatGateway2" in prod
    assert "NatGateway" not in pr
    assert 'PrivateSubnet2Holds["Database, here or there<br/>Service"]' in pr
    assert "PublicSubnet1 --> InternetGateway" in pr
    assert 'subgraph VpcZone2["Zone 2"]' in prod


def test_diagrams_of_nothing_are_empty():
    """A template need not have a network."""
    assert network({}, {}) == ["flowchart LR"]
    assert traffic({}, {}, []) == ["flowchart LR", 'subgraph InVpc["VPC"]', "end"]


@pytest.mark.slow
def test_resources_that_say_less_break_nothing(template):
    """Each of them without its properties, and without being there."""
    for name, resource in template["Resources"].items():
        others = {each: body for each, body in template["Resources"].items() if each != name}
        bare = {**others, name: {"Type": resource["Type"], "Properties": {}}}
        for resources in (others, bare):
            changed = {**template, "Resources": resources}
            assert document("any", changed, {"prod": GIVEN["prod"]}).startswith("# any\n")


def test_addresses_and_quotes_do_not_break_a_diagram():
    """As they may come from any rule."""
    group = {"G": {"Type": "AWS::EC2::SecurityGroup"}}
    flow = Flow("10.0.0.0/8", "G", "tcp", 1, 2)
    lines = traffic(group, {"G": set()}, [flow])
    assert 'Address100008(["10.0.0.0/8"])' in lines
    assert 'Address100008 -->|"tcp 1 to 2"| G' in lines
    assert ports(Flow("a", "b", "-1", 0, 65535)) == "all"


@pytest.mark.parametrize(
    "text", ["a|b", "<b>&amp;</b>", "*a* _b_ `c` ~d~", "[a](b) #1 \\", "two\nlines", "${A::B}"]
)
def test_text_is_shown_as_it_is(text):
    """In a paragraph and in a table."""
    expected = " ".join(text.split())
    assert shown(escaped(text)) == expected
    assert shown("\n".join(table(["A"], [[escaped(text)]]))) == f"A{expected}"
    assert shown("\n".join(table(["A"], [[code(text)]]))) == f"A{expected}"


def test_table_leaves_optional_columns_out_where_they_are_empty():
    """And is not there without rows."""
    assert table(["A", "B"], [["1", ""]], optional=1) == ["| A |", "| --- |", "| 1 |", ""]
    assert table(["A", "B"], [["1", ""]])[0] == "| A | B |"
    assert table(["A"], []) == []


def test_check_finds_a_document_that_is_stale(tmp_path):
    """Because somebody has edited it, or a parameter file."""
    shutil.copytree(ROOT / "templates", tmp_path / "templates")
    path = tmp_path / "templates/iot-pipeline.md"
    path.write_text(TEXT.replace("10.0.1.0/24", "10.0.9.0/24"))
    program = [sys.executable, ROOT / "generate.py"]
    done = run(*program, "--check", "--directory", tmp_path / "templates", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("templates/iot-pipeline.md: stale\n")


def test_document_follows_the_parameter_files(tmp_path):
    """A file that cannot be read is named in one line."""
    for name in ("templates", "parameters"):
        shutil.copytree(ROOT / name, tmp_path / name)
    pr = tmp_path / "parameters/pr.json"
    pr.write_text(json.dumps({"Parameters": {"MaximumCount": "3"}}))
    options = ("--directory", tmp_path / "templates", "--parameters", tmp_path / "parameters")
    program = [sys.executable, ROOT / "generate.py", *options]
    assert run(*program).returncode == 0
    text = (tmp_path / "templates/iot-pipeline.md").read_text()
    assert "| Parameter | Default | dev | pr | prod | staging |" in text
    pr.write_text("{")
    done = run(*program, "--check")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "parameters/pr.json: not JSON" in done.stderr
