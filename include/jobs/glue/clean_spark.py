"""Clean one landed partition with Spark: what `clean.py` does, for days that one process is too slow for.

Runs as an AWS Glue Spark job (Glue 5.x). The rules are `rules.py`'s; the two jobs accept and refuse the same
rows with the same words, and count them alike.

    landing/dt=D/*  ->  curated/dt=D/part-*.parquet     the accepted rows in order, columns as in the workflow
                        quarantine/dt=D/part-*.txt      {"file", "line", "reason", "raw"} a refused row
                        <run prefix>/cleaning.json      the counts

Spark splits large files into blocks and reads them side by side, and no block knows its first line's number.
A first pass therefore counts the lines of each block. The second judges every line and keeps the verdicts on
disk; everything after that reads them. Writing replaces what the partition held when all of it is ready
(dynamic partition overwrite), so running it again changes nothing.
"""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import boto3
import pyarrow as pa
from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark import StorageLevel
from pyspark.context import SparkContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it

try:
    from jobs.glue import rules
except ModuleNotFoundError:  # on Glue, --extra-py-files brings the module by itself
    import rules  # type: ignore[import-not-found, no-redef]

ACCEPTED, REFUSED, BLANK, UNREADABLE = range(4)  # verdicts about a line
OWN = ("dt", "verdict", "file", "line", "reason", "refused", "content")  # columns beside the workflow's
SPARK_TYPES = {
    "string": "string",
    "integer": "bigint",
    "number": "double",
    "boolean": "boolean",
    "timestamp": "timestamp_ntz",
    "date": "date",
}
ARROW_TYPES = {kind: pa.type_for_alias(name) for kind, name in rules.ARROW_TYPES.items()}
BLOCK_ROWS = 50_000  # rows that a worker turns into Arrow at a time

Block = tuple[str, int]  # a file's path as Spark writes it, and the block's first byte


def column_types(spec: rules.Spec) -> list[tuple[str, str]]:
    """Names and types of the curated columns."""
    named = [(column.name, column.type) for column in spec.columns]
    return [("row_id", "string"), *named] if spec.key is None else named


