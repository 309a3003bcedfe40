# ruff: noqa: E501, S608 - SQL is read best on one line, and all text here is our own
"""Athena's statements that change or show something: DDL, CTAS, INSERT, UNLOAD, views, SHOW."""

from __future__ import annotations

import gzip
import io
import json

import pyarrow.parquet as pq
import pytest

from tests.support.lake import Lake
from tests.support.stand_in import StandIn


@pytest.fixture
def lake(stand_in: StandIn) -> Lake:
    return Lake(stand_in)


@pytest.fixture
def loans(lake: Lake) -> Lake:
    """A lake with the table loans (id, region, amount)."""
    lake.put("loans/a.csv", "1,north,2.5\n2,south,4\n3,north,1.5\n")
    lake.sql(
        "CREATE EXTERNAL TABLE loans (id int, region string, amount double) ROW FORMAT DELIMITED FIELDS "
        "TERMINATED BY ',' LOCATION '{lake}/loans/'"
    )
    return lake


def test_databases_come_and_go(lake: Lake) -> None:
    name = f"{lake.database}_two"
    lake.sql(f"CREATE DATABASE IF NOT EXISTS {name} COMMENT 'a' LOCATION '{{lake}}/two/'")
    lake.sql(f"CREATE SCHEMA IF NOT EXISTS `{name}`")
    assert "already exists" in lake.failure(f"CREATE DATABASE {name}")
    assert lake.sql(f"SHOW DATABASES LIKE '{name}*'") == [[name]]
    lake.sql(f"CREATE EXTERNAL TABLE {name}.t (a int) LOCATION '{{lake}}/t/'")
    assert "is not empty" in lake.failure(f"DROP DATABASE {name}")
    lake.sql(f"DROP DATABASE {name} CASCADE")
    lake.sql(f"DROP DATABASE IF EXISTS {name}")
    assert "does not exist" in lake.failure(f"DROP DATABASE {name}")


def test_create_table_says_what_glue_stores(lake: Lake) -> None:
    lake.sql(
        """
        -- loans as they come
        CREATE EXTERNAL TABLE IF NOT EXISTS `loans` (
          `id` bigint COMMENT 'the key; (unique)',
          amount decimal(10, 2),
          details struct<a:int,b:array<string>>
        )
        COMMENT 'all loans'
        PARTITIONED BY (dt string COMMENT 'day')
        ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
        WITH SERDEPROPERTIES ('separatorChar' = '\\t', "quoteChar" = '\\"')
        STORED AS TEXTFILE
        LOCATION '{lake}/loans/'
        TBLPROPERTIES ('skip.header.line.count' = '1', 'has_encrypted_data'='false');
        """
    )
    table = lake.glue.get_table(DatabaseName=lake.database, Name="loans")["Table"]
    storage = table["StorageDescriptor"]
    assert storage["Columns"] == [
        {"Name": "id", "Type": "bigint", "Comment": "the key; (unique)"},
        {"Name": "amount", "Type": "decimal(10,2)"},
        {"Name": "details", "Type": "struct<a:int,b:array<string>>"},
    ]
    assert table["PartitionKeys"] == [{"Name": "dt", "Type": "string", "Comment": "day"}]
    assert table["TableType"] == "EXTERNAL_TABLE"
    assert table["Parameters"]["skip.header.line.count"] == "1"
    assert storage["SerdeInfo"]["Parameters"]["separatorChar"] == "\t"
    assert storage["SerdeInfo"]["Parameters"]["quoteChar"] == '"'
    assert storage["Location"] == lake.uri("loans/")
    lake.sql("CREATE EXTERNAL TABLE IF NOT EXISTS loans (other int) LOCATION '{lake}/elsewhere/'")
    assert lake.glue.get_table(DatabaseName=lake.database, Name="loans")["Table"]["VersionId"] == "0"
    assert "already exists" in lake.failure("CREATE EXTERNAL TABLE loans (a int) LOCATION '{lake}/x/'")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE EXTERNAL TABLE t (a nonsense) LOCATION '{lake}/x/'", "unknown type 'nonsense'"),
        ("CREATE EXTERNAL TABLE t (a int) LOCATION 'file:///etc/'", "is not an s3:// folder"),
        ("CREATE EXTERNAL TABLE t (a int)", "needs a LOCATION"),
        ("CREATE TABLE t (a int) LOCATION '{lake}/x/'", "needs EXTERNAL"),
        ("CREATE TABLE t (a int) LOCATION '{lake}/x/' TBLPROPERTIES ('table_type'='ICEBERG')", "NOT_SUPPORTED: Iceberg"),
        ("CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (A int) LOCATION '{lake}/x/'", "Column repeated"),
        ("CREATE EXTERNAL TABLE no_db.t (a int) LOCATION '{lake}/x/'", "Database does not exist"),
        ("CREATE EXTERNAL TABLE t (a int LOCATION '{lake}/x/'", "ParseException"),
        ("DROP TABLE nothing", "Table not found"),
        ("DROP VIEW nothing", "does not exist"),
        ("ALTER TABLE nothing ADD PARTITION (a='1')", "Table not found"),
        ("DELETE FROM t WHERE a = 1", "NOT_SUPPORTED: Modifying Hive table rows"),
        ("UPDATE t SET a = 1", "NOT_SUPPORTED: Modifying Hive table rows"),
        ("MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE", "NOT_SUPPORTED: Modifying Hive table rows"),
        ("OPTIMIZE t REWRITE DATA USING BIN_PACK", "NOT_SUPPORTED: the statement OPTIMIZE T"),
        ("VACUUM t", "NOT_SUPPORTED: the statement VACUUM T"),
        ("ALTER TABLE loans RENAME TO other", "Table not found"),
        ("SHOW PARTITIONS nothing", "Table not found"),
        ("DESCRIBE nothing", "Table not found"),
        ("GRANT ALL TO me", "SYNTAX_ERROR: line 1:1: mismatched input 'GRANT'"),
    ],
)  # fmt: skip
def test_statements_that_fail(lake: Lake, sql: str, reason: str) -> None:
    assert reason in lake.failure(sql)


