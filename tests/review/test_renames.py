"""Resources that only get another logical ID."""

import pytest

from iot_pipeline_cfn.review.renames import find_renames
from iot_pipeline_cfn.review.resolved import ResolvedEnvironment


def queue(**properties):
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


FIRST = queue(DelaySeconds=1, FifoQueue=True, MaximumMessageSize=1, QueueName="a")
SIMILAR = queue(DelaySeconds=2, FifoQueue=True, MaximumMessageSize=1, QueueName="a")
OTHER = queue(DelaySeconds=2, FifoQueue=False, MaximumMessageSize=1, QueueName="a")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"Old": FIRST}, {"New": FIRST}, {"Old": "New"}),
        ({"Old": FIRST}, {"New": SIMILAR}, {"Old": "New"}),
        ({"Old": FIRST}, {"New": OTHER}, {}),
        ({"Old": FIRST}, {"New": {**FIRST, "Type": "AWS::SNS::Topic"}}, {}),
        # What is equal belongs together, whatever the names.
        ({"A": FIRST, "B": SIMILAR}, {"A2": SIMILAR, "B2": FIRST}, {"A": "B2", "B": "A2"}),
        # Of equal resources, those with similar names belong together.
        ({"AX": FIRST, "BX": FIRST}, {"BY": FIRST, "AY": FIRST}, {"AX": "AY", "BX": "BY"}),
        ({"A": FIRST}, {"A": FIRST, "B": FIRST}, {}),
    ],
)
def test_renamed_resource_has_most_of_the_same_properties(before, after, expected):
    sides = (ResolvedEnvironment(resources) for resources in (before, after))
    assert find_renames(*sides) == expected
