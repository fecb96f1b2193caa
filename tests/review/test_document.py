"""The Markdown document of the template."""

import json
import re
import shutil
import sys

import pytest
from markdown_it import MarkdownIt

from checkout import PARAMETER_FILES, ROOT, run
from iot_pipeline_cfn.review.diagrams import traffic_diagram
from iot_pipeline_cfn.review.document import document
from iot_pipeline_cfn.review.ports import Ports
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


def test_document_does_not_depend_on_the_order_of_parameter_files(template):
    assert document("iot-pipeline", template, GIVEN) == TEXT
    assert document("iot-pipeline", template, dict(reversed(GIVEN.items()))) == TEXT


@pytest.mark.parametrize("name", ["Parameters", "Resources", "Outputs"])
def test_section_has_everything_of_the_template_once(template, name):
    rows = section(name)
    found = re.findall(r"^`(\w+)`", "\n".join(row[0] for row in rows), re.MULTILINE)
    assert sorted(found) == sorted(template[name])


def test_environment_types_show_values_that_are_not_the_default(template):
    values = {re.findall(r"\w+", row[0])[0]: row[2] for row in section("Parameters")[2:]}
    for name, declaration in template["Parameters"].items():
        shown_values = {
            kind: value
            for kinds, value in re.findall(r"([\w, ]+): `([^`]*)`", values[name])
            for kind in kinds.split(", ")
        }
        assert shown_values == {
            kind: given[name]
            for kind, given in GIVEN.items()
            if name in given and given[name] != str(declaration.get("Default", ""))
        }


def test_resources_show_the_environment_types_that_have_them():
    only = {row[0].strip("`"): "".join(row[2:]) for row in section("Resources")}
    assert only["NatGateway1"] == ""
    assert only["Vpc"] == only["CpuScalingPolicy"] == ""
    assert only["HttpsListener"] == "none of these"


def test_prices_and_quotas_are_those_of_the_analyses():
    prices = {row[0]: row[1:] for row in section("Price a month")}
    assert prices["Item"] == ["dev", "prod", "staging"]
    assert prices["**ap-northeast-1**"][0] == "$162.57"
    assert prices["**ap-northeast-1**"][1] == "≈ $901.94 ($614.66 estimated)"
    assert prices["**us-east-1**"] == ["$121.80", "$695.87", "$199.43"]
    assert prices["interface endpoint, per zone"][1].split() == ["8", "for", "$58.40"]
    assert ["Fargate vCPUs", "6", "0", "**20**", "1"] in section("Quotas")


def test_permissions_are_a_list_of_roles_and_other_resources():
    lines = TEXT.partition("## Permissions\n")[2].partition("\n## ")[0].splitlines()
    assert any(
        line.startswith("- `TaskRole`: `secretsmanager:GetSecretValue` on ") for line in lines
    )
    assert any("`S3Endpoint`, for anyone: `s3:*`" in line for line in lines)
    assert any("managed policy `AmazonRDSEnhancedMonitoringRole`" in line for line in lines)
    trusts = [line for line in lines if "`states.amazonaws.com`" in line]
    assert trusts
    for trust in trusts:
        assert trust.startswith("- `RollServiceRole`, `RotatePasswordRole`, for ")
        assert ", where `aws:SourceAccount` is `${AWS::AccountId}`" in trust


def mermaids():
    return re.findall(r"```mermaid\n(.*?)```", TEXT, re.DOTALL)


def test_diagrams_are_valid_mermaid():
    label = r'"[^"]*"'
    node = rf"\w+(\[{label}\]|\(\[{label}\]\))?"
    arrow = rf"(-->|-\.->)\|{label}\|"
    line = re.compile(rf"subgraph \w+\[{label}\]|end|{node}|\w+ {arrow} \w+")
    assert len(mermaids()) == 2
    for diagram in mermaids():
        first, *lines = diagram.splitlines()
        assert first == "flowchart LR"
        assert [each for each in lines if not line.fullmatch(each)] == []
        ids = re.findall(r"^(?:subgraph )?(\w+)[\[(]", diagram, re.MULTILINE)
        assert len(ids) == len(set(ids))
        # Mermaid closes a frame at this word.
        assert "end" not in ids
        assert {*re.findall(r"^(\w+) -", diagram, re.MULTILINE)} <= {*ids}


def test_diagram_shows_the_path_of_a_reading():
    public, private = mermaids()
    assert 'Callers -.->|"POST /ingest"| RestApi' in public
    assert 'Anyone -->|"tcp 80"| LoadBalancer' in public
    assert 'VpcLink -->|"tcp 80, tcp 443"| LoadBalancer' in private
    assert "Anyone" not in private
    for diagram in (public, private):
        assert 'LoadBalancer -->|"tcp 8080"| Service' in diagram


def test_diagram_of_nothing_is_empty():
    assert traffic_diagram({}, []) == ["flowchart LR", 'subgraph InVpc["VPC"]', "end"]


def test_diagram_escapes_addresses_and_quotes():
    group = {"G": {"Type": "AWS::EC2::SecurityGroup"}}
    lines = traffic_diagram(group, [Flow('10.0.0.0/8 "a"', "G", Ports("tcp", 1, 2))])
    assert 'Address100008a(["10.0.0.0/8 #quot;a#quot;"])' in lines
    assert 'Address100008a -->|"tcp 1-2"| G' in lines


@pytest.mark.slow
def test_incomplete_templates_have_a_document(template):
    """Each resource is left out, or has no properties."""
    for name, resource in template["Resources"].items():
        others = {each: body for each, body in template["Resources"].items() if each != name}
        bare = {**others, name: {"Type": resource["Type"], "Properties": {}}}
        for resources in (others, bare):
            changed = {**template, "Resources": resources}
            assert document("any", changed, {"prod": GIVEN["prod"]}).startswith("# any\n")


@pytest.mark.parametrize(
    "text", ["a|b", "<b>&amp;</b>", "*a* _b_ `c` ~d~", "[a](b) #1 \\", "two\nlines", "${A::B}"]
)
def test_special_characters_are_escaped(text):
    expected = " ".join(text.split())
    assert shown(escaped(text)) == expected
    assert shown("\n".join(table(["A"], [[escaped(text)]]))) == f"A{expected}"
    assert shown("\n".join(table(["A"], [[code(text)]]))) == f"A{expected}"


def test_table_omits_empty_optional_columns_and_itself_without_rows():
    assert table(["A", "B"], [["1", ""]], optional=1) == ["| A |", "| --- |", "| 1 |", ""]
    assert table(["A", "B"], [["1", ""]])[0] == "| A | B |"
    assert table(["A"], []) == []


@pytest.mark.slow
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
    assert "pr: `3`<br>prod: `20`" in text
    pr.write_text("{")
    done = run(*program, "--check")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "parameters/pr.json: not JSON" in done.stderr


def test_empty_sections_are_left_out():
    parameters = {"Size": {"Type": "String"}}
    bucket = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}, "Parameters": parameters}
    text = document("any", bucket, {"any": {}})
    assert re.findall("^## (.*)", text, re.MULTILINE) == ["Permissions", "Resources"]
