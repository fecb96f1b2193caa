"""Conditions of the template, as values of their own type."""

from dataclasses import dataclass
from typing import Any, Final, NoReturn

import troposphere
from troposphere import Equals, If, Not, NoValue, Parameter


@dataclass(frozen=True)
class Condition:
    """A condition of the template, which CloudFormation evaluates when a stack is deployed.

    It can be given to a resource or an output as its `Condition`. It is neither true nor false
    while the template is being composed, so `if condition:` raises an error.
    """

    name: str

    def choose(self, yes: object, no: object = NoValue) -> If:
        """Return the value `yes` where the condition holds, else `no`, by default no value."""
        return If(self.name, yes, no)

    def as_bool(self) -> If:
        """Return the condition as the value of a boolean property."""
        return If(self.name, True, False)

    def as_term(self) -> troposphere.Condition:
        """Return the condition as a term of `And`, `Or` and `Not`."""
        return troposphere.Condition(self.name)

    def to_dict(self) -> str:
        """Return the name, which troposphere renders as a resource's `Condition`."""
        return self.name

    def __bool__(self) -> NoReturn:
        """Refuse to be used as a bool.

        Raises:
            TypeError: always.

        """
        msg = f"the condition {self.name} is evaluated by CloudFormation: use choose()"
        raise TypeError(msg)


@dataclass(frozen=True)
class _Known(Condition):
    """A condition that is known while the template is being composed, and is not in it."""

    holds: bool

    def choose(self, yes: object, no: object = NoValue) -> Any:
        """Return the value that applies."""
        return yes if self.holds else no


ALWAYS: Final = _Known("", holds=True)
NEVER: Final = _Known("", holds=False)


def is_given(parameter: Parameter) -> Not:
    """Return the expression that an optional parameter is not empty."""
    return Not(is_empty(parameter))


def is_empty(parameter: Parameter) -> Equals:
    """Return the expression that an optional parameter is empty."""
    return Equals(parameter.ref(), "")
