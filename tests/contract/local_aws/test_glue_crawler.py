"""Glue crawlers through boto3: they look at real objects and make real tables."""

from __future__ import annotations

import gzip
import io
import time
import uuid
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.stand_in import StandIn


class Lab:
    """A bucket, a database, and what the tests do with them."""

    def __init__(self, stand_in: StandIn) -> None:
        self.glue, self.s3, self.logs = map(stand_in.client, ("glue", "s3", "logs"))
        self.bucket = f"lab-{uuid.uuid4().hex[:12]}"
        self.database = f"db_{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.bucket)

    def put(self, key: str, body: bytes | str) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def crawler(self, path: str, **changes: Any) -> str:
        name = f"crawler-{uuid.uuid4().hex[:12]}"
        target = {"Path": f"s3://{self.bucket}/{path}", **changes.pop("target", {})}
        self.glue.create_crawler(
            Name=name, Role="r", DatabaseName=self.database, Targets={"S3Targets": [target]}, **changes
        )
        return name

    def crawl(self, name: str) -> dict[str, Any]:
        self.glue.start_crawler(Name=name)
        end = time.monotonic() + 60
        while (crawler := self.glue.get_crawler(Name=name)["Crawler"])["State"] != "READY":
            assert time.monotonic() < end, crawler
            time.sleep(0.02)
        last: dict[str, Any] = crawler["LastCrawl"]
        return last

    def crawled(self, path: str, **changes: Any) -> dict[str, dict[str, Any]]:
        last = self.crawl(self.crawler(path, **changes))
        assert last["Status"] == "SUCCEEDED", last
        return self.tables()

    def tables(self) -> dict[str, dict[str, Any]]:
        found = self.glue.get_tables(DatabaseName=self.database)["TableList"]
        return {table["Name"]: table for table in found}

    def partitions(self, table: str) -> list[list[str]]:
        found = self.glue.get_partitions(DatabaseName=self.database, TableName=table)["Partitions"]
        return sorted(partition["Values"] for partition in found)


def columns(table: dict[str, Any]) -> dict[str, str]:
    return {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}


@pytest.fixture
def lab(stand_in: StandIn) -> Lab:
    return Lab(stand_in)


def test_csv_with_a_header_and_hive_partitions(lab: Lab) -> None:
    for day in ("2026-01-15", "2026-01-16"):
        lab.put(
            f"wf/landing/dt={day}/a.csv", "Name,age,share,ok,seen\nx,1,0.5,true,2026-01-01\ny,2,1,false,\n"
        )
    lab.put("wf/landing/dt=2026-01-15/_SUCCESS", "")
    tables = lab.crawled("wf/landing/")
    table = tables["landing"]
    assert columns(table) == {
        "name": "string",
        "age": "bigint",
        "share": "double",
        "ok": "boolean",
        "seen": "string",
    }
    assert table["PartitionKeys"] == [{"Name": "dt", "Type": "string"}]
    assert table["Parameters"]["skip.header.line.count"] == "1"
    assert table["Parameters"]["classification"] == "csv"
    assert table["StorageDescriptor"]["SerdeInfo"]["Parameters"] == {"field.delim": ","}
    assert lab.partitions("landing") == [["2026-01-15"], ["2026-01-16"]]


def test_a_neighbours_header_is_recognized_where_all_values_are_text(lab: Lab) -> None:
    """Glue tells a header by rows that are no text; a partition of text alone is helped by its neighbours."""
    lab.put("t/dt=2026-01-15/a.csv", "name,age\nx,1\ny,2\n")
    lab.put("t/dt=2026-01-16/a.csv", "name,age\nx,unknown\ny,old\n")
    lab.put("t/dt=2026-01-17/a.csv", "name,age\nz,\nw,\n")
    tables = lab.crawled("t/")
    assert list(tables) == ["t"]
    assert columns(tables["t"]) == {"name": "string", "age": "string"}
    assert tables["t"]["Parameters"]["skip.header.line.count"] == "1"
    assert lab.partitions("t") == [["2026-01-15"], ["2026-01-16"], ["2026-01-17"]]


