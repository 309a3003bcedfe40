# ruff: noqa: S608 - SQL is what this module makes; names are quoted and texts are literals
"""How a table's files are read: SerDe by SerDe, as SQL over DuckDB's readers.

    LazySimpleSerDe   a line is fields between delimiters; no quotes; what is no value of its type is NULL
    OpenCSVSerde      quotes and backslashes; what is no value of its type fails the query (HIVE_BAD_DATA)
    JSON SerDes       an object a line, keys in any case; text that is no JSON fails the query
    Parquet           columns by name; a type that does not fit the table's fails the query

Text is read line by line and taken apart in SQL, not by DuckDB's CSV reader, because Hive has other ideas of
quotes, of short and long lines and of bad values, and a row must never be lost or moved silently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet

from local_aws.services.athena.failure import QueryFailed, not_supported
from local_aws.services.catalog.types import HiveType, duckdb_type, literal, parse_type, quoted

LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
OPEN_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
JSON_OPENX = "org.openx.data.jsonserde.JsonSerDe"
JSON_HIVE = "org.apache.hive.hcatalog.data.JsonSerDe"
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"

# What no line of text contains: the reader then gives whole lines.
_NEVER = "\x1c\x1d\x1e\x1f"
_LONGEST_LINE = 16 * 1024 * 1024

Column = tuple[str, HiveType]


@dataclass(frozen=True)
class Storage:
    """How some files are to be read."""

    serde: str
    serde_parameters: tuple[tuple[str, str], ...]
    skip_lines: int  # header lines of each file

    def parameter(self, *names: str) -> str | None:
        """The first of these SerDe parameters that is set."""
        held = dict(self.serde_parameters)
        return next((held[name] for name in names if name in held), None)


def storage_of(descriptor: Mapping[str, Any], table_parameters: Mapping[str, str]) -> Storage:
    """From a StorageDescriptor and the table's parameters. Raises QueryFailed for a SerDe not emulated."""
    info = descriptor.get("SerdeInfo") or {}
    serde = info.get("SerializationLibrary") or LAZY
    if serde not in _READERS:
        raise not_supported(f"reading tables of the SerDe {serde}")
    parameters = {**info.get("Parameters", {})}
    skip = table_parameters.get("skip.header.line.count") or parameters.get("skip.header.line.count") or "0"
    if (table_parameters.get("skip.footer.line.count") or "0") != "0":
        raise not_supported("skip.footer.line.count")
    return Storage(serde, tuple(sorted(parameters.items())), int(skip))


@dataclass(frozen=True)
class LinkedFile:
    """A data file in the sandbox."""

    path: Path
    gzipped: bool
    uri: str  # for messages
    size: int  # bytes


def scan_sql(storage: Storage, files: Sequence[LinkedFile], columns: Sequence[Column]) -> str:
    """A SELECT of ``filename`` and the table's columns over files of one storage. Raises QueryFailed."""
    return _READERS[storage.serde](storage, files, columns)


def _lines(files: Sequence[LinkedFile], skip: int) -> str:
    parts = []
    for gzipped in (False, True):
        paths = [literal(str(file.path)) for file in files if file.gzipped == gzipped]
        if paths:
            parts.append(
                f"SELECT coalesce(line, '') AS line, filename FROM read_csv([{', '.join(paths)}],"
                f" columns={{'line': 'VARCHAR'}}, delim='{_NEVER}', quote='', escape='', header=false,"
                f" auto_detect=false, strict_mode=false, skip={skip}, max_line_size={_LONGEST_LINE},"
                f" filename=true, compression='{'gzip' if gzipped else 'none'}')"
            )
    return " UNION ALL ".join(parts)


# LazySimpleSerDe


def _lazy(storage: Storage, files: Sequence[LinkedFile], columns: Sequence[Column]) -> str:
    delimiter = storage.parameter("field.delim", "serialization.format") or "\x01"
    if delimiter.isdigit():  # serialization.format holds a character's number when it is the default
        delimiter = chr(int(delimiter))
    escape = storage.parameter("escape.delim")
    null = storage.parameter("serialization.null.format")
    null = "\\N" if null is None else null
    collection = storage.parameter("colelction.delim", "collection.delim") or "\x02"

    line, after = "line", "{0}"
    if escape:
        # Escaped characters become letters that no text holds, and themselves again in each field.
        line = (
            f"replace(replace(line, {literal(escape * 2)}, chr(57344)),"
            f" {literal(escape + delimiter)}, chr(57345))"
        )
        after = f"replace(replace({{0}}, chr(57345), {literal(delimiter)}), chr(57344), {literal(escape)})"

    selected = ["filename"]
    for number, (name, kind) in enumerate(columns, start=1):
        field = after.format(f"f[{number}]")
        value = f"CASE WHEN {field} <> {literal(null)} THEN {field} END"
        selected.append(f"{_lazy_value(value, kind, collection)} AS {quoted(name)}")
    lines = _lines(files, storage.skip_lines)
    split = f"SELECT filename, str_split({line}, {literal(delimiter)}) AS f FROM ({lines})"
    return f"SELECT {', '.join(selected)} FROM ({split})"


