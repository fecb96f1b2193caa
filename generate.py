"""Render every template to templates/; with --check, only say which files are stale."""

import gc
import sys
from pathlib import Path

gc.disable()  # A quarter of the time, for a process that ends before memory matters.

try:
    from iot_pipeline_cfn.cli import render, run
except ModuleNotFoundError as error:
    sys.exit(f"generate.py: {error.name} is not installed here: make template installs it in .venv")

if __name__ == "__main__":
    run(render, defaults={"directory": Path(__file__).with_name("templates")})
