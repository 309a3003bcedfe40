"""Mitigate biased labels as the workflow says, and measure bias again on what comes out.

    input  curated     *.parquet, as the cleaning job wrote it
           bias        analysis_config.json, analysis.json: what the first measurement was asked and said
    output data        part-00000.parquet: reweighing: all rows and a column sample_weight;
                       resampling: the chosen rows
           bias        analysis.json and the report for people, named as the first measurement's
           report      mitigation.json: method, groups with their weights, rows in and out, each metric before
                       and after; report.html: the same for people

Repeated rows keep their key. A split by key therefore puts all copies of a row on one side: the same row is
never both learned from and judged by.

MITIGATION_SEED in the environment decides which rows resampling takes; the same seed takes the same.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.bias import clarify, dataset, mitigation, mitigation_report
from jobs.bias.config import AnalysisConfig
from jobs.bias.selection import Groups, select
from jobs.processing.job import Job, JobError, run, say
from jobs.processing.rows import WEIGHT, read

METHODS = ("reweighing", "resampling")


def mitigate(job: Job) -> None:
    """Weigh or choose the rows, write them, measure again, and tell what it changed and what it cost."""
    asked = job.config["bias"]["mitigation"]
    method = asked["method"]
    if method not in METHODS:
        raise JobError(f"bias.mitigation.method is {method}; expected one of {', '.join(METHODS)}")
    config = AnalysisConfig.read(job.input("bias") / "analysis_config.json", intersections=True)
    before = first_measurement(job.input("bias") / "analysis.json")
    table = read(job.inputs("curated", "*.parquet"))
    rows = dataset.read(job.input("curated"), config)

    facets = chosen_facets(rows, config, asked["facets"])
    label = select(
        dataset.column(rows, config.label, "label"), config.label_values, "label_values_or_threshold"
    )
    plan = mitigation.plan(facets, label.rows, f"{config.label} = {label.text}")
    weights: npt.NDArray[np.float64] | None = None
    if method == "reweighing":
        weights = plan.weights()
        table = table.append_column(WEIGHT, pa.array(weights))
        taken = np.ones(len(rows), dtype=np.intp)
    else:
        kept = plan.sample(seed())
        table, rows = table.take(pa.array(kept)), rows.iloc[kept].reset_index(drop=True)
        taken = np.bincount(kept, minlength=len(plan.place))
    pq.write_table(table, str(job.output("data") / "part-00000.parquet"))
    say(f"{method}: {len(plan.place)} rows in, {table.num_rows} rows out")

    config = replace(config, report_title=f"{config.report_title}, after {method}")
    after, counts = clarify.analyze(rows, config, weights)
    clarify.write(job.output("bias"), after, counts, config)

    summary = {
        "method": method,
        "seed": seed() if method == "resampling" else None,
        "facets": [facet.column for facet in facets],
        "label": {"column": str(config.label), "value": label.text},
        "rows_in": len(plan.place),
        "rows_out": table.num_rows,
        "distinct_rows": int((taken > 0).sum()),
        "effective_sample_size": mitigation.effective_size(
            taken.astype(float) if weights is None else weights
        ),
        "groups": described(plan, facets, taken),
        "metrics": compared(before, after),
    }
    write(job.output("report"), summary, title=f"{method.capitalize()} of {job.config['name']}")
    for entry in summary["metrics"]:
        say(f"{entry['name']} of {entry['facet']}: {entry['before']} before, {entry['after']} after")


def seed() -> str:
    """What decides which rows are chosen. Raises JobError if the job was not told."""
    try:
        return os.environ["MITIGATION_SEED"]
    except KeyError:
        raise JobError("MITIGATION_SEED is not set; resampling without it could not be repeated") from None


def first_measurement(path: Path) -> dict[str, Any]:
    """The analysis.json that is there. Raises JobError if it is not one of bias before training."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        facets: dict[str, Any] = document["pre_training_bias_metrics"]["facets"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JobError(f"{path.name} of the first measurement cannot be used: {error!r}") from error
    return facets


def chosen_facets(rows: pd.DataFrame, config: AnalysisConfig, names: list[str] | None) -> list[Groups]:
    """The groups of the facets to mitigate. Raises JobError for a facet that was not measured."""
    measured = [str(facet.column) for facet in config.facets]
    for name in names or []:
        if name not in measured:
            raise JobError(
                f"bias.mitigation.facets names {name}; the first measurement has {', '.join(measured)}"
            )
    return [
        clarify.facet_groups(rows, facet, f"facet[{index}]")
        for index, facet in enumerate(config.facets)
        if names is None or facet.column in names
    ]


def described(
    plan: mitigation.Plan, facets: list[Groups], taken: npt.NDArray[np.intp]
) -> list[dict[str, Any]]:
    """Every group with each label: its rows, how many there should be, what a row weighs, rows written."""
    written = np.bincount(plan.place, weights=taken, minlength=len(plan.cells))
    return [
        {
            "group": mitigation.group_in_words(facets, cell.facets),
            "positive": cell.positive,
            "rows": cell.rows,
            "expected": cell.expected,
            "weight": cell.weight,
            "rows_out": int(written[index]),
        }
        for index, cell in enumerate(plan.cells)
    ]


def compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each metric of each group in both measurements. Raises JobError if the first one lacks it."""
    entries = []
    for facet, blocks in after["pre_training_bias_metrics"]["facets"].items():
        for index, block in enumerate(blocks):
            try:
                earlier = {metric["name"]: metric for metric in before[facet][index]["metrics"]}
                for metric in block["metrics"]:
                    then = earlier[metric["name"]]
                    entries.append(
                        {
                            "facet": facet,
                            "value_or_threshold": block["value_or_threshold"],
                            "name": metric["name"],
                            "description": metric["description"],
                            "before": then["value"],
                            "before_error": then.get("error"),
                            "after": metric["value"],
                            "after_error": metric.get("error"),
                        }
                    )
            except (KeyError, IndexError, TypeError) as error:
                raise JobError(f"the first measurement lacks {error} for the facet {facet}") from error
    return entries


def write(folder: Path, summary: Mapping[str, Any], *, title: str) -> None:
    """Write mitigation.json and report.html."""
    text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "mitigation.json").write_text(text, encoding="utf-8")
    (folder / "report.html").write_text(mitigation_report.render(summary, title=title), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(run(mitigate))
