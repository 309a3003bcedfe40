"""What a file is, and which columns it has: Glue's built-in classifiers for Parquet, JSON lines and CSV.

A classifier looks at the beginning of a file, as Glue's do, so a type that only a later row contradicts is
not seen. The CSV rules are the documented ones: one of five delimiters, at least two columns and two rows;
the first row is a header when all its fields are words, none too long, and some data are not words.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

SAMPLE_BYTES = 1 << 20  # of each file, unpacked
DELIMITERS = (",", "|", "\t", ";", "\x01")
HEADER_CHARACTERS = 150  # a header's fields are shorter, but for the last

Column = tuple[str, str]  # name, Hive type

_LINE_END = re.compile(r"\r\n|\r|\n")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_FIELD = re.compile(r"[A-Za-z_][\w$-]*")  # what a struct's field can be called in a Hive type


@dataclass(frozen=True)
class Classified:
    """What a classifier made of one file."""

    classification: str  # "csv", "json", "parquet"
    columns: tuple[Column, ...]
    delimiter: str = ""  # of csv
    header: bool = False  # of csv
    quoted: bool = False  # of csv: some field stands in quotes
    compression: str = "none"  # "gzip"
    record_bytes: int = 1  # on average, in the sample
    first_row: tuple[str, ...] = ()  # of csv of text alone: the names, if the first row were a header

    def with_header(self) -> Classified:
        """The same file, its first row taken as the header that it did not prove to be."""
        columns = tuple((name, kind) for name, (_, kind) in zip(self.first_row, self.columns, strict=True))
        return replace(self, columns=columns, header=True, first_row=())

    @property
    def form(self) -> tuple[object, ...]:
        """What must be the same for two files to belong to one table."""
        return self.classification, self.delimiter, self.compression


def classified(source: BinaryIO, name: str) -> Classified | None:
    """Classify one file; None when no classifier knows it. Reads at most a sample, Parquet its footer."""
    if source.read(4) == b"PAR1":
        source.seek(0)
        return _parquet(source)
    source.seek(0)
    compression = "gzip" if name.endswith(".gz") else "none"
    sample, whole = _sample(source, compression)
    if b"\0" in sample:
        return None  # no text, or text in UTF-16, which Hive cannot read either
    text = sample.decode("utf-8-sig", errors="replace")
    lines = _LINE_END.split(text)  # str.splitlines also cuts at U+2028 and others, which may stand in a value
    if not whole and len(lines) > 1:
        lines.pop()  # the sample may have cut it
    lines = [line for line in lines if line.strip()]
    if not lines:
        return None
    per_record = max(1, len(sample) // len(lines))
    return _json(lines, compression, per_record) or _csv(lines, compression, per_record)


def merged(one: Sequence[Column], other: Sequence[Column]) -> tuple[Column, ...]:
    """The columns of a table that holds files of both kinds: types widened, new columns at the end."""
    held = dict(one)
    for name, kind in other:
        held[name] = widened(held[name], kind) if name in held else kind
    return tuple(held.items())


_WIDER = {
    frozenset({"int", "bigint"}): "bigint",
    frozenset({"int", "double"}): "double",
    frozenset({"bigint", "double"}): "double",
    frozenset({"float", "double"}): "double",
    frozenset({"smallint", "int"}): "int",
    frozenset({"smallint", "bigint"}): "bigint",
    frozenset({"tinyint", "int"}): "int",
    frozenset({"tinyint", "bigint"}): "bigint",
}
UNKNOWN = ""  # the type of a column without a value


def widened(one: str, other: str) -> str:
    """The narrowest type that holds both; text when there is no other."""
    if one == other or not other:
        return one
    return _WIDER.get(frozenset({one, other}), "string") if one else other


def _sample(source: BinaryIO, compression: str) -> tuple[bytes, bool]:
    """The beginning of a file, unpacked, and whether that is all of it."""
    reader: Any = gzip.GzipFile(fileobj=source) if compression == "gzip" else source
    try:
        sample: bytes = reader.read(SAMPLE_BYTES)
        return sample, not reader.read(1)
    except (OSError, EOFError, zlib.error):
        return b"", True


# --- Parquet ----------------------------------------------------------------------------------------


def _parquet(source: BinaryIO) -> Classified | None:
    try:
        schema = pq.read_schema(source)
    except (pa.ArrowException, OSError, UnicodeDecodeError):  # no Parquet, or damaged in some way
        return None
    return Classified("parquet", tuple((field.name.lower(), _hive(field.type)) for field in schema))


_ARROW: Sequence[tuple[Callable[[Any], bool], str]] = (
    (pa.types.is_int8, "tinyint"),
    (pa.types.is_int16, "smallint"),
    (pa.types.is_int32, "int"),
    (pa.types.is_integer, "bigint"),
    (pa.types.is_float64, "double"),
    (pa.types.is_floating, "float"),
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_date, "date"),
    (pa.types.is_timestamp, "timestamp"),
    (pa.types.is_binary, "binary"),
    (pa.types.is_large_binary, "binary"),
)


def _hive(kind: Any) -> str:
    if pa.types.is_dictionary(kind):
        return _hive(kind.value_type)
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_map(kind):
        return f"map<{_hive(kind.key_type)},{_hive(kind.item_type)}>"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"array<{_hive(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{','.join(f'{field.name.lower()}:{_hive(field.type)}' for field in kind)}>"
    return next((hive for test, hive in _ARROW if test(kind)), "string")


# --- JSON lines -------------------------------------------------------------------------------------


def _json(lines: Sequence[str], compression: str, record_bytes: int) -> Classified | None:
    columns: dict[str, str] = {}
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if not isinstance(row, dict):
            return None
        for key, value in row.items():
            if not (name := key.lower()):
                continue  # no column can be called so
            columns[name] = widened(columns.get(name, UNKNOWN), _json_type(value))
    named = tuple((name, kind or "string") for name, kind in columns.items())
    return Classified("json", named, compression=compression, record_bytes=record_bytes)


def _json_type(value: Any) -> str:
    match value:
        case None:
            return UNKNOWN
        case bool():
            return "boolean"
        case int():
            return "int" if -(2**31) <= value < 2**31 else "bigint"
        case float():
            return "double"
        case list():
            inner = UNKNOWN
            for item in value:
                inner = widened(inner, _json_type(item))
            return f"array<{inner or 'string'}>"
        case dict():
            if not value or not all(map(_FIELD.fullmatch, value)):
                return "string"  # a type cannot name such a field; as text the value can be read
            fields = ",".join(f"{key.lower()}:{_json_type(item) or 'string'}" for key, item in value.items())
            return f"struct<{fields}>"
        case _:
            return "string"


# --- CSV --------------------------------------------------------------------------------------------


def _csv(lines: Sequence[str], compression: str, record_bytes: int) -> Classified | None:
    try:
        parsed = [(delimiter, _rows(lines, delimiter)) for delimiter in DELIMITERS]
    except csv.Error:  # a field longer than any table's
        return None
    width_of = {delimiter: (len(rows[0]), rows) for delimiter, rows in parsed if len(rows[0]) > 1}
    if not width_of or len(lines) < 2:
        return None
    delimiter, (width, rows) = max(width_of.items(), key=lambda item: _agreeing(*item[1]))
    if _agreeing(width, rows) * 2 < len(rows):
        return None
    header = _is_header(rows)
    data = [row for row in rows[header:] if len(row) == width] or rows[header:]
    kinds = [_column_type(row[index] for row in data if index < len(row)) for index in range(width)]
    names = _names(rows[0]) if header else [f"col{index}" for index in range(width)]
    is_text = not header and {*map(_value_type, rows[0]), *kinds} <= {"string", UNKNOWN}
    return Classified(
        "csv",
        tuple(zip(names, kinds, strict=True)),
        delimiter=delimiter,
        header=bool(header),
        quoted=any('"' in line for line in lines),
        compression=compression,
        record_bytes=record_bytes,
        first_row=tuple(_names(rows[0])) if is_text else (),
    )


def with_headers(kinds: Sequence[Classified]) -> list[Classified]:
    """Neighbours help: where one file's header is certain, the same first row of another is its header too.

    By itself a file of text alone has no header that Glue could tell from the rows ("If all columns are of
    type STRING, then the first row of data is not sufficiently different from subsequent rows").
    """
    headers = {tuple(name for name, _ in kind.columns) for kind in kinds if kind.header}
    return [kind.with_header() if kind.first_row in headers else kind for kind in kinds]


def _rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    # One line is one row: a stray quote must not swallow the rest of the sample.
    return [next(csv.reader(io.StringIO(line), delimiter=delimiter), [""]) for line in lines]


def _agreeing(width: int, rows: Sequence[Sequence[str]]) -> int:
    """How many rows are as wide as the first."""
    return sum(len(row) == width for row in rows)


def _is_header(rows: Sequence[Sequence[str]]) -> int:
    """1 when the first row is a header, else 0."""
    first, data = rows[0], rows[1:]
    if any(_value_type(field) not in ("string", UNKNOWN) for field in first) or not all(first[:-1]):
        return 0
    if any(len(field) >= HEADER_CHARACTERS for field in first[:-1]):
        return 0
    different = any(_value_type(field) not in ("string", UNKNOWN) for row in data for field in row)
    return int(different)


def _names(header: Sequence[str]) -> list[str]:
    names: list[str] = []
    for index, field in enumerate(header):
        name = field.strip().lower() or f"col{index}"
        names.append(name if name not in names else f"{name}_{index}")
    return names


def _column_type(values: Iterable[str]) -> str:
    kind = UNKNOWN
    for value in values:
        kind = widened(kind, _value_type(value))
        if kind == "string":
            break
    return kind or "string"


def _value_type(text: str) -> str:
    text = text.strip()
    if not text:
        return UNKNOWN
    if text.lower() in ("true", "false"):
        return "boolean"
    if _INTEGER.fullmatch(text):
        return "bigint" if len(text) < 20 and -(2**63) <= int(text) < 2**63 else "string"
    return "double" if _NUMBER.fullmatch(text) else "string"
