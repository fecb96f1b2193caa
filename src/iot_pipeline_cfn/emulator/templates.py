"""The bucket for templates: every account finds one of its own under the same name."""

from collections.abc import Callable

from ministack.core.responses import get_account_id, get_region, now_iso
from ministack.services import s3

from .control import TEMPLATE_BUCKET


def add_template_bucket() -> None:
    """Let S3 have the bucket in each account that asks for it."""
    s3._bucket_owner_account = _owner_or_caller(s3._bucket_owner_account)


def _owner_or_caller(owner: Callable[[str], str | None]) -> Callable[[str], str | None]:
    def owner_or_caller(bucket: str) -> str | None:
        if bucket != TEMPLATE_BUCKET:
            return owner(bucket)
        if bucket not in s3._buckets:
            s3._buckets[bucket] = {"created": now_iso(), "objects": {}, "region": get_region()}
        return str(get_account_id())

    return owner_or_caller
