"""Multipart uploads: parts in any order, joined into one object when all are there.

An upload is the record ``s3.multipart_upload`` under its id; its parts are rows beside the objects'.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import uuid
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from local_aws.services.context import Context
from local_aws.services.s3.bucket import owner
from local_aws.services.s3.copy import SOURCE_CONDITIONS, source_of
from local_aws.services.s3.faults import accept, spoken
from local_aws.services.s3.listing import encoded
from local_aws.services.s3.object import (
    CHECKSUM_MEMBERS,
    HEADERS,
    checksum_members,
    parse_tagging,
    quoted,
    stored_headers,
)
from local_aws.state.objects import Blob, Part
from local_aws.state.paging import page
from local_aws.state.records import Record
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.payload import CHECKSUMS
from local_aws.wire.registry import Call, operation

KIND = "s3.multipart_upload"
_SMALLEST_PART = 5 * 1024**2  # bytes; of every part but the last
_MOST_PARTS = 10_000
_PAGE = 1000
_COPY_RANGE = re.compile(r"bytes=(\d+)-(\d+)")
# Checksums that can be told of the whole object from its bytes only; the others are "composite" by default.
_WHOLE_BY_DEFAULT = ("CRC64NVME",)


@operation("s3", "CreateMultipartUpload")
def create_multipart_upload(context: Context, call: Call) -> dict[str, Any]:
    """Open an upload; what the object will be like is said here."""
    accept(call, "Key", "ContentType", "Metadata", "Tagging", "ChecksumAlgorithm", "ChecksumType", *HEADERS)
    asked = call.parameters
    algorithm = asked["ChecksumAlgorithm"].upper() if "ChecksumAlgorithm" in asked else None
    if algorithm is not None and algorithm.lower() not in CHECKSUM_MEMBERS:
        raise NotEmulated("s3", "CreateMultipartUpload", f"ChecksumAlgorithm={algorithm}")
    default = "FULL_OBJECT" if algorithm in _WHOLE_BY_DEFAULT else "COMPOSITE"
    kind = asked.get("ChecksumType", default).upper()
    with spoken():
        context.objects.bucket(asked["Bucket"])
    upload = uuid.uuid4().hex
    body = {
        "bucket": asked["Bucket"],
        "key": asked["Key"],
        "content_type": asked.get("ContentType"),
        "metadata": asked.get("Metadata", {}),
        "headers": stored_headers(call),
        "tags": parse_tagging(asked.get("Tagging", "")),
        "algorithm": algorithm,
        "checksum_type": kind if algorithm else None,
    }
    context.records(KIND).insert(upload, body)
    return {
        "Bucket": asked["Bucket"],
        "Key": asked["Key"],
        "UploadId": upload,
        "ChecksumAlgorithm": algorithm,
        "ChecksumType": body["checksum_type"],
        "ServerSideEncryption": "AES256",
    }


@operation("s3", "UploadPart")
def upload_part(context: Context, call: Call) -> dict[str, Any]:
    """Keep one part."""
    accept(
        call, "Key", "UploadId", "PartNumber", "ContentLength", "ContentMD5", "ChecksumAlgorithm",
        *CHECKSUM_MEMBERS.values(),
    )  # fmt: skip
    upload = _existing(context, call)
    number = _part_number(call)
    blob = context.objects.stage(call.stream)
    checksums = checksum_members(call.stream.checksums)
    checksums.pop("ChecksumType", None)
    algorithm = upload.body["algorithm"]
    if algorithm and CHECKSUM_MEMBERS[algorithm.lower()] not in checksums:
        checksums |= _computed(context, blob, algorithm)
    part = context.objects.put_part(upload.key, number, blob, checksums)
    return {"ETag": quoted(part.etag), "ServerSideEncryption": "AES256", **part.checksums}


@operation("s3", "UploadPartCopy")
def upload_part_copy(context: Context, call: Call) -> dict[str, Any]:
    """Keep an object, or a range of one, as a part."""
    accept(call, "Key", "UploadId", "PartNumber", "CopySource", "CopySourceRange", *SOURCE_CONDITIONS)
    upload = _existing(context, call)
    number = _part_number(call)
    with spoken():
        source = source_of(context, call)
        asked_range = call.parameters.get("CopySourceRange")
        if asked_range is None:
            blob = context.objects.stage_copy(source)
        else:
            match = _COPY_RANGE.fullmatch(asked_range)
            if match is None or not int(match[1]) <= int(match[2]) < source.size:
                raise AwsError(
                    "InvalidArgument",
                    f"Range specified is not valid for source object of size: {source.size}",
                )
            _, file = context.objects.open(source.bucket, source.key)
            with file:
                file.seek(int(match[1]))
                blob = context.objects.stage(_Limited(file, int(match[2]) - int(match[1]) + 1))
    algorithm = upload.body["algorithm"]
    checksums = _computed(context, blob, algorithm) if algorithm else {}
    part = context.objects.put_part(upload.key, number, blob, checksums)
    return {
        "CopyPartResult": {"ETag": quoted(part.etag), "LastModified": part.last_modified, **part.checksums},
        "ServerSideEncryption": "AES256",
    }


@operation("s3", "CompleteMultipartUpload")
def complete_multipart_upload(context: Context, call: Call) -> dict[str, Any]:
    """Join the listed parts into the object and close the upload."""
    accept(
        call, "Key", "UploadId", "MultipartUpload", "IfMatch", "IfNoneMatch", "ChecksumType", "MpuObjectSize",
        *CHECKSUM_MEMBERS.values(),
    )  # fmt: skip
    upload = _existing(context, call)
    asked = call.parameters
    parts = _listed(asked.get("MultipartUpload", {}).get("Parts", []), context.objects.parts(upload.key))
    size = sum(part.size for part in parts)
    if asked.get("MpuObjectSize", size) != size:
        raise AwsError(
            "InvalidRequest", "The provided 'x-amz-mp-object-size' header does not match what was computed."
        )
    md5s = b"".join(bytes.fromhex(part.etag) for part in parts)
    etag = f"{hashlib.md5(md5s, usedforsecurity=False).hexdigest()}-{len(parts)}"
    blob = context.objects.join(parts)
    try:
        checksums = _object_checksums(context, upload, parts, blob)
        for member in CHECKSUM_MEMBERS.values():
            if (
                member in asked
                and checksums.get(member, "").partition("-")[0] != asked[member].partition("-")[0]
            ):
                raise AwsError(
                    "BadDigest", f"The {member} you specified did not match the calculated checksum."
                )
    except BaseException:
        context.objects.discard(blob)
        raise
    with spoken():
        info = context.objects.commit(
            upload.body["bucket"],
            upload.body["key"],
            blob,
            etag=etag,
            content_type=upload.body["content_type"],
            metadata=upload.body["metadata"],
            headers=upload.body["headers"],
            tags=upload.body["tags"],
            checksums=checksums,
            parts=tuple(
                {"number": part.number, "size": part.size, "checksums": part.checksums} for part in parts
            ),
            if_match=asked.get("IfMatch"),
            if_none_match=asked.get("IfNoneMatch"),
        )
    _close(context, upload)
    return {
        "Location": f"{call.base_url}/{info.bucket}/{info.key}",
        "Bucket": info.bucket,
        "Key": info.key,
        "ETag": quoted(info.etag),
        "ServerSideEncryption": "AES256",
        **checksums,
    }


@operation("s3", "AbortMultipartUpload")
def abort_multipart_upload(context: Context, call: Call) -> dict[str, Any]:
    """Close an upload and forget its parts."""
    accept(call, "Key", "UploadId")
    _close(context, _existing(context, call))
    return {}


@operation("s3", "ListParts")
def list_parts(context: Context, call: Call) -> dict[str, Any]:
    """The parts that have arrived."""
    accept(call, "Key", "UploadId", "MaxParts", "PartNumberMarker")
    upload = _existing(context, call)
    marker = int(call.parameters.get("PartNumberMarker", 0))
    most = min(call.parameters.get("MaxParts", _PAGE), _PAGE)
    behind = [part for part in context.objects.parts(upload.key) if part.number > marker]
    found = behind[:most]
    truncated = len(behind) > most
    return {
        "Bucket": upload.body["bucket"],
        "Key": upload.body["key"],
        "UploadId": upload.key,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": found[-1].number if truncated and found else None,
        "MaxParts": most,
        "IsTruncated": truncated,
        "Parts": [
            {
                "PartNumber": part.number,
                "LastModified": part.last_modified,
                "ETag": quoted(part.etag),
                "Size": part.size,
                **part.checksums,
            }
            for part in found
        ],
        "Initiator": owner(call),
        "Owner": owner(call),
        "StorageClass": upload.body["headers"].get("StorageClass", "STANDARD"),
        "ChecksumAlgorithm": upload.body["algorithm"],
        "ChecksumType": upload.body["checksum_type"],
    }


@operation("s3", "ListMultipartUploads")
def list_multipart_uploads(context: Context, call: Call) -> dict[str, Any]:
    """The uploads that are open in a bucket, by key and then by age."""
    accept(call, "Prefix", "MaxUploads", "KeyMarker", "UploadIdMarker", "EncodingType")
    asked = call.parameters
    with spoken():
        context.objects.bucket(asked["Bucket"])
    prefix, key_marker, id_marker = (
        asked.get(name, "") for name in ("Prefix", "KeyMarker", "UploadIdMarker")
    )
    most = min(asked.get("MaxUploads", _PAGE), _PAGE)
    uploads = [
        upload
        for upload in context.records(KIND).scan()
        if upload.body["bucket"] == asked["Bucket"] and upload.body["key"].startswith(prefix)
    ]
    uploads.sort(key=_order)
    if id_marker:
        seen = next(
            (_order(upload) for upload in uploads if upload.key == id_marker), (key_marker, float("inf"), "")
        )
        uploads = [upload for upload in uploads if _order(upload) > seen]
    else:
        uploads = [upload for upload in uploads if upload.body["key"] > key_marker]
    found, following = page(uploads, token=None, limit=most, key=_order)
    return {
        "Bucket": asked["Bucket"],
        "KeyMarker": encoded(call, key_marker),
        "UploadIdMarker": id_marker,
        "NextKeyMarker": encoded(call, found[-1].body["key"]) if following else None,
        "NextUploadIdMarker": found[-1].key if following else None,
        "Prefix": encoded(call, prefix),
        "EncodingType": asked.get("EncodingType"),
        "MaxUploads": most,
        "IsTruncated": following is not None,
        "Uploads": [
            {
                "UploadId": upload.key,
                "Key": encoded(call, upload.body["key"]),
                "Initiated": upload.created,
                "StorageClass": upload.body["headers"].get("StorageClass", "STANDARD"),
                "Owner": owner(call),
                "Initiator": owner(call),
                "ChecksumAlgorithm": upload.body["algorithm"],
                "ChecksumType": upload.body["checksum_type"],
            }
            for upload in found
        ],
    }


class _Limited:
    """The next ``length`` bytes of a file."""

    def __init__(self, file: Any, length: int) -> None:
        self._file = file
        self._left = length

    def read(self, size: int = -1, /) -> bytes:
        block: bytes = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(block)
        return block


def _order(upload: Record) -> tuple[str, float, str]:
    return upload.body["key"], upload.created.timestamp(), upload.key


def _existing(context: Context, call: Call) -> Record:
    with spoken():
        context.objects.bucket(call.parameters["Bucket"])
    upload = context.records(KIND).find(call.parameters["UploadId"])
    wanted = (call.parameters["Bucket"], call.parameters["Key"])
    if upload is None or (upload.body["bucket"], upload.body["key"]) != wanted:
        raise AwsError(
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
            "aborted or completed.",
            UploadId=call.parameters["UploadId"],
        )
    return upload


def _close(context: Context, upload: Record) -> None:
    """Forget the upload first: parts without one are never seen, an upload without parts would be."""
    context.records(KIND).delete(upload.key)
    context.objects.drop_parts(upload.key)


def _part_number(call: Call) -> int:
    number: int = call.parameters["PartNumber"]
    if not 1 <= number <= _MOST_PARTS:
        raise AwsError(
            "InvalidArgument", f"Part number must be an integer between 1 and {_MOST_PARTS}, inclusive"
        )
    return number


def _listed(asked: list[dict[str, Any]], present: list[Part]) -> list[Part]:
    """The parts that the caller lists, checked: present, unchanged, ascending, large enough."""
    if not asked:
        raise AwsError("MalformedXML", "The list of parts is empty.")
    numbers = [item.get("PartNumber", 0) for item in asked]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise AwsError("InvalidPartOrder", "The list of parts was not in ascending order.")
    by_number = {part.number: part for part in present}
    parts = []
    for item, number in zip(asked, numbers, strict=True):
        part = by_number.get(number)
        told = {name: item[name] for name in CHECKSUM_MEMBERS.values() if name in item}
        if (
            part is None
            or item.get("ETag", "").strip('"') != part.etag
            or not told.items() <= part.checksums.items()
        ):
            raise AwsError(
                "InvalidPart",
                "One or more of the specified parts could not be found. The part may not have been uploaded, "
                "or the specified entity tag may not match the part's entity tag.",
                PartNumber=number,
            )
        parts.append(part)
    for part in parts[:-1]:
        if part.size < _SMALLEST_PART:
            raise AwsError(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                PartNumber=part.number,
                ProposedSize=part.size,
                MinSizeAllowed=_SMALLEST_PART,
            )
    return parts


def _object_checksums(context: Context, upload: Record, parts: list[Part], blob: Blob) -> dict[str, str]:
    """The object's checksum: of its bytes, or of its parts' checksums with ``-<parts>`` behind."""
    algorithm = upload.body["algorithm"]
    if algorithm is None:
        return {}
    member = CHECKSUM_MEMBERS[algorithm.lower()]
    if upload.body["checksum_type"] == "FULL_OBJECT":
        return {**_computed(context, blob, algorithm), "ChecksumType": "FULL_OBJECT"}
    digest = CHECKSUMS[algorithm.lower()]()
    for part in parts:
        digest.update(_decoded(part.checksums[member]))
    value = base64.b64encode(digest.digest()).decode()
    return {member: f"{value}-{len(parts)}", "ChecksumType": "COMPOSITE"}


def _decoded(checksum: str) -> bytes:
    try:
        return base64.b64decode(checksum, validate=True)
    except binascii.Error:
        raise AwsError("InvalidPart", f"'{checksum}' is no checksum of one part.") from None


def _computed(context: Context, blob: Blob, algorithm: str) -> dict[str, str]:
    digest = CHECKSUMS[algorithm.lower()]()
    with context.objects.staged(blob) as file:
        for block in _blocks(file):
            digest.update(block)
    return {CHECKSUM_MEMBERS[algorithm.lower()]: base64.b64encode(digest.digest()).decode()}


def _blocks(file: Any) -> Iterator[bytes]:
    while block := file.read(1 << 20):
        yield block
