"""Values in sentences."""

from dataclasses import replace

from iot_pipeline_cfn.review.report.wording import PLAIN, shown_pair

STYLE = replace(PLAIN, width=40)


def test_long_values_are_shown_around_their_first_difference():
    before, after = (f"{'a' * 100}{middle}{'b' * 100}" for middle in ("old", "new"))
    old, new = shown_pair(before, after, STYLE)
    assert old == f"...{'a' * 10}old{'b' * 27}..."
    assert new == f"...{'a' * 10}new{'b' * 27}..."


def test_short_and_missing_values_are_shown_whole():
    assert shown_pair("old", "new", STYLE) == ("old", "new")
    assert shown_pair(None, "a" * 50, STYLE) == ("", f"{'a' * 40}...")
    assert shown_pair("", [], STYLE) == ("''", "none")
