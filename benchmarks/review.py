"""Reviewing the repository, against rendering what it compares.

Both are ratios of whole processes' wall times within one run: the best of many, taken in turns,
since whatever else the machine does can only make a run slower. The reference renders all templates
twice, once for each side; the review begins with git, and compares a change that replaces most of
the network for every kind of environment.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[1]
ROUNDS = 20
MOST = 2.0
"""A review may cost at most this many times rendering both sides."""

PIPELINE = Path(sys.executable).with_name("iot-pipeline")
GIT = ("git", "-c", "user.name=any", "-c", "user.email=any@example.com")


def seconds(command: list[str], directory: Path, times: int = 1) -> float:
    """Return how long it takes to run a command so many times."""
    start = perf_counter()
    for _ in range(times):
        subprocess.run(command, check=True, cwd=directory, stdout=subprocess.DEVNULL)
    return perf_counter() - start


def prepare(directory: Path) -> None:
    """Make a repository whose work tree has another network than its only commit."""
    for name in ("templates", "parameters"):
        shutil.copytree(ROOT / name, directory / name)
    for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "First")):
        subprocess.run([*GIT, *arguments], check=True, cwd=directory)
    path = directory / "templates/iot-pipeline.json"
    template = json.loads(path.read_text())
    template["Resources"]["Vpc"]["Properties"]["CidrBlock"] = "10.1.0.0/16"
    path.write_text(json.dumps(template))


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        prepare(directory)
        review = [str(PIPELINE), "review"]
        render = [sys.executable, str(ROOT / "generate.py"), "--directory", f"{directory}/rendered"]
        pairs = [(seconds(review, directory), seconds(render, ROOT, 2)) for _ in range(ROUNDS)]
    ratio = min(pair[0] for pair in pairs) / min(pair[1] for pair in pairs)
    print(f"{'iot-pipeline review':28} {ratio:5.2f} times rendering both sides (at most {MOST})")
    return int(ratio > MOST)


if __name__ == "__main__":
    sys.exit(main())
