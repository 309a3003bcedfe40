"""Bias before training, by SageMaker Clarify's contract: the same configuration in, the same files out.

    input/config/analysis_config.json    what to measure
    input/data/                          CSV, Parquet or JSON lines
    output/analysis.json                 the values, laid out as Clarify lays them out
    output/report.html                   the same for people

AWS closed Clarify to new accounts in 2026. This program runs wherever a processing job does, with numpy and
pandas alone. What Clarify does not know, groups that belong to several facets at once, is refused here as
Clarify refuses it; jobs.bias.measure does it.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from jobs.bias import dataset
from jobs.bias.config import AnalysisConfig, Facet
from jobs.bias.contingency import Outcome
from jobs.bias.pretraining import PRETRAINING
from jobs.bias.registry import Metric, NotComputable
from jobs.bias.report import Counts, render
from jobs.bias.selection import Groups, crossed, groups, select
from jobs.processing.job import guarded, parse_base, say


def analyze(
    rows: pd.DataFrame, config: AnalysisConfig, weights: npt.NDArray[np.float64] | None = None
) -> tuple[dict[str, Any], list[Counts]]:
    """The document analysis.json for these rows, and the sizes of its facets in the same order.

    :param weights: what each row counts for; None: one
    :raises ConfigError: a column or a threshold is not there.
    """
    label = dataset.column(rows, _label_column(config), "label")
    positive = select(label, config.label_values, "label_values_or_threshold")
    group = None
    if config.group_variable is not None:
        group = dataset.column(rows, config.group_variable, "group_variable")
    outcome = Outcome.of(positive.rows, group, weights)
    facets: dict[str, list[dict[str, Any]]] = {}
    counts = []
    for facet in all_groups(rows, config):
        blocks = facets.setdefault(facet.column, [])
        for text, table in zip(facet.texts, outcome.tables(facet.codes, len(facet.texts)), strict=True):
            metrics = [measured(PRETRAINING[name], table) for name in config.metrics]
            blocks.append({"value_or_threshold": text, "metrics": metrics})
            counts.append(Counts.of(facet.column, text, table))
    document = {
        "version": "1.0",
        "pre_training_bias_metrics": {
            "label": str(label.name),
            "facets": facets,
            "label_value_or_threshold": positive.text,
        },
    }
    return document, counts


def all_groups(rows: pd.DataFrame, config: AnalysisConfig) -> Iterator[Groups]:
    """The groups of each facet, then of each intersection, one after the other."""
    for index, facet in enumerate(config.facets):
        yield facet_groups(rows, facet, f"facet[{index}]")
    for index, parts in enumerate(config.intersections):
        where = f"facet_intersections[{index}]"
        yield crossed([facet_groups(rows, part, f"{where}[{place}]") for place, part in enumerate(parts)])


def facet_groups(rows: pd.DataFrame, facet: Facet, where: str) -> Groups:
    """The groups of one facet."""
    return groups(dataset.column(rows, facet.column, where), facet, f"{where}.value_or_threshold")


def measured(metric: Metric, of: Any) -> dict[str, Any]:
    """One metric's entry: its value, or null and why there is none.

    :param of: what it is computed from: a Table, or Predictions
    """
    entry: dict[str, Any] = {"name": metric.name, "description": metric.description}
    try:
        value = metric.compute(of)
    except NotComputable as reason:
        return {**entry, "value": None, "error": str(reason)}
    if math.isinf(value):  # JSON has no infinity; Clarify writes the word
        return {**entry, "value": "Infinity" if value > 0 else "-Infinity"}
    return {**entry, "value": value}


def _label_column(config: AnalysisConfig) -> str | int:
    """Where `features` is a JMESPath, `label` is one too, and the label is the last column that was read."""
    if config.features is None:
        return config.label
    return config.headers[-1] if config.headers else dataset.LABEL


def run(base: Path, *, intersections: bool = False) -> None:
    """Do what the configuration under `base` asks for.

    :param intersections: follow `facet_intersections`, which Clarify does not know
    """
    config = AnalysisConfig.read(base / "input" / "config" / "analysis_config.json", intersections)
    rows = dataset.read(base / "input" / "data", config)
    say(f"{len(rows)} rows; metrics {', '.join(config.metrics)}")
    analysis, counts = analyze(rows, config)
    output = base / "output"
    output.mkdir(parents=True, exist_ok=True)
    write(output, analysis, counts, config)
    say(f"Collected analyses:\n{as_text(analysis)}")


def write(
    folder: Path, analysis: Mapping[str, Any], counts: Sequence[Counts], config: AnalysisConfig
) -> None:
    """Write analysis.json and the report for people, named as the configuration says."""
    (folder / "analysis.json").write_text(as_text(analysis), encoding="utf-8")
    page = render(analysis, counts, title=config.report_title)
    (folder / f"{config.report_name}.html").write_text(page, encoding="utf-8")


def as_text(analysis: Mapping[str, Any]) -> str:
    """An analysis as its file holds it. Raises ValueError for a number that JSON has no word for."""
    return json.dumps(analysis, indent=4, ensure_ascii=False, allow_nan=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """The Clarify image's program; returns its exit code."""
    base = parse_base(__doc__, arguments)
    return guarded(base, lambda: run(base))


if __name__ == "__main__":
    sys.exit(main())