def _lazy_value(value: str, kind: HiveType, collection: str) -> str:
    target = duckdb_type(kind)
    if kind.name in ("string", "varchar", "char"):
        return f"left({value}, {kind.arguments[0]})" if kind.arguments else value
    if kind.name in ("tinyint", "smallint", "int", "bigint"):
        test = f"regexp_full_match({value}, '\\s*[+-]?[0-9]+\\s*')"
    elif kind.name in ("float", "double", "decimal"):
        test = f"trino_number_text({value})"
    elif kind.name == "boolean":
        test = f"lower({value}) IN ('true', 'false')"
    elif kind.name == "date":
        test = f"trino_date_text({value})"
    elif kind.name == "timestamp":
        test = f"trino_timestamp_text({value})"
    elif kind.name == "binary":
        return f"encode({value})"
    elif kind.name == "array" and not kind.children[0].nested:
        item = _lazy_value("item", kind.children[0], collection)
        return f"list_transform(str_split({value}, {literal(collection)}), lambda item: {item})"
    else:
        raise not_supported(f"columns of type {kind} in text files")
    return f"CASE WHEN {test} THEN TRY_CAST(trim({value}) AS {target}) END"


# OpenCSVSerde


def _open_csv(storage: Storage, files: Sequence[LinkedFile], columns: Sequence[Column]) -> str:
    separator = storage.parameter("separatorChar") or ","
    quote = storage.parameter("quoteChar") or '"'
    escape = storage.parameter("escapeChar") or "\\"
    plain, q, e = (_in_class(letter) for letter in (separator, quote, escape))
    in_quotes = f"(?:[^{q}{e}]|{_escaped(escape)}.|{_escaped(quote)}{_escaped(quote)})*"
    quoted_part = f"{_escaped(quote)}{in_quotes}(?:{_escaped(quote)}|$)"
    field = f"(?:[^{q}{plain}{e}]|{_escaped(escape)}.|{quoted_part})*"
    fields = f"(?:^|{_escaped(separator)})({field})"
    unquoted = (
        f"regexp_replace(x, {literal(f'{_escaped(quote)}({in_quotes})(?:{_escaped(quote)}|$)')}, '\\1', 'g')"
    )
    undoubled = f"replace({unquoted}, {literal(quote * 2)}, {literal(quote)})"
    unescaped = f"regexp_replace({undoubled}, {literal(f'{_escaped(escape)}(.)')}, '\\1', 'g')"
    split = (
        f"CASE WHEN contains(line, {literal(quote)}) OR contains(line, {literal(escape)})"
        f" THEN list_transform(regexp_extract_all(line, {literal(fields)}, 1), lambda x: {unescaped})"
        f" ELSE str_split(line, {literal(separator)}) END"
    )
    selected = ["filename"]
    for number, (name, kind) in enumerate(columns, start=1):
        selected.append(f"{_csv_value(f'f[{number}]', kind, number - 1)} AS {quoted(name)}")
    lines = _lines(files, storage.skip_lines)
    return f"SELECT {', '.join(selected)} FROM (SELECT filename, {split} AS f FROM ({lines}))"


def _csv_value(value: str, kind: HiveType, number: int) -> str:
    target = duckdb_type(kind)
    if kind.name in ("string", "varchar", "char"):
        return value
    if kind.name in ("tinyint", "smallint", "int", "bigint"):
        test, cast = f"trino_integer_text({value})", f"CAST({value} AS {target})"
    elif kind.name in ("float", "double", "decimal"):
        test, cast = f"trino_number_text({value})", f"CAST({value} AS {target})"
    elif kind.name == "boolean":
        test, cast = f"lower({value}) IN ('true', 'false')", f"CAST({value} AS BOOLEAN)"
    elif kind.name == "date":  # days since 1970, as Athena documents for this SerDe
        test = f"trino_integer_text({value})"
        cast = f"CAST(DATE '1970-01-01' + to_days(CAST({value} AS INTEGER)) AS DATE)"
    elif kind.name == "timestamp":  # milliseconds since 1970
        test, cast = f"trino_integer_text({value})", f"make_timestamp(CAST({value} AS BIGINT) * 1000)"
    else:
        raise not_supported(f"columns of type {kind} in CSV files")
    message = (
        f"'HIVE_BAD_DATA: Error parsing field value ''' || {value} || ''' for field {number}: "
        f"For input string: \"' || {value} || '\"'"
    )
    return f"CASE WHEN {value} IS NULL THEN NULL WHEN {test} THEN {cast} ELSE error({message}) END"


def _escaped(letter: str) -> str:
    return letter if letter.isalnum() or letter in "\t " else f"\\{letter}"


def _in_class(letter: str) -> str:
    return f"\\{letter}" if letter in "\\]^-[" else letter


# JSON


