"""Consumers of quotas, as the services list them."""

from dataclasses import replace

import pytest

from checkout import REGION
from iot_pipeline_cfn.deploy.preflight import consumers, quota_checks, stack_owners
from iot_pipeline_cfn.deploy.preflight.consumers import Consumer, Consumption
from iot_pipeline_cfn.template.quotas import QUOTAS
from preflights import added, context_of, run_check, stubbed
from quota_consumers import MAKERS, NEEDED, tag_list, tags_of


@pytest.mark.parametrize("code", ["cache-nodes", "db-instances", "load-balancers", "rest-apis"])
def test_consumers_are_grouped_by_stack(aws, account, code):
    for number in range(5):
        MAKERS[code](aws, tags=tags_of("pr1" if number < 2 else f"pr{number}"))
    (row,) = [row for row in quota_checks.QUOTA_CHECKS if row.quota == code]
    consumption = row.consumption(account, "")
    groups = stack_owners.grouped(context_of(account, []), consumption.tagged())
    assert [(each["stack"], each["environment"], each["amount"]) for each in groups] == [
        ("iot-pipeline-pr1", "pr1", 2),
        ("iot-pipeline-pr2", "pr2", 1),
        ("iot-pipeline-pr3", "pr3", 1),
        ("iot-pipeline-pr4", "pr4", 1),
    ]


@pytest.mark.parametrize(
    ("code", "calls"),
    [("cache-nodes", consumers.TAG_CALLS), ("load-balancers", 2)],
)
def test_tags_are_read_once_the_quota_is_not_enough(aws, account, monkeypatch, code, calls):
    """A call is about one cache, or about 20 load balancers."""
    called, count = [], 21
    for client in (account.elasticache, account.elbv2):
        client.meta.events.register("after-call", lambda model, **_: called.append(model.name))
    for _ in range(count):
        MAKERS[code](aws)
    for default, expected in ((count + 2, 0), (count, calls)):
        quotas = {code: replace(QUOTAS[code], default=default)}
        monkeypatch.setattr(quota_checks, "QUOTAS", quotas)
        found = run_check(code, account, added(NEEDED[code]))
        assert bool(found) is bool(expected)
        assert sum("Tags" in name for name in called) == expected


def test_consumers_are_listed_without_tags_that_cannot_be_read():
    arn = f"arn:aws:elasticloadbalancing:{REGION}:123456789012:loadbalancer/app/one/5c"
    balancers = {"LoadBalancers": [{"LoadBalancerArn": arn, "Type": "application"}]}
    connection = stubbed(
        elbv2=[("describe_load_balancers", balancers), ("describe_tags", "AccessDenied")]
    )
    assert consumers.load_balancers(connection, "").tagged() == [Consumer("one")]


def test_tags_are_listed_for_available_caches_only():
    """ElastiCache rejects others, and the nodes of a group have the same tags."""
    arn = f"arn:aws:elasticache:{REGION}:123456789012:cluster"
    clusters = [
        {
            "CacheClusterId": f"{group}-00{number}",
            "ReplicationGroupId": group,
            "CacheClusterStatus": status,
            "NumCacheNodes": 1,
            "ARN": f"{arn}:{group}-00{number}",
        }
        for group, number, status in [
            ("new", 1, "creating"),
            ("new", 2, "creating"),
            ("ours", 1, "available"),
            ("ours", 2, "creating"),
            ("ours", 3, "modifying"),
        ]
    ]
    tags = {"TagList": tag_list(tags_of("pr1"))}
    connection = stubbed(
        elasticache=[
            ("describe_cache_clusters", {"CacheClusters": clusters}),
            ("list_tags_for_resource", tags, {"ResourceName": f"{arn}:ours-001"}),
        ]
    )
    assert consumers.cache_nodes(connection, "").tagged() == [
        Consumer("new", {}, 2),
        Consumer("ours", tags_of("pr1"), 3),
    ]


def test_consumption_is_the_sum_of_the_consumers():
    assert Consumption([Consumer("a"), Consumer("b", amount=2.5)]).amount == 3.5
