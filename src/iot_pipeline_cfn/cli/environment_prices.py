"""What environments cost a month, by the templates and the parameters that their stacks have."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.deploy.cloudformation import Stack, original_template
from iot_pipeline_cfn.deploy.concurrency import all_of
from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.review.prices import bill, priced_regions, total
from iot_pipeline_cfn.review.resolved import pseudo_parameters
from iot_pipeline_cfn.template.resolution import Resolver

WITHOUT_RESOURCES: Final = frozenset({"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"})


def monthly_prices(found: Sequence[tuple[Connection, Stack]]) -> list[float | None]:
    """Return the prices of stacks in dollars, each None where it is not known."""
    return all_of(*(partial(_monthly_price, each) for each in found))


def _monthly_price(found: tuple[Connection, Stack]) -> float | None:
    connection, stack = found
    if stack.status in WITHOUT_RESOURCES:
        return 0.0
    try:
        template = original_template(connection.cloudformation, stack.arn)
    except (BotoCoreError, ClientError):
        return None
    if template is None or stack.region not in priced_regions():
        return None
    parameters = {**stack.parameters, **pseudo_parameters(stack.region)}
    items = bill(Resolver(template, parameters).section("Resources"), stack.region)
    is_known = all(item.monthly is not None for item in items)
    return round(total(items), 2) if is_known else None
