# ruff: noqa: S608 - SQL of our own, over columns of our own
"""The profile of a partition of a million rows by twenty columns, beside ydata-profiling on the same frame.

PYTHONPATH=include:plugins:. python -m tests.bench.profile
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from aws_ml.requests import athena_query, glue_database, glue_partition, glue_table, profile
from aws_ml.schema import Workflow
from jobs.glue.clean import BLOCK_ROWS
from tests.support.stand_in import StandIn
from tests.unit.aws_ml.rendering import rendered

ROOT = Path(__file__).parents[2]
ROWS = 1_000_000
DAY = "2026-01-15"
BUCKET = "local-ml"
STAGE = f"bench/runs/{DAY}/ingest_analyze"
PEER = ROOT / ".local" / "bench-venv"
NUMBERS = [*(f"number_{place}" for place in range(6)), *(f"integer_{place}" for place in range(3))]
TEXTS = [f"text_{place}" for place in range(7)]
# What it leaves out in its minimal mode (correlations, duplicates, interactions) would take it minutes.
PEER_PROGRAM = """
import json, resource, sys, time
import pandas as pd
from ydata_profiling import ProfileReport
frame = pd.read_parquet(sys.argv[1])
start = time.perf_counter()
ProfileReport(frame, minimal=True, progress_bar=False).to_file(sys.argv[2])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": time.perf_counter() - start, "mib": peak}))
"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.parquet"
        # DuckDB shares a file's row groups out among its threads; one of them would be read by one thread.
        pq.write_table(frame(), file, row_group_size=BLOCK_ROWS)
        server = StandIn(Path(folder) / "state")
        try:
            ours = Report(server, file)
            ours.engine()
            ours.whole()
        finally:
            server.stop()
        theirs = peer(file, Path(folder) / "peer.html")
        least = floor(file)
    size = ours.bytes
    print(f"{ROWS:,} rows by 20 columns, {size / 2**20:,.0f} MiB as Arrow".ljust(52) + "seconds".rjust(10))
    for name, seconds in ours.statements.items():
        print(f"  {name}".ljust(52) + f"{seconds:10.2f}")
    print("engine time of all statements (target 1.0)".ljust(52) + f"{sum(ours.statements.values()):10.2f}")
    print("  DuckDB by itself, simpler statements by hand".ljust(52) + f"{least:10.2f}")
    print("  in which the stand-in used so much CPU, of 2 cores".ljust(52) + f"{ours.cpu_seconds:10.2f}")
    print("statements side by side".ljust(52) + f"{ours.queries_seconds:10.2f}")
    print("job".ljust(52) + f"{ours.job_seconds:10.2f}")
    whole = ours.queries_seconds + ours.job_seconds
    print("whole report (target 5.0)".ljust(52) + f"{whole:10.2f}")
    print("peak memory of stand-in and job, MiB".ljust(52) + f"{ours.peak / 2**20:10.0f}")
    if theirs is None:
        print("ydata-profiling could not be installed: not compared")
        return
    ratio = f"{theirs['seconds'] / whole:.0f} times as long"
    print("ydata-profiling, minimal mode".ljust(52) + f"{theirs['seconds']:10.2f}   {ratio}")
    ratio = f"{theirs['mib'] * 2**20 / ours.peak:.1f} times as much"
    print("its peak memory, MiB".ljust(52) + f"{theirs['mib']:10.0f}   {ratio}")


def frame() -> pa.Table:
    """A key, a time, six numbers, three integers, seven texts, a truth and a label."""
    random = np.random.default_rng(1)
    columns: dict[str, Any] = {
        "id": pa.array([f"A{number:07d}" for number in range(ROWS)]),
        "seen_at": pa.array(1768435200000000 + random.integers(0, 86400, ROWS) * 1000000, pa.timestamp("us")),
    }
    for place in range(6):
        values = random.lognormal(8, 1, ROWS).round(2) if place < 3 else random.normal(50, 10, ROWS)
        columns[f"number_{place}"] = pa.array(values, mask=random.random(ROWS) < 0.02)
    for place, most in enumerate((5, 60, 10_000)):
        columns[f"integer_{place}"] = pa.array(random.integers(0, most, ROWS))
    for place, most in enumerate((2, 3, 4, 6, 12, 50, 1000)):
        words = pa.array([f"value {each}" for each in range(most)])
        columns[f"text_{place}"] = words.take(pa.array(random.integers(0, most, ROWS)))
    columns["truth"] = pa.array(random.random(ROWS) < 0.3)
    columns["label"] = pa.array(random.integers(0, 2, ROWS))
    return pa.table(columns)


