"""One direction: describing knows nothing of deploying, reviewing or the emulator."""

import ast

import pytest

from conftest import ROOT

PACKAGE = ROOT / "src" / "iot_pipeline_cfn"
DESCRIBING = sorted(path for path in PACKAGE.glob("*.py") if path.stem not in {"cli", "generator"})
FORBIDDEN = {"boto3", "botocore", "cfnlint", "click", "cli", "deploy", "emulator", "os", "review"}
READ_OR_WRITE = {"parameters", "rendering"}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]
            if node.level:
                yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", DESCRIBING, ids=lambda path: path.stem)
def test_builders_import_nothing_that_acts(path):
    """Nor anything that reads the environment that they run in."""
    found = set(imports(path)) & FORBIDDEN
    assert found <= ({"os"} if path.stem in READ_OR_WRITE else set())


@pytest.mark.parametrize("path", DESCRIBING, ids=lambda path: path.stem)
def test_modules_keep_no_state(path):
    """Nothing at a module's top level is a template, a resource or a thing that changes."""
    for node in ast.parse(path.read_text()).body:
        assert isinstance(
            node,
            ast.Import
            | ast.ImportFrom
            | ast.FunctionDef
            | ast.ClassDef
            | ast.Assign
            | ast.AnnAssign
            | ast.Expr,
        )
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant)
        if isinstance(node, ast.Assign | ast.AnnAssign):
            (target,) = node.targets if isinstance(node, ast.Assign) else [node.target]
            assert target.id.isupper() or target.id.startswith("__")
