"""Protected environments; unknown counts as protected."""

from datetime import UTC, datetime

import pytest

from iot_pipeline_cfn.deploy.cloudformation import Stack
from iot_pipeline_cfn.deploy.protection import (
    is_protected,
    refuses_deletion,
)


def stack(*, termination_protection=False, **parameters):
    now = datetime.now(UTC)
    return Stack(
        "arn", "s", "CREATE_COMPLETE", "", now, None, parameters, {}, (), termination_protection
    )


@pytest.mark.parametrize(
    ("found", "protected", "deletable"),
    [
        (stack(Durability="ephemeral", DeletionProtection="enabled"), False, True),
        (stack(Durability="ephemeral", termination_protection=True), True, False),
        (stack(Durability="protected", DeletionProtection="enabled"), True, False),
        (stack(Durability="protected", DeletionProtection="disabled"), True, True),
        (stack(), True, False),
        (stack(Durability="unheard-of"), True, False),
        (stack(Durability="unheard-of", DeletionProtection="disabled"), True, True),
    ],
)
def test_protection_follows_from_the_stack(found, protected, deletable):
    assert is_protected(found) is protected
    assert refuses_deletion(found) is not deletable
