"""How much rendering costs beyond importing troposphere, and `make template` beyond nothing.

`generate.py` also writes what there is to read about each template, which takes as long again, and
with `--check` only looks whether that is stale. All are ratios of whole processes' wall times
within one run: the best of many, taken in turns, since whatever else the machine does can only make
a run slower.
"""

import ast
import subprocess
import sys
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[1]
ROUNDS = 30
# Without collecting garbage, as generate.py does it.
RENDERING = "import gc; gc.disable(); from iot_pipeline_cfn.stack import render_all; render_all()"
MOST_RENDERING = 1.6
MOST_CHECKING = 1.7
MOST_GENERATING = 2.9
"""What each may cost at most, in times the import of the same troposphere modules."""


def troposphere_modules() -> list[str]:
    """Return the modules of troposphere and awacs that the project imports."""
    found = set()
    for path in (ROOT / "src/iot_pipeline_cfn").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and not node.level and node.module:
                package = node.module.partition(".")[0]
                if package in {"awacs", "troposphere"}:
                    found.add(node.module)
                    if node.module == "awacs":
                        found |= {f"awacs.{alias.name}" for alias in node.names}
    return sorted(found)


def seconds(command: list[str]) -> float:
    start = perf_counter()
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return perf_counter() - start


def ratio(measured: list[str], reference: list[str]) -> float:
    """Return how many times as long the one command takes as the other."""
    pairs = [(seconds(measured), seconds(reference)) for _ in range(ROUNDS)]
    return min(pair[0] for pair in pairs) / min(pair[1] for pair in pairs)


def main() -> int:
    imports = [sys.executable, "-c", f"import {', '.join(troposphere_modules())}"]
    nothing = [sys.executable, "-c", "pass"]
    measured = [
        ("rendering", ["-c", RENDERING], MOST_RENDERING),
        ("python generate.py", ["generate.py"], MOST_GENERATING),
        ("python generate.py --check", ["generate.py", "--check"], MOST_CHECKING),
    ]
    too_much = False
    for name, arguments, most in measured:
        found = ratio([sys.executable, *arguments], imports)
        too_much = too_much or found > most
        print(f"{name:28} {found:5.2f} times importing troposphere (at most {most})")
    seconds(["make", "template"])
    found = ratio(["make", "template"], nothing)
    print(f"{'make template, unchanged':28} {found:5.2f} times python -c pass")
    return int(too_much)


if __name__ == "__main__":
    sys.exit(main())
