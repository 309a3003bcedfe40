"""What a row must be to be believed: the rules of the cleaning jobs, stated once for both engines.

`clean.py` (Glue Python shell) and `clean_spark.py` (Glue Spark) read files each in their own way and ask here
about every line: how it splits, what its values are, why it is refused. Which file, header or partition is of
no use at all is said here, too, and where a run reads and writes. Glue brings this file to both by
--extra-py-files; it keeps to Python 3.9 and needs nothing but Python.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timezone
from typing import Any

# How Arrow calls the types in which columns are kept, in curated files and whatever is read from them.
ARROW_TYPES = {
    "string": "string",
    "integer": "int64",
    "number": "double",
    "boolean": "bool",
    "timestamp": "timestamp[us]",
    "date": "date32",
}
BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:\.(\d{1,6}))?\s?(Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
INTEGER = re.compile(r"[+-]?\d{1,19}(\.0*)?", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# What a number with thousands separators and a date that is not ISO 8601 look like, to tell a reader so.
SEPARATED = re.compile(r"[+-]?\d{1,3}(?:([,.' _\u00a0\u2019\u202f])\d{3})(?:\1\d{3})*(?:[.,]\d*)?", re.ASCII)
OTHER_DATE = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}(?:[T ].*)?|\d{8}", re.ASCII)
ISO = "iso"  # among a column's formats: ISO 8601
# Hadoop's readers open these by themselves, others do not.
COMPRESSED = (".gz", ".bz2", ".deflate", ".lz4", ".snappy", ".zst", ".zstd", ".xz", ".zip")
KNOWN_TEXTS = 100_000  # distinct texts of one column whose verdict is remembered


class Refused(Exception):
    """The partition cannot be used; the message says which file and line, and what was expected."""


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of the workflow file."""

    name: str
    type: str  # a key of TYPES
    required: bool = False
    allowed: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    formats: tuple[str, ...] = ()  # of a date or time: strptime's, or "iso"; none: ISO 8601 alone
    thousands: str | None = None  # of a number: what may stand between groups of three digits


@dataclasses.dataclass(frozen=True)
class Spec:
    """How the files look and what their rows must satisfy: the `data` part of the workflow file."""

    columns: tuple[Column, ...]
    key: str | None  # None: rows have no natural key, `row_id` becomes one and nothing is a duplicate
    header: bool
    delimiter: str
    encoding: str
    skip_initial_space: bool
    missing: frozenset[str]
    max_quarantined_share: float

    @classmethod
    def of(cls, data: dict[str, Any]) -> Spec:
        """Read the `data` mapping of a resolved workflow file. Raises Refused; KeyError for what it lacks."""
        layout = data.get("format") or {}
        columns = []
        for given in data["columns"]:
            if given["type"] not in TYPES:
                known = ", ".join(TYPES)
                raise Refused(
                    f"column {given['name']} has the type {given['type']!r}; expected one of {known}"
                )
            columns.append(
                Column(
                    name=given["name"],
                    type=given["type"],
                    required=bool(given.get("required")) or given["name"] == data.get("key"),
                    allowed=tuple(given.get("allowed") or ()),
                    minimum=given.get("minimum"),
                    maximum=given.get("maximum"),
                    formats=tuple(given.get("formats") or ()),
                    thousands=given.get("thousands"),
                )
            )
        encoding = layout.get("encoding", "utf-8")
        try:
            "".encode(encoding)
        except LookupError as error:
            raise Refused(f"the encoding {encoding!r} is not known to Python") from error
        return cls(
            columns=tuple(columns),
            key=data.get("key"),
            header=bool(layout.get("header", True)),
            delimiter=layout.get("delimiter", ","),
            encoding=encoding,
            skip_initial_space=bool(layout.get("skip_initial_space", False)),
            missing=frozenset(layout.get("missing", [""])),
            max_quarantined_share=float(data["max_quarantined_share"]),
        )

    @property
    def names(self) -> list[str]:
        """The columns' names, in the order in which the files have them."""
        return [column.name for column in self.columns]


