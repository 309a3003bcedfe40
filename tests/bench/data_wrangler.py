"""A million loan applications through the project's own flow, by the Data Wrangler image's program.

PYTHONPATH=include:plugins:. python -m tests.bench.data_wrangler
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 1_000_000
INCLUDE = Path(__file__).parents[2] / "include"
FLOW = INCLUDE / "jobs" / "flows" / "loan_approval.flow"
PROGRAM = [sys.executable, "-P", "-m", "local_aws.images.data_wrangler"]
NODE = re.compile(r"node (\S+) \((\S+?)(?: / (.*))?\): (.*), (\d+\.\d+) s")


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        columns = write(Path(folder), ROWS)
        seconds, peak, log = run(Path(folder))
        written = sum(path.stat().st_size for path in Path(folder).rglob("*.csv"))
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), 100)
        idle_seconds, idle_peak, _ = run(Path(folder))
    print(f"{ROWS:,} rows, 14 columns".ljust(56) + "seconds".rjust(10) + "of all".rjust(9))
    shown = 0.0
    for node, operator, chosen, taken in log:
        shown += taken
        label = f"  {node}: {(chosen or operator).removeprefix('sagemaker.').removeprefix('spark.')}"
        print(label.ljust(56) + f"{taken:10.2f}" + f"{taken / seconds:9.0%}")
    for label, taken in (
        ("  writing a fifth of the rows as CSV, the rest", seconds - shown - idle_seconds),
        ("  starting, and 100 rows", idle_seconds),
        ("all", seconds),
    ):
        print(label.ljust(56) + f"{taken:10.2f}" + f"{taken / seconds:9.0%}")
    print("\nmemory".ljust(57) + "MiB".rjust(10) + "ratio".rjust(9))
    for label, size in (
        ("  column data, as Arrow", columns),
        ("  the program with 100 rows", idle_peak),
        ("  peak", peak),
        ("  peak beyond the program with 100 rows", peak - idle_peak),
        ("  the CSV file", written),
    ):
        print(label.ljust(56) + f"{size / 2**20:10.0f}" + f"{size / columns:9.2f}")


def run(base: Path) -> tuple[float, int, list[tuple[str, str, str, float]]]:
    """Seconds, the largest resident memory of the process, and its nodes with their seconds."""
    began = time.perf_counter()
    process = subprocess.Popen(
        PROGRAM,
        env={
            **os.environ,
            "SAGEMAKER_BASE_DIR": str(base),
            "PYTHONPATH": str(INCLUDE),
            "OMP_NUM_THREADS": "2",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"the program failed:\n{lines}")
    nodes = [
        (node, operator, chosen, float(taken)) for node, operator, chosen, _, taken in NODE.findall(lines)
    ]
    return time.perf_counter() - began, usage.ru_maxrss * 1024, nodes


def write(base: Path, rows: int) -> int:
    """A job's tree with its partition; the bytes of the columns."""
    random = np.random.default_rng(7)

    def some(*values: str | None) -> pa.Array:
        return pa.array(values).take(pa.array(random.integers(0, len(values), rows)))

    def holes(values: Any, share: float) -> pa.Array:
        return pa.array(values, mask=random.random(rows) < share)

    start = np.datetime64(datetime.fromisoformat("2026-01-15T00:00:00"), "us")
    table = pa.table(
        {
            "application_id": pa.array([f"A-2026-01-15-{place:08}" for place in range(rows)]),
            "applied_at": pa.array(start + np.sort(random.integers(0, 86_400, rows)) * 1_000_000),
            "age": pa.array(random.integers(18, 90, rows).astype(float)),
            "sex": some("female", "male"),
            "region": some("north", "south", "east", "west", None),
            "employment": some("salaried", "self_employed", "unemployed", "retired", "student"),
            "income": holes(random.lognormal(10, 0.5, rows).round(2), 0.02),
            "loan_amount": pa.array(random.lognormal(9, 0.7, rows).round(2)),
            "term_months": pa.array(random.choice([12, 24, 36, 48, 60], rows)),
            "credit_history_years": holes(random.uniform(0, 40, rows).round(1), 0.02),
            "existing_debt": holes(random.lognormal(8, 1, rows).round(2), 0.02),
            "late_payments": holes(random.integers(0, 9, rows), 0.02),
            "purpose": some("car", "home", "education", "medical", "business", "other"),
            "approved": pa.array((random.random(rows) < 0.6).astype(int)),
        }
    )
    curated, flow = base / "processing" / "curated", base / "processing" / "flow"
    for path in (curated, flow, base / "config"):
        path.mkdir(parents=True)
    pq.write_table(table, curated / "part-00000.parquet")
    (flow / FLOW.name).write_bytes(FLOW.read_bytes())
    job = {
        "ProcessingJobName": "bench",
        "ProcessingInputs": [
            {"InputName": name, "S3Input": {"LocalPath": f"/opt/ml/processing/{name}"}}
            for name in ("flow", "curated")
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {"OutputName": "sample.default", "S3Output": {"LocalPath": "/opt/ml/processing/output"}}
            ]
        },
    }
    (base / "config" / "processingjobconfig.json").write_text(json.dumps(job))
    return int(table.nbytes)


if __name__ == "__main__":
    main()
