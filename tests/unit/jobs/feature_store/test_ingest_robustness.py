"""The ingestion as a process of its own and a real stand-in, with calls throttled or lost, and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.feature_store import created, group_request, table_of, until
from tests.support.gate import HELD, LOST, gate_before
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
        told = {
            "AWS_ENDPOINT_URL_SAGEMAKER_FEATURESTORE_RUNTIME": endpoint,
            "FEATURE_GROUP": self.group,
            "FEATURE_GROUP_CREATED": self.described["CreationTime"].isoformat(),
            "DAY_END": str(DAY_END),
            "PROGRESS": f"s3://{self.lake.bucket}/{self.group}/progress.json",
        }
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

    def kept(self) -> Any:
        """What is kept of how far it is; None if nothing is yet."""
        s3, key = self.aws.client("s3"), f"{self.group}/progress.json"
        if not s3.list_objects_v2(Bucket=self.lake.bucket, Prefix=key)["KeyCount"]:
            return None
        return json.load(s3.get_object(Bucket=self.lake.bucket, Key=key)["Body"])

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


@pytest.mark.parametrize("trouble", ["ThrottlingException", "ServiceUnavailable", LOST])
def test_nothing_is_lost_or_doubled_when_every_third_call_fails(
    stand_in: StandIn,  # noqa: F811
    tmp_path: Path,
    trouble: str,
) -> None:
    """80 batches, of which every third call is throttled, or not heard, or heard without an answer."""
    day = Day(stand_in, tmp_path, f"busy-{trouble}")
    with gate_before(stand_in, lambda call: trouble if call % 3 == 0 else None) as gate:
        job = day.start(gate.url)
        said, _ = job.communicate()
    assert job.returncode == 0, said
    assert gate.tolled >= 26
    report = day.report()
    assert (report["records"], report["written"], report["refused"]) == (RECORDS, RECORDS, [])
    assert report["throttled"] == 25 * gate.tolled
    assert report["calls"] == gate.calls
    day.has_all()


@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGTERM])
def test_a_job_goes_on_where_a_killed_one_was(
    stand_in: StandIn,  # noqa: F811
    tmp_path: Path,
    way: signal.Signals,
) -> None:
    """Killed when 40 of 80 batches are acknowledged, and four are heard and not answered: 40 are left.

    A job that is asked to stop keeps what it has just written; one that is killed has kept it before.
    """
    day = Day(stand_in, tmp_path, way.name.lower())
    with gate_before(stand_in, lambda call: HELD if call > 40 else None) as gate:
        job = day.start(gate.url)
        until(lambda: gate.held, lambda held: held == 4, "the calls on their way")
        if way is signal.SIGKILL:
            until(day.kept, lambda kept: kept is not None and kept["taken"] == 44, "the progress")
        job.send_signal(way)
        gate.over.set()
        job.communicate()
    assert job.returncode == (-9 if way is signal.SIGKILL else 143)
    assert len(day.current()) == 44 * 25
    assert not (day.base / "output" / "report" / "ingestion.json").exists()
    kept = day.kept()
    assert (kept["taken"], len(kept["open"]), kept["ended"]) == (44, 4, False)

    again = day.start(stand_in.endpoint_url)
    said, _ = again.communicate()
    assert again.returncode == 0, said
    report = day.report()
    assert (report["records"], report["resumed"], report["written"]) == (RECORDS, 1000, 1000)
    assert (report["calls"], report["began"]) == (40, kept["began"])
    assert day.kept()["ended"]
    day.has_all()
