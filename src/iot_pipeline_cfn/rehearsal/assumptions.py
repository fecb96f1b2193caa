"""The register of assumptions: what the code takes for true of AWS, and what decides it there."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

REGISTER: Final = Path(__file__).with_name("assumptions.toml")


@dataclass(frozen=True, kw_only=True)
class Assumption:
    """Something that only AWS can confirm; `assumptions.toml` describes the fields."""

    id: str
    statement: str
    where: tuple[str, ...]
    otherwise: str
    evidence: str = ""
    step: str = ""
    check: str = ""
    observe: str = ""
    resources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AssumptionTopic:
    """Assumptions about one part, and the text around them."""

    title: str
    assumptions: tuple[Assumption, ...]
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class AssumptionRegister:
    """All assumptions, by topic."""

    introduction: str
    topics: tuple[AssumptionTopic, ...]


def load_register() -> AssumptionRegister:
    """Read the register."""
    data = tomllib.loads(REGISTER.read_text(encoding="utf-8"))
    return AssumptionRegister(data["introduction"], tuple(map(_topic, data["topic"])))


def _topic(entry: dict[str, Any]) -> AssumptionTopic:
    assumptions = tuple(map(_assumption, entry.pop("assumption", ())))
    return AssumptionTopic(assumptions=assumptions, **entry)


def _assumption(entry: dict[str, Any]) -> Assumption:
    lists: dict[str, Any] = {
        name: tuple(entry.pop(name)) for name in ("where", "resources") if name in entry
    }
    return Assumption(**entry, **lists)
