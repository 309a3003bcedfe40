# ruff: noqa: S608 - SQL is what this module makes; names are quoted and texts are literals
"""Statements that compute: SELECT, CREATE TABLE AS, INSERT INTO, UNLOAD, EXPLAIN."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Protocol
from urllib.parse import unquote

import duckdb
from sqlglot import exp

from local_aws.services.athena.failure import QueryCancelled, QueryFailed, not_supported
from local_aws.services.athena.names import qualified
from local_aws.services.athena.relations import CATALOG_NAME, Relations
from local_aws.services.athena.results import Answer, ResultColumn, as_text, result_column
from local_aws.services.athena.sandbox import Sandbox
from local_aws.services.athena.storage import JSON_HIVE, JSON_OPENX, LAZY, OPEN_CSV, PARQUET
from local_aws.services.athena.trino.dialect import parse_query, parse_statement
from local_aws.services.athena.trino.translate import duckdb_sql
from local_aws.services.athena.trino.types import DuckType, from_result
from local_aws.services.catalog import Catalog, data_files
from local_aws.services.catalog.files import folder_of
from local_aws.services.catalog.filter import NULL_PARTITION
from local_aws.services.catalog.types import duckdb_type, literal, parse_type, quoted
from local_aws.state.objects import Objects
from local_aws.state.records import Body

_UNNAMED = "_col\x00"
_ROWS_AT_ONCE = 10_000
_MOST_PARTITIONS = 100  # that CTAS, INSERT INTO and UNLOAD write at once, as on AWS


class PreparedStatements(Protocol):
    """Statements by name, as PREPARE stores them."""

    group: str  # the workgroup

    def find(self, name: str) -> Body | None:
        """``{"QueryStatement": …}``, or None."""

    def add(self, name: str, sql: str) -> None:
        """Store a statement. Raises RecordExists."""

    def remove(self, name: str) -> bool:
        """Forget a statement; False when there was none."""


@dataclass
class Session:
    """What a statement runs in."""

    query_id: str
    database: str  # of names that are not qualified
    parameters: Sequence[str]  # ExecutionParameters, for each ?
    output: str  # s3://bucket/prefix/ where results go
    catalog: Catalog
    objects: Objects
    sandbox: Sandbox
    relations: Relations
    prepared: PreparedStatements  # of the workgroup
    cancelled: Event  # set when Stop was asked for

    def go_on(self) -> None:
        """Before what others can see, e.g. files in S3. Raises QueryCancelled."""
        if self.cancelled.is_set():
            raise QueryCancelled


def select(session: Session, sql: str) -> Answer:
    """Run a query; its rows are fetched while they are written."""
    text = _translated(session, parse_query(sql), sql)
    return _answer(session.sandbox.connection, text)


def explain(session: Session, sql: str) -> Answer:
    """The plan: DuckDB's, because it is what runs."""
    inner = re.sub(r"^\s*EXPLAIN\s+(ANALYZE\s+(VERBOSE\s+)?)?(\([^)]*\)\s*)?", "", sql, flags=re.I)
    text = _translated(session, parse_query(inner), inner)
    rows = session.sandbox.connection.execute(f"EXPLAIN {text}").fetchall()
    session.relations.scanned.bytes = 0
    lines = [line for row in rows for line in str(row[1]).splitlines()]
    return Answer([ResultColumn("Query Plan", "varchar", 2147483647)], [[line] for line in lines])


