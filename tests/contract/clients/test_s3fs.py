"""s3fs, and pandas through it: what Airflow's environment reads and writes S3 with."""

from __future__ import annotations

import urllib.request
import uuid
from typing import Any

import pandas as pd
import pytest
import s3fs

from tests.support.stand_in import StandIn

MIB = 1024**2


@pytest.fixture
def options(stand_in: StandIn) -> dict[str, Any]:
    return {
        "key": stand_in.access_key,
        "secret": stand_in.secret_key,
        "client_kwargs": {"endpoint_url": stand_in.endpoint_url, "region_name": stand_in.region},
        "skip_instance_cache": True,
    }


@pytest.fixture
def fs(options: dict[str, Any]) -> s3fs.S3FileSystem:
    return s3fs.S3FileSystem(**options)


@pytest.fixture
def bucket(stand_in: StandIn) -> str:
    name = f"s3fs-{uuid.uuid4().hex[:12]}"
    stand_in.client("s3").create_bucket(Bucket=name)
    return name


def test_files_and_folders(fs: s3fs.S3FileSystem, bucket: str) -> None:
    with fs.open(f"{bucket}/a/b c.txt", "wb") as file:
        file.write(b"hello")
    assert fs.cat(f"{bucket}/a/b c.txt") == b"hello"
    assert fs.info(f"{bucket}/a/b c.txt")["size"] == 5
    assert fs.ls(bucket) == [f"{bucket}/a"]
    assert fs.glob(f"{bucket}/**/*.txt") == [f"{bucket}/a/b c.txt"]
    assert fs.isdir(f"{bucket}/a")
    assert not fs.exists(f"{bucket}/absent")
    with pytest.raises(FileNotFoundError):
        fs.cat(f"{bucket}/absent")
    fs.mv(f"{bucket}/a/b c.txt", f"{bucket}/moved")
    assert fs.find(bucket) == [f"{bucket}/moved"]
    fs.rm(bucket, recursive=True)
    assert not fs.exists(bucket)


def test_a_large_file_goes_in_parts(fs: s3fs.S3FileSystem, bucket: str) -> None:
    body = bytes(range(256)) * 4096 * 12  # 12 MiB
    with fs.open(f"{bucket}/large", "wb", block_size=5 * MIB) as file:
        file.write(body)
    assert fs.info(f"{bucket}/large")["ETag"].count("-") == 1
    with fs.open(f"{bucket}/large", "rb") as file:
        file.seek(7 * MIB)
        assert file.read(10) == body[7 * MIB : 7 * MIB + 10]
    fs.cp(f"{bucket}/large", f"{bucket}/copy")
    assert fs.cat(f"{bucket}/copy") == body


def test_tags_metadata_and_links(fs: s3fs.S3FileSystem, bucket: str) -> None:
    fs.pipe(f"{bucket}/k", b"x")
    fs.put_tags(f"{bucket}/k", {"a": "1"})
    assert fs.get_tags(f"{bucket}/k") == {"a": "1"}
    fs.setxattr(f"{bucket}/k", copy_kwargs={"ContentType": "text/plain"}, colour="red")
    assert fs.metadata(f"{bucket}/k", refresh=True) == {"colour": "red"}
    with urllib.request.urlopen(fs.url(f"{bucket}/k")) as answer:  # noqa: S310 - our own server
        assert answer.read() == b"x"


def test_pandas(bucket: str, options: dict[str, Any]) -> None:
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None]})
    frame.to_parquet(f"s3://{bucket}/t.parquet", storage_options=options)
    pd.testing.assert_frame_equal(pd.read_parquet(f"s3://{bucket}/t.parquet", storage_options=options), frame)
    frame.to_csv(f"s3://{bucket}/t.csv", index=False, storage_options=options)
    read = pd.read_csv(f"s3://{bucket}/t.csv", storage_options=options)
    assert read["a"].tolist() == [1, 2, 3]
