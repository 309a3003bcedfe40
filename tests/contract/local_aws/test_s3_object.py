"""S3 objects through boto3: what is put is what comes back, and what is wrong is refused by AWS's name."""

from __future__ import annotations

import base64
import hashlib
import uuid
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.stand_in import StandIn


@pytest.fixture
def s3(stand_in: StandIn) -> Any:
    return stand_in.client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"objects-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


def refusal(call: Any, **parameters: Any) -> tuple[str, int]:
    """The code and HTTP status of the error that a call ends in."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    "key",
    [
        "plain",
        "a/b/c.csv",
        "with space+plus%percent",
        "ünïcödé/日本/😀",
        "//double//slash/",
        "dots/../and/./dots",
        "quotes'\"&<>;=?#",
        "dt=2026-01-15/part-00000.parquet",
    ],
)
def test_any_key_comes_back(s3: Any, bucket: str, key: str) -> None:
    body = key.encode()
    s3.put_object(Bucket=bucket, Key=key, Body=body)
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == body
    s3.delete_object(Bucket=bucket, Key=key)
    assert refusal(s3.get_object, Bucket=bucket, Key=key) == ("NoSuchKey", 404)


def test_what_is_said_of_an_object_comes_back(s3: Any, bucket: str) -> None:
    body = b"some text"
    s3.put_object(
        Bucket=bucket,
        Key="k",
        Body=body,
        ContentType="text/plain; charset=utf-8",
        CacheControl="no-cache",
        ContentDisposition="attachment",
        ContentEncoding="identity",
        ContentLanguage="en",
        Metadata={"under_score": "1", "dash-ed": "two words"},
        StorageClass="STANDARD_IA",
        Tagging="a=1&b=x%20y",
    )
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["ContentType"] == "text/plain; charset=utf-8"
    assert head["CacheControl"] == "no-cache"
    assert head["ContentDisposition"] == "attachment"
    assert head["ContentEncoding"] == "identity"
    assert head["ContentLanguage"] == "en"
    assert head["Metadata"] == {"under_score": "1", "dash-ed": "two words"}
    assert head["StorageClass"] == "STANDARD_IA"
    assert head["ContentLength"] == len(body)
    assert head["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'  # noqa: S324 - S3's ETag is an MD5
    assert abs(head["LastModified"] - datetime.now(UTC)) < timedelta(minutes=1)
    tags = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert tags == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "x y"}]


def test_an_empty_object(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="empty")
    answer = s3.get_object(Bucket=bucket, Key="empty")
    assert (answer["ContentLength"], answer["Body"].read()) == (0, b"")
    assert refusal(s3.get_object, Bucket=bucket, Key="empty", Range="bytes=0-") == ("InvalidRange", 416)


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("bytes=0-0", 206, b"0", "bytes 0-0/10"),
        ("bytes=3-5", 206, b"345", "bytes 3-5/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-100", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=5-100", 206, b"56789", "bytes 5-9/10"),
        ("bytes=5-3", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_ranges(
    s3: Any, bucket: str, *, asked: str, status: int, body: bytes, content_range: str | None
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    answer = s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert answer["Body"].read() == body
    assert answer.get("ContentRange") == content_range


def test_a_range_behind_the_end(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    assert refusal(s3.get_object, Bucket=bucket, Key="k", Range="bytes=10-") == ("InvalidRange", 416)


def test_conditional_get(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    now = datetime.now(UTC)
    where = {"Bucket": bucket, "Key": "k"}
    assert s3.get_object(**where, IfMatch=etag)["Body"].read() == b"x"
    assert refusal(s3.get_object, **where, IfMatch='"other"') == ("PreconditionFailed", 412)
    assert refusal(s3.get_object, **where, IfNoneMatch=etag) == ("304", 304)
    assert refusal(s3.get_object, **where, IfModifiedSince=now + timedelta(hours=1)) == ("304", 304)
    long_ago = now - timedelta(days=1)
    assert refusal(s3.get_object, **where, IfUnmodifiedSince=long_ago) == ("PreconditionFailed", 412)
    assert s3.get_object(**where, IfModifiedSince=long_ago)["Body"].read() == b"x"


def test_conditional_put(s3: Any, bucket: str) -> None:
    where = {"Bucket": bucket, "Key": "k"}
    first = s3.put_object(**where, Body=b"1", IfNoneMatch="*")["ETag"]
    assert refusal(s3.put_object, **where, Body=b"2", IfNoneMatch="*") == ("PreconditionFailed", 412)
    second = s3.put_object(**where, Body=b"3", IfMatch=first)["ETag"]
    assert refusal(s3.put_object, **where, Body=b"4", IfMatch=first) == ("PreconditionFailed", 412)
    assert s3.get_object(**where)["ETag"] == second
    assert refusal(s3.put_object, Bucket=bucket, Key="new", Body=b"5", IfMatch=first) == ("NoSuchKey", 404)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_a_checksum_is_verified_kept_and_told(s3: Any, bucket: str, algorithm: str) -> None:
    member = f"Checksum{algorithm}"
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert put[member] == head[member]
    assert head["ChecksumType"] == "FULL_OBJECT"
    attributes = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Checksum", "ObjectSize"])
    assert attributes["Checksum"][member] == put[member]
    assert attributes["ObjectSize"] == 5


def test_crc32_is_the_real_one(s3: Any, bucket: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm="CRC32")
    assert put["ChecksumCRC32"] == base64.b64encode(zlib.crc32(b"hello").to_bytes(4, "big")).decode()


def test_a_wrong_checksum_leaves_nothing_behind(s3: Any, bucket: str) -> None:
    where = {"Bucket": bucket, "Key": "k"}
    sha256 = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    assert refusal(s3.put_object, **where, Body=b"hello", ChecksumSHA256=sha256) == ("BadDigest", 400)
    md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()  # noqa: S324
    assert refusal(s3.put_object, **where, Body=b"hello", ContentMD5=md5) == ("BadDigest", 400)
    assert refusal(s3.put_object, **where, Body=b"hello", ContentMD5="bm8=") == ("InvalidDigest", 400)
    assert refusal(s3.get_object, **where) == ("NoSuchKey", 404)


def test_copy_keeps_or_replaces_what_is_said_of_it(s3: Any, bucket: str) -> None:
    s3.put_object(
        Bucket=bucket, Key="a", Body=b"x", ContentType="text/csv", Metadata={"m": "1"}, Tagging="t=1"
    )
    source = {"Bucket": bucket, "Key": "a"}
    s3.copy_object(Bucket=bucket, Key="kept", CopySource=source)
    kept = s3.head_object(Bucket=bucket, Key="kept")
    assert (kept["ContentType"], kept["Metadata"]) == ("text/csv", {"m": "1"})
    assert s3.get_object_tagging(Bucket=bucket, Key="kept")["TagSet"] == [{"Key": "t", "Value": "1"}]
    s3.copy_object(
        Bucket=bucket, Key="new", CopySource=source, MetadataDirective="REPLACE", Metadata={"n": "2"}
    )
    assert s3.head_object(Bucket=bucket, Key="new")["Metadata"] == {"n": "2"}
    assert refusal(s3.copy_object, Bucket=bucket, Key="a", CopySource=source) == ("InvalidRequest", 400)
    missing = {"Bucket": bucket, "Key": "absent"}
    assert refusal(s3.copy_object, Bucket=bucket, Key="b", CopySource=missing) == ("NoSuchKey", 404)
    assert refusal(s3.copy_object, Bucket=bucket, Key="b", CopySource=source, CopySourceIfNoneMatch="*") == (
        "PreconditionFailed",
        412,
    )


def test_the_original_can_go_and_the_copy_stays(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"})
    s3.put_object(Bucket=bucket, Key="a", Body=b"changed")
    s3.delete_object(Bucket=bucket, Key="a")
    assert s3.get_object(Bucket=bucket, Key="b")["Body"].read() == b"x"


def test_a_reader_of_the_old_version_keeps_it(s3: Any, bucket: str) -> None:
    old = b"o" * 3_000_000
    s3.put_object(Bucket=bucket, Key="k", Body=old)
    reading = s3.get_object(Bucket=bucket, Key="k")["Body"]
    start = reading.read(10)
    s3.put_object(Bucket=bucket, Key="k", Body=b"new")
    assert start + reading.read() == old


def test_delete_many(s3: Any, bucket: str) -> None:
    for number in range(5):
        s3.put_object(Bucket=bucket, Key=f"k{number}", Body=b"x")
    answer = s3.delete_objects(
        Bucket=bucket,
        Delete={"Objects": [{"Key": f"k{number}"} for number in range(4)] + [{"Key": "absent"}]},
    )
    assert len(answer["Deleted"]) == 5
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k4"]
    assert "Deleted" not in s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": "k4"}], "Quiet": True}
    )


def test_missing_things_have_aws_names(s3: Any, bucket: str) -> None:
    assert refusal(s3.get_object, Bucket="absent-bucket", Key="k") == ("NoSuchBucket", 404)
    assert refusal(s3.put_object, Bucket="absent-bucket", Key="k", Body=b"") == ("NoSuchBucket", 404)
    assert refusal(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)
    assert refusal(s3.get_object_tagging, Bucket=bucket, Key="k") == ("NoSuchKey", 404)
    assert refusal(s3.put_object, Bucket=bucket, Key="k" * 1025, Body=b"") == ("KeyTooLongError", 400)


def test_what_is_not_emulated_is_refused_by_name(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError, match=r"does not emulate s3.PutBucketVersioning") as caught:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    with pytest.raises(ClientError, match=r"s3.PutObject with ServerSideEncryption=aws:kms"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"", ServerSideEncryption="aws:kms")
    with pytest.raises(ClientError, match=r"s3.PutObject with ACL=public-read"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"", ACL="public-read")


def test_a_large_body_arrives_whole(s3: Any, bucket: str) -> None:
    body = bytes(range(256)) * (40 * 1024)  # 10 MiB
    s3.put_object(Bucket=bucket, Key="large", Body=body)
    assert hashlib.sha256(s3.get_object(Bucket=bucket, Key="large")["Body"].read()).digest() == (
        hashlib.sha256(body).digest()
    )


def test_concurrent_overwrites_end_in_one_of_them(s3: Any, bucket: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    bodies = [str(number).encode() * 1000 for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda body: s3.put_object(Bucket=bucket, Key="k", Body=body), bodies))
        read = list(pool.map(lambda _: s3.get_object(Bucket=bucket, Key="k")["Body"].read(), bodies))
    assert set(read) <= set(bodies)


def test_metadata_has_a_limit(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="fits", Metadata={"name": "v" * 2044})
    too_large = {"name": "v" * 2045}
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Metadata=too_large) == ("MetadataTooLarge", 400)
    assert refusal(s3.create_multipart_upload, Bucket=bucket, Key="k", Metadata=too_large)[1] == 400
