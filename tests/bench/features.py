"""The feature job: a million rows of twenty columns, against writing the same numbers alone.

"write alone" writes the finished training matrix once more as CSV: what of the job's time no cleverer
fitting could save. Peak memory is the job's process, Python and its libraries included.

Run: PYTHONPATH=include:plugins:. .venv-jobs/bin/python -m tests.bench.features
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.processing.build_features import write_csv
from tests.support.features import PROFILE, declared
from tests.support.processing_job import ProcessingJob

ROWS = 1_000_000
NUMBERS = 12
WORDS = (3, 5, 8, 20, 200, 5000)  # distinct values of the text columns
PLAIN: dict[str, Any] = {
    "numeric": [f"n{place}" for place in range(NUMBERS)],
    "categorical": ["w0", "w1", "w2", "w3"],
    "interactions": [["n0", "n1"], ["n2", "n3"]],
}
EVERY: dict[str, Any] = {
    "numeric": [
        {"column": "n0", "scale": "quantile"},
        {"column": "n1", "scale": "log", "indicator": True},
        {"column": "n2", "outliers": {"by": "iqr", "factor": 1.5, "then": "clip"}},
        {"column": "n3", "scale": "robust"},
        *(f"n{place}" for place in range(4, NUMBERS)),
    ],
    "categorical": [
        "w0",
        "w1",
        {"column": "w2", "encode": "ordinal"},
        {"column": "w3", "rare_share": 0.04},
        {"column": "w4", "encode": "target"},
        {"column": "w5", "encode": "hash", "buckets": 8},
    ],
    "interactions": [["n0", "n1"], {"ratio": ["n2", "n3"]}, {"cross": ["w0", "w1"], "encode": "target"}],
    "dates": [{"column": "at", "parts": ["month", "weekday", "hour"], "cyclic": True}],
    "bins": [{"column": "n5", "count": 5}],
    "select": {"minimum_variance": 0.0, "maximum_correlation": 0.98},
}


def main() -> None:
    """Print a line for each declaration."""
    rows = f"{ROWS:,} rows of 20 columns"
    print(f"{rows:<30} {'seconds':>8} {'CPU seconds':>12} {'columns':>8} {'memory':>9} {'write alone':>12}")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "part-00000.parquet"
        pq.write_table(table(), source, row_group_size=50_000)
        for name, features in (("numbers and categories", PLAIN), ("every way there is", EVERY)):
            measured(Path(folder) / name, source, name, declared(**features))


def measured(folder: Path, source: Path, name: str, features: dict[str, Any]) -> None:
    """Run the job as SageMaker does, in a process of its own."""
    job = ProcessingJob(folder, {"data": data(), "features": features, "profile": PROFILE})
    job.give("curated", source)
    began = time.perf_counter()
    done = subprocess.Popen(
        [
            sys.executable,
            str(job.code / "jobs" / "processing" / "build_features.py"),
            "--base",
            str(job.base),
        ],
        env={**os.environ, "PYTHONPATH": str(job.code)},
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(done.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(f"the job failed: {job.message()}")
    report = json.loads((job.output("report") / "features.json").read_text())
    rows = report["splits"]["train"]["rows"] + report["splits"]["validation"]["rows"]
    matrix = np.asfortranarray(
        np.random.default_rng(1).normal(size=(rows, len(report["columns"]))).astype(np.float32)
    )
    began = time.perf_counter()
    write_csv(folder / "alone.csv", np.ones(rows, dtype=bool), matrix)
    alone = time.perf_counter() - began
    worked = used.ru_utime + used.ru_stime
    figures = (
        f"{seconds:>8.1f} {worked:>12.1f} {len(report['columns']):>8} {used.ru_maxrss / 2**20:>5.2f} GiB"
    )
    print(f"{name:<30} {figures} {alone:>10.1f} s")


def data() -> dict[str, Any]:
    """The workflow's `data` part."""
    columns = [{"name": "id", "type": "string"}, {"name": "at", "type": "timestamp"}]
    columns += [{"name": f"n{place}", "type": "number"} for place in range(NUMBERS)]
    columns += [{"name": f"w{place}", "type": "string"} for place in range(len(WORDS))]
    columns.append({"name": "label", "type": "integer"})
    return {"key": "id", "columns": columns, "label": {"column": "label", "positive": [1]}}


def table() -> pa.Table:
    """Rows as the cleaning job leaves them."""
    draw = np.random.default_rng(20260115)
    columns: dict[str, Any] = {
        "id": pa.array([f"A-{place:07}" for place in range(ROWS)]),
        "at": pa.array(1768435200000000 + draw.integers(0, 10**13, ROWS), pa.timestamp("us")),
    }
    for place in range(NUMBERS):
        values = draw.lognormal(8, 1, ROWS).round(2) if place % 2 else draw.normal(50, 10, ROWS)
        columns[f"n{place}"] = pa.array(values, mask=draw.random(ROWS) < 0.02)
    for place, most in enumerate(WORDS):
        words = pa.array([f"value {each}" for each in range(most)])
        columns[f"w{place}"] = words.take(pa.array(draw.integers(0, most, ROWS)))
    columns["label"] = pa.array((draw.random(ROWS) < 0.3).astype(np.int64))
    return pa.table(columns)


if __name__ == "__main__":
    main()