def test_create_table_as(loans: Lake) -> None:
    answered = loans.query(
        "CREATE TABLE by_region WITH (format = 'PARQUET', external_location = '{lake}/by_region/', "
        "partitioned_by = ARRAY['region']) AS SELECT id, amount * 2 AS twice, region FROM loans"
    )
    assert answered.state == "SUCCEEDED", answered.reason
    assert answered.update_count == 3
    assert answered.execution["StatementType"] == "DDL"
    assert answered.execution["SubstatementType"] == "CREATE_TABLE_AS_SELECT"
    assert loans.sql("SHOW PARTITIONS by_region") == [["region=north"], ["region=south"]]
    assert loans.sql("SELECT * FROM by_region ORDER BY id") == [
        ["1", "5.0", "north"],
        ["2", "8.0", "south"],
        ["3", "3.0", "north"],
    ]
    manifest = loans.get(answered.execution["Statistics"]["DataManifestLocation"]).decode().splitlines()
    assert sorted(manifest) == sorted(loans.uri(key) for key in loans.keys("by_region/"))
    schema = pq.read_schema(io.BytesIO(loans.get(next(uri for uri in manifest if "region=north" in uri))))
    assert schema.names == ["id", "twice"]
    loans.sql("DROP TABLE by_region")
    assert loans.keys("by_region/")
    assert "HIVE_PATH_ALREADY_EXISTS" in loans.failure(
        "CREATE TABLE again WITH (external_location = '{lake}/by_region/') AS SELECT 1 AS one"
    )


