"""Copies within the stand-in."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from local_aws.services.context import Context
from local_aws.services.s3.faults import accept, precondition_failed, spoken
from local_aws.services.s3.object import (
    CHECKSUM_MEMBERS,
    HEADERS,
    check_conditions,
    checksum_members,
    parse_tagging,
    quoted,
    stored_headers,
)
from local_aws.state.objects import ObjectInfo, Readable
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.payload import CHECKSUMS, Digest
from local_aws.wire.registry import Call, operation

SOURCE_CONDITIONS = (
    "CopySourceIfMatch",
    "CopySourceIfNoneMatch",
    "CopySourceIfModifiedSince",
    "CopySourceIfUnmodifiedSince",
)
_BLOCK = 1 << 20  # bytes


@operation("s3", "CopyObject")
def copy_object(context: Context, call: Call) -> dict[str, Any]:
    """Store an object once more; metadata and tags are copied or replaced, as the directives say."""
    accept(
        call, "Key", "CopySource", "MetadataDirective", "TaggingDirective", "ContentType", "Metadata",
        "Tagging", "ChecksumAlgorithm", "IfMatch", "IfNoneMatch", *SOURCE_CONDITIONS, *HEADERS,
    )  # fmt: skip
    asked = call.parameters
    replace = asked.get("MetadataDirective", "COPY") == "REPLACE"
    retag = asked.get("TaggingDirective", "COPY") == "REPLACE"
    with spoken():
        context.objects.bucket(asked["Bucket"])
        source = source_of(context, call)
        same = (source.bucket, source.key) == (asked["Bucket"], asked["Key"])
        if same and not replace and not retag and "StorageClass" not in asked:
            raise AwsError(
                "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself "
                "without changing the object's metadata, storage class, website redirect location "
                "or encryption attributes.",
            )
        new_headers = stored_headers(call)
        blob = context.objects.stage_copy(source)
        with context.objects.staged(blob) as file:
            checksums = _checksums(file, source, asked.get("ChecksumAlgorithm"))
        info = context.objects.commit(
            asked["Bucket"],
            asked["Key"],
            blob,
            content_type=asked.get("ContentType") if replace else source.content_type,
            metadata=asked.get("Metadata") if replace else source.metadata,
            headers=new_headers if replace else _kept_headers(source, new_headers),
            tags=parse_tagging(asked.get("Tagging", "")) if retag else source.tags,
            checksums=checksums,
            if_match=asked.get("IfMatch"),
            if_none_match=asked.get("IfNoneMatch"),
        )
    return {
        "CopyObjectResult": {"ETag": quoted(info.etag), "LastModified": info.last_modified, **checksums},
        "ServerSideEncryption": "AES256",
    }


def source_of(context: Context, call: Call) -> ObjectInfo:
    """The object that ``CopySource`` names, with the call's conditions on it. Raises as the state does."""
    path, _, query = call.parameters["CopySource"].partition("?")
    if parse_qs(query).get("versionId", ["null"]) != ["null"]:
        raise NotEmulated("s3", call.operation, "a version of the source")
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    if not bucket or not key:
        raise AwsError("InvalidArgument", "Copy Source must mention the source bucket and key: bucket/key")
    info = context.objects.head(bucket, key)
    match, none_match, modified, unmodified = (call.parameters.get(name) for name in SOURCE_CONDITIONS)
    try:
        check_conditions(
            info,
            if_match=match,
            if_none_match=none_match,
            if_modified_since=modified,
            if_unmodified_since=unmodified,
        )
    except AwsError as refused:
        if refused.code == "NotModified":  # a copy has no cached answer to fall back to
            raise precondition_failed("x-amz-copy-source-if-none-match") from None
        raise
    return info


def _kept_headers(source: ObjectInfo, new: Mapping[str, str]) -> dict[str, str]:
    """The source's headers; a storage class is never copied."""
    kept = {name: value for name, value in source.headers.items() if name != "StorageClass"}
    return {**kept, **({"StorageClass": new["StorageClass"]} if "StorageClass" in new else {})}


def _checksums(file: Readable, source: ObjectInfo, algorithm: str | None) -> dict[str, str]:
    """The source's own checksums of the whole object, or the one that is asked for, computed."""
    if algorithm is None:
        return dict(source.checksums) if source.checksums.get("ChecksumType") == "FULL_OBJECT" else {}
    name = algorithm.lower()
    if name not in CHECKSUM_MEMBERS:
        raise NotEmulated("s3", "CopyObject", f"ChecksumAlgorithm={algorithm}")
    digest: Digest = CHECKSUMS[name]()
    while block := file.read(_BLOCK):
        digest.update(block)
    return checksum_members({name: base64.b64encode(digest.digest()).decode()})
