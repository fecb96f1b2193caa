"""Resource types as ministack's CloudFormation takes them, and patches of them."""

import pytest

from iot_pipeline_cfn.emulator.resource_types import (
    accepted,
    accepted_json,
    before_deletion,
    is_true,
    tags_of,
    then,
    with_properties,
)

CALLS = []
HANDLER = {
    "create": lambda logical_id, properties, stack: (logical_id, {"Made": properties, "In": stack}),
    "update": lambda reference, old, new, *names: (reference, {"Old": old, "New": new}),
    "delete": lambda reference, properties: CALLS.append((reference, properties)),
}


def test_patch_changes_the_properties_of_every_operation():
    patched = with_properties(lambda properties: properties | {"More": 1})(HANDLER)
    assert patched["create"]("A", {}, "s") == ("A", {"Made": {"More": 1}, "In": "s"})
    assert patched["update"]("a", {}, {"B": 2}, "A", "s") == (
        "a",
        {"Old": {"More": 1}, "New": {"B": 2, "More": 1}},
    )
    CALLS.clear()
    patched["delete"]("a", {})
    assert CALLS == [("a", {"More": 1})]


def test_patch_completes_a_resource_that_was_created_or_updated():
    patched = then(lambda reference, properties: {"Arn": (reference, properties)})(HANDLER)
    assert patched["create"]("A", {}, "s")[1]["Arn"] == ("A", {})
    assert patched["update"]("a", {}, {"B": 2}, "A", "s")[1]["Arn"] == ("a", {"B": 2})


def test_patch_can_refuse_a_deletion():
    def refuse(reference):
        raise ValueError(reference)

    CALLS.clear()
    with pytest.raises(ValueError, match="a"):
        before_deletion(refuse)(HANDLER)["delete"]("a", {})
    assert CALLS == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<Error><Code>A</Code><Message>Not here</Message></Error>", '"Not here"'),
        (b'{"__type": "A", "message": "Not here"}', '"Not here"'),
        (b"nothing known", '"nothing known"'),
    ],
)
def test_refusal_of_a_service_is_the_reason_of_the_failure(body, reason):
    with pytest.raises(ValueError, match=f"returned message: {reason} "):
        accepted((400, {}, body))


def test_answer_of_a_service_is_read():
    assert accepted_json((200, {}, b'{"a": 1}')) == {"a": 1}


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), ("true", True), ("False", False), (None, False)]
)
def test_property_is_true_as_text_as_well(value, expected):
    assert is_true(value) is expected


def test_tags_are_read_by_their_keys():
    assert tags_of({"Tags": [{"Key": "a", "Value": "b"}]}) == {"a": "b"}
    assert tags_of({}) == {}