def workflow() -> Workflow:
    """The example's workflow over these columns."""
    folder = ROOT / "include" / "workflows"
    document = merged(
        yaml.safe_load((folder / "defaults.yaml").read_text()),
        yaml.safe_load((folder / "loan_approval.yaml").read_text()),
    )
    kinds = {"id": "string", "seen_at": "timestamp", "truth": "boolean", "label": "integer"}
    words = {"number": "number", "integer": "integer", "text": "string"}
    names = frame_names()
    columns = [{"name": name, "type": kinds.get(name) or words[name.split("_")[0]]} for name in names]
    document["name"] = "bench"
    document["data"] |= {"key": "id", "columns": columns, "label": {"column": "label", "positive": [1]}}
    document["bias"] |= {
        "facets": [{"column": "text_0", "values": ["value 0"]}, {"column": "number_3", "threshold": 60}]
    }
    document["quality"]["rules"] = []
    document["bias"]["intersections"] = [{"facets": ["text_0", "number_3"]}]
    numbers = [name for name in names if name.startswith(("number", "integer"))]
    document["features"] |= {"numeric": numbers, "categorical": ["text_1"], "interactions": []}
    return Workflow.model_validate_json(json.dumps(document, default=str))


def merged(below: Any, above: Any) -> Any:
    """The example's file over the defaults, mapping by mapping."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: merged(below.get(key), value) for key, value in above.items()}}


def frame_names() -> list[str]:
    """The columns' names."""
    return [
        "id", "seen_at", *(f"number_{n}" for n in range(6)), *(f"integer_{n}" for n in range(3)),
        *(f"text_{n}" for n in range(7)), "truth", "label",
    ]  # fmt: skip


class Report:
    """The statements and the job on one stand-in, and what they took."""

    def __init__(self, server: StandIn, file: Path) -> None:
        self.server, self.workflow = server, workflow()
        self.s3, self.athena, self.sagemaker = (server.client(name) for name in ("s3", "athena", "sagemaker"))
        self.bytes = pq.read_table(file).nbytes
        self.statements: dict[str, float] = {}
        self.queries_seconds = self.job_seconds = self.cpu_seconds = 0.0
        self.peak = 0
        self.s3.create_bucket(Bucket=BUCKET)
        self.s3.upload_file(str(file), BUCKET, f"bench/curated/dt={DAY}/part-00000.parquet")
        code = f"loan_approval/code/{'a' * 64}/"
        for path in (ROOT / "include" / "jobs").rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                self.s3.upload_file(
                    str(path), BUCKET, f"{code}{path.relative_to(ROOT / 'include').as_posix()}"
                )
        self.s3.put_object(Bucket=BUCKET, Key=f"{code}config.json", Body=json.dumps(self.workflow.resolved()))
        who = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}}
        trust = {"Version": "2012-10-17", "Statement": [{**who, "Action": "sts:AssumeRole"}]}
        server.client("iam").create_role(
            RoleName="aws-ml-workflow", AssumeRolePolicyDocument=json.dumps(trust)
        )
        glue = server.client("glue")
        glue.create_database(**rendered(self.workflow, glue_database.create_database(self.workflow)))
        table = rendered(self.workflow, glue_table.create_curated(self.workflow))
        glue.create_table(**table)
        place = rendered(self.workflow, glue_partition.curated_partition(self.workflow))
        storage = table["TableInput"]["StorageDescriptor"]
        place["PartitionInput"]["StorageDescriptor"] = storage | place["PartitionInput"]["StorageDescriptor"]
        glue.create_partition(**place)

    def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """A statement's execution, when it has ended well."""
        query = self.athena.start_query_execution(**rendered(self.workflow, body))["QueryExecutionId"]
        while True:
            execution: dict[str, Any] = self.athena.get_query_execution(QueryExecutionId=query)[
                "QueryExecution"
            ]
            if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
                break
            time.sleep(0.01)
        if execution["Status"]["State"] != "SUCCEEDED":
            raise RuntimeError(execution["Status"]["StateChangeReason"])
        return execution

    def engine(self) -> None:
        """Each statement alone, the better of two rounds."""
        for _ in range(2):
            before = cpu(self.server.pid)
            for body in athena_query.explore(self.workflow):
                execution = self.ask(body)
                name = execution["ResultConfiguration"]["OutputLocation"].split("/")[-2]
                seconds = execution["Statistics"]["EngineExecutionTimeInMillis"] / 1000
                self.statements[name] = min(seconds, self.statements.get(name, seconds))
            self.cpu_seconds = cpu(self.server.pid) - before

    def whole(self) -> None:
        """All statements side by side, as mapped tasks ask them, then the job."""
        with Peak(self.server.pid) as peak:
            start = time.perf_counter()
            with ThreadPoolExecutor(5) as pool:
                executions = list(pool.map(self.ask, athena_query.explore(self.workflow)))
            self.queries_seconds = time.perf_counter() - start
            root = f"s3://{BUCKET}/"
            names = [each["ResultConfiguration"]["OutputLocation"].removeprefix(root) for each in executions]
            manifest = json.dumps([{"prefix": root}, *names])
            self.s3.put_object(Bucket=BUCKET, Key=f"{STAGE}/profile/sources.json", Body=manifest)
            start = time.perf_counter()
            body = rendered(self.workflow, profile.report_profile(self.workflow))
            self.sagemaker.create_processing_job(**body)
            name = body["ProcessingJobName"]
            while True:
                job = self.sagemaker.describe_processing_job(ProcessingJobName=name)
                if job["ProcessingJobStatus"] != "InProgress":
                    break
                time.sleep(0.02)
            self.job_seconds = time.perf_counter() - start
        if job["ProcessingJobStatus"] != "Completed":
            raise RuntimeError(job.get("ExitMessage") or job.get("FailureReason"))
        self.peak = peak.bytes


