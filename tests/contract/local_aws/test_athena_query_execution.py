# ruff: noqa: E501, S608 - SQL is read best on one line, and all text here is our own
"""The life of an Athena query through boto3: states, results, paging, idempotence, restarts, security."""

from __future__ import annotations

import functools
import operator
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.lake import Lake
from tests.support.stand_in import StandIn

# Runs for minutes unless it is interrupted.
ENDLESS = "SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(x), UNNEST(sequence(1, 10000)) AS b(y), UNNEST(sequence(1, 10000)) AS c(z) WHERE sqrt(x * y + z) = 0.5"


@pytest.fixture
def lake(stand_in: StandIn) -> Lake:
    return Lake(stand_in)


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_query_from_start_to_result(lake: Lake) -> None:
    answered = lake.query(
        "SELECT 1 AS One, 'a \"quoted\", text' AS words, NULL AS nothing, '' AS empty, 0.5e0"
    )
    execution = answered.execution
    assert (answered.names, answered.types) == (
        ["one", "words", "nothing", "empty", "_col4"],
        ["integer", "varchar", "unknown", "varchar", "double"],
    )
    assert answered.rows == [["1", 'a "quoted", text', None, "", "0.5"]]
    assert answered.location == lake.uri(f"results/{execution['QueryExecutionId']}.csv")
    assert lake.get(answered.location).decode() == (
        '"one","words","nothing","empty","_col4"\n"1","a ""quoted"", text",,"","0.5"\n'
    )
    assert lake.get(f"{answered.location}.metadata")
    assert execution["StatementType"] == "DML"
    assert execution["Status"]["CompletionDateTime"] >= execution["Status"]["SubmissionDateTime"]
    assert execution["Statistics"]["TotalExecutionTimeInMillis"] >= 0
    assert execution["WorkGroup"] == "primary"


def test_the_first_row_of_a_select_holds_the_names_and_pages_go_on(lake: Lake) -> None:
    query_id = lake.start("SELECT x FROM UNNEST(sequence(1, 25)) AS t(x) ORDER BY x")
    lake.wait(query_id)
    pages = lake.athena.get_paginator("get_query_results").paginate(
        QueryExecutionId=query_id, PaginationConfig={"PageSize": 10}
    )
    rows = [[row["Data"][0]["VarCharValue"] for row in page["ResultSet"]["Rows"]] for page in pages]
    assert [len(page) for page in rows] == [10, 10, 6]
    assert functools.reduce(operator.iadd, rows, []) == ["x", *map(str, range(1, 26))]


def test_parameters(lake: Lake) -> None:
    parameters = ["'it''s'", "42", "DATE '2024-01-01'", "bare word", "-1.5"]
    assert lake.sql("SELECT ?, ?, ?, ?, ?", ExecutionParameters=parameters) == [
        ["it's", "42", "2024-01-01", "bare word", "-1.5"]
    ]
    assert "INVALID_PARAMETER_USAGE" in lake.failure("SELECT ?")
    assert "INVALID_PARAMETER_USAGE" in lake.failure("SELECT 1", ExecutionParameters=["1"])
    injected = lake.sql("SELECT 1 WHERE 'x' = ?", ExecutionParameters=["'a' OR 1 = 1"])
    assert injected == []


def test_a_failed_query_says_why(lake: Lake) -> None:
    answered = lake.query("SELECT * FROM\n  nothing")
    assert answered.state == "FAILED"
    assert answered.reason == (
        f"TABLE_NOT_FOUND: line 2:3: Table 'awsdatacatalog.{lake.database}.nothing' does not exist"
    )
    error = answered.execution["Status"]["AthenaError"]
    assert (error["ErrorCategory"], error["ErrorType"], error["ErrorMessage"]) == (2, 1300, answered.reason)
    with pytest.raises(lake.athena.exceptions.InvalidRequestException):
        lake.athena.get_query_results(QueryExecutionId=answered.execution["QueryExecutionId"])
    assert lake.failure("SELECT * FROM no_db.t").startswith("SCHEMA_NOT_FOUND")
    assert lake.failure("SELECT * FROM other.db.t").startswith("CATALOG_NOT_FOUND")


def test_the_same_token_is_the_same_query(lake: Lake) -> None:
    token = f"token-{uuid.uuid4()}"
    first = lake.start("SELECT 1", ClientRequestToken=token)
    assert lake.start("SELECT 1", ClientRequestToken=token) == first
    with pytest.raises(lake.athena.exceptions.InvalidRequestException, match="Idempotent"):
        lake.start("SELECT 2", ClientRequestToken=token)