@dataclasses.dataclass
class Report:
    """The counts of one run, written as cleaning.json."""

    rows_in: int = 0
    curated: int = 0
    quarantined: int = 0
    duplicates: int = 0
    conflicting_duplicates: int = 0  # those duplicates whose line differs from the first with their key
    blank_lines: int = 0  # not rows; counted so that lines can be added up
    files: list[dict[str, Any]] = dataclasses.field(default_factory=list)  # {"key", "rows"}
    reasons: dict[str, int] = dataclasses.field(default_factory=dict)

    def add_refusal(self, reason: str, count: int = 1) -> None:
        """Count refused rows."""
        self.quarantined += count
        self.reasons[reason] = self.reasons.get(reason, 0) + count

    def sort(self) -> None:
        """Bring the reasons into order: the most frequent first, of equal ones that which came first."""
        self.reasons = dict(sorted(self.reasons.items(), key=lambda entry: -entry[1]))

    def summary(self) -> str:
        """The counts for the job's log."""
        lines = [
            f"{self.rows_in} rows in = {self.curated} curated + {self.quarantined} quarantined "
            f"+ {self.duplicates} duplicates"
        ]
        lines += [f"  quarantined {count}: {reason}" for reason, count in self.reasons.items()]
        return "\n".join(lines)

    def check(self) -> None:
        """Raise when a row is unaccounted for: a fault of this program, not of the data."""
        found = self.curated + self.quarantined + self.duplicates
        if self.rows_in != found:
            raise RuntimeError(
                f"rows are unaccounted for: {self.rows_in} came in, but {self.curated} curated + "
                f"{self.quarantined} quarantined + {self.duplicates} duplicates = {found}"
            )


@dataclasses.dataclass
class Line:
    """One row as it stands in a file."""

    file: str
    number: int  # of the line in its file, from 1
    raw: str
    fields: list[str] | None  # None: its quotes cannot be read


def split(line: str, spec: Spec) -> list[str] | None:
    """The line's fields, or None where its quotes don't close or are followed by more text."""
    if '"' not in line:
        fields = line.split(spec.delimiter)
        return [field.lstrip(" ") for field in fields] if spec.skip_initial_space else fields
    reader = csv.reader(
        [line], delimiter=spec.delimiter, skipinitialspace=spec.skip_initial_space, strict=True
    )
    try:
        return next(reader)
    except csv.Error:
        return None


def check_header(fields: list[str] | None, name: str, number: int, spec: Spec) -> None:
    """Raise Refused unless the header names exactly the workflow's columns, in their order."""
    found = [field.strip() for field in fields or []]
    if found != spec.names:
        lacking = [column for column in spec.names if column not in found]
        beyond = [column for column in found if column not in spec.names]
        raise Refused(
            f"{name}, line {number}: wrong header; expected the columns {', '.join(spec.names)}; "
            f"found {', '.join(found)[:500] or 'none'}"
            + (f"; missing: {', '.join(lacking)}" if lacking else "")
            + (f"; unexpected: {', '.join(beyond)[:500]}" if beyond else "")
            + ("" if lacking or beyond else "; the order differs")
        )


class Verdicts:
    """Judges rows one by one, and remembers what it made of a text: values repeat."""

    def __init__(self, spec: Spec) -> None:
        self._missing = spec.missing
        self._columns = spec.columns
        self._known: list[dict[str, tuple[Any, str]]] = [{} for _ in spec.columns]

    def of(self, fields: Sequence[str] | None) -> tuple[list[Any], str]:
        """The row's typed values, or why it is refused: of several faults the first column's."""
        if fields is None:
            return [], "broken quotes"
        if len(fields) != len(self._columns):
            return [], f"ragged row: {len(fields)} fields, expected {len(self._columns)}"
        values = []
        for place, text in enumerate(fields):
            known = self._known[place]
            verdict = known.get(text)
            if verdict is None:
                if len(known) >= KNOWN_TEXTS:
                    known.clear()
                verdict = known[text] = check_value(text, self._columns[place], self._missing)
            value, fault = verdict
            if fault:
                return [], fault
            values.append(value)
        return values, ""