def floor(file: Path) -> float:
    """Seconds that the engine needs for the same numbers in its own words, the better of two rounds."""
    rows = f"FROM read_parquet('{file}')"
    numbers = [*NUMBERS, "epoch(seen_at)"]
    pairs = [(left, right) for place, right in enumerate(NUMBERS) for left in NUMBERS[:place]]
    of_each = ", ".join(
        f"count({each}), min({each}), max({each}), avg({each}), stddev_samp({each}), skewness({each}), "
        f"quantile_disc({each}, [0.25, 0.5, 0.75]), approx_count_distinct({each}), "
        f"max({each} - floor({each}))"
        for each in numbers
    )
    binned = ", ".join(f"CAST({each} / 10 AS integer) % 20 AS bin_{each}" for each in NUMBERS)
    sets = ", ".join(f"(bin_{each}, label)" for each in NUMBERS)
    same = ", ".join(["seen_at", *NUMBERS, *TEXTS, "truth", "label"])
    statements = [
        f"SELECT {of_each} {rows}",
        f"SELECT count(*) FROM (SELECT label, {binned} {rows}) GROUP BY GROUPING SETS ({sets})",
        f"SELECT count(*), sum(label) {rows} GROUP BY GROUPING SETS ({', '.join(TEXTS)})",
        f"SELECT {', '.join(f'corr({left}, {right})' for left, right in pairs)} {rows}",
        f"SELECT count(*), sum(label) {rows} GROUP BY GROUPING SETS (text_0, (text_0, text_1))",
        f"SELECT sum(twins) FROM (SELECT count(*) AS twins {rows} GROUP BY {same}) WHERE twins > 1",
    ]
    rounds = []
    with duckdb.connect(config={"threads": 2}) as connection:
        for _ in range(2):
            start = time.perf_counter()
            for statement in statements:
                connection.execute(statement).fetchall()
            rounds.append(time.perf_counter() - start)
    return min(rounds)


class Peak:
    """The most memory that a process and its children held together, shared pages counted once."""

    def __init__(self, pid: int) -> None:
        self.pid, self.bytes = pid, 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            self.bytes = max(self.bytes, sum(map(held, family(self.pid))))


def cpu(pid: int) -> float:
    """Seconds that a process has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and all below it."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended
        parents.setdefault(parent, []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += parents.get(found[-1], [])
    return found


def held(pid: int) -> int:
    """Proportional set size in bytes; none of a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def peer(file: Path, page: Path) -> dict[str, float] | None:
    """ydata-profiling on the same rows; None where it cannot be installed."""
    python = PEER / "bin" / "python"
    wanted = ROOT / "tests" / "bench" / "requirements.txt"
    done = PEER / "requirements.txt"
    if not done.exists() or done.read_text() != wanted.read_text():
        uv = next(
            (path for path in (ROOT / ".uv" / "bin" / "uv", ROOT / ".uv" / "uv") if path.exists()), None
        )
        made = [[str(uv or "uv"), "venv", "--clear", "--python", sys.executable, str(PEER)]]
        made.append([str(uv or "uv"), "pip", "install", "--python", str(python), "-r", str(wanted)])
        for command in made:
            try:
                subprocess.run(command, check=True, capture_output=True, text=True)
            except (OSError, subprocess.CalledProcessError) as problem:
                print(str(getattr(problem, "stderr", "") or problem)[-500:])
                return None
        shutil.copy(wanted, done)
    environment = {**os.environ, "PYTHONPATH": "", "YDATA_PROFILING_NO_ANALYTICS": "True"}
    ran = subprocess.run(
        [str(python), "-W", "ignore", "-c", PEER_PROGRAM, str(file), str(page)],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    if ran.returncode:
        raise RuntimeError(f"ydata-profiling failed: {ran.stderr[-1000:]}")
    answer: dict[str, float] = json.loads(ran.stdout.strip().splitlines()[-1])
    return answer


if __name__ == "__main__":
    main()