class Judge:
    """Judges the lines of one task; made anew in every task, as it remembers what it saw."""

    def __init__(
        self,
        spec: rules.Spec,
        day: str,
        names: Mapping[str, tuple[int, str]],
        first_lines: Mapping[Block, int],
        headers: Mapping[int, int],
    ) -> None:
        self.spec = spec
        self.day = day
        self.names = names  # path -> which file it is of the day's, and its name
        self.first_lines = first_lines  # block -> the number of its first line, from 1
        self.headers = headers  # file -> the line of its header
        self.encoding = rules.python_encoding(spec)
        self.verdicts = rules.Verdicts(spec)
        own = [pa.string(), pa.int8(), pa.int32(), pa.int64(), pa.string(), pa.string(), pa.int64()]
        types = [(name, ARROW_TYPES[kind]) for name, kind in column_types(spec)]
        # Numbered, because a workflow's column may be called like one of ours.
        self.schema = pa.schema(
            [*zip(OWN, own), *((f"c{index}", kind) for index, (_, kind) in enumerate(types))]  # noqa: B905
        )

    def rows(self, lines: Iterable[tuple[bytes, str, int]]) -> Iterator[list[Any]]:
        """A row of the schema for each line but the headers."""
        nothing = [None] * (len(self.schema) - len(OWN))
        block: Block | None = None
        number = 0
        for content, path, start in lines:
            if (path, start) != block:
                block = (path, start)
                number = self.first_lines[block] - 1
                file, name = self.names[path]
                header = self.headers.get(file, 0)
            number += 1
            first = [self.day, ACCEPTED, file, number, None, None, None]
            try:
                raw = content.decode(self.encoding if number == 1 else self.spec.encoding).rstrip("\r\n")
            except UnicodeDecodeError as error:
                first[1] = UNREADABLE
                first[4] = rules.wrong_byte(name, number, error.object[error.start], self.spec)
                yield [*first, *nothing]
                continue
            if not raw.strip():
                first[1] = BLANK
                yield [*first, *nothing]
                continue
            if number == header:
                continue
            fields = rules.split(raw, self.spec)
            values, reason = self.verdicts.of(fields)
            if reason:
                first[1] = REFUSED
                first[4] = reason
                first[5] = rules.refused_row(rules.Line(name, number, raw, fields), reason)
                yield [*first, *nothing]
                continue
            if self.spec.key is None:
                values.insert(0, f"{name}:{number}")
            else:
                digest = hashlib.blake2b(raw.encode(), digest_size=8).digest()
                first[6] = int.from_bytes(digest, "little", signed=True)
            yield [*first, *values]

    def batches(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same as Arrow."""
        lines = (line for batch in batches for line in zip(*(column.to_pylist() for column in batch.columns)))  # noqa: B905
        block: list[list[Any]] = []
        for row in self.rows(lines):
            block.append(row)
            if len(block) >= BLOCK_ROWS:
                yield self._batch(block)
                block = []
        if block:
            yield self._batch(block)

    def _batch(self, rows: list[list[Any]]) -> pa.RecordBatch:
        columns = zip(*rows)  # noqa: B905 - all rows are equally long
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self.schema)]  # noqa: B905
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def judged_in_task(made_of: tuple[Any, ...], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What a task does."""
    return Judge(*made_of).batches(batches)


def check_splittable(spec: rules.Spec) -> None:
    """Raise Refused for an encoding in which a line's end is not the byte 0x0A and nothing else is."""
    plain = bytes(range(128))
    try:
        fits = plain.decode(spec.encoding) == plain.decode("ascii")
    except UnicodeDecodeError:
        fits = False
    if not fits:
        raise rules.Refused(
            f"Spark cannot split files in the encoding {spec.encoding}; "
            "expected one that holds ASCII as it is, or cleaning.engine: pythonshell"
        )


class Day:
    """One partition on its way through Spark."""

    def __init__(self, spark: SparkSession, s3: Any, places: rules.Places, spec: rules.Spec) -> None:
        self.spark, self.s3, self.places, self.spec = spark, s3, places, spec
        self.report = rules.Report()
        self.files = rules.landed(s3, places)
        self.problems: dict[int, tuple[int, str]] = {}  # file -> line and why the file cannot be used

    def run(self) -> rules.Report:
        """Clean it. Raises Refused, after keeping the quarantine, if it cannot be used."""
        headers = self.headers() if self.spec.header else {}
        judged = self.judged(headers).persist(StorageLevel.DISK_ONLY)
        self.count(judged)
        self.write_quarantine(judged)
        try:
            rules.judge(self.report, self.spec, self.places.uri(self.places.landing))
        except rules.Refused as refusal:
            raise rules.kept_in(refusal, self.report, self.places) from None
        self.write_curated(judged)
        self.report.check()
        rules.put_report(self.s3, self.places, self.report)
        return self.report

    def headers(self) -> dict[int, int]:
        """The line of each file's header. A wrong one is among the problems."""
        found = {}
        for index, name in enumerate(self.files):
            key = self.places.landing + name
            body = self.s3.get_object(Bucket=self.places.bucket, Key=key)["Body"]
            for number, content in enumerate(lines_of(body), start=1):
                encoding = rules.python_encoding(self.spec) if number == 1 else self.spec.encoding
                try:
                    line = content.decode(encoding).rstrip("\r\n")
                    if not line.strip():
                        continue
                    rules.check_header(rules.split(line, self.spec), name, number, self.spec)
                except UnicodeDecodeError as error:
                    byte = error.object[error.start]
                    self.problems[index] = (number, rules.wrong_byte(name, number, byte, self.spec))
                except rules.Refused as refusal:
                    self.problems[index] = (number, str(refusal))
                found[index] = number
                break
            body.close()
        return found

    def judged(self, headers: Mapping[int, int]) -> DataFrame:
        """A row for every line."""
        spec, places = self.spec, self.places
        lines = (
            self.spark.read.option("recursiveFileLookup", True)
            .text(places.uri(places.landing), lineSep="\n")
            .select(
                F.col("value").cast("binary").alias("content"),
                F.col("_metadata.file_path").alias("path"),
                F.col("_metadata.file_block_start").alias("start"),
            )
            if self.files
            else self.spark.createDataFrame([], "content binary, path string, start bigint")
        )
        counts = lines.groupBy("path", "start").count().collect()
        place_of = {name: index for index, name in enumerate(self.files)}
        root = places.uri(places.landing)
        names = {path: unquote(path)[len(root) :] for path in {row["path"] for row in counts}}
        unread = {name for name in names.values() if name not in place_of}
        if unread:
            raise RuntimeError(f"Spark has read what is not landed: {', '.join(sorted(unread))}")
        first_lines: dict[Block, int] = {}
        path, following = "", 1
        for row in sorted(counts, key=lambda row: (row["path"], row["start"])):
            if row["path"] != path:
                path, following = row["path"], 1
            first_lines[path, row["start"]] = following
            following += row["count"]
        numbered = {path: (place_of[name], name) for path, name in names.items()}
        made_of = (spec, places.day, numbered, first_lines, headers)
        own = (
            "dt string, verdict tinyint, file int, line bigint, reason string, refused string, content bigint"
        )
        typed = [f"c{index} {SPARK_TYPES[kind]}" for index, (_, kind) in enumerate(column_types(spec))]
        return lines.mapInArrow(functools.partial(judged_in_task, made_of), ", ".join([own, *typed]))

    def count(self, judged: DataFrame) -> None:
        """Fill in the report, but for duplicates. Raises Refused if a file cannot be read."""
        report = self.report
        counted = judged.groupBy("file", "verdict").agg(
            F.count("*").alias("lines"), F.min("line").alias("first")
        )
        rows = [0] * len(self.files)
        for file, verdict, lines, first in counted.collect():
            if verdict == UNREADABLE:
                text = judged.where((F.col("file") == file) & (F.col("line") == first)).first()["reason"]
                self.problems[file] = min(self.problems.get(file, (first, text)), (first, text))
            elif verdict == BLANK:
                report.blank_lines += lines
            else:
                rows[file] += lines
                report.curated += lines if verdict == ACCEPTED else 0
        if self.problems:
            raise rules.Refused(self.problems[min(self.problems)][1])
        for name, count in zip(self.files, rows):  # noqa: B905 - equally long
            report.files.append({"key": name, "rows": count})
            print(f"{name}: {count} rows", flush=True)
        report.rows_in = sum(rows)
        reasons = judged.where(F.col("verdict") == REFUSED).groupBy("reason")
        found = reasons.agg(F.count("*").alias("rows"), F.min(F.struct("file", "line")).alias("first"))
        for reason, count, _ in sorted(found.collect(), key=lambda row: row["first"]):
            report.add_refusal(reason, count)
        report.sort()

    def write_quarantine(self, judged: DataFrame) -> None:
        """Replace the day's refused rows."""
        if not self.report.quarantined:
            for key in rules.keys_under(self.s3, self.places.bucket, self.places.partition("quarantine")):
                self.s3.delete_object(Bucket=self.places.bucket, Key=key)
            return
        refused = judged.where(F.col("verdict") == REFUSED).orderBy("dt", "file", "line")
        self._replace(refused.select(F.col("refused").alias("value"), "dt"), "quarantine", "text")

    def write_curated(self, judged: DataFrame) -> None:
        """Replace the day's accepted rows; those whose key came before are left out and counted."""
        accepted = judged.where(F.col("verdict") == ACCEPTED)
        if self.spec.key is not None:
            accepted = self._without_duplicates(accepted)
        columns = [F.col(f"c{index}").alias(name) for index, (name, _) in enumerate(column_types(self.spec))]
        self._replace(accepted.orderBy("dt", "file", "line").select(*columns, "dt"), "curated", "parquet")
        written = self.spark.read.parquet(self.places.uri(self.places.partition("curated")))
        self.report.curated = written.count()

    def _without_duplicates(self, accepted: DataFrame) -> DataFrame:
        key = f"c{self.spec.names.index(str(self.spec.key))}"
        place = F.struct("file", "line", "content")
        repeated = (
            accepted.groupBy(F.col(key).alias("key"))
            .agg(F.min(place).alias("first"), F.count("*").alias("rows"))
            .where("rows > 1")
        )
        late = (
            accepted.select(F.col(key).alias("key"), "file", "line", "content")
            .join(repeated, "key")
            .where(F.struct("file", "line") != F.struct("first.file", "first.line"))
            .select("file", "line", (F.col("content") != F.col("first.content")).alias("differs"))
            .persist(StorageLevel.DISK_ONLY)
        )
        self.report.duplicates, self.report.conflicting_duplicates = late.agg(
            F.count("*"), F.count(F.when(F.col("differs"), 1))
        ).first()
        if not self.report.duplicates:
            return accepted
        return accepted.join(late, ["file", "line"], "left_anti")

    def _replace(self, rows: DataFrame, table: str, form: str) -> None:
        (
            rows.write.mode("overwrite")
            .option("partitionOverwriteMode", "dynamic")
            .option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
            .partitionBy("dt")
            .format(form)
            .save(self.places.uri(f"{self.places.workflow}/{table}/"))
        )


def lines_of(body: Any) -> Iterator[bytes]:
    """The lines of a file in S3, read as far as they are asked for."""
    rest = b""
    for chunk in body.iter_chunks(1 << 16):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest


def main(arguments: list[str]) -> None:
    """Run the job as Glue starts it; fails with the reason if the partition cannot be used."""
    places = rules.Places.of(arguments[1:])
    s3 = boto3.client("s3")
    glue = GlueContext(SparkContext.getOrCreate())
    job = Job(glue)
    options = getResolvedOptions(arguments, ["JOB_NAME"])
    job.init(options["JOB_NAME"], options)
    spec = rules.read_spec(s3, places)
    check_splittable(spec)
    print(Day(glue.spark_session, s3, places, spec).run().summary(), flush=True)
    job.commit()


if __name__ == "__main__":
    main(sys.argv)
