"""Athena's result files as the exploration's statements wrote them, and the numbers in them."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from jobs.processing.job import JobError

Row = Mapping[str, str]

STATEMENTS = ("measure_numbers", "count_values", "correlate_numbers", "rate_by_facet", "find_near_duplicates")
# A table without numbers has none to measure, and one number alone nothing to be correlated with.
OPTIONAL = ("measure_numbers", "correlate_numbers")


def read(folder: Path) -> dict[str, list[Row]]:
    """The rows of each statement, from ``<anywhere>/statistics/<statement>/<query>.csv``.

    Raises JobError for a statement whose result is not there.
    """
    csv.field_size_limit(1 << 30)  # a text of the data may be long; Athena wrote it
    results: dict[str, list[Row]] = {}
    for name in STATEMENTS:
        files = sorted(folder.rglob(f"statistics/{name}/*.csv"))
        if not files and name not in OPTIONAL:
            raise JobError(f"there is no result of the statement {name} below {folder}")
        results[name] = []
        for path in files:
            with path.open(encoding="utf-8", newline="") as stream:
                results[name].extend(csv.DictReader(stream))
    return results


def number(text: str) -> float | None:
    """A finite number, or None for what is missing or has no place in JSON (NaN, Infinity)."""
    if text == "":
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def count(text: str) -> int:
    """A count of rows; none where there was nothing to add up."""
    return int(text) if text else 0


def flag(text: str) -> bool | None:
    """A truth value of Athena, None where it is missing."""
    return {"true": True, "false": False}.get(text)
