"""information_schema: the catalog as tables, as Trino shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from local_aws.services.catalog import Catalog
from local_aws.services.catalog.types import parse_type, trino_type
from local_aws.state.records import Body

_CATALOG = "awsdatacatalog"
Row = list[str | None]


def _schemata(catalog: Catalog) -> Iterator[Row]:
    for database in catalog.databases():
        yield [_CATALOG, database["Name"]]


def _tables(catalog: Catalog) -> Iterator[Row]:
    for table in _all_tables(catalog):
        is_view = table.get("TableType") == "VIRTUAL_VIEW"
        yield [_CATALOG, table["DatabaseName"], table["Name"], "VIEW" if is_view else "BASE TABLE"]


def _columns(catalog: Catalog) -> Iterator[Row]:
    for table in _all_tables(catalog):
        storage, keys = table.get("StorageDescriptor") or {}, table.get("PartitionKeys") or []
        own = [(column, None) for column in storage.get("Columns") or []]
        for place, (column, extra) in enumerate([*own, *((key, "partition key") for key in keys)], start=1):
            kind = trino_type(parse_type(column.get("Type") or "string"))
            where = [_CATALOG, table["DatabaseName"], table["Name"]]
            yield [*where, column["Name"], str(place), None, "YES", kind, column.get("Comment"), extra]


def _all_tables(catalog: Catalog) -> Iterator[Body]:
    for database in catalog.databases():
        yield from catalog.tables(database["Name"])


# Name of the table -> names and DuckDB types of its columns, and what makes its rows.
TABLES: dict[str, tuple[dict[str, str], Callable[[Catalog], Iterator[Row]]]] = {
    "schemata": ({"catalog_name": "VARCHAR", "schema_name": "VARCHAR"}, _schemata),
    "tables": (
        {
            "table_catalog": "VARCHAR",
            "table_schema": "VARCHAR",
            "table_name": "VARCHAR",
            "table_type": "VARCHAR",
        },
        _tables,
    ),
    "columns": (
        {
            "table_catalog": "VARCHAR",
            "table_schema": "VARCHAR",
            "table_name": "VARCHAR",
            "column_name": "VARCHAR",
            "ordinal_position": "BIGINT",
            "column_default": "VARCHAR",
            "is_nullable": "VARCHAR",
            "data_type": "VARCHAR",
            "comment": "VARCHAR",
            "extra_info": "VARCHAR",
        },
        _columns,
    ),
}
