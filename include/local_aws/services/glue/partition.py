"""Glue partitions of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from local_aws.services.catalog import Catalog
from local_aws.services.catalog.catalog import invalid
from local_aws.services.catalog.filter import BadFilter, condition, typed_values
from local_aws.services.context import Context
from local_aws.services.glue.listing import error_detail, listed
from local_aws.state.records import Body, Record
from local_aws.wire.errors import AwsError
from local_aws.wire.registry import Call, operation


def _table(context: Context, call: Call) -> Body:
    return Catalog(context).table(call.parameters["DatabaseName"], call.parameters["TableName"])


@operation("glue", "CreatePartition")
def create_partition(context: Context, call: Call) -> dict[str, Any]:
    """Register one partition."""
    Catalog(context).create_partition(_table(context, call), call.parameters["PartitionInput"])
    return {}


@operation("glue", "BatchCreatePartition")
def batch_create_partition(context: Context, call: Call) -> dict[str, Any]:
    """Register several partitions; those that fail are answered as errors."""
    catalog, table = Catalog(context), _table(context, call)
    errors = []
    for given in call.parameters["PartitionInputList"]:
        try:
            catalog.create_partition(table, given)
        except AwsError as error:
            errors.append(_failed(given.get("Values", []), error))
    return {"Errors": errors} if errors else {}


@operation("glue", "GetPartition")
def get_partition(context: Context, call: Call) -> dict[str, Any]:
    """Describe one partition by its values."""
    found = Catalog(context).partition(_table(context, call), call.parameters["PartitionValues"])
    return {"Partition": found}


@operation("glue", "BatchGetPartition")
def batch_get_partition(context: Context, call: Call) -> dict[str, Any]:
    """Describe several partitions; those that are not there are left out."""
    catalog, table = Catalog(context), _table(context, call)
    wanted = (catalog.find_partition(table, item["Values"]) for item in call.parameters["PartitionsToGet"])
    return {"Partitions": [found for found in wanted if found], "UnprocessedKeys": []}


@operation("glue", "GetPartitions")
def get_partitions(context: Context, call: Call) -> dict[str, Any]:
    """List partitions, those that fit ``Expression`` if it is given."""
    table = _table(context, call)
    keys = table["PartitionKeys"]
    records = Catalog(context).partition_records(table)
    if segment := call.parameters.get("Segment"):
        records = (
            record
            for number, record in enumerate(records)
            if number % segment["TotalSegments"] == segment["SegmentNumber"]
        )
    found = list(records)
    if call.parameters.get("Expression"):
        found = _fitting(found, call.parameters["Expression"], keys)

    answer = listed("Partitions", found, call.parameters, key=lambda record: record.key, largest=1000)
    answer["Partitions"] = [
        _without_columns(record.body) if call.parameters.get("ExcludeColumnSchema") else record.body
        for record in answer["Partitions"]
    ]
    return answer


@operation("glue", "UpdatePartition")
def update_partition(context: Context, call: Call) -> dict[str, Any]:
    """Replace a partition, also its values."""
    Catalog(context).update_partition(
        _table(context, call), call.parameters["PartitionValueList"], call.parameters["PartitionInput"]
    )
    return {}


@operation("glue", "BatchUpdatePartition")
def batch_update_partition(context: Context, call: Call) -> dict[str, Any]:
    """Replace several partitions; those that fail are answered as errors."""
    catalog, table = Catalog(context), _table(context, call)
    errors = []
    for entry in call.parameters["Entries"]:
        values = entry["PartitionValueList"]
        try:
            catalog.update_partition(table, values, entry["PartitionInput"])
        except AwsError as error:
            errors.append({"PartitionValueList": values, "ErrorDetail": error_detail(error)})
    return {"Errors": errors} if errors else {}


@operation("glue", "DeletePartition")
def delete_partition(context: Context, call: Call) -> dict[str, Any]:
    """Remove one partition; its objects in S3 stay."""
    Catalog(context).delete_partition(_table(context, call), call.parameters["PartitionValues"])
    return {}


@operation("glue", "BatchDeletePartition")
def batch_delete_partition(context: Context, call: Call) -> dict[str, Any]:
    """Remove several partitions; those that are not there are answered as errors."""
    catalog, table = Catalog(context), _table(context, call)
    errors = []
    for item in call.parameters["PartitionsToDelete"]:
        try:
            catalog.delete_partition(table, item["Values"])
        except AwsError as error:
            errors.append(_failed(item["Values"], error))
    return {"Errors": errors} if errors else {}


def _failed(values: Sequence[str], error: AwsError) -> dict[str, Any]:
    return {"PartitionValues": list(values), "ErrorDetail": error_detail(error)}


def _fitting(records: list[Record], expression: str, keys: list[Body]) -> list[Record]:
    try:
        fits = condition(expression, keys)
        return [record for record in records if fits(typed_values(keys, record.body["Values"]))]
    except BadFilter as problem:
        raise invalid(str(problem)) from None


def _without_columns(partition: Body) -> Body:
    storage = {**partition.get("StorageDescriptor", {})}
    storage.pop("Columns", None)
    return {**partition, "StorageDescriptor": storage}
