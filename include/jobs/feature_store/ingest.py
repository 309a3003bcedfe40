"""Write a day's curated rows into the feature group, one record a row.

    input  curated       *.parquet, as the cleaning job wrote it
    output report        ingestion.json: records, written, refused with reasons, calls, throttled, seconds

    environment          FEATURE_GROUP   the group's name
                         DAY_END         the end of the day in seconds since 1970: the event time of rows that
                                         have none of their own, and what no event time may lie beyond

Everything is looked at before the first record is written: a row without an entity, two rows of one entity
at one time, an event time after the day or of another type than its like, a number that is none, a record
over AWS's limits. One of these, and nothing is written.

Then records travel in batches, several calls at once. What AWS throttles, or leaves unprocessed, is sent
again after a growing pause; what it refuses is told with its reason, and the job fails after the others
are through. A record is named by its entity and event time: a job that was killed is simply started
again, and what it wrote already is written over with the same. So there is no checkpoint to get wrong.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from botocore.exceptions import ClientError, HTTPClientError

from jobs.feature_store.calls import Aws
from jobs.feature_store.records import entity_of, event_time_of, features_of, seconds_text
from jobs.feature_store.texts import PLAIN, as_text
from jobs.processing.job import Job, JobError, run, say

RECORD_BYTES = 350 * 1024  # AWS's limit on all values of a record
ENTITY_BYTES = 2 * 1024  # and on its identifier
LONGEST_NUMBER = 32  # bytes that a value other than a text may need
SHOWN = 5  # how many of the wrong are named
PROGRESS_SECONDS = 5.0
PATIENCE_SECONDS = 600.0  # for which a batch is sent again while AWS throttles
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 20.0
# The record is fine and the moment is not.
PASSING = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceededException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "InternalFailure",
        "InternalServerError",
    }
)

RECORDS_A_PIECE = 10_000  # whose texts are in memory at once

Batch = list[str]
"""Records, each as the JSON of its feature values."""


class Unwritten(Exception):
    """AWS throttled or failed for so long that records were given up; the job may be tried again."""


@dataclass
class Tally:
    """What became of the records so far; several threads count."""

    records: int
    written: int = 0
    calls: int = 0
    throttled: int = 0  # records that had to be sent again
    refused: Counter[str] = field(default_factory=Counter)  # by reason
    examples: dict[str, list[str]] = field(default_factory=dict)
    silence: str = ""  # why records were given up that AWS might have taken
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, *, written: int = 0, throttled: int = 0) -> None:
        """One call's outcome."""
        with self.lock:
            self.calls += 1
            self.written += written
            self.throttled += throttled

    def refuse(self, reason: str, entity: str) -> None:
        """One record that AWS will not take."""
        with self.lock:
            self.refused[reason] += 1
            named = self.examples.setdefault(reason, [])
            if len(named) < SHOWN:
                named.append(entity)


def ingest(job: Job) -> None:
    """Check all rows, write them, and tell what became of them."""
    store = job.config["feature_store"]
    group, day_end = os.environ["FEATURE_GROUP"], float(os.environ["DAY_END"])
    began = time.monotonic()
    table = read(job.inputs("curated", "*.parquet"), event_time_of(job.config))
    times = event_times(table, job.config, day_end)
    check(table, times, job.config, day_end)
    tally = Tally(table.num_rows)
    say(f"{table.num_rows:,} records for {group}: all of them can be written")

    batches = batched(records(table, times, job.config), store["batch_size"])
    with closing(Aws(store["parallel"])) as aws:
        write_all(Writer(group, tally, aws), batches, tally, parallel=store["parallel"])

    seconds = time.monotonic() - began
    report = {
        "feature_group": group,
        "records": tally.records,
        "written": tally.written,
        "refused": [
            {"reason": reason, "records": count, "entities": tally.examples[reason]}
            for reason, count in tally.refused.most_common()
        ],
        "calls": tally.calls,
        "throttled": tally.throttled,
        "seconds": round(seconds, 3),
    }
    text = json.dumps(report, indent=2, ensure_ascii=False)
    (job.output("report") / "ingestion.json").write_text(text, encoding="utf-8")
    say(f"{tally.written:,} of {tally.records:,} records written in {seconds:.1f} s, {tally.calls:,} calls")
    settle(tally)


