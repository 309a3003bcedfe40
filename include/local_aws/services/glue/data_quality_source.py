"""What a data quality run reads: a table of the catalog, or those of its partitions that a predicate selects.

The table's description is taken when the run is started, its files are linked when the run begins. A link is
the object as it is then: nothing that happens to the key later reaches the run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from local_aws.services.catalog import Catalog, data_files
from local_aws.services.catalog.catalog import invalid
from local_aws.services.catalog.filter import NULL_PARTITION, BadFilter, condition, typed_values
from local_aws.services.catalog.types import duckdb_type, parse_type
from local_aws.services.context import Context
from local_aws.state.objects import Objects
from local_aws.state.records import Body
from local_aws.wire.errors import NotEmulated

PREDICATES = ("pushDownPredicate", "catalogPartitionPredicate")
_FORMATS = {
    "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe": "csv",
    "org.apache.hadoop.hive.serde2.OpenCSVSerde": "csv",
    "org.openx.data.jsonserde.JsonSerDe": "json",
    "org.apache.hive.hcatalog.data.JsonSerDe": "json",
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe": "parquet",
}


def described(context: Context, api: str, source: Mapping[str, Any]) -> Body:
    """The table that a DataSource names, as the run's record keeps it.

    ``{"columns": [[name, DuckDB type]], "keys": the same, "parts": [{"location", "format", "delimiter",
    "quote", "skip", "values"}]}``. Raises EntityNotFound-, InvalidInputException, NotEmulated.
    """
    named = _named(context, api, source)
    table = Catalog(context).table(named["DatabaseName"], named["TableName"])
    descriptor = table.get("StorageDescriptor") or {}
    if table.get("TableType") == "VIRTUAL_VIEW" or not descriptor.get("Location"):
        raise NotEmulated("glue", api, f"table {table['Name']}, which has no location")
    keys = table.get("PartitionKeys") or []
    fits = _predicate(named.get("AdditionalOptions") or {}, keys)
    parts = []
    if keys:
        for partition in Catalog(context).partitions(table):
            if fits(partition["Values"]):
                own = partition.get("StorageDescriptor") or {}
                parts.append(
                    _part(
                        api,
                        table,
                        own if own.get("SerdeInfo") else {**descriptor, **own},
                        partition["Values"],
                    )
                )
    else:
        parts.append(_part(api, table, descriptor, []))
    return {"columns": _columns(descriptor.get("Columns") or []), "keys": _columns(keys), "parts": parts}


def linked(objects: Objects, table: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """The same with its files, linked into ``directory``: what the program's ``open_table`` wants."""
    directory.mkdir(parents=True)
    groups: dict[tuple[str, str, str, int], list[dict[str, Any]]] = {}
    number = 0
    for part in table["parts"]:
        group = groups.setdefault((part["format"], part["delimiter"], part["quote"], part["skip"]), [])
        for file in data_files(objects, part["location"]):
            path = directory / f"{number:06d}"
            number += 1
            os.link(objects.path(file.bucket, file.key), path)
            values = [None if value == NULL_PARTITION else value for value in part["values"]]
            group.append({"path": str(path), "gzipped": file.gzipped, "values": values})
    return {
        "columns": table["columns"],
        "keys": table["keys"],
        "directory": f"{directory}/",
        "groups": [
            {"format": form, "delimiter": delimiter, "quote": quote, "skip": skip, "files": files}
            for (form, delimiter, quote, skip), files in groups.items()
        ],
    }


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two DataSources name one table, whatever part of it."""
    return list(_tables(one)) == list(_tables(other))


def _tables(source: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for named in source.values():
        yield named["DatabaseName"].lower(), named["TableName"].lower()


def _named(context: Context, api: str, source: Mapping[str, Any]) -> Mapping[str, Any]:
    if len(source) != 1:
        raise invalid("DataSource needs exactly one of GlueTable and DataQualityGlueTable.")
    named: Mapping[str, Any] = next(iter(source.values()))
    for member in ("ConnectionName", "PreProcessingQuery"):
        if named.get(member):
            raise NotEmulated("glue", api, f"DataSource {member}")
    account = context.settings.account_id
    if named.get("CatalogId", account) != account:
        raise NotEmulated("glue", api, f"the catalog of account {named['CatalogId']}")
    return named


def _predicate(options: Mapping[str, str], keys: list[Body]) -> Callable[[list[str]], bool]:
    """Whether a partition's values fulfil all predicates."""
    for option in options:
        if option not in PREDICATES:
            raise invalid(f"AdditionalOptions {option} is not one of {', '.join(PREDICATES)}.")
    try:
        conditions = [condition(text, keys) for text in options.values() if text.strip()]
    except BadFilter as problem:
        raise invalid(str(problem)) from None

    def fits(values: list[str]) -> bool:
        try:
            return all(test(typed_values(keys, values)) for test in conditions)
        except BadFilter as problem:
            raise invalid(str(problem)) from None

    return fits


def _part(api: str, table: Body, descriptor: Mapping[str, Any], values: list[str]) -> Body:
    info = descriptor.get("SerdeInfo") or {}
    serde = info.get("SerializationLibrary") or next(iter(_FORMATS))
    if serde not in _FORMATS:
        raise NotEmulated("glue", api, f"tables of the SerDe {serde}")
    serde_parameters, parameters = info.get("Parameters") or {}, table.get("Parameters") or {}
    default = "," if serde.endswith("OpenCSVSerde") or parameters.get("classification") == "csv" else "\x01"
    skip = parameters.get("skip.header.line.count") or serde_parameters.get("skip.header.line.count") or "0"
    return {
        "location": descriptor.get("Location") or "",
        "format": _FORMATS[serde],
        "delimiter": serde_parameters.get("separatorChar") or serde_parameters.get("field.delim") or default,
        "quote": serde_parameters.get("quoteChar") or '"',
        "skip": int(skip),
        "values": values,
    }


def _columns(columns: list[Body]) -> list[list[str]]:
    return [[each["Name"], duckdb_type(parse_type(each.get("Type") or "string"))] for each in columns]
