"""Reading and writing S3 in Glue's formats, and the tables of Glue's catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import boto3
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it
from pyspark.sql.utils import AnalysisException

from .absent import Absent, only

FORMATS = ("csv", "json", "orc", "parquet")
# What Glue calls an option of CSV, and what Spark does.
READ_CSV = {
    "separator": "sep",
    "quoteChar": "quote",
    "escaper": "escape",
    "withHeader": "header",
    "multiLine": "multiLine",
}
WRITE_CSV = {"separator": "sep", "quoteChar": "quote", "escaper": "escape", "writeHeader": "header"}
# In a table's parameters or its SerDe's.
SERDE_FORMATS = {
    "parquet": "parquet",
    "orc": "orc",
    "json": "json",
    "openx.data.jsonserde": "json",
    "lazysimple": "csv",
    "opencsv": "csv",
}


def read(
    spark: SparkSession,
    kind: str,
    options: Mapping[str, Any],
    form: str,
    form_options: Mapping[str, Any] | None,
) -> DataFrame:
    """What lies under ``paths``. CSV is all text, without a header its columns are col0, col1 and so on."""
    if kind != "s3":
        raise Absent(f"connection_type {kind!r}")
    given = only("connection_options", options, ("paths", "path", "recurse", "exclusions"))
    if given.get("exclusions"):
        raise Absent("connection_options 'exclusions'")
    paths = given.get("paths") or [given["path"]]
    reader = spark.read.format(known(form)).option("recursiveFileLookup", bool(given.get("recurse", False)))
    for name, value in spark_options(form, form_options, READ_CSV, "format_options").items():
        reader = reader.option(name, value)
    frame = reader.load(list(paths))
    if form == "csv" and not (form_options or {}).get("withHeader", False):
        frame = frame.toDF(*(f"col{number}" for number in range(len(frame.columns))))
    return frame


def write(
    frame: DataFrame, kind: str, options: Mapping[str, Any], form: str, form_options: Mapping[str, Any] | None
) -> None:
    """Add files below ``path``; what lies there stays, as with Glue."""
    if kind != "s3":
        raise Absent(f"connection_type {kind!r}")
    given = only("connection_options", options, ("path", "partitionKeys", "compression"))
    form_options = dict(form_options or {})
    compression = form_options.pop("compression", given.get("compression"))
    writer = frame.write.mode("append").format(known("parquet" if form == "glueparquet" else form))
    for name, value in spark_options(form, form_options, WRITE_CSV, "format_options").items():
        writer = writer.option(name, value)
    if form == "csv" and "writeHeader" not in form_options:
        writer = writer.option("header", True)
    if compression:
        writer = writer.option("compression", compression)
    writer.partitionBy(*given.get("partitionKeys", [])).save(given["path"])


def known(form: str) -> str:
    """A format that is there. Raises Absent."""
    if form not in FORMATS:
        raise Absent(f"format {form!r}")
    return form


def spark_options(
    form: str, given: Mapping[str, Any] | None, names: Mapping[str, str], what: str
) -> dict[str, Any]:
    """Glue's options of a format in Spark's words. Raises Absent."""
    chosen = only(f"{what} of {form}", given, names if form == "csv" else ())
    chosen = {name: "" if name == "quoteChar" and value == -1 else value for name, value in chosen.items()}
    return {names[name]: value for name, value in chosen.items()}


class Table:
    """A table of Glue's catalog."""

    def __init__(self, spark: SparkSession, database: str, name: str) -> None:
        self.spark = spark
        self.label = f"{database}.{name}"
        self._glue = boto3.client("glue")
        self._names = {"DatabaseName": database, "TableName": name}
        self.definition: dict[str, Any] = self._glue.get_table(DatabaseName=database, Name=name)["Table"]

    @property
    def location(self) -> str:
        """Where its files lie."""
        return str(self.definition["StorageDescriptor"]["Location"])

    @property
    def keys(self) -> list[tuple[str, str]]:
        """Its partition keys: name and type."""
        return [(key["Name"], key["Type"]) for key in self.definition.get("PartitionKeys", [])]

    @property
    def form(self) -> str:
        """The format of its files. Raises Absent."""
        described = self.definition["StorageDescriptor"].get("SerdeInfo", {}).get("SerializationLibrary", "")
        words = [self.definition.get("Parameters", {}).get("classification", ""), described.lower()]
        for word in words:
            if word in FORMATS:
                return str(word)
            for part, form in SERDE_FORMATS.items():
                if word and part in word:
                    return form
        raise Absent(f"the format of the table {self.label} ({described or 'no SerDe'})")

    def read(self, predicate: str = "") -> DataFrame:
        """Its rows with their partition keys as last columns; only of partitions that fit the predicate."""
        if not self.keys:
            return self._load(self.location)
        frames = []
        for values, location in self._partitions(predicate):
            frame = self._load(location)
            for (name, kind), value in zip(self.keys, values, strict=True):
                frame = frame.withColumn(name, F.lit(value).cast(kind))
            frames.append(frame)
        if not frames:
            columns = [*self._columns(), *(f"`{name}` {kind}" for name, kind in self.keys)]
            return self.spark.createDataFrame([], ", ".join(columns))
        return reduce(DataFrame.unionByName, frames)

    def _partitions(self, predicate: str) -> Sequence[tuple[list[str], str]]:
        pages = self._glue.get_paginator("get_partitions").paginate(**self._names)
        found = [
            (part["Values"], part["StorageDescriptor"]["Location"])
            for page in pages
            for part in page["Partitions"]
        ]
        if not predicate or not found:
            return found
        rows = [(number, *values) for number, (values, _) in enumerate(found)]
        names = ", ".join(f"`{name}` string" for name, _ in self.keys)
        frame = self.spark.createDataFrame(rows, f"`  number` long, {names}")
        for name, kind in self.keys:
            frame = frame.withColumn(name, F.col(f"`{name}`").cast(kind))
        return [found[row[0]] for row in frame.where(predicate).select("`  number`").collect()]

    def _load(self, location: str) -> DataFrame:
        descriptor = self.definition["StorageDescriptor"]
        serde = descriptor.get("SerdeInfo", {}).get("Parameters", {})
        reader = self.spark.read.format(self.form).schema(", ".join(self._columns()))
        if self.form == "csv":
            skipped = {**self.definition.get("Parameters", {}), **serde}.get("skip.header.line.count", "0")
            if skipped not in ("0", "1"):
                raise Absent(f"skip.header.line.count {skipped} of the table {self.label}")
            reader = reader.option("header", skipped == "1")
            reader = reader.option("sep", serde.get("field.delim") or serde.get("separatorChar") or ",")
            reader = reader.option("quote", serde.get("quoteChar", '"'))
        try:
            return reader.load(location)
        except AnalysisException as error:
            if "PATH_NOT_FOUND" not in str(error):
                raise
            return self.spark.createDataFrame(
                [], ", ".join(self._columns())
            )  # nothing has been put there yet

    def _columns(self) -> list[str]:
        columns = self.definition["StorageDescriptor"]["Columns"]
        return [f"`{column['Name']}` {column['Type']}" for column in columns]