def test_text_alone_has_no_header(lab: Lab) -> None:
    """Without such a neighbour the first row is data, as Glue documents it."""
    lab.put("words/a.csv", "name,city\nx,Paris\ny,Rome\n")
    table = lab.crawled("words/")["words"]
    assert columns(table) == {"col0": "string", "col1": "string"}
    assert "skip.header.line.count" not in table["Parameters"]


def test_csv_without_a_header_gets_numbered_columns(lab: Lab) -> None:
    lab.put("census/adult.csv", "39, State-gov, 77516\n50, Private, 83311\n")
    table = lab.crawled("census")["census"]
    assert columns(table) == {"col0": "bigint", "col1": "string", "col2": "bigint"}
    assert "skip.header.line.count" not in table["Parameters"]


@pytest.mark.parametrize("delimiter", ["|", "\t", ";", "\x01"])
def test_other_delimiters(lab: Lab, delimiter: str) -> None:
    lab.put("d/a.txt", f"name{delimiter}n\nx{delimiter}1\ny{delimiter}2\n")
    table = lab.crawled("d/")["d"]
    assert columns(table) == {"name": "string", "n": "bigint"}
    assert table["Parameters"]["delimiter"] == delimiter


def test_json_lines_with_nested_values(lab: Lab) -> None:
    lab.put("j/a.json", '{"a": 1, "b": "x", "c": [1, 2], "d": {"E": 1.5}}\n{"a": 5000000000, "f": null}\n')
    table = lab.crawled("j/")["j"]
    assert columns(table) == {
        "a": "bigint", "b": "string", "c": "array<int>", "d": "struct<e:double>", "f": "string",
    }  # fmt: skip
    assert table["Parameters"]["classification"] == "json"


def test_parquet_types_come_from_the_footer(lab: Lab) -> None:
    schema = {
        "i": pa.int32(), "l": pa.int64(), "d": pa.float64(), "s": pa.string(), "b": pa.bool_(),
        "t": pa.timestamp("us"), "day": pa.date32(), "m": pa.decimal128(10, 2), "a": pa.list_(pa.int32()),
    }  # fmt: skip
    sink = io.BytesIO()
    pq.write_table(pa.table({name: pa.array([], kind) for name, kind in schema.items()}), sink)
    lab.put("p/part.parquet", sink.getvalue())
    assert columns(lab.crawled("p/")["p"]) == {
        "i": "int", "l": "bigint", "d": "double", "s": "string", "b": "boolean", "t": "timestamp",
        "day": "date", "m": "decimal(10,2)", "a": "array<int>",
    }  # fmt: skip


def test_gzip_is_read(lab: Lab) -> None:
    lab.put("g/a.csv.gz", gzip.compress(b"name,n\nx,1\ny,2\n"))
    table = lab.crawled("g/")["g"]
    assert columns(table) == {"name": "string", "n": "bigint"}
    assert table["Parameters"]["compressionType"] == "gzip"


def test_folders_that_differ_are_tables_of_their_own(lab: Lab) -> None:
    lab.put("all/people/a.csv", "name,n\nx,1\ny,2\n")
    lab.put("all/things/b.json", '{"thing": "t"}\n')
    assert set(lab.crawled("all/", TablePrefix="raw_")) == {"raw_people", "raw_things"}


def test_folders_of_one_form_are_partitions_without_a_name(lab: Lab) -> None:
    for month in ("01", "02"):
        lab.put(f"sales/2026/{month}/a.csv", "name,n\nx,1\ny,2\n")
    tables = lab.crawled("sales/")
    assert [key["Name"] for key in tables["sales"]["PartitionKeys"]] == ["partition_0", "partition_1"]
    assert lab.partitions("sales") == [["2026", "01"], ["2026", "02"]]


def test_types_widen_over_partitions(lab: Lab) -> None:
    lab.put("w/dt=1/a.csv", "name,n\nx,1\ny,2\n")
    lab.put("w/dt=2/a.csv", "name,n\nx,1.5\ny,2\n")
    assert columns(lab.crawled("w/")["w"])["n"] == "double"


