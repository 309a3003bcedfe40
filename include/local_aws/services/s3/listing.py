"""Listing a bucket's keys, in the order of their UTF-8 bytes, folders rolled up by a delimiter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import quote

from local_aws.services.context import Context
from local_aws.services.s3.bucket import owner
from local_aws.services.s3.faults import accept, spoken
from local_aws.services.s3.object import quoted
from local_aws.state.objects import ObjectInfo, Objects
from local_aws.state.paging import page, position
from local_aws.state.records import LAST_CHARACTER
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

_PAGE = 1000  # S3 never lists more at once


@operation("s3", "ListObjectsV2")
def list_objects_v2(context: Context, call: Call) -> dict[str, Any]:
    """Keys behind ``StartAfter`` or the continuation token."""
    accept(
        call, "Prefix", "Delimiter", "MaxKeys", "ContinuationToken", "StartAfter", "EncodingType",
        "FetchOwner",
    )  # fmt: skip
    asked = call.parameters
    token = asked.get("ContinuationToken")
    after = str(position(token)[0]) if token else asked.get("StartAfter", "")
    limit = _limit(asked)
    found, following = page(
        _entries(context.objects, call, after) if limit else (), token=token, limit=limit, key=_name
    )
    answer = _answer(call, found, limit, with_owner=bool(asked.get("FetchOwner")))
    return {
        **answer,
        "KeyCount": len(found),
        "ContinuationToken": token,
        "NextContinuationToken": following,
        "StartAfter": encoded(call, asked.get("StartAfter")),
        "IsTruncated": following is not None,
    }


@operation("s3", "ListObjects")
def list_objects(context: Context, call: Call) -> dict[str, Any]:
    """Keys behind ``Marker``."""
    accept(call, "Prefix", "Delimiter", "MaxKeys", "Marker", "EncodingType")
    asked = call.parameters
    limit = _limit(asked)
    behind = _entries(context.objects, call, asked.get("Marker", ""))
    more = list(islice(behind, limit + 1)) if limit else []
    found = more[:limit]
    truncated = len(more) > limit
    answer = _answer(call, found, limit, with_owner=True)
    return {
        **answer,
        "Marker": encoded(call, asked.get("Marker", "")),
        "NextMarker": encoded(call, _name(found[-1])) if truncated and asked.get("Delimiter") else None,
        "IsTruncated": truncated,
    }


def _limit(asked: Mapping[str, Any]) -> int:
    """How many keys a page holds at most."""
    wanted: int = asked.get("MaxKeys", _PAGE)
    if wanted < 0:
        raise AwsError("InvalidArgument", "Argument maxKeys must be an integer between 0 and 2147483647")
    return min(wanted, _PAGE)


def _entries(objects: Objects, call: Call, after: str) -> Iterator[ObjectInfo | str]:
    """Objects and, as text, common prefixes behind ``after``."""
    with spoken():
        objects.bucket(call.parameters["Bucket"])
    return _rolled_up(
        objects,
        call.parameters["Bucket"],
        call.parameters.get("Prefix", ""),
        call.parameters.get("Delimiter", ""),
        after,
    )


def _rolled_up(
    objects: Objects, bucket: str, prefix: str, delimiter: str, after: str
) -> Iterator[ObjectInfo | str]:
    told = after  # a page may have ended with a common prefix, which must not be told twice
    skipped = True
    while skipped:
        skipped = False
        for info in objects.scan(bucket, prefix, after):
            cut = info.key.find(delimiter, len(prefix)) if delimiter else -1
            if cut < 0:
                yield info
                continue
            common = info.key[: cut + len(delimiter)]
            if common != told:
                yield common
            after, skipped = common + LAST_CHARACTER, True  # go on behind everything below it
            break


def _name(entry: ObjectInfo | str) -> str:
    return entry if isinstance(entry, str) else entry.key


def _answer(call: Call, found: list[ObjectInfo | str], limit: int, *, with_owner: bool) -> dict[str, Any]:
    asked = call.parameters
    encoding = asked.get("EncodingType")
    if encoding not in (None, "url"):
        raise NotEmulated("s3", call.operation, f"EncodingType={encoding}")
    return {
        "Name": asked["Bucket"],
        "Prefix": encoded(call, asked.get("Prefix", "")),
        "Delimiter": encoded(call, asked.get("Delimiter")),
        "MaxKeys": limit,
        "EncodingType": encoding,
        "Contents": [
            {
                "Key": encoded(call, entry.key),
                "LastModified": entry.last_modified,
                "ETag": quoted(entry.etag),
                "Size": entry.size,
                "StorageClass": entry.headers.get("StorageClass", "STANDARD"),
                **({"Owner": owner(call)} if with_owner else {}),
            }
            for entry in found
            if not isinstance(entry, str)
        ],
        "CommonPrefixes": [{"Prefix": encoded(call, entry)} for entry in found if isinstance(entry, str)],
    }


def encoded(call: Call, text: str | None) -> str | None:
    """Keys may hold characters that XML cannot; clients ask for percent-encoding."""
    if text is None or call.parameters.get("EncodingType") != "url":
        return text
    return quote(text, safe="/")
