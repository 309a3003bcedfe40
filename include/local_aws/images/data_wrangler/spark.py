"""PySpark for custom steps, where the package is installed: one local session while the code runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd

from local_aws.images.data_wrangler.frames import from_user
from local_aws.images.data_wrangler.problems import CannotDo
from local_aws.images.data_wrangler.values import (
    ARRAY,
    BOOL,
    DATE,
    DATETIME,
    FLOAT,
    LONG,
    STRING,
    Table,
    kind_of,
)

SPARK_TYPES = {
    LONG: "bigint",
    FLOAT: "double",
    BOOL: "boolean",
    STRING: "string",
    DATE: "date",
    DATETIME: "timestamp",
    ARRAY: "array<string>",
}


@contextmanager
def session() -> Iterator[Any]:
    """A local Spark that reaches no network. Raises CannotDo where there is no Java."""
    from pyspark.sql import SparkSession

    try:
        made = (
            SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.shuffle.partitions", "2")
            .getOrCreate()
        )
    except Exception as error:
        raise CannotDo(f"Spark does not start: {error}") from error
    try:
        yield made
    finally:
        made.stop()


def handed_over(spark: Any, table: Table) -> Any:
    """The table as Spark's, with nulls where values are missing."""
    names = list(table.columns)
    kinds = {name: kind_of(table[name]) for name in names}
    strange = next((name for name, kind in kinds.items() if kind not in SPARK_TYPES), None)
    if strange is not None:
        raise CannotDo(f"column {strange!r} is {kinds[strange]}, which is not handed to PySpark code")
    schema = ", ".join(f"`{name.replace('`', '``')}` {SPARK_TYPES[kinds[name]]}" for name in names)
    columns = [table[name].astype(object).where(table[name].notna(), None).tolist() for name in names]
    return spark.createDataFrame(list(zip(*columns, strict=True)), schema)


def collected(given: Any) -> Table:
    """What the code has left. Raises CannotDo for anything but a Spark DataFrame."""
    if not hasattr(given, "toPandas"):
        raise CannotDo(f"the code left a {type(given).__name__} in df; allowed: a Spark DataFrame")
    kinds = dict(given.dtypes)
    table = from_user(given.toPandas())
    empty = [name for name, kind in kinds.items() if kind == "string" and table[name].isna().all()]
    return table.assign(**{name: pd.array([None] * len(table), dtype="string[pyarrow]") for name in empty})