def test_a_second_crawl_adds_partitions_and_updates_the_schema(lab: Lab) -> None:
    lab.put("s/dt=1/a.csv", "name,n\nx,1\ny,2\n")
    name = lab.crawler("s/")
    first = lab.crawl(name)
    lab.put("s/dt=2/a.csv", "name,n\nx,word\ny,2\n")
    second = lab.crawl(name)
    assert second["StartTime"] > first["StartTime"]
    assert columns(lab.tables()["s"])["n"] == "string"
    assert lab.partitions("s") == [["1"], ["2"]]
    metrics = lab.glue.get_crawler_metrics(CrawlerNameList=[name])["CrawlerMetricsList"][0]
    assert (metrics["TablesCreated"], metrics["TablesUpdated"]) == (0, 1)
    third = lab.crawl(name)
    assert third["Status"] == "SUCCEEDED"
    metrics = lab.glue.get_crawler_metrics(CrawlerNameList=[name])["CrawlerMetricsList"][0]
    assert (metrics["TablesCreated"], metrics["TablesUpdated"]) == (0, 0)


def test_update_behaviour_log_leaves_the_schema(lab: Lab) -> None:
    lab.put("s/dt=1/a.csv", "name,n\nx,1\ny,2\n")
    name = lab.crawler("s/", SchemaChangePolicy={"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"})
    lab.crawl(name)
    lab.put("s/dt=2/a.csv", "name,n\nx,word\ny,2\n")
    lab.crawl(name)
    assert columns(lab.tables()["s"])["n"] == "bigint"


@pytest.mark.parametrize("behaviour", ["LOG", "DEPRECATE_IN_DATABASE", "DELETE_FROM_DATABASE"])
def test_tables_whose_data_is_gone(lab: Lab, behaviour: str) -> None:
    lab.put("gone/a.csv", "name,n\nx,1\ny,2\n")
    policy = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": behaviour}
    name = lab.crawler("gone/", SchemaChangePolicy=policy)
    lab.crawl(name)
    lab.s3.delete_object(Bucket=lab.bucket, Key="gone/a.csv")
    lab.crawl(name)
    tables = lab.tables()
    assert ("gone" in tables) == (behaviour != "DELETE_FROM_DATABASE")
    if "gone" in tables:
        deprecated = "DEPRECATED_BY_CRAWLER" in tables["gone"]["Parameters"]
        assert deprecated == (behaviour == "DEPRECATE_IN_DATABASE")


def test_exclusions(lab: Lab) -> None:
    lab.put("e/a.csv", "name,n\nx,1\ny,2\n")
    lab.put("e/b.tmp", "other;things\n")
    lab.put("e/deep/c.tmp", "other;things\n")
    assert set(lab.crawled("e/", target={"Exclusions": ["**.tmp"]})) == {"e"}


def test_unknown_files_make_no_table_and_are_named_in_the_log(lab: Lab) -> None:
    lab.put("u/noise.bin", bytes(range(256)))
    name = lab.crawler("u/")
    assert lab.crawl(name)["Status"] == "SUCCEEDED"
    assert lab.tables() == {}
    events = lab.logs.get_log_events(logGroupName="/aws-glue/crawlers", logStreamName=name)["events"]
    assert any("u/noise.bin" in event["message"] for event in events)


GOOD = "name,n\nx,1\ny,2\n"


@pytest.mark.parametrize(
    "bad",
    [
        b"phone,n\n--5,1\n+-6,2\n",
        b"a,b\n" + b"x" * 200_000 + b",1\n",
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b"PAR1" + b"\xff" * 100 + b"PAR1",
        bytes(range(256)) * 20,
        "name,n\nx,1\n".encode("utf-16"),
    ],
    ids=["signs", "long field", "deep JSON", "damaged Parquet", "binary", "UTF-16"],
)
def test_a_file_that_is_hard_to_read_does_not_end_the_crawl(lab: Lab, bad: bytes) -> None:
    lab.put("t/good/a.csv", GOOD)
    lab.put("t/other/bad", bad)
    assert columns(lab.crawled("t/")["good"]) == {"name": "string", "n": "bigint"}


def test_parquet_with_a_damaged_footer_does_not_end_the_crawl(lab: Lab) -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"column_a": [1, 2]}), file)
    lab.put("p/damaged.parquet", file.getvalue().replace(b"column_a", b"\xff" * 8))
    assert lab.crawl(lab.crawler("p/"))["Status"] == "SUCCEEDED"


