"""Stacks that are created in the emulator by its own CloudFormation, without the deployer."""

import json
import time

from checkout import ENVIRONMENTS
from deploying import topic

STACK = "iot-pipeline-any"
TAGS = [{"Key": "Owner", "Value": "somebody"}]
STACK_TAGS = ("Owner", "aws:cloudformation:stack-name")
"""Tags that resources get from their stack."""


def settled(cloudformation, stack=STACK):
    """Return a stack once nothing is in progress."""
    while True:
        (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        if not described["StackStatus"].endswith("IN_PROGRESS"):
            return described
        time.sleep(0.02)


def delete(cloudformation, stack):
    cloudformation.delete_stack(StackName=STACK)
    return settled(cloudformation, stack["StackId"])


def outputs(stack):
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def reasons(cloudformation, stack):
    """Return the reasons of failed resources by their logical IDs."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(
        StackName=stack["StackId"]
    )
    return {
        event["LogicalResourceId"]: event["ResourceStatusReason"]
        for page in pages
        for event in page["StackEvents"]
        if event["ResourceStatus"].endswith("FAILED")
    }


def tags(resource):
    return {tag["Key"]: tag["Value"] for tag in resource["Tags"]}


def parameters_of(environment, aws):
    """Return the parameters of an environment with an Elastic IP that exists."""
    given = dict(ENVIRONMENTS[environment])
    if "NatElasticIpAllocationId" in given:
        address = aws("ec2").allocate_address(Domain="vpc")
        given["NatElasticIpAllocationId"] = address["AllocationId"]
    return given


def small(**resources):
    """Return a template of resources, each with its type and properties."""
    return json.dumps(
        {
            "Resources": {
                name: {"Type": kind, "Properties": properties}
                for name, (kind, properties) in resources.items()
            }
        }
    )


def created(cloudformation, **resources):
    """Create a stack of resources and return the reasons of those that failed."""
    stack = cloudformation.create_stack(
        StackName="small", TemplateBody=small(**resources), OnFailure="DELETE"
    )
    settled(cloudformation, stack["StackId"])
    return reasons(cloudformation, stack)


def template(resources=None, outputs=None, **sections):
    """Return a template with a topic and other parts."""
    return {
        "Resources": {"Topic": topic()} | (resources or {}),
        "Outputs": {name: {"Value": value} for name, value in (outputs or {}).items()},
        **sections,
    }


def change_set(cloudformation, body, kind="UPDATE", **options):
    """Create a change set and return the answer."""
    return cloudformation.create_change_set(
        StackName=STACK,
        ChangeSetName=f"any-{time.monotonic_ns()}",
        ChangeSetType=kind,
        TemplateBody=json.dumps(body),
        **options,
    )


def described(cloudformation, made):
    return cloudformation.describe_change_set(ChangeSetName=made["Id"])


def listed(cloudformation, stack):
    """Return the IDs of a stack's change sets."""
    summaries = cloudformation.list_change_sets(StackName=stack)["Summaries"]
    return [each["ChangeSetId"] for each in summaries]


def executed(cloudformation, made):
    """Execute a change set and return the settled stack."""
    cloudformation.execute_change_set(ChangeSetName=made["Id"])
    return settled(cloudformation)


def create(cloudformation, body, **options):
    """Create the stack and return it once it has settled."""
    cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(body), **options)
    return settled(cloudformation)


def events(cloudformation):
    """Return the logical IDs and statuses of all events, oldest first."""
    found = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    return [(each["LogicalResourceId"], each["ResourceStatus"]) for each in reversed(found)]


NOWHERE = {"Ref": "Nowhere"}
SWITCH = {
    "Parameters": {"Switch": {"Type": "String", "Default": "off"}},
    "Conditions": {"On": {"Fn::Equals": [{"Ref": "Switch"}, "on"]}},
}
OPTIONAL = {"Optional": topic() | {"Condition": "On"}}
