"""The tests of a module are where its path says."""

import ast

from checkout import ROOT

SOURCE = ROOT / "src/iot_pipeline_cfn"
ELSEWHERE = {
    "cli/__init__.py": "cli/test_program.py",
    "deploy/observer.py": "Nothing: its methods do nothing.",
    "emulator/__main__.py": "emulator/test_control.py, which starts it as a process.",
    "stack/__init__.py": "stack/test_invariants.py, on what it renders.",
    "stack/deployers.py": "stack/test_permissions.py, on what its policies allow.",
}
"""Modules without tests of their own, and where their tests are."""


def has_behaviour(path):
    return any(isinstance(node, ast.FunctionDef) for node in ast.walk(ast.parse(path.read_text())))


def test_every_module_with_functions_has_a_test_module_at_its_path():
    modules = {path.relative_to(SOURCE) for path in SOURCE.rglob("*.py") if has_behaviour(path)}
    untested = {
        str(module)
        for module in modules
        if module.parts[0] != "review"
        and not (ROOT / "tests" / module.parent / f"test_{module.name}").exists()
    }
    assert untested == ELSEWHERE.keys()
