"""The image that ran before the current one."""

from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber

from iot_pipeline_cfn.deploy.cloudformation import Output, Stack
from iot_pipeline_cfn.deploy.previous_image import find_previous_image

ARN = "arn:aws:ecs:us-east-1:111111111111:task-definition/any:"
REPOSITORY = "111111111111.dkr.ecr.us-east-1.amazonaws.com/any"


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        # The third is current, and the fourth belongs to an update that was rolled back.
        ([":v1", ":v2", ":v3", ":v4"], "v2"),
        ([":v1", ":v3", ":v3"], "v1"),
        (["@sha256:0a", ":none", ":v3"], "sha256:0a"),
        ([":none", ":v3", ":v3"], None),
    ],
)
def test_it_is_that_of_the_newest_earlier_revision_with_another_one(stubbed, images, expected):
    described = {f"{ARN}{number}": image for number, image in enumerate(images, 1)}
    current = f"{ARN}3"
    outputs = [Output("TaskDefinitionArn", current, "")]
    now, image = datetime.now(UTC), {"ImageTag": "v3"}
    stack = Stack("arn", "any", "UPDATE_COMPLETE", "", now, None, image, {}, outputs, False)
    ecs = stubbed.ecs
    with Stubber(ecs) as stubber:
        active, inactive = [current, *list(described)[3:]], list(described)[:2]
        for status, arns in (("ACTIVE", active), ("INACTIVE", inactive)):
            stubber.add_response(
                "list_task_definitions",
                {"taskDefinitionArns": [*arns, f"{ARN.replace('any', 'any-other')}2"]},
                {"familyPrefix": "any", "status": status},
            )
        for arn in reversed(inactive):
            image = REPOSITORY + described[arn]
            stubber.add_response(
                "describe_task_definition",
                {"taskDefinition": {"containerDefinitions": [{"image": image}]}},
                {"taskDefinition": arn},
            )
        assert find_previous_image(stubbed, stack) == expected
