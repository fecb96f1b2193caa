"""The causes of changes."""

from iot_pipeline_cfn.review.causes import causes_of
from iot_pipeline_cfn.template.changes import (
    Action,
    PropertyChange,
    Replacement,
    ResourceChange,
    UpdateBehavior,
)


def test_circular_changes_have_no_cause():
    """CloudFormation rejects such templates, but they can be reviewed."""

    def because_of(name, *others):
        parts = tuple(
            PropertyChange("Any", UpdateBehavior.REPLACEMENT, because_of=other) for other in others
        )
        return ResourceChange(Action.MODIFY, name, "Any", Replacement.YES, parts)

    circle = (because_of("A", "B"), because_of("B", "A"))
    assert causes_of(circle, {}) == {"A": (), "B": ()}
    begun = (*circle[1:], because_of("A", "B", "C"), because_of("C", ""))
    assert causes_of(begun, {}) == {"A": ("C",), "B": ("C",), "C": ()}
