"""Clean one landed partition: typed Parquet for what is good, a quarantine with reasons for what is not.

Runs as an AWS Glue Python shell job, on Python 3.9 and the boto3, numpy and pyarrow that Glue brings;
`clean_spark.py` does the same as a Glue Spark job. The rules are `rules.py`'s.

    landing/dt=D/*  ->  curated/dt=D/part-00000.parquet      the accepted rows, columns as in the workflow
                        quarantine/dt=D/part-00000.jsonl     {"file", "line", "reason", "raw"} a refused row
                        <run prefix>/cleaning.json           the counts

No row vanishes: rows in = curated + quarantined + duplicates, and the job fails if that does not hold. To
keep that promise cheap, one line is one row: a quoted line break is refused, not guessed at, because one
stray quote would otherwise swallow all lines up to the next one.
Memory does not grow with the files: they are downloaded, read in blocks of rows, and which row was the first
with its key is found on disk afterwards. Running it again replaces what the partition held.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

try:
    from jobs.glue import rules
except ModuleNotFoundError:  # on Glue, --extra-py-files brings the module by itself
    import rules  # type: ignore[import-not-found, no-redef]

BLOCK_ROWS = 50_000  # rows checked at a time: some tens of MB
ARROW_TYPES = {kind: pa.type_for_alias(name) for kind, name in rules.ARROW_TYPES.items()}


def schema_of(spec: rules.Spec) -> pa.Schema:
    """The Parquet schema, whatever the data holds: a day without a single value has the same types."""
    fields = [pa.field(column.name, ARROW_TYPES[column.type]) for column in spec.columns]
    if spec.key is None:
        fields.insert(0, pa.field("row_id", pa.string()))
    return pa.schema(fields)


def read_lines(path: Path, name: str, spec: rules.Spec, report: rules.Report) -> Iterator[rules.Line]:
    """Yield the file's rows. Raises Refused for a wrong header or a byte that is not in the encoding."""
    encoding = rules.python_encoding(spec)
    awaits_header = spec.header
    try:
        with path.open("rb") as stream, io.TextIOWrapper(stream, encoding, newline="\n") as text:
            for number, raw in enumerate(text, start=1):
                line = raw.rstrip("\r\n")
                if not line.strip():
                    report.blank_lines += 1
                    continue
                fields = rules.split(line, spec)
                if awaits_header:
                    rules.check_header(fields, name, number, spec)
                    awaits_header = False
                    continue
                yield rules.Line(name, number, line, fields)
    except UnicodeDecodeError as error:
        raise rules.Refused(rules.wrong_byte(name, *locate(path, encoding), spec)) from error


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
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:  # the file ends within a character
        return number, error.object[error.start]
    raise AssertionError(f"every byte of {path} decodes")


class Keys:
    """Which rows are not the first with their key, found without holding the keys in memory.

    A row leaves 32 bytes in one of 64 files, chosen by the hash of its key, so that all rows of a key meet
    in one file. The hash has 128 bits: that two keys of ten million share one is less likely than 1e-24.
    """

    FILES = 64
    ROW = np.dtype([("high", "<u8"), ("low", "<u8"), ("number", "<i8"), ("content", "<i8")])

    def __init__(self, folder: Path) -> None:
        self.rows = 0
        self._files = [(folder / f"keys-{index:02}").open("w+b") for index in range(self.FILES)]

    def add(self, keys: list[Any], contents: list[str]) -> None:
        """Take in the next accepted rows."""
        block = np.empty(len(keys), self.ROW)
        digests = b"".join(hashlib.blake2b(repr(key).encode(), digest_size=16).digest() for key in keys)
        block["high"], block["low"] = np.frombuffer(digests, "<u8").reshape(-1, 2).T
        block["number"] = np.arange(self.rows, self.rows + len(keys))
        block["content"] = np.fromiter(map(hash, contents), np.int64, len(contents))
        chosen = np.frombuffer(digests, np.uint8)[::16] % self.FILES
        for index in np.unique(chosen):
            block[chosen == index].tofile(self._files[index])
        self.rows += len(keys)

    def duplicates(self, report: rules.Report) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """For each row whether its key came before, a byte a row; counts them in the report."""
        late = np.zeros(self.rows, np.bool_)
        for file in self._files:
            file.seek(0)
            rows = np.fromfile(file, self.ROW)
            rows = rows[np.lexsort((rows["number"], rows["low"], rows["high"]))]
            first = np.ones(len(rows), np.bool_)
            first[1:] = (rows["high"][1:] != rows["high"][:-1]) | (rows["low"][1:] != rows["low"][:-1])
            content_of_first = rows["content"][
                np.maximum.accumulate(np.where(first, np.arange(len(rows)), 0))
            ]
            late[rows["number"][~first]] = True
            report.duplicates += int(np.count_nonzero(~first))
            report.conflicting_duplicates += int(np.count_nonzero(rows["content"] != content_of_first))
        return late

    def close(self) -> None:
        """Give the files back."""
        for file in self._files:
            file.close()


