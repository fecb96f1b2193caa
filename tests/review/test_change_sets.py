"""A review predicts the change set of the same change."""

import itertools
import json
import re
import time

import boto3
import pytest
from botocore.exceptions import ClientError

from checkout import ACCOUNTS, REGION
from iot_pipeline_cfn.emulator.control import TEMPLATE_BUCKET
from iot_pipeline_cfn.review.resolved import EnvironmentSource, resolve_pair
from iot_pipeline_cfn.review.resource_changes import find_changes
from iot_pipeline_cfn.template.changes import UpdateBehavior
from iot_pipeline_cfn.template.parameters import ParameterSet
from review_cases import CASES, FILES

NUMBERS = itertools.count(1)


class Stack:
    """An environment of a type on the emulator."""

    def __init__(self, endpoint_url, environment_type, template):
        account = f"{next(ACCOUNTS):012}"
        session = boto3.Session(account, "made-up", region_name=REGION)
        self.s3, self.cloudformation = (
            session.client(service, endpoint_url=endpoint_url)
            for service in ("s3", "cloudformation")
        )
        self.endpoint_url, self.environment_type, self.template = (
            endpoint_url,
            environment_type,
            template,
        )
        made = self.change_set(template, "CREATE")
        self.cloudformation.execute_change_set(ChangeSetName=made["ChangeSetId"])
        while self.status() == "CREATE_IN_PROGRESS":
            time.sleep(0.02)
        assert self.status() == "CREATE_COMPLETE"

    def status(self):
        (stack,) = self.cloudformation.describe_stacks(StackName=self.environment_type)["Stacks"]
        return stack["StackStatus"].replace("REVIEW", "CREATE")

    def change_set(self, template, change_set_type="UPDATE"):
        number = next(NUMBERS)
        body = json.dumps(template, separators=(",", ":"))
        self.s3.put_object(Bucket=TEMPLATE_BUCKET, Key=f"{number}.json", Body=body)
        given = {
            **FILES[self.environment_type].parameters,
            "EnvironmentSuffix": self.environment_type,
        }
        kept = self.template["Parameters"].keys() & template["Parameters"].keys() - given.keys()
        made = self.cloudformation.create_change_set(
            StackName=self.environment_type,
            ChangeSetName=f"change-{number}",
            ChangeSetType=change_set_type,
            TemplateURL=f"{self.endpoint_url}/{TEMPLATE_BUCKET}/{number}.json",
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in given.items()
            ]
            + [
                {"ParameterKey": key, "UsePreviousValue": True}
                for key in kept
                if change_set_type == "UPDATE"
            ],
        )
        return self.cloudformation.describe_change_set(ChangeSetName=made["Id"])

    def close(self):
        self.s3.close()
        self.cloudformation.close()


@pytest.fixture(scope="module")
def stacks(emulator, template):
    made = {
        environment_type: Stack(emulator.endpoint_url, environment_type, template)
        for environment_type in {case.environment_type for case in CASES}
    }
    yield made
    for stack in made.values():
        stack.close()


EXPLAINED = {
    "new resource type": "the emulator replaces it, which CloudFormation rejects",
    "removed parameter that a file still sets": "the emulator accepts unknown parameters",
    "new logical ID of a stateful resource": "the emulator compares names before it resolves them",
}
"""Cases in which the review and the emulator differ, and why."""

MEANT = {"AWS::ElastiCache::ReplicationGroup", "AWS::RDS::DBInstance"}
"""Types for which `Conditionally` means the same on the emulator as on AWS."""

AS_OFFLINE = {
    "Always": {UpdateBehavior.REPLACEMENT},
    # The schemas do not say for which engines; the documentation of the property does.
    "Conditionally": {UpdateBehavior.MAYBE_REPLACEMENT, UpdateBehavior.SOME_INTERRUPTION},
    "Never": {UpdateBehavior.NO_INTERRUPTION, UpdateBehavior.SOME_INTERRUPTION},
}


def offline(template, case):
    """Return the changes that the review predicts, by logical ID."""
    given = FILES[case.environment_type].parameters
    changed = case.applied(template)
    kept = ParameterSet(template, given).updated(changed, given).effective()
    before, after = resolve_pair(
        EnvironmentSource(template, given), EnvironmentSource(changed, kept), REGION
    )
    return {change.logical_id: change for change in find_changes(before, after)}


def online(stack, case):
    """Return the changes in the change set, by logical ID."""
    described = stack.change_set(case.applied(stack.template))
    found = [change["ResourceChange"] for change in described["Changes"]]
    return {change["LogicalResourceId"]: change for change in found}


def direct(change):
    """Return the properties that the template itself changes, in a change set."""
    return {
        detail["Target"].get("Name", detail["Target"]["Attribute"]): detail["Target"]
        for detail in change.get("Details", [])
        if detail["ChangeSource"] == "DirectModification"
    }


def own(change):
    """Return the strongest update behavior of each changed property, in a review."""
    found = {}
    for part in sorted(change.properties, key=lambda part: part.behavior.rank):
        if not part.because_of:
            found[part.name] = part.behavior
    return found


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case.description} in {case.environment_type}"
)
def test_review_agrees_with_the_change_set(stacks, template, case):
    """Both have the same actions, and the same replacement for every property.

    A change set also lists whatever refers to an attribute of a resource that changes, since
    CloudFormation does not look into which attribute changes; a review does.
    """
    if case.description in EXPLAINED:
        pytest.skip(EXPLAINED[case.description])
    parameters = case.applied(template)["Parameters"].keys() | template["Parameters"].keys()
    if parameters & {*re.findall(r"(\w+) rejected", case.expected)}:
        with pytest.raises(ClientError):
            online(stacks[case.environment_type], case)
        return
    ours, theirs = offline(template, case), online(stacks[case.environment_type], case)
    assert {name: change.action.value for name, change in ours.items()} == {
        name: change["Action"]
        for name, change in theirs.items()
        if name in ours or change["Action"] != "Modify" or direct(change).keys() - {"Metadata"}
    }
    for name in ours:
        known = theirs[name]
        found, described = own(ours[name]), direct(known)
        assert found.keys() == described.keys() - {"Metadata"}
        for part, does in found.items():
            requires = described[part]["RequiresRecreation"]
            if requires != "Conditionally" or known["ResourceType"] in MEANT:
                assert does in AS_OFFLINE[requires], (name, part)
        # The one may know more than the other, but never the contrary.
        answers = {ours[name].replacement.value, known.get("Replacement", "False")}
        assert answers != {"True", "False"}, name
