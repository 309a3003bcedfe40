"""What hands a table on: a split's output as a data set of its own, and where a table is to be written."""

from __future__ import annotations

from typing import Any

from local_aws.images.data_wrangler.parameters import Anything, OneOf, Record, Text
from local_aws.images.data_wrangler.registry import DATASET, DESTINATION, operation
from local_aws.images.data_wrangler.values import Table

OUTPUT_CONFIG = Record(
    fields={
        "output_path": Text(),
        "output_content_type": OneOf("CSV", "PARQUET", default="CSV"),
        "delimiter": Text(default=","),
        "compression": Text(default=None),
        "partition_config": Anything(),
        "dataset_name": Anything(),
        "file_name": Anything(),
        "file_type": Anything(),
        "file_format_type": Anything(),
    }
)


@operation("sagemaker.dataset.identity_0.1", node_type=DATASET)
def identity(table: Table) -> Table:
    """The table as it is."""
    return table


@operation("sagemaker.spark.s3_destination_0.1", node_type=DESTINATION, output_config=OUTPUT_CONFIG)
def s3_destination(table: Table, *, output_config: dict[str, Any]) -> Table:
    """The table as it is. In a job its place is the job's output, not ``output_path``, as on AWS."""
    return table