def _json(storage: Storage, files: Sequence[LinkedFile], columns: Sequence[Column]) -> str:
    tolerant = (storage.parameter("ignore.malformed.json") or "").lower() == "true"
    mapped = {
        key.removeprefix("mapping."): value
        for key, value in storage.serde_parameters
        if key.startswith("mapping.")
    }
    selected = ["filename"]
    for name, kind in columns:
        key = mapped.get(name, name)
        exact = f"json_extract(j, {literal(_json_path(key))})"
        # The SerDes take keys in any case; the slow way is only gone when there is no exact key.
        alike = f"list_filter(json_keys(j), lambda k: lower(k) = {literal(key.lower())})[1]"
        other = f"json_extract(j, '$.\"' || {alike} || '\"')"
        value = f"coalesce({exact}, {other})"
        selected.append(f"{_json_value(value, kind)} AS {quoted(name)}")
    lines = f"SELECT filename, line FROM ({_lines(files, storage.skip_lines)}) WHERE trim(line) <> ''"
    if tolerant:
        rows = f"SELECT filename, CASE WHEN json_valid(line) THEN line END AS j FROM ({lines})"
    else:
        message = "'HIVE_CURSOR_ERROR: Row is not a valid JSON Object - JSONException: ' || left(line, 200)"
        rows = (
            "SELECT filename, CASE WHEN json_valid(line) AND json_type(line) = 'OBJECT' THEN line"
            f" ELSE error({message}) END AS j FROM ({lines})"
        )
    return f"SELECT {', '.join(selected)} FROM ({rows})"


def _json_path(key: str) -> str:
    return f'$."{key}"'


def _json_value(value: str, kind: HiveType) -> str:
    target = duckdb_type(kind)
    if kind.name in ("string", "varchar", "char"):
        # Objects and arrays in a string column are their JSON text.
        return f"({value} ->> '$')"
    if kind.nested:
        return f"TRY_CAST({value} AS {target})"
    text = f"({value} ->> '$')"
    if kind.name in ("tinyint", "smallint", "int", "bigint"):
        return f"CASE WHEN trino_integer_text({text}) THEN TRY_CAST({text} AS {target}) END"
    if kind.name == "date":
        return f"CASE WHEN trino_date_text({text}) THEN TRY_CAST({text} AS {target}) END"
    if kind.name == "binary":
        return f"encode({text})"
    return f"TRY_CAST({text} AS {target})"


# Parquet

# Which DuckDB types of a file may fill a column of the catalog's type.
_FITS: dict[str, frozenset[str]] = {
    "tinyint": frozenset({"int8", "uint8", "int16", "int32"}),
    "smallint": frozenset({"int8", "uint8", "int16", "int32"}),
    "int": frozenset({"int8", "uint8", "int16", "uint16", "int32"}),
    "bigint": frozenset({"int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"}),
    "float": frozenset({"float", "halffloat"}),
    "double": frozenset({"double", "float"}),
    "boolean": frozenset({"bool"}),
    "string": frozenset({"string", "large_string", "string_view", "null"}),
    "varchar": frozenset({"string", "large_string", "string_view", "null"}),
    "char": frozenset({"string", "large_string", "string_view", "null"}),
    "binary": frozenset({"binary", "large_binary"}),
    "date": frozenset({"date32[day]", "date64[ms]"}),
}


def _parquet(_: Storage, files: Sequence[LinkedFile], columns: Sequence[Column]) -> str:
    held: set[str] = set()
    for file in files:
        held |= _check_parquet(file, columns)
    selected = ["filename"]
    for name, kind in columns:
        value = (
            f"CAST({quoted(name)} AS {duckdb_type(kind)})" if name in held else f"NULL::{duckdb_type(kind)}"
        )
        selected.append(f"{value} AS {quoted(name)}")
    paths = ", ".join(literal(str(file.path)) for file in files)
    return (
        f"SELECT {', '.join(selected)} FROM read_parquet([{paths}], union_by_name=true, filename=true,"
        " hive_partitioning=false)"
    )


def _check_parquet(file: LinkedFile, columns: Sequence[Column]) -> set[str]:
    """The lower-case names of a file's columns; fails when one does not fit the table's type."""
    try:
        schema = pyarrow.parquet.read_schema(file.path)
    except (pyarrow.ArrowInvalid, OSError) as problem:
        raise QueryFailed(f"HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split {file.uri}: {problem}") from None
    types = {field.name.lower(): field.type for field in schema}
    for name, kind in columns:
        found = types.get(name)
        fits = _FITS.get(kind.name)
        if found is None or fits is None:
            continue
        if str(found) not in fits and not str(found).startswith("dictionary<values=string"):
            raise QueryFailed(
                f"HIVE_BAD_DATA: Field {name}'s type {str(found).upper()} in parquet file {file.uri} is "
                f"incompatible with type {kind} defined in table schema"
            )
    return set(types)


_READERS = {
    LAZY: _lazy,
    OPEN_CSV: _open_csv,
    JSON_OPENX: _json,
    JSON_HIVE: _json,
    PARQUET: _parquet,
}


def columns_of(described: Sequence[Mapping[str, Any]]) -> list[Column]:
    """The catalog's columns with their parsed types."""
    return [(column["Name"], parse_type(column.get("Type") or "string")) for column in described]
