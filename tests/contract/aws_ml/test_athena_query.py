"""An Athena query's task: one query per attempt, cancelled when killed, explained when failed."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from aws_ml.exceptions import RemoteJobFailed, RemoteJobStopped
from aws_ml.operators.athena_query import AthenaQueryOperator
from tests.contract.aws_ml.conftest import (
    BUCKET,
    TaskInstance,
    WorkerDied,
    die_after,
    first_event,
    in_background,
    until,
)
from tests.support.stand_in import StandIn

pytestmark = pytest.mark.usefixtures("aws")

# Counting this takes longer than any test; cancelling it is the only way out.
ENDLESS = " ".join(
    [
        "SELECT count(*) FROM",
        " CROSS JOIN ".join(f"UNNEST(sequence(1, 10000)) AS t{n}(x{n})" for n in range(4)),
        "WHERE sqrt(x0 * x1 * x2 * x3) < 0",
    ]
)


def operator(sql: str, **arguments: Any) -> AthenaQueryOperator:
    config = {
        "QueryString": sql,
        "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/results/"},
        "WorkGroup": "primary",
    }
    return AthenaQueryOperator(task_id="task", config=config, **{"deferrable": False, **arguments})


def queries(aws: StandIn, sql: str) -> list[str]:
    """States of all queries of this text."""
    athena = aws.client("athena")
    ids = [
        i
        for page in athena.get_paginator("list_query_executions").paginate()
        for i in page["QueryExecutionIds"]
    ]
    found = [athena.get_query_execution(QueryExecutionId=i)["QueryExecution"] for i in ids]
    return [query["Status"]["State"] for query in found if query["Query"] == sql]


def numbered(sql: str) -> str:
    """The same statement with a text of its own."""
    return f"{sql} -- {uuid.uuid4().hex}"


def test_the_result_is_found_where_the_task_says(aws: StandIn, task: TaskInstance) -> None:
    result = operator("SELECT 1 AS one").execute(task.context())
    key = f"results/{result['query_execution_id']}.csv"
    assert result["output_location"] == f"s3://{BUCKET}/{key}"
    written = aws.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert written == b'"one"\n"1"\n'


def test_a_failed_query_is_explained_in_athenas_words(task: TaskInstance) -> None:
    with pytest.raises(RemoteJobFailed) as caught:
        operator("SELECT no_such_column FROM (VALUES (1)) AS t(x)").execute(task.context())
    assert "Athena query" in str(caught.value)
    assert "no_such_column" in str(caught.value)
    assert "FAILED" in str(caught.value)


def test_a_query_that_athena_refuses_fails_at_once(task: TaskInstance) -> None:
    refused = operator("SELECT 1")
    refused.config["WorkGroup"] = "nobodys"
    with pytest.raises(AirflowFailException, match="nobodys"):
        refused.execute(task.context())


def test_a_worker_that_dies_before_it_knows_the_id_starts_no_second_query(
    aws: StandIn, task: TaskInstance
) -> None:
    sql = numbered("SELECT 1 AS one")
    dying = operator(sql)
    die_after(dying, "create")
    with pytest.raises(WorkerDied):
        dying.execute(task.context())
    operator(sql).execute(task.context())
    assert queries(aws, sql) == ["SUCCEEDED"]


def test_a_cleared_task_asks_anew(aws: StandIn, task: TaskInstance) -> None:
    sql = numbered("SELECT 1 AS one")
    first = operator(sql).execute(task.context())
    assert task.store is not None
    task.store.values.clear()
    assert operator(sql).execute(task.context()) != first
    assert queries(aws, sql) == ["SUCCEEDED", "SUCCEEDED"]


def test_a_killed_task_cancels_its_query(aws: StandIn, task: TaskInstance) -> None:
    sql = numbered(ENDLESS)
    killed = operator(sql)
    future = in_background(lambda: killed.execute(task.context()))
    until(lambda: queries(aws, sql) == ["RUNNING"])
    killed.on_kill()
    with pytest.raises(RemoteJobStopped, match="CANCELLED"):
        future.result(30)
    assert queries(aws, sql) == ["CANCELLED"]


def test_a_killed_deferred_task_cancels_its_query(aws: StandIn, task: TaskInstance) -> None:
    sql = numbered(ENDLESS)
    with pytest.raises(TaskDeferred) as deferred:
        operator(sql, deferrable=True).execute(task.context())
    asyncio.run(deferred.value.trigger.on_kill())
    event = asyncio.run(first_event(deferred.value.trigger))
    assert event == {"phase": "stopped", "state": "CANCELLED"}
    assert queries(aws, sql) == ["CANCELLED"]
