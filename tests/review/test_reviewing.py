"""What a review says of a change, as AWS's documentation has it."""

import contextlib
import copy
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkout import REGION
from foreign import FOREIGN, LOOP, UNKNOWN, mutants, places
from iot_pipeline_cfn.review.analyses import Topic
from iot_pipeline_cfn.review.behaviour import Behaviour
from iot_pipeline_cfn.review.causes import causes
from iot_pipeline_cfn.review.report.markdown import markdown
from iot_pipeline_cfn.review.report.terminal import lines as terminal_lines
from iot_pipeline_cfn.review.resolved import resolved
from iot_pipeline_cfn.review.resources import Action, Change, PropertyChange, changes
from iot_pipeline_cfn.review.reviewing import Side, review
from iot_pipeline_cfn.review.verdict import as_data, word
from iot_pipeline_cfn.template.findings import Finding, Severity
from review_cases import CASES, FILES, anywhere, at, both, renamed


def reviewed(before, after, kind="prod", region=REGION):
    """Return the review of a template that becomes another one, for one kind of environment."""
    files = {kind: FILES[kind]} if kind else {}
    (found,) = review(Side({"any": before}, files), Side({"any": after}, files), region=region)
    return found


def said(found):
    """Return in words what a review says of updates: of resources, data, and what is refused."""
    return {line for group in found.groups if not group.only_new for line in lines(group.verdict)}


def lines(verdict):
    for change in verdict.changes:
        own = [part for part in change.properties if not part.because_of]
        what = word(change).replace("perhaps replaced", "may be replaced")
        if change.behaviour is Behaviour.INTERRUPTION:
            yield f"{change.logical_id} may be interrupted"
        elif own or what != "changed" or change.action is not Action.MODIFY:
            yield f"{change.logical_id} {what}"
    for remark in verdict.remarks(Severity.DATA_LOSS):
        yield f"{remark.subject} loses data"
    for section in verdict.sections:
        for remark in section.remarks:
            if section.heading is Topic.REFUSED:
                yield f"{remark.subject} refused"
            if "is renamed to" in remark.details.get("message", ""):
                yield remark.details["message"].partition(",")[0].replace(" is renamed", " renamed")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.what} in {case.kind}")
def test_change_does_what_aws_documents(template, case):
    """Nothing more, and nothing less."""
    found = reviewed(template, case.applied(template), case.kind)
    expected = {line.strip() for line in case.expected.split(",")} - {""}
    assert said(found) == {" ".join(line.split()) for line in expected}


def reordered(value):
    """Return a value with its keys the other way round."""
    match value:
        case dict():
            return {key: reordered(value[key]) for key in reversed(value)}
        case list():
            return [reordered(item) for item in value]
    return value


def test_same_template_is_no_change(template):
    """Nor is another order of keys."""
    for other in (template, reordered(template), json.loads(json.dumps(template, indent=8))):
        found = reviewed(template, other)
        assert (found.worst, found.headline) == (None, "Nothing changes.")


@pytest.mark.parametrize("foreign", FOREIGN, ids=["loop", "unknown", "circle"])
@settings(max_examples=60)
@given(data=st.data())
def test_any_template_can_be_reviewed(foreign, data):
    """Also one that is not ours, with what ours have not; and against itself it is no change."""
    before, after = (data.draw(mutants(foreign)) for _ in range(2))
    found = reviewed(before, after, kind="")
    assert found.headline
    assert json.loads(json.dumps(as_data([found])))
    assert markdown([found])
    assert all(text is not None for text, _ in terminal_lines([found]))
    assert reviewed(before, reordered(before), kind="").worst is None


@settings(max_examples=60)
@given(data=st.data())
def test_way_back_removes_what_was_added(data):
    """And adds what was removed; what is changed there and back is the same."""
    before, after = (data.draw(mutants(UNKNOWN)) for _ in range(2))
    there, back = (reviewed(*pair, kind="") for pair in ((before, after), (after, before)))
    opposite = {Action.ADD: Action.REMOVE, Action.REMOVE: Action.ADD, Action.MODIFY: Action.MODIFY}
    assert direct(there) == {(name, opposite[action]) for name, action in direct(back)}


def direct(found):
    """Return what happens to resources by what their own templates say."""
    return {
        (change.logical_id, change.action)
        for group in found.groups
        for change in group.verdict.changes
        if change.action is not Action.MODIFY
        or any(not part.because_of for part in change.properties)
    }


