"""Programs that bring their own S3 client: awswrangler, and pyarrow with AWS's C++ SDK."""

from __future__ import annotations

import uuid
from pathlib import Path
from urllib.parse import urlsplit

import awswrangler
import boto3
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import fs, parquet

from tests.support.stand_in import StandIn


@pytest.fixture
def bucket(stand_in: StandIn) -> str:
    name = f"clients-{uuid.uuid4().hex[:12]}"
    stand_in.client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def session(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
    monkeypatch.setenv("AWS_ENDPOINT_URL", stand_in.endpoint_url)
    return boto3.Session(stand_in.access_key, stand_in.secret_key, region_name=stand_in.region)


def test_awswrangler_datasets(bucket: str, session: boto3.Session) -> None:
    frame = pd.DataFrame({"a": [1, 2, 3], "day": ["mon", "tue", "mon"]})
    path = f"s3://{bucket}/set/"
    for _ in range(2):  # overwriting removes what was there
        awswrangler.s3.to_parquet(
            frame, path, dataset=True, partition_cols=["day"], mode="overwrite", boto3_session=session
        )
    assert awswrangler.s3.list_directories(path, boto3_session=session) == [
        f"{path}day=mon/",
        f"{path}day=tue/",
    ]
    read = awswrangler.s3.read_parquet(path, dataset=True, boto3_session=session)
    assert sorted(read["a"]) == [1, 2, 3]
    awswrangler.s3.delete_objects(path, boto3_session=session)
    assert awswrangler.s3.list_objects(path, boto3_session=session) == []


def test_awswrangler_files(bucket: str, session: boto3.Session, tmp_path: Path) -> None:
    path = f"s3://{bucket}/t.csv"
    awswrangler.s3.to_csv(pd.DataFrame({"a": [1, 2]}), path, index=False, boto3_session=session)
    assert awswrangler.s3.does_object_exist(path, boto3_session=session)
    assert awswrangler.s3.read_csv(path, boto3_session=session)["a"].tolist() == [1, 2]
    awswrangler.s3.copy_objects([path], f"s3://{bucket}", f"s3://{bucket}/copies", boto3_session=session)
    awswrangler.s3.download(f"s3://{bucket}/copies/t.csv", str(tmp_path / "t.csv"), boto3_session=session)
    assert (tmp_path / "t.csv").read_text() == "a\n1\n2\n"


def test_pyarrow(stand_in: StandIn, bucket: str) -> None:
    files = fs.S3FileSystem(
        access_key=stand_in.access_key,
        secret_key=stand_in.secret_key,
        region=stand_in.region,
        endpoint_override=urlsplit(stand_in.endpoint_url).netloc,
        scheme="http",
    )
    with files.open_output_stream(f"{bucket}/a b/x") as file:
        file.write(b"hello")
    assert files.open_input_file(f"{bucket}/a b/x").read_at(3, 1) == b"ell"
    parquet.write_table(pa.table({"a": [1]}), f"{bucket}/set/day=1/t.parquet", filesystem=files)
    assert parquet.read_table(f"{bucket}/set", filesystem=files)["a"].to_pylist() == [1]
    files.move(f"{bucket}/a b/x", f"{bucket}/y")
    files.delete_dir(f"{bucket}/set")
    found = files.get_file_info(fs.FileSelector(bucket, recursive=True))
    assert [info.path for info in found if info.type == fs.FileType.File] == [f"{bucket}/y"]