def create_table_as(session: Session, sql: str) -> Answer:
    """CREATE TABLE name [WITH (…)] AS query: files first, then the table."""
    tree = parse_statement(sql)
    query = tree.args.get("expression") if isinstance(tree, exp.Create) else None
    if not isinstance(tree, exp.Create) or not isinstance(query, exp.Query):
        raise QueryFailed("SYNTAX_ERROR: line 1:1: expecting CREATE TABLE … AS SELECT")
    database, name = _target(tree.this, session.database)
    session.catalog.database(database)
    if session.catalog.find_table(database, name):
        if tree.args.get("exists"):
            return Answer(update_count=0)
        raise QueryFailed(
            f"TABLE_ALREADY_EXISTS: line 1:1: Table '{CATALOG_NAME}.{database}.{name}' already exists",
            error_type=1302,
        )
    options = _options(tree.args.get("properties"))
    written = _written_format(options)
    location = options.pop("external_location", None) or f"{session.output}tables/{session.query_id}/"
    location = location if location.endswith("/") else f"{location}/"
    keys = [key.lower() for key in _names(options.pop("partitioned_by", []))]
    if options:
        raise not_supported(f"the table property '{next(iter(options))}' of CREATE TABLE AS")
    if any(True for _ in data_files(session.objects, location)):
        raise QueryFailed(
            f"HIVE_PATH_ALREADY_EXISTS: Target directory for table '{database}.{name}' already exists: "
            f"{location}. You may need to manually clean the data at location before retrying athena query."
        )
    if tree.args.get("no_data") or _says_no_data(sql):
        query = (
            exp.select("*")
            .from_(exp.Subquery(this=query, alias=exp.TableAlias(this=exp.to_identifier("_q"))))
            .where("false")
        )
    text = _translated(session, query, sql)
    columns = _table_columns(session.sandbox.connection, text)
    if columns[len(columns) - len(keys) :] != [pair for pair in columns if pair[0] in keys] or not set(
        keys
    ) <= {column for column, _ in columns}:
        raise QueryFailed(
            "HIVE_COLUMN_ORDER_MISMATCH: Partition keys must be the last columns in the table and in the "
            f"same order as the table properties: [{', '.join(keys)}]"
        )
    files, count = _write(session, text, written, columns, keys=keys, location=location)
    own = columns[: len(columns) - len(keys)]
    table = session.catalog.create_table(
        database,
        {
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {
                "EXTERNAL": "TRUE",
                "has_encrypted_data": "false",
                "presto_query_id": session.query_id,
            },
            "PartitionKeys": [{"Name": key, "Type": dict(columns)[key]} for key in keys],
            "StorageDescriptor": _descriptor(written, own, location),
        },
    )
    _register_partitions(session.catalog, table, files)
    return Answer(update_count=count, manifest=[file.uri for file in files])


def insert_into(session: Session, sql: str) -> Answer:
    """INSERT INTO name [(columns)] query: new files beside the table's, new partitions registered."""
    tree = parse_statement(sql)
    query = tree.args.get("expression")
    if isinstance(query, exp.Values):
        query = exp.select("*").from_(query)
    if not isinstance(tree, exp.Insert) or not isinstance(query, exp.Query):
        raise QueryFailed("SYNTAX_ERROR: line 1:1: expecting INSERT INTO … SELECT or VALUES")
    named = tree.this.expressions if isinstance(tree.this, exp.Schema) else []
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    database, name = _target(target, session.database)
    table = session.catalog.find_table(database, name)
    if table is None:
        raise QueryFailed(
            f"TABLE_NOT_FOUND: line 1:1: Table '{CATALOG_NAME}.{database}.{name}' does not exist",
            error_type=1300,
        )
    if table.get("TableType") == "VIRTUAL_VIEW":
        raise QueryFailed("NOT_SUPPORTED: line 1:1: Inserting into views is not supported")
    storage = table["StorageDescriptor"]
    keys = [key["Name"] for key in table["PartitionKeys"]]
    columns = [
        (column["Name"], column.get("Type") or "string")
        for column in [*storage["Columns"], *table["PartitionKeys"]]
    ]
    written = _format_of(table)
    text = _coerced(session, _translated(session, query, sql), columns, [part.name.lower() for part in named])
    location = storage["Location"] if storage["Location"].endswith("/") else f"{storage['Location']}/"
    files, count = _write(session, text, written, columns, keys=keys, location=location)
    _register_partitions(session.catalog, table, files)
    return Answer(update_count=count, manifest=[file.uri for file in files])


