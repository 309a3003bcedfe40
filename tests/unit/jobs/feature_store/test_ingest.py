"""The ingestion: nothing is written of a bad day, and nothing is lost of a good one.

The stand-in neither throttles nor breaks off, so a server of a few lines says here what AWS would say. That
records are then really there, the contract tests see.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.feature_store import calls
from jobs.feature_store import ingest as job_module
from jobs.feature_store.ingest import Unwritten, ingest
from jobs.processing.job import Job, JobError

DAY_END = 1768521600  # 2026-01-16T00:00:00Z
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
CONFIG: dict[str, Any] = {
    "data": {
        "key": "id",
        "columns": [
            {"name": "id", "type": "string"},
            {"name": "at", "type": "timestamp"},
            {"name": "pay", "type": "number"},
            {"name": "loans", "type": "integer"},
            {"name": "owner", "type": "boolean"},
            {"name": "since", "type": "date"},
            {"name": "note", "type": "string"},
            {"name": "paid", "type": "integer"},
        ],
        "label": {"column": "paid", "positive": [1]},
    },
    "feature_store": {"entity": None, "event_time": "at", "features": None, "batch_size": 25, "parallel": 4},
}
SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "at": pa.timestamp("us"),
        "pay": pa.float64(),
        "loans": pa.int64(),
        "owner": pa.bool_(),
        "since": pa.date32(),
        "note": pa.string(),
        "paid": pa.int64(),
    }
)

Answer = Callable[["Aws", list[dict[str, Any]]], tuple[int, dict[str, Any]] | None]


class Aws(ThreadingHTTPServer):
    """The runtime API of one feature group; ``troubles`` answer before it does, one call each."""

    daemon_threads = True

    def __init__(self) -> None:
        self.records: dict[str, dict[str, str]] = {}
        self.batches: list[int] = []
        self.troubles: list[Answer] = []
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)

    def take(self, entries: list[dict[str, Any]]) -> None:
        for entry in entries:
            record = {each["FeatureName"]: each["ValueAsString"] for each in entry["Record"]}
            self.records[record["id"]] = record


class Handler(BaseHTTPRequestHandler):
    server: Aws
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        entries = body["Entries"]
        with self.server.lock:
            self.server.batches.append(len(entries))
            trouble = self.server.troubles.pop(0) if self.server.troubles else None
            answer = (200, {"Errors": [], "UnprocessedEntries": []})
            if trouble is None:
                self.server.take(entries)
            else:
                told = trouble(self.server, entries)
                if told is None:
                    self.close_connection = True
                    return
                answer = told
        self.answer(*answer)

    def do_PUT(self) -> None:
        record = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["Record"]
        with self.server.lock:
            if any(each["ValueAsString"] == "spoilt" for each in record):
                self.answer(400, {"message": "spoilt is no value"}, "ValidationError")
                return
            self.server.take([{"Record": record}])
        self.answer(200, {})

    def answer(self, status: int, document: dict[str, Any], code: str = "") -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        code = code or str(document.get("__type", ""))
        if code:
            self.send_header("x-amzn-ErrorType", code)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


def throttled(aws: Aws, entries: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    return 400, {"__type": "ThrottlingException", "message": "Rate exceeded"}


def broken_off(aws: Aws, entries: list[dict[str, Any]]) -> None:
    """The call was heard, its answer is lost."""
    aws.take(entries)


def half(aws: Aws, entries: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    """Every second record is left unprocessed, and one is throttled."""
    aws.take(entries[2::2])
    failed = {"Entry": entries[0], "ErrorCode": "ThrottlingException", "ErrorMessage": "Rate exceeded"}
    return 200, {"Errors": [failed], "UnprocessedEntries": entries[1::2]}


def refused(aws: Aws, entries: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    aws.take(entries[1:])
    failed = {"Entry": entries[0], "ErrorCode": "ValidationError", "ErrorMessage": "pay is no Integral"}
    return 200, {"Errors": [failed], "UnprocessedEntries": []}


def accepted(aws: Aws, entries: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    aws.take(entries)
    return 200, {"Errors": [], "UnprocessedEntries": []}


def gone(aws: Aws, entries: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    return 403, {"__type": "AccessForbidden", "message": "the role is gone"}


def spoilt_call(aws: Aws, entries: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    return 400, {"__type": "ValidationError", "message": "1 validation error detected"}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    server = Aws()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("FEATURE_GROUP", "loans")
    monkeypatch.setenv("DAY_END", str(DAY_END))
    monkeypatch.setattr(job_module, "FIRST_PAUSE_SECONDS", 0.001)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def row(number: int, **values: Any) -> dict[str, Any]:
    return {"id": f"A{number}", "at": NOON, "pay": 1.5, "loans": number, "owner": True, "paid": 1, **values}


class Day:
    """A day's rows, ingested."""

    def __init__(self, folder: Path, aws: Aws) -> None:
        self.base, self.aws = folder / "processing", aws
        self.config = deepcopy(CONFIG)

    def give(self, rows: list[dict[str, Any]], name: str = "part-0", schema: pa.Schema = SCHEMA) -> None:
        folder = self.base / "input" / "curated"
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {each.name: pa.array([row.get(each.name) for row in rows], each.type) for each in schema}
        pq.write_table(pa.table(arrays), folder / f"{name}.parquet")

    def ingest(self, *rows: dict[str, Any]) -> dict[str, Any]:
        if rows:
            self.give(list(rows))
        ingest(Job(self.base, self.config))
        return self.report()

    def report(self) -> dict[str, Any]:
        text = (self.base / "output" / "report" / "ingestion.json").read_text()
        found: dict[str, Any] = json.loads(text)
        return found

    def refusal(self, *rows: dict[str, Any]) -> str:
        """Why the day is refused; nothing of it may have been written."""
        with pytest.raises(JobError) as failed:
            self.ingest(*rows)
        assert self.aws.batches == []
        return str(failed.value)


