"""Athena statements of the first stage, from include/sql."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from aws_ml.exceptions import StatementTooLong
from aws_ml.run import RUN_KEY
from aws_ml.schema import Cell, Column, Workflow

SQL_FOLDER = Path(__file__).parents[3] / "include" / "sql"
CATALOG = "AwsDataCatalog"
WORKGROUP = "primary"
CURATED = "curated"
LONGEST_STATEMENT = 262_144  # bytes that StartQueryExecution takes
COLUMNS_A_STATEMENT = 100  # Trino compiles every expression of a statement; thousands are too much

# How Athena calls the types that the cleaning job writes.
ATHENA_TYPES = {
    "string": "string",
    "integer": "bigint",
    "number": "double",
    "boolean": "boolean",
    "timestamp": "timestamp",
    "date": "date",
}


def explore(workflow: Workflow) -> list[dict[str, Any]]:
    """``athena.StartQueryExecution``, one body a statement: everything that the profile report says.

    Their results lie apart, ``statistics/<statement>/``; a table of many columns needs more than one
    statement of a kind, each of which reads other columns. The two that hold the most in memory are the
    first and the last: mapped tasks start in this order, so they hardly meet on one laptop.
    """
    numbers, categories = _numbers(workflow), _categories(workflow)
    filled: list[tuple[str, dict[str, Any]]] = [
        ("find_near_duplicates", {"compared": _compared(workflow)}),
        *(("count_values", {"categories": part}) for part in _parts(categories)),
        ("correlate_numbers", {"numbers": _correlated(workflow)}),
        ("rate_by_facet", _facets(workflow)),
        *(("measure_numbers", {"numbers": part}) for part in _parts(numbers)),
    ]
    return [
        start_query_execution(workflow, _exploration(workflow, name, values), workflow.paths.statement(name))
        for name, values in filled
        if name != "correlate_numbers" or len(values["numbers"]) > 1
    ]


def _exploration(workflow: Workflow, name: str, values: dict[str, Any]) -> str:
    profile = workflow.profile
    sql = statement(
        workflow,
        name,
        positive=_positive(workflow),
        bins=profile.bins,
        values_kept=profile.values,
        factor=profile.outliers.iqr_factor,
        z_score=profile.outliers.z_score,
        **values,
    )
    if (size := len(sql.encode())) > LONGEST_STATEMENT:
        raise StatementTooLong(
            f"{name} of {workflow.name} has {size:,} bytes, Athena takes {LONGEST_STATEMENT:,}; the workflow "
            f"has {len(workflow.data.columns)} columns"
        )
    return sql


def _positive(workflow: Workflow) -> str:
    """1 where the label is one of the positive values, else 0, also where it is missing."""
    label = workflow.data.label
    values = ", ".join(literal(value) for value in label.positive)
    return f"CASE WHEN {dml_identifier(label.column)} IN ({values}) THEN 1 ELSE 0 END"


def _parts(columns: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [
        columns[start : start + COLUMNS_A_STATEMENT] for start in range(0, len(columns), COLUMNS_A_STATEMENT)
    ]


def _numbers(workflow: Workflow) -> list[dict[str, Any]]:
    """Columns that have a mean: numbers, and times as seconds since 1970. The label is none of them."""
    data = workflow.data
    named = [
        column
        for column in data.columns
        if column.type in ("integer", "number", "timestamp", "date")
        and column.name not in (data.label.column, data.key)
    ]
    numbers = []
    for index, column in enumerate(named):
        name, place = dml_identifier(column.name), index % COLUMNS_A_STATEMENT + 1
        exact = column.type in ("integer", "date")  # of which there are few
        numbers.append(
            {
                "place": place,
                "title": column.name,
                "name": name,
                "value": _as_number(column),
                "temporal": column.type in ("timestamp", "date"),
                "whole": column.type in ("integer", "date"),
                "distinct": (f"count(DISTINCT v{place})" if exact else f"approx_distinct(v{place})"),
            }
        )
    return numbers


def _as_number(column: Column) -> str:
    name = dml_identifier(column.name)
    return {
        "integer": f"CAST({name} AS double)",
        "number": f"CASE WHEN is_finite({name}) THEN {name} END",
        "timestamp": f"to_unixtime({name})",
        "date": f"to_unixtime(CAST({name} AS timestamp))",
    }[column.type]


def _categories(workflow: Workflow) -> list[dict[str, Any]]:
    """Columns whose values are counted one by one: texts but the key, truths, listed numbers, the label."""
    data = workflow.data
    named = [
        column
        for column in data.columns
        if column.name == data.label.column
        or (column.type in ("string", "boolean") and column.name != data.key)
        or (column.type == "integer" and column.allowed is not None and column.name != data.key)
    ]
    return [
        {
            "place": index % COLUMNS_A_STATEMENT + 1,
            "title": column.name,
            "value": f"CAST({dml_identifier(column.name)} AS varchar)",
        }
        for index, column in enumerate(named)
    ]


def _correlated(workflow: Workflow) -> list[dict[str, Any]]:
    """The label as 0 and 1, and numeric columns up to the workflow's number, the model's own first."""
    data, chosen = workflow.data, workflow.features.numbers
    others = [
        column.name
        for column in data.columns
        if column.type in ("integer", "number") and column.name not in (*chosen, data.label.column, data.key)
    ]
    names = [name for name in (*chosen, *others) if name != data.label.column]
    numbers = [
        {"title": name, "value": _as_number(workflow.column(name))}
        for name in names[: workflow.profile.correlation_columns - 1]
    ]
    numbers.append({"title": data.label.column, "value": f"CAST({_positive(workflow)} AS double)"})
    return [{"place": place, **number} for place, number in enumerate(numbers, start=1)]


def _facets(workflow: Workflow) -> dict[str, Any]:
    """Facets, and the groups of rows that are counted: each facet's, and each intersection's."""
    bias = workflow.bias
    columns = list(dict.fromkeys(facet.column for facet in bias.facets))
    facets = []
    for place, name in enumerate(columns, start=1):
        facet, quoted = workflow.facet(name), dml_identifier(name)
        value = f"CAST({quoted} AS varchar)"
        if facet.values is None:
            bound = facet.threshold
            above, below = text_literal(f"> {bound}"), text_literal(f"<= {bound}")
            value = f"CASE WHEN {quoted} > {bound} THEN {above} WHEN {quoted} <= {bound} THEN {below} END"
        facets.append({"place": place, "title": name, "value": value})
    groups = [[name] for name in columns] + [list(both.facets) for both in bias.intersections]
    return {
        "facets": facets,
        "groups": [
            {
                "place": place,
                "title": " & ".join(names),
                "facets": [columns.index(name) + 1 for name in names],
            }
            for place, names in enumerate(groups, start=1)
        ],
    }


def _compared(workflow: Workflow) -> list[str]:
    return [column.name for column in workflow.data.columns if column.name != workflow.data.key]


def start_query_execution(workflow: Workflow, sql: str, output: str) -> dict[str, Any]:
    """``athena.StartQueryExecution`` of any statement; the result lies under the key prefix ``output``."""
    return {
        "QueryString": sql,
        "QueryExecutionContext": {"Database": workflow.name, "Catalog": CATALOG},
        "ResultConfiguration": {"OutputLocation": workflow.paths.uri(output)},
        "WorkGroup": WORKGROUP,
    }


def statement(workflow: Workflow, name: str, **values: Any) -> str:
    """One file of include/sql, filled in; what only a run knows stays a Jinja text for Airflow to render."""
    columns = [
        {
            "name": column.name,
            "type": column.type,
            "numeric": column.type in ("integer", "number"),
        }
        for column in workflow.data.columns
    ]
    if workflow.data.key is None:  # the cleaning job names rows by file and line, in the first column
        columns.insert(0, {"name": "row_id", "type": "string", "numeric": False})
    return (
        templates()
        .get_template(f"ingest_analyze/{name}.sql")
        .render(
            database=workflow.name,
            table=CURATED,
            columns=columns,
            run_key=RUN_KEY,
            **values,
        )
    )


@cache
def templates() -> Environment:
    """Jinja for SQL files, with a filter for each way in which Athena quotes."""
    environment = Environment(
        loader=FileSystemLoader(SQL_FOLDER),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - SQL is not HTML; the filters below quote
    )
    environment.filters |= {"dml": dml_identifier, "text": text_literal}
    return environment


def dml_identifier(name: str) -> str:
    """A name in SELECT, which Athena reads as Trino does: in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(value: str) -> str:
    """A text in single quotes."""
    return "'" + value.replace("'", "''") + "'"


def literal(value: Cell) -> str:
    """A value of the workflow file as Athena writes one of its type."""
    if isinstance(value, str):
        return text_literal(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)
