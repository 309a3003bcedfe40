# ruff: noqa: S608 - all text here is our own
"""Athena on the stand-in with much of it: rows of a result, partitions of a table.

Run: PYTHONPATH=include:plugins:. .venv-jobs/bin/python -m tests.bench.athena
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.support.lake import Lake
from tests.support.stand_in import StandIn

ROWS = 1_000_000
PARTITIONS = 5_000  # most of the time goes into putting their objects
_MILLION = "UNNEST(sequence(1, 10000)) AS a(x) CROSS JOIN UNNEST(sequence(1, 100)) AS b(y)"


def main() -> None:
    """Print what each statement took and how much the server grew."""
    print(f"{'what':<58} {'seconds':>8} {'MB more':>8}")
    with tempfile.TemporaryDirectory() as folder:
        server = StandIn(Path(folder) / "state")
        try:
            lake = Lake(server)
            lake.sql("SELECT 1")
            _rows(server, lake)
            _partitions(server, lake)
        finally:
            server.stop()


def _rows(server: StandIn, lake: Lake) -> None:
    text = "rpad(CAST(x AS varchar), 100, 'x')"
    for columns in (1, 10):
        selected = ", ".join(f"{text} || '{number}' AS c{number}" for number in range(columns))
        _measured(
            server,
            f"{ROWS:,} rows of {columns * 101} bytes as a result in S3",
            lambda selected=selected: _ran(lake, f"SELECT {selected} FROM {_MILLION}"),
        )
    sql = f"SELECT max(x) FROM (SELECT x + y AS x FROM {_MILLION})"
    one = _measured(server, f"an aggregate of {ROWS:,} rows, one query", lambda: _ran(lake, sql))
    with ThreadPoolExecutor(2) as pool:
        two = _measured(
            server, "the same, two at once", lambda: list(pool.map(lambda _: _ran(lake, sql), (1, 2)))
        )
    print(f"{'two at once / one':<58} {two / one:>8.2f}")


def _partitions(server: StandIn, lake: Lake) -> None:
    lake.put("p/k=00000/a.csv", "0\n")
    lake.sql(
        "CREATE EXTERNAL TABLE p (n int) PARTITIONED BY (k string) ROW FORMAT DELIMITED LOCATION '{lake}/p/'"
    )
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: lake.put(f"p/k={n:05d}/a.csv", f"{n}\n"), range(PARTITIONS)))
    each = f"of {PARTITIONS:,} partitions"
    _measured(server, f"MSCK REPAIR TABLE {each}", lambda: _ran(lake, "MSCK REPAIR TABLE p"))
    _measured(server, f"SHOW PARTITIONS {each}", lambda: _ran(lake, "SHOW PARTITIONS p"))
    _measured(server, f"one {each}", lambda: _ran(lake, "SELECT n FROM p WHERE k = '00007'"))
    _measured(server, f"count(*) {each}", lambda: _ran(lake, "SELECT count(*) FROM p"))


def _ran(lake: Lake, sql: str) -> None:
    execution: dict[str, Any] = lake.wait(lake.start(sql), seconds=600)
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]


def _measured(server: StandIn, what: str, run: Callable[[], object]) -> float:
    before, start = _resident(server), time.perf_counter()
    run()
    took = time.perf_counter() - start
    print(f"{what:<58} {took:>8.2f} {(_peak(server) - before) / 1e6:>8.0f}", flush=True)
    return took


def _resident(server: StandIn) -> int:
    _reset_peak(server)
    return _status(server, "VmRSS")


def _peak(server: StandIn) -> int:
    return _status(server, "VmHWM")


def _status(server: StandIn, name: str) -> int:
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def _reset_peak(server: StandIn) -> None:
    Path(f"/proc/{server.pid}/clear_refs").write_text("5")


if __name__ == "__main__":
    main()
