"""What the review knows about a plan: which resources are replaced, and what a month costs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from iot_pipeline_cfn.deploy.reported_changes import loses_data
from iot_pipeline_cfn.template.changes import Action, Replacement, ResourceChange
from iot_pipeline_cfn.template.resolution import resolve
from iot_pipeline_cfn.template.schemas import MissingSchemasError

if TYPE_CHECKING:
    from iot_pipeline_cfn.deploy.deployment import Plan
    from iot_pipeline_cfn.review.prices import Item

CENT: Final = 0.01


@dataclass(frozen=True)
class Forecast:
    """The review's knowledge about a plan."""

    plan: "Plan"

    @cached_property
    def changes(self) -> Sequence[ResourceChange]:
        """The changes, without possible replacements that the review rules out.

        A change set calls each replacement conditional that a reference to a changed resource
        causes, also where that resource keeps its value. What may lose data stays as CloudFormation
        says, because deployments of protected environments are refused by that.
        """
        if not any(map(self._is_in_doubt, self.plan.changes)):
            return self.plan.changes
        try:
            replaced = self._replaced()
        except MissingSchemasError:
            return self.plan.changes
        return [
            replace(change, replacement=Replacement.NO)
            if self._is_in_doubt(change) and change.logical_id not in replaced
            else change
            for change in self.plan.changes
        ]

    @staticmethod
    def _is_in_doubt(change: ResourceChange) -> bool:
        return (
            change.action is Action.MODIFY
            and change.replacement is Replacement.MAYBE
            and not loses_data(change)
        )

    def _replaced(self) -> set[str]:
        """Return the logical IDs of the resources that the review calls replaced, perhaps."""
        from iot_pipeline_cfn.review.resolved import EnvironmentSource, resolve_pair
        from iot_pipeline_cfn.review.resource_changes import find_changes

        context = self.plan.context
        if context.template_before is None or context.stack is None:
            return {change.logical_id for change in self.plan.changes}
        before = EnvironmentSource(context.template_before, context.stack.parameters)
        after = EnvironmentSource(context.template, context.parameters)
        found = find_changes(*resolve_pair(before, after, self.plan.stack.region))
        return {each.logical_id for each in found if each.replacement is not Replacement.NO}

    @cached_property
    def bill(self) -> "Sequence[Item]":
        """Everything that is billed by the hour after the deployment."""
        from iot_pipeline_cfn.review.prices import bill

        return bill(self.plan.context.resources, self.plan.stack.region)

    @property
    def monthly(self) -> float | None:
        """The price of a month after the deployment, None if not every price is known."""
        return _total(self.bill)

    @property
    def monthly_before(self) -> float | None:
        """The price of a month before it."""
        from iot_pipeline_cfn.review.prices import bill

        context = self.plan.context
        template, stack = context.template_before, context.stack
        if template is None or stack is None:
            return None
        values = {**stack.parameters, "AWS::Region": stack.region}
        return _total(bill(resolve(template, values)["Resources"], stack.region))

    def services(self) -> list[tuple[str, int, float | None]]:
        """Return the services with the number of their resources and the price of a month."""
        types = {change.logical_id: change.resource_type for change in self.plan.changes}
        counts = Counter(map(service_of, types.values()))
        items: dict[str, list[Item]] = {}
        for item in self.bill:
            items.setdefault(service_of(types.get(item.logical_id, "")), []).append(item)
        return [(name, counts[name], _total(items.get(name, ()))) for name in sorted(counts)]


def service_of(resource_type: str) -> str:
    """Return the service of a resource type, such as `EC2` of `AWS::EC2::VPC`."""
    return resource_type.removeprefix("AWS::").partition("::")[0]


def _total(items: "Iterable[Item]") -> float | None:
    from iot_pipeline_cfn.review.prices import total

    known = list(items)
    return None if any(item.monthly is None for item in known) else total(known)
