"""What a review says of a change, as AWS's documentation has it."""

import contextlib
import copy
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout import REGION
from foreign import FOREIGN, LOOP, UNKNOWN, mutants, places
from iot_pipeline_cfn.review.analyses import ANALYSES, Topic
from iot_pipeline_cfn.review.report.headline import headline_text
from iot_pipeline_cfn.review.report.json_data import as_data
from iot_pipeline_cfn.review.report.markdown import markdown
from iot_pipeline_cfn.review.report.terminal import lines as terminal_lines
from iot_pipeline_cfn.review.resolved import EnvironmentSource, resolve_pair
from iot_pipeline_cfn.review.resource_changes import find_changes
from iot_pipeline_cfn.review.reviewing import Side, review
from iot_pipeline_cfn.review.statements import find_statements
from iot_pipeline_cfn.review.verdict import ResourceOutcome, Scope
from iot_pipeline_cfn.template.changes import (
    Action,
    UpdateBehavior,
)
from iot_pipeline_cfn.template.findings import Finding, Severity
from review_cases import ABSENT, CASES, FILES, anywhere, applied, at, renamed


def reviewed(before, after, *environment_types):
    """Return the review of a change of a template, for the given environment types."""
    files = {environment_type: FILES[environment_type] for environment_type in environment_types}
    (found,) = review(
        Side({"iot-pipeline": before}, files), Side({"iot-pipeline": after}, files), region=REGION
    )
    return found


def reviewed_in_prod(template, *changes):
    """Return the review of changes of a template, for the environment type prod."""
    return reviewed(template, applied(template, *changes), "prod")


def summary(found):
    """Return the effects on updated environments in the notation of the cases."""
    return {
        line
        for group in found.groups
        if not group.scopes[0].only_new
        for line in summary_of(group.verdict)
    }


def summary_of(verdict):
    for effect in verdict.effects:
        change = effect.change
        if change.behavior is UpdateBehavior.SOME_INTERRUPTION:
            yield f"{change.logical_id} may be interrupted"
        elif not change.is_consequence or effect.outcome is not ResourceOutcome.CHANGED:
            what = effect.outcome.replace("maybe-replaced", "may be replaced")
            yield f"{change.logical_id} {what}"
    for topic, finding in verdict.findings:
        if finding.severity is Severity.DATA_LOSS:
            yield f"{finding.subject} loses data"
        if topic is Topic.REJECTED:
            yield f"{finding.subject} rejected"
        if finding.code == "renamed":
            yield f"{finding.subject} renamed to {finding.details['new_logical_id']}"


def statements(found):
    """Return the statements of the headline, each with its subjects."""
    return [(statement.code, statement.subjects) for statement in find_statements(found)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case.description} in {case.environment_type}"
)
def test_change_has_exactly_the_documented_effects(template, case):
    found = reviewed(template, case.applied(template), case.environment_type)
    expected = {line.strip() for line in case.expected.split(",")} - {""}
    assert summary(found) == {" ".join(line.split()) for line in expected}


def reordered(value):
    """Return a value with the keys of its objects in reverse order."""
    match value:
        case dict():
            return {key: reordered(value[key]) for key in reversed(value)}
        case list():
            return [reordered(item) for item in value]
    return value


def test_same_template_is_no_change(template):
    """The order of keys and the indentation do not matter."""
    for other in (template, reordered(template), json.loads(json.dumps(template, indent=8))):
        found = reviewed(template, other, "prod")
        assert (found.worst, statements(found)) == (None, [("no-change", ())])


@pytest.mark.slow
@pytest.mark.parametrize("foreign", FOREIGN, ids=["loop", "unknown", "circle"])
@given(data=st.data())
def test_any_template_can_be_reviewed(foreign, data):
    """Templates of other projects can be reviewed, and equal themselves."""
    before, after = (data.draw(mutants(foreign)) for _ in range(2))
    found = reviewed(before, after)
    assert json.loads(json.dumps(as_data([found])))
    assert markdown([found])
    assert all(text is not None for text, _ in terminal_lines([found]))
    assert reviewed(before, reordered(before)).worst is None


@given(data=st.data())
def test_reverse_change_has_the_opposite_actions(data):
    before, after = (data.draw(mutants(UNKNOWN)) for _ in range(2))
    there, back = (reviewed(*pair) for pair in ((before, after), (after, before)))
    opposite = {Action.ADD: Action.REMOVE, Action.REMOVE: Action.ADD, Action.MODIFY: Action.MODIFY}
    assert direct_actions(there) == {
        (name, opposite[action]) for name, action in direct_actions(back)
    }


