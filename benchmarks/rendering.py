"""The time of rendering, as a multiple of importing troposphere.

Both are wall times of whole processes, the best of several runs taken in turns, since other load on
the machine only makes a run slower.
"""

import subprocess
import sys
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[1]
ROUNDS = 15
# Imports the modules of troposphere that the stack uses, and nothing else of it.
IMPORTS = """
import ast, importlib, pathlib
for path in pathlib.Path("src/iot_pipeline_cfn/stack").glob("*.py"):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("troposphere"):
            importlib.import_module(node.module)
"""
RENDERING = "from iot_pipeline_cfn.stack import render_all; render_all()"


def seconds(*arguments: str) -> float:
    """Return the wall time of a Python process."""
    start = perf_counter()
    command = [sys.executable, *arguments]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return perf_counter() - start


def main() -> None:
    """Print the ratios."""
    measured = {
        "rendering": ("-c", RENDERING),
        "generate.py": ("generate.py",),
        "generate.py --check": ("generate.py", "--check"),
    }
    for name, arguments in measured.items():
        pairs = [(seconds(*arguments), seconds("-c", IMPORTS)) for _ in range(ROUNDS)]
        ratio = min(pair[0] for pair in pairs) / min(pair[1] for pair in pairs)
        print(f"{name:24} {ratio:5.2f} times importing troposphere")


if __name__ == "__main__":
    main()
