"""Bias before training, by SageMaker Clarify's contract: the same configuration in, the same files out.

    input/config/analysis_config.json    what to measure
    input/data/                          CSV, Parquet or JSON lines
    output/analysis.json                 the values, laid out as Clarify lays them out
    output/report.html                   the same for people

AWS closed Clarify to new accounts in 2026. This program runs wherever a processing job does, with numpy and
pandas alone. How a column is read, and hence which rows a facet takes, is Clarify's way, with its corners:
several values, text, and whole numbers of which fewer than 5 % are distinct are categories to match; other
numbers have a threshold, and only values above it belong. A row without a value belongs to the others.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from jobs.bias import dataset
from jobs.bias.config import AnalysisConfig, ConfigError, Facet
from jobs.bias.pretraining import PRETRAINING, Sample
from jobs.bias.registry import NotComputable
from jobs.bias.report import Counts, render
from jobs.processing.job import guarded, parse_base, say

DISTINCT_SHARE_OF_NUMBERS = 0.05  # whole numbers with a smaller share of distinct values are categories


@dataclass(frozen=True)
class Group:
    """The rows that some values of a column, or a threshold on it, select."""

    rows: npt.NDArray[np.bool_]
    text: str  # as analysis.json writes it: "female", "car,home" or "(60.0, 84.0]"


def analyze(rows: pd.DataFrame, config: AnalysisConfig) -> tuple[dict[str, Any], list[Counts]]:
    """The document analysis.json for these rows, and the sizes of its facets in the same order.

    Raises ConfigError for a column or a threshold that is not there.
    """
    label = dataset.column(rows, _label_column(config), "label")
    positive = select(label, config.label_values, "label_values_or_threshold")
    group = None
    if config.group_variable is not None:
        values = dataset.column(rows, config.group_variable, "group_variable").astype(object)
        group = values.where(values.notna(), None).to_numpy()
    facets: dict[str, list[dict[str, Any]]] = {}
    counts = []
    for index, facet in enumerate(config.facets):
        column = dataset.column(rows, facet.column, f"facet[{index}]")
        blocks = facets.setdefault(str(column.name), [])
        for chosen in groups(column, facet, f"facet[{index}].value_or_threshold"):
            sample = Sample(facet=chosen.rows, positive=positive.rows, group=group)
            metrics = [measure(name, sample) for name in config.metrics]
            blocks.append({"value_or_threshold": chosen.text, "metrics": metrics})
            counts.append(Counts.of(str(column.name), chosen.text, sample))
    document = {
        "version": "1.0",
        "pre_training_bias_metrics": {
            "label": str(label.name),
            "facets": facets,
            "label_value_or_threshold": positive.text,
        },
    }
    return document, counts


def measure(name: str, sample: Sample) -> dict[str, Any]:
    """One metric's entry: its value, or null and why there is none."""
    metric = PRETRAINING[name]
    entry: dict[str, Any] = {"name": name, "description": metric.description}
    try:
        value = metric.compute(sample)
    except NotComputable as reason:
        return {**entry, "value": None, "error": str(reason)}
    if math.isinf(value):  # JSON has no infinity; Clarify writes the word
        return {**entry, "value": "Infinity" if value > 0 else "-Infinity"}
    return {**entry, "value": value}


def groups(column: pd.Series, facet: Facet, key: str) -> list[Group]:
    """The facet's group; or, where no value is given for a categorical column, one group a value."""
    if not facet.values and not is_continuous(column, facet.values):
        return [select(column, (value,), key) for value in column.dropna().unique()]
    return [select(column, facet.values, key)]


