"""All eight metrics of three facets: ours on ten million rows, and beside smclarify on one frame.

PYTHONPATH=include:plugins:. python -m tests.bench.bias
"""

from __future__ import annotations

import gc
import logging
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.bias import clarify, dataset
from jobs.bias.config import AnalysisConfig

ROWS = 10_000_000
# smclarify looks at a threshold row by row in Python, so it gets fewer rows where there is one.
FRAMES = {"three facets": 20_000, "two facets of text": 1_000_000}
CONFIG: dict[str, Any] = {
    "dataset_type": "application/x-parquet",
    "label": "approved",
    "label_values_or_threshold": [1],
    "facet": [
        {"name_or_index": "sex", "value_or_threshold": ["female"]},
        {"name_or_index": "region", "value_or_threshold": ["south", "east"]},
        {"name_or_index": "age", "value_or_threshold": [60]},
    ],
    "group_variable": "employment",
    "methods": {"pre_training_bias": {"methods": "all"}},
}
TEXTS = {
    "sex": ["female", "male"],
    "region": ["north", "south", "east", "west"],
    "employment": ["salaried", "self_employed", "unemployed", "retired", "student"],
}


def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")  # the oracle is of 2023
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        config = AnalysisConfig.of(CONFIG)
        before = memory()
        with Peak() as peak:
            rows, reading, busy = timed(lambda: dataset.read(Path(folder), config))
            used = int(rows.memory_usage(deep=True, index=False).sum())
            _, measuring, counting = timed(lambda: ours(rows, config))
    held = peak.bytes - before
    columns = pq_bytes(rows)
    print(f"{ROWS:,} rows, 3 facets, 8 metrics".ljust(44) + "seconds".rjust(10) + "of CPU".rjust(12))
    print("  reading 5 of 12 columns of Parquet".ljust(44) + f"{reading:10.2f}{busy:12.2f}")
    print("  measuring".ljust(44) + f"{measuring:10.2f}{counting:12.2f}")
    print("\nmemory beyond the program's own".ljust(45) + "MiB".rjust(10) + "ratio".rjust(10))
    print("  column data used, as Arrow".ljust(44) + f"{columns / 2**20:10.0f}" + f"{1:10.2f}")
    print("  the same in the frame".ljust(44) + f"{used / 2**20:10.0f}" + f"{used / columns:10.2f}")
    print("  peak, reading and measuring".ljust(44) + f"{held / 2**20:10.0f}" + f"{held / columns:10.2f}")
    print("\none frame for both".ljust(45) + "ours".rjust(10) + "smclarify".rjust(12) + "ratio".rjust(10))
    for name, size in FRAMES.items():
        facets = CONFIG["facet"] if size == FRAMES["three facets"] else CONFIG["facet"][:2]
        part, config = rows.head(size), AnalysisConfig.of({**CONFIG, "facet": facets})
        mine, seconds, _ = timed(lambda part=part, config=config: ours(part, config), rounds=5)
        theirs, slow, _ = timed(lambda part=part, facets=facets: smclarify(part, facets))
        worst = max(abs(a - b) for a, b in zip(mine, theirs, strict=True))
        label = f"  {name}, {size:,} rows"
        print(label.ljust(44) + f"{seconds:10.3f}" + f"{slow:12.2f}" + f"{slow / seconds:9.0f}x")
        print(f"    largest difference of a value: {worst:.1e}")


def write(folder: Path) -> None:
    """The data set: five columns that are looked at among twelve, in ten files."""
    random = np.random.default_rng(7)
    for part in range(10):
        size = ROWS // 10
        columns: dict[str, Any] = {
            name: pa.array(np.array(values)[random.integers(0, len(values), size)])
            for name, values in TEXTS.items()
        }
        columns["age"] = random.normal(45, 12, size).round(1)
        columns["approved"] = (random.random(size) < 0.4).astype(np.int64)
        columns |= {f"unused_{number}": random.random(size) for number in range(7)}
        pq.write_table(pa.table(columns), folder / f"part-{part:05}.parquet")


def pq_bytes(rows: pd.DataFrame) -> int:
    """What the columns are in Arrow's memory, text as text."""
    total = 0
    for name in rows:
        plain = rows[name].head(100_000)
        array = pa.array(plain.astype(object) if isinstance(plain.dtype, pd.CategoricalDtype) else plain)
        total += array.nbytes * len(rows) // len(plain)
    return total


def ours(rows: pd.DataFrame, config: AnalysisConfig) -> list[float]:
    """Every value, by facet and metric."""
    with redirect_stdout(StringIO()):
        document, _ = clarify.analyze(rows, config)
    facets = document["pre_training_bias_metrics"]["facets"]
    return [metric["value"] for blocks in facets.values() for metric in blocks[0]["metrics"]]


def smclarify(rows: pd.DataFrame, facets: list[dict[str, Any]]) -> list[float]:
    """The same of AWS's open library."""
    import smclarify.bias.report as library

    values: list[float] = []
    for facet in facets:
        (block,) = library.bias_report(
            rows,
            library.FacetColumn(facet["name_or_index"], list(facet["value_or_threshold"])),
            library.LabelColumn("approved", rows["approved"], [1]),
            library.StageType.PRE_TRAINING,
            group_variable=rows["employment"],
        )
        values += [metric["value"] for metric in block["metrics"]]
    return values


def timed(action: Callable[[], Any], rounds: int = 1) -> tuple[Any, float, float]:
    """What it returned, the least time that a round took, and what that round took of the processor."""
    best = (float("inf"), 0.0)
    for _ in range(rounds):
        gc.collect()
        start, busy = time.perf_counter(), time.process_time()
        result = action()
        best = min(best, (time.perf_counter() - start, time.process_time() - busy))
    return result, *best


def memory() -> int:
    """Bytes of this process that lie in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


class Peak:
    """The most memory while inside, looked at a thousand times a second."""

    bytes = 0

    def __enter__(self) -> Peak:
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._end.wait(0.001):
            self.bytes = max(self.bytes, memory())

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


if __name__ == "__main__":
    main()
