"""The time of a review, as a multiple of rendering both sides.

Both are wall times of whole processes, the best of several runs taken in turns, since other load on
the machine only makes a run slower. The reviewed change replaces most of the network in every
environment type.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[1]
ROUNDS = 10
PIPELINE = Path(sys.executable).with_name("iot-pipeline")
GIT = ("git", "-c", "user.name=any", "-c", "user.email=any@example.com")


def seconds(command: list[str], directory: Path, times: int = 1) -> float:
    """Return the wall time of running a command several times."""
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


def main() -> None:
    """Print the ratio."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        prepare(directory)
        review = [str(PIPELINE), "review"]
        render = [sys.executable, str(ROOT / "generate.py"), "--directory", f"{directory}/rendered"]
        pairs = [(seconds(review, directory), seconds(render, ROOT, 2)) for _ in range(ROUNDS)]
    ratio = min(pair[0] for pair in pairs) / min(pair[1] for pair in pairs)
    print(f"{'iot-pipeline review':24} {ratio:5.2f} times rendering both sides")


if __name__ == "__main__":
    main()
