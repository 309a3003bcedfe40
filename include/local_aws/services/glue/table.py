"""Glue tables and their versions."""

from __future__ import annotations

import re
from typing import Any

from local_aws.services.catalog import Catalog
from local_aws.services.catalog.catalog import invalid, missing
from local_aws.services.context import Context
from local_aws.services.glue.listing import error_detail, listed
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation


@operation("glue", "CreateTable")
def create_table(context: Context, call: Call) -> dict[str, Any]:
    """Make a table; PartitionIndexes and open table formats are refused."""
    for unsupported in ("OpenTableFormatInput", "PartitionIndexes"):
        if call.parameters.get(unsupported):
            raise NotEmulated("glue", "CreateTable", unsupported)
    given = call.parameters.get("TableInput")
    if not given:
        raise invalid("TableInput is required.")
    Catalog(context).create_table(call.parameters["DatabaseName"], given)
    return {}


@operation("glue", "GetTable")
def get_table(context: Context, call: Call) -> dict[str, Any]:
    """Describe one table."""
    return {"Table": Catalog(context).table(call.parameters["DatabaseName"], call.parameters["Name"])}


@operation("glue", "GetTables")
def get_tables(context: Context, call: Call) -> dict[str, Any]:
    """List a database's tables whose whole name fits the regular expression ``Expression``."""
    fits = _pattern(call.parameters.get("Expression"))
    tables = Catalog(context).tables(call.parameters["DatabaseName"])
    return listed(
        "TableList",
        (table for table in tables if fits.fullmatch(table["Name"])),
        call.parameters,
        key=lambda table: table["Name"],
    )


@operation("glue", "SearchTables")
def search_tables(context: Context, call: Call) -> dict[str, Any]:
    """Find tables by text in names and descriptions, and by filters on DatabaseName, Name and parameters."""
    catalog = Catalog(context)
    text = (call.parameters.get("SearchText") or "").strip('"').lower()
    filters = call.parameters.get("Filters") or []
    found = (
        table
        for database in catalog.databases()
        for table in catalog.tables(database["Name"])
        if text in _searchable(table) and all(_passes(table, rule) for rule in filters)
    )
    return listed(
        "TableList", found, call.parameters, key=lambda table: (table["DatabaseName"], table["Name"])
    )


@operation("glue", "UpdateTable")
def update_table(context: Context, call: Call) -> dict[str, Any]:
    """Replace a table's definition; what was before becomes a version unless SkipArchive."""
    parameters = call.parameters
    if not parameters.get("TableInput"):
        raise NotEmulated("glue", "UpdateTable", "anything but TableInput")
    Catalog(context).update_table(
        parameters["DatabaseName"],
        parameters["TableInput"],
        archive=not parameters.get("SkipArchive"),
        version=parameters.get("VersionId"),
    )
    return {}


@operation("glue", "DeleteTable")
def delete_table(context: Context, call: Call) -> dict[str, Any]:
    """Remove a table with its partitions; its objects in S3 stay."""
    Catalog(context).delete_table(call.parameters["DatabaseName"], call.parameters["Name"])
    return {}


@operation("glue", "BatchDeleteTable")
def batch_delete_table(context: Context, call: Call) -> dict[str, Any]:
    """Remove several tables; those that are not there are answered as errors."""
    catalog = Catalog(context)
    database = catalog.database(call.parameters["DatabaseName"])["Name"]
    errors = []
    for name in call.parameters["TablesToDelete"]:
        try:
            catalog.delete_table(database, name)
        except AwsError as error:
            errors.append({"TableName": name, "ErrorDetail": error_detail(error)})
    return {"Errors": errors} if errors else {}


@operation("glue", "GetTableVersions")
def get_table_versions(context: Context, call: Call) -> dict[str, Any]:
    """List a table as it is and as it was, newest first."""
    versions = Catalog(context).table_versions(call.parameters["DatabaseName"], call.parameters["TableName"])
    answers = [{"Table": version, "VersionId": version["VersionId"]} for version in versions]
    return listed(
        "TableVersions",
        answers,
        call.parameters,
        key=lambda version: int(version["VersionId"]),
        descending=True,
    )


@operation("glue", "GetTableVersion")
def get_table_version(context: Context, call: Call) -> dict[str, Any]:
    """Describe one version of a table; without VersionId the newest."""
    wanted = call.parameters.get("VersionId")
    for version in Catalog(context).table_versions(
        call.parameters["DatabaseName"], call.parameters["TableName"]
    ):
        if wanted in (None, version["VersionId"]):
            return {"TableVersion": {"Table": version, "VersionId": version["VersionId"]}}
    raise missing(f"Version {wanted} not found.")


def _pattern(expression: str | None) -> re.Pattern[str]:
    # Glue's expressions come from Hive, where a lone * means anything.
    try:
        return re.compile(".*" if expression in (None, "", "*") else str(expression), re.IGNORECASE)
    except re.error as problem:
        raise invalid(f"Invalid table name expression '{expression}': {problem}") from None


def _searchable(table: dict[str, Any]) -> str:
    columns = table.get("StorageDescriptor", {}).get("Columns", [])
    words = [table["Name"], table.get("Description", ""), *(column["Name"] for column in columns)]
    return " ".join(words).lower()


def _passes(table: dict[str, Any], rule: dict[str, Any]) -> bool:
    key, value = rule.get("Key", ""), rule.get("Value", "")
    held = table.get(key[:1].upper() + key[1:], table.get("Parameters", {}).get(key))
    if rule.get("Comparator", "EQUALS") != "EQUALS":
        raise NotEmulated("glue", "SearchTables", f"comparator {rule['Comparator']}")
    return str(held) == str(value)