def check_value(text: str, column: Column, missing: frozenset[str]) -> tuple[Any, str]:
    """The typed value (None: missing or at fault) and its fault, or "" if it has none."""
    if text in missing:
        return None, f"{column.name}: required value is missing" if column.required else ""
    value, fault = parse(text.strip() if column.type != "string" else text, column)
    if fault:
        return None, f"{column.name}: {fault}"
    if column.minimum is not None and value < column.minimum:
        return None, f"{column.name}: below the minimum of {column.minimum:g}"
    if column.maximum is not None and value > column.maximum:
        return None, f"{column.name}: above the maximum of {column.maximum:g}"
    if column.allowed and value not in column.allowed:
        listed = ", ".join(map(str, column.allowed[:12])) + (", …" if len(column.allowed) > 12 else "")
        return None, f"{column.name}: not one of {listed}"
    return value, ""


def parse(text: str, column: Column) -> tuple[Any, str]:
    """The value that a text stands for in a column, or in words why it stands for none."""
    words, read = TYPES[column.type]
    if column.type in ("date", "timestamp") and column.formats:
        return parse_formats(text, column)
    plain = text
    if column.type in ("integer", "number") and column.thousands:
        plain = without_thousands(text, column.thousands)
    value = read(plain)
    if value is not None:
        return value, ""
    fault = f"not {words}"
    if column.type in ("integer", "number") and SEPARATED.fullmatch(text) and not column.thousands:
        fault += "; it seems to have thousands separators, which the column does not declare (thousands)"
    if column.type in ("date", "timestamp") and OTHER_DATE.fullmatch(text) and not TIMESTAMP.fullmatch(text):
        fault += "; it seems to be in another format, which the column does not declare (formats)"
    return None, fault


def parse_formats(text: str, column: Column) -> tuple[Any, str]:
    """The day or time in one of the column's formats; refused where two of them read it differently."""
    found = set()
    for form in column.formats:
        if form == ISO:
            value = TYPES[column.type][1](text)
        else:
            value = parse_strptime(text, form)
            if value is not None and column.type == "date":
                value = value.date()
        if value is not None:
            found.add(value)
    listed = ", ".join(column.formats)
    if len(found) > 1:
        return None, f"the formats {listed} read it differently"
    return (found.pop(), "") if found else (None, f"in none of the formats {listed}")


def parse_strptime(text: str, form: str) -> datetime | None:
    """A day or time in a format of strptime; naive, UTC. Nothing but ASCII, as everywhere here."""
    if not text.isascii():
        return None
    try:
        return datetime.strptime(text, form)  # noqa: DTZ007 - files hold UTC without a zone
    except ValueError:
        return None


def without_thousands(text: str, separator: str) -> str:
    """A number without its separators; any text that does not have them at every third digit as it is."""
    mark = re.escape(separator)
    if re.fullmatch(rf"[+-]?\d{{1,3}}({mark}\d{{3}})+(\.\d*)?", text, re.ASCII):
        return text.replace(separator, "")
    return text


def parse_number(text: str) -> float | None:
    """A finite number. What Python also takes (nan, inf, 1_000) is no number in a data file."""
    if not NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def parse_integer(text: str) -> int | None:
    """A whole number of at most 64 bits; "12.0" is one, as programs write it that know only floats."""
    if not INTEGER.fullmatch(text):
        return None
    number = int(text.partition(".")[0])
    return number if -(2**63) <= number < 2**63 else None


def parse_boolean(text: str) -> bool | None:
    """true, false, 1 or 0, in any case."""
    return BOOLEANS.get(text.lower())


def parse_date(text: str) -> date | None:
    """A day as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text) if len(text) == len("YYYY-MM-DD") else None
    except ValueError:
        return None


def parse_timestamp(text: str) -> datetime | None:
    """An ISO 8601 time as naive UTC, or None. The same on every Python, unlike fromisoformat, which grew."""
    found = TIMESTAMP.fullmatch(text)
    if not found:
        return None
    day, minutes, seconds, fraction, zone = found.groups()
    clock = f"{minutes or '00:00'}{seconds or ':00'}.{(fraction or '0').ljust(6, '0')}"
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in (None, 'Z') else zone}")
        return moment.astimezone(timezone.utc).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


TYPES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "string": ("text", str),
    "integer": ("a whole number", parse_integer),
    "number": ("a number", parse_number),
    "boolean": ("true or false", parse_boolean),
    "timestamp": ("an ISO 8601 time", parse_timestamp),
    "date": ("a date (YYYY-MM-DD)", parse_date),
}


def refused_row(line: Line, reason: str) -> str:
    """The quarantine's line about a row, without a line's end."""
    record = {"file": line.file, "line": line.number, "reason": reason, "raw": line.raw}
    return json.dumps(record, ensure_ascii=False)


def wrong_byte(name: str, number: int, byte: int, spec: Spec) -> str:
    """Why a file with a byte that is not in the encoding cannot be used."""
    return f"{name}, line {number}: byte 0x{byte:02x} is not {spec.encoding}; expected the whole file in it"


def python_encoding(spec: Spec) -> str:
    """The encoding for Python: a byte order mark is no part of the first column's name."""
    utf8 = spec.encoding.lower().replace("_", "-") in ("utf-8", "utf8")
    return "utf-8-sig" if utf8 else spec.encoding