def unload(session: Session, sql: str) -> Answer:
    """UNLOAD (query) TO 's3://…' WITH (format = …)."""
    found = re.fullmatch(
        r"\s*UNLOAD\s*\((?P<query>.*)\)\s*TO\s*'(?P<location>[^']+)'\s*(?P<with>WITH\s*\(.*\))?\s*",
        sql,
        re.I | re.S,
    )
    if not found:
        raise QueryFailed(
            "SYNTAX_ERROR: line 1:1: expecting UNLOAD (SELECT …) TO 's3://…' WITH (format = '…')"
        )
    options = _options(
        parse_statement(f"CREATE TABLE x {found['with'] or ''} AS SELECT 1").args.get("properties")
    )
    if "format" not in options:
        raise QueryFailed("SYNTAX_ERROR: line 1:1: UNLOAD needs the property 'format'")
    written = _written_format(options)
    keys = [key.lower() for key in _names(options.pop("partitioned_by", []))]
    if options:
        raise not_supported(f"the property '{next(iter(options))}' of UNLOAD")
    location = found["location"] if found["location"].endswith("/") else f"{found['location']}/"
    # Partitions are added beside those that are there, as Athena documents it.
    if not keys and any(True for _ in data_files(session.objects, location)):
        raise QueryFailed(
            f"HIVE_PATH_ALREADY_EXISTS: Target directory {location} is not empty. You may need to manually "
            "clean the data at location before retrying athena query."
        )
    text = _translated(session, parse_query(found["query"]), found["query"])
    columns = _table_columns(session.sandbox.connection, text)
    files, count = _write(session, text, written, columns, keys=keys, location=location)
    return Answer(update_count=count, manifest=[file.uri for file in files])


# Reading


def _translated(session: Session, tree: exp.Query, sql: str) -> str:
    tree = _name_columns(_with_parameters(tree, session.parameters))
    tree = session.relations.attach(tree, sql)
    session.sandbox.lock()
    return duckdb_sql(tree, sql, session.sandbox.connection, real="data", shape="shape")


def _with_parameters(tree: exp.Query, parameters: Sequence[str]) -> exp.Query:
    marks = list(tree.find_all(exp.Placeholder, bfs=False))
    if len(marks) != len(parameters):
        raise QueryFailed(
            f"INVALID_PARAMETER_USAGE: line 1:1: Incorrect number of parameters: expected {len(marks)} "
            f"but found {len(parameters)}"
        )
    for mark, value in zip(marks, parameters, strict=True):
        # A parameter is an expression in SQL: 'text', 42, DATE '2024-01-01'. A bare word is text.
        mark.replace(_parameter(value))
    return tree


def _parameter(value: str) -> exp.Expr:
    try:
        tree = parse_query(f"SELECT {value}").expressions
    except QueryFailed:
        tree = []
    constant = (exp.Literal, exp.Cast, exp.Neg, exp.Boolean, exp.Null)
    if len(tree) == 1 and isinstance(tree[0], constant) and not tree[0].find(exp.Column):
        found: exp.Expr = tree[0]
        return found
    return exp.Literal.string(value)


def _name_columns(tree: exp.Query) -> exp.Query:
    """Trino calls an unnamed column of the result _col0, _col1, … by its place."""
    first: exp.Expr = tree
    while isinstance(first, exp.SetOperation | exp.Subquery):
        first = first.this
    if isinstance(first, exp.Select):
        for number, column in enumerate(list(first.expressions)):
            named = isinstance(column, exp.Alias | exp.Column | exp.Star | exp.Dot)
            if not named:
                column.replace(exp.alias_(column.copy(), f"{_UNNAMED}{number}", quoted=True))
    return tree


def _answer(connection: duckdb.DuckDBPyConnection, text: str) -> Answer:
    cursor = connection.execute(text)
    kinds = [from_result(column[1]) for column in cursor.description or []]
    names = _result_names([column[0] for column in cursor.description or []])
    columns = [result_column(name, kind) for name, kind in zip(names, kinds, strict=True)]
    return Answer(columns, _rows(cursor, kinds))


def _rows(cursor: duckdb.DuckDBPyConnection, kinds: Sequence[DuckType]) -> Iterator[list[str | None]]:
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        for row in rows:
            yield [as_text(value, kind) for value, kind in zip(row, kinds, strict=True)]


def _result_names(names: Sequence[str]) -> list[str]:
    return [
        f"_col{number}" if name.startswith(_UNNAMED) else name.lower() for number, name in enumerate(names)
    ]


