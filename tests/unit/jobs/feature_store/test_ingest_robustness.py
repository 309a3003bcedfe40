"""The ingestion as a process of its own and a real stand-in, with calls throttled or lost, and killed.

Between the two stands a toll gate, which lets calls through as they are, or does to them what AWS may do.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.feature_store import created, group_request, table_of, until
from tests.support.lake import Lake
from tests.support.stand_in import ROOT, StandIn, stand_in  # noqa: F401 - a fixture

DAY_END = 1768521600  # 2026-01-16T00:00:00Z
RECORDS = 2_000  # 80 calls
NAMES = [f"C{number:04}" for number in range(RECORDS)]
CONFIG = {
    "name": "w",
    "data": {
        "key": "id",
        "columns": [{"name": "id", "type": "string"}, {"name": "pay", "type": "number"}],
        "label": {"column": "paid"},
    },
    "feature_store": {"entity": None, "event_time": None, "features": None, "batch_size": 25, "parallel": 4},
}
HELD = "held"  # until the client is gone
Way = Callable[[int], str | None]


class Gate(ThreadingHTTPServer):
    """Passes calls on to the stand-in; ``way`` says what else becomes of the nth."""

    daemon_threads = True

    def __init__(self, aws: StandIn, way: Way) -> None:
        self.host = urlsplit(aws.endpoint_url).netloc
        self.way = way
        self.calls = 0
        self.tolled = 0  # calls that were not simply passed on
        self.lock = threading.Lock()
        self.holding = threading.Event()
        self.gone = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Gate
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.calls += 1
            way = self.server.way(self.server.calls)
            self.server.tolled += way is not None
        if way == HELD:
            self.server.holding.set()
            self.server.gone.wait()
            self.close_connection = True
            return
        if way == "ThrottlingException":
            self.answer(400, b'{"message":"Rate exceeded"}', way)
            return
        if way == "ServiceUnavailable":
            self.answer(503, b"", way)
            return
        connection = http.client.HTTPConnection(self.server.host)
        connection.request("POST", self.path, body, dict(self.headers))  # with its Host, which is signed
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        if way == "lost":
            self.close_connection = True
            return
        self.answer(answer.status, said, answer.headers.get("x-amzn-ErrorType", ""))

    def answer(self, status: int, body: bytes, code: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if code:
            self.send_header("x-amzn-ErrorType", code)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


class Day:
    """A day's rows, a group for them, and the job that writes them."""

    def __init__(self, aws: StandIn, folder: Path, group: str) -> None:
        self.aws, self.base, self.group = aws, folder / "processing", group
        self.lake = Lake(aws)
        definitions = {"id": "String", "event_time": "Fractional", "pay": "Fractional"}
        self.described = created(
            aws,
            group_request(
                group,
                self.lake.bucket,
                RecordIdentifierFeatureName="id",
                FeatureDefinitions=[
                    {"FeatureName": name, "FeatureType": kind} for name, kind in definitions.items()
                ],
            ),
        )
        curated, code = self.base / "input" / "curated", self.base / "input" / "code"
        for each in (curated, code):
            each.mkdir(parents=True)
        (code / "config.json").write_text(json.dumps(CONFIG))
        pay = pa.array([float(number) for number in range(RECORDS)])
        pq.write_table(pa.table({"id": NAMES, "pay": pay}), curated / "part-0.parquet")

    def start(self, endpoint: str) -> subprocess.Popen[str]:
        told = {"AWS_ENDPOINT_URL": endpoint, "FEATURE_GROUP": self.group, "DAY_END": str(DAY_END)}
        return subprocess.Popen(
            [sys.executable, "-m", "jobs.feature_store.ingest", "--base", str(self.base)],
            env={**os.environ, **self.aws.env(), **told, "PYTHONPATH": str(ROOT / "include")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.base / "output" / "report" / "ingestion.json").read_text())
        return found

    def current(self) -> dict[str, str]:
        """Each entity's online value; who has none is left out."""
        runtime = self.aws.client("sagemaker-featurestore-runtime")
        found: dict[str, str] = {}
        for start in range(0, RECORDS, 100):
            ids = {
                "FeatureGroupName": self.group,
                "RecordIdentifiersValueAsString": NAMES[start : start + 100],
            }
            for each in runtime.batch_get_record(Identifiers=[ids])["Records"]:
                values = {value["FeatureName"]: value["ValueAsString"] for value in each["Record"]}
                found[values["id"]] = values["pay"]
        return found

    def offline(self) -> tuple[int, int, float]:
        """Entities, those with several values, and the sum of all current ones, when all have arrived."""
        sql = f"""
            SELECT count(*), count_if(several > 1), sum(pay)
            FROM (SELECT id, count(DISTINCT pay) AS several, max(pay) AS pay FROM {table_of(self.described)}
                  GROUP BY id)
        """  # noqa: S608 - our own name
        rows = until(
            lambda: self.lake.sql(sql), lambda rows: int(str(rows[0][0])) == RECORDS, "the offline store"
        )
        return int(rows[0][0]), int(rows[0][1]), float(rows[0][2])

    def has_all(self) -> None:
        """No record lost, and one value a key: 0 + 1 + ... + 1,999 = 1,999,000."""
        assert {name: float(pay) for name, pay in self.current().items()} == {
            name: float(number) for number, name in enumerate(NAMES)
        }
        assert self.offline() == (RECORDS, 0, 1_999_000.0)