def test_what_a_loop_or_a_macro_makes_is_not_guessed():
    """That it changes is said all the same."""
    after = copy.deepcopy(LOOP)
    after["Resources"]["Fn::ForEach::Buckets"][1] = ["a"]
    after["Transform"] = "AWS::LanguageExtensions"
    found = reviewed(LOOP, after, kind="")
    subjects = {remark.subject for remark in found.general.remarks(Severity.CHANGE)}
    assert subjects == {"Fn::ForEach::Buckets", "Transform"}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("Conditions.IsProd", {"Fn::Equals": [{"Ref": "Stage"}, "production"]}),
        ("Parameters.Secret.Default", "other"),
        ("Parameters.Image.Default", "/other"),
    ],
)
def test_what_cannot_be_resolved_still_changes(place, value):
    """A condition on what is not given, a value without echo, a parameter of Systems Manager."""
    before = copy.deepcopy(UNKNOWN)
    before["Resources"]["Instance"]["Properties"]["SubnetId"] = {"Ref": "Image"}
    after = copy.deepcopy(before)
    anywhere(place, value)(after)
    old, new = resolved((before, {}), (after, {}), REGION)
    found = [part for one in changes(old.resources, new.resources) for part in one.properties]
    assert any("(changed)" in part.after for part in found)
    assert not any(value in (part.before, part.after) for part in found)


def test_analysis_is_an_entry_of_the_registry(monkeypatch, template):
    """It compares two environments, and counts for new ones where its topic does."""

    def widen(before, after):
        details = {"before": len(before.resources), "region": after.region}
        yield Finding("widened", Severity.EXPOSURE, "Vpc", details)

    analyses = {Topic.TRAFFIC: (widen,), Topic.QUOTAS: (widen,)}
    monkeypatch.setattr("iot_pipeline_cfn.review.analyses.ANALYSES", analyses)
    changed = copy.deepcopy(template)
    anywhere("Resources.Vpc.Properties.EnableDnsSupport", value=False)(changed)
    found = reviewed(template, changed)
    assert found.headline == "Access widens in prod: Vpc."
    (entry,) = found.sections()[Topic.TRAFFIC]
    assert entry.remark.details["region"] == REGION
    assert entry.place == ""
    (new,) = review(Side({}), Side({"any": template}), region=REGION)
    assert Topic.TRAFFIC not in new.sections()
    assert new.sections()[Topic.QUOTAS][0].remark.details["before"] == 0


RANGE = at("Vpc.CidrBlock", "10.1.0.0/16")


def replaced(found):
    """Return what stands under "Replaced": the causes, each with those that follow from it."""
    return {
        entry.remark.subject: {one.subject for one, _ in entry.followers}
        for entry in found.sections()[Topic.REPLACED]
    }


@pytest.mark.parametrize(("change", "cause"), [(RANGE, "Vpc"), (renamed("Vpc", "Net"), "Vpc")])
def test_cause_comes_with_what_follows_from_it(template, change, cause):
    """Through however many references, and to another name of the same."""
    changed = copy.deepcopy(template)
    change(changed)
    found = reviewed(template, changed)
    ((name, followers),) = replaced(found).items()
    assert name == cause
    assert {"PrivateSubnet1", "NatGateway1", "TargetGroup", "VpcLink"} <= followers
    assert f"{cause}, and what follows" in found.headline


def test_each_cause_has_its_own(template):
    """What changes by itself is a cause, even if something else would change it as well."""
    changed = copy.deepcopy(template)
    both(
        at("PublicSubnet1.CidrBlock", "10.0.9.0/24"),
        at("NatGateway1.AllocationId", "eipalloc-0"),
        at("LoadBalancer.Scheme", "internet-facing"),
    )(changed)
    assert replaced(reviewed(template, changed)) == {
        "LoadBalancer": {"HttpListener", "StageListenerRule"},
        "NatGateway1": set(),
        "PublicSubnet1": {"PublicSubnet1RouteTableAssociation"},
    }


def test_what_changes_because_of_others_in_place_is_not_lost(template):
    """Its cause does not stand under the same heading."""
    changed = copy.deepcopy(template)
    at("DatabaseParameterGroup.Family", "postgres17")(changed)
    found = reviewed(template, changed)
    assert replaced(found) == {"DatabaseParameterGroup": set()}
    (entry,) = found.sections()[Topic.INTERRUPTED]
    assert entry.remark.causes == ("DatabaseParameterGroup",)


def test_circle_of_changes_has_no_cause_but_itself():
    """Such templates are refused, but can be reviewed."""

    def because_of(name, *others):
        parts = (PropertyChange("Any", Behaviour.REPLACEMENT, because_of=one) for one in others)
        return Change(Action.MODIFY, name, "Any", tuple(parts))

    circle = (because_of("A", "B"), because_of("B", "A"))
    assert causes(circle, ()) == {"A": (), "B": ()}
    begun = (*circle[1:], because_of("A", "B", "C"), because_of("C", ""))
    assert causes(begun, ()) == {"A": ("C",), "B": ("C",), "C": ()}


