"""The template of the project, deployed into the emulator."""

import json
import time

import pytest

from emulated import STACK, TAGS, settled
from iot_pipeline_cfn.emulator.control import TEMPLATE_BUCKET


@pytest.fixture
def deploy(aws, emulator, template):
    """A function that deploys the template with parameters and returns the settled stack."""
    aws("s3").put_object(Bucket=TEMPLATE_BUCKET, Key="any.json", Body=json.dumps(template).encode())

    def deploy(parameters, kind="CREATE"):
        cloudformation = aws("cloudformation")
        change_set = cloudformation.create_change_set(
            StackName=STACK,
            ChangeSetName=f"any-{time.monotonic_ns()}",
            ChangeSetType=kind,
            TemplateURL=f"{emulator.endpoint_url}/{TEMPLATE_BUCKET}/any.json",
            Parameters=[
                {"ParameterKey": name, "ParameterValue": str(value)}
                for name, value in {"EnvironmentSuffix": "any", **parameters}.items()
            ],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Tags=TAGS,
        )["Id"]
        cloudformation.get_waiter("change_set_create_complete").wait(
            ChangeSetName=change_set, WaiterConfig={"Delay": 0.02}
        )
        cloudformation.execute_change_set(ChangeSetName=change_set)
        return settled(cloudformation)

    return deploy


@pytest.fixture
def cloudformation(aws):
    return aws("cloudformation")
