# ruff: noqa: S608 - SQL is what this module makes; names are quoted and texts are literals
"""A table's files as one relation of a locked DuckDB.

Read as Glue's Spark reads them: Parquet by column name; CSV with quotes, JSON an object a line; a text that
is no value of its column's type is NULL. Text is read once, into a table; Parquet stays where it is, since a
scan reads only the columns that it needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
from sqlglot import exp

MEMORY = "1GiB"  # what does not fit spills into the room
THREADS = 2
ROWS = "primary"  # the relation's name; CustomSql knows the table under it


class Unreadable(Exception):
    """The files are not what the catalog says they are."""


def name(text: str) -> str:
    """A DuckDB identifier."""
    return exp.to_identifier(text, quoted=True).sql("duckdb")


def literal(text: str) -> str:
    """A DuckDB string literal."""
    return exp.Literal.string(text).sql("duckdb")


def open_table(table: Mapping[str, Any], spill: Path) -> duckdb.DuckDBPyConnection:
    """A database that holds the view or table ``primary`` and can reach the table's files and nothing else.

    Args:
        table: ``{"columns": [[name, DuckDB type]], "keys": [[name, DuckDB type]], "directory",
            "groups": [{"format", "delimiter", "quote", "skip", "files": [{"path", "gzipped", "values"}]}]}``.
        spill: a directory for what does not fit into memory.

    Raises Unreadable.
    """
    connection = duckdb.connect(
        ":memory:",
        config={"memory_limit": MEMORY, "threads": THREADS, "autoinstall_known_extensions": False},
    )
    connection.execute(
        f"""
        SET TimeZone = 'UTC';
        SET temp_directory = {literal(str(spill))};
        SET enable_progress_bar = false;
        SET allowed_directories = [{literal(table["directory"])}];
        SET enable_external_access = false;
        SET lock_configuration = true;
        """
    )
    try:
        _fill(connection, table)
    except duckdb.Error as problem:
        raise Unreadable(str(problem).strip()) from None
    return connection


def _fill(connection: duckdb.DuckDBPyConnection, table: Mapping[str, Any]) -> None:
    keys = table["keys"]
    described = ", ".join(f"{name(column)} {kind}" for column, kind in keys)
    connection.execute(f"CREATE TABLE parts (filename VARCHAR{', ' if keys else ''}{described})")
    files = [file for group in table["groups"] for file in group["files"]]
    if files:
        rows = [[file["path"], *file["values"]] for file in files]
        values = ", ".join(["unnest(CAST(? AS VARCHAR[]))"] * len(rows[0]))
        connection.execute(
            f"INSERT INTO parts SELECT {values}", [list(column) for column in zip(*rows, strict=True)]
        )
    scans = [
        _READERS[group["format"]](connection, group, table["columns"])
        for group in table["groups"]
        if group["files"]
    ]
    empty = ", ".join(f"NULL::{kind} AS {name(column)}" for column, kind in table["columns"])
    scans = scans or [f"SELECT {empty}, NULL::VARCHAR AS filename WHERE false"]
    own = [f"f.{name(column)}" for column, _ in table["columns"]]
    added = [f"p.{name(column)}" for column, _ in keys]
    body = (
        f"SELECT {', '.join(own + added)} FROM ({' UNION ALL BY NAME '.join(scans)}) f"
        " JOIN parts p ON f.filename = p.filename"
    )
    if not keys:
        body = f"SELECT {', '.join(own)} FROM ({' UNION ALL BY NAME '.join(scans)}) f"
    parquet = all(group["format"] == "parquet" for group in table["groups"])
    connection.execute(f"CREATE {'VIEW' if parquet else 'TABLE'} {name(ROWS)} AS {body}")


def _paths(files: Sequence[Mapping[str, Any]]) -> str:
    return f"[{', '.join(literal(file['path']) for file in files)}]"


def _parquet(
    connection: duckdb.DuckDBPyConnection, group: Mapping[str, Any], columns: Sequence[tuple[str, str]]
) -> str:
    reader = (
        f"read_parquet({_paths(group['files'])}, union_by_name=true, filename=true, hive_partitioning=false)"
    )
    held = {row[0].lower() for row in connection.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()}
    selected = [
        f"CAST({name(column)} AS {kind}) AS {name(column)}"
        if column in held
        else f"NULL::{kind} AS {name(column)}"
        for column, kind in columns
    ]
    return f"SELECT {', '.join([*selected, 'filename'])} FROM {reader}"


def _text(_: duckdb.DuckDBPyConnection, group: Mapping[str, Any], columns: Sequence[tuple[str, str]]) -> str:
    """CSV; short rows are filled with NULL, an empty field that is not quoted is NULL."""
    described = ", ".join(f"{literal(column)}: 'VARCHAR'" for column, _ in columns)
    selected = ", ".join(_cast(name(column), kind) + f" AS {name(column)}" for column, kind in columns)
    parts = []
    for gzipped in (False, True):
        files = [file for file in group["files"] if file["gzipped"] == gzipped]
        if files:
            parts.append(
                f"SELECT {selected}, filename FROM read_csv({_paths(files)}, columns={{{described}}},"
                f" delim={literal(group['delimiter'])}, quote={literal(group['quote'])},"
                f" escape={literal(group['quote'])}, skip={int(group['skip'])}, header=false,"
                " auto_detect=false, null_padding=true, parallel=false, filename=true,"
                f" compression='{'gzip' if gzipped else 'none'}')"
            )
    return " UNION ALL BY NAME ".join(parts)


def _json(_: duckdb.DuckDBPyConnection, group: Mapping[str, Any], columns: Sequence[tuple[str, str]]) -> str:
    selected = ", ".join(
        _cast(f"json_extract_string(json, {literal(_path(column))})", kind) + f" AS {name(column)}"
        for column, kind in columns
    )
    parts = []
    for gzipped in (False, True):
        files = [file for file in group["files"] if file["gzipped"] == gzipped]
        if files:
            parts.append(
                f"SELECT {selected}, filename FROM read_json_objects({_paths(files)},"
                f" format='newline_delimited', filename=true, compression='{'gzip' if gzipped else 'none'}')"
            )
    return " UNION ALL BY NAME ".join(parts)


def _path(key: str) -> str:
    return '$."' + key.replace('"', '\\"') + '"'


def _cast(value: str, kind: str) -> str:
    if kind == "VARCHAR":
        return value
    if kind.endswith(("INT", "INTEGER")):  # else DuckDB would round 2.7 to 3
        whole = f"regexp_full_match({value}, '\\s*[+-]?[0-9]+\\s*')"
        return f"CASE WHEN {whole} THEN TRY_CAST({value} AS {kind}) END"
    return f"TRY_CAST({value} AS {kind})"


_READERS = {"parquet": _parquet, "csv": _text, "json": _json}
