"""Multipart uploads through boto3."""

from __future__ import annotations

import hashlib
import io
import uuid
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from tests.support.stand_in import StandIn

MIB = 1024**2


@pytest.fixture
def s3(stand_in: StandIn) -> Any:
    return stand_in.client("s3")


@pytest.fixture
def where(s3: Any) -> dict[str, str]:
    bucket = f"multipart-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    return {"Bucket": bucket, "Key": "large"}


def code(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    found: str = caught.value.response["Error"]["Code"]
    return found


def parts_of(s3: Any, upload: dict[str, Any], *bodies: bytes, **more: Any) -> list[dict[str, Any]]:
    parts = []
    for number, body in enumerate(bodies, 1):
        answer = s3.upload_part(**upload, PartNumber=number, Body=body, **more)
        checksums = {
            name: value
            for name, value in answer.items()
            if name.startswith("Checksum") and name != "ChecksumType"
        }
        parts.append({"PartNumber": number, "ETag": answer["ETag"], **checksums})
    return parts


def opened(s3: Any, where: dict[str, str], **more: Any) -> dict[str, Any]:
    return {**where, "UploadId": s3.create_multipart_upload(**where, **more)["UploadId"]}


def test_parts_join_in_order(s3: Any, where: dict[str, str]) -> None:
    bodies = [b"a" * 5 * MIB, b"b" * 5 * MIB, b"c"]
    upload = opened(s3, where, ContentType="text/plain", Metadata={"m": "1"})
    parts = parts_of(s3, upload, *bodies)
    assert [part["Size"] for part in s3.list_parts(**upload)["Parts"]] == [5 * MIB, 5 * MIB, 1]
    assert code(s3.head_object, **where) == "404"
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    md5s = b"".join(hashlib.md5(body).digest() for body in bodies)  # noqa: S324
    assert done["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-3"'  # noqa: S324
    answer = s3.get_object(**where)
    assert answer["Body"].read() == b"".join(bodies)
    assert (answer["ContentType"], answer["Metadata"]) == ("text/plain", {"m": "1"})
    second = s3.get_object(**where, PartNumber=2)
    assert (second["PartsCount"], second["Body"].read()) == (3, bodies[1])
    attributes = s3.get_object_attributes(**where, ObjectAttributes=["ObjectParts"])
    assert attributes["ObjectParts"]["TotalPartsCount"] == 3
    assert code(s3.list_parts, **upload) == "NoSuchUpload"


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        ("CRC32", "COMPOSITE"),
        ("SHA256", "COMPOSITE"),
        ("CRC32C", "FULL_OBJECT"),
        ("CRC64NVME", "FULL_OBJECT"),
    ],
)
def test_checksums(s3: Any, where: dict[str, str], algorithm: str, kind: str) -> None:
    upload = opened(s3, where, ChecksumAlgorithm=algorithm, ChecksumType=kind)
    bodies = [b"a" * 5 * MIB, b"b"]
    parts = parts_of(s3, upload, *bodies, ChecksumAlgorithm=algorithm)
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, ChecksumType=kind)
    head = s3.head_object(**where, ChecksumMode="ENABLED")
    assert head["ChecksumType"] == kind
    assert head[f"Checksum{algorithm}"] == done[f"Checksum{algorithm}"]
    if kind == "FULL_OBJECT":
        single = s3.put_object(**where, Body=b"".join(bodies), ChecksumAlgorithm=algorithm)
        assert single[f"Checksum{algorithm}"] == done[f"Checksum{algorithm}"]
    else:
        assert done[f"Checksum{algorithm}"].endswith("-2")


def test_boto3s_own_upload_and_download(s3: Any, where: dict[str, str]) -> None:
    body = bytes(range(256)) * 4096 * 20  # 20 MiB
    settings = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)
    s3.upload_fileobj(io.BytesIO(body), where["Bucket"], where["Key"], Config=settings)
    assert s3.head_object(**where)["ETag"].endswith('-4"')
    read = io.BytesIO()
    s3.download_fileobj(where["Bucket"], where["Key"], read, Config=settings)
    assert read.getvalue() == body
    s3.copy(where, where["Bucket"], "copied", Config=settings)
    assert s3.get_object(Bucket=where["Bucket"], Key="copied")["Body"].read() == body


def test_a_part_can_be_a_range_of_an_object(s3: Any, where: dict[str, str]) -> None:
    s3.put_object(Bucket=where["Bucket"], Key="source", Body=b"0123456789")
    source = {"Bucket": where["Bucket"], "Key": "source"}
    upload = opened(s3, where)
    part = s3.upload_part_copy(**upload, PartNumber=1, CopySource=source, CopySourceRange="bytes=2-4")
    parts = [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]
    beyond = {"PartNumber": 1, "CopySource": source, "CopySourceRange": "bytes=2-10"}
    assert code(s3.upload_part_copy, **upload, **beyond) == "InvalidArgument"
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(**where)["Body"].read() == b"234"


def test_what_cannot_be_completed(s3: Any, where: dict[str, str]) -> None:
    upload = opened(s3, where)
    parts = parts_of(s3, upload, b"too small", b"last")
    small = {"Parts": parts}
    assert code(s3.complete_multipart_upload, **upload, MultipartUpload=small) == "EntityTooSmall"
    backwards = {"Parts": parts[::-1]}
    assert code(s3.complete_multipart_upload, **upload, MultipartUpload=backwards) == "InvalidPartOrder"
    unknown = {"Parts": [{"PartNumber": 7, "ETag": parts[0]["ETag"]}]}
    assert code(s3.complete_multipart_upload, **upload, MultipartUpload=unknown) == "InvalidPart"
    changed = {"Parts": [{"PartNumber": 1, "ETag": parts[1]["ETag"]}]}
    assert code(s3.complete_multipart_upload, **upload, MultipartUpload=changed) == "InvalidPart"
    assert code(s3.upload_part, **upload, PartNumber=10_001, Body=b"") == "InvalidArgument"


def test_conditional_complete(s3: Any, where: dict[str, str]) -> None:
    upload = opened(s3, where)
    parts = {"Parts": parts_of(s3, upload, b"x")}
    s3.put_object(**where, Body=b"first")
    refused = code(s3.complete_multipart_upload, **upload, MultipartUpload=parts, IfNoneMatch="*")
    assert refused == "PreconditionFailed"
    assert s3.get_object(**where)["Body"].read() == b"first"


def test_abort(s3: Any, where: dict[str, str]) -> None:
    upload = opened(s3, where)
    parts_of(s3, upload, b"x")
    assert [one["Key"] for one in s3.list_multipart_uploads(Bucket=where["Bucket"])["Uploads"]] == ["large"]
    s3.abort_multipart_upload(**upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=where["Bucket"])
    assert code(s3.abort_multipart_upload, **upload) == "NoSuchUpload"


def test_open_uploads_are_paged(s3: Any, where: dict[str, str]) -> None:
    uploads = [opened(s3, {**where, "Key": key})["UploadId"] for key in ("a", "b", "b", "c")]
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=where["Bucket"], PaginationConfig={"PageSize": 1}
    )
    assert [one["UploadId"] for page in pages for one in page.get("Uploads", [])] == uploads
