"""The time of deploying a new environment, as a multiple of the bare calls to AWS for the same.

Both run in this process against the local AWS emulator and begin with a new session. The bare calls
upload the template, create the change set, execute it, and describe the stack every 50 ms until it
is complete.
"""

import json
import os
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

from iot_pipeline_cfn import DEFAULT_REGION, cli
from iot_pipeline_cfn.emulator import control

ROOT = Path(__file__).parents[1]
ROUNDS = 10
POLL_SECONDS = 0.05
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


def call_bare(endpoint: str, suffix: str) -> None:
    """Create an environment by the calls that it needs."""
    session = boto3.Session("test", "test", region_name=DEFAULT_REGION)
    s3 = session.client("s3", endpoint_url=endpoint, config=Config(s3={"addressing_style": "path"}))
    cloudformation = session.client("cloudformation", endpoint_url=endpoint)
    ec2 = session.client("ec2", endpoint_url=endpoint)
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]]
    template = json.loads(Path("templates/iot-pipeline.json").read_text())
    parameters = json.loads(Path("parameters/dev.json").read_text())["Parameters"] | {
        "AvailabilityZone1": zones[0],
        "AvailabilityZone2": zones[1],
        "EnvironmentSuffix": suffix,
    }
    body = json.dumps(template, separators=(",", ":")).encode()
    s3.put_object(Bucket=control.TEMPLATE_BUCKET, Key=f"{suffix}.json", Body=body)
    name = f"bare-{suffix}"
    change_set = cloudformation.create_change_set(
        StackName=name,
        ChangeSetName=name,
        ChangeSetType="CREATE",
        TemplateURL=f"{endpoint}/{control.TEMPLATE_BUCKET}/{suffix}.json",
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
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
    """Create an environment as `iot-pipeline deploy` does."""
    sys.argv = [cli.PROGRAM, "deploy", suffix, "--target", "local", "--region", DEFAULT_REGION]
    try:
        cli.main()
    except SystemExit as end:
        if end.code:
            raise RuntimeError(end.code) from None


def seconds(endpoint: str, action: Callable[[str], object]) -> float:
    """Return the time of an action that creates an environment in an empty account."""
    urllib.request.urlopen(f"{endpoint}/_ministack/reset", data=b"").close()
    start = time.perf_counter()
    action(f"dev-{uuid.uuid4().hex[:12]}")
    return time.perf_counter() - start


def main() -> None:
    """Measure in turns, and print the ratio of the best times."""
    bare, ours = [], []
    with tempfile.TemporaryDirectory() as directory, chdir(directory):
        for name in ("templates", "parameters"):
            Path(name).symlink_to(ROOT / name)
        endpoint = control.start(control.DIRECTORY, DEFAULT_REGION).endpoint_url
        try:
            with Path(os.devnull).open("w") as null:
                for _ in range(ROUNDS):
                    bare.append(seconds(endpoint, lambda suffix: call_bare(endpoint, suffix)))
                    with redirect_stdout(null), redirect_stderr(null):
                        ours.append(seconds(endpoint, deploy))
        finally:
            control.stop(control.DIRECTORY)
    print(f"{'iot-pipeline deploy':24} {min(ours) / min(bare):5.2f} times the bare calls")


if __name__ == "__main__":
    main()
