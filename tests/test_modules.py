"""The tests of a module are where its path says."""

import ast
from pathlib import Path

import pytest

from checkout import ROOT

SOURCE = ROOT / "src/iot_pipeline_cfn"
ELSEWHERE = {
    "cli/__init__.py": "cli/test_program.py",
    "deploy/observer.py": "",  # Its methods do nothing.
    "emulator/__main__.py": "emulator/test_control.py",
    "review": "review/test_cases.py",  # Pairs of templates for all analyses.
    "rules": "rules/test_rules.py",  # Examples for all rules.
    "stack/__init__.py": "stack/test_invariants.py",
    "stack/deployers.py": "stack/test_permissions.py",
}
"""Modules without tests of their own, and packages with such modules, with the tests of them."""


def has_functions(path):
    return any(isinstance(node, ast.FunctionDef) for node in ast.walk(ast.parse(path.read_text())))


def has_tests(path):
    """Return whether there is a test module at the path of a module."""
    module = path.relative_to(SOURCE)
    return (ROOT / "tests" / module.parent / f"test_{module.name}").exists()


def test_every_module_with_functions_has_a_test_module_at_its_path():
    exceptions = [SOURCE / name for name in ELSEWHERE]
    assert not [
        path
        for path in SOURCE.rglob("*.py")
        if has_functions(path)
        and not has_tests(path)
        and not any(path.is_relative_to(exception) for exception in exceptions)
    ]


@pytest.mark.parametrize(("name", "tests"), ELSEWHERE.items())
def test_exception_is_needed(name, tests):
    path = SOURCE / name
    assert Path(ROOT / "tests" / tests).exists()
    assert any(not has_tests(each) for each in ([path] if path.is_file() else path.rglob("*.py")))