def test_a_stopped_query_is_cancelled_and_stays_so(lake: Lake) -> None:
    query_id = lake.start(ENDLESS)
    end = time.monotonic() + 30
    while (
        lake.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]["State"]
        == "QUEUED"
    ):
        assert time.monotonic() < end
        time.sleep(0.01)
    begun = time.monotonic()
    lake.athena.stop_query_execution(QueryExecutionId=query_id)
    execution = lake.wait(query_id)
    assert execution["Status"]["State"] == "CANCELLED"
    # The thread is free again: it takes other queries at once, as many as there are threads.
    assert [lake.sql("SELECT 1") for _ in range(5)] == [[["1"]]] * 5
    assert time.monotonic() - begun < 20
    lake.athena.stop_query_execution(QueryExecutionId=query_id)
    assert lake.wait(query_id)["Status"]["State"] == "CANCELLED"
    assert lake.keys(f"results/{query_id}") == []


def test_requests_that_make_no_sense(lake: Lake) -> None:
    invalid = lake.athena.exceptions.InvalidRequestException
    with pytest.raises(invalid, match="No output location provided"):
        lake.athena.start_query_execution(QueryString="SELECT 1")
    with pytest.raises(invalid, match="was not found"):
        lake.athena.get_query_execution(QueryExecutionId=str(uuid.uuid4()))
    with pytest.raises(invalid, match="is not found"):
        lake.start("SELECT 1", WorkGroup="nobody")
    with pytest.raises(invalid):
        lake.start("SELECT 1", ResultConfiguration={"OutputLocation": "https://example.com/"})
    with pytest.raises(invalid):
        lake.athena.get_query_results(QueryExecutionId=lake.start(ENDLESS))
    assert "does not exist" in lake.failure(
        "SELECT 1", ResultConfiguration={"OutputLocation": "s3://nobody-has-this-bucket/x/"}
    )


def test_work_groups_say_where_results_go(lake: Lake) -> None:
    name = f"group-{uuid.uuid4().hex[:8]}"
    results = {"OutputLocation": lake.uri("enforced/")}
    lake.athena.create_work_group(Name=name, Configuration={"ResultConfiguration": results})
    with pytest.raises(lake.athena.exceptions.InvalidRequestException, match="already created"):
        lake.athena.create_work_group(Name=name)
    assert lake.query("SELECT 1", WorkGroup=name).location.startswith(lake.uri("enforced/"))
    lake.athena.update_work_group(
        WorkGroup=name, ConfigurationUpdates={"EnforceWorkGroupConfiguration": False}, State="ENABLED"
    )
    assert lake.query("SELECT 1", WorkGroup=name).location.startswith(lake.uri("results/"))
    listed = lake.athena.list_query_executions(WorkGroup=name)["QueryExecutionIds"]
    assert len(listed) == 2
    described = lake.athena.batch_get_query_execution(QueryExecutionIds=listed)["QueryExecutions"]
    assert [each["WorkGroup"] for each in described] == [name, name]
    lake.athena.update_work_group(WorkGroup=name, State="DISABLED")
    with pytest.raises(lake.athena.exceptions.InvalidRequestException, match="disabled"):
        lake.start("SELECT 1", WorkGroup=name)
    lake.athena.delete_work_group(WorkGroup=name)


def test_many_queries_at_once(lake: Lake) -> None:
    started = [lake.start(f"SELECT {number} AS n") for number in range(12)]
    assert [lake.wait(query_id)["Status"]["State"] for query_id in started] == ["SUCCEEDED"] * 12
    for number, query_id in enumerate(started):
        rows = lake.athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"]
        assert rows[1]["Data"][0]["VarCharValue"] == str(number)


def test_a_large_sort_spills_instead_of_failing(lake: Lake) -> None:
    rows = lake.sql(
        "SELECT max(r) FROM (SELECT row_number() OVER (ORDER BY md5(to_utf8(CAST(100 * x + y AS varchar)))) "
        "AS r FROM UNNEST(sequence(1, 10000)) AS t(x), UNNEST(sequence(1, 100)) AS u(y))"
    )
    assert rows == [["1000000"]]


