"""Render templates and their documents to templates/; with --check, only name the stale ones."""

import sys

if __name__ == "__main__":
    try:
        from iot_pipeline_cfn.cli.program import run
        from iot_pipeline_cfn.cli.render_command import render
    except ModuleNotFoundError as error:
        sys.stderr.write(f"generate.py: {error.name} is missing; make template installs it\n")
        sys.exit(2)
    run(render, "generate.py")
