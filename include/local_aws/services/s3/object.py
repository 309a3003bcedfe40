"""Objects: put, get, head, delete, and what is known of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, BinaryIO
from urllib.parse import parse_qsl

from local_aws.services.context import Context
from local_aws.services.s3.faults import accept, precondition_failed, spoken
from local_aws.state.objects import ObjectInfo
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.protocol import STATUS_MEMBER
from local_aws.wire.registry import Call, operation

# Stored with the object and given back as they are.
HEADERS = (
    "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "Expires", "StorageClass",
    "WebsiteRedirectLocation",
)  # fmt: skip
CHECKSUM_MEMBERS = {
    "crc32": "ChecksumCRC32",
    "crc32c": "ChecksumCRC32C",
    "crc64nvme": "ChecksumCRC64NVME",
    "sha1": "ChecksumSHA1",
    "sha256": "ChecksumSHA256",
    "sha512": "ChecksumSHA512",
    "md5": "ChecksumMD5",
}
_ONLINE_CLASSES = ("STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING")
_CONDITIONS = ("IfMatch", "IfNoneMatch", "IfModifiedSince", "IfUnmodifiedSince")
_OVERRIDES = {
    "ResponseCacheControl": "CacheControl",
    "ResponseContentDisposition": "ContentDisposition",
    "ResponseContentEncoding": "ContentEncoding",
    "ResponseContentLanguage": "ContentLanguage",
    "ResponseContentType": "ContentType",
    "ResponseExpires": "Expires",
}
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_MOST_DELETES = 1000


@operation("s3", "PutObject")
def put_object(context: Context, call: Call) -> dict[str, Any]:
    """Store the body; nothing is visible before all its checksums have been verified."""
    accept(
        call, "Key", "ContentLength", "ContentMD5", "ContentType", "ChecksumAlgorithm", "Metadata", "Tagging",
        "IfMatch", "IfNoneMatch", *HEADERS, *CHECKSUM_MEMBERS.values(),
    )  # fmt: skip
    asked = call.parameters
    headers = stored_headers(call)
    tags = parse_tagging(asked.get("Tagging", ""))
    if "IfNoneMatch" in asked and asked["IfNoneMatch"] != "*":
        raise NotEmulated("s3", "PutObject", "IfNoneMatch other than *")
    with spoken():
        context.objects.bucket(asked["Bucket"])
        blob = context.objects.stage(call.stream)
        checksums = checksum_members(call.stream.checksums)
        info = context.objects.commit(
            asked["Bucket"],
            asked["Key"],
            blob,
            content_type=asked.get("ContentType"),
            metadata=asked.get("Metadata"),
            headers=headers,
            tags=tags,
            checksums=checksums,
            if_match=asked.get("IfMatch"),
            if_none_match=asked.get("IfNoneMatch"),
        )
    return {"ETag": quoted(info.etag), "Size": None, "ServerSideEncryption": "AES256", **info.checksums}


@operation("s3", "GetObject")
def get_object(context: Context, call: Call) -> dict[str, Any]:
    """The object's bytes: all, a range, or one part of a multipart upload."""
    accept(call, "Key", "Range", "PartNumber", "ChecksumMode", *_CONDITIONS, *_OVERRIDES)
    with spoken():
        info, file = context.objects.open(call.parameters["Bucket"], call.parameters["Key"])
    try:
        answer, start, length = _described(info, call.parameters)
    except BaseException:
        file.close()
        raise
    for name, member in _OVERRIDES.items():
        if name in call.parameters:
            answer[member] = call.parameters[name]
    file.seek(start)
    return {**answer, "Body": _Slice(file, length)}


@operation("s3", "HeadObject")
def head_object(context: Context, call: Call) -> dict[str, Any]:
    """What GetObject would say, without the bytes."""
    accept(call, "Key", "Range", "PartNumber", "ChecksumMode", *_CONDITIONS, *_OVERRIDES)
    with spoken():
        info = context.objects.head(call.parameters["Bucket"], call.parameters["Key"])
    answer, _, _ = _described(info, call.parameters)
    return answer