def settle(tally: Tally) -> None:
    """Raise JobError if AWS refused records, Unwritten if it only had no time for them."""
    told = [
        f"{count:,} ({', '.join(tally.examples[reason])}): {reason}"
        for reason, count in tally.refused.most_common(SHOWN)
    ]
    if told:
        refused = sum(tally.refused.values())
        raise JobError(f"AWS refused {refused:,} of {tally.records:,} records: {'; '.join(told)}")
    if tally.written != tally.records:
        missing = tally.records - tally.written
        raise Unwritten(f"{missing:,} of {tally.records:,} records: {tally.silence}")


# --------------------------------------------------------------------------------------------------
# Before the first record is written


def read(paths: Sequence[Path], event_time: str) -> pa.Table:
    """All curated rows.

    Raises JobError if there is none, or if the files have event times of different types: their texts would
    not sort among each other.
    """
    tables = [pq.ParquetFile(str(path)).read() for path in paths]
    kinds = {
        str(table.schema.field(event_time).type): path.name
        for path, table in zip(paths, tables, strict=True)
        if event_time in table.column_names
    }
    if len(kinds) > 1:
        told = ", ".join(f"{kind} in {name}" for kind, name in sorted(kinds.items()))
        raise JobError(f"{event_time} comes in two formats: {told}")
    table = pa.concat_tables(tables)
    if not table.num_rows:
        raise JobError("the curated partition holds no rows")
    return table


def event_times(table: pa.Table, config: Mapping[str, Any], day_end: float) -> pa.ChunkedArray:
    """When each row's record begins to hold, in milliseconds since 1970, UTC; null where it is missing."""
    name = config["feature_store"]["event_time"]
    if name is None:
        return pa.chunked_array([pa.repeat(pa.scalar(round(day_end * 1000), pa.int64()), table.num_rows)])
    column = column_of(table, name)
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("s"))
    if not pa.types.is_timestamp(column.type):
        raise JobError(f"{name} is {column.type} in the curated rows; expected a timestamp or a date")
    # Athena reads milliseconds of a timestamp, and the join compares with what it reads.
    return column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())


