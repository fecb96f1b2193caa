"""Render every template to templates/; with --check, only say which files are stale."""

import sys
from pathlib import Path

if __name__ == "__main__":
    try:
        from iot_pipeline_cfn.generator import main

        status = main(directory=Path(__file__).with_name("templates"))
    except ModuleNotFoundError as error:
        sys.stderr.write(f"generate.py: {error.name} is missing; make template installs it\n")
        status = 2
    sys.exit(status)