@operation("s3", "DeleteObject")
def delete_object(context: Context, call: Call) -> dict[str, Any]:
    """Remove an object; removing what is not there is no error."""
    accept(call, "Key")
    with spoken():
        context.objects.delete(call.parameters["Bucket"], call.parameters["Key"])
    return {}


@operation("s3", "DeleteObjects")
def delete_objects(context: Context, call: Call) -> dict[str, Any]:
    """Remove up to a thousand objects."""
    accept(call, "Delete", "ChecksumAlgorithm", "ContentMD5")
    asked = call.parameters["Delete"]
    if not 0 < len(asked.get("Objects", [])) <= _MOST_DELETES:
        raise AwsError("MalformedXML", f"Name between 1 and {_MOST_DELETES} objects to delete.")
    for item in asked["Objects"]:
        unknown = sorted(set(item) - {"Key", "VersionId"})
        if unknown or item.get("VersionId", "null") != "null":
            raise NotEmulated("s3", "DeleteObjects", unknown[0] if unknown else "VersionId")
    with spoken():
        context.objects.bucket(call.parameters["Bucket"])
        for item in asked["Objects"]:
            context.objects.delete(call.parameters["Bucket"], item["Key"])
    return {"Deleted": [] if asked.get("Quiet") else [{"Key": item["Key"]} for item in asked["Objects"]]}


@operation("s3", "GetObjectAttributes")
def get_object_attributes(context: Context, call: Call) -> dict[str, Any]:
    """Those of an object's attributes that are asked for."""
    accept(call, "Key", "ObjectAttributes", "MaxParts", "PartNumberMarker")
    with spoken():
        info = context.objects.head(call.parameters["Bucket"], call.parameters["Key"])
    wanted = call.parameters["ObjectAttributes"]
    answer: dict[str, Any] = {"LastModified": info.last_modified}
    if "ETag" in wanted:
        answer["ETag"] = info.etag
    if "ObjectSize" in wanted:
        answer["ObjectSize"] = info.size
    if "StorageClass" in wanted:
        answer["StorageClass"] = info.headers.get("StorageClass", "STANDARD")
    if "Checksum" in wanted and info.checksums:
        answer["Checksum"] = info.checksums
    if "ObjectParts" in wanted and info.parts:
        answer["ObjectParts"] = _parts(info, call.parameters)
    return answer


def stored_headers(call: Call) -> dict[str, str]:
    """The headers that an object keeps, from the parameters of the call that makes it."""
    headers: dict[str, str] = {}
    for name in HEADERS:
        value = call.parameters.get(name)
        if isinstance(value, datetime):
            value = value.isoformat()
        if value is not None:
            headers[name] = value
    # `aws-chunked` describes the transfer, not the object.
    codings = [coding.strip() for coding in headers.pop("ContentEncoding", "").split(",")]
    if kept := ",".join(coding for coding in codings if coding not in ("", "aws-chunked")):
        headers["ContentEncoding"] = kept
    storage_class = headers.get("StorageClass", "STANDARD")
    if storage_class not in _ONLINE_CLASSES:
        raise NotEmulated("s3", call.operation, f"StorageClass={storage_class}")
    if storage_class == "STANDARD":
        headers.pop("StorageClass", None)
    return headers


def parse_tagging(text: str) -> dict[str, str]:
    """``"a=1&b=2"`` -> ``{"a": "1", "b": "2"}``."""
    return dict(parse_qsl(text, keep_blank_values=True))


def checksum_members(checksums: Mapping[str, str]) -> dict[str, str]:
    """Verified checksums under the names that answers have them."""
    members = {CHECKSUM_MEMBERS[name]: value for name, value in checksums.items()}
    return {**members, "ChecksumType": "FULL_OBJECT"} if members else {}


def quoted(etag: str) -> str:
    """An ETag as headers have it."""
    return f'"{etag}"'


