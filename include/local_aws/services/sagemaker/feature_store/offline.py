"""The offline store: from the buffer to Parquet files in S3, with the table that Athena reads them through.

    <S3Uri>/<account>/sagemaker/<region>/offline-store/<group>-<epoch>/data/
        year=2026/month=01/day=15/hour=06/20260115T063000Z_x4Tq…16.parquet

One file holds records of one hour of event time; its name starts with the latest of them. Its columns are the
features, api_invocation_time, write_time and is_deleted. The rows of the buffer, the S3 objects and the
partitions of the table change in one transaction.
"""

from __future__ import annotations

import secrets
import string
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from local_aws.services.catalog import Catalog
from local_aws.services.context import Context
from local_aws.services.sagemaker.feature_store.schema import Feature, Schema, iso_seconds
from local_aws.state.features import Buffered, Features
from local_aws.state.objects import Blob, BucketMissing, parse_s3_uri
from local_aws.state.records import Body
from local_aws.wire.errors import AwsError

PARTITIONS = ("year", "month", "day", "hour")
_BATCH = (
    32 << 20
)  # characters of the buffer that become one set of files: bounds what a flush holds in memory
_ARROW = {"Integral": pa.int64(), "Fractional": pa.float64(), "String": pa.string()}
_HIVE = {"Integral": "bigint", "Fractional": "double", "String": "string"}
_OWN_COLUMNS = (("api_invocation_time", "timestamp"), ("write_time", "timestamp"), ("is_deleted", "boolean"))
_FORMAT = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}


class CannotProvide(Exception):
    """A sentence that says why a group cannot have its offline store."""


# --- the table --------------------------------------------------------------------------------------


def provide(context: Context, group: Body) -> None:
    """Check the bucket and make the table. Raises CannotProvide."""
    config = group["OfflineStoreConfig"]
    bucket, _ = parse_s3_uri(config["S3StorageConfig"]["S3Uri"])
    if not context.objects.has_bucket(bucket):
        raise CannotProvide(f"The S3 bucket {bucket} of the offline store does not exist.")
    if config["DisableGlueTableCreation"]:
        return
    for name in (each["FeatureName"] for each in group["FeatureDefinitions"]):
        if name.lower() in PARTITIONS:
            raise CannotProvide(
                f"Feature {name} has the name of a partition of the offline store's table"
                f" ({', '.join(PARTITIONS)})."
            )
    catalog, where = Catalog(context), config["DataCatalogConfig"]
    try:
        catalog.create_database({"Name": where["Database"]})
    except AwsError as problem:
        if problem.code != "AlreadyExistsException":
            raise CannotProvide(f"Database {where['Database']}: {problem.message}") from None
    found = catalog.find_table(where["Database"], where["TableName"])
    if found is not None:
        if found["StorageDescriptor"].get("Location") == config["S3StorageConfig"]["ResolvedOutputS3Uri"]:
            return  # made before the process was stopped
        raise CannotProvide(f"Glue already has a table {where['Database']}.{where['TableName'].lower()}.")
    try:
        catalog.create_table(where["Database"], _table(group))
    except AwsError as problem:
        raise CannotProvide(f"Table {where['TableName']}: {problem.message}") from None


def add_columns(context: Context, group: Body) -> None:
    """Give the table the columns of features that were added. Raises CannotProvide."""
    config = group["OfflineStoreConfig"]
    if config["DisableGlueTableCreation"]:
        return
    where, catalog = config["DataCatalogConfig"], Catalog(context)
    found = catalog.find_table(where["Database"], where["TableName"])
    if found is None:
        raise CannotProvide(f"Glue has no table {where['Database']}.{where['TableName'].lower()} any more.")
    held = {column["Name"] for column in found["StorageDescriptor"]["Columns"]}
    added = [column for column in _columns(group) if column["Name"].lower() not in held]
    if clash := [column["Name"] for column in added if column["Name"].lower() in PARTITIONS]:
        raise CannotProvide(f"Feature {clash[0]} has the name of a partition of the offline store's table.")
    storage = {
        **found["StorageDescriptor"],
        "Columns": [*found["StorageDescriptor"]["Columns"], *added],
    }
    kept = ("Name", "Description", "TableType", "Parameters", "PartitionKeys", "Owner", "Retention")
    given = {key: found[key] for key in kept if key in found}
    catalog.update_table(where["Database"], {**given, "StorageDescriptor": storage})


