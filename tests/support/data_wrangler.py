"""Flows and tables for tests of the Data Wrangler image: written as literals, run in this process."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pandas as pd

from local_aws.images.data_wrangler.execute import Run
from local_aws.images.data_wrangler.flow import Edge, Flow, parse
from local_aws.images.data_wrangler.values import (
    ARRAY,
    BOOL,
    DATE,
    DATETIME,
    FLOAT,
    LONG,
    STRING,
    VECTOR,
    Table,
    kind_of,
    new,
)

PREFIX = "sagemaker.spark."
KINDS = {str: STRING, bool: BOOL, int: LONG, float: FLOAT, date: DATE, datetime: DATETIME}


class Tables:
    """Sources that hold their tables in memory."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables

    def s3(self, name: str, context: dict[str, Any]) -> Table:
        return self._tables[name]

    def athena(self, definition: dict[str, Any]) -> Table:
        return self._tables[definition["name"]]


def table(columns: Mapping[str, Any]) -> Table:
    """A table from lists; a column's kind is that of its first value, and a Series is taken as it is."""
    made = {}
    for name, values in columns.items():
        if isinstance(values, pd.Series):
            made[name] = values
            continue
        first = next((value for value in values if value is not None), "")
        kind = KINDS[type(first)]
        filled = [math.nan if value is None and kind == FLOAT else value for value in values]
        made[name] = new(filled, kind)
    length = max((len(series) for series in made.values()), default=0)
    return pd.DataFrame(made, index=pd.RangeIndex(length))


def plain(given: Table) -> dict[str, list[Any]]:
    """A table as lists of Python values, None where one is missing."""
    made: dict[str, list[Any]] = {}
    for name in given.columns:
        series = given[name]
        kind = kind_of(series)
        values = series.astype(object).where(series.notna(), None).tolist()
        if kind == DATETIME:
            values = [None if value is None else pd.Timestamp(value).to_pydatetime() for value in values]
        made[name] = [str(v) if kind == VECTOR and v is not None else v for v in values]
    return made


def kinds(given: Table) -> dict[str, str]:
    """The kind of every column."""
    return {name: kind_of(given[name]) for name in given.columns}


def source(node_id: str, name: str | None = None, uri: str = "s3://b/k", **context: Any) -> dict[str, Any]:
    """An S3 source node."""
    return {
        "node_id": node_id,
        "type": "SOURCE",
        "operator": "sagemaker.s3_source_0.1",
        "parameters": {
            "dataset_definition": {
                "__typename": "S3CreateDatasetDefinitionOutput",
                "datasetSourceType": "S3",
                "name": name or node_id,
                "description": None,
                "s3ExecutionContext": {
                    "__typename": "S3ExecutionContext",
                    "s3Uri": uri,
                    "s3ContentType": "csv",
                    "s3HasHeader": True,
                    **context,
                },
            }
        },
        "inputs": [],
        "outputs": [{"name": "default", "sampling": {"sampling_method": "sample_by_limit", "limit_rows": 2}}],
    }


def node(
    node_id: str,
    operator: str,
    parameters: Mapping[str, Any],
    *inputs: str,
    trained: Mapping[str, Any] | None = None,
    outputs: Sequence[str] = ("default",),
    kind: str = "TRANSFORM",
) -> dict[str, Any]:
    """A node that takes from others, `<node id>` or `<node id>.<output>`."""
    return {
        "node_id": node_id,
        "type": kind,
        "operator": operator if operator.startswith("sagemaker.") else PREFIX + operator,
        "parameters": dict(parameters),
        "trained_parameters": dict(trained or {}),
        "inputs": [
            {
                "name": "df",
                "node_id": name.partition(".")[0],
                "output_name": name.partition(".")[2] or "default",
            }
            for name in inputs
        ],
        "outputs": [{"name": name} for name in outputs],
    }


def flow(*nodes: Mapping[str, Any], **changes: Any) -> str:
    """A flow file."""
    return json.dumps({"metadata": {"version": 1, "disable_limits": False}, "parameters": [],
                       "nodes": list(nodes), **changes})  # fmt: skip


def parsed(*nodes: Mapping[str, Any]) -> Flow:
    return parse(flow(*nodes))


def run(text: str, tables: Mapping[str, Table], *targets: str, **options: Any) -> tuple[list[Table], Run]:
    """The targets' tables, and the run that made them."""
    edges = [Edge(name.partition(".")[0], name.partition(".")[2] or "default") for name in targets]
    made = Run(parse(text), edges, Tables(tables), **{"say": str, **options})
    return [found for _, found in made], made


def applied(
    operator: str, parameters: Mapping[str, Any], *tables: Table, trained: Mapping[str, Any] | None = None,
    output: str = "default", outputs: Sequence[str] = ("default",), **options: Any,
) -> Table:  # fmt: skip
    """What one operator makes of tables."""
    names = [f"s{place}" for place in range(len(tables))]
    text = flow(
        *(source(name) for name in names),
        node("n", operator, parameters, *names, trained=trained, outputs=outputs),
    )
    return run(text, dict(zip(names, tables, strict=True)), f"n.{output}", **options)[0][0]


__all__ = ["ARRAY", "Tables", "applied", "flow", "kinds", "node", "parsed", "plain", "run", "source", "table"]
