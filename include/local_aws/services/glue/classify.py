"""What a file is and which columns it has, from its first megabyte: Glue's built-in classifiers.

parquet   the footer says it
json      objects, one a line; int, bigint, double, boolean, string, array<…>, struct<…>
csv       one delimiter that gives every line the same number of fields, two columns and two lines at least.
          The first line is a header when all of it is text and some column below it is not; else the
          columns are col0, col1, …  Types are bigint, double, boolean and string. Dates stay text. A file
          with quoted fields is for OpenCSVSerde, whose columns are all text.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

SAMPLE = 1024 * 1024  # bytes of a file, as Glue reads
_DELIMITERS = (",", "|", "\t", ";", "\x01")
_COLUMN_NAME = re.compile(r"[^\x00-\x1f,;{}()\n\t=]{1,150}")


@dataclass(frozen=True)
class Classified:
    """A file's format and columns."""

    format: str  # "parquet", "json", "csv"
    columns: Mapping[str, str]  # lower-case name -> Hive type, in order
    compression: str = "none"  # "gzip", "none"
    parameters: Mapping[str, str] = field(default_factory=dict)  # of csv: delimiter, header, quoted

    def alike(self, other: Classified) -> bool:
        """Whether both may be one table: one format, and most columns in common."""
        if self.format != other.format:
            return False
        if any(self.parameters.get(each) != other.parameters.get(each) for each in ("delimiter", "header")):
            return False
        mine, theirs = set(self.columns), set(other.columns)
        return len(mine & theirs) >= 0.7 * max(len(mine), len(theirs))


def classify(path: Path) -> Classified | None:
    """What the file is; None when no classifier knows it."""
    with path.open("rb") as stream:
        head = stream.read(4)
    if head == b"PAR1":
        return _parquet(path)
    compression = "gzip" if head[:2] == b"\x1f\x8b" else "none"
    lines = _sample_lines(path, compressed=compression == "gzip")
    if not lines:
        return None
    return _json(lines, compression) or _csv(lines, compression)


def merge(found: Sequence[Classified]) -> Classified:
    """One table's description from its files' ones: columns of all, types that hold all values."""
    first = found[0]
    columns = dict(first.columns)
    for other in found[1:]:
        for name, kind in other.columns.items():
            columns[name] = wider(columns[name], kind) if name in columns else kind
    compressions = {each.compression for each in found}
    compression = first.compression if len(compressions) == 1 else "none"
    parameters = dict(first.parameters)
    if any(each.parameters.get("quoted") == "true" for each in found):
        parameters["quoted"] = "true"
        columns = dict.fromkeys(columns, "string")
    return Classified(first.format, columns, compression, parameters)


def wider(one: str, other: str) -> str:
    """The narrowest type that holds the values of both."""
    if one == other:
        return one
    order = ["tinyint", "smallint", "int", "bigint"]
    if one in order and other in order:
        return max(one, other, key=order.index)
    if {one, other} <= {*order, "float", "double"}:
        return "double"
    if "null" in (one, other):
        return other if one == "null" else one
    return "string"


# Parquet


def _parquet(path: Path) -> Classified | None:
    try:
        schema = pyarrow.parquet.read_schema(path)
    except (pyarrow.ArrowInvalid, OSError):
        return None
    return Classified("parquet", {each.name.lower(): _arrow_type(each.type) for each in schema})


def _arrow_type(kind: pyarrow.DataType) -> str:
    simple = {
        "int8": "tinyint", "int16": "smallint", "int32": "int", "int64": "bigint", "uint8": "smallint",
        "uint16": "int", "uint32": "bigint", "uint64": "bigint", "float": "float", "double": "double",
        "halffloat": "float", "bool": "boolean", "string": "string", "large_string": "string",
        "string_view": "string", "binary": "binary", "large_binary": "binary", "date32[day]": "date",
        "date64[ms]": "date", "null": "string",
    }  # fmt: skip
    types = pyarrow.types
    if types.is_dictionary(kind):
        return _arrow_type(kind.value_type)
    if types.is_timestamp(kind):
        return "timestamp"
    if types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if types.is_list(kind) or types.is_large_list(kind):
        return f"array<{_arrow_type(kind.value_type)}>"
    if types.is_map(kind):
        return f"map<{_arrow_type(kind.key_type)},{_arrow_type(kind.item_type)}>"
    if types.is_struct(kind):
        inner = (f"{each.name.lower()}:{_arrow_type(each.type)}" for each in kind.fields)
        return f"struct<{','.join(inner)}>"
    return simple.get(str(kind), "string")


# Text


def _sample_lines(path: Path, *, compressed: bool) -> list[str]:
    """The whole lines of the first megabyte."""
    try:
        if compressed:
            with gzip.open(path) as stream:
                sample = stream.read(SAMPLE)
        else:
            with path.open("rb") as plain:
                sample = plain.read(SAMPLE)
    except (OSError, EOFError, zlib.error):
        return []
    if b"\x00" in sample:
        return []  # not text
    lines = sample.decode("utf-8-sig", errors="replace").splitlines()
    if len(sample) == SAMPLE and len(lines) > 1:
        lines.pop()  # the last one is cut
    return [line for line in lines if line.strip()]