def test_create_table_as_without_a_location_lies_beside_the_results(loans: Lake) -> None:
    answered = loans.query(
        "CREATE TABLE small AS SELECT count(*) AS n, 1.5 AS d, DATE '2024-01-01' AS day FROM loans"
    )
    table = loans.glue.get_table(DatabaseName=loans.database, Name="small")["Table"]
    assert table["StorageDescriptor"]["Location"] == f"{answered.location}/"
    assert [(each["Name"], each["Type"]) for each in table["StorageDescriptor"]["Columns"]] == [
        ("n", "bigint"), ("d", "decimal(2,1)"), ("day", "date"),
    ]  # fmt: skip
    assert loans.sql("SELECT * FROM small") == [["3", "1.5", "2024-01-01"]]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE TABLE loans AS SELECT 1 AS one", "TABLE_ALREADY_EXISTS"),
        ("CREATE TABLE t AS SELECT 1", "MISSING_COLUMN_NAME: line 1:1: Column name not specified at position 1"),
        ("CREATE TABLE t AS SELECT now() AS t", "NOT_SUPPORTED: Unsupported Hive type: timestamp(3) with time zone"),
        ("CREATE TABLE t AS SELECT 1 AS a, 2 AS a", "DUPLICATE_COLUMN_NAME"),
        ("CREATE TABLE t WITH (partitioned_by = ARRAY['a']) AS SELECT 1 AS a, 2 AS b", "HIVE_COLUMN_ORDER_MISMATCH"),
        ("CREATE TABLE t WITH (format = 'ORC') AS SELECT 1 AS a", "NOT_SUPPORTED: writing ORC"),
        ("CREATE TABLE t WITH (bucketed_by = ARRAY['a'], bucket_count = 2) AS SELECT 1 AS a", "NOT_SUPPORTED"),
        ("INSERT INTO loans SELECT 1, 2, 3", "TYPE_MISMATCH"),
        ("INSERT INTO loans SELECT 1", "TYPE_MISMATCH"),
        ("INSERT INTO nothing SELECT 1", "TABLE_NOT_FOUND"),
    ],
)  # fmt: skip
def test_writes_that_fail_leave_nothing(loans: Lake, sql: str, reason: str) -> None:
    assert loans.failure(sql).startswith(reason)
    assert not loans.keys("results/tables/")
    assert loans.sql("SHOW TABLES") == [["loans"]]


def test_insert_into_all_formats(loans: Lake) -> None:
    loans.sql("INSERT INTO loans VALUES (4, 'east', 1.0e0), (5, NULL, NULL)")
    assert loans.sql("SELECT id, region FROM loans WHERE id > 3 ORDER BY 1") == [["4", "east"], ["5", None]]
    loans.sql(
        "CREATE TABLE p WITH (partitioned_by = ARRAY['region']) AS SELECT id, amount, region FROM loans WHERE false"
    )
    assert (
        loans.query("INSERT INTO p (region, id) SELECT region, id FROM loans WHERE id < 3").update_count == 2
    )
    loans.sql("INSERT INTO p SELECT id, amount, region FROM loans WHERE id = 3")
    assert loans.sql("SELECT id, amount, region FROM p ORDER BY id") == [
        ["1", None, "north"], ["2", None, "south"], ["3", "1.5", "north"],
    ]  # fmt: skip
    loans.sql(
        "CREATE EXTERNAL TABLE o (id int, name string) ROW FORMAT SERDE "
        "'org.apache.hadoop.hive.serde2.OpenCSVSerde' LOCATION '{lake}/o/'"
    )
    loans.sql("INSERT INTO o VALUES (1, 'with, \"quotes\"')")
    assert loans.sql("SELECT * FROM o") == [["1", 'with, "quotes"']]
    loans.sql(
        "CREATE EXTERNAL TABLE j (id int, tags array<string>) ROW FORMAT SERDE "
        "'org.openx.data.jsonserde.JsonSerDe' LOCATION '{lake}/j/'"
    )
    loans.sql("INSERT INTO j SELECT 1, ARRAY['a', 'b']")
    assert loans.sql("SELECT * FROM j") == [["1", "[a, b]"]]


def test_unload(loans: Lake) -> None:
    answered = loans.query(
        "UNLOAD (SELECT id, region FROM loans ORDER BY id) TO '{lake}/out/' WITH (format = 'JSON', compression = 'gzip')"
    )
    assert answered.state == "SUCCEEDED", answered.reason
    (uri,) = loans.get(answered.execution["Statistics"]["DataManifestLocation"]).decode().split()
    lines = gzip.decompress(loans.get(uri)).decode().splitlines()
    assert next(json.loads(line) for line in lines) == {"id": 1, "region": "north"}
    assert "HIVE_PATH_ALREADY_EXISTS" in loans.failure(
        "UNLOAD (SELECT 1) TO '{lake}/out/' WITH (format = 'PARQUET')"
    )
    assert "'format'" in loans.failure("UNLOAD (SELECT 1) TO '{lake}/two/'")


