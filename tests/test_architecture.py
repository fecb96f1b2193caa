"""One direction: describing knows nothing of deploying, reviewing or the emulator."""

import ast

import pytest

from conftest import ROOT

PACKAGE = ROOT / "src" / "iot_pipeline_cfn"
DESCRIBING = sorted(
    path
    for path in PACKAGE.glob("*.py")
    if path.stem not in {"cli", "files", "generator", "output"}
)
FORBIDDEN = {"boto3", "botocore", "cfnlint", "click", "cli", "deploy", "emulator", "os", "review"}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (part for alias in node.names for part in alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module or "").split(".")
            if node.level:
                yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", DESCRIBING, ids=lambda path: path.stem)
def test_builders_import_nothing_that_acts(path):
    """Nor anything that reads the environment that they run in."""
    found = set(imports(path)) & FORBIDDEN
    # The words for an error of the file system.
    assert found <= ({"os"} if path.stem == "rendering" else set())


@pytest.mark.parametrize("path", DESCRIBING, ids=lambda path: path.stem)
def test_modules_keep_no_state(path):
    """Nothing at a module's top level is a resource, a template, or a thing that can change."""
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.ClassDef():
                continue
            case ast.Expr(value=ast.Constant()):
                continue
            case ast.Assign(value=value) | ast.AnnAssign(value=value):
                assert is_constant(value), ast.unparse(node)
            case _:
                pytest.fail(ast.unparse(node))


def is_constant(value):
    match value:
        case ast.Constant() | ast.Attribute() | ast.Name() | ast.JoinedStr():
            return True
        case ast.Tuple(elts=parts):
            return all(map(is_constant, parts))
        case ast.BinOp(left=left, right=right):
            return is_constant(left) and is_constant(right)
        case ast.Call(func=function):
            return ast.unparse(function) in {"MappingProxyType", "frozenset", "re.compile"}
    return False


DIRECTIONS = {
    "deploy": {"cli", "generator", "review"},
    "emulator": {"cli", "deploy", "generator", "review"},
    "review": {"boto3", "cfnlint", "cli", "click", "deploy", "emulator", "generator", "rich"},
}


@pytest.mark.parametrize("package", DIRECTIONS)
def test_packages_import_in_one_direction(package):
    """Deploying uses the emulator, reviewing uses neither; no package renders anything."""
    rendering = {"rendering", "stacks", "troposphere", "awacs"}
    for path in (PACKAGE / package).glob("*.py"):
        assert not set(imports(path)) & (DIRECTIONS[package] | rendering), path


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "deploy").glob("*.py")), ids=lambda path: path.stem
)
def test_only_the_connection_knows_of_boto3(path):
    """And only the console of the terminal."""
    found = set(imports(path))
    assert ("boto3" in found) is (path.stem == "connection")
    assert bool({"click", "rich"} & found) is (path.stem == "console")