def _table(group: Body) -> Body:
    config = group["OfflineStoreConfig"]
    return {
        "Name": config["DataCatalogConfig"]["TableName"],
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
        "PartitionKeys": [{"Name": name, "Type": "string"} for name in PARTITIONS],
        "StorageDescriptor": {
            "Columns": _columns(group),
            "Location": config["S3StorageConfig"]["ResolvedOutputS3Uri"],
            **_FORMAT,
        },
    }


def _columns(group: Body) -> list[dict[str, str]]:
    features = [Feature.of(each) for each in group["FeatureDefinitions"]]
    own = [{"Name": name, "Type": kind} for name, kind in _OWN_COLUMNS]
    return [{"Name": feature.name, "Type": _hive_type(feature)} for feature in features] + own


def _hive_type(feature: Feature) -> str:
    return f"array<{_HIVE[feature.kind]}>" if feature.collection else _HIVE[feature.kind]


# --- the files --------------------------------------------------------------------------------------


def flush(context: Context, features: Features, group: Body) -> None:
    """Write all of a group's waiting records. Raises BucketMissing; what was not written goes on waiting.

    What comes in meanwhile waits for the next time: else a stream of records would become a stream of small
    files.
    """
    schema = Schema(group)
    newest = features.newest_buffered(schema.store)
    while calls := features.buffered(schema.store, _BATCH, newest):
        _write(context, features, group, schema, calls)


def _write(
    context: Context, features: Features, group: Body, schema: Schema, calls: Sequence[Buffered]
) -> None:
    storage = group["OfflineStoreConfig"]["S3StorageConfig"]
    bucket, prefix = parse_s3_uri(storage["ResolvedOutputS3Uri"])
    if not context.objects.has_bucket(bucket):
        raise BucketMissing(bucket)
    staged: list[tuple[list[str], str, Blob]] = []
    try:
        with tempfile.TemporaryDirectory(dir=context.settings.data_dir, prefix="offline-store-") as folder:
            for moment, table in _by_hour(_records(schema, calls), schema):
                path = Path(folder) / "records.parquet"
                pq.write_table(table, path, compression="snappy")
                with path.open("rb") as file:
                    blob = context.objects.stage(file)
                values = [f"{moment:%Y}".zfill(4), f"{moment:%m}", f"{moment:%d}", f"{moment:%H}"]
                name = f"{values[0]}{moment:%m%dT%H%M%SZ}_{_random_name()}.parquet"
                staged.append((values, name, blob))
        with context.database.transaction():
            for values, name, blob in staged:
                place = "/".join(f"{key}={value}" for key, value in zip(PARTITIONS, values, strict=True))
                context.objects.commit(bucket, f"{prefix}/{place}/{name}", blob)
            _register(context, group, [values for values, _, _ in staged])
            features.drop_buffered(schema.store, calls[-1].number)
    except BaseException:
        for _, _, blob in staged:
            context.objects.discard(blob)
        raise


def _register(context: Context, group: Body, partitions: Sequence[list[str]]) -> None:
    """Let Athena see the folders. A table that its owner removed or keeps himself is left alone."""
    config = group["OfflineStoreConfig"]
    if config["DisableGlueTableCreation"]:
        return
    catalog, where = Catalog(context), config["DataCatalogConfig"]
    table = catalog.find_table(where["Database"], where["TableName"])
    if table is None:
        return
    storage = table["StorageDescriptor"]
    for values in partitions:
        if catalog.find_partition(table, values) is None:
            place = "/".join(f"{key}={value}" for key, value in zip(PARTITIONS, values, strict=True))
            descriptor = {**storage, "Location": f"{storage['Location']}/{place}"}
            catalog.create_partition(table, {"Values": values, "StorageDescriptor": descriptor})