# Writing


@dataclass(frozen=True)
class _Format:
    name: str  # "PARQUET", "TEXTFILE", "JSON", "CSV" (OpenCSVSerde)
    compression: str  # "gzip", "snappy", "zstd", "none"
    delimiter: str = "\x01"


@dataclass(frozen=True)
class _WrittenFile:
    uri: str
    values: tuple[str, ...]  # of the partition keys
    folder: str  # its partition's location


_COMPRESSION = {"GZIP": "gzip", "SNAPPY": "snappy", "ZSTD": "zstd", "NONE": "none", "UNCOMPRESSED": "none"}


def _target(node: exp.Expr, database: str) -> tuple[str, str]:
    if isinstance(node, exp.Schema):
        raise QueryFailed("SYNTAX_ERROR: line 1:1: a table made by a query takes its columns from the query")
    table = node if isinstance(node, exp.Table) else exp.to_table("x")
    return qualified(".".join(f'"{part.name}"' for part in table.parts), database)


def _options(properties: exp.Properties | None) -> dict[str, Any]:
    """WITH (name = value, …) as lower-case names and text, or lists of text."""
    options: dict[str, Any] = {}
    for item in properties.expressions if properties else []:
        if isinstance(item, exp.FileFormatProperty):
            options["format"] = item.this.name if isinstance(item.this, exp.Expr) else str(item.this)
        elif isinstance(item, exp.PartitionedByProperty):
            options["partitioned_by"] = item.this
        elif isinstance(item, exp.LocationProperty):
            options["location"] = item.this.name
        elif isinstance(item, exp.WithDataProperty):
            continue  # a clause, not a property
        else:
            value = item.args.get("value")
            options[item.name.lower()] = (
                value if isinstance(value, exp.Array) else getattr(value, "name", value)
            )
    return options


def _names(value: Any) -> list[str]:
    if isinstance(value, exp.Expr):
        return [part.name for part in value.expressions]
    return list(value)


def _written_format(options: dict[str, Any]) -> _Format:
    name = str(options.pop("format", "PARQUET")).upper()
    given = (
        options.pop("write_compression", None)
        or options.pop("parquet_compression", None)
        or options.pop("compression", None)
    )
    delimiter = options.pop("field_delimiter", "\x01" if name == "TEXTFILE" else ",")
    if name not in ("PARQUET", "TEXTFILE", "JSON"):
        raise not_supported(f"writing {name}")
    if (
        str(options.pop("is_external", "true")).lower() != "true"
        or str(options.pop("table_type", "HIVE")).upper() != "HIVE"
    ):
        raise not_supported("managed and Iceberg tables")
    compression = _COMPRESSION.get(str(given or "GZIP").upper())
    if compression is None or (name != "PARQUET" and compression not in ("gzip", "none")):
        raise not_supported(f"writing {name} with {given}")
    return _Format(name, compression, delimiter)


def _format_of(table: Body) -> _Format:
    info = table["StorageDescriptor"].get("SerdeInfo") or {}
    serde, parameters = info.get("SerializationLibrary") or LAZY, info.get("Parameters") or {}
    if (table.get("Parameters") or {}).get("skip.header.line.count", "0") != "0":
        raise not_supported("INSERT INTO a table whose files have header lines")
    if serde == PARQUET:
        return _Format("PARQUET", "gzip")
    if serde in (JSON_OPENX, JSON_HIVE):
        return _Format("JSON", "gzip")
    if serde == OPEN_CSV:
        return _Format("CSV", "gzip", parameters.get("separatorChar", ","))
    if serde == LAZY:
        return _Format("TEXTFILE", "gzip", parameters.get("field.delim", "\x01"))
    raise not_supported(f"INSERT INTO tables of the SerDe {serde}")


