"""Database instances: those of RDS, Aurora, Neptune and DocumentDB share a quota.

DescribeDBInstances returns all of them.
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_AccountQuota.html
"""

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

from .checking import Finding, Subject, tags_of
from .consumption import Holder, Quota

CODE = "db-instances"

QUOTA = Quota.of(CODE)

ELSEWHERE = MappingProxyType({"ap-south-1": replace(QUOTA, default=20)})
"""https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/CHAP_Limits.html"""


def look(subject: Subject) -> Iterator[Finding]:
    """Compare the database instance that a change set creates with those that are left."""
    needed = subject.new("AWS::RDS::DBInstance")
    if not needed:
        return
    pages = subject.connection.rds.get_paginator("describe_db_instances").paginate()
    holders = [
        Holder(instance["DBInstanceIdentifier"], tags_of({"Tags": instance.get("TagList", [])}))
        for page in pages
        for instance in page["DBInstances"]
    ]
    quota = ELSEWHERE.get(subject.connection.region, QUOTA)
    yield from quota.findings(subject, needed, holders)