def judge(report: Report, spec: Spec, where: str) -> None:
    """Raise Refused if the partition holds nothing, or too much of it had to be refused."""
    if not report.files:
        raise Refused(f"there is no file under {where}")
    if not report.rows_in:
        names = ", ".join(entry["key"] for entry in report.files[:5])
        what = "every file is empty or has a header and no rows" if spec.header else "every file is empty"
        raise Refused(f"{what} under {where}: {names}")
    share = report.quarantined / report.rows_in
    if share > spec.max_quarantined_share or not report.curated:
        top = "; ".join(f"{reason} ({count})" for reason, count in list(report.reasons.items())[:5])
        raise Refused(
            f"{report.quarantined} of {report.rows_in} rows under {where} had to be quarantined "
            f"({share:.1%}, allowed are {spec.max_quarantined_share:.1%}). Most often: {top}"
        )


@dataclasses.dataclass(frozen=True)
class Places:
    """Where one run reads and writes in the bucket."""

    bucket: str
    workflow: str
    day: str  # the partition, YYYY-MM-DD
    config: str
    report: str

    @classmethod
    def of(cls, arguments: Sequence[str]) -> Places:
        """What the job is told on its command line; Glue adds arguments of its own."""
        parser = argparse.ArgumentParser(allow_abbrev=False)
        for name in ("bucket", "workflow", "dt", "config_key", "run_prefix"):
            parser.add_argument(f"--{name}", required=True)
        told, _ = parser.parse_known_args(list(arguments))
        report = f"{told.run_prefix.strip('/')}/cleaning.json"
        return cls(told.bucket, told.workflow, told.dt, told.config_key, report)

    def partition(self, table: str) -> str:
        """The prefix of the day in `landing`, `curated` or `quarantine`."""
        return f"{self.workflow}/{table}/dt={self.day}/"

    @property
    def landing(self) -> str:
        """The files' prefix."""
        return self.partition("landing")

    def uri(self, key: str) -> str:
        """As people read it."""
        return f"s3://{self.bucket}/{key}"


def read_spec(s3: Any, places: Places) -> Spec:
    """The `data` part of the resolved workflow. Raises Refused for what no job can read."""
    config = json.load(s3.get_object(Bucket=places.bucket, Key=places.config)["Body"])
    return Spec.of(config["data"])


def landed(s3: Any, places: Places) -> list[str]:
    """The names of the day's files below the landing prefix, in the order of their keys.

    Raises Refused for a compressed file.
    """
    names = []
    for key in sorted(keys_under(s3, places.bucket, places.landing)):
        name = key[len(places.landing) :]
        # Markers such as _SUCCESS, and folders made in the console.
        if key.endswith("/") or any(part.startswith(("_", ".")) for part in name.split("/")):
            continue
        if name.lower().endswith(COMPRESSED):
            raise Refused(f"{name} is compressed; expected plain text")
        names.append(name)
    return names


def keys_under(s3: Any, bucket: str, prefix: str) -> list[str]:
    """All keys that start with the prefix."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def kept_in(refusal: Refused, report: Report, places: Places) -> Refused:
    """The refusal with where the refused rows are, if there are any."""
    if not report.quarantined:
        return refusal
    return Refused(f"{refusal}; every refused row is in {places.uri(places.partition('quarantine'))}")


def put_report(s3: Any, places: Places, report: Report) -> None:
    """Write cleaning.json."""
    s3.put_object(
        Bucket=places.bucket,
        Key=places.report,
        Body=json.dumps(dataclasses.asdict(report), indent=2).encode(),
        ContentType="application/json",
    )
