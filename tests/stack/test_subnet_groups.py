"""The subnet groups of database and cache."""

import pytest

from resolution import only


@pytest.mark.parametrize("kind", ["RDS::DBSubnetGroup", "ElastiCache::SubnetGroup"])
@pytest.mark.parametrize("name", ["iot-pipeline", "shared-network"])
def test_subnet_groups_have_the_private_subnets(templates, kind, name):
    private = [{"Ref": "PrivateSubnet1"}, {"Ref": "PrivateSubnet2"}]
    assert only(templates[name], kind)["SubnetIds"] == private
