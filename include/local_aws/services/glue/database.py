"""Glue databases."""

from __future__ import annotations

from typing import Any

from local_aws.services.catalog import Catalog
from local_aws.services.context import Context
from local_aws.services.glue.listing import listed
from local_aws.wire.registry import Call, operation


@operation("glue", "CreateDatabase")
def create_database(context: Context, call: Call) -> dict[str, Any]:
    """Make a database of the catalog."""
    Catalog(context).create_database(call.parameters["DatabaseInput"])
    return {}


@operation("glue", "GetDatabase")
def get_database(context: Context, call: Call) -> dict[str, Any]:
    """Describe one database."""
    return {"Database": Catalog(context).database(call.parameters["Name"])}


@operation("glue", "GetDatabases")
def get_databases(context: Context, call: Call) -> dict[str, Any]:
    """List all databases by name."""
    return listed(
        "DatabaseList", Catalog(context).databases(), call.parameters, key=lambda database: database["Name"]
    )


@operation("glue", "UpdateDatabase")
def update_database(context: Context, call: Call) -> dict[str, Any]:
    """Replace a database's description."""
    Catalog(context).update_database(call.parameters["Name"], call.parameters["DatabaseInput"])
    return {}


@operation("glue", "DeleteDatabase")
def delete_database(context: Context, call: Call) -> dict[str, Any]:
    """Remove a database with its tables."""
    Catalog(context).delete_database(call.parameters["Name"])
    return {}
