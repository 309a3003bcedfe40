"""An offline store as SageMaker lays it out in S3 and in the Glue catalog, written by hand.

Tests of what reads it decide here what was known when: also orders of calls that the service would not let
them make.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.stand_in import StandIn

GLUE_TYPES = {"String": "string", "Integral": "bigint", "Fractional": "double"}
ARROW_TYPES = {"String": pa.string(), "Integral": pa.int64(), "Fractional": pa.float64()}
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}
PARTS = ("year", "month", "day", "hour")


class OfflineStore:
    """The table of one feature group."""

    def __init__(
        self,
        aws: StandIn,
        bucket: str,
        *,
        database: str,
        table: str,
        definitions: Sequence[Mapping[str, str]],
        event_time: str,
    ) -> None:
        self.s3, self.glue = aws.client("s3"), aws.client("glue")
        self.bucket, self.database, self.table, self.event_time = bucket, database, table, event_time
        self.types = {each["FeatureName"]: each["FeatureType"] for each in definitions}
        columns = [(name, GLUE_TYPES[kind]) for name, kind in self.types.items()]
        columns += [
            ("api_invocation_time", "timestamp"),
            ("write_time", "timestamp"),
            ("is_deleted", "boolean"),
        ]
        self.storage = {
            "Columns": [{"Name": name, "Type": kind} for name, kind in columns],
            "Location": f"s3://{bucket}/{table}/data",
            **PARQUET,
        }
        self.glue.create_table(
            DatabaseName=database,
            TableInput={
                "Name": table,
                "TableType": "EXTERNAL_TABLE",
                "PartitionKeys": [{"Name": name, "Type": "string"} for name in PARTS],
                "StorageDescriptor": self.storage,
            },
        )
        self._files = 0

    def write(
        self,
        *records: Mapping[str, Any],
        called: str = "2026-01-16T06:00:00",
        written: str | None = None,
        deleted: bool = False,
    ) -> None:
        """Records of one call; a feature that is not named has no value."""
        for record in records:
            moment = datetime.fromtimestamp(record[self.event_time], UTC)
            values = [f"{moment:%Y}", f"{moment:%m}", f"{moment:%d}", f"{moment:%H}"]
            place = "/".join(f"{name}={value}" for name, value in zip(PARTS, values, strict=True))
            arrays = {
                name: pa.array([record.get(name)], ARROW_TYPES[kind]) for name, kind in self.types.items()
            }
            arrays["api_invocation_time"] = pa.array([datetime.fromisoformat(called)], pa.timestamp("ms"))
            arrays["write_time"] = pa.array([datetime.fromisoformat(written or called)], pa.timestamp("ms"))
            arrays["is_deleted"] = pa.array([deleted])
            buffer = io.BytesIO()
            pq.write_table(pa.table(arrays), buffer)
            self._files += 1
            key = f"{self.table}/data/{place}/{moment:%Y%m%dT%H%M%SZ}_{self._files:016}.parquet"
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=buffer.getvalue())
            location = f"s3://{self.bucket}/{self.table}/data/{place}"
            self.glue.batch_create_partition(  # one that is there is an error in the answer, no failure
                DatabaseName=self.database,
                TableName=self.table,
                PartitionInputList=[
                    {"Values": values, "StorageDescriptor": {**self.storage, "Location": location}}
                ],
            )
