"""Athena under load and with broken data: nothing is held whole in memory, failures name the file."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.lake import Lake
from tests.support.stand_in import StandIn

LINES = "ROW FORMAT DELIMITED FIELDS TERMINATED BY ','"
# Runs for minutes unless it is interrupted.
ENDLESS = "SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(x), UNNEST(sequence(1, 10000)) AS b(y), UNNEST(sequence(1, 10000)) AS c(z) WHERE sqrt(x * y + z) = 0.5"  # fmt: skip  # noqa: E501


@pytest.fixture
def lake(stand_in: StandIn) -> Lake:
    return Lake(stand_in)


def blob_of(stand_in: StandIn, content: bytes) -> Path:
    """The file in which the stand-in keeps an object of this content."""
    return next(
        path
        for path in stand_in.data_dir.rglob("*")
        if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content
    )


def test_a_million_rows_are_streamed(lake: Lake) -> None:
    """The result has all rows, in S3 and page by page from the API."""
    query_id = lake.start(
        "SELECT 100 * x + y AS n FROM UNNEST(sequence(1, 10000)) AS a(x) "
        "CROSS JOIN UNNEST(sequence(0, 99)) AS b(y)"
    )
    execution = lake.wait(query_id, seconds=300)
    assert execution["Status"]["State"] == "SUCCEEDED"
    lines = lake.get(execution["ResultConfiguration"]["OutputLocation"]).decode().splitlines()
    assert len(lines) == 1_000_001
    assert sum(int(line.strip('"')) for line in lines[1:]) == sum(range(100, 1_000_100))
    first = lake.athena.get_query_results(QueryExecutionId=query_id, MaxResults=1000)
    second = lake.athena.get_query_results(
        QueryExecutionId=query_id, MaxResults=1000, NextToken=first["NextToken"]
    )
    values = [row["Data"][0]["VarCharValue"] for page in (first, second) for row in page["ResultSet"]["Rows"]]
    assert [f'"{value}"' for value in values] == lines[:2000]


def test_two_queries_run_beside_each_other(lake: Lake) -> None:
    """A short query ends while a long one runs."""
    long = lake.start(ENDLESS)
    assert lake.sql("SELECT 1") == [["1"]]
    state = lake.athena.get_query_execution(QueryExecutionId=long)["QueryExecution"]["Status"]["State"]
    assert state in ("QUEUED", "RUNNING")
    lake.athena.stop_query_execution(QueryExecutionId=long)
    assert lake.wait(long)["Status"]["State"] == "CANCELLED"


def test_many_partitions(lake: Lake) -> None:
    """A table of 2,000 partitions is repaired, listed and pruned."""
    lake.put("p/k=0/a.csv", "0\n")
    lake.sql(f"CREATE EXTERNAL TABLE p (n int) PARTITIONED BY (k int) {LINES} LOCATION '{{lake}}/p/'")
    storage = lake.glue.get_table(DatabaseName=lake.database, Name="p")["Table"]["StorageDescriptor"]
    for start in range(0, 2000, 100):
        lake.glue.batch_create_partition(
            DatabaseName=lake.database,
            TableName="p",
            PartitionInputList=[
                {"Values": [str(n)], "StorageDescriptor": {**storage, "Location": lake.uri(f"p/k={n}/")}}
                for n in range(start, start + 100)
            ],
        )
    lake.put("p/k=1999/a.csv", "7\n8\n")
    lake.put("p/k=2000/a.csv", "9\n")
    assert len(lake.sql("MSCK REPAIR TABLE p")) == 2
    assert lake.sql("SELECT n, k FROM p WHERE k > 1500 ORDER BY 1") == [
        ["7", "1999"],
        ["8", "1999"],
        ["9", "2000"],
    ]
    assert lake.sql("SELECT count(*), count(DISTINCT k) FROM p") == [["4", "3"]]
    execution = lake.query("SHOW PARTITIONS p").execution
    assert len(lake.get(execution["ResultConfiguration"]["OutputLocation"]).splitlines()) == 2001


def test_a_file_that_vanished_is_named(stand_in: StandIn, lake: Lake) -> None:
    """Its row is there, its bytes are not: the query fails and says which object."""
    content = b"1,only in this test\n"
    lake.put("t/a.csv", content)
    lake.sql(f"CREATE EXTERNAL TABLE t (n int, s string) {LINES} LOCATION '{{lake}}/t/'")
    blob_of(stand_in, content).unlink()
    assert lake.failure("SELECT * FROM t").startswith(
        f"HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split {lake.uri('t/a.csv')}"
    )


def test_damaged_files_are_named(lake: Lake) -> None:
    """A gzip that ends early, and a Parquet file with a footer over garbage."""
    lake.put("g/a.csv.gz", gzip.compress(b"".join(b"%d,x\n" % n for n in range(50_000)))[:-4000])
    lake.sql(f"CREATE EXTERNAL TABLE g (n int, s string) {LINES} LOCATION '{{lake}}/g/'")
    reason = lake.failure("SELECT sum(n) FROM g")
    assert reason.startswith("HIVE_CURSOR_ERROR")
    assert lake.uri("g/a.csv.gz") in reason
    sink = io.BytesIO()
    pq.write_table(pa.table({"n": list(range(50_000))}), sink)
    damaged = bytearray(sink.getvalue())
    damaged[50:4000] = bytes(3950)
    lake.put("p/a.parquet", bytes(damaged))
    lake.sql("CREATE EXTERNAL TABLE p (n bigint) STORED AS PARQUET LOCATION '{lake}/p/'")
    reason = lake.failure("SELECT sum(n) FROM p")
    assert reason.startswith("HIVE_CURSOR_ERROR")
    assert lake.uri("p/a.parquet") in reason
    lake.put("q/a.parquet", "PAR1 but nothing else")
    lake.sql("CREATE EXTERNAL TABLE q (n bigint) STORED AS PARQUET LOCATION '{lake}/q/'")
    reason = lake.failure("SELECT n FROM q")
    assert reason.startswith(f"HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split {lake.uri('q/a.parquet')}")


def test_every_failure_fills_athena_error(lake: Lake) -> None:
    for sql in ("SELECT xxhash64(to_utf8('a'))", "UPDATE t SET a = 1", "SELECT 1 / 0", "SELECT"):
        status = lake.query(sql).execution["Status"]
        assert status["State"] == "FAILED"
        assert status["AthenaError"]["ErrorMessage"] == status["StateChangeReason"]
        assert status["AthenaError"]["ErrorCategory"] in (1, 2, 3)