def _descriptor(written: _Format, columns: Sequence[tuple[str, str]], location: str) -> Body:
    described = [{"Name": name, "Type": kind} for name, kind in columns]
    formats = {
        "PARQUET": (
            "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            PARQUET,
            {},
        ),
        "TEXTFILE": (
            "org.apache.hadoop.mapred.TextInputFormat",
            "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            LAZY,
            {"field.delim": written.delimiter, "serialization.format": written.delimiter},
        ),
        "JSON": (
            "org.apache.hadoop.mapred.TextInputFormat",
            "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            JSON_HIVE,
            {},
        ),
    }
    reads, writes, serde, parameters = formats[written.name]
    return {
        "Columns": described,
        "Location": location,
        "InputFormat": reads,
        "OutputFormat": writes,
        "Compressed": False,
        "SerdeInfo": {"SerializationLibrary": serde, "Parameters": parameters},
    }


def _table_columns(connection: duckdb.DuckDBPyConnection, text: str) -> list[tuple[str, str]]:
    """Names and Hive types of a query's columns. Raises QueryFailed for what a table cannot hold."""
    description = connection.execute(f"({text}) LIMIT 0").description or []
    columns = []
    for name, told in ((column[0], column[1]) for column in description):
        if name.startswith(_UNNAMED):
            raise QueryFailed(
                "MISSING_COLUMN_NAME: line 1:1: Column name not specified at position "
                f"{int(name.removeprefix(_UNNAMED)) + 1}"
            )
        hive = from_result(told).hive()
        if hive is None:
            raise QueryFailed(f"NOT_SUPPORTED: Unsupported Hive type: {from_result(told).trino()}")
        columns.append((name.lower(), hive))
    if len({name for name, _ in columns}) != len(columns):
        raise QueryFailed("DUPLICATE_COLUMN_NAME: line 1:1: Column name specified more than once")
    return columns


def _coerced(session: Session, text: str, columns: Sequence[tuple[str, str]], named: Sequence[str]) -> str:
    """The query with the table's names and types; a type that would have to be cast fails, as in Trino."""
    description = session.sandbox.connection.execute(f"({text}) LIMIT 0").description or []
    kinds = [from_result(column[1]) for column in description]
    targets = list(named) or [name for name, _ in columns]
    types = dict(columns)
    wanted = [types[name] for name in targets if name in types]
    given = ", ".join(kind.trino() for kind in kinds)
    mismatch = QueryFailed(
        "TYPE_MISMATCH: line 1:1: Insert query has mismatched column types: "
        f"Table: [{', '.join(wanted)}], Query: [{given}]"
    )
    if len(wanted) != len(targets) or len(kinds) != len(wanted):
        raise mismatch
    inner = [f"c{number}" for number in range(len(kinds))]
    values: Mapping[str, tuple[str, DuckType]] = dict(
        zip(targets, zip(inner, kinds, strict=True), strict=True)
    )
    selected = []
    for name, hive in columns:
        target = duckdb_type(parse_type(hive))
        if name not in values:
            selected.append(f"CAST(NULL AS {target}) AS {quoted(name)}")
            continue
        column, kind = values[name]
        if not _assignable(kind, target):
            raise mismatch
        selected.append(f"CAST({column} AS {target}) AS {quoted(name)}")
    return f"SELECT {', '.join(selected)} FROM ({text}) AS _q({', '.join(inner)})"


def _assignable(kind: DuckType, target: str) -> bool:
    families = {
        "number": ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL"),
        "varchar": ("VARCHAR",),
        "time": ("DATE", "TIMESTAMP"),
    }
    if kind.family not in families:
        return kind.trino() == "unknown" or kind.name in target or kind.name in ("LIST", "MAP", "STRUCT")
    if kind.family == "number" and kind.name in ("DOUBLE", "FLOAT", "DECIMAL"):
        return target.startswith(("FLOAT", "DOUBLE", "DECIMAL"))
    return target.startswith(families[kind.family])


