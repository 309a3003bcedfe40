"""The data catalog as Athena shows it: one, AwsDataCatalog, which is Glue's."""

from __future__ import annotations

import re
from typing import Any

from local_aws.services.athena.requests import invalid_request, listed
from local_aws.services.catalog import Catalog
from local_aws.services.context import Context
from local_aws.state.records import Body
from local_aws.wire.errors import AwsError
from local_aws.wire.registry import Call, operation

_NAME = "AwsDataCatalog"


@operation("athena", "ListDataCatalogs")
def list_data_catalogs(_: Context, __: Call) -> dict[str, Any]:
    """List the one catalog."""
    return {"DataCatalogsSummary": [{"CatalogName": _NAME, "Type": "GLUE", "Status": "CREATE_COMPLETE"}]}


@operation("athena", "GetDataCatalog")
def get_data_catalog(context: Context, call: Call) -> dict[str, Any]:
    """Describe the one catalog."""
    _check(call.parameters["Name"])
    parameters = {"catalog-id": context.settings.account_id}
    return {"DataCatalog": {"Name": _NAME, "Type": "GLUE", "Parameters": parameters}}


@operation("athena", "ListDatabases")
def list_databases(context: Context, call: Call) -> dict[str, Any]:
    """List the databases by name."""
    _check(call.parameters["CatalogName"])
    answer = listed(
        "DatabaseList", Catalog(context).databases(), call.parameters, key=lambda each: each["Name"]
    )
    answer["DatabaseList"] = [_database(each) for each in answer["DatabaseList"]]
    return answer


@operation("athena", "GetDatabase")
def get_database(context: Context, call: Call) -> dict[str, Any]:
    """Describe a database."""
    _check(call.parameters["CatalogName"])
    try:
        return {"Database": _database(Catalog(context).database(call.parameters["DatabaseName"]))}
    except AwsError as error:
        raise AwsError("MetadataException", error.message) from None


@operation("athena", "ListTableMetadata")
def list_table_metadata(context: Context, call: Call) -> dict[str, Any]:
    """List a database's tables, those whose name the regular expression ``Expression`` finds."""
    _check(call.parameters["CatalogName"])
    try:
        fits = re.compile(call.parameters.get("Expression") or "", re.IGNORECASE)
        tables = list(Catalog(context).tables(call.parameters["DatabaseName"]))
    except re.error as problem:
        raise invalid_request(f"Invalid expression: {problem}") from None
    except AwsError as error:
        raise AwsError("MetadataException", error.message) from None
    found = [table for table in tables if fits.search(table["Name"])]
    answer = listed("TableMetadataList", found, call.parameters, key=lambda table: table["Name"])
    answer["TableMetadataList"] = [_table(table) for table in answer["TableMetadataList"]]
    return answer


@operation("athena", "GetTableMetadata")
def get_table_metadata(context: Context, call: Call) -> dict[str, Any]:
    """Describe a table."""
    _check(call.parameters["CatalogName"])
    try:
        table = Catalog(context).table(call.parameters["DatabaseName"], call.parameters["TableName"])
    except AwsError as error:
        raise AwsError("MetadataException", error.message) from None
    return {"TableMetadata": _table(table)}


def _check(name: str) -> None:
    if name.lower() != _NAME.lower():
        raise invalid_request(f"DataCatalog {name} was not found")


def _database(body: Body) -> Body:
    answer = {"Name": body["Name"], "Parameters": body.get("Parameters", {})}
    return {**answer, "Description": body["Description"]} if body.get("Description") else answer


def _table(body: Body) -> Body:
    storage = body.get("StorageDescriptor") or {}
    serde = storage.get("SerdeInfo") or {}
    parameters = {
        **(body.get("Parameters") or {}),
        "location": storage.get("Location", ""),
        "inputformat": storage.get("InputFormat", ""),
        "outputformat": storage.get("OutputFormat", ""),
        "serde.serialization.lib": serde.get("SerializationLibrary", ""),
        **{f"serde.param.{key}": value for key, value in (serde.get("Parameters") or {}).items()},
    }
    return {
        "Name": body["Name"],
        "CreateTime": body["CreateTime"],
        "TableType": body.get("TableType", ""),
        "Columns": [_column(column) for column in storage.get("Columns") or []],
        "PartitionKeys": [_column(column) for column in body.get("PartitionKeys") or []],
        "Parameters": parameters,
    }


def _column(column: Body) -> Body:
    kept = {key: column[key] for key in ("Name", "Type", "Comment") if column.get(key)}
    return {"Type": "string", **kept}