def test_json_fields_that_a_type_cannot_name(lab: Lab) -> None:
    lab.put("j/a.json", '{"a b": 1, "x": {"c,d": 1}, "": 2, "y": "line\u2028separator"}\n')
    assert columns(lab.crawled("j/")["j"]) == {"a b": "int", "x": "string", "y": "string"}


def test_folders_of_different_depth_are_no_partitions_of_one_table(lab: Lab) -> None:
    for folder in ("dt=1", "dt=2", "dt=2/hour=1"):
        lab.put(f"mixed/{folder}/a.csv", GOOD)
    tables = lab.crawled("mixed/")
    assert sorted(tables) == ["dt_1", "dt_2", "hour_1"]
    assert not any(table["PartitionKeys"] for table in tables.values())


def test_partitions_of_earlier_keys_go(lab: Lab) -> None:
    lab.put("t/dt=1/hour=1/a.csv", GOOD)
    crawler = lab.crawler("t/")
    lab.crawl(crawler)
    assert lab.partitions("t") == [["1", "1"]]
    lab.s3.delete_object(Bucket=lab.bucket, Key="t/dt=1/hour=1/a.csv")
    lab.put("t/dt=2/a.csv", GOOD)
    lab.crawl(crawler)
    assert [key["Name"] for key in lab.tables()["t"]["PartitionKeys"]] == ["dt"]
    assert lab.partitions("t") == [["2"]]


def test_a_target_without_data_is_named_in_the_log(lab: Lab) -> None:
    crawler = lab.crawler("nothing/")
    lab.crawl(crawler)
    events = lab.logs.get_log_events(logGroupName="/aws-glue/crawlers", logStreamName=crawler)["events"]
    assert any(f"s3://{lab.bucket}/nothing/ holds no data" in event["message"] for event in events)


def test_a_missing_bucket_fails_the_crawl_with_the_path(lab: Lab) -> None:
    name = f"crawler-{uuid.uuid4().hex[:12]}"
    targets = {"S3Targets": [{"Path": "s3://nobody-has-this/x/"}]}
    lab.glue.create_crawler(Name=name, Role="r", DatabaseName=lab.database, Targets=targets)
    last = lab.crawl(name)
    assert last["Status"] == "FAILED"
    assert "s3://nobody-has-this/x/" in last["ErrorMessage"]


def test_a_stopped_crawl_is_cancelled(lab: Lab) -> None:
    for number in range(200):
        lab.put(f"many/dt={number}/a.csv", b"name,n\n" + b"x,1\n" * 50_000)
    name = lab.crawler("many/")
    lab.glue.start_crawler(Name=name)
    with pytest.raises(lab.glue.exceptions.CrawlerRunningException):
        lab.glue.start_crawler(Name=name)
    with pytest.raises(lab.glue.exceptions.CrawlerRunningException):
        lab.glue.delete_crawler(Name=name)
    lab.glue.stop_crawler(Name=name)
    end = time.monotonic() + 60
    while (crawler := lab.glue.get_crawler(Name=name)["Crawler"])["State"] != "READY":
        assert time.monotonic() < end
        time.sleep(0.02)
    assert crawler["LastCrawl"]["Status"] == "CANCELLED"
    with pytest.raises(lab.glue.exceptions.CrawlerNotRunningException):
        lab.glue.stop_crawler(Name=name)


def test_names_that_are_not_there(lab: Lab) -> None:
    for call in (
        lab.glue.get_crawler,
        lab.glue.start_crawler,
        lab.glue.stop_crawler,
        lab.glue.delete_crawler,
    ):
        with pytest.raises(lab.glue.exceptions.EntityNotFoundException):
            call(Name="nobody")


def test_a_kill_during_a_crawl_is_told_after_the_restart(start_stand_in: Any) -> None:
    own = start_stand_in()
    lab = Lab(own)
    for number in range(200):
        lab.put(f"many/dt={number}/a.csv", b"name,n\n" + b"x,1\n" * 50_000)
    name = lab.crawler("many/")
    lab.glue.start_crawler(Name=name)
    own.kill()
    own.restart()
    crawler = own.client("glue").get_crawler(Name=name)["Crawler"]
    assert crawler["State"] == "READY"
    assert crawler["LastCrawl"]["Status"] == "FAILED"
    assert "the stand-in was stopped" in crawler["LastCrawl"]["ErrorMessage"]
