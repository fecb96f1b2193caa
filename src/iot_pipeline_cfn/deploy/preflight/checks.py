"""All checks, by their codes: each is a module beside this one, with `CODE` and `look`."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.deploy import preflight

from .checking import Check


def _found() -> dict[str, Check]:
    """Return what is there, in the order of the files."""
    names = sorted(module.name for module in iter_modules(preflight.__path__))
    modules = [import_module(f"{preflight.__name__}.{name}") for name in names]
    return {module.CODE: module.look for module in modules if hasattr(module, "look")}


CHECKS: Final[Mapping[str, Check]] = MappingProxyType(_found())