def _json(lines: Sequence[str], compression: str) -> Classified | None:
    shape: Shape = "null"
    if not lines[0].lstrip().startswith("{"):
        return None
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            return None
        if not isinstance(row, dict):
            return None
        shape = _both(shape, _shape(row))
    if not isinstance(shape, dict):
        return None
    return Classified("json", {name: _hive(kind) for name, kind in shape.items()}, compression)


# What a JSON value is: a simple type, the shapes of an object's members, or (in a list) of an array's items.
Shape = str | dict[str, Any] | list[Any]


def _shape(value: Any) -> Shape:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "int" if -(2**31) <= value < 2**31 else "bigint"
    if isinstance(value, float):
        return "double"
    if isinstance(value, list):
        inner: Shape = "null"
        for item in value:
            inner = _both(inner, _shape(item))
        return [inner]
    if isinstance(value, dict):
        return {name.lower(): _shape(member) for name, member in value.items()}
    return "string"


def _both(one: Shape, other: Shape) -> Shape:
    if isinstance(one, dict) and isinstance(other, dict):
        names = [*one, *(name for name in other if name not in one)]
        return {name: _both(one.get(name, "null"), other.get(name, "null")) for name in names}
    if isinstance(one, list) and isinstance(other, list):
        return [_both(one[0], other[0])]
    if isinstance(one, str) and isinstance(other, str):
        return wider(one, other)
    if "null" in (one, other):
        return other if one == "null" else one
    return "string"


def _hive(shape: Shape) -> str:
    if isinstance(shape, list):
        return f"array<{_hive(shape[0])}>"
    if isinstance(shape, dict):
        return (
            f"struct<{','.join(f'{name}:{_hive(kind)}' for name, kind in shape.items())}>"
            if shape
            else "string"
        )
    return "string" if shape == "null" else shape


def _csv(lines: Sequence[str], compression: str) -> Classified | None:
    delimiter = _delimiter(lines)
    if delimiter is None:
        return None
    is_quoted = _is_quoted(lines, delimiter)
    rows = [_fields(line, delimiter, is_quoted=is_quoted) for line in lines]
    width = Counter(map(len, rows)).most_common(1)[0][0]
    if width < 2 or len(rows) < 2:
        return None
    has_header = _is_header(rows[0], rows[1:], width)
    body = rows[1:] if has_header else rows
    names = _names(rows[0]) if has_header else [f"col{number}" for number in range(width)]
    width = len(names)
    kinds = ["string"] * width if is_quoted else [_column_type(body, number) for number in range(width)]
    parameters = {
        "delimiter": delimiter,
        "header": "true" if has_header else "false",
        "quoted": "true" if is_quoted else "false",
    }
    return Classified("csv", dict(zip(names, kinds, strict=True)), compression, parameters)


def _delimiter(lines: Sequence[str]) -> str | None:
    """The one that cuts nearly every line into the same number of fields, more than one."""
    best: tuple[int, str] | None = None
    for delimiter in _DELIMITERS:
        counts = Counter(len(_fields(line, delimiter, is_quoted=True)) for line in lines)
        width, often = counts.most_common(1)[0]
        if width > 1 and often >= 0.8 * len(lines) and (best is None or width > best[0]):
            best = (width, delimiter)
    return best[1] if best else None


def _is_quoted(lines: Sequence[str], delimiter: str) -> bool:
    edge = re.escape(delimiter)
    pattern = re.compile(f'(?:^|{edge})\\s*"(?:[^"\\\\]|\\\\.|"")*"\\s*(?:{edge}|$)')
    return any(pattern.search(line) for line in lines)


def _fields(line: str, delimiter: str, *, is_quoted: bool) -> list[str]:
    if not is_quoted:
        return line.split(delimiter)
    return next(csv.reader([line], delimiter=delimiter, strict=False), [])


def _is_header(first: Sequence[str], rest: Sequence[Sequence[str]], width: int) -> bool:
    if len(first) != width or any(_value_type(value) != "string" for value in first):
        return False
    if not all(_COLUMN_NAME.fullmatch(value.strip()) for value in first):
        return False
    if len({value.strip().lower() for value in first}) != width:
        return False
    return any(_column_type(rest, number) != "string" for number in range(width))


def _names(header: Sequence[str]) -> list[str]:
    return [re.sub(r"\s+", " ", value.strip().lower()) for value in header]


def _column_type(rows: Sequence[Sequence[str]], number: int) -> str:
    kind = "null"
    for row in rows:
        if number < len(row):
            kind = wider(kind, _value_type(row[number]))
        if kind == "string":
            return kind
    return "string" if kind == "null" else kind


def _value_type(value: str) -> str:
    text = value.strip()
    if not text:
        return "null"
    if re.fullmatch(r"[+-]?\d{1,18}", text):
        return "bigint"
    if re.fullmatch(r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?", text):
        return "double"
    return "boolean" if text.lower() in ("true", "false") else "string"
