"""A query's answer: how values look as text, and the result files in S3.

<OutputLocation>/<query id>.csv            SELECT: every value in quotes, a NULL is nothing
<OutputLocation>/<query id>.txt            DDL and SHOW: tab-separated lines
<OutputLocation>/<query id>.csv.metadata   the columns; Athena's own format is not public, this is JSON
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from local_aws.services.athena.trino.types import DuckType
from local_aws.state.objects import Objects, parse_s3_uri

# Athena's precision and scale of types that have none of their own.
_PRECISION = {
    "boolean": (0, 0), "tinyint": (3, 0), "smallint": (5, 0), "integer": (10, 0), "bigint": (19, 0),
    "float": (17, 0), "double": (17, 0), "varchar": (2147483647, 0), "varbinary": (1073741824, 0),
    "timestamp": (3, 0), "timestamp with time zone": (3, 0), "string": (0, 0),
}  # fmt: skip


@dataclass(frozen=True)
class ResultColumn:
    """One column of an answer."""

    name: str
    type: str  # Athena's word: "varchar", "bigint", "decimal", "array", …
    precision: int = 0
    scale: int = 0

    def info(self) -> dict[str, Any]:
        """As GetQueryResults answers it."""
        return {
            "CatalogName": "hive",
            "SchemaName": "",
            "TableName": "",
            "Name": self.name,
            "Label": self.name,
            "Type": self.type,
            "Precision": self.precision,
            "Scale": self.scale,
            "Nullable": "UNKNOWN",
            "CaseSensitive": self.type in ("varchar", "string"),
        }


def result_column(name: str, kind: DuckType) -> ResultColumn:
    """A column of a SELECT."""
    word = kind.trino().split("(")[0]
    if kind.name == "TIMESTAMP WITH TIME ZONE":
        word = "timestamp with time zone"
    word = {"real": "float"}.get(word, word)
    if kind.name == "DECIMAL":
        return ResultColumn(name, "decimal", kind.width, kind.scale)
    return ResultColumn(name, word, *_PRECISION.get(word, (0, 0)))


@dataclass
class Answer:
    """What a statement gives back: rows of text (SELECT, SHOW, DESCRIBE) or nothing but side effects."""

    columns: list[ResultColumn] = field(default_factory=list)
    rows: Iterator[Sequence[str | None]] | Sequence[Sequence[str | None]] = ()
    update_count: int | None = None  # rows written
    manifest: list[str] | None = None  # s3:// addresses of written files


def write_csv(path: Path, answer: Answer) -> int:
    """Write a SELECT's rows; answers how many bytes."""
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write(_csv_line([column.name for column in answer.columns]))
        for row in answer.rows:
            out.write(_csv_line(row))
    return path.stat().st_size


def _csv_line(row: Sequence[str | None]) -> str:
    # A NULL is nothing, an empty text is "": readers that care can tell them apart.
    return ",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in row) + "\n"


def write_text(path: Path, answer: Answer) -> int:
    """Write the lines of SHOW and DESCRIBE; answers how many bytes."""
    lines = ["\t".join("" if value is None else value for value in row) + "\n" for row in answer.rows]
    path.write_text("".join(lines), encoding="utf-8")
    return path.stat().st_size


def write_metadata(path: Path, columns: Sequence[ResultColumn]) -> None:
    """Write the columns' description beside a result."""
    path.write_text(json.dumps({"columns": [column.info() for column in columns]}))


Row = list[str | None]


def read_rows(objects: Objects, location: str, start: int, limit: int) -> tuple[list[Row], int | None]:
    """Up to ``limit`` rows of a stored result from byte ``start`` on, and where the next one begins.

    Of a SELECT the first row holds the names. Raises ObjectMissing, BucketMissing.
    """
    bucket, key = parse_s3_uri(location)
    _, stream = objects.open(bucket, key)
    rows: list[Row] = []
    with stream:
        stream.seek(start)
        while len(rows) < limit and (line := stream.readline()):
            if location.endswith(".txt"):
                # As Athena's API does it: one value a line, tabs and all.
                rows.append([line.decode().rstrip("\n")])
                continue
            while line.count(b'"') % 2:  # a line break inside a value
                line += stream.readline()
            rows.append(_csv_row(line.decode().removesuffix("\n")))
        place = stream.tell()
        more = bool(stream.read(1))
    return rows, place if more else None


def _csv_row(line: str) -> Row:
    # csv.reader cannot tell NULL from an empty text; Athena's API can.
    return [
        None if found[1] is None else found[1].replace('""', '"')
        for found in re.finditer(r'(?:^|,)(?:"((?:[^"]|"")*)")?', line)
    ]


def csv_manifest(uris: Sequence[str]) -> str:
    """The list of files that CTAS, INSERT or UNLOAD wrote."""
    return "".join(f"{uri}\n" for uri in uris)


# Values as text


def as_text(value: Any, kind: DuckType) -> str | None:
    """A value as Athena shows it."""
    if value is None:
        return None
    if kind.name == "FLOAT":
        return java_double(_shortest_float(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return java_double(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return _timestamp(value)
    if isinstance(value, date | time | int | str):
        return value.isoformat() if isinstance(value, date | time) else str(value)
    if isinstance(value, timedelta):
        return _interval(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex(" ")
    return _nested(value, kind)


def _nested(value: Any, kind: DuckType) -> str:
    if kind.name == "LIST":
        return f"[{', '.join(_or_null(item, kind.children[0]) for item in value)}]"
    if kind.name == "MAP":
        keys, values = kind.children
        pairs = (f"{as_text(k, keys)}={_or_null(v, values)}" for k, v in value.items())
        return f"{{{', '.join(pairs)}}}"
    if kind.name == "STRUCT":
        items = list(value.values()) if isinstance(value, dict) else list(value)
        names = kind.fields or tuple(f"field{number}" for number in range(len(items)))
        pairs = (
            f"{name}={_or_null(item, child)}"
            for name, item, child in zip(names, items, kind.children, strict=True)
        )
        return f"{{{', '.join(pairs)}}}"
    return str(value)


def _or_null(value: Any, kind: DuckType) -> str:
    text = as_text(value, kind)
    return "null" if text is None else text


def _timestamp(value: datetime) -> str:
    text = value.astimezone(UTC).strftime("%H:%M:%S") if value.tzinfo else value.strftime("%H:%M:%S")
    day = (value.astimezone(UTC) if value.tzinfo else value).date().isoformat()
    return f"{day} {text}.{value.microsecond // 1000:03d}{' UTC' if value.tzinfo else ''}"


def _interval(value: timedelta) -> str:
    milliseconds = value // timedelta(milliseconds=1)
    sign, milliseconds = ("-", -milliseconds) if milliseconds < 0 else ("", milliseconds)
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{sign}{days} {hours:02d}:{minutes:02d}:{seconds:02d}.{milliseconds:03d}"


def java_double(value: float) -> str:
    """As Java's Double.toString: 1.0E10 from ten million on, 1.0E-4 below a thousandth."""
    if math.isnan(value):
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = repr(value)
        return format(Decimal(text), "f") if "e" in text else text
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    written = "".join(map(str, digits)).rstrip("0") or "0"
    power = len(digits) - 1 + int(exponent)
    return f"{'-' if sign else ''}{written[0]}.{written[1:] or '0'}E{power}"


def _shortest_float(value: float) -> float:
    """The shortest decimal that is this 32-bit float."""
    for digits in range(6, 10):
        short = float(f"{value:.{digits}g}")
        if struct.pack("f", short) == struct.pack("f", value):
            return short
    return value
