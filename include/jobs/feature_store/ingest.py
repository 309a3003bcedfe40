"""Write a day's curated rows into the feature group, one record a row.

    input  curated       *.parquet, as the cleaning job wrote it
    output report        ingestion.json: records; of these, resumed (written by an earlier job) and written;
                         began, when the first of these jobs did, in seconds since 1970; refused with reasons,
                         calls, throttled, seconds

    environment          FEATURE_GROUP   the group's name
                         DAY_END         the end of the day in seconds since 1970: the event time of rows that
                                         have none of their own, and what no event time may lie beyond
                         PROGRESS        s3://bucket/key where to keep how far it is; without it, nowhere
                         FEATURE_GROUP_CREATED   when the group was made; goes with PROGRESS: a group of the
                                         same name that was made anew holds nothing of what was written

Everything is looked at before the first record is written: a row without an entity, two rows of one entity
at one time, an event time after the day or of another type than its like, a number that is none, a record
over AWS's limits. One of these, and nothing is written.

Then records travel in batches, several calls at once. What AWS throttles, or leaves unprocessed, is sent
again after a growing pause; what it refuses is told with its reason, and the job fails after the others
are through.

A job that follows one that did not end well goes on where that was, if it has the same rows to write: see
`jobs.feature_store.progress`. Batches that were on their way are sent again, and of a job that was killed
without a word those of its last second, too; a record is named by its entity and event time, so it is
written over with the same. Other rows, another code or a group that was made anew begin from the start. So
does a job that follows one that ended well: who clears it wants its records written again.
"""

from __future__ import annotations

import json
import os
import random
import signal
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
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from jobs.feature_store.calls import Aws
from jobs.feature_store.progress import Progress, fingerprint
from jobs.feature_store.records import entity_of, event_time_of, features_of, seconds_text
from jobs.feature_store.texts import PLAIN, as_text
from jobs.processing.job import Job, JobError, run, say

