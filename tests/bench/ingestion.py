"""The ingestion job of prepare_transform: 100,000 records of 20 features into both stores of the stand-in.

Beside it the plain way, boto3 and a dictionary a record, on as many threads; and both against a server that
takes everything and does nothing, which is what the client itself costs. Client and server share the machine.

Run: PYTHONPATH=include:plugins:. .venv-jobs/bin/python -m tests.bench.ingestion
"""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.feature_store import created, group_request, table_of, until
from tests.support.lake import Lake
from tests.support.stand_in import ROOT, StandIn

RECORDS, FEATURES, PARALLEL = 100_000, 20, 8
DAY_END = 1_768_521_600
WANTED = 20_000  # a second
NAMES = [f"f{number:02}" for number in range(FEATURES - 2)]  # with the entity and the event time
CONFIG = {
    "name": "bench",
    "data": {
        "key": "id",
        "columns": [{"name": "id", "type": "string"}, *({"name": name, "type": "number"} for name in NAMES)],
        "label": {"column": "label"},
    },
    "feature_store": {
        "entity": None, "event_time": None, "features": None, "batch_size": 25, "parallel": PARALLEL,
    },
}  # fmt: skip
ANSWER = b'{"Errors":[],"UnprocessedEntries":[]}'
TAKEN = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER
)
PLAIN = """
import json, os, sys
from concurrent.futures import ThreadPoolExecutor
import boto3, pyarrow.parquet as pq
from botocore.config import Config
client = boto3.client("sagemaker-featurestore-runtime", config=Config(max_pool_connections=PARALLEL))
rows = pq.read_table(sys.argv[1]).to_pylist()
def write(batch):
    entries = [
        {
            "FeatureGroupName": os.environ["FEATURE_GROUP"],
            "Record": [{"FeatureName": name, "ValueAsString": str(value)} for name, value in row.items()]
            + [{"FeatureName": "event_time", "ValueAsString": os.environ["DAY_END"]}],
        }
        for row in batch
    ]
    answer = client.batch_write_record(Entries=entries)
    assert not answer["Errors"] and not answer["UnprocessedEntries"]
with ThreadPoolExecutor(PARALLEL) as pool:
    list(pool.map(write, (rows[start : start + 25] for start in range(0, len(rows), 25))))
"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "processing"
        file = given(base)
        job = [sys.executable, "-m", "jobs.feature_store.ingest", "--base", str(base)]
        plain = [sys.executable, "-c", PLAIN.replace("PARALLEL", str(PARALLEL)), str(file)]
        print(f"{RECORDS:,} records of {FEATURES} features, {PARALLEL} threads; wanted {WANTED:,} a second")
        print(f"{'':<52}{'seconds':>9}{'a second':>10}{'CPU of client':>15}{'ms a call of 25':>17}")
        with nobody() as endpoint:
            alone = measured("plain boto3, a server that does nothing", plain, endpoint, {})
            taken = measured("the job, a server that does nothing", job, endpoint, {})
            print(f"{'ratio':<52}{alone / taken:>9.1f}")
        server = StandIn(Path(folder) / "state")
        try:
            lake = Lake(server)
            for way, command in (("plain boto3", plain), ("the job", job)):
                group = way.replace(" ", "-")
                kinds = {"id": "String", "event_time": "Fractional", **dict.fromkeys(NAMES, "Fractional")}
                described = created(
                    server,
                    group_request(
                        group,
                        lake.bucket,
                        RecordIdentifierFeatureName="id",
                        FeatureDefinitions=[
                            {"FeatureName": name, "FeatureType": kind} for name, kind in kinds.items()
                        ],
                    ),
                )
                before = processor(server)
                began = time.perf_counter()
                measured(f"{way}, the stand-in", command, server.endpoint_url, server.env(), group)
                used = processor(server) - before
                spent = f"{used:>9.2f}{'':>25}{used / RECORDS * 25e3:>17.2f}"
                print(f"{'  processor time of the stand-in':<52}{spent}")
                sql = f"SELECT count(*) FROM {table_of(described)}"  # noqa: S608 - our own name
                count = lambda sql=sql: int(str(lake.sql(sql)[0][0]))  # noqa: E731
                until(count, lambda found: found == RECORDS, "the offline store")
                took = time.perf_counter() - began
                print(f"{'  until Athena counts all of them':<52}{took:>9.2f}{RECORDS / took:>10,.0f}")
        finally:
            server.stop()


def given(base: Path) -> Path:
    """The job's inputs; the file of the rows."""
    random = np.random.default_rng(7)
    curated, code = base / "input" / "curated", base / "input" / "code"
    for each in (curated, code):
        each.mkdir(parents=True)
    (code / "config.json").write_text(json.dumps(CONFIG))
    columns = {name: random.normal(size=RECORDS).round(4) for name in NAMES}
    pq.write_table(
        pa.table({"id": [f"A{number:07}" for number in range(RECORDS)], **columns}),
        curated / "part-0.parquet",
    )
    return curated / "part-0.parquet"


def measured(what: str, command: list[str], endpoint: str, known: dict[str, str], group: str = "g") -> float:
    """Run a client to its end; its processor time, and print all."""
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    told = {"AWS_ENDPOINT_URL": endpoint, "FEATURE_GROUP": group, "DAY_END": str(DAY_END)}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        command,
        env={**os.environ, **keys, **known, **told, "PYTHONPATH": str(ROOT / "include")},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{what:<52}{took:>9.2f}{RECORDS / took:>10,.0f}{used:>15.2f}{used / RECORDS * 25e3:>17.2f}",
        flush=True,
    )
    return used


def processor(server: StandIn) -> float:
    """Seconds of processor time that the stand-in has used so far."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def nobody() -> Iterator[str]:
    """A server in a process of its own that says all is well to whatever it is sent."""
    program = f"from tests.bench.ingestion import serve; serve({TAKEN!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def serve(answer: bytes) -> None:
    """Answer every request alike, for ever; prints the port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve, args=(connection, answer), daemon=True).start()


def _serve(connection: socket.socket, answer: bytes) -> None:
    with connection, connection.makefile("rb") as stream:
        while stream.readline():
            length = 0
            while (line := stream.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            stream.read(length)
            connection.sendall(answer)


if __name__ == "__main__":
    main()
