# ruff: noqa: S608 - all text here is our own
"""Prepared statements and named queries, through the API and in SQL."""

from __future__ import annotations

import uuid

import pytest

from tests.support.lake import Lake
from tests.support.stand_in import StandIn


@pytest.fixture
def lake(stand_in: StandIn) -> Lake:
    made = Lake(stand_in)
    made.put("loans/a.csv", "1,north\n2,south\n3,north\n")
    made.sql(
        "CREATE EXTERNAL TABLE loans (id int, region string) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' "
        "LOCATION '{lake}/loans/'"
    )
    return made


@pytest.fixture
def name() -> str:
    return f"prepared_{uuid.uuid4().hex[:8]}"


def test_prepare_execute_deallocate(lake: Lake, name: str) -> None:
    lake.sql(f"PREPARE {name} FROM SELECT id FROM loans WHERE region = ? AND id > ? ORDER BY id")
    answered = lake.query(f"EXECUTE {name} USING 'north', 1")
    assert (answered.names, answered.rows) == (["id"], [["3"]])
    assert answered.location.endswith(".csv")
    assert lake.sql(f"EXECUTE {name} USING 'it''s', -1") == []
    assert lake.sql(f"EXECUTE {name}", ExecutionParameters=["'south'", "0"]) == [["2"]]
    assert lake.failure(f"EXECUTE {name} USING 'north'").startswith(
        "INVALID_PARAMETER_USAGE: line 1:1: Incorrect number of parameters: expected 2 but found 1"
    )
    assert "is not a constant" in lake.failure(f"EXECUTE {name} USING 'north', (SELECT 1)")
    assert "already exists" in lake.failure(f"PREPARE {name} FROM SELECT 1")
    lake.sql(f"DEALLOCATE PREPARE {name}")
    for sql in (f"EXECUTE {name}", f"DEALLOCATE PREPARE {name}"):
        assert lake.failure(sql).startswith("PREPARED_STATEMENT_NOT_FOUND")


def test_what_writes_can_be_prepared_too(lake: Lake, name: str) -> None:
    lake.sql(f"PREPARE {name} FROM INSERT INTO loans VALUES (?, ?)")
    assert lake.query(f"EXECUTE {name} USING 4, 'east'").update_count == 1
    lake.sql(f"DEALLOCATE PREPARE {name}")
    lake.sql(f"PREPARE {name} FROM CREATE TABLE some AS SELECT id FROM loans WHERE id > ?")
    lake.sql(f"EXECUTE {name} USING 2")
    assert lake.sql("SELECT count(*) FROM some") == [["2"]]
    assert "only SELECT, INSERT INTO" in lake.failure(f"PREPARE {name}_2 FROM DROP TABLE loans")


def test_the_api_and_sql_share_the_statements(lake: Lake, name: str) -> None:
    athena = lake.athena
    where = {"StatementName": name, "WorkGroup": "primary"}
    athena.create_prepared_statement(**where, QueryStatement="SELECT ? AS x", Description="one")
    assert lake.sql(f"EXECUTE {name} USING 7") == [["7"]]
    with pytest.raises(athena.exceptions.InvalidRequestException, match="already exists"):
        athena.create_prepared_statement(**where, QueryStatement="SELECT 1")
    athena.update_prepared_statement(**where, QueryStatement="SELECT 1 + ? AS y")
    assert lake.sql(f"EXECUTE {name} USING 7") == [["8"]]
    described = athena.get_prepared_statement(**where)["PreparedStatement"]
    assert (described["QueryStatement"], described["Description"]) == ("SELECT 1 + ? AS y", "one")
    listed = athena.list_prepared_statements(WorkGroup="primary")["PreparedStatements"]
    assert name in [each["StatementName"] for each in listed]
    batch = athena.batch_get_prepared_statement(PreparedStatementNames=[name, "none"], WorkGroup="primary")
    assert [each["StatementName"] for each in batch["PreparedStatements"]] == [name]
    assert [each["StatementName"] for each in batch["UnprocessedPreparedStatementNames"]] == ["none"]
    athena.delete_prepared_statement(**where)
    with pytest.raises(athena.exceptions.ResourceNotFoundException):
        athena.get_prepared_statement(**where)


def test_statements_belong_to_their_workgroup(lake: Lake, name: str) -> None:
    group = f"group-{uuid.uuid4().hex[:8]}"
    lake.athena.create_work_group(
        Name=group, Configuration={"ResultConfiguration": {"OutputLocation": lake.uri("results/")}}
    )
    lake.sql(f"PREPARE {name} FROM SELECT 1 AS one", WorkGroup=group)
    assert lake.sql(f"EXECUTE {name}", WorkGroup=group) == [["1"]]
    assert "PREPARED_STATEMENT_NOT_FOUND" in lake.failure(f"EXECUTE {name}")
    with pytest.raises(lake.athena.exceptions.InvalidRequestException, match="not empty"):
        lake.athena.delete_work_group(WorkGroup=group)
    lake.athena.delete_work_group(WorkGroup=group, RecursiveDeleteOption=True)


def test_named_queries(lake: Lake) -> None:
    athena = lake.athena
    given = {"Name": "counts", "Database": lake.database, "QueryString": "SELECT count(*) FROM loans"}
    token = f"token-of-at-least-32-characters-{uuid.uuid4()}"
    query_id = athena.create_named_query(**given, ClientRequestToken=token)["NamedQueryId"]
    assert athena.create_named_query(**given, ClientRequestToken=token)["NamedQueryId"] == query_id
    held = athena.get_named_query(NamedQueryId=query_id)["NamedQuery"]
    assert held == {**given, "NamedQueryId": query_id, "WorkGroup": "primary"}
    assert lake.sql(held["QueryString"]) == [["3"]]
    athena.update_named_query(NamedQueryId=query_id, Name="ones", QueryString="SELECT 1")
    assert athena.get_named_query(NamedQueryId=query_id)["NamedQuery"]["QueryString"] == "SELECT 1"
    assert query_id in athena.list_named_queries()["NamedQueryIds"]
    missing = str(uuid.uuid4())
    batch = athena.batch_get_named_query(NamedQueryIds=[query_id, missing])
    assert [each["Name"] for each in batch["NamedQueries"]] == ["ones"]
    assert [each["NamedQueryId"] for each in batch["UnprocessedNamedQueryIds"]] == [missing]
    athena.delete_named_query(NamedQueryId=query_id)
    with pytest.raises(athena.exceptions.InvalidRequestException, match="was not found"):
        athena.get_named_query(NamedQueryId=query_id)