class Partition:
    """Takes files one by one and writes `curated.parquet` and `quarantine.jsonl` into a folder."""

    def __init__(self, spec: rules.Spec, folder: Path):
        self.spec = spec
        self.report = rules.Report()
        self.schema = schema_of(spec)
        self.curated_path = folder / "curated.parquet"
        self.quarantine_path = folder / "quarantine.jsonl"
        self._accepted_path = folder / "accepted.parquet"
        self._verdicts = rules.Verdicts(spec)
        self._keys = Keys(folder)
        self._parquet = self._writer(self._accepted_path)
        self._quarantine = self.quarantine_path.open("w", encoding="utf-8", newline="\n")

    def read(self, name: str, path: Path) -> None:
        """Take in one file. Raises Refused if it cannot be read as the workflow says."""
        before = self.report.rows_in
        block: list[rules.Line] = []
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

    def close(self) -> rules.Report:
        """Finish both files and return the counts. Raises RuntimeError if a row is unaccounted for."""
        late = self._keys.duplicates(self.report)
        self._end()
        if late.any():
            self._copy_without(late)
        else:
            self._accepted_path.rename(self.curated_path)
        self.report.curated = pq.read_metadata(str(self.curated_path)).num_rows
        self.report.sort()
        self.report.check()
        return self.report

    def _writer(self, path: Path) -> pq.ParquetWriter:
        return pq.ParquetWriter(str(path), self.schema, compression="snappy")

    def _end(self) -> None:
        self._parquet.close()
        self._quarantine.close()
        self._keys.close()

    def _take(self, block: list[rules.Line]) -> None:
        rows = []
        contents = []
        for line in block:
            values, reason = self._verdicts.of(line.fields)
            if reason:
                self.report.add_refusal(reason)
                self._quarantine.write(rules.refused_row(line, reason) + "\n")
                continue
            if self.spec.key is None:
                values.insert(0, f"{line.file}:{line.number}")
            rows.append(values)
            contents.append(line.raw)
        if not rows:
            return
        columns = list(zip(*rows))  # noqa: B905 - Python 3.9; all rows are equally long
        if self.spec.key is not None:
            self._keys.add(list(columns[self.spec.names.index(self.spec.key)]), contents)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self.schema)]  # noqa: B905
        self._parquet.write_table(pa.Table.from_arrays(arrays, schema=self.schema))

    def _copy_without(self, late: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
        number = 0
        with pq.ParquetFile(self._accepted_path) as accepted, self._writer(self.curated_path) as curated:
            for index in range(accepted.num_row_groups):
                table = accepted.read_row_group(index)
                curated.write_table(table.filter(pa.array(~late[number : number + table.num_rows])))
                number += table.num_rows


def clean(files: Iterable[tuple[str, Path]], spec: rules.Spec, folder: Path) -> Partition:
    """Read all files into a partition in `folder`. Raises Refused for a file that cannot be read."""
    with Partition(spec, folder) as partition:
        for name, path in files:
            partition.read(name, path)
            print(f"{name}: {partition.report.files[-1]['rows']} rows", flush=True)
        partition.close()
    return partition


def download(s3: Any, places: rules.Places, folder: Path) -> Iterator[tuple[str, Path]]:
    """Fetch the partition's files one after the other."""
    path = folder / "landed"
    for name in rules.landed(s3, places):
        s3.download_file(places.bucket, places.landing + name, str(path))
        yield name, path


def replace_partition(s3: Any, bucket: str, prefix: str, name: str, path: Path | None) -> None:
    """Make `path` the only file of the partition; None leaves it empty. New before old: never a gap."""
    if path is not None:
        s3.upload_file(str(path), bucket, prefix + name)
    for key in rules.keys_under(s3, bucket, prefix):
        if path is None or key != prefix + name:
            s3.delete_object(Bucket=bucket, Key=key)


def run(s3: Any, places: rules.Places, spec: rules.Spec) -> rules.Report:
    """Clean the partition in S3. Raises Refused, after keeping the quarantine, if it cannot be used."""
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room)
        partition = clean(download(s3, places, folder), spec, folder)
        report = partition.report
        quarantine = partition.quarantine_path if report.quarantined else None
        refused = places.partition("quarantine")
        replace_partition(s3, places.bucket, refused, "part-00000.jsonl", quarantine)
        try:
            rules.judge(report, spec, places.uri(places.landing))
        except rules.Refused as refusal:
            raise rules.kept_in(refusal, report, places) from None
        curated = places.partition("curated")
        replace_partition(s3, places.bucket, curated, "part-00000.parquet", partition.curated_path)
        rules.put_report(s3, places, report)
        return report


def main(arguments: list[str]) -> None:
    """Run the job as Glue starts it; exits with the reason if the partition cannot be used."""
    places = rules.Places.of(arguments)
    s3 = boto3.client("s3")
    try:
        report = run(s3, places, rules.read_spec(s3, places))
    except rules.Refused as refusal:
        sys.exit(f"Refused: {refusal}")
    print(report.summary(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
