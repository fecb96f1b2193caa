"""What a change set will do, in the words of CloudFormation and without secrets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from iot_pipeline_cfn.template.stateful import SECRET, STATEFUL, fate


@dataclass(frozen=True)
class Property:
    """A property that a change is about, with its values where AWS gives them."""

    name: str
    cause: str
    recreates: bool
    before: str | None
    after: str | None

    def __str__(self) -> str:
        """Return it in one line."""
        if self.before is None and self.after is None:
            return f"{self.name} ({self.cause})" if self.cause else self.name
        return f"{self.name}: {self.before or '-'} -> {self.after or '-'}"


@dataclass(frozen=True)
class Change:
    """What happens to a resource."""

    action: str
    logical_id: str
    resource_type: str
    replacement: str
    policy_action: str
    properties: Sequence[Property]
    physical_id: str = ""

    @property
    def loses_data(self) -> bool:
        """Whether a stateful resource goes, or may go, and what it holds with it."""
        goes = self.action == "Remove" or self.replacement in {"True", "Conditional"}
        return goes and self.resource_type in STATEFUL

    @property
    def causes(self) -> Sequence[str]:
        """The properties because of which it is replaced."""
        return [part.name for part in self.properties if part.recreates]

    def loss(self) -> str:
        """Return in words what becomes of what it holds, and because of which properties."""
        what = {"Remove": "is removed"}.get(self.action, "is replaced")
        what = "may be replaced" if self.replacement == "Conditional" else what
        data = fate(self.policy_action.removeprefix("ReplaceAnd"))
        causes = f"; because of {', '.join(self.causes)}" if self.causes else ""
        return f"{what}, and what it holds {data}{causes}"

    def as_data(self) -> dict[str, Any]:
        """Return it as data for JSON, in an order that says nothing."""
        properties = sorted((vars(part) for part in self.properties), key=itemgetter("name"))
        return {**vars(self), "loses_data": self.loses_data, "properties": properties}


def change_of(change: Mapping[str, Any]) -> Change:
    """Return a `ResourceChange` of a change set; what it does not know is left as it is."""
    return Change(
        action=change["Action"],
        logical_id=change["LogicalResourceId"],
        resource_type=change["ResourceType"],
        replacement=change.get("Replacement", ""),
        policy_action=change.get("PolicyAction", ""),
        properties=_properties(change.get("Details", [])),
        physical_id=change.get("PhysicalResourceId", ""),
    )


def _properties(details: Sequence[Mapping[str, Any]]) -> list[Property]:
    """Return each property once: AWS details it for each cause, and statically if it can."""
    found: dict[str, Property] = {}
    for detail in details:
        target = detail.get("Target", {})
        name = target.get("Path", "").removeprefix("/Properties/").replace("/", ".")
        name = name or target.get("Name") or target.get("Attribute", "")
        known = found.get(name)
        found[name] = Property(
            name=name,
            cause=min(
                filter(None, (known and known.cause, detail.get("CausingEntity"))), default=""
            ),
            recreates=bool(known and known.recreates)
            or target.get("RequiresRecreation", "Never") != "Never",
            before=(known and known.before) or _shown(name, target.get("BeforeValue")),
            after=(known and known.after) or _shown(name, target.get("AfterValue")),
        )
    return list(found.values())


def _shown(name: str, value: str | None) -> str | None:
    return "****" if value is not None and SECRET.search(name) else value


def merged(whole: Sequence[Change], with_values: Sequence[Change]) -> list[Change]:
    """Return all changes, each as it is with values where it is there with values."""
    known = {change.logical_id: change for change in with_values}
    return [known.get(change.logical_id, change) for change in whole]