def test_unload_in_every_format_and_by_partitions(loans: Lake) -> None:
    """Partitioned, the files lie in a folder a value and lack the key; another run adds to them."""
    query = "SELECT id, amount, region FROM loans"
    for _ in range(2):
        loans.sql(
            f"UNLOAD ({query}) TO '{{lake}}/by/' WITH (format = 'PARQUET', partitioned_by = ARRAY['region'])"
        )
    keys = loans.keys("by/")
    assert sorted({key.split("/")[1] for key in keys}) == ["region=north", "region=south"]
    assert len(keys) == 4
    north = [pq.read_table(io.BytesIO(loans.get(loans.uri(key)))) for key in keys if "north" in key]
    assert [table.column_names for table in north] == [["id", "amount"]] * 2
    assert sorted(north[0]["id"].to_pylist()) == [1, 3]
    loans.sql(
        f"UNLOAD ({query} WHERE id = 2) TO '{{lake}}/text/' "
        "WITH (format = 'TEXTFILE', field_delimiter = '|', compression = 'none')"
    )
    (key,) = loans.keys("text/")
    assert loans.get(loans.uri(key)) == b"2|4.0|south\n"
    assert "'partitioned_by'" not in loans.failure(
        f"UNLOAD ({query}) TO '{{lake}}/x/' WITH (format = 'ORC', partitioned_by = ARRAY['region'])"
    )


def test_create_table_as_in_every_format(loans: Lake) -> None:
    for number, options in enumerate(
        (
            "format = 'JSON'",
            "format = 'TEXTFILE', field_delimiter = ';', write_compression = 'NONE'",
            "format = 'PARQUET', write_compression = 'SNAPPY'",
            "format = 'PARQUET', parquet_compression = 'ZSTD', external_location = '{lake}/own/'",
        )
    ):
        loans.sql(f"CREATE TABLE c{number} WITH ({options}) AS SELECT id, region, amount FROM loans")
        assert loans.sql(f"SELECT * FROM c{number} ORDER BY id DESC") == [
            ["3", "north", "1.5"], ["2", "south", "4.0"], ["1", "north", "2.5"],
        ]  # fmt: skip
    assert loans.keys("own/")
    assert loans.query("CREATE TABLE IF NOT EXISTS c0 AS SELECT 1 AS one").update_count == 0
    loans.sql("CREATE TABLE empty AS SELECT id FROM loans WITH NO DATA")
    assert loans.sql("SELECT count(*) FROM empty") == [["0"]]


def test_no_statement_writes_more_than_a_hundred_partitions(loans: Lake) -> None:
    """Athena's limit of open writers, for CTAS, INSERT INTO and UNLOAD; nothing is left behind."""
    hundred = "SELECT 1 AS one, x AS k FROM UNNEST(sequence(1, 100)) AS t(x)"
    more = "SELECT 1 AS one, x AS k FROM UNNEST(sequence(1, 101)) AS t(x)"
    loans.sql(f"CREATE TABLE h WITH (partitioned_by = ARRAY['k']) AS {hundred}")
    assert len(loans.sql("SHOW PARTITIONS h")) == 100
    for sql in (
        f"CREATE TABLE i WITH (partitioned_by = ARRAY['k'], external_location = '{{lake}}/i/') AS {more}",
        f"UNLOAD ({more}) TO '{{lake}}/i/' WITH (format = 'JSON', partitioned_by = ARRAY['k'])",
        f"INSERT INTO h {more}",
    ):
        assert loans.failure(sql).startswith("HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100")
    assert loans.keys("i/") == []
    assert loans.sql("SELECT count(*) FROM h") == [["100"]]


