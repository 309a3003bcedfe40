# ruff: noqa: E501, S608 - SQL is read best on one line, and all text here is our own
"""Athena reads what lies in S3: SerDe by SerDe, partition by partition."""

from __future__ import annotations

import gzip
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.lake import Lake
from tests.support.stand_in import StandIn

OPEN_CSV = "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'"
JSON = "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'"


@pytest.fixture
def lake(stand_in: StandIn) -> Lake:
    return Lake(stand_in)


def parquet(**columns: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def test_delimited_text_keeps_quotes_and_forgives(lake: Lake) -> None:
    """No quotes, short and long lines, words where numbers should be, empty lines: a row each, never lost."""
    lake.put("t/a.csv", 'id,name,amount\n1,"x",2.5\n2,y,abc\n\n3,z,1,extra\n4\n')
    lake.put("t/b.csv.gz", gzip.compress(b"id,name,amount\r\n5,\\N,1e3\r\n"))
    lake.put("t/_SUCCESS", "not data")
    lake.put("t/.hidden/c.csv", "9,9,9\n9,9,9\n")
    lake.sql(
        "CREATE EXTERNAL TABLE t (id int, name string, amount double) ROW FORMAT DELIMITED FIELDS TERMINATED "
        "BY ',' LOCATION '{lake}/t/' TBLPROPERTIES ('skip.header.line.count'='1')"
    )
    assert lake.sql("SELECT * FROM t ORDER BY id") == [
        ["1", '"x"', "2.5"],
        ["2", "y", None],
        ["3", "z", "1.0"],
        ["4", None, None],
        ["5", None, "1000.0"],
        [None, None, None],
    ]


def test_delimited_text_of_all_types(lake: Lake) -> None:
    lake.put("t/a.txt", "7|1.25|true|2024-01-02|2024-01-02 03:04:05.5|a\\|b|1\x022\n||||||\n")
    lake.sql(
        "CREATE EXTERNAL TABLE t (i bigint, d decimal(5,2), b boolean, day date, t timestamp, s string, "
        "a array<int>) ROW FORMAT DELIMITED FIELDS TERMINATED BY '|' ESCAPED BY '\\\\' LOCATION '{lake}/t/'"
    )
    answered = lake.query("SELECT * FROM t ORDER BY i")
    assert answered.rows == [
        ["7", "1.25", "true", "2024-01-02", "2024-01-02 03:04:05.500", "a|b", "[1, 2]"],
        [None, None, None, None, None, "", "[null]"],
    ]
    assert answered.types == ["bigint", "decimal", "boolean", "date", "timestamp", "varchar", "array"]


def test_open_csv_reads_quotes_and_backslashes(lake: Lake) -> None:
    lake.put("o/a.csv", '1,"x,\\"q\\" ""r""",2.5\n"2",plain,"4"\n3,"",1\n')
    lake.sql(f"CREATE EXTERNAL TABLE o (id int, name string, amount double) {OPEN_CSV} LOCATION '{{lake}}/o'")
    assert lake.sql("SELECT * FROM o ORDER BY id") == [
        ["1", 'x,"q" "r"', "2.5"],
        ["2", "plain", "4.0"],
        ["3", "", "1.0"],
    ]


def test_open_csv_fails_on_what_is_no_value(lake: Lake) -> None:
    lake.put("o/a.csv", "1,x\n,y\n")
    lake.sql(f"CREATE EXTERNAL TABLE o (id int, name string) {OPEN_CSV} LOCATION '{{lake}}/o/'")
    assert lake.failure("SELECT * FROM o").startswith(
        "HIVE_BAD_DATA: Error parsing field value '' for field 0"
    )
    assert lake.sql("SELECT name FROM o ORDER BY 1") == [["x"], ["y"]]


def test_open_csv_with_other_characters(lake: Lake) -> None:
    lake.put("o/a.csv", "1;'a;b'\n")
    lake.sql(
        f"CREATE EXTERNAL TABLE o (id string, name string) {OPEN_CSV} WITH SERDEPROPERTIES "
        "('separatorChar'=';', 'quoteChar'='\\'') LOCATION '{lake}/o/'"
    )
    assert lake.sql("SELECT * FROM o") == [["1", "a;b"]]


def test_json_lines(lake: Lake) -> None:
    lake.put(
        "j/a.json",
        '{"A": 1, "b": "x", "c": [1, 2], "d": {"x": 1, "y": "q"}, "m": {"k": 2}}\n\n{"a": "2", "b": {"z": 1}}\n',
    )
    lake.sql(
        "CREATE EXTERNAL TABLE j (a int, b string, c array<int>, d struct<x:int,y:string>, m map<string,int>) "
        f"{JSON} LOCATION '{{lake}}/j/'"
    )
    assert lake.sql("SELECT * FROM j ORDER BY a") == [
        ["1", "x", "[1, 2]", "{x=1, y=q}", "{k=2}"],
        ["2", '{"z":1}', None, None, None],
    ]
    assert lake.sql("SELECT d.y, m['k'], x FROM j CROSS JOIN UNNEST(c) AS u(x) ORDER BY x") == [
        ["q", "2", "1"],
        ["q", "2", "2"],
    ]
    assert lake.sql("SELECT k, v FROM j CROSS JOIN UNNEST(m) AS u(k, v)") == [["k", "2"]]


def test_json_that_is_none_fails_unless_it_may_be_ignored(lake: Lake) -> None:
    lake.put("j/a.json", '{"a": 1}\nnonsense\n')
    lake.sql(f"CREATE EXTERNAL TABLE j (a int) {JSON} LOCATION '{{lake}}/j/'")
    assert lake.failure("SELECT * FROM j").startswith("HIVE_CURSOR_ERROR: Row is not a valid JSON Object")
    lake.sql("DROP TABLE j")
    lake.sql(
        f"CREATE EXTERNAL TABLE j (a int) {JSON} WITH SERDEPROPERTIES ('ignore.malformed.json'='true') "
        "LOCATION '{lake}/j/'"
    )
    assert lake.sql("SELECT a FROM j ORDER BY 1") == [["1"], [None]]


def test_parquet_by_name(lake: Lake) -> None:
    """Columns are found by name in any order and case; one that a file lacks is NULL."""
    lake.put("p/a.parquet", parquet(Name=["x"], id=pa.array([1], pa.int64())))
    lake.put("p/b.parquet", parquet(id=pa.array([2], pa.int64())))
    lake.sql(
        "CREATE EXTERNAL TABLE p (id bigint, name string, more double) STORED AS PARQUET LOCATION '{lake}/p/'"
    )
    assert lake.sql("SELECT * FROM p ORDER BY id") == [["1", "x", None], ["2", None, None]]


def test_parquet_of_another_type_fails(lake: Lake) -> None:
    lake.put("p/a.parquet", parquet(id=["one"]))
    lake.sql("CREATE EXTERNAL TABLE p (id bigint) STORED AS PARQUET LOCATION '{lake}/p/'")
    assert lake.failure("SELECT * FROM p").startswith(
        "HIVE_BAD_DATA: Field id's type STRING in parquet file s3://"
    )


def test_what_is_no_parquet_fails(lake: Lake) -> None:
    lake.put("p/a.parquet", "id\n1\n")
    lake.sql("CREATE EXTERNAL TABLE p (id bigint) STORED AS PARQUET LOCATION '{lake}/p/'")
    assert lake.failure("SELECT * FROM p").startswith("HIVE_CANNOT_OPEN_SPLIT")


def test_text_that_is_not_utf8_fails_and_says_so(lake: Lake) -> None:
    lake.put("t/a.csv", b"caf\xe9,1\n")
    lake.sql(
        "CREATE EXTERNAL TABLE t (name string, n int) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION "
        "'{lake}/t/'"
    )
    assert lake.failure("SELECT * FROM t").startswith("HIVE_CURSOR_ERROR")


def partitioned(lake: Lake) -> None:
    for day, number in (("2024-01-01", 1), ("2024-01-02", 2), ("2024-01-03", 3)):
        lake.put(f"d/dt={day}/part.csv", f"{number},row of {day}\n" * number)
    lake.sql(
        "CREATE EXTERNAL TABLE d (n int, s string) PARTITIONED BY (dt string) ROW FORMAT DELIMITED FIELDS "
        "TERMINATED BY ',' LOCATION '{lake}/d/'"
    )


def test_partitions_are_read_once_they_are_known(lake: Lake) -> None:
    partitioned(lake)
    assert lake.sql("SELECT count(*) FROM d") == [["0"]]
    assert len(lake.sql("MSCK REPAIR TABLE d")) == 4
    assert lake.sql("SELECT dt, count(*) FROM d GROUP BY dt ORDER BY dt") == [
        ["2024-01-01", "1"],
        ["2024-01-02", "2"],
        ["2024-01-03", "3"],
    ]
    assert lake.sql("SHOW PARTITIONS d") == [["dt=2024-01-01"], ["dt=2024-01-02"], ["dt=2024-01-03"]]


@pytest.mark.parametrize(
    ("where", "days"),
    [
        ("dt = '2024-01-02'", 1),
        ("dt >= '2024-01-02' AND n > 0", 2),
        ("d.dt IN ('2024-01-01', '2024-01-03')", 2),
        ("date(dt) = DATE '2024-01-03'", 1),
        ("substr(dt, 9) = '01' OR dt = '2024-01-02'", 2),
        ("dt = '1999-01-01'", 0),
        ("n = 1", 3),
        ("dt = '2024-01-02' OR n = 1", 3),
    ],
)
def test_conditions_on_keys_leave_partitions_unread(lake: Lake, where: str, days: int) -> None:
    """Only the files of the partitions that are left count as scanned."""
    partitioned(lake)
    lake.sql("MSCK REPAIR TABLE d")
    sizes = {"2024-01-01": 20, "2024-01-02": 40, "2024-01-03": 60}
    answered = lake.query(f"SELECT DISTINCT dt FROM d WHERE {where}")
    assert answered.state == "SUCCEEDED", answered.reason
    if days == 3:
        assert answered.scanned == sum(sizes.values())
    else:
        assert answered.scanned == sum(sizes[str(row[0])] for row in answered.rows)
        assert len(answered.rows) == days


def test_an_outer_join_is_not_pruned_on_its_far_side(lake: Lake) -> None:
    """The condition then filters the joined rows, not the table: NULLs must survive to it."""
    partitioned(lake)
    lake.sql("MSCK REPAIR TABLE d")
    rows = lake.sql(
        "SELECT a.x, d.dt FROM (VALUES 1, 9) AS a(x) LEFT JOIN d ON a.x = d.n "
        "WHERE d.dt IS NULL OR d.dt = '2024-01-01' ORDER BY 1"
    )
    assert rows == [["1", "2024-01-01"], ["9", None]]


def test_a_partition_may_lie_elsewhere_or_nowhere(lake: Lake) -> None:
    partitioned(lake)
    lake.put("other place//x.csv", "7,elsewhere\n")
    lake.sql(
        "ALTER TABLE d ADD IF NOT EXISTS PARTITION (dt = '2024-02-01') LOCATION '{lake}/other place//' "
        "PARTITION (dt = '2024-02-02') LOCATION '{lake}/nowhere/'"
    )
    assert lake.sql("SELECT n, s, dt FROM d") == [["7", "elsewhere", "2024-02-01"]]
    lake.sql("ALTER TABLE d DROP PARTITION (dt = '2024-02-01')")
    assert lake.sql("SELECT * FROM d") == []
    assert "AlreadyExists" in lake.failure("ALTER TABLE d ADD PARTITION (dt = '2024-02-02')")


def test_partition_keys_have_types(lake: Lake) -> None:
    lake.put("d/y=2024/m=1/a.csv", "1\n")
    lake.put("d/y=__HIVE_DEFAULT_PARTITION__/m=2/a.csv", "2\n")
    lake.sql(
        "CREATE EXTERNAL TABLE d (n int) PARTITIONED BY (y int, m int) ROW FORMAT DELIMITED LOCATION '{lake}/d/'"
    )
    lake.sql("MSCK REPAIR TABLE d")
    assert lake.sql("SELECT n, y + 1, m FROM d WHERE y > 2000") == [["1", "2025", "1"]]
    assert lake.sql("SELECT n FROM d WHERE y IS NULL") == [["2"]]
    assert "TYPE_MISMATCH" in lake.failure("SELECT * FROM d WHERE y = '2024'")


def test_parquet_counts_only_the_columns_that_are_read(lake: Lake) -> None:
    lake.put("p/a.parquet", parquet(small=[1] * 5000, large=[f"{n:040d}" for n in range(5000)]))
    lake.sql("CREATE EXTERNAL TABLE p (small bigint, large string) STORED AS PARQUET LOCATION '{lake}/p/'")
    assert lake.query("SELECT sum(small) FROM p").scanned < 0.1 * lake.query("SELECT * FROM p").scanned


def test_a_table_that_glue_made(lake: Lake) -> None:
    """What a crawler or CreateTable says is as good as DDL."""
    lake.put("g/a.csv", "id,name\n1,x\n2,y\n")
    lake.glue.create_table(
        DatabaseName=lake.database,
        TableInput={
            "Name": "G",
            "Parameters": {"skip.header.line.count": "1", "classification": "csv"},
            "StorageDescriptor": {
                "Columns": [{"Name": "ID", "Type": "bigint"}, {"Name": "name", "Type": "string"}],
                "Location": lake.uri("g"),
                "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
                "SerdeInfo": {
                    "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
                    "Parameters": {"field.delim": ","},
                },
            },
        },
    )
    assert lake.sql(f'SELECT g.Id, "{lake.database}".g.NAME FROM {lake.database}.G ORDER BY 1') == [
        ["1", "x"],
        ["2", "y"],
    ]


@pytest.mark.parametrize(
    ("create", "reason"),
    [
        ("STORED AS ORC LOCATION '{lake}/x/'", "NOT_SUPPORTED: reading tables of the SerDe"),
        (
            "LOCATION '{lake}/x/' TBLPROPERTIES ('projection.enabled'='true')",
            "NOT_SUPPORTED: partition projection",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(lake: Lake, create: str, reason: str) -> None:
    lake.sql(f"CREATE EXTERNAL TABLE x (a int) {create}")
    assert lake.failure("SELECT * FROM x").startswith(reason)