def direct_actions(found):
    """Return the actions on resources that are not consequences of others."""
    return {
        (effect.change.logical_id, effect.change.action)
        for group in found.groups
        for effect in group.verdict.effects
        if not effect.change.is_consequence
    }


def test_change_of_a_loop_or_a_macro_is_reported():
    """Their resources are not guessed."""
    after = applied(
        LOOP,
        anywhere("Resources.Fn::ForEach::Buckets.1", ["a"]),
        anywhere("Transform", "AWS::LanguageExtensions"),
    )
    found = reviewed(LOOP, after)
    subjects = {finding.subject for finding in found.general.of_severity(Severity.REPLACEMENT)}
    assert subjects == {"Fn::ForEach::Buckets", "Transform"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Conditions.IsProd", {"Fn::Equals": [{"Ref": "Stage"}, "production"]}),
        ("Parameters.Secret.Default", "other"),
        ("Parameters.Image.Default", "/other"),
    ],
)
def test_change_of_an_unresolved_value_is_reported(path, value):
    """The value can be a condition, a `NoEcho` default or a parameter of Systems Manager."""
    before = applied(UNKNOWN, at("Instance.SubnetId", {"Ref": "Image"}))
    after = applied(before, anywhere(path, value))
    old, new = resolve_pair(EnvironmentSource(before), EnvironmentSource(after), REGION)
    found = [part for change in find_changes(old, new) for part in change.properties]
    assert any("(changed)" in json.dumps(part.after) for part in found)
    assert not any(value in (part.before, part.after) for part in found)


def test_registered_analysis_reports_findings(monkeypatch, template):
    """It runs for new environments only if its topic does."""

    def widen(before, after):
        details = {"before": len(before.resources), "region": after.region}
        if before.resources != after.resources:
            yield Finding("widened", Severity.EXPOSURE, "Vpc", details)

    analyses = dict.fromkeys(ANALYSES, ()) | {Topic.TRAFFIC: (widen,), Topic.QUOTAS: (widen,)}
    monkeypatch.setattr("iot_pipeline_cfn.review.analyses.ANALYSES", analyses)
    found = reviewed_in_prod(
        template, anywhere("Resources.Vpc.Properties.EnableDnsSupport", value=False)
    )
    assert statements(found) == [("exposure", ("Vpc",))]
    (entry,) = found.sections()[Topic.TRAFFIC]
    assert entry.finding.details["region"] == REGION
    assert entry.scopes == ()
    (new,) = review(Side({}), Side({"any": template}), region=REGION)
    assert Topic.TRAFFIC not in new.sections()
    assert new.sections()[Topic.QUOTAS][0].finding.details["before"] == 0


RANGE = at("Vpc.CidrBlock", "10.1.0.0/16")


def replaced(found):
    """Return the causes of replacements with their followers."""
    return {
        entry.finding.subject: {one.finding.subject for one in entry.followers}
        for entry in found.sections()[Topic.REPLACED]
    }


@pytest.mark.parametrize(("change", "cause"), [(RANGE, "Vpc"), (renamed("Vpc", "Net"), "Vpc")])
def test_cause_has_all_its_followers(template, change, cause):
    """The cause may be a change or a new logical ID."""
    found = reviewed_in_prod(template, change)
    ((name, followers),) = replaced(found).items()
    assert name == cause
    assert {"PrivateSubnet1", "NatGateway1", "TargetGroup", "VpcLink"} <= followers
    (replacement,) = (one for one in find_statements(found) if one.code == "replacement")
    assert replacement.subjects == (cause,)
    assert replacement.followers >= len(followers)


def test_resource_that_changes_itself_is_a_cause(template):
    """It is a cause even if another cause would change it as well."""
    changed = applied(
        template,
        at("PublicSubnet1.CidrBlock", "10.0.9.0/24"),
        at("NatGateway1.AllocationId", "eipalloc-0"),
        at("LoadBalancer.Scheme", "internet-facing"),
    )
    assert replaced(reviewed(template, changed, "prod")) == {
        "LoadBalancer": {"HttpForwardingRule", "HttpListener"},
        "NatGateway1": set(),
        "PublicSubnet1": {"PublicSubnet1RouteTableAssociation"},
    }


def test_interruption_by_a_replacement_names_its_cause(template):
    found = reviewed_in_prod(template, at("DatabaseParameterGroup.Family", "postgres17"))
    assert replaced(found) == {"DatabaseParameterGroup": set()}
    (entry,) = found.sections()[Topic.INTERRUPTED]
    assert entry.finding.causes == ("DatabaseParameterGroup",)


