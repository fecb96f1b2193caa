"""The quotas that AWS documents."""

import pytest

from iot_pipeline_cfn.template.quotas import QUOTAS, Quota


def test_default_can_differ_in_a_region():
    quota = Quota("a", "thing", "ec2", "L-1", 5, "", regional_defaults={"ap-south-1": 20})
    assert [quota.default_in(region) for region in ("ap-south-1", "us-east-1")] == [20, 5]


@pytest.mark.parametrize(("each", "limited"), [("", "things"), ("zone", "things per zone")])
def test_what_is_limited_is_in_the_plural(each, limited):
    assert Quota("a", "thing", "ec2", "L-1", 5, "", each=each).limited == limited


def test_quota_is_looked_up_by_its_code():
    """A code that two quotas share is raised for both, so both have one default."""
    defaults = {}
    for quota in QUOTAS.values():
        assert quota.source.startswith("https://docs.aws.amazon.com/")
        assert defaults.setdefault((quota.service, quota.code), quota.default) == quota.default
