"""Install the locked requirements of a part of the project into .venv; make runs this.

`requirements.txt` locks the requirements of all parts, each with the packages that need it. So
nobody who only deploys has test tools next to the credentials of production. uv installs them where
it is there and works, because it is faster, and otherwise pip, whose errors are shown.
"""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent
LOCK: Final = ROOT / "requirements.txt"
VENV: Final = ROOT / ".venv"

DEPLOYER: Final = "deployer"
SCHEMAS: Final = "cfn-lint"
"""The package with AWS's resource schemas. The deployer only reads its files."""
PARTS: Final = {
    DEPLOYER: (),
    "review": ("review",),
    "local": ("local",),
    "rehearsal": ("local", "rehearsal"),
    "dev": ("local", "rehearsal", "review", "dev"),
}
"""The extras and groups of each part, besides the requirements of the package itself."""


def main(part: str) -> None:
    """Install a part, after the deployer, unless that has been done since the lock changed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with LOCK.open("rb+") as lock:
        # Another make may be installing.
        fcntl.flock(lock, fcntl.LOCK_EX)
        for each in dict.fromkeys((DEPLOYER, part)):
            stamp = VENV / f"{each}.installed"
            if not stamp.exists() or stamp.stat().st_mtime < LOCK.stat().st_mtime:
                _install_part(each)
                for other, groups in PARTS.items():
                    if {*groups} <= {*PARTS[each]}:
                        (VENV / f"{other}.installed").touch()


def _install_part(part: str) -> None:
    entries = locked(part)
    sys.stderr.write(f"Installing {len(entries)} packages for {part} in .venv.\n")
    if part == DEPLOYER:
        venv.create(VENV, clear=True, symlinks=True)
    requirements = VENV / f"{part}.txt"
    requirements.write_text("".join(entries))
    install(VENV, "--require-hashes", "--requirement", str(requirements))
    if part == DEPLOYER:
        install(VENV, "--no-build-isolation", "--editable", str(ROOT))


def locked(part: str) -> list[str]:
    """Return the entries of the lock that a part needs, with their hashes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["project"]["optional-dependencies"] | project["dependency-groups"]
    wanted = project["build-system"]["requires"] + project["project"]["dependencies"]
    wanted += [requirement for group in PARTS[part] for requirement in groups[group]]
    needed = {re.split(r"[^\w.-]", requirement)[0] for requirement in wanted}
    found = re.findall(r"(?ms)^(([\w.-]+)==.*?# via (.*?)\n)", LOCK.read_text())
    while more := {name for _, name, users in found if needed & {*users.split(", ")}} - needed:
        needed |= more
    return [entry for entry, name, _ in found if name in needed | {SCHEMAS}]


def install(directory: Path, *arguments: str) -> None:
    """Install packages in a virtual environment; the lock names their requirements too."""
    arguments = ("--no-deps", *arguments)
    python = str(directory / "bin/python")
    if uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--python", python, *arguments]
        env = os.environ | {"UV_HTTP_RETRIES": "0"}
        if subprocess.run(command, capture_output=True, check=False, env=env).returncode == 0:
            return
    try:
        if not (directory / "bin/pip").exists():
            subprocess.run([sys.executable, "-m", "venv", directory], check=True)
        pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--no-compile", *arguments], check=True)
    except subprocess.CalledProcessError:
        sys.exit(
            "The requirements are not installed: see above. If the package index of pip cannot be "
            "reached, name another in PIP_INDEX_URL, or a directory of wheels in PIP_FIND_LINKS."
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