@pytest.fixture
def day(tmp_path: Path, aws: Aws) -> Day:
    return Day(tmp_path, aws)


class TestRecords:
    def test_values_travel_as_texts_that_read_back_the_same(self, day: Day, aws: Aws) -> None:
        """0.1 + 0.2 is 0.30000000000000004; the label and what has no value do not travel."""
        day.ingest(row(2**53 + 1, pay=0.1 + 0.2, since=date(2020, 2, 29), owner=False, note="Zoë, „O'Brien“"))
        assert aws.records == {
            "A9007199254740993": {
                "id": "A9007199254740993",
                "at": "1768478400",
                "pay": "0.30000000000000004",
                "loans": "9007199254740993",
                "owner": "0",
                "since": "2020-02-29",
                "note": "Zoë, „O'Brien“",
            }
        }

    def test_missing_values_and_nan_are_left_out(self, day: Day, aws: Aws) -> None:
        day.ingest(row(1, pay=float("nan"), loans=None))
        assert set(aws.records["A1"]) == {"id", "at", "owner"}

    def test_event_times_are_cut_to_milliseconds(self, day: Day, aws: Aws) -> None:
        """As Athena reads a timestamp: the row then knows its own record."""
        day.ingest(row(1, at=datetime(2026, 1, 15, 12, 0, 0, 123999, tzinfo=UTC)))
        assert aws.records["A1"]["at"] == "1768478400.123"

    def test_without_a_column_the_days_end_is_the_event_time(self, day: Day, aws: Aws) -> None:
        day.config["feature_store"]["event_time"] = None
        day.ingest(row(1, at=datetime(2026, 1, 15, tzinfo=UTC)))
        assert aws.records["A1"]["event_time"] == str(DAY_END)
        assert aws.records["A1"]["at"] == "2026-01-15T00:00:00"

    def test_only_the_chosen_features_travel(self, day: Day, aws: Aws) -> None:
        day.config["feature_store"]["features"] = ["pay"]
        day.ingest(row(1))
        assert set(aws.records["A1"]) == {"id", "at", "pay"}


