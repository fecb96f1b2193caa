"""What an update does to resources that it removes or reads again."""

import pytest

from comparing import compared
from iot_pipeline_cfn.review.resolved import EnvironmentSource, resolve_pair
from iot_pipeline_cfn.review.updates import (
    find_kept_instances,
    find_parameters_read_again,
    find_removals,
)
from iot_pipeline_cfn.template.findings import Severity


@pytest.mark.parametrize(
    ("resource", "severity"),
    [
        ({"Type": "AWS::EC2::NatGateway"}, Severity.INTERRUPTION),
        ({"Type": "AWS::IAM::Role"}, Severity.INTERRUPTION),
        ({"Type": "AWS::IAM::Role", "DeletionPolicy": "Retain"}, Severity.CHANGE),
        # What holds data is lost or kept, which is another finding.
        ({"Type": "AWS::S3::Bucket"}, None),
    ],
)
def test_removal_interrupts_unless_the_resource_is_retained(resource, severity):
    found = compared(find_removals, {"Any": resource}, {})
    assert [finding.severity for finding in found] == ([severity] if severity else [])


@pytest.mark.parametrize(("policy", "count"), [(None, 1), ({"AutoScalingRollingUpdate": {}}, 0)])
def test_instances_that_run_stay_without_an_update_policy(policy, count):
    sides = (
        {
            "Group": {
                "Type": "AWS::AutoScaling::AutoScalingGroup",
                "UpdatePolicy": policy,
                "Properties": {"LaunchConfigurationName": name},
            }
        }
        for name in "ab"
    )
    assert len(compared(find_kept_instances, *sides)) == count


def test_renamed_resource_is_not_removed():
    gateway = {"Type": "AWS::EC2::NatGateway", "Properties": {"SubnetId": "a"}}
    assert compared(find_removals, {"Old": gateway}, {"New": gateway}) == []


def test_update_reads_parameters_of_systems_manager_again():
    """The image of an instance can be another one by then."""

    def template(name):
        image = {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "Default": "/ami"}
        return {
            "Parameters": {"Image": image},
            "Resources": {
                "Web": {"Type": "AWS::EC2::Instance", "Properties": {"ImageId": {"Ref": "Image"}}},
                "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": name}},
            },
        }

    before, after = EnvironmentSource(template("a")), EnvironmentSource(template("b"))
    (finding,) = find_parameters_read_again(*resolve_pair(before, after, ""))
    assert (finding.subject, finding.severity) == ("Image", Severity.NOTE)
    assert finding.details == {"resources": ["Web"], "replaced": ["Web"]}
    assert [*find_parameters_read_again(*resolve_pair(before, before, ""))] == []