def _write(
    session: Session,
    text: str,
    written: _Format,
    columns: Sequence[tuple[str, str]],
    *,
    keys: Sequence[str],
    location: str,
) -> tuple[list[_WrittenFile], int]:
    """Write a query's rows as files, first in the sandbox, then in S3; answers the files and the rows."""
    connection = session.sandbox.connection
    out = session.sandbox.scratch / "out"
    casts = ", ".join(
        f"CAST({quoted(name)} AS {duckdb_type(parse_type(kind))}) AS {quoted(name)}" for name, kind in columns
    )
    connection.execute(f"CREATE TEMP VIEW _written AS SELECT {casts} FROM ({text})")
    rows = _copy(connection, out, written, keys)
    session.go_on()
    found = sorted(each for each in out.rglob("*") if each.is_file())
    if keys and len({path.parent for path in found}) > _MOST_PARTITIONS:
        raise QueryFailed(
            f"HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of {_MOST_PARTITIONS} open writers for "
            "partitions/buckets"
        )
    files = [_upload(session, out, path, location, written) for path in found] if rows else []
    return files, rows


def _copy(connection: duckdb.DuckDBPyConnection, out: Path, written: _Format, keys: Sequence[str]) -> int:
    options = {
        "PARQUET": f"FORMAT parquet, COMPRESSION {written.compression.replace('none', 'uncompressed')}",
        "TEXTFILE": f"FORMAT csv, HEADER false, DELIMITER {literal(written.delimiter)}, QUOTE '', ESCAPE '',"
        f" NULLSTR '\\N', COMPRESSION {written.compression}",
        "CSV": f"FORMAT csv, HEADER false, DELIMITER {literal(written.delimiter)}, QUOTE '\"', ESCAPE '\"',"
        f" FORCE_QUOTE *, COMPRESSION {written.compression}",
        "JSON": f"FORMAT json, COMPRESSION {written.compression}",
    }[written.name]
    if keys:
        by = ", ".join(quoted(key) for key in keys)
        target = literal(str(out / "rows"))
        options += f", PARTITION_BY ({by}), OVERWRITE_OR_IGNORE true"
    else:
        target = literal(str(out / "rows"))
    (rows,) = connection.execute(f"COPY (SELECT * FROM _written) TO {target} ({options})").fetchone() or (0,)
    return int(rows)


def _upload(session: Session, out: Path, path: Path, location: str, written: _Format) -> _WrittenFile:
    bucket, prefix = folder_of(location)
    parts = path.relative_to(out / "rows").parts[:-1]
    values = tuple(unquote(part.split("=", 1)[1]) for part in parts)
    folder = "".join(f"{part}/" for part in parts)
    end = ".gz" if written.name != "PARQUET" and written.compression == "gzip" else ""
    key = f"{prefix}{folder}{session.query_id.replace('-', '_')}_{path.stem}{end}"
    session.objects.put_file(bucket, key, path, move=True)
    return _WrittenFile(f"s3://{bucket}/{key}", values, f"s3://{bucket}/{prefix}{folder}")


def _register_partitions(catalog: Catalog, table: Body, files: Sequence[_WrittenFile]) -> None:
    new = []
    for values, folder in sorted({(file.values, file.folder) for file in files if file.values}):
        kept = [NULL_PARTITION if value == "NULL" else value for value in values]
        if catalog.find_partition(table, kept) is None:
            storage = {**table["StorageDescriptor"], "Location": folder}
            new.append({"Values": kept, "StorageDescriptor": storage})
    catalog.create_partitions(table, new)


def _says_no_data(sql: str) -> bool:
    return bool(re.search(r"\bWITH\s+NO\s+DATA\s*$", sql, re.I))


def view_columns(session: Session, sql: str) -> list[tuple[str, str, str]]:
    """Name, Trino type and Hive type of the columns of a view's query. Raises QueryFailed."""
    text = _translated(session, parse_query(sql), sql)
    described = session.sandbox.connection.execute(f"({text}) LIMIT 0").description or []
    answer = []
    for column in described:
        if column[0].startswith(_UNNAMED):
            raise QueryFailed("MISSING_COLUMN_NAME: line 1:1: every column of a view needs a name")
        kind = from_result(column[1])
        answer.append((column[0].lower(), kind.trino(), kind.hive() or "string"))
    return answer


STATEMENTS: dict[str, Callable[[Session, str], Answer]] = {
    "SELECT": select,
    "EXPLAIN": explain,
    "CREATE_TABLE_AS_SELECT": create_table_as,
    "INSERT": insert_into,
    "UNLOAD": unload,
}
