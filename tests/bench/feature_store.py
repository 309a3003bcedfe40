"""The stand-in's feature store: records written into both stores, and asked for, a second.

Client processes and the server share the machine. "seconds of the server" is its processor time, which other
load on the machine does not change.

Run: PYTHONPATH=include:plugins:. .venv-jobs/bin/python -m tests.bench.feature_store
"""

from __future__ import annotations

import http.client
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.feature_store import created, group_request, table_of, until
from tests.support.lake import Lake
from tests.support.stand_in import StandIn

RECORDS = 100_000
FEW = 4_000  # for the ways that are an order of magnitude slower
FEATURES = 20
BATCH = 25
CLIENTS = 8
READS = 8_000
GROUP = "bench"
RUNTIME = "sagemaker-featurestore-runtime"
Connection = dict[str, str]


def main() -> None:
    """Print a line for each way to write and to read."""
    names = ["customer_id", "event_time", *(f"f{number}" for number in range(FEATURES - 2))]
    definitions = [
        {
            "FeatureName": name,
            "FeatureType": "String" if name == "event_time" else ("Integral", "Fractional")[number % 2],
        }
        for number, name in enumerate(names)
    ]
    with tempfile.TemporaryDirectory() as folder:
        server = StandIn(Path(folder) / "state")
        try:
            lake = Lake(server)
            described = created(server, group_request(GROUP, lake.bucket, FeatureDefinitions=definitions))
            known = {"url": server.endpoint_url, "key": server.access_key, "secret": server.secret_key}
            print(f"{'what':<66} {'a second':>9} {'ms CPU of server each':>22}")
            _write(server, "PutRecord, boto3, 8 threads", FEW, put_boto3, known, threads=8)
            _write(server, "BatchWriteRecord of 25, boto3, 4 threads", FEW, batch_boto3, known, threads=4)
            _write(
                server, "BatchWriteRecord of 25, boto3, 2 processes", 4 * FEW, batch_boto3, known, processes=2
            )
            began = time.perf_counter()
            _write(
                server,
                "BatchWriteRecord of 25, signed HTTP, 2 processes",
                RECORDS,
                batch_http,
                known,
                processes=2,
            )
            sql = f"SELECT count(*) FROM {table_of(described)}"  # noqa: S608 - our own name
            total = RECORDS + 6 * FEW
            until(lambda: lake.sql(sql), lambda rows: int(str(rows[0][0])) == total, "the offline store")
            took = time.perf_counter() - began
            print(f"{'the last, until Athena counts all of them':<66} {RECORDS / took:>9,.0f}")
            _read(server, known)
        finally:
            server.stop()


def _write(
    server: StandIn,
    what: str,
    records: int,
    how: Callable[[Connection, range], None],
    known: Connection,
    *,
    threads: int = 0,
    processes: int = 0,
) -> None:
    workers = threads or processes
    shares = [range(n * records // workers, (n + 1) * records // workers) for n in range(workers)]
    pool: Any = ThreadPoolExecutor(workers) if threads else ProcessPoolExecutor(workers)
    with pool:
        list(pool.map(abs, range(workers)))  # the processes are there before the clock runs
        before, began = _processor(server), time.perf_counter()
        list(pool.map(how, [known] * workers, shares))
        took, used = time.perf_counter() - began, _processor(server) - before
    print(f"{what:<66} {records / took:>9,.0f} {used / records * 1000:>22.3f}", flush=True)


def _read(server: StandIn, known: Connection) -> None:
    before, began = _processor(server), time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        found = [took for part in pool.map(reads, [known] * 2) for took in part]
    took, used = time.perf_counter() - began, _processor(server) - before
    found.sort()
    what = f"GetRecord, signed HTTP, {CLIENTS} clients: p50 {found[len(found) // 2] * 1000:.1f} ms"
    what += f", p99 {found[len(found) * 99 // 100] * 1000:.1f} ms"
    print(f"{what:<66} {len(found) / took:>9,.0f} {used / len(found) * 1000:>22.3f}")


def reads(known: Connection) -> list[float]:
    """How long each GetRecord took, by half of the clients."""

    def some(client: int) -> list[float]:
        send, taken = sender(known), []
        for number in range(READS // CLIENTS):
            path = f"/FeatureGroup/{GROUP}?RecordIdentifierValueAsString={(client * 977 + number * 13) % FEW}"
            request = signed(known, "GET", path, b"")
            began = time.perf_counter()
            answer = send(request)
            taken.append(time.perf_counter() - began)
            assert len(json.loads(answer)["Record"]) == FEATURES
        return taken

    with ThreadPoolExecutor(CLIENTS // 2) as pool:
        return [each for part in pool.map(some, range(CLIENTS // 2)) for each in part]


def values_of(number: int) -> list[dict[str, str]]:
    """One record of 20 features."""
    values = [str(number), f"2026-01-15T{number % 4:02}:00:00Z"]
    values += [
        str(number % (position + 7) + position / 2 * (position % 2)) for position in range(FEATURES - 2)
    ]
    names = ["customer_id", "event_time", *(f"f{position}" for position in range(FEATURES - 2))]
    return [
        {"FeatureName": name, "ValueAsString": value.removesuffix(".0") if position % 2 == 0 else value}
        for position, (name, value) in enumerate(zip(names, values, strict=True))
    ]


def entries_of(numbers: range) -> Iterator[list[dict[str, Any]]]:
    """Batches of 25."""
    for start in range(0, len(numbers), BATCH):
        chosen = numbers[start : start + BATCH]
        yield [{"FeatureGroupName": GROUP, "Record": values_of(number)} for number in chosen]


def put_boto3(known: Connection, numbers: range) -> None:
    """PutRecord through boto3."""
    client = boto3_client(known)
    for number in numbers:
        client.put_record(FeatureGroupName=GROUP, Record=values_of(number))


def batch_boto3(known: Connection, numbers: range) -> None:
    """BatchWriteRecord through boto3."""
    client = boto3_client(known)
    for entries in entries_of(numbers):
        assert client.batch_write_record(Entries=entries)["Errors"] == []


def batch_http(known: Connection, numbers: range) -> None:
    """BatchWriteRecord with botocore's signature over one kept connection."""
    send = sender(known)
    for entries in entries_of(numbers):
        body = json.dumps({"Entries": entries}).encode()
        assert json.loads(send(signed(known, "POST", "/BatchWriteRecord", body)))["Errors"] == []


def boto3_client(known: Connection) -> Any:
    """A client of its own."""
    import boto3

    session = boto3.session.Session(known["key"], known["secret"], region_name="us-east-1")
    return session.client(RUNTIME, endpoint_url=known["url"])


def signed(known: Connection, method: str, path: str, body: bytes) -> Any:
    """A request with AWS's signature."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest(method, f"{known['url']}{path}", data=body)
    request.headers["Content-Type"] = "application/json"
    SigV4Auth(Credentials(known["key"], known["secret"]), "sagemaker", "us-east-1").add_auth(request)
    return request


def sender(known: Connection) -> Callable[[Any], bytes]:
    """What sends signed requests over one connection."""
    address = urlsplit(known["url"])
    connection = http.client.HTTPConnection(address.hostname or "", address.port)

    def send(request: Any) -> bytes:
        target = request.url.removeprefix(known["url"])
        connection.request(request.method, target, request.data, dict(request.headers))
        response = connection.getresponse()
        answer = response.read()
        assert response.status == 200, answer
        return answer

    return send


def _processor(server: StandIn) -> float:
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
