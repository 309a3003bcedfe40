"""Score rows with an archive, in a process that sees nothing but the archive, as an endpoint does."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from jobs.processing.job import JobError

REQUEST_RECORDS = 1_000  # a request
TIMED_RECORDS = 20  # asked for once more, one at a time


@dataclass(frozen=True)
class Served:
    """What an archive answered."""

    scores: list[float]
    milliseconds: float  # the median answer to a single record, without any network


def as_sent(rows: pa.Table) -> list[dict[str, Any]]:
    """The rows as a client sends them: JSON has no times, so they are ISO 8601 texts."""
    return [
        {
            name: value.isoformat() if isinstance(value, date) else value  # a datetime is a date
            for name, value in row.items()
        }
        for row in rows.to_pylist()
    ]


def serve(archive: Path, records: Sequence[Mapping[str, Any]], room: Path) -> Served:
    """The scores that the archive's own code gives the records.

    :param archive: the unpacked archive
    :param records: at least one, as clients send them
    :param room: an empty folder for what travels between the processes
    :raises JobError: it cannot be served, or gives other than one score a record
    """
    requests, answers = room / "requests.jsonl", room / "answers.jsonl"
    single = records[:TIMED_RECORDS]
    with requests.open("w", encoding="utf-8") as stream:
        for start in range(0, len(records), REQUEST_RECORDS):
            stream.write(json.dumps({"records": records[start : start + REQUEST_RECORDS]}) + "\n")
        for record in single:
            stream.write(json.dumps(record) + "\n")
    program = Path(__file__).with_name("score.py")
    done = subprocess.run(
        [sys.executable, "-I", str(program), str(archive), str(requests), str(answers)],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stderr)
        reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it said nothing"
        raise JobError(f"the serving archive cannot score the test rows: {reason}")
    with answers.open(encoding="utf-8") as lines:
        told = [json.loads(line) for line in lines]
    batches, timed = told[: -len(single)], told[-len(single) :]
    scores = [float(one["score"]) for each in batches for one in json.loads(each["answer"])["predictions"]]
    if len(scores) != len(records):
        raise JobError(f"the serving archive gave {len(scores)} scores for {len(records)} records")
    return Served(scores, 1000 * statistics.median(each["seconds"] for each in timed))
