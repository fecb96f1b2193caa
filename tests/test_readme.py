"""The documentation names only what exists, and every code."""

import re

import pytest

from checkout import ROOT, make
from iot_pipeline_cfn.deploy.preflight.check_registry import CHECKS
from iot_pipeline_cfn.emulator.control import RECORDED
from iot_pipeline_cfn.exit_codes import ExitCode

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def column(page, pattern):
    """Return the entries of a table's first column that match a pattern."""
    text = (ROOT / "docs" / page).read_text()
    return re.findall(rf"^\| {pattern} \|", text, re.MULTILINE)


def test_every_make_target_in_the_documentation_exists():
    targets = {line.split()[0] for line in make("help").stdout.splitlines()}
    named = {name for path in PAGES for name in re.findall(r"`make ([a-z-]+)", path.read_text())}
    assert named <= targets


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_within_the_repository_leads_to_a_file(path):
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", path.read_text()):
        page = path.parent / target if target else path
        assert page.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}
            assert anchor in anchors, f"{target}#{anchor}"


def test_every_exit_code_is_documented():
    documented = {int(code) for code in column("exit-codes.md", r"(\d+)")}
    assert documented == set(ExitCode)


def test_every_preflight_code_is_documented():
    assert sorted(column("preflight.md", "`([a-z-]+)`")) == sorted(CHECKS)


def test_every_recorded_resource_type_is_documented():
    assert set(column("emulator.md", r"`(AWS::\S+)`")) == RECORDED.keys()


def test_every_price_in_the_readme_is_that_of_a_template():
    prices = re.findall(r"\$\d+\.\d\d", (ROOT / "README.md").read_text())
    documents = "".join(path.read_text() for path in (ROOT / "templates").glob("*.md"))
    assert prices
    assert all(price in documents for price in prices)