def _records(schema: Schema, calls: Sequence[Buffered]) -> pa.Table:
    """The records of some calls, with the columns of the offline store."""
    text = "\n".join([call.body for call in calls])
    columns = _plain_texts(schema, text) or _texts(schema, text)
    arrays = {feature.name: _array(feature, columns[feature.name]) for feature in schema.features}
    called, deleted = pa.array([call.called for call in calls]), pa.array([call.deleted for call in calls])
    counts = [call.body.count("\n") + 1 for call in calls]
    repeats = pa.array(np.repeat(np.arange(len(calls)), counts))
    arrays["api_invocation_time"] = _timestamps(called).take(repeats)
    written = _timestamps(pa.array([time.time()]))[0]
    arrays["write_time"] = pa.repeat(written, len(repeats))
    arrays["is_deleted"] = deleted.take(repeats)
    return pa.table(arrays)


def _plain_texts(schema: Schema, text: str) -> dict[str, Any] | None:
    """The texts of each feature; ``None`` where JSON is no CSV: lists, escapes, rows of another width.

    Arrow reads CSV faster than Python reads JSON, and lets the threads that answer calls run meanwhile.
    """
    if "\\" in text or schema.has_collections:
        return None
    rows = text[1:-1].replace("]\n[", "\n").encode()
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(rows),
            pa_csv.ReadOptions(use_threads=False, column_names=schema.names),
            pa_csv.ParseOptions(double_quote=False, ignore_empty_lines=False),
            pa_csv.ConvertOptions(
                column_types=dict.fromkeys(schema.names, pa.string()),
                null_values=["null"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    return dict(zip(schema.names, table.combine_chunks().columns, strict=True))


def _texts(schema: Schema, text: str) -> dict[str, Any]:
    """The same, or lists of texts, from any rows; what was added later has no value in older ones."""
    rows = [schema.values_of(row) for row in text.split("\n")]
    columns = list(zip(*rows, strict=True))
    return {
        feature.name: column if feature.collection else pa.array(column, pa.string())
        for feature, column in zip(schema.features, columns, strict=True)
    }


def _array(feature: Feature, values: Any) -> Any:
    """A column of the offline store, from Arrow's texts or, for a collection, from lists of texts."""
    kind = _ARROW[feature.kind]
    if feature.collection:
        return pa.array([_converted(feature.kind, each) for each in values], pa.list_(kind))
    if feature.kind == "String":
        return values
    try:
        return pc.utf8_ltrim(values, "+").cast(kind)
    except pa.ArrowInvalid:  # forms that Arrow does not read: "1.", many leading zeros
        return pa.array(_converted(feature.kind, values.to_pylist()), kind)


def _converted(kind: str, texts: Sequence[str | None] | None) -> list[Any] | None:
    if texts is None:
        return None
    convert: Any = {"Integral": int, "Fractional": float, "String": str}[kind]
    return [None if text is None else convert(text) for text in texts]


def _timestamps(seconds: pa.Array) -> pa.Array:
    """Milliseconds in UTC, without a zone, as a table's timestamp column holds them."""
    return pc.floor(pc.multiply(seconds, 1000.0)).cast(pa.int64()).cast(pa.timestamp("ms"))


def _by_hour(table: pa.Table, schema: Schema) -> Iterator[tuple[datetime, pa.Table]]:
    """The records of each hour of event time, with the latest event time among them."""
    moments = table.column(schema.time_name)
    if pa.types.is_string(moments.type):
        found = pc.dictionary_encode(moments.combine_chunks())
        known = pa.array([iso_seconds(text) for text in found.dictionary.to_pylist()], pa.float64())
        seconds = known.take(found.indices)
    else:
        seconds = moments.combine_chunks()
    hours = pc.floor(pc.divide(seconds, 3600.0)).cast(pa.int64())
    order = pc.sort_indices(hours)  # stable: records of an hour stay in the order of their calls
    ordered, hours, seconds = table.take(order), hours.take(order), seconds.take(order)
    runs = pc.run_end_encode(hours)
    start = 0
    for end in runs.run_ends.to_pylist():
        latest = pc.max(seconds.slice(start, end - start)).as_py()
        yield datetime.fromtimestamp(latest // 1, UTC), ordered.slice(start, end - start)
        start = end


def _random_name() -> str:
    letters = string.ascii_letters + string.digits
    return "".join(secrets.choice(letters) for _ in range(16))