def check_conditions(
    info: ObjectInfo,
    *,
    if_match: str | None,
    if_none_match: str | None,
    if_modified_since: datetime | None,
    if_unmodified_since: datetime | None,
) -> None:
    """Refuse with PreconditionFailed or NotModified, in the order of RFC 9110, section 13.2.2."""
    modified = info.last_modified.replace(microsecond=0)
    if if_match is not None:
        if not _matches(if_match, info.etag):
            raise precondition_failed("If-Match")
    elif if_unmodified_since is not None and modified > if_unmodified_since:
        raise precondition_failed("If-Unmodified-Since")
    if if_none_match is not None:
        if _matches(if_none_match, info.etag):
            raise AwsError("NotModified", "Not Modified")
    elif if_modified_since is not None and modified <= if_modified_since:
        raise AwsError("NotModified", "Not Modified")


class _Slice:
    """``length`` bytes of a file from where it stands."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file = file
        self._left = length

    def read(self, size: int = -1, /) -> bytes:
        block = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(block)
        return block

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> _Slice:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _described(info: ObjectInfo, asked: Mapping[str, Any]) -> tuple[dict[str, Any], int, int]:
    """The answer about an object, and which bytes it speaks of: start and length."""
    check_conditions(
        info,
        if_match=asked.get("IfMatch"),
        if_none_match=asked.get("IfNoneMatch"),
        if_modified_since=asked.get("IfModifiedSince"),
        if_unmodified_since=asked.get("IfUnmodifiedSince"),
    )
    answer = {
        "AcceptRanges": "bytes",
        "LastModified": info.last_modified,
        "ContentLength": info.size,
        "ETag": quoted(info.etag),
        "ContentType": info.content_type,
        "ServerSideEncryption": "AES256",
        "Metadata": info.metadata,
        "TagCount": len(info.tags) or None,
        **info.headers,
    }
    chosen = _chosen(info, asked)
    if chosen is None:
        if asked.get("ChecksumMode", "").upper() == "ENABLED":
            answer |= info.checksums
        return answer, 0, info.size
    start, length = chosen
    answer |= {
        STATUS_MEMBER: 206,
        "ContentLength": length,
        "ContentRange": f"bytes {start}-{start + length - 1}/{info.size}",
    }
    if "PartNumber" in asked:
        answer["PartsCount"] = len(info.parts) or None
    return answer, start, length


def _chosen(info: ObjectInfo, asked: Mapping[str, Any]) -> tuple[int, int] | None:
    """Start and length of the range or part that is asked for; ``None`` for all."""
    if "PartNumber" in asked:
        if "Range" in asked:
            raise AwsError(
                "InvalidRequest", "Cannot specify both Range header and partNumber query parameter"
            )
        sizes = [part["size"] for part in info.parts] or [info.size]
        number = asked["PartNumber"]
        if number > len(sizes):
            raise AwsError("InvalidPartNumber", "The requested partnumber is not satisfiable", status=416)
        return sum(sizes[: number - 1]), sizes[number - 1]
    match = _RANGE.fullmatch(asked.get("Range", "").replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return None  # absent, several ranges, or not understood: all of it, as RFC 9110 says
    first, last = match[1], match[2]
    start = int(first) if first else max(0, info.size - int(last))
    end = min(int(last), info.size - 1) if first and last else info.size - 1
    if first and last and int(last) < start:
        return None
    if start >= info.size or (not first and last == "0"):
        raise AwsError(
            "InvalidRange",
            "The requested range is not satisfiable",
            RangeRequested=asked["Range"],
            ActualObjectSize=info.size,
        )
    return start, end - start + 1


def _parts(info: ObjectInfo, asked: Mapping[str, Any]) -> dict[str, Any]:
    most, marker = int(asked.get("MaxParts", 1000)), int(asked.get("PartNumberMarker", 0))
    behind = [part for part in info.parts if part["number"] > marker]
    answer: dict[str, Any] = {
        "TotalPartsCount": len(info.parts),
        "PartNumberMarker": str(marker),
        "MaxParts": most,
        "IsTruncated": len(behind) > most,
    }
    if info.checksums:
        answer["Parts"] = [
            {"PartNumber": part["number"], "Size": part["size"], **part["checksums"]}
            for part in behind[:most]
        ]
    if len(behind) > most:
        answer["NextPartNumberMarker"] = str(behind[most - 1]["number"])
    return answer


def _matches(condition: str, etag: str) -> bool:
    return any(given.strip().removeprefix("W/").strip('"') in ("*", etag) for given in condition.split(","))
