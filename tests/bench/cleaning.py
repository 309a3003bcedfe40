"""Cleaning one day with both engines, as Glue jobs on the stand-in: seconds, peak memory, rows a second.

PYTHONPATH=include:plugins:. python -m tests.bench.cleaning [--mb 1000] [--engines spark]

Each engine cleans a tenth of the day and the whole of it, so that one sees what grows. The memory is the sum
of the proportional set sizes of all processes of the job, sampled. Without Spark there is one engine less.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from botocore.config import Config

from local_aws.jobs.process import marked
from sample_data.loan_applications import files
from tests.support.spark import PYTHON as SPARK_PYTHON
from tests.support.stand_in import ROOT, StandIn

DAY = "2026-01-15"
SAMPLE_SECONDS = 0.5
ENGINES = {
    "pythonshell": {
        "Command": {
            "Name": "pythonshell",
            "PythonVersion": "3.9",
            "ScriptLocation": "s3://bench/code/clean.py",
        },
        "MaxCapacity": 1.0,
    },
    "spark": {
        "Command": {"Name": "glueetl", "ScriptLocation": "s3://bench/code/clean_spark.py"},
        "GlueVersion": "5.1",
        "WorkerType": "G.1X",
        "NumberOfWorkers": 2,
    },
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=100, help="megabytes of the day's file")
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), default=list(ENGINES))
    chosen, _ = parser.parse_known_args()
    megabytes = chosen.mb
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "aws") as stand_in:
        # Putting a gigabyte's parts together takes a busy machine longer than a client usually waits.
        s3 = stand_in.client("s3", config=Config(read_timeout=600))
        s3.create_bucket(Bucket="bench")
        for module in ("clean", "clean_spark", "rules"):
            s3.upload_file(
                str(ROOT / "include" / "jobs" / "glue" / f"{module}.py"), "bench", f"code/{module}.py"
            )
        sizes = {}
        for size in (max(1, megabytes // 10), megabytes):
            path = Path(folder) / "day.csv"
            sizes[f"day{size}"] = size
            write(path, size * 1_000_000)
            s3.put_object(Bucket="bench", Key=f"day{size}/config.json", Body=json.dumps({"data": workflow()}))
            s3.upload_file(str(path), "bench", f"day{size}/landing/dt={DAY}/day.csv")
        print(f"{'cleaning a day':<24}{'MB':>6}{'rows':>12}{'seconds':>9}{'peak MiB':>10}{'rows/s':>10}")
        seconds: dict[tuple[str, str], float] = {}
        for engine in chosen.engines:
            if engine == "spark" and not SPARK_PYTHON.exists():
                print("spark is not installed: make spark")
                continue
            for name, size in sizes.items():
                run, peak = cleaned(stand_in, engine, name)
                report = json.load(s3.get_object(Bucket="bench", Key=f"{name}/run/cleaning.json")["Body"])
                took = (run["CompletedOn"] - run["StartedOn"]).total_seconds()
                seconds[engine, name] = took
                rows = report["rows_in"]
                print(
                    f"  {engine:<22}{size:>6}{rows:>12,}{took:>9.1f}{peak:>10.0f}{rows / took:>10,.0f}",
                    flush=True,
                )
        for name, size in sizes.items():
            if {("spark", name), ("pythonshell", name)} <= set(seconds):
                ratio = seconds["pythonshell", name] / seconds["spark", name]
                print(f"  spark is {ratio:.2f} times as fast on {size} MB")


@contextmanager
def running(data_dir: Path) -> Iterator[StandIn]:
    """A stand-in for the measurement."""
    stand_in = StandIn(data_dir)
    try:
        yield stand_in
    finally:
        stand_in.stop()


def workflow() -> dict[str, Any]:
    """The `data` part of the sample workflow."""
    found = [
        yaml.safe_load((ROOT / "include" / "workflows" / f"{name}.yaml").read_text())["data"]
        for name in ("defaults", "loan_approval")
    ]
    return {**found[0], **found[1]}


def write(path: Path, size: int) -> None:
    """One large day: the sample day's rows again and again under ever new keys; one in a hundred twice."""
    header, *rows = b"".join(files(_day()).values()).decode().splitlines()
    bodies = [row.partition(",")[2] for row in rows if row != header]
    number = 0
    with path.open("w") as file:
        file.write(header + "\n")
        while file.tell() < size:
            lines = [f"A{number + at - (at % 100 == 99):010},{body}\n" for at, body in enumerate(bodies)]
            file.writelines(lines)
            number += len(bodies)


def _day() -> Any:
    from datetime import date

    return date.fromisoformat(DAY)


def cleaned(stand_in: StandIn, engine: str, name: str) -> tuple[dict[str, Any], float]:
    """Run the job to its end: the run, and its peak memory in MiB."""
    glue = stand_in.client("glue")
    arguments = {
        "--bucket": "bench",
        "--workflow": name,
        "--dt": DAY,
        "--config_key": f"{name}/config.json",
        "--run_prefix": f"{name}/run",
        "--extra-py-files": "s3://bench/code/rules.py",
    }
    job = f"{engine}-{name}"
    glue.create_job(Name=job, Role="r", DefaultArguments=arguments, **ENGINES[engine])
    with Peak(stand_in.data_dir / "jobs") as peak:
        run_id = glue.start_job_run(JobName=job)["JobRunId"]
        while (run := glue.get_job_run(JobName=job, RunId=run_id)["JobRun"])["JobRunState"] in (
            "STARTING",
            "RUNNING",
        ):
            time.sleep(0.2)
    if run["JobRunState"] != "SUCCEEDED":
        sys.exit(f"{job}: {run.get('ErrorMessage')}")
    return run, peak.kib / 1024


class Peak:
    """The largest sum of proportional set sizes of the processes of all jobs, sampled."""

    def __init__(self, jobs: Path) -> None:
        self.kib = 0
        self._jobs = jobs
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self.kib = max(self.kib, sum(_pss_kib(pid) for pid in marked(self._jobs)))


def _pss_kib(pid: int) -> int:
    """A process's share of the memory that it uses; 0 for one that has just ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    main()