def test_views(loans: Lake) -> None:
    loans.sql("CREATE VIEW north AS SELECT id, amount FROM loans WHERE region = 'north'")
    loans.sql("CREATE OR REPLACE VIEW large AS SELECT n.id FROM north n WHERE n.amount > 2")
    assert loans.sql("SELECT north.id FROM north ORDER BY 1") == [["1"], ["3"]]
    assert loans.sql("SELECT * FROM large a JOIN north ON a.id = north.id") == [["1", "1", "2.5"]]
    assert loans.sql("SHOW VIEWS") == [["large"], ["north"]]
    assert loans.sql("SHOW TABLES") == [["large"], ["loans"], ["north"]]
    assert "TABLE_ALREADY_EXISTS" in loans.failure("CREATE VIEW north AS SELECT 1 AS one")
    assert "COLUMN_NOT_FOUND" in loans.failure("CREATE VIEW bad AS SELECT nothing FROM loans")
    table = loans.glue.get_table(DatabaseName=loans.database, Name="north")["Table"]
    assert table["TableType"] == "VIRTUAL_VIEW"
    assert table["ViewOriginalText"].startswith("/* Presto View: ")
    other = Lake.__new__(Lake)
    other.__dict__.update(loans.__dict__, database="default")
    assert other.sql(f"SELECT count(*) FROM {loans.database}.large") == [["1"]]
    loans.sql("DROP VIEW north")
    assert "TABLE_NOT_FOUND" in loans.failure("SELECT * FROM large")
    assert "SELECT" in str(loans.sql("SHOW CREATE VIEW large"))


def test_show_and_describe(loans: Lake) -> None:
    loans.sql(
        "CREATE EXTERNAL TABLE d (n int COMMENT 'count') PARTITIONED BY (dt string) LOCATION '{lake}/d/'"
    )
    assert loans.sql("SHOW TABLES 'lo*'") == [["loans"]]
    assert [str(row[0]).strip() for row in loans.sql("SHOW COLUMNS IN d")] == ["n", "dt"]
    described = [str(row[0]).split("\t") for row in loans.sql("DESCRIBE d")]
    assert [part.strip() for part in described[0]] == ["n", "int", "count"]
    assert described[3][0] == "# Partition Information"
    assert ["EXTERNAL\tTRUE"] in loans.sql("SHOW TBLPROPERTIES d")
    text = "\n".join(str(row[0]) for row in loans.sql("SHOW CREATE TABLE d"))
    loans.sql("DROP TABLE d")
    loans.sql(text.replace(f"`{loans.database}.d`", f"`{loans.database}`.`d`"))
    assert (
        loans.glue.get_table(DatabaseName=loans.database, Name="d")["Table"]["PartitionKeys"][0]["Name"]
        == "dt"
    )


def test_alter_table(loans: Lake) -> None:
    loans.sql("ALTER TABLE loans ADD COLUMNS (note string)")
    assert loans.query("SELECT * FROM loans").names == ["id", "region", "amount", "note"]
    loans.sql("ALTER TABLE loans REPLACE COLUMNS (id bigint, region string)")
    assert loans.query("SELECT * FROM loans").types == ["bigint", "varchar"]
    loans.sql("ALTER TABLE loans SET TBLPROPERTIES ('skip.header.line.count' = '1')")
    assert loans.sql("SELECT count(*) FROM loans") == [["2"]]
    loans.sql("ALTER TABLE loans SET LOCATION '{lake}/nowhere/'")
    assert loans.sql("SELECT count(*) FROM loans") == [["0"]]


def test_information_schema(loans: Lake) -> None:
    where = f"WHERE table_schema = '{loans.database}' ORDER BY 1"
    assert loans.sql(f"SELECT table_name, table_type FROM information_schema.tables {where}") == [
        ["loans", "BASE TABLE"]
    ]
    assert loans.sql(
        f"SELECT ordinal_position, column_name, data_type FROM awsdatacatalog.information_schema.columns {where}"
    ) == [["1", "id", "integer"], ["2", "region", "varchar"], ["3", "amount", "double"]]


def test_explain(loans: Lake) -> None:
    answered = loans.query("EXPLAIN SELECT * FROM loans")
    assert answered.names == ["Query Plan"]
    assert answered.execution["StatementType"] == "UTILITY"
    assert answered.scanned == 0
