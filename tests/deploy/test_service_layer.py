"""The service layer, called without a command line."""

from dataclasses import replace

import pytest

from deploying import Recorder, names_of_stacks, small_template
from iot_pipeline_cfn.deploy import service_layer
from iot_pipeline_cfn.deploy.connection import Target
from iot_pipeline_cfn.deploy.deletion import DeletionOutcome
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.observer import Observer, Question
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.request import load_request
from iot_pipeline_cfn.deploy.service_layer import Consent, deploy, destroy, plan

YES = Consent(yes=True)
ASK = Consent(interactive=True)


@pytest.fixture
def prepare(project, connect_to):
    """A function from a template and a file to the environment pr1 and a request for it."""

    def prepare(template=None, *, observer=None, file=None, **options):
        project.write(template or small_template(), pr=file or {})
        environment, request = load_request(
            "pr1",
            project.directory / "templates/iot-pipeline.json",
            project.directory / "parameters",
        )
        operations = Operations(environment, connect_to(), observer or Observer())
        return operations, replace(request, **options)

    return prepare


def test_environment_lives_through_plan_deploy_and_destroy(prepare, aws):
    operations, request = prepare()
    planned = plan(operations, request)
    assert [change.logical_id for change in planned.changes] == ["Topic"]
    assert names_of_stacks(aws) == []
    result = deploy(operations, request, YES)
    assert [output.name for output in result.stack.outputs] == ["TopicArn"]
    assert plan(operations, request).empty
    deletion = destroy(operations, YES)
    (topic,) = deletion.plan.resources
    assert (topic.logical_id, topic.outcome) == ("Topic", DeletionOutcome.DELETED)
    assert (deletion.left, names_of_stacks(aws)) == ([], [])
    assert destroy(operations, YES).plan.stack is None


VPC = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}


class Seeing(Recorder):
    """An observer that agrees, after something has happened, and keeps what it is shown."""

    def __init__(self, happens):
        super().__init__(True)
        self.happens, self.found = happens, []

    def confirm(self, question, environment):
        self.happens()
        return super().confirm(question, environment)

    def show_findings(self, findings):
        self.found += findings


def use_up(aws):
    """Create VPCs up to AWS's default quota."""
    for _ in range(5 - len(aws("ec2").describe_vpcs()["Vpcs"])):
        aws("ec2").create_vpc(CidrBlock="10.1.0.0/16")


def test_last_free_place_that_is_taken_before_the_answer_is_noticed(prepare, aws):
    """The checks had passed before the user was asked."""
    observer = Seeing(lambda: use_up(aws))
    operations, request = prepare(small_template({"Vpc": VPC}), observer=observer)
    with pytest.raises(DeploymentError) as error:
        deploy(operations, request, ASK)
    assert (error.value.code, error.value.details["codes"]) == ("preflight", ["vpcs"])
    assert [finding.code for finding in observer.found] == ["vpcs"]
    assert names_of_stacks(aws) == []


@pytest.mark.parametrize(
    ("reason", "codes"),
    [
        (
            "The maximum number of VPCs has been reached. (Service: Ec2, Status Code: 400, "
            "HandlerErrorCode: ServiceLimitExceeded)",
            ["vpcs"],
        ),
        ("something else (HandlerErrorCode: InvalidRequest)", []),
    ],
)
def test_limit_that_aws_reports_is_the_finding_of_the_quota(
    prepare, aws, monkeypatch, reason, codes
):
    """Another deployment took the last place after all checks."""
    observer = Seeing(lambda: None)
    operations, request = prepare(small_template({"Vpc": VPC}), observer=observer)

    def execute(*_):
        use_up(aws)
        cause = {"logical_id": "Vpc", "reason": reason}
        raise DeploymentError("failed", code="deployment-failed", cause=cause)

    monkeypatch.setattr(service_layer, "execute", execute)
    with pytest.raises(DeploymentError):
        deploy(operations, request, YES)
    assert [finding.code for finding in observer.found] == codes
    for finding in observer.found:
        assert (finding.details["used"], finding.details["limit"]) == (5, 5)
        assert finding.details["consumers"]
        assert {each.action for each in finding.remediations} >= {"raise-quota"}


@pytest.mark.parametrize("agrees", [True, False])
def test_interactive_user_decides(prepare, aws, agrees):
    observer = Recorder(agrees)
    operations, request = prepare(observer=observer)
    if agrees:
        deploy(operations, request, ASK)
    else:
        with pytest.raises(DeploymentError) as error:
            deploy(operations, request, ASK)
        assert error.value.code == "declined"
    assert observer.questions == [(Question.DEPLOY, "pr1")]
    assert bool(names_of_stacks(aws)) is agrees


@pytest.mark.parametrize(
    ("consent", "target", "is_allowed"),
    [
        (Consent(), Target.AWS, False),
        (Consent(in_ci=True), Target.AWS, True),
        (Consent(yes=True), Target.AWS, True),
        (Consent(), Target.LOCAL, True),
    ],
)
def test_scripts_need_consent_on_aws(consent, target, is_allowed):
    given = consent.covers_deployment(is_local=target is Target.LOCAL)
    assert given is is_allowed
    if not given:
        with pytest.raises(DeploymentError) as error:
            consent.require(given=given)
        assert error.value.code == "no-consent"


@pytest.mark.parametrize(
    ("options", "code"),
    [({"bucket": "No Bucket"}, "bad-bucket"), ({"ignored": ["nonsense"]}, "unknown-check")],
)
def test_wrong_option_is_refused(prepare, options, code):
    with pytest.raises(DeploymentError) as error:
        plan(*prepare(**options))
    assert error.value.code == code
