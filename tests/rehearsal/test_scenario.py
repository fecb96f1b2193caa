"""The steps of the scenario find what is broken in a template."""

import json
from unittest.mock import Mock

import pytest

from breaking import DEPLOY_IMAGE, properties
from checkout import ROOT
from iot_pipeline_cfn.deploy.ingest import Answer
from iot_pipeline_cfn.rehearsal.probe import Probe
from iot_pipeline_cfn.rehearsal.rehearsal_target import Outputs
from iot_pipeline_cfn.rehearsal.scenario import REFUSAL_OF_THE_API, STEPS, Scenario
from iot_pipeline_cfn.rehearsal.steps import run_step


def want_tasks_without_image(template):
    properties(template, "Service")["DesiredCount"] = 1


def disable_rotation_rule(template):
    properties(template, "DatabaseSecretRotatedRule")["State"] = "DISABLED"


def disable_roll_rule(template):
    properties(template, "ApplicationSecretRotatedRule")["State"] = "DISABLED"


def remove_output(template):
    del template["Outputs"]["RepositoryUri"]


def name_repository_in_capitals(template):
    properties(template, "Repository")["RepositoryName"] = "IoT-Pipeline"


def need_six_addresses(template):
    address = {"Type": "AWS::EC2::EIP", "Properties": {}}
    template["Resources"] |= {f"Address{number}": address for number in range(6)}


@pytest.mark.parametrize(
    ("breakage", "steps", "code", "details"),
    [
        (name_repository_in_capitals, ["create"], "deployment-failed", {"reason": "preflight"}),
        (need_six_addresses, ["create"], "deployment-failed", {"reason": "preflight"}),
        (want_tasks_without_image, ["create"], "wrong-number-of-tasks", {"desired": 1}),
        (remove_output, ["create", "push-image"], "output-missing", {"name": "RepositoryUri"}),
        (disable_roll_rule, [*DEPLOY_IMAGE, "rotate-password"], "service-not-restarted", {}),
        (disable_rotation_rule, [*DEPLOY_IMAGE, "rotate-password"], "service-not-restarted", {}),
    ],
)
def test_breakage_fails_the_step_that_it_concerns(failure_of, breakage, steps, code, details):
    failure = failure_of(breakage, *steps)
    assert failure.code == code
    assert failure.details.items() >= details.items()


@pytest.mark.parametrize(
    ("scheme", "failure"), [("internal", None), ("internet-facing", "unexpected-error")]
)
def test_only_a_private_load_balancer_may_give_no_answer(scheme, failure):
    ingest, operations, target = Mock(), Mock(), Mock()
    ingest.send.return_value = Answer(202, "")
    ingest.post.side_effect = [Answer(403, ""), Answer(400, REFUSAL_OF_THE_API)]
    ingest.bypass.side_effect = TimeoutError
    found = {"LoadBalancers": [{"Scheme": scheme}]}
    operations.connection.elbv2.describe_load_balancers.return_value = found
    target.find_probe.return_value = Probe(ingest)
    scenario = Scenario(operations, Mock(), target, Outputs(LoadBalancerArn="any"))
    step = run_step("ingest", STEPS["ingest"], scenario)
    assert (step.failure and step.failure.code) == failure


def test_protected_environment_leaves_no_load_balancer(template, run_steps, tmp_path):
    """The environment is like staging, but begins with public ingress, and has no access logs."""
    given = json.loads((ROOT / "parameters/staging.json").read_text())
    for name in ("ApiAccessLogs", "Ingress"):
        del given["Parameters"][name]
    (tmp_path / "staging.json").write_text(json.dumps(given))
    steps = run_steps(
        template,
        *("create", "private-ingress", "destroy"),
        environment="staging",
        parameters=tmp_path,
    )
    assert not any(step.failure for step in steps)
    _, private, destroyed = ([check.code for check in step.checks] for step in steps)
    assert private == ["load-balancer-internal"]
    assert destroyed == ["deletion-refused", "no-leftovers"]