def test_findings_follow_their_cause_through_all_references(template):
    changed = applied(template, RANGE)
    found = reviewed(template, changed, "dev", "prod")
    (entry,) = found.sections()[Topic.REPLACED]
    assert entry.finding.subject == "Vpc"
    assert entry.follower_counts == (30, 36)
    assert all(one.finding.causes == ("Vpc",) for one in entry.followers)
    scopes = {one.finding.subject: one.scopes for one in entry.followers}
    assert scopes["FlowLog"] == (Scope("prod", only_new=False),)
    assert scopes["CacheSecurityGroup"] == ()
    outputs = [entry.finding for entry in found.sections()[Topic.OUTPUTS]]
    assert {(finding.code, finding.causes) for finding in outputs} == {("outputs-follow", ("Vpc",))}


def test_review_assumes_an_image(template):
    """Without an image, no task would run."""
    found = reviewed_in_prod(
        template, anywhere("Resources.ServiceScalableTarget.Properties.MaxCapacity", 50)
    )
    assert [each.change.logical_id for each, _ in found.effects()] == ["ServiceScalableTarget"]
    (entry,) = found.sections()[Topic.QUOTAS]
    assert (entry.finding.subject, entry.finding.details["after"]) == ("fargate-vcpu", 50)


@pytest.mark.parametrize(
    ("old", "new"), [("TaskRole", "AppRole"), ("ContainerSecurityGroup", "AppSecurityGroup")]
)
def test_renamed_resource_has_no_new_permissions_or_traffic(template, old, new):
    changed = applied(template, renamed(old, new))
    found = reviewed(template, changed, "prod")
    assert not any(group.verdict.of_severity(Severity.EXPOSURE) for group in found.groups)
    entries = [entry.finding for entry in found.sections()[Topic.REPLACED]]
    assert {"new_logical_id": new} in [one.details for one in entries if one.subject == old]
    wider = json.loads(json.dumps(changed).replace("secretsmanager:GetSecretValue", "s3:*"))
    assert "exposure" in dict(statements(reviewed(template, wider, "prod")))


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("Resources.Database.DeletionPolicy", "Delete", ("less-protection", ("Database",))),
        ("Outputs.RepositoryUri", ABSENT, ("outputs-removed", ("RepositoryUri",))),
    ],
)
def test_headline_states_what_does_not_show_in_resources(template, path, value, expected):
    assert statements(reviewed_in_prod(template, anywhere(path, value))) == [expected]


def test_condition_without_effect_is_reported(template):
    """It can have an effect with other parameters."""
    ((topic, finding),) = reviewed_in_prod(
        template, anywhere("Conditions.HasImage", {"Fn::Equals": ["a", "a"]})
    ).general.findings
    assert (topic, finding.code, finding.subject) == (Topic.UNKNOWN, "ineffective", "Conditions")


def test_new_deployment_of_the_api_is_a_revision(template):
    """A changed API gets a deployment with another logical ID, as in CDK and SAM."""
    deployments = [
        name
        for name, body in template["Resources"].items()
        if body["Type"] == "AWS::ApiGateway::Deployment"
    ]
    changed = applied(template, anywhere("Resources.ReadingsModel.Properties.Description", "other"))
    for name in deployments:
        renamed(name, f"{name[:-8]}{name[:-9:-1]}")(changed)
    found = reviewed(template, changed, "prod")
    (statement,) = find_statements(found)
    assert statement.code == "harmless"
    assert dict(statement.counts) == {ResourceOutcome.REVISED: 1, ResourceOutcome.CHANGED: 2}
    assert Topic.REPLACED not in found.sections()
    (entry,) = found.sections()[Topic.REVISIONS]
    assert entry.finding.code == "new-revision"
    assert entry.finding.details["previous_logical_id"] in deployments
    revised = [one.change for one, _ in found.effects() if one.outcome is ResourceOutcome.REVISED]
    assert [change.logical_id for change in revised] == [entry.finding.subject]


ODD = [None, [], {}, "text", 7, True, {"Ref": "X"}, {"Fn::If": ["X", 1, 2]}, [None], "nan"]


def disturb(template, chance):
    """Return a template in which random values are replaced by odd ones."""
    changed = copy.deepcopy(template)
    paths = [path for path in places(changed) if len(path) > 2 and "Tags" not in path]
    for *path, last in chance.sample(paths, 60):
        inside = changed
        with contextlib.suppress(IndexError, KeyError, TypeError):
            for key in path:
                inside = inside[key]
            inside[last] = copy.deepcopy(chance.choice(ODD))
    return changed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_odd_values_raise_no_error(template, seed):
    chance = random.Random(seed)  # noqa: S311 - Nothing to guess.
    odd = disturb(template, chance)
    del odd["Resources"]["Vpc"]["Type"]
    for pair in ((template, odd), (odd, template)):
        assert headline_text(reviewed(*pair))
