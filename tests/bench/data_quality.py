"""Data quality rules on a million rows: all in one scan, beside a query for each rule.

PYTHONPATH=include:plugins:. python -m tests.bench.data_quality
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from local_aws.images.data_quality.dqdl import AnyRule, parse
from local_aws.images.data_quality.evaluate import Evaluator
from local_aws.images.data_quality.recommend import recommend
from local_aws.images.data_quality.source import open_table

ROWS = 1_000_000
NUMBERS, TEXTS = 15, 5
COLUMNS = [("id", "BIGINT")]
COLUMNS += [(f"n{number}", "DOUBLE") for number in range(NUMBERS)]
COLUMNS += [(f"t{number}", "VARCHAR") for number in range(TEXTS)]


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        rules = parse(ruleset())
        title = f"{ROWS:,} rows, {len(COLUMNS)} columns, {len(rules)} rules"
        print(title.ljust(44) + "seconds".rjust(10) + "of CPU".rjust(12) + "ratio".rjust(10))
        for form in ("parquet", "csv"):
            connection, *opening = timed(lambda form=form: opened(folder, form))
            together, *once = timed(lambda connection=connection: Evaluator(connection).evaluate(rules))
            apart, *often = timed(lambda connection=connection: one_by_one(connection, rules))
            worst = max(
                abs(value - other[metric])
                for each, other in zip(together, apart, strict=True)
                for metric, value in each["EvaluatedMetrics"].items()
            )
            _, *recommending = timed(
                lambda connection=connection: recommend(connection, [column for column, _ in COLUMNS])
            )
            connection.close()
            lines = [("opening", opening), ("all rules together", once), ("a query for each rule", often)]
            for what, (seconds, cpu) in [*lines, ("recommending rules", recommending)]:
                ratio = f"{cpu / once[1]:9.1f}x"
                print(f"  {form}: {what}".ljust(44) + f"{seconds:10.2f}{cpu:12.2f}{ratio}")
            print(f"    largest difference of a figure: {worst:.1e}")


def write(folder: Path) -> None:
    """One table, as Parquet and as CSV."""
    random = np.random.default_rng(7)
    columns: dict[str, Any] = {"id": np.arange(ROWS)}
    columns |= {f"n{number}": random.normal(100, 15, ROWS).round(2) for number in range(NUMBERS)}
    values = np.array(["north", "south", "east", "west"])
    columns |= {f"t{number}": values[random.integers(0, 4, ROWS)] for number in range(TEXTS)}
    table = pa.table(columns)
    pq.write_table(table, folder / "table.parquet")
    pyarrow.csv.write_csv(table, folder / "table.csv", pyarrow.csv.WriteOptions(include_header=False))


def ruleset() -> str:
    """Four rules a number, three a text, and two of the whole."""
    rules = ["RowCount > 0", 'IsUnique "id"']
    for column, kind in COLUMNS[1:]:
        if kind == "DOUBLE":
            rules += [f'IsComplete "{column}"', f'Mean "{column}" between 90 and 110']
            rules += [f'StandardDeviation "{column}" < 20', f'ColumnValues "{column}" between 0 and 200']
        else:
            rules += [f'IsComplete "{column}"', f'ColumnLength "{column}" < 6']
            rules += [f'ColumnValues "{column}" in ["north","south","east","west"]']
    return f"Rules = [{', '.join(rules)}]"


def opened(folder: Path, form: str) -> duckdb.DuckDBPyConnection:
    """The table as a run opens it."""
    file = {"path": str(folder / f"table.{form}"), "gzipped": False, "values": []}
    group = {"format": form, "delimiter": ",", "quote": '"', "skip": 0, "files": [file]}
    table = {"columns": COLUMNS, "keys": [], "directory": f"{folder}/", "groups": [group]}
    return open_table(table, folder / "spill")


def one_by_one(connection: duckdb.DuckDBPyConnection, rules: list[AnyRule]) -> list[dict[str, float]]:
    """The same figures, each rule by itself."""
    return [Evaluator(connection).evaluate([rule])[0]["EvaluatedMetrics"] for rule in rules]


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What it answers, and the seconds that it took by the clock and of CPU."""
    began, busy = time.perf_counter(), time.process_time()
    answer = work()
    return answer, time.perf_counter() - began, time.process_time() - busy


if __name__ == "__main__":
    main()