@pytest.fixture
def gated(stand_in: StandIn) -> Iterator[Callable[[Way], Gate]]:  # noqa: F811
    """Open gates of a test's own."""
    opened: list[tuple[Gate, threading.Thread]] = []

    def open_one(way: Way) -> Gate:
        gate = Gate(stand_in, way)
        thread = threading.Thread(target=gate.serve_forever, args=(0.05,))
        thread.start()
        opened.append((gate, thread))
        return gate

    yield open_one
    for gate, thread in opened:
        gate.gone.set()
        gate.shutdown()
        thread.join()
        gate.server_close()


def url(gate: Gate) -> str:
    return f"http://127.0.0.1:{gate.server_port}"


@pytest.mark.parametrize("trouble", ["ThrottlingException", "ServiceUnavailable", "lost"])
def test_nothing_is_lost_or_doubled_when_every_third_call_fails(
    stand_in: StandIn,  # noqa: F811
    tmp_path: Path,
    gated: Callable[[Way], Gate],
    trouble: str,
) -> None:
    """80 batches, of which every third call is throttled, or not heard, or heard without an answer."""
    day = Day(stand_in, tmp_path, f"busy-{trouble}")
    gate = gated(lambda call: trouble if call % 3 == 0 else None)
    job = day.start(url(gate))
    said, _ = job.communicate()
    assert job.returncode == 0, said
    assert gate.tolled >= 26
    report = day.report()
    assert (report["records"], report["written"], report["refused"]) == (RECORDS, RECORDS, [])
    assert report["throttled"] == 25 * gate.tolled
    assert report["calls"] == gate.calls
    day.has_all()


def test_a_job_that_was_killed_half_way_is_started_again_and_loses_nothing(
    stand_in: StandIn,  # noqa: F811
    tmp_path: Path,
    gated: Callable[[Way], Gate],
) -> None:
    """kill -9 when 40 of 80 batches are through and some are on their way."""
    day = Day(stand_in, tmp_path, "killed")
    gate = gated(lambda call: HELD if call > 40 else None)
    job = day.start(url(gate))
    assert gate.holding.wait(60)
    job.send_signal(signal.SIGKILL)
    job.communicate()
    assert job.returncode == -signal.SIGKILL
    written = day.current()
    assert 0 < len(written) <= 40 * 25
    assert not (day.base / "output" / "report" / "ingestion.json").exists()

    again = day.start(stand_in.endpoint_url)
    said, _ = again.communicate()
    assert again.returncode == 0, said
    assert day.report()["written"] == RECORDS
    day.has_all()
