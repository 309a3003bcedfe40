"""What a job's sources read: the files of its inputs, or of S3 itself, and the answers of Athena."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlparse

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from local_aws.images.data_wrangler.problems import CannotDo, listed
from local_aws.images.data_wrangler.values import (
    STRING,
    Table,
    new,
    table_from_arrow,
    with_column,
)

ATHENA_POLL_SECONDS = 0.2
FILENAME_COLUMN = "_data_source_filename"


class JobSources:
    """The sources of one job.

    Args:
        inputs: data set's name -> the folder of the job's input of that name.
    """

    def __init__(self, inputs: Mapping[str, Path]) -> None:
        self._inputs = inputs

    def s3(self, name: str, context: dict[str, Any]) -> Table:
        """The files of an input, or, where the job has no such input, of the source's own URI.

        AWS's notebooks give every S3 source as an input; its pipelines let the container read by itself.
        """
        if name in self._inputs:
            return read_files(self._inputs[name], context)
        with tempfile.TemporaryDirectory() as folder:
            _download(context["s3Uri"], Path(folder))
            return read_files(Path(folder), context)

    def athena(self, definition: dict[str, Any]) -> Table:
        """The answer to a query. Raises CannotDo with Athena's reason."""
        query = definition["queryString"].strip().rstrip(";")
        if definition["outputFormat"].lower() == "csv":
            location = _asked(definition, query)
            context: dict[str, Any] = {"s3Uri": location, "s3ContentType": "csv"}
            return self.s3("", {**_CSV, **context})
        base = definition["s3OutputLocation"]
        if not base:
            raise CannotDo(
                "s3OutputLocation: missing; the local stand-in needs it for outputFormat parquet, as the "
                "answer is unloaded there"
            )
        location = f"{base.rstrip('/')}/{uuid.uuid4()}/"
        _asked(definition, f"UNLOAD ({query}) TO '{location}' WITH (format = 'PARQUET')")
        with tempfile.TemporaryDirectory() as folder:
            _download(location, Path(folder))
            return read_files(Path(folder), {"s3ContentType": "parquet"})


_CSV = {"s3HasHeader": True, "s3FieldDelimiter": ",", "s3CsvEncodingType": "utf-8"}


def read_files(folder: Path, context: Mapping[str, Any]) -> Table:
    """The files below a folder as one table, in the order of their names. Raises CannotDo.

    As Spark does, files and folders whose names begin with _ or . are left out, and sub-folders too, unless
    `s3DirIncludesNested` says otherwise.
    """
    nested = bool(context.get("s3DirIncludesNested"))
    files = [
        path
        for path in sorted(folder.rglob("*") if nested else folder.iterdir())
        if path.is_file() and not any(part[0] in "_." for part in path.relative_to(folder).parts)
    ]
    if not files:
        raise CannotDo(f"its input holds no file ({folder}{'' if nested else '; sub-folders are not read'})")
    tables: list[Any] = []
    for path in files:
        table = _parquet(path) if context["s3ContentType"].lower() == "parquet" else _csv(path, context)
        if tables and table.column_names != tables[0].column_names:
            raise CannotDo(
                f"{path.name} has the columns {listed(table.column_names)}, and {files[0].name} has "
                f"{listed(tables[0].column_names)}"
            )
        tables.append(table)
    lengths = [len(table) for table in tables]
    try:
        whole = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise CannotDo(f"its files do not fit together: {error}") from error
    made = table_from_arrow(whole)
    if context.get("s3AddsFilenameColumn"):
        names = [
            str(path.relative_to(folder))
            for path, length in zip(files, lengths, strict=True)
            for _ in range(length)
        ]
        made = with_column(made, FILENAME_COLUMN, new(names, STRING))
    return made


def _parquet(path: Path) -> pa.Table:
    try:
        return pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise CannotDo(f"{path.name} is not Parquet: {error}") from error


def _csv(path: Path, context: Mapping[str, Any]) -> pa.Table:
    """One CSV file; every column is a text, and an empty field without quotes is missing, as in Spark."""
    header = context.get("s3HasHeader", True)
    read = pyarrow.csv.ReadOptions(
        skip_rows=context.get("s3SkipLines") or 0,
        encoding=str(context.get("s3CsvEncodingType") or "utf-8").replace("_", "-").lower(),
        autogenerate_column_names=not header,
    )
    parse = pyarrow.csv.ParseOptions(
        delimiter=context.get("s3FieldDelimiter") or ",",
        newlines_in_values=bool(context.get("s3MultiLine")),
    )
    try:
        names = _names(path, read, parse)
        convert = pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.large_string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        )
        table = pyarrow.csv.read_csv(path, read, parse, convert)
    except (pa.ArrowException, LookupError, UnicodeDecodeError) as error:
        raise CannotDo(f"{path.name} cannot be read as CSV: {error}") from error
    if not header:
        table = table.rename_columns([f"_c{place}" for place in range(table.num_columns)])
    twice = next((name for name in table.column_names if table.column_names.count(name) > 1), None)
    if twice is not None:
        raise CannotDo(f"{path.name} has two columns {twice!r}; allowed: each name once")
    return table


def _names(path: Path, read: Any, parse: Any) -> list[str]:
    with pyarrow.csv.open_csv(path, read, parse) as reader:
        return list(reader.schema.names)


# --- AWS --------------------------------------------------------------------------------------------


def _download(uri: str, folder: Path) -> None:
    """All objects under a URI, as files; a key that leads out of the folder is refused."""
    import boto3

    parsed = urlparse(uri)
    bucket, prefix = parsed.netloc, parsed.path.lstrip("/")
    if parsed.scheme != "s3" or not bucket:
        raise CannotDo(f"found the URI {uri!r}; allowed: s3://bucket/…")
    client = boto3.client("s3")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    try:
        keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
    except client.exceptions.NoSuchBucket as error:
        raise CannotDo(f"the bucket of {uri} does not exist") from error
    base = prefix if prefix.endswith("/") else prefix.rpartition("/")[0] + "/"
    inside = prefix.rstrip("/") + "/"
    for key in keys:
        if key.endswith("/") or not (key == prefix or key.startswith(inside) or prefix == ""):
            continue
        name = key.removeprefix(inside if key != prefix else base)
        if ".." in PurePosixPath(name).parts:
            raise CannotDo(f"the key {key} leads out of its folder")
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        client.download_file(bucket, key, str(target))


def _asked(definition: Mapping[str, Any], statement: str) -> str:
    """Run a statement to its end; where its result file lies. Raises CannotDo with Athena's reason."""
    import boto3

    client = boto3.client("athena")
    request: dict[str, Any] = {
        "QueryString": statement,
        "QueryExecutionContext": {
            "Catalog": definition["catalogName"],
            "Database": definition["databaseName"],
        },
    }
    if definition["s3OutputLocation"]:
        request["ResultConfiguration"] = {"OutputLocation": definition["s3OutputLocation"]}
    if definition["workgroup"]:
        request["WorkGroup"] = definition["workgroup"]
    query_id = client.start_query_execution(**request)["QueryExecutionId"]
    while True:
        execution = client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        status = execution["Status"]
        if status["State"] == "SUCCEEDED":
            return str(execution["ResultConfiguration"]["OutputLocation"])
        if status["State"] in ("FAILED", "CANCELLED"):
            raise CannotDo(
                f"Athena's query {query_id} is {status['State']}: {status.get('StateChangeReason')}"
            )
        time.sleep(ATHENA_POLL_SECONDS)