RECORD_BYTES = 350 * 1024  # AWS's limit on all values of a record
ENTITY_BYTES = 2 * 1024  # and on its identifier
LONGEST_NUMBER = 32  # bytes that a value other than a text may need
SHOWN = 5  # how many of the wrong are named
SAID_SECONDS = 5.0  # between two lines of the log that say how far it is
KEPT_SECONDS = 1.0  # between two times that it is kept: what a killed job wrote and the next writes again
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
    resumed: int = 0  # records that an earlier job has written
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
    curated = job.inputs("curated", "*.parquet")
    progress = progress_of(curated, group, job.config)
    table = read(curated, event_time_of(job.config))
    times = event_times(table, job.config, day_end)
    check(table, times, job.config, day_end)
    say(f"{table.num_rows:,} records for {group}: all of them can be written")
    tally = Tally(table.num_rows, progress.written(table.num_rows, store["batch_size"]))
    if tally.resumed:
        say(f"{tally.resumed:,} of them were written by a job that did not end; going on from there")

    batches = outstanding(table, times, job.config, progress)
    with closing(Aws(store["parallel"])) as aws:
        write_all(Writer(group, tally, aws), batches, tally, progress, parallel=store["parallel"])

    seconds = time.monotonic() - began
    report = {
        "feature_group": group,
        "records": tally.records,
        "resumed": tally.resumed,
        "began": progress.began,
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
    progress.end()


def progress_of(curated: Sequence[Path], group: str, config: Mapping[str, Any]) -> Progress:
    """How far an earlier job has come with the same records for the same group."""
    uri = os.environ.get("PROGRESS")
    if uri is None:
        return Progress(None, "")
    code = sorted(Path(__file__).parent.glob("*.py"))  # it makes records of the rows
    told = (os.environ["FEATURE_GROUP_CREATED"], os.environ["DAY_END"])
    facts = (group, *told, json.dumps(config, sort_keys=True))
    return Progress(uri, fingerprint([*code, *curated], *facts))


def settle(tally: Tally) -> None:
    """Raise JobError if AWS refused records, Unwritten if it only had no time for them."""
    told = [
        f"{count:,} ({', '.join(tally.examples[reason])}): {reason}"
        for reason, count in tally.refused.most_common(SHOWN)
    ]
    if told:
        refused = sum(tally.refused.values())
        raise JobError(f"AWS refused {refused:,} of {tally.records:,} records: {'; '.join(told)}")
    missing = tally.records - tally.resumed - tally.written
    if missing:
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


def outstanding(
    table: pa.Table, times: pa.ChunkedArray, config: Mapping[str, Any], progress: Progress
) -> Iterator[tuple[int, Batch]]:
    """The batches that are not known to be written, with their numbers; first those left open."""
    size, taken = config["feature_store"]["batch_size"], progress.taken
    for number in sorted(progress.open):
        rows = number * size, size
        yield number, list(records(table.slice(*rows), times.slice(*rows), config))
    rest = records(table.slice(taken * size), times.slice(taken * size), config)
    yield from enumerate(batched(rest, size), taken)


class Sent(NamedTuple):
    """What came of sending a batch once."""

    again: Batch  # what has to be sent again
    reason: str  # and why
    refused: int = 0  # records that AWS will not take


class Writer:
    """Writes batches to one group, patiently."""

    def __init__(self, group: str, tally: Tally, aws: Aws) -> None:
        self.group = group
        self.tally = tally
        self.over = threading.Event()  # nothing more is to be written: another thread met a fault
        self.aws = aws

    def write(self, batch: Batch) -> bool:
        """Write all records of a batch, or count why one was refused, or give up on AWS's silence.

        Answers whether AWS has acknowledged all of them. Raises JobError if it will take none, whatever is
        in them.
        """
        pause, began, refused = FIRST_PAUSE_SECONDS, time.monotonic(), 0
        while True:
            sent = self._sent(batch)
            batch, refused = sent.again, refused + sent.refused
            if not batch:
                return not refused
            if time.monotonic() - began > PATIENCE_SECONDS:
                self.tally.silence = f"{sent.reason}, for {PATIENCE_SECONDS:.0f} s"
                return False
            # Many threads are throttled together; drawn pauses keep them from coming back together.
            if self.over.wait(random.uniform(pause / 2, pause)):  # noqa: S311 - spreads load, hides nothing
                return False
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _sent(self, batch: Batch) -> Sent:
        """Send a batch once."""
        if not self.aws.knows_batches:
            return self._singly(batch)
        entry = f'{{"FeatureGroupName":{json.dumps(self.group)},"Record":'
        body = f'{{"Entries":[{entry}{f"}},{entry}".join(batch)}}}]}}'.encode()
        try:
            answer = self.aws.batch_write_record(body)
        except ClientError as error:
            if passing(error):
                self.tally.count(throttled=len(batch))
                return Sent(batch, str(error))
            if code_of(error) not in ("ValidationError", "ValidationException"):
                raise JobError(f"{self.group}: {error}") from error
            return self._singly(batch)  # one record spoils the call: find out which
        except HTTPClientError as error:  # it may have been heard; writing the same again does no harm
            self.tally.count(throttled=len(batch))
            return Sent(batch, f"{type(error).__name__}: {error}")
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
        return Sent(again, reason, refused)

    def _singly(self, batch: Batch) -> Sent:
        again, reason, refused = [], "", 0
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
                    refused += 1
                else:
                    raise JobError(f"{self.group}: {error}") from error
            except HTTPClientError as error:
                again.append(text)
                reason = f"{type(error).__name__}: {error}"
                self.tally.count(throttled=1)
            else:
                self.tally.count(written=1)
        return Sent(again, reason, refused)


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


def write_all(
    writer: Writer,
    batches: Iterator[tuple[int, Batch]],
    tally: Tally,
    progress: Progress,
    *,
    parallel: int,
) -> None:
    """Write all batches, some at once; say and keep now and then how far it is.

    Each thread takes the next batch when it has written one, so no more are in memory than are being sent.
    The first fault ends all.
    """
    taking, over = threading.Lock(), writer.over

    def write_some() -> None:
        try:
            while not over.is_set():
                with taking:
                    number, batch = next(batches, (-1, None))
                    if batch is None:
                        return
                    progress.take(number)
                if writer.write(batch):
                    progress.done(number)
        except BaseException:
            over.set()
            raise

    try:
        with ThreadPoolExecutor(parallel) as pool:
            writing = {pool.submit(write_some) for _ in range(parallel)}
            said = time.monotonic()
            try:
                while writing:
                    done, writing = wait(writing, KEPT_SECONDS, FIRST_EXCEPTION)
                    for each in done:
                        each.result()
                    if writing:
                        keep(progress)
                    if writing and time.monotonic() - said >= SAID_SECONDS:
                        said = time.monotonic()
                        there = tally.resumed + tally.written
                        say(f"{there:,} of {tally.records:,} written, {tally.throttled:,} sent again")
            finally:
                over.set()
    finally:
        keep(progress)  # with what was still on its way


def keep(progress: Progress) -> None:
    """Keep how far it is. If that fails, writing goes on: it only costs a later job the same calls again."""
    try:
        progress.keep()
    except (ClientError, BotoCoreError) as error:
        say(f"how far it is could not be kept: {error}")


def stop(*_: Any) -> None:
    """Leave as after a fault, with all that is on its way answered and kept: SageMaker grants two minutes."""
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    sys.exit(run(ingest))
