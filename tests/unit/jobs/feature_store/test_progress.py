"""What is kept of an ingestion that did not end, in the stand-in's S3, and what the next one makes of it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from jobs.feature_store.ingest import progress_of
from jobs.feature_store.progress import fingerprint
from jobs.processing.job import JobError
from tests.support.feature_store import until
from tests.support.lake import Lake
from tests.support.stand_in import StandIn, stand_in  # noqa: F401 - a fixture
from tests.unit.jobs.feature_store.test_ingest import (  # noqa: F401 - two are fixtures
    Aws,
    Day,
    accepted,
    aws,
    day,
    gone,
    refused,
    row,
)


class TestWhatIsKept:
    """One batch at a time: 110 rows are batches of 25, 25, 25, 25 and 10."""

    ROWS = tuple(row(number) for number in range(110))

    @pytest.fixture(autouse=True)
    def place(self, stand_in: StandIn, aws: Aws, day: Day, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
        self.aws, self.day, self.lake = aws, day, Lake(stand_in)
        day.config["feature_store"]["parallel"] = 1
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, stand_in.env()[name])
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it would remember other keys
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", stand_in.endpoint_url)
        monkeypatch.setenv("PROGRESS", f"s3://{self.lake.bucket}/progress.json")
        monkeypatch.setenv("FEATURE_GROUP_CREATED", "2026-01-01T00:00:00+00:00")

    @property
    def kept(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.lake.get(f"s3://{self.lake.bucket}/progress.json"))
        return found

    def break_off(self, after: int) -> None:
        """A job that loses its role after so many batches."""
        self.aws.troubles = [*[accepted] * after, gone]
        with pytest.raises(JobError, match="the role is gone"):
            self.day.ingest(*self.ROWS)
        self.aws.batches = []

    def resumed(self) -> tuple[int, int, list[int]]:
        """Records that the next job finds written, those that it writes, and its batches."""
        report = self.day.ingest()
        return report["resumed"], report["written"], self.aws.batches

    def test_the_rest_is_written_and_the_beginning_stays(self) -> None:
        before = int(time.time())
        self.break_off(after=2)
        began = self.kept["began"]
        assert before <= began <= time.time()
        assert self.kept | {"records": ""} == {
            "records": "",
            "began": began,
            "taken": 3,
            "open": [2],
            "ended": False,
        }
        until(time.time, lambda now: now >= began + 1, "another second")
        assert self.resumed() == (50, 60, [25, 25, 10])
        assert self.day.report()["began"] == began
        assert set(self.aws.records) == {each["id"] for each in self.ROWS}

    def test_a_short_last_batch(self) -> None:
        self.break_off(after=4)
        assert self.resumed() == (100, 10, [10])

    def test_only_a_refused_batch_is_sent_again(self) -> None:
        self.aws.troubles = [accepted, refused]
        with pytest.raises(JobError, match=r"1 \(A25\)"):
            self.day.ingest(*self.ROWS)
        assert (self.kept["taken"], self.kept["open"]) == (5, [1])
        self.aws.batches = []
        assert self.resumed() == (85, 25, [25])

    def test_a_job_that_was_killed_after_its_last_record_leaves_nothing_to_write(self) -> None:
        self.day.ingest(*self.ROWS)
        self.aws.batches = []
        self.lake.put("progress.json", json.dumps({**self.kept, "ended": False}))
        assert self.resumed() == (110, 0, [])

    def test_who_clears_a_job_that_ended_well_wants_all_written_again(self) -> None:
        self.day.ingest(*self.ROWS)
        began = self.kept["began"]
        until(time.time, lambda now: now >= began + 1, "another second")
        self.aws.batches = []
        assert self.resumed() == (0, 110, [25, 25, 25, 25, 10])
        assert self.kept["began"] > began

    def test_what_is_kept_of_something_else_does_not_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Other rows, another group, or an object of somebody else's: all is to be written."""

        def taken(config: dict[str, Any]) -> int:
            curated = sorted((self.day.base / "input" / "curated").glob("*.parquet"))
            return progress_of(curated, os.environ["FEATURE_GROUP"], config).taken

        config = self.day.config
        self.break_off(after=2)
        assert taken(config) == 3
        for name in ("DAY_END", "FEATURE_GROUP", "FEATURE_GROUP_CREATED"):
            with monkeypatch.context() as changed:
                changed.setenv(name, f"{os.environ[name]}0")
                assert taken(config) == 0, name
        assert taken({**config, "feature_store": {**config["feature_store"], "batch_size": 10}}) == 0
        self.day.give([*self.ROWS[:-1], row(109, pay=2.5)])
        assert taken(config) == 0
        self.day.give(list(self.ROWS))
        assert taken(config) == 3
        self.lake.put("progress.json", "[]")
        assert self.resumed() == (0, 110, [25, 25, 25, 25, 10])

    def test_other_code_makes_other_records(self, tmp_path: Path) -> None:
        """A byte more in one of the files, or the end of one in the next, and nothing holds."""
        one, two = tmp_path / "one", tmp_path / "two"
        found = set()
        for texts in (("ab", "c"), ("a", "bc"), ("ab", "c\n")):
            one.write_text(texts[0])
            two.write_text(texts[1])
            found.add(fingerprint([one, two], "fact"))
        assert len({*found, fingerprint([one, two], "other")}) == 4

    def test_where_nothing_can_be_kept_the_records_are_written_and_the_job_is_not_done(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Or what an earlier job kept would be taken for true by the next."""

        def deleted(server: Aws, entries: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
            self.lake.s3.delete_bucket(Bucket=self.lake.bucket)
            return accepted(server, entries)

        self.aws.troubles = [deleted]
        with pytest.raises(ClientError, match="NoSuchBucket"):
            self.day.ingest(*self.ROWS)
        assert "how far it is could not be kept: " in capsys.readouterr().out
        assert len(self.aws.records) == 110

    def test_where_it_cannot_be_read_nothing_is_written(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PROGRESS", "s3://no-such-bucket-of-ours/progress.json")
        with pytest.raises(ClientError, match="NoSuchBucket"):
            self.day.ingest(*self.ROWS)
        assert self.aws.batches == []