class TestBadDays:
    """Each is refused before one record is written, with what, where and how many."""

    def test_a_row_without_an_entity(self, day: Day) -> None:
        says = day.refusal(row(1), row(2, id=None), row(3, id=None))
        assert says == "2 rows have no id, e.g. row 2. Nothing was written"

    def test_an_event_time_in_the_future(self, day: Day) -> None:
        """A record of tomorrow would make today's model know it."""
        tomorrow = datetime(2026, 1, 16, 0, 0, 0, 1000, tzinfo=UTC)
        says = day.refusal(row(1), row(2, at=tomorrow), row(3, at=datetime(2026, 1, 16, tzinfo=UTC)))
        assert says.startswith("1 rows have a at in the future, after the end of the day (1768521600): A2.")

    def test_event_times_in_two_formats(self, day: Day) -> None:
        day.give([row(1)])
        index = SCHEMA.get_field_index("at")
        day.give([row(2, at="2026-01-15")], "part-1", SCHEMA.set(index, pa.field("at", pa.string())))
        assert day.refusal() == (
            "at comes in two formats: string in part-1.parquet, timestamp[us] in part-0.parquet"
        )

    def test_event_times_that_are_texts(self, day: Day) -> None:
        index = SCHEMA.get_field_index("at")
        day.give([row(2, at="2026-01-15")], schema=SCHEMA.set(index, pa.field("at", pa.string())))
        assert day.refusal() == "at is string in the curated rows; expected a timestamp or a date"

    def test_a_missing_event_time(self, day: Day) -> None:
        assert day.refusal(row(1, at=None)) == "1 rows have no at: A1. Nothing was written"

    def test_two_rows_of_one_entity_at_one_time(self, day: Day) -> None:
        """Which of them would count is chance."""
        says = day.refusal(row(1), row(1, pay=2.0), row(2))
        assert says == "1 entities have several rows at one at: A1. Nothing was written"

    def test_a_record_over_the_limit(self, day: Day) -> None:
        """AWS: 350 KB a record, which is 358,400 bytes, of all values. Each é is two bytes.

        The others are A1, 1768478400, 1.5, 1 and 1 (owner): 17 bytes.
        """
        note = "é" * ((358_400 - 17) // 2)
        fits, over = row(1, note=note + "x"), row(2, note=note + "xx")
        says = day.refusal(fits, over)
        assert says == "1 records are larger than 358,400 bytes, e.g. A2 with 358,401. Nothing was written"

    def test_an_identifier_over_the_limit(self, day: Day) -> None:
        says = day.refusal(row(1, id="x" * 2049))
        assert says.startswith("1 identifiers are longer than 2,048 bytes, e.g. xxxx")

    def test_a_number_that_is_none(self, day: Day) -> None:
        says = day.refusal(row(1, pay=float("inf")), row(2, pay=float("-inf")))
        assert says == "2 rows have an infinite pay; the feature store has none. Nothing was written"

    def test_a_column_of_another_type(self, day: Day) -> None:
        """Its last value is wrong: the first records would have been written by then."""
        index = SCHEMA.get_field_index("loans")
        rows = [row(number, loans=number + (0.5 if number == 109 else 0)) for number in range(110)]
        day.give(rows, schema=SCHEMA.set(index, pa.field("loans", pa.float64())))
        says = day.refusal()
        assert says.startswith("loans is double in the curated rows and integer in the workflow file: ")
        assert "109.5" in says

    def test_a_column_that_is_not_there(self, day: Day) -> None:
        day.give([row(1)], schema=SCHEMA.remove(SCHEMA.get_field_index("note")))
        assert day.refusal().startswith("note: no such column in the curated rows; they have id, at, pay")

    def test_all_faults_are_told_at_once(self, day: Day) -> None:
        says = day.refusal(row(1, id=None), row(2, at=None))
        assert "no id" in says
        assert "no at" in says


class TestWriting:
    ROWS = tuple(row(number) for number in range(110))
    ALL = frozenset(f"A{number}" for number in range(110))

    def test_batches_and_what_is_reported(self, day: Day, aws: Aws) -> None:
        """110 records in batches of 25: four full ones and one of ten."""
        report = day.ingest(*self.ROWS)
        assert set(aws.records) == self.ALL
        assert sorted(aws.batches) == [10, 25, 25, 25, 25]
        assert report.pop("seconds") >= 0
        assert report == {
            "feature_group": "loans",
            "records": 110,
            "resumed": 0,
            "began": None,
            "written": 110,
            "refused": [],
            "calls": 5,
            "throttled": 0,
        }

    @pytest.mark.parametrize("trouble", [throttled, broken_off, half])
    def test_nothing_is_lost_when_aws_is_busy(self, day: Day, aws: Aws, trouble: Answer) -> None:
        aws.troubles = [trouble] * 4
        report = day.ingest(*self.ROWS)
        assert set(aws.records) == self.ALL
        assert (report["written"], report["refused"]) == (110, [])
        assert report["throttled"] > 0

    def test_a_refused_record_is_told_and_the_others_are_written(self, day: Day, aws: Aws) -> None:
        aws.troubles = [refused, refused]
        with pytest.raises(
            JobError, match=r"AWS refused 2 of 110 records: 2 \(A\d+, A\d+\): .* pay is no Integral"
        ):
            day.ingest(*self.ROWS)
        assert len(aws.records) == 108
        (told,) = day.report()["refused"]
        assert (told["records"], told["reason"]) == (2, "ValidationError: pay is no Integral")
        assert set(told["entities"]) == self.ALL - set(aws.records)

    def test_one_record_that_spoils_a_call_is_found(self, day: Day, aws: Aws) -> None:
        day.config["feature_store"]["parallel"] = 1
        aws.troubles = [spoilt_call]
        with pytest.raises(JobError, match=r"AWS refused 1 of 110 records: 1 \(A7\): spoilt is no value"):
            day.ingest(*(row(number, note="spoilt" if number == 7 else "fine") for number in range(110)))
        assert set(aws.records) == self.ALL - {"A7"}

    def test_patience_has_an_end_that_may_be_tried_again(
        self, day: Day, aws: Aws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(job_module, "PATIENCE_SECONDS", 0)
        aws.troubles = [throttled] * 5
        with pytest.raises(Unwritten, match=r"110 of 110 records: .*Rate exceeded.*, for 0 s"):
            day.ingest(*self.ROWS)

    def test_without_progress_a_broken_off_job_is_done_again(self, day: Day, aws: Aws) -> None:
        """What a first life wrote is written over with the same."""
        aws.troubles = [accepted, accepted, gone, gone, gone]
        with pytest.raises(JobError, match="AccessForbidden"):
            day.ingest(*self.ROWS)
        assert 0 < len(aws.records) < 110
        before = dict(aws.records)
        aws.troubles = []
        assert day.ingest()["written"] == 110
        assert set(aws.records) == self.ALL
        assert {entity: aws.records[entity] for entity in before} == before

    def test_a_fault_ends_also_who_waits_for_better_times(
        self, day: Day, aws: Aws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Three of four threads pause for ten minutes when the fourth is told that all is over."""
        monkeypatch.setattr(job_module, "FIRST_PAUSE_SECONDS", 600)
        aws.troubles = [throttled, throttled, throttled, gone]
        with pytest.raises(JobError, match="the role is gone"):
            day.ingest(*self.ROWS)
        assert aws.batches == [25, 25, 25, 25]
        assert aws.records == {}

    def test_an_older_sdk_writes_one_record_a_call(
        self, day: Day, aws: Aws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """AWS's images bring their own boto3, which may not know BatchWriteRecord."""
        monkeypatch.setattr(calls, "OPERATION", "BatchOfRecordsThatNoSdkKnows")
        report = day.ingest(*self.ROWS)
        assert set(aws.records) == self.ALL
        assert (aws.batches, report["calls"]) == ([], 110)