def column_of(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A column of the curated rows. Raises JobError if they lack it."""
    if name not in table.column_names:
        raise JobError(
            f"{name}: no such column in the curated rows; they have {', '.join(table.column_names)}"
        )
    return table.column(name)


def check(table: pa.Table, times: pa.ChunkedArray, config: Mapping[str, Any], day_end: float) -> None:
    """Raise JobError, with all that is wrong, if one row could not be written or would be misleading."""
    entity, event_time = entity_of(config), event_time_of(config)
    entities = column_of(table, entity)
    wrong = []
    missing = pc.indices_nonzero(pc.is_in(as_text(entities, "string"), value_set=pa.array(["", None])))
    if len(missing):
        wrong.append(f"{len(missing):,} rows have no {entity}, e.g. row {missing[0].as_py() + 1:,}")
    timeless = entities.filter(pc.is_null(times))
    if len(timeless):
        wrong.append(f"{len(timeless):,} rows have no {event_time}: {named(timeless)}")
    last = round(day_end * 1000)
    early = entities.filter(pc.greater(times, last))
    if len(early):
        wrong.append(
            f"{len(early):,} rows have a {event_time} in the future, after the end of the day "
            f"({seconds_text(last)}): {named(early)}"
        )
    keys = pa.table({"entity": entities, "time": times}).drop_null().group_by(["entity", "time"])
    counted = keys.aggregate([([], "count_all")])
    twice = counted.filter(pc.greater(counted.column("count_all"), 1)).column("entity")
    if len(twice):
        wrong.append(f"{len(twice):,} entities have several rows at one {event_time}: {named(twice)}")
    for name, kind in features_of(config).items():
        column = column_of(table, name)
        if column.type != PLAIN[kind]:
            try:
                as_text(column, kind)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as fault:
                raise JobError(
                    f"{name} is {column.type} in the curated rows and {kind} in the workflow file: {fault}. "
                    "Nothing was written"
                ) from None
        if kind == "number" and pa.types.is_floating(column.type):
            infinite = pc.sum(pc.is_inf(column)).as_py() or 0
            if infinite:
                wrong.append(f"{infinite:,} rows have an infinite {name}; the feature store has none")
    wrong += list(too_large(table, times, config))
    if wrong:
        raise JobError(f"{'; '.join(wrong)}. Nothing was written")


def named(entities: pa.ChunkedArray) -> str:
    """The first of them."""
    return ", ".join(str(name) for name in entities.slice(0, SHOWN).to_pylist())


def too_large(table: pa.Table, times: pa.ChunkedArray, config: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with records over AWS's limits."""
    entities = column_of(table, entity_of(config))
    long = entities.filter(pc.greater(pc.binary_length(as_text(entities, "string")), ENTITY_BYTES))
    if len(long):
        first = str(long[0].as_py())[:40]
        yield f"{len(long):,} identifiers are longer than {ENTITY_BYTES:,} bytes, e.g. {first}…"
    features = features_of(config)
    sizes = [
        pc.fill_null(pc.binary_length(as_text(column_of(table, name), kind)), 0)
        for name, kind in features.items()
        if kind == "string"
    ]
    # Only texts can be so long; of rows that come near the limit, all values are counted.
    near = RECORD_BYTES - LONGEST_NUMBER * (len(features) + 1) - ENTITY_BYTES
    rows = pc.indices_nonzero(pc.greater(reduce(pc.add, sizes), near)).to_pylist() if sizes else []
    counted = [(entities[row], bytes_of(table.slice(row, 1), times.slice(row, 1), config)) for row in rows]
    over = [(entity, size) for entity, size in counted if size > RECORD_BYTES]
    if over:
        entity, size = over[0]
        yield f"{len(over):,} records are larger than {RECORD_BYTES:,} bytes, e.g. {entity} with {size:,}"


def bytes_of(row: pa.Table, times: pa.ChunkedArray, config: Mapping[str, Any]) -> int:
    """The bytes of all values of one row's record."""
    (record,) = records(row, times, config)
    return sum(len(each["ValueAsString"].encode()) for each in json.loads(record))


# --------------------------------------------------------------------------------------------------
# Writing


def records(table: pa.Table, times: pa.ChunkedArray, config: Mapping[str, Any]) -> Iterator[str]:
    """The JSON of one record a row; a missing value is left out, which the store reads as none.

    Arrow makes the texts column by column, which costs a tenth of making them value by value.
    """
    entity, event_time, features = entity_of(config), event_time_of(config), features_of(config)
    for start in range(0, table.num_rows, RECORDS_A_PIECE):
        piece = table.slice(start, RECORDS_A_PIECE)
        moments = [seconds_text(at or 0) for at in times.slice(start, RECORDS_A_PIECE).to_pylist()]
        values = [
            member(entity, as_text(piece.column(entity), "string"), "["),
            *(member(name, as_text(piece.column(name), kind), ",") for name, kind in features.items()),
            member(event_time, pa.chunked_array([moments], pa.string()), ","),
        ]
        yield from pc.binary_join_element_wise(*values, "]", "").to_pylist()


def member(name: str, texts: pa.ChunkedArray, before: str) -> pa.ChunkedArray:
    """One feature's part of each record's JSON; nothing where it has no value."""
    texts = texts.combine_chunks()
    if pc.any(pc.match_substring_regex(texts, r'["\\\x00-\x1f]')).as_py():
        quoted = [
            None if text is None else json.dumps(text, ensure_ascii=False) for text in texts.to_pylist()
        ]
        texts = pa.array(quoted, pa.string())
        opened, closed = "", "}"
    else:
        opened, closed = '"', '"}'
    head = f'{before}{{"FeatureName":{json.dumps(name)},"ValueAsString":{opened}'
    return pc.fill_null(pc.binary_join_element_wise(head, texts, closed, ""), "")


def batched(each: Iterator[str], size: int) -> Iterator[Batch]:
    """Records in lists of ``size``, the last one perhaps shorter."""
    batch: Batch = []
    for record in each:
        batch.append(record)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


class Writer:
    """Writes batches to one group, patiently."""

    def __init__(self, group: str, tally: Tally, aws: Aws) -> None:
        self.group = group
        self.tally = tally
        self.over = threading.Event()  # nothing more is to be written: another thread met a fault
        self.aws = aws

    def write(self, batch: Batch) -> None:
        """Write all records of a batch, or count why one was refused, or give up on AWS's silence.

        Raises JobError if AWS will take none, whatever is in them.
        """
        pause, began = FIRST_PAUSE_SECONDS, time.monotonic()
        while True:
            batch, reason = self._sent(batch)
            if not batch:
                return
            if time.monotonic() - began > PATIENCE_SECONDS:
                self.tally.silence = f"{reason}, for {PATIENCE_SECONDS:.0f} s"
                return
            # Many threads are throttled together; drawn pauses keep them from coming back together.
            if self.over.wait(random.uniform(pause / 2, pause)):  # noqa: S311 - spreads load, hides nothing
                return
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _sent(self, batch: Batch) -> tuple[Batch, str]:
        """Send a batch once; answers what of it has to be sent again, and why."""
        if not self.aws.knows_batches:
            return self._singly(batch)
        entry = f'{{"FeatureGroupName":{json.dumps(self.group)},"Record":'
        body = f'{{"Entries":[{entry}{f"}},{entry}".join(batch)}}}]}}'.encode()
        try:
            answer = self.aws.batch_write_record(body)
        except ClientError as error:
            if passing(error):
                self.tally.count(throttled=len(batch))
                return batch, str(error)
            if code_of(error) not in ("ValidationError", "ValidationException"):
                raise JobError(f"{self.group}: {error}") from error
            return self._singly(batch)  # one record spoils the call: find out which
        except HTTPClientError as error:  # it may have been heard; writing the same again does no harm
            self.tally.count(throttled=len(batch))
            return batch, f"{type(error).__name__}: {error}"
        again = [text_of(entry["Record"]) for entry in answer["UnprocessedEntries"]]
        reason = "AWS left it unprocessed"
        refused = 0
        for failed in answer["Errors"]:
            told = f"{failed['ErrorCode']}: {failed['ErrorMessage']}"
            if failed["ErrorCode"] in PASSING:
                again.append(text_of(failed["Entry"]["Record"]))
                reason = told
            else:
                refused += 1
                self.tally.refuse(told, entity_in(failed["Entry"]["Record"]))
        self.tally.count(written=len(batch) - len(again) - refused, throttled=len(again))
        return again, reason

    def _singly(self, batch: Batch) -> tuple[Batch, str]:
        again, reason = [], ""
        for text in batch:
            record = json.loads(text)
            try:
                self.aws.client.put_record(FeatureGroupName=self.group, Record=record)
            except ClientError as error:
                if passing(error):
                    again.append(text)
                    reason = str(error)
                    self.tally.count(throttled=1)
                elif code_of(error) in ("ValidationError", "ValidationException"):
                    self.tally.refuse(error.response["Error"].get("Message", str(error)), entity_in(record))
                    self.tally.count()
                else:
                    raise JobError(f"{self.group}: {error}") from error
            except HTTPClientError as error:
                again.append(text)
                reason = f"{type(error).__name__}: {error}"
                self.tally.count(throttled=1)
            else:
                self.tally.count(written=1)
        return again, reason


def passing(error: ClientError) -> bool:
    """Whether the same call may succeed later, unchanged."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code_of(error) in PASSING or status in (429, 500, 502, 503, 504)


def code_of(error: ClientError) -> str:
    """AWS's code of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def text_of(record: list[dict[str, str]]) -> str:
    """The JSON of a record that AWS gave back."""
    return json.dumps(record, ensure_ascii=False)


def entity_in(record: list[dict[str, str]]) -> str:
    """Whose record it is: the entity is its first value."""
    return record[0]["ValueAsString"]


def write_all(writer: Writer, batches: Iterator[Batch], tally: Tally, *, parallel: int) -> None:
    """Write all batches, some at once, and say now and then how far it is.

    Each thread takes the next batch when it has written one, so no more are in memory than are being sent.
    The first fault ends all.
    """
    taking, over = threading.Lock(), writer.over

    def write_some() -> None:
        try:
            while not over.is_set():
                with taking:
                    batch = next(batches, None)
                if batch is None:
                    return
                writer.write(batch)
        except BaseException:
            over.set()
            raise

    with ThreadPoolExecutor(parallel) as pool:
        writing = {pool.submit(write_some) for _ in range(parallel)}
        try:
            while writing:
                done, writing = wait(writing, PROGRESS_SECONDS, FIRST_EXCEPTION)
                for each in done:
                    each.result()
                if writing:
                    say(f"{tally.written:,} of {tally.records:,} written, {tally.throttled:,} sent again")
        finally:
            over.set()


if __name__ == "__main__":
    sys.exit(run(ingest))
