"""Sources: files in S3 that the job was given, and what Athena answers.

A source's `sampling` is the UI's: a job reads everything, as on AWS.
"""

from __future__ import annotations

from typing import Any, Protocol

from local_aws.images.data_wrangler.parameters import Anything, Flag, OneOf, Record, Text, Whole
from local_aws.images.data_wrangler.registry import SOURCE, operation
from local_aws.images.data_wrangler.values import Table


class Sources(Protocol):
    """Where a job's tables come from."""

    def s3(self, name: str, context: dict[str, Any]) -> Table:
        """The files of a data set of that name."""

    def athena(self, definition: dict[str, Any]) -> Table:
        """The answer to a query."""


S3_CONTEXT = Record(
    fields={
        "__typename": Anything(),
        "s3Uri": Text(),
        "s3ContentType": OneOf("csv", "CSV", "parquet", "PARQUET"),
        "s3HasHeader": Flag(default=True),
        "s3FieldDelimiter": Text(default=",", longest=1),
        "s3CsvEncodingType": Text(default="utf-8"),
        "s3SkipLines": Whole(low=0, default=0),
        "s3MultiLine": Flag(default=False),
        "s3DirIncludesNested": Flag(default=False),
        "s3AddsFilenameColumn": Flag(default=False),
        "s3DataType": OneOf("S3Prefix", default="S3Prefix"),
        "s3RoleArn": Anything(),
        "s3ManifestPlain": Anything(),
    }
)
S3_DEFINITION = Record(
    fields={
        "__typename": Anything(),
        "datasetSourceType": OneOf("S3"),
        "name": Text(),
        "description": Anything(),
        "s3ExecutionContext": S3_CONTEXT,
        "canvasDatasetMetadata": Anything(),
    }
)
ATHENA_DEFINITION = Record(
    fields={
        "__typename": Anything(),
        "datasetSourceType": OneOf("Athena"),
        "name": Text(),
        "description": Anything(),
        "catalogName": Text(default="AwsDataCatalog"),
        "databaseName": Text(),
        "queryString": Text(),
        "s3OutputLocation": Text(default=None),
        "outputFormat": OneOf("parquet", "PARQUET", "csv", "CSV", default="parquet"),
        "workgroup": Text(default=None),
        "workgroupOutputLocation": Anything(),
        "enforceWorkgroupConfiguration": Anything(),
        "compression": Anything(),
    }
)


def _somewhere(values: Any) -> str | None:
    definition = values["dataset_definition"]
    if definition["s3OutputLocation"] or definition["workgroup"]:
        return None
    return "dataset_definition: s3OutputLocation: missing; allowed: an S3 URI, or a workgroup that has one"


@operation("sagemaker.s3_source_0.1", node_type=SOURCE, inputs=(0, 0), dataset_definition=S3_DEFINITION)
def s3_source(sources: Sources, *, dataset_definition: dict[str, Any]) -> Table:
    """CSV or Parquet files, one table; CSV columns are texts, and without a header called _c0, _c1, …"""
    return sources.s3(dataset_definition["name"], dataset_definition["s3ExecutionContext"])


@operation(
    "sagemaker.athena_source_0.1",
    node_type=SOURCE,
    inputs=(0, 0),
    check=_somewhere,
    dataset_definition=ATHENA_DEFINITION,
)
def athena_source(sources: Sources, *, dataset_definition: dict[str, Any]) -> Table:
    """What Athena answers to a query that the job itself asks."""
    return sources.athena(dataset_definition)
