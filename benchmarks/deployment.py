"""Deploying a new environment on the embedded AWS, against the bare calls for the same.

Both begin with a session in this process, so that imports are aside. The bare calls are those for
the same environment: look up its zones, upload the template, create the change set, execute it, and
describe the stack every 50 ms until it is complete. `aws cloudformation deploy` and `sam deploy`,
where they are installed, are measured as whole commands, and so is `iot-pipeline deploy` against
them.
"""

import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import boto3
from botocore.config import Config

from iot_pipeline_cfn import cli
from iot_pipeline_cfn.emulator import control

ROOT = Path(__file__).parents[1]
REGION = "ap-northeast-1"
ROUNDS = 15
MOST = 1.5
"""Deploying may take at most this many times as long as the bare calls."""
POLL_SECONDS = 0.05
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


def bare_calls(endpoint: str, suffix: str) -> None:
    """Bring an environment up by the calls that it takes."""
    session = boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION
    )
    s3 = session.client("s3", endpoint_url=endpoint, config=Config(s3={"addressing_style": "path"}))
    cloudformation = session.client("cloudformation", endpoint_url=endpoint)
    ec2 = session.client("ec2", endpoint_url=endpoint)
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]]
    template = json.loads(Path("templates/iot-pipeline.json").read_text())
    parameters = json.loads(Path("parameters/pr.json").read_text())["Parameters"]
    body = json.dumps(template, separators=(",", ":")).encode()
    s3.put_object(Bucket=control.TEMPLATE_BUCKET, Key=f"{suffix}.json", Body=body)
    name = f"bare-{suffix}"
    change_set = cloudformation.create_change_set(
        StackName=name,
        ChangeSetName=name,
        ChangeSetType="CREATE",
        TemplateURL=f"{endpoint}/{control.TEMPLATE_BUCKET}/{suffix}.json",
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in {
                **parameters,
                "AvailabilityZone1": zones[0],
                "AvailabilityZone2": zones[1],
                "EnvironmentSuffix": suffix,
            }.items()
        ],
        Capabilities=CAPABILITIES,
    )["Id"]
    while cloudformation.describe_change_set(ChangeSetName=change_set)["Status"] != (
        "CREATE_COMPLETE"
    ):
        time.sleep(POLL_SECONDS)
    cloudformation.execute_change_set(ChangeSetName=change_set)
    while (
        cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        != "CREATE_COMPLETE"
    ):
        time.sleep(POLL_SECONDS)


def deploy(suffix: str) -> None:
    """Bring an environment up as `iot-pipeline deploy` does."""
    sys.argv = command(suffix)
    try:
        cli.main()
    except SystemExit as end:
        if end.code:
            raise RuntimeError(end.code) from None


def command(suffix: str) -> list[str]:
    """Return the command that brings an environment up."""
    program = str(Path(sys.executable).with_name(cli.PROGRAM))
    return [program, "deploy", suffix, "--target", "local", "--region", REGION]


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def suffix() -> str:
    """Return a suffix that no environment has yet."""
    return f"pr-{uuid.uuid4().hex[:12]}"


def empty(endpoint: str) -> None:
    """Remove all environments, whose VPCs would soon use up a quota."""
    urllib.request.urlopen(f"{endpoint}/_ministack/reset", data=b"").close()


def others(endpoint: str) -> dict[str, float]:
    """Return how long the commands of other tools take, of those that are installed."""
    found = {}
    tools = {"aws cloudformation deploy": ("aws", "cloudformation"), "sam deploy": ("sam",)}
    for name, tool in tools.items():
        if shutil.which(tool[0]) is None:
            continue
        stack = suffix()
        parameters = json.loads(Path("parameters/pr.json").read_text())["Parameters"]
        given = {**parameters, "EnvironmentSuffix": stack}
        arguments = [
            *(*tool, "deploy", "--template-file", "templates/iot-pipeline.json"),
            *("--stack-name", stack, "--s3-bucket", control.TEMPLATE_BUCKET, "--region", REGION),
            *("--capabilities", *CAPABILITIES),
            *("--parameter-overrides", *(f"{key}={value}" for key, value in given.items())),
        ]
        found[name] = seconds(lambda arguments=arguments: run(arguments, endpoint))
    return found


def run(arguments: list[str], endpoint: str) -> None:
    """Run a command that reaches the embedded AWS by its environment."""
    environment = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": endpoint,
    }
    subprocess.run(arguments, check=True, capture_output=True, env=os.environ | environment)


def main() -> int:
    """Print the ratios; return 1 where deploying takes too long."""
    with tempfile.TemporaryDirectory() as directory, chdir(directory):
        for name in ("templates", "parameters"):
            Path(name).symlink_to(ROOT / name)
        endpoint = control.start(control.DIRECTORY, REGION).endpoint_url
        try:
            return measure(endpoint)
        finally:
            control.stop(control.DIRECTORY)


def measure(endpoint: str) -> int:
    """Measure in turns, and take the best: whatever else the machine does only makes it slower."""
    bare, ours = [], []
    threshold = gc.get_threshold()
    with Path(os.devnull).open("w") as nothing:
        for _ in range(ROUNDS):
            # Each as in a process of its own, for which `iot-pipeline` sets another one.
            gc.set_threshold(*threshold)
            empty(endpoint)
            bare.append(seconds(lambda: bare_calls(endpoint, suffix())))
            empty(endpoint)
            with redirect_stdout(nothing), redirect_stderr(nothing):
                ours.append(seconds(lambda: deploy(suffix())))
    ratio = min(ours) / min(bare)
    print(f"iot-pipeline deploy: {ratio:.2f} times the bare calls (at most {MOST})")
    whole = min(seconds(lambda: run(command(suffix()), endpoint)) for _ in range(3))
    for name, other in others(endpoint).items():
        print(f"iot-pipeline deploy, with its start: {whole / other:.2f} times {name}")
    return int(ratio > MOST)


if __name__ == "__main__":
    sys.exit(main())
