"""Clean one landed partition: typed Parquet for what is good, a quarantine with reasons for what is not.

Runs as an AWS Glue Python shell job. It is one file because Glue takes one file, and keeps to Python 3.9
and to the boto3 and pyarrow that Glue brings.

    landing/dt=D/*  ->  curated/dt=D/part-00000.parquet      the accepted rows, columns as in the workflow
                        quarantine/dt=D/part-00000.jsonl     {"file", "line", "reason", "raw"} a refused row
                        <run prefix>/cleaning.json           the counts

No row vanishes: rows in = curated + quarantined + duplicates, and the job fails if that does not hold. To
keep that promise cheap, one line is one row: a quoted line break is refused, not guessed at, because one
stray quote would otherwise swallow all lines up to the next one.
A file is downloaded, then read in blocks of rows, so memory does not grow with the file, only with the
number of keys. Running it again replaces what the partition held.
"""

from __future__ import annotations

import argparse
import codecs
import collections
import csv
import dataclasses
import io
import json
import math
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq

BLOCK_ROWS = 50_000  # rows checked at a time: some tens of MB
ARROW_TYPES = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us"),
    "date": pa.date32(),
}
BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:\.(\d{1,6}))?\s?(Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
INTEGER = re.compile(r"[+-]?\d{1,19}(\.0*)?", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class Refused(Exception):
    """The partition cannot be used; the message says which file and line, and what was expected."""


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of the workflow file."""

    name: str
    type: str  # a key of ARROW_TYPES
    required: bool = False
    allowed: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


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
        """Read the `data` mapping of a resolved workflow file. Raises KeyError for what it lacks."""
        layout = data.get("format") or {}
        columns = []
        for given in data["columns"]:
            if given["type"] not in ARROW_TYPES:
                known = ", ".join(ARROW_TYPES)
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
                )
            )
        return cls(
            columns=tuple(columns),
            key=data.get("key"),
            header=bool(layout.get("header", True)),
            delimiter=layout.get("delimiter", ","),
            encoding=layout.get("encoding", "utf-8"),
            skip_initial_space=bool(layout.get("skip_initial_space", False)),
            missing=frozenset(layout.get("missing", [""])),
            max_quarantined_share=float(data["max_quarantined_share"]),
        )

    @property
    def names(self) -> list[str]:
        """The columns' names, in the order in which the files have them."""
        return [column.name for column in self.columns]

    @property
    def schema(self) -> pa.Schema:
        """The Parquet schema, whatever the data holds: a day without a single value has the same types."""
        fields = [pa.field(column.name, ARROW_TYPES[column.type]) for column in self.columns]
        if self.key is None:
            fields.insert(0, pa.field("row_id", pa.string()))
        return pa.schema(fields)


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


def read_lines(path: Path, name: str, spec: Spec, report: Report) -> Iterator[Line]:
    """Yield the file's rows. Raises Refused for a wrong header or a byte that is not in the encoding."""
    # A byte order mark is no part of the first column's name.
    encoding = "utf-8-sig" if spec.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else spec.encoding
    awaits_header = spec.header
    try:
        with path.open("rb") as stream, io.TextIOWrapper(stream, encoding, newline="\n") as text:
            for number, raw in enumerate(text, start=1):
                line = raw.rstrip("\r\n")
                if not line.strip():
                    report.blank_lines += 1
                    continue
                fields = split(line, spec)
                if awaits_header:
                    check_header(fields, name, number, spec)
                    awaits_header = False
                    continue
                yield Line(name, number, line, fields)
    except UnicodeDecodeError as error:
        number, byte = locate(path, encoding)
        raise Refused(
            f"{name}, line {number}: byte 0x{byte:02x} is not {spec.encoding}; expected the whole file in it"
        ) from error
    except LookupError as error:
        raise Refused(f"the encoding {spec.encoding!r} is not known to Python") from error


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


def locate(path: Path, encoding: str) -> tuple[int, int]:
    """The line and value of the first byte that does not decode."""
    decoder = codecs.getincrementaldecoder(encoding)()
    number = 1
    with path.open("rb") as stream:
        while block := stream.read(1 << 16):
            before = decoder.getstate()
            try:
                number += decoder.decode(block).count("\n")
            except UnicodeDecodeError:
                decoder.setstate(before)
                for byte in block:
                    try:
                        number += decoder.decode(bytes([byte])).count("\n")
                    except UnicodeDecodeError as error:
                        return number, error.object[error.start]
    return number, path.read_bytes()[-1]  # the file ends within a character


class Partition:
    """Takes files one by one and writes `curated.parquet` and `quarantine.jsonl` into a folder."""

    def __init__(self, spec: Spec, folder: Path):
        self.spec = spec
        self.report = Report()
        self.curated_path = folder / "curated.parquet"
        self.quarantine_path = folder / "quarantine.jsonl"
        self._first_with_key: dict[Any, int] = {}  # key -> hash of the line that came first
        self._reasons: collections.Counter[str] = collections.Counter()
        self._parquet = pq.ParquetWriter(str(self.curated_path), spec.schema, compression="snappy")
        self._quarantine = self.quarantine_path.open("w", encoding="utf-8", newline="\n")

    def read(self, name: str, path: Path) -> None:
        """Take in one file. Raises Refused if it cannot be read as the workflow says."""
        before = self.report.rows_in
        block: list[Line] = []
        for line in read_lines(path, name, self.spec, self.report):
            self.report.rows_in += 1
            block.append(line)
            if len(block) >= BLOCK_ROWS:
                self._take(block)
                block = []
        if block:
            self._take(block)
        self.report.files.append({"key": name, "rows": self.report.rows_in - before})

    def __enter__(self) -> Partition:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def close(self) -> Report:
        """Finish both files and return the counts. Raises RuntimeError if a row is unaccounted for."""
        self._end()
        self.report.curated = pq.read_metadata(str(self.curated_path)).num_rows
        self.report.reasons = dict(self._reasons.most_common())
        self.report.check()
        return self.report

    def _end(self) -> None:
        self._parquet.close()
        self._quarantine.close()

    def _take(self, block: list[Line]) -> None:
        expected = len(self.spec.columns)
        whole = []
        reasons: list[tuple[Line, str]] = []
        for line in block:
            if line.fields is None:
                reasons.append((line, "broken quotes"))
            elif len(line.fields) != expected:
                reasons.append((line, f"ragged row: {len(line.fields)} fields, expected {expected}"))
            else:
                whole.append(line)
        if whole:
            table, faults = check_rows(whole, self.spec)
            reasons += [(line, fault) for line, fault in zip(whole, faults) if fault]  # noqa: B905 - Python 3.9
            good = [index for index, fault in enumerate(faults) if not fault]
            kept = self._first_of_each_key(whole, table, good)
            self._parquet.write_table(
                pa.Table.from_arrays(table, schema=self.spec.schema).take(pa.array(kept, pa.int64()))
            )
        for line, reason in sorted(reasons, key=lambda pair: pair[0].number):
            self._refuse(line, reason)

    def _first_of_each_key(self, lines: list[Line], table: list[pa.Array], good: list[int]) -> list[int]:
        if self.spec.key is None:
            return good
        keys = table[self.spec.names.index(self.spec.key)].to_pylist()
        kept = []
        for index in good:
            content = hash(lines[index].raw)
            if keys[index] not in self._first_with_key:
                self._first_with_key[keys[index]] = content
                kept.append(index)
            else:
                self.report.duplicates += 1
                self.report.conflicting_duplicates += self._first_with_key[keys[index]] != content
        return kept

    def _refuse(self, line: Line, reason: str) -> None:
        self.report.quarantined += 1
        self._reasons[reason] += 1
        record = {"file": line.file, "line": line.number, "reason": reason, "raw": line.raw}
        self._quarantine.write(json.dumps(record, ensure_ascii=False) + "\n")


def check_rows(lines: list[Line], spec: Spec) -> tuple[list[pa.Array], list[str]]:
    """Type and check whole rows; returns the columns, and per row its first fault or ""."""
    faults = [""] * len(lines)
    arrays = []
    if spec.key is None:
        arrays.append(pa.array([f"{line.file}:{line.number}" for line in lines], pa.string()))
    for place, column in enumerate(spec.columns):
        texts = [line.fields[place] for line in lines if line.fields is not None]
        # Values repeat, so each distinct text is judged once a block.
        known = {text: check_value(text, column, spec.missing) for text in set(texts)}
        values = []
        for row, text in enumerate(texts):
            value, fault = known[text]
            values.append(value)
            if fault and not faults[row]:
                faults[row] = fault
        arrays.append(pa.array(values, ARROW_TYPES[column.type]))
    return arrays, faults


def check_value(text: str, column: Column, missing: frozenset[str]) -> tuple[Any, str]:
    """The typed value (None: missing or at fault) and its fault, or "" if it has none."""
    if text in missing:
        return None, f"{column.name}: required value is missing" if column.required else ""
    words, parse = TYPES[column.type]
    value = parse(text.strip() if column.type != "string" else text)
    if value is None:
        return None, f"{column.name}: not {words}"
    if column.minimum is not None and value < column.minimum:
        return None, f"{column.name}: below the minimum of {column.minimum:g}"
    if column.maximum is not None and value > column.maximum:
        return None, f"{column.name}: above the maximum of {column.maximum:g}"
    if column.allowed and value not in column.allowed:
        listed = ", ".join(map(str, column.allowed[:12])) + (", …" if len(column.allowed) > 12 else "")
        return None, f"{column.name}: not one of {listed}"
    return value, ""


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
        return moment.astimezone(timezone.utc).replace(tzinfo=None)  # noqa: UP017 - Python 3.9
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
    landing: str
    curated: str
    quarantine: str
    report: str


def landed(s3: Any, places: Places, folder: Path) -> Iterator[tuple[str, Path]]:
    """Download the partition's files one after the other, in the order of their keys."""
    for key in sorted(keys_under(s3, places.bucket, places.landing)):
        name = key[len(places.landing) :]
        hidden = any(part.startswith(("_", ".")) for part in name.split("/"))
        if hidden or key.endswith("/"):  # markers such as _SUCCESS, and folders made in the console
            continue
        path = folder / "landed"
        s3.download_file(places.bucket, key, str(path))
        yield name, path


def keys_under(s3: Any, bucket: str, prefix: str) -> list[str]:
    """All keys that start with the prefix."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def replace_partition(s3: Any, bucket: str, prefix: str, name: str, path: Path | None) -> None:
    """Make `path` the only file of the partition; None leaves it empty. New before old: never a gap."""
    if path is not None:
        s3.upload_file(str(path), bucket, prefix + name)
    for key in keys_under(s3, bucket, prefix):
        if path is None or key != prefix + name:
            s3.delete_object(Bucket=bucket, Key=key)


def clean(files: Iterable[tuple[str, Path]], spec: Spec, folder: Path) -> Partition:
    """Read all files into a partition in `folder`. Raises Refused for a file that cannot be read."""
    with Partition(spec, folder) as partition:
        for name, path in files:
            partition.read(name, path)
            print(f"{name}: {partition.report.files[-1]['rows']} rows", flush=True)
        partition.close()
    return partition


def run(s3: Any, places: Places, spec: Spec) -> Report:
    """Clean the partition in S3. Raises Refused, after keeping the quarantine, if it cannot be used."""
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room)
        partition = clean(landed(s3, places, folder), spec, folder)
        report = partition.report
        quarantine = partition.quarantine_path if report.quarantined else None
        replace_partition(s3, places.bucket, places.quarantine, "part-00000.jsonl", quarantine)
        try:
            judge(report, spec, f"s3://{places.bucket}/{places.landing}")
        except Refused as refusal:
            if quarantine:
                hint = f"; every refused row is in s3://{places.bucket}/{places.quarantine}part-00000.jsonl"
                raise Refused(f"{refusal}{hint}") from None
            raise
        replace_partition(s3, places.bucket, places.curated, "part-00000.parquet", partition.curated_path)
        s3.put_object(
            Bucket=places.bucket,
            Key=places.report,
            Body=json.dumps(dataclasses.asdict(report), indent=2).encode(),
            ContentType="application/json",
        )
        return report


def main(arguments: list[str]) -> None:
    """Run the job as Glue starts it; exits with the reason if the partition cannot be used."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("bucket", "workflow", "dt", "config_key", "run_prefix"):
        parser.add_argument(f"--{name}", required=True)
    options, _ = parser.parse_known_args(arguments)  # Glue adds arguments of its own
    s3 = boto3.client("s3")
    config = json.load(s3.get_object(Bucket=options.bucket, Key=options.config_key)["Body"])
    places = Places(
        bucket=options.bucket,
        landing=f"{options.workflow}/landing/dt={options.dt}/",
        curated=f"{options.workflow}/curated/dt={options.dt}/",
        quarantine=f"{options.workflow}/quarantine/dt={options.dt}/",
        report=f"{options.run_prefix.strip('/')}/cleaning.json",
    )
    try:
        report = run(s3, places, Spec.of(config["data"]))
    except Refused as refusal:
        sys.exit(f"Refused: {refusal}")
    print(
        f"{report.rows_in} rows in = {report.curated} curated + {report.quarantined} quarantined "
        f"+ {report.duplicates} duplicates",
        flush=True,
    )
    for reason, count in report.reasons.items():
        print(f"  quarantined {count}: {reason}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
