"""Render templates and their documents to templates/; with --check, only say which are stale."""

import sys
from pathlib import Path

if __name__ == "__main__":
    try:
        from iot_pipeline_cfn.cli.generate import main

        root = Path(__file__).parent
        status = main(directory=root / "templates", parameters=root / "parameters")
    except ModuleNotFoundError as error:
        sys.stderr.write(f"generate.py: {error.name} is missing; make template installs it\n")
        status = 2
    sys.exit(status)
