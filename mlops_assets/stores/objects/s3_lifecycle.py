"""Rules by which a bucket of S3 lets objects expire and clears up after writers that were killed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.stores.objects.s3_client import code, status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from botocore.client import BaseClient

_ABORT_AFTER_DAYS = 7
_BAD_REQUEST, _NOT_IMPLEMENTED = 400, 501


def expire(client: BaseClient, bucket: str, prefix: str, expiring_prefixes: Sequence[str], days: int) -> None:
    """Let objects below some folders of a bucket, and no others, expire, and parts of uploads that were never finished vanish.

    The ID of a rule says whether it is ours for this prefix; these are replaced, so that a folder which is no longer named is
    safe from now on. Rules of other people, and ours for other prefixes, stay as they are.

    Args:
        client: a client of S3.
        bucket: the bucket, which exists.
        prefix: what the names of our objects begin with: empty, or ending in a slash.
        expiring_prefixes: folders below `prefix`.
        days: how old objects become.
    """
    from botocore.exceptions import ClientError

    kept = [rule for rule in _rules(client, bucket) if not _is_ours(rule, prefix)]
    expiring = [_expiry(prefix, f"{folder.strip('/')}/", days) for folder in expiring_prefixes]
    try:
        _put_rules(client, bucket, [*kept, *expiring, _abortion(prefix)])
    except ClientError as error:
        if status(error) not in (_BAD_REQUEST, _NOT_IMPLEMENTED):
            raise
        # MinIO refuses a rule that only aborts uploads; it clears up by itself after a day.
        _put_rules(client, bucket, [*kept, *expiring])


def _rules(client: BaseClient, bucket: str) -> list[dict[str, Any]]:
    from botocore.exceptions import ClientError

    try:
        rules: list[dict[str, Any]] = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    except ClientError as error:
        if code(error) != "NoSuchLifecycleConfiguration":
            raise
        return []
    return rules


def _put_rules(client: BaseClient, bucket: str, rules: list[dict[str, Any]]) -> None:
    if rules:
        client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    else:
        client.delete_bucket_lifecycle(Bucket=bucket)


def _is_ours(rule: dict[str, Any], prefix: str) -> bool:
    return rule.get("ID", "").startswith((_expiry_id(prefix, ""), _abortion(prefix)["ID"]))


def _expiry_id(prefix: str, folder: str) -> str:
    return f"mlops-assets-expire-{prefix}:{folder}"


def _expiry(prefix: str, folder: str, days: int) -> dict[str, Any]:
    return {
        "ID": _expiry_id(prefix, folder),
        "Filter": {"Prefix": prefix + folder},
        "Status": "Enabled",
        "Expiration": {"Days": days},
    }


def _abortion(prefix: str) -> dict[str, Any]:
    return {
        "ID": f"mlops-assets-abort-uploads-{prefix}:",
        "Filter": {"Prefix": prefix},
        "Status": "Enabled",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _ABORT_AFTER_DAYS},
    }
