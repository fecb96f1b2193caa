"""Whether `templates/` is what the code of the checkout renders.

A review or a plan of a stale template would say that nothing changes. The code is that of the
checkout, which may be broken and need not be the installed one, so a process of its own renders it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.findings import Finding, Severity, Value
from iot_pipeline_cfn.template.rendering import find_stale_files

from .preflight_wording import sentence

SOURCES: Final = Path("src")
TEMPLATES: Final = Path("templates")

RENDER: Final = """
import contextlib, json, sys
with contextlib.redirect_stdout(sys.stderr):
    from iot_pipeline_cfn.stack import render_all
    texts = {f"{name}.json": rendering.text for name, rendering in render_all().items()}
json.dump(texts, sys.stdout)
"""


def find_staleness() -> Finding | None:
    """Return an error if templates are stale or cannot be rendered; None outside a checkout."""
    if not (SOURCES / "iot_pipeline_cfn/stack").is_dir():
        return None
    path = os.pathsep.join(filter(None, (str(SOURCES.resolve()), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-c", RENDER],
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONPATH": path},
        text=True,
    )
    if done.returncode:
        *_, reason = ["no reason given", *done.stderr.strip().splitlines()]
        return _error("unrenderable", reason=reason)
    stale = [str(file.path) for file in find_stale_files(TEMPLATES, json.loads(done.stdout))]
    return _error("stale", files=stale) if stale else None


def require_fresh_templates() -> None:
    """Refuse to deploy templates that are not what the code of the checkout renders."""
    from iot_pipeline_cfn.deploy.errors import DeploymentError

    if finding := find_staleness():
        raise DeploymentError(
            sentence(finding), ExitCode.STALE, code=finding.code, **finding.details
        )


def _error(problem: str, **details: Value) -> Finding:
    return Finding("templates", Severity.ERROR, str(TEMPLATES), {"problem": problem, **details})
