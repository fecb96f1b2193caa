"""The choice of ingress, and its certificate."""

import pytest

from resolution import only, resolve


@pytest.mark.parametrize(
    ("ingress", "scheme", "kind"),
    [("public", "internet-facing", "Public"), ("private", "internal", "Private")],
)
def test_ingress_decides_scheme_and_subnets(template, ingress, scheme, kind):
    load_balancer = only(
        resolve(template, {"Ingress": ingress}), "ElasticLoadBalancingV2::LoadBalancer"
    )
    assert load_balancer["Scheme"] == scheme
    assert load_balancer["Subnets"] == [{"Ref": f"{kind}Subnet{n}"} for n in (1, 2)]
