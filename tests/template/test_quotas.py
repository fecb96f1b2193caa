"""The quotas that AWS documents."""

import pytest

from iot_pipeline_cfn.template.quotas import QUOTAS, Quota


@pytest.mark.parametrize(("region", "limit"), [("ap-south-1", 20), ("ap-northeast-1", 40)])
def test_default_can_differ_in_a_region(region, limit):
    assert QUOTAS["db-instances"].default_in(region) == limit


@pytest.mark.parametrize(("each", "limited"), [("", "things"), ("zone", "things per zone")])
def test_what_is_limited_is_in_the_plural(each, limited):
    assert Quota("a", "thing", "ec2", "L-1", 5, "", each=each).limited == limited


def test_quota_is_looked_up_by_its_code():
    """A code that two quotas share is raised for both, so both have one default."""
    defaults = {}
    for quota in QUOTAS.values():
        assert quota.source.startswith("https://docs.aws.amazon.com/")
        assert defaults.setdefault((quota.service, quota.code), quota.default) == quota.default
