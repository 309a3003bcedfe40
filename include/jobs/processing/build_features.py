"""Turn the curated partition into what XGBoost reads, and keep the fitted transformer for inference.

    input  curated       Parquet, as the cleaning job wrote it, or as Athena joined it with features, whose
                         files have no ending
           training      optional: Parquet, rows of the same partition to learn from instead, perhaps
                         with weights (sample_weight) or repeated, as the mitigation job wrote them
           wrangled      optional: what a Data Wrangler job made of the training rows: its table in Parquet,
                         and the flow with what it has learned; then the flow says what the features are
    output train         part-00000.csv: label first, then the features; no header (XGBoost's rule). Where
                         rows have weights, these stand between label and features (its csv_weights)
           validation    part-00000.csv: likewise
           test          part-00000.parquet: the raw rows held out, with key and label, for the evaluation
           transformer   transformer.json: fitted on the training rows only
           report        features.json: the columns in order, rows and positive labels a split, whether they
                         are weighted, digests; each feature before and after, what was learned of it, which
                         columns were left out and why, alerts, rows in and out of each step

Where rows fall is told by jobs.features.split. Copies of a row have one key, so they lie in one split. The
held-out rows are always the curated ones, each once and without a weight: a model is judged by rows as they
come.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from jobs.features import from_flow, summary
from jobs.features.columns import FeatureError, Flags, Matrix, Types, Vector
from jobs.features.encoders import Training
from jobs.features.plan import columns_of, plan
from jobs.features.split import SPLITS, Split
from jobs.features.transformer import FeatureTransformer, Learned
from jobs.processing.job import Job, JobError, run, say
from jobs.processing.rows import WEIGHT, Rows, frame, load


def build_features(job: Job) -> None:
    """Fit the transformer on the training rows, write all three splits, and say what was done."""
    data, features = job.config["data"], job.config["features"]
    types = {column["name"]: column["type"] for column in data["columns"]}
    rows = load(job)
    labels = rows.table.column(data["label"]["column"]).to_pandas()
    positives = positive(labels, data["label"]["positive"])
    counts = count(rows.split, positives)
    check(counts, data["label"]["column"], data["label"]["positive"], labels)
    weights = weights_of(rows.table, rows.split)
    say(f"{rows.table.num_rows} rows: " + ", ".join(f"{name} {counts[name]['rows']}" for name in SPLITS))
    chosen = rows.split == "train"
    training = Training(
        positives=positives[chosen],
        weights=np.ones(counts["train"]["rows"]) if weights is None else weights[chosen],
        keys=rows.table.column(rows.key).filter(pa.array(chosen)).cast(pa.string()).to_pylist(),
    )
    try:
        fitted = learned(job, rows, types, training)
        transformer = fitted.transformer
        raw = {name: frame(rows.table, rows.split == name, transformer.inputs) for name in SPLITS}
        made = {"train": fitted.train, "validation": transformer.transform(raw["validation"])}
        transformer.transform(raw["test"])  # a row that is refused fails here, not once a model was paid for
        described = {
            "features": summary.described(fitted, raw["train"], types, job.config["profile"]["bins"]),
            "left_out": [vars(each) for each in fitted.left_out],
            "alerts": summary.alerts(
                fitted,
                training.positives,
                {name: raw[name] for name in ("validation", "test")},
                types,
                job.config["profile"]["alerts"],
            ),
        }
    except FeatureError as error:
        raise JobError(str(error)) from error
    for name, matrix in made.items():
        where = rows.split == name
        write_csv(
            job.output(name) / "part-00000.csv",
            positives[where],
            matrix,
            None if weights is None else weights[where],
        )
    held_out = rows.table.filter(pa.array(rows.split == "test")).select(rows.columns)
    pq.write_table(held_out, str(job.output("test") / "part-00000.parquet"))
    (job.output("transformer") / "transformer.json").write_text(transformer.to_json(), encoding="utf-8")
    report = {
        "rows_in": rows.table.num_rows,
        "splits": counts,
        "weighted": weights is not None,
        "label": data["label"],
        "columns": list(transformer.outputs),
        "inputs": transformer.inputs,
        "transformer_digest": transformer.digest,
        "steps": steps(rows, counts, features["split"]),
        "made": len(fitted.made),
        **described,
    }
    text = json.dumps(report, indent=2, ensure_ascii=False)
    (job.output("report") / "features.json").write_text(text, encoding="utf-8")
    for alert in described["alerts"]:
        say(f"look at this: {alert['says']}")
    left = f", {len(fitted.left_out)} left out" if fitted.left_out else ""
    say(f"{len(transformer.outputs)} features of {len(transformer.inputs)} columns{left}")


def learned(job: Job, rows: Rows, types: Types, training: Training) -> Learned:
    """What the training rows have taught: this program, or a Data Wrangler job before it."""
    features, chosen = job.config["features"], rows.split == "train"
    if job.has("wrangled"):
        say(f"the features are those of the flow {features['flow']}, as it was fitted on the training rows")
        flow = from_flow.read(job.inputs("wrangled", "*.flow"))
        apart = [rows.key, job.config["data"]["label"]["column"], WEIGHT]
        found = from_flow.features(flow, features["output_node"], types, apart)
        raw = frame(rows.table, chosen, found.transformer.inputs)
        files = job.inputs("wrangled", "*.parquet")
        table = pa.concat_tables(pq.ParquetFile(str(path)).read() for path in files)
        return from_flow.checked(found, raw, rows.key, table, training)
    raw = frame(rows.table, chosen, columns_of(features))
    return FeatureTransformer.fit(raw, plan(features), types, training)


def steps(
    rows: Rows, counts: Mapping[str, Mapping[str, int]], shares: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """What became of the rows: ``{"name", "rows_in", "rows_out", "says"}`` each."""
    by = f"by {shares['time'] or 'a hash of the entity'}"
    lines = [("accepted", rows.curated, rows.accepted, "of the curated rows, those to learn from")]
    for name in SPLITS:
        kind, whole = ("curated", rows.curated) if name == "test" else ("accepted", rows.accepted)
        lines.append((name, whole, counts[name]["rows"], f"{shares[name]:.0%} of the {kind} rows, {by}"))
    return [dict(zip(("name", "rows_in", "rows_out", "says"), line, strict=True)) for line in lines]


def weights_of(table: pa.Table, split: Split) -> Vector | None:
    """What each row counts for; None where rows have no weights.

    Raises JobError for a row to learn from whose weight is not a finite number from 0 on.
    """
    if WEIGHT not in table.column_names:
        return None
    weights: Vector = table.column(WEIGHT).to_pandas().to_numpy(dtype=float)
    wrong = (split != "test") & ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        raise JobError(
            f"{WEIGHT}: {int(wrong.sum())} rows have no usable weight, e.g. {weights[wrong][0]}; "
            "expected finite numbers from 0 on"
        )
    return weights


def positive(labels: pd.Series, values: Sequence[Any]) -> Flags:
    """Which rows have a positive label. Raises JobError where a row has none at all."""
    if labels.isna().any():
        raise JobError(f"{labels.name}: {int(labels.isna().sum())} rows have no label")
    return np.asarray(labels.isin(list(values)), dtype=bool)


def count(split: Split, positives: Flags) -> dict[str, dict[str, int]]:
    """Rows and positive labels of each split."""
    return {
        name: {"rows": int((split == name).sum()), "positives": int(positives[split == name].sum())}
        for name in SPLITS
    }


def check(
    counts: Mapping[str, Mapping[str, int]], label: str, wanted: Sequence[Any], labels: pd.Series
) -> None:
    """Raise JobError where there is nothing to learn from, or nothing to judge by."""
    expected = " or ".join(map(str, wanted))
    rows = sum(one["rows"] for one in counts.values())
    positives = sum(one["positives"] for one in counts.values())
    if positives in (0, rows):
        found = ", ".join(map(str, sorted(labels.unique(), key=str)[:5]))
        which = "no" if not positives else "every"
        raise JobError(
            f"{label}: {which} row has the positive label {expected}; found only {found}. "
            "A model cannot be trained on one class"
        )
    for name, one in counts.items():
        if not one["rows"]:
            raise JobError(f"the {name} split is empty; {rows} rows are too few for these shares")
        if one["positives"] in (0, one["rows"]):
            which = "no" if not one["positives"] else "only"
            raise JobError(
                f"the {name} split has {which} positive labels ({label} = {expected}) "
                f"among its {one['rows']} rows; all {rows} rows have {positives}"
            )


def write_csv(path: Path, positives: Flags, features: Matrix, weights: Vector | None = None) -> None:
    """Label first, then the weight if there is one; every number with as many digits as read back the same.

    No header.
    """
    columns: list[pa.Array] = [pa.array(positives.astype(np.int8))]
    if weights is not None:
        columns.append(pa.array(weights))
    columns += [pa.array(features[:, place]) for place in range(features.shape[1])]
    table = pa.table(columns, names=[str(place) for place in range(len(columns))])
    pyarrow.csv.write_csv(table, str(path), pyarrow.csv.WriteOptions(include_header=False))


if __name__ == "__main__":
    sys.exit(run(build_features))
