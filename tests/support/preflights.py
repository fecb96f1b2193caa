"""Running preflight checks of changes to the committed template."""

import json
from functools import cache

from botocore.stub import Stubber

from checkout import REGION, ROOT
from deploying import made_up_session
from iot_pipeline_cfn.deploy.connection import Connection, Target
from iot_pipeline_cfn.deploy.environments import Environment
from iot_pipeline_cfn.deploy.preflight.check_registry import CHECKS
from iot_pipeline_cfn.deploy.preflight.checking import PreflightContext, run_checks
from iot_pipeline_cfn.template.changes import Action, PropertyChange, Replacement, ResourceChange

TEMPLATE = json.loads((ROOT / "templates/iot-pipeline.json").read_text())
ZONES = {"AvailabilityZone1": "ap-northeast-1a", "AvailabilityZone2": "ap-northeast-1c"}

NOWHERE = Connection(None, REGION, Target.AWS)
"""A connection that cannot make any client."""


def resource_change(action, logical_id, kind, replacement="False", properties=(), **others):
    """Return a change, its action and replacement as CloudFormation spells them."""
    return ResourceChange(
        Action(action), logical_id, kind, Replacement(replacement), tuple(properties), **others
    )


def change(logical_id, action="Add", replacement="False", properties=(), **others):
    """Return a change of a resource of the template; properties are paths or whole changes."""
    parts = [PropertyChange(each) if isinstance(each, str) else each for each in properties]
    kind = TEMPLATE["Resources"][logical_id]["Type"]
    return resource_change(action, logical_id, kind, replacement, parts, **others)


def added(*logical_ids):
    return [change(logical_id) for logical_id in logical_ids]


def modified(logical_id, *properties):
    return change(logical_id, "Modify", properties=properties)


def context_of(connection, changes, *, template=TEMPLATE, suffix="dev", stack=None, **parameters):
    given = {"EnvironmentSuffix": suffix} | ZONES | parameters
    environment = Environment(suffix, suffix)
    return PreflightContext(environment, connection, template, given, changes, stack)


def run_check(code, connection, changes, *, ignored=(), **others):
    """Return the findings of one check."""
    return run_checks({code: CHECKS[code]}, context_of(connection, changes, **others), ignored)


@cache
def _session():
    return made_up_session(REGION)


STUBBERS = []
"""The stubs of the current test."""


def stubbed(**answers):
    """Return a connection to AWS whose clients reach nothing and give answers, by service."""
    connection = Connection(_session(), REGION, Target.AWS)
    for service, given in answers.items():
        stub(connection, service, *given)
    return connection


def stub(connection, service, *answers):
    """Let a client give these answers: each a call, its answer or error code, and its request.

    The test fails unless all are used.
    """
    stubber = Stubber(getattr(connection, service))
    for call, answer, *request in answers:
        if isinstance(answer, str):
            stubber.add_client_error(call, answer)
        else:
            stubber.add_response(call, answer, *request)
    stubber.activate()
    STUBBERS.append(stubber)


def problems(findings):
    """Return the severity and the problem of each finding."""
    return [(each.severity, each.details["problem"]) for each in findings]


def remediations(finding, action):
    """Return the details of a finding's remediations of one kind."""
    return [dict(each.details) for each in finding.remediations if each.action == action]


def parameters_of(finding):
    """Return the parameters that a finding proposes to set."""
    return {each["name"]: each["value"] for each in remediations(finding, "set-parameter")}


def commands(finding):
    """Return the commands that a finding proposes, as lists of arguments."""
    return [each["argv"] for each in remediations(finding, "run-command")]