def test_cascade_does_not_drown_the_verdict(template):
    """On the terminal it is a line, in a comment it is folded, and as data it has its cause."""
    changed = copy.deepcopy(template)
    RANGE(changed)
    files = {kind: FILES[kind] for kind in ("pr", "prod")}
    found = review(Side({"any": template}, files), Side({"any": changed}, files), region=REGION)
    lines = [text for text, _ in terminal_lines(found)]
    cause = lines.index("Replaced") + 1
    assert lines[cause] == (
        "  Vpc is replaced, because CidrBlock changes: 10.0.0.0/16 -> 10.1.0.0/16"
    )
    assert lines[cause + 1].startswith("    with it 27 to 35 others: CacheSecurityGroup, ")
    assert "FlowLog [prod]" in lines[cause + 1]
    assert lines[cause + 2] == ""
    assert (
        "  NatGateway1 (AWS::EC2::NatGateway) replaced [prod]: PublicSubnet1 is replaced: SubnetId"
    ) in lines
    comment = markdown(found)
    _, _, folded = comment.partition("<details><summary>With it 27 to 35 others, and why</summary>")
    assert "- `NatGateway1` is replaced, because PublicSubnet1 is replaced" in folded
    assert comment.count("<details>") == comment.count("</details>")
    data = as_data(found)["templates"][0]["environments"]
    remarks = [one for group in data for one in group["remarks"] if one["about"] == Topic.REPLACED]
    assert remarks[0]["subject"] == "Vpc"
    assert all(one["causes"] == ["Vpc"] for one in remarks if one["subject"] != "Vpc")
    assert all(one["causes"] == [] for one in remarks if one["subject"] == "Vpc")
    through = [
        one
        for group in data
        for one in group["remarks"]
        if "change with" in one["details"].get("message", "")
    ]
    assert [one["subject"] for one in through] == ["Vpc", "Vpc"]


def test_environments_have_an_image(template):
    """Which no file gives, and without which there would be no tasks to review."""
    changed = copy.deepcopy(template)
    anywhere("Resources.ServiceScalableTarget.Properties.MaxCapacity", 50)(changed)
    found = reviewed(template, changed)
    assert [change.logical_id for change, _ in found.changes()] == ["ServiceScalableTarget"]
    (entry,) = found.sections()[Topic.QUOTAS]
    assert (entry.remark.subject, entry.remark.details["after"]) == ("fargate-vcpu", "50")


@pytest.mark.parametrize(
    ("old", "new"), [("TaskRole", "AppRole"), ("ContainerSecurityGroup", "AppSecurityGroup")]
)
def test_renamed_resource_is_allowed_and_reaches_nothing_new(template, old, new):
    """Unless it differs in more than its logical id."""
    changed = copy.deepcopy(template)
    renamed(old, new)(changed)
    found = reviewed(template, changed)
    assert not any(group.verdict.remarks(Severity.EXPOSURE) for group in found.groups)
    assert f"{old} is renamed to {new}" in " ".join(text for text, _ in terminal_lines([found]))
    wider = json.loads(json.dumps(changed).replace("secretsmanager:GetSecretValue", "s3:*"))
    assert reviewed(template, wider).headline.startswith("Access widens in prod: ")


def test_less_safety_is_told_first_and_not_folded(template):
    """Though nothing is lost by the update itself."""
    changed = copy.deepcopy(template)
    anywhere("Resources.Database.DeletionPolicy", "Delete")(changed)
    found = reviewed(template, changed)
    assert found.headline == "Data is kept less safely in prod: Database."
    comment, _, _ = markdown([found]).partition("<details>")
    assert "- what `Database` holds is lost from now on if it is removed: DeletionPolicy" in comment


def test_output_that_goes_is_told_first(template):
    """Whoever reads it is not in the template."""
    changed = copy.deepcopy(template)
    del changed["Outputs"]["RepositoryUri"]
    assert reviewed(template, changed).headline == "Outputs go in prod: RepositoryUri."


def test_condition_of_which_nothing_comes_is_not_called_formatting(template):
    """With other parameters, something might."""
    changed = copy.deepcopy(template)
    anywhere("Conditions.HasImage", {"Fn::Equals": ["a", "a"]})(changed)
    (section,) = reviewed(template, changed).general.sections
    assert [remark.subject for remark in section.remarks] == ["Conditions"]


ODD = [None, [], {}, "text", 7, True, {"Ref": "X"}, {"Fn::If": ["X", 1, 2]}, [None], "nan"]


def disturbed(template, chance):
    """Return a template in which many values are something else, or gone."""
    changed = copy.deepcopy(template)
    ways = [way for way in places(changed) if len(way) > 2 and "Tags" not in way]
    for *way, last in chance.sample(ways, 60):
        inside = changed
        with contextlib.suppress(IndexError, KeyError, TypeError):
            for key in way:
                inside = inside[key]
            inside[last] = copy.deepcopy(chance.choice(ODD))
    return changed


@pytest.mark.parametrize("seed", range(12))
def test_nothing_in_a_template_is_too_odd(template, seed):
    """Also where analyses look for what they know; without type, with a function for a number."""
    chance = random.Random(seed)  # noqa: S311 - Nothing to guess.
    odd = disturbed(template, chance)
    del odd["Resources"]["Vpc"]["Type"]
    for pair in ((template, odd), (odd, template)):
        assert reviewed(*pair, kind="").headline