def select(column: pd.Series, values: Sequence[Any], key: str) -> Group:
    """Which rows the values, or the one threshold, select."""
    if not is_continuous(column, values):
        rows = _equal(column, values)
        text = ",".join(map(str, values))
        say(f"{column.name}: {int(rows.sum())} of {len(rows)} rows have {' or '.join(map(str, values))}")
    else:
        if not values:
            raise ConfigError(f"{key} is missing: {column.name} holds numbers, so it needs a threshold")
        threshold = _threshold(values[0], column, key)
        numbers = pd.to_numeric(column)
        rows = (numbers > threshold).to_numpy(dtype=bool, na_value=False)
        text = _intervals(threshold, numbers.max())
        say(f"{column.name}: {int(rows.sum())} of {len(rows)} rows lie above {threshold}")
    if absent := int(column.isna().sum()):
        say(f"{column.name}: {absent} rows have no value; they count among the others")
    return Group(rows, text)


def is_continuous(column: pd.Series, values: Sequence[Any]) -> bool:
    """Whether Clarify takes the column's values for quantities, not for categories."""
    if len(values) > 1 or column.dtype.name in ("category", "bool", "boolean"):
        return False
    if pd.api.types.is_float_dtype(column):
        return True
    present = column.dropna()
    distinct = present.nunique() / len(present) if len(present) else 0.0
    if distinct < DISTINCT_SHARE_OF_NUMBERS:
        return False
    if pd.api.types.is_integer_dtype(column):
        return True
    # Text counts as numbers only if all of it is whole numbers.
    whole = present.astype(str).str.fullmatch(r"\s*[+-]?\d+\s*")
    return len(present) == len(column) and bool(whole.all())


def _equal(column: pd.Series, values: Sequence[Any]) -> npt.NDArray[np.bool_]:
    """Rows with one of the values; "1" finds 1 and 1 finds "1", if nothing is found as written."""
    rows = _among(column, values)
    if rows.any():
        return rows
    if pd.api.types.is_bool_dtype(column):
        words = {"true": True, "false": False}
        converted: list[Any] = [words.get(str(value).lower(), value) for value in values]
    elif pd.api.types.is_numeric_dtype(column):
        converted = [number for value in values if (number := _number(value)) is not None]
    else:
        return _among(column.astype(str), [str(value) for value in values])
    return _among(column, converted)


def _among(column: pd.Series, values: Sequence[Any]) -> npt.NDArray[np.bool_]:
    return np.asarray(column.isin(list(values)), dtype=bool)


def _threshold(value: Any, column: pd.Series, key: str) -> float:
    number = _number(value)
    if number is None:
        raise ConfigError(f"{key} is {value!r}; expected a number, because {column.name} holds numbers")
    return number


def _number(value: Any) -> int | float | None:
    if isinstance(value, int | float):
        return value
    try:
        return float(value)
    except ValueError:
        return None


def _intervals(threshold: float, largest: Any) -> str:
    """The selected range as Clarify writes it: above the threshold, up to the largest value and with it."""
    if pd.isna(largest) or threshold == largest:
        return ""
    return ",".join(map(str, pd.IntervalIndex.from_breaks(sorted((threshold, largest)))))


def _label_column(config: AnalysisConfig) -> str | int:
    """Where `features` is a JMESPath, `label` is one too, and the label is the last column that was read."""
    if config.features is None:
        return config.label
    return config.headers[-1] if config.headers else dataset.LABEL


def run(base: Path) -> None:
    """Do what the configuration under `base` asks for."""
    config = AnalysisConfig.read(base / "input" / "config" / "analysis_config.json")
    rows = dataset.read(base / "input" / "data", config)
    say(f"{len(rows)} rows, {len(rows.columns)} columns; metrics {', '.join(config.metrics)}")
    analysis, counts = analyze(rows, config)
    output = base / "output"
    output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(analysis, indent=4, ensure_ascii=False, allow_nan=False)
    (output / "analysis.json").write_text(text, encoding="utf-8")
    page = render(analysis, counts, title=config.report_title)
    (output / f"{config.report_name}.html").write_text(page, encoding="utf-8")
    say(f"Collected analyses:\n{text}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The Clarify image's program; returns its exit code."""
    base = parse_base(__doc__, arguments)
    return guarded(base, lambda: run(base))


if __name__ == "__main__":
    sys.exit(main())