def test_a_query_that_a_kill_cut_short_has_failed(start_stand_in: Callable[..., StandIn]) -> None:
    own = start_stand_in()
    lake = Lake(own)
    done = lake.query("SELECT 1 AS one")
    running = lake.start(ENDLESS)
    own.kill()
    own.restart()
    execution = lake.athena.get_query_execution(QueryExecutionId=running)["QueryExecution"]
    assert execution["Status"]["State"] == "FAILED"
    assert "the stand-in was stopped" in execution["Status"]["StateChangeReason"]
    kept = lake.athena.get_query_results(QueryExecutionId=done.execution["QueryExecutionId"])
    assert kept["ResultSet"]["Rows"][1]["Data"] == [{"VarCharValue": "1"}]
    assert not list((own.data_dir / "athena").glob("*"))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.csv"
    path.write_text("secret,2\n")
    return path


ESCAPES = [
    "SELECT * FROM read_csv('{secret}')",
    "SELECT * FROM read_csv_auto('{secret}')",
    "SELECT * FROM read_text('{secret}')",
    "SELECT read_text('{secret}')",
    "SELECT * FROM '{secret}'",
    'SELECT * FROM "{secret}"',
    "SELECT * FROM glob('/*')",
    "SELECT * FROM (SELECT * FROM parquet_scan('{secret}'))",
    "SELECT * FROM TABLE(read_csv('{secret}'))",
    "SELECT (SELECT max(content) FROM read_blob('{secret}'))",
    "WITH a AS (SELECT * FROM sniff_csv('{secret}')) SELECT * FROM a",
    "SELECT getenv('HOME')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM pg_catalog.pg_class",
    "SELECT * FROM information_schema.sneaky",
    "SELECT * FROM data.r0",
    "SELECT current_setting('temp_directory')",
    "COPY (SELECT 1) TO '{secret}'",
    "COPY t FROM '{secret}'",
    "ATTACH '{secret}' AS other",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "PRAGMA version",
    "EXPORT DATABASE '{secret}'",
    "CREATE MACRO f(x) AS x",
    "CALL pragma_version()",
    "IMPORT DATABASE '{secret}'",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{secret}'",
    "SELECT 1; COPY (SELECT 1) TO '{secret}'",
    "UNLOAD (SELECT * FROM read_csv('{secret}')) TO '{lake}/out/' WITH (format = 'JSON')",
    "UNLOAD (SELECT 1) TO '{secret}' WITH (format = 'JSON')",
    "CREATE TABLE x AS SELECT * FROM read_csv('{secret}')",
    "CREATE TABLE x WITH (external_location = '{secret}') AS SELECT 1 AS one",
    "CREATE VIEW x AS SELECT * FROM read_csv('{secret}')",
    "CREATE EXTERNAL TABLE x (a string) LOCATION 'file://{secret}'",
]


@pytest.mark.parametrize("sql", ESCAPES)
def test_no_statement_reaches_the_host(lake: Lake, secret: Path, sql: str) -> None:
    """Neither the files of this machine nor the engine's own functions can be named."""
    answered = lake.query(sql.replace("{secret}", str(secret)))
    assert answered.state == "FAILED", answered.rows
    assert secret.read_text() == "secret,2\n"


def test_a_location_set_behind_athenas_back_is_no_way_out_either(lake: Lake, secret: Path) -> None:
    """Glue takes any text for a location; a query on it fails."""
    for location in (f"file://{secret}", str(secret), f"s3://{lake.bucket}/../../{secret}"):
        name = f"t_{uuid.uuid4().hex[:8]}"
        storage = {"Columns": [{"Name": "a", "Type": "string"}], "Location": location}
        lake.glue.create_table(
            DatabaseName=lake.database, TableInput={"Name": name, "StorageDescriptor": storage}
        )
        answered = lake.query(f"SELECT * FROM {name}")
        assert "secret" not in str(answered.rows)


def test_names_and_values_are_never_code(lake: Lake) -> None:
    """Quotes in column names, delimiters and partition values stay text."""
    lake.put("t/k=it%27s/a.csv", "1'2\n")
    nasty: dict[str, Any] = {
        "Name": "t",
        "PartitionKeys": [{"Name": 'k"k', "Type": "string"}],
        "StorageDescriptor": {
            "Columns": [{"Name": 'a"; DROP', "Type": "string"}, {"Name": "b", "Type": "string"}],
            "Location": lake.uri("t/"),
            "SerdeInfo": {"Parameters": {"field.delim": "'"}},
        },
    }
    lake.glue.create_table(DatabaseName=lake.database, TableInput=nasty)
    lake.glue.create_partition(
        DatabaseName=lake.database,
        TableName="t",
        PartitionInput={"Values": ["it's"], "StorageDescriptor": {"Location": lake.uri("t/k=it%27s/")}},
    )
    assert lake.sql("SELECT * FROM t WHERE \"k\"\"k\" = 'it''s'") == [["1", "2", "it's"]]
