"""Athena statements around the point-in-time join, from include/sql."""

from __future__ import annotations

from typing import Any

from aws_ml.requests.athena_query import (
    CURATED,
    dml_identifier,
    start_query_execution,
    templates,
)
from aws_ml.requests.glue_table import ACCEPTED
from aws_ml.run import AS_OF, RUN_KEY, from_task
from aws_ml.schema import ROW_ID, Column, Workflow

STAGE = "prepare_transform"
# Known when the group is there, when the ingestion ran, and when the accepted rows are registered.
STORE_DATABASE = from_task("define_features", "database")
STORE_TABLE = from_task("define_features", "table")
INGESTED_SINCE = from_task("ingest_features", "started")
DAYS = "ti.xcom_pull(task_ids='register_accepted')['days']"
WEIGHTED = "ti.xcom_pull(task_ids='register_accepted')['weighted']"
# Rows of days without mitigation count for one; rows to judge by have no weight.
WEIGHT = "CASE WHEN labelled.part = 'training' THEN coalesce(labelled.sample_weight, 1e0) END"


def count_known(workflow: Workflow) -> dict[str, Any]:
    """``athena.StartQueryExecution``: how many labelled rows of the window have features already."""
    sql = _statement(workflow, "count_known", since=INGESTED_SINCE)
    return start_query_execution(workflow, sql, workflow.paths.join_queries)


def join_features(workflow: Workflow) -> dict[str, Any]:
    """``athena.StartQueryExecution``: labelled rows with the features known at their time, as Parquet."""
    paths = workflow.paths
    columns = [{"name": column.name, "value": _value(workflow, column)} for column in workflow.data.columns]
    if workflow.data.key is None:
        columns.insert(0, {"name": ROW_ID, "value": f"labelled.{dml_identifier(ROW_ID)}"})
    # Where no day of the window has weights, rows have none.
    weight = f"{{% if {WEIGHTED} %}}, {WEIGHT} AS sample_weight{{% endif %}}"
    sql = _statement(
        workflow, "join_features", columns=columns, weight=weight, location=paths.uri(paths.joined)
    )
    return start_query_execution(workflow, sql, paths.join_queries)


def _statement(workflow: Workflow, name: str, **values: Any) -> str:
    stored = {column.name for column in workflow.stored_features()}
    carried = [column.name for column in workflow.data.columns if column.name not in stored]
    if workflow.data.key is None:
        carried.insert(0, ROW_ID)
    return (
        templates()
        .get_template(f"{STAGE}/{name}.sql")
        .render(
            database=workflow.name,
            curated=CURATED,
            accepted=ACCEPTED,
            store_database=STORE_DATABASE,
            store_table=STORE_TABLE,
            entity=workflow.entity,
            event_time=workflow.event_time,
            label_time=_label_time(workflow),
            carried=carried,
            features=workflow.stored_features(),
            days=f"{{{{ day_list({DAYS}) }}}}",
            day_ends=f"{{{{ day_ends({DAYS}) }}}}",
            as_of=AS_OF,
            run_key=RUN_KEY,
            **values,
        )
    )


def _label_time(workflow: Workflow) -> str:
    """When a row's features are asked for, in seconds since 1970, as the ingestion writes event times."""
    name = workflow.feature_store.event_time
    if name is None:
        return "days.ends"
    column = f"rows.{dml_identifier(name)}"
    if workflow.column(name).type == "date":
        return f"to_unixtime(CAST({column} AS timestamp))"
    # Athena reads milliseconds of a timestamp, and the ingestion writes as many.
    return f"to_unixtime(date_trunc('millisecond', {column}))"


def _value(workflow: Workflow, column: Column) -> str:
    """A column of the joined rows: from the feature store, in its curated type, or from the labelled row."""
    name = dml_identifier(column.name)
    if column.name not in {each.name for each in workflow.stored_features()}:
        return f"labelled.{name}"
    stored = f"known.{name}"
    return {
        "boolean": f"({stored} = 1)",
        "timestamp": f"CAST(replace({stored}, 'T', ' ') AS timestamp)",
        "date": f"CAST({stored} AS date)",
    }.get(column.type, stored)
