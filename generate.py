"""Render every template to templates/; with --check, only say which files are stale."""

import sys
from pathlib import Path

try:
    from iot_pipeline_cfn.generator import main
except ModuleNotFoundError as error:
    sys.exit(f"generate.py: {error.name} is not installed here: make template installs it in .venv")

if __name__ == "__main__":
    sys.exit(main(directory=Path(__file__).with_name("templates")))
