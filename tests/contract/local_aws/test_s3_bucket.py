"""S3 buckets and listings through boto3."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.stand_in import StandIn


@pytest.fixture
def s3(stand_in: StandIn) -> Any:
    return stand_in.client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"listing-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


def code(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    found: str = caught.value.response["Error"]["Code"]
    return found


def fill(s3: Any, bucket: str, *keys: str) -> None:
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")


def test_life_of_a_bucket(s3: Any) -> None:
    name = f"life-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    s3.create_bucket(Bucket=name)  # in us-east-1 no error
    assert s3.head_bucket(Bucket=name)["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] is None
    assert "Status" not in s3.get_bucket_versioning(Bucket=name)
    assert name in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    fill(s3, name, "k")
    assert code(s3.delete_bucket, Bucket=name) == "BucketNotEmpty"
    s3.delete_object(Bucket=name, Key="k")
    s3.delete_bucket(Bucket=name)
    assert code(s3.head_bucket, Bucket=name) == "404"
    assert code(s3.delete_bucket, Bucket=name) == "NoSuchBucket"


@pytest.mark.parametrize("name", ["UPPER", "ab", "under_score", "dots..twice", "192.168.5.4", "-dash"])
def test_bad_names(stand_in: StandIn, name: str) -> None:
    from botocore.config import Config

    s3 = stand_in.client("s3", config=Config(parameter_validation=False))
    s3.meta.events.unregister("before-parameter-build.s3", None)
    with pytest.raises((ClientError, ValueError)) as caught:
        s3.create_bucket(Bucket=name)
    assert "nvalid" in str(caught.value)


def test_a_header_without_a_value_says_nothing(s3: Any) -> None:
    """s3fs before 2021, which awswrangler's environment may hold, sends an empty ACL."""
    s3.create_bucket(Bucket=f"empty-{uuid.uuid4().hex[:12]}", ACL="")


def test_a_bucket_elsewhere(s3: Any) -> None:
    elsewhere = {"LocationConstraint": "eu-west-1"}
    assert (
        code(s3.create_bucket, Bucket="some-bucket", CreateBucketConfiguration=elsewhere)
        == "IllegalLocationConstraintException"
    )


def test_another_region(start_stand_in: Any) -> None:
    """In any other region the bucket's location must be named, and making it twice is an error."""
    server = start_stand_in(None, "--region", "eu-west-1")
    s3 = server.client("s3")
    here = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket="some-bucket", CreateBucketConfiguration=here)
    again = code(s3.create_bucket, Bucket="some-bucket", CreateBucketConfiguration=here)
    assert again == "BucketAlreadyOwnedByYou"
    assert s3.get_bucket_location(Bucket="some-bucket")["LocationConstraint"] == "eu-west-1"
    assert code(s3.create_bucket, Bucket="other-bucket") == "IllegalLocationConstraintException"


def test_tags_of_a_bucket(s3: Any, bucket: str) -> None:
    assert code(s3.get_bucket_tagging, Bucket=bucket) == "NoSuchTagSet"
    tags = [{"Key": "team", "Value": "ml"}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=bucket)
    assert code(s3.get_bucket_tagging, Bucket=bucket) == "NoSuchTagSet"


def test_keys_come_in_the_order_of_their_bytes(s3: Any, bucket: str) -> None:
    keys = ["a", "B", "ä", "a/b", "a.b", "😀", "\uffee"]
    fill(s3, bucket, *keys)
    listed = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert listed == sorted(keys, key=lambda key: key.encode())


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pages_join_to_the_whole(s3: Any, bucket: str, operation: str, size: int) -> None:
    fill(s3, bucket, "a/1", "a/2", "b", "c/1", "c/2", "c/d/3", "e", "z/")
    pages = s3.get_paginator(operation).paginate(
        Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size}
    )
    names: list[str] = []
    for page in pages:
        found = [item["Key"] for item in page.get("Contents", [])]
        found += [item["Prefix"] for item in page.get("CommonPrefixes", [])]
        assert len(found) <= size
        names += found
    assert sorted(names) == ["a/", "b", "c/", "e", "z/"]


def test_prefix_and_delimiter(s3: Any, bucket: str) -> None:
    fill(s3, bucket, "logs/2026/01/a", "logs/2026/02/b", "logs/readme", "logsx")
    answer = s3.list_objects_v2(Bucket=bucket, Prefix="logs/", Delimiter="/")
    assert [item["Key"] for item in answer["Contents"]] == ["logs/readme"]
    assert [item["Prefix"] for item in answer["CommonPrefixes"]] == ["logs/2026/"]
    assert answer["KeyCount"] == 2
    odd = s3.list_objects_v2(Bucket=bucket, Prefix="logs", Delimiter="2026")
    assert [item["Prefix"] for item in odd["CommonPrefixes"]] == ["logs/2026"]


def test_start_after(s3: Any, bucket: str) -> None:
    fill(s3, bucket, "a", "b", "c")
    answer = s3.list_objects_v2(Bucket=bucket, StartAfter="a")
    assert [item["Key"] for item in answer["Contents"]] == ["b", "c"]


def test_no_keys_at_all(s3: Any, bucket: str) -> None:
    answer = s3.list_objects_v2(Bucket=bucket)
    assert (answer["KeyCount"], answer["IsTruncated"], "Contents" in answer) == (0, False, False)
    fill(s3, bucket, "a")
    answer = s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
    assert (answer["KeyCount"], answer["IsTruncated"]) == (0, False)


def test_a_token_that_was_never_given(s3: Any, bucket: str) -> None:
    assert code(s3.list_objects_v2, Bucket=bucket, ContinuationToken="made up") == "InvalidArgument"


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_fewer_keys_than_none(s3: Any, bucket: str, operation: str) -> None:
    assert code(getattr(s3, operation), Bucket=bucket, MaxKeys=-1) == "InvalidArgument"
