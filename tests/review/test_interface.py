"""What others rely on: outputs and the declarations of parameters."""

import pytest

from iot_pipeline_cfn.review.interface import find_outputs_of_replaced, find_parameter_changes
from iot_pipeline_cfn.review.resolved import EnvironmentSource, ResolvedEnvironment


def declared(name, **declaration):
    source = EnvironmentSource({"Parameters": {name: {"Type": "String", **declaration}}})
    return ResolvedEnvironment({}, source=source)


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [
        ("Size", {}, ["first", "second"]),
        ("DatabasePassword", {}, ["****", "****"]),
        ("Size", {"NoEcho": True}, ["****", "****"]),
    ],
)
def test_default_of_a_secret_is_not_shown(name, more, expected):
    sides = (declared(name, Default=value, **more) for value in ("first", "second"))
    (finding,) = find_parameter_changes(*sides)
    assert finding.code == "default-changed"
    assert [finding.details[side] for side in ("before", "after")] == expected


def test_outputs_of_a_replaced_resource_follow_it():
    def side(block):
        vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": block}}
        return ResolvedEnvironment({"Vpc": vpc}, {"VpcId": {"Value": {"Ref": "Vpc"}}})

    (finding,) = find_outputs_of_replaced(side("10.0.0.0/16"), side("10.1.0.0/16"))
    assert (finding.code, finding.subject) == ("outputs-follow", "Outputs")
    assert (finding.details["outputs"], finding.causes) == (["VpcId"], ("Vpc",))
