"""Turn the curated partition into what XGBoost reads, and keep the fitted transformer for inference.

    input  curated       Parquet, as the cleaning job wrote it, or as Athena joined it with features, whose
                         files have no ending
           training      optional: Parquet, rows of the same partition to learn from instead, perhaps
                         with weights (sample_weight) or repeated, as the mitigation job wrote them
    output train         part-00000.csv: label first, then the features; no header (XGBoost's rule). Where
                         rows have weights, these stand between label and features (its csv_weights)
           validation    part-00000.csv: likewise
           test          part-00000.parquet: the raw rows held out, with key and label, for the evaluation
           transformer   transformer.json: fitted on the training rows only
           report        features.json: the columns in order, rows and positive labels a split, whether they
                         are weighted, digests

A row's split follows from a hash of its key: the same row falls in the same split in every run, whatever else
lands with it and in whatever order. Copies of a row have one key, so they lie in one split. The held-out rows
are always the curated ones, each once and without a weight: a model is judged by rows as they come.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.processing.features import FeatureError, FeatureTransformer
from jobs.processing.job import Job, JobError, run, say

SPLITS = ("train", "validation", "test")
ROW_ID = "row_id"  # what the cleaning job adds where rows have no natural key
WEIGHT = "sample_weight"  # what the mitigation job adds


def build_features(job: Job) -> None:
    """Split the curated rows by key, fit the transformer on the training rows, write all three splits."""
    data, features = job.config["data"], job.config["features"]
    key = data["key"] or ROW_ID
    types = {column["name"]: column["type"] for column in data["columns"]}
    label = data["label"]["column"]
    curated = read(job.inputs("curated", "*"))
    learned = read(job.inputs("training", "*")) if job.has("training") else curated
    for column in (key, label):
        for table in (curated, learned):
            if column not in table.column_names:
                raise JobError(
                    f"{column}: no such column in the curated rows; they have {', '.join(table.column_names)}"
                )
    judged = in_order(curated, key)
    learned = judged if learned is curated else in_order(learned, key)
    table, split = divided(judged, learned, key, features["split"])
    rows = table.to_pandas()
    positives = positive(rows[label], data["label"]["positive"])
    weights = weights_of(rows, split)
    counts = count(split, positives)
    check(counts, label, data["label"]["positive"], rows[label])
    say(f"{len(rows)} rows: " + ", ".join(f"{name} {counts[name]['rows']}" for name in SPLITS))

    try:
        transformer = FeatureTransformer.fit(rows[split == "train"], features, types)
        for name in ("train", "validation"):
            chosen = split == name
            write_csv(
                job.output(name) / "part-00000.csv",
                positives[chosen],
                transformer.transform(rows[chosen]),
                None if weights is None else weights[chosen],
            )
    except FeatureError as error:
        raise JobError(str(error)) from error
    held_out = table.filter(pa.array(split == "test")).select(curated.column_names)
    pq.write_table(held_out, str(job.output("test") / "part-00000.parquet"))
    (job.output("transformer") / "transformer.json").write_text(transformer.to_json(), encoding="utf-8")
    report = {
        "rows_in": len(rows),
        "splits": counts,
        "weighted": weights is not None,
        "label": data["label"],
        "columns": transformer.outputs,
        "inputs": transformer.inputs,
        "transformer_digest": transformer.digest,
    }
    text = json.dumps(report, indent=2, ensure_ascii=False)
    (job.output("report") / "features.json").write_text(text, encoding="utf-8")
    say(f"{len(transformer.outputs)} features from {len(transformer.inputs)} columns")


def read(paths: Sequence[Path]) -> pa.Table:
    """All curated rows. Raises JobError if there is none."""
    # One file at a time: as a dataset, `dt=...` in a path would become a column of its own.
    table = pa.concat_tables(pq.ParquetFile(str(path)).read() for path in paths)
    if not table.num_rows:
        raise JobError("the curated partition holds no rows")
    return table


def in_order(table: pa.Table, key: str) -> pa.Table:
    """The rows by their key. Athena joins them in any order, and XGBoost draws its samples by place."""
    return table.sort_by([(key, "ascending")])


def divided(
    curated: pa.Table, learned: pa.Table, key: str, shares: Mapping[str, Any]
) -> tuple[pa.Table, npt.NDArray[np.str_]]:
    """All rows and their splits: training and validation rows of ``learned``, held-out rows of ``curated``.

    Raises JobError where ``learned`` has a key that the curated partition lacks: it was made from another.
    """
    keys = curated.column(key).to_pandas().astype(str)
    split = assign(keys, shares)
    if learned is curated:
        return curated, split
    keys_learned = learned.column(key).to_pandas().astype(str)
    strange = keys_learned[~keys_learned.isin(keys)]
    if len(strange):
        raise JobError(
            f"training: {len(strange)} rows are not of this partition, e.g. {key} {strange.iloc[0]}; "
            "they were made from other curated rows"
        )
    split_learned = assign(keys_learned, shares)
    kept, held_out = split_learned != "test", split == "test"
    parts = [learned.filter(pa.array(kept)), curated.filter(pa.array(held_out))]
    both = pa.concat_tables(parts, promote_options="default")  # held-out rows have no weight
    return both, np.concatenate([split_learned[kept], split[held_out]])


def weights_of(rows: pd.DataFrame, split: npt.NDArray[np.str_]) -> npt.NDArray[np.float64] | None:
    """What each row counts for; None where rows have no weights.

    Raises JobError for a row to learn from whose weight is not a finite number from 0 on.
    """
    if WEIGHT not in rows.columns:
        return None
    weights: npt.NDArray[np.float64] = rows[WEIGHT].to_numpy(dtype=float)
    wrong = (split != "test") & ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        raise JobError(
            f"{WEIGHT}: {int(wrong.sum())} rows have no usable weight, e.g. {weights[wrong][0]}; "
            "expected finite numbers from 0 on"
        )
    return weights


def positive(labels: pd.Series, values: Sequence[Any]) -> npt.NDArray[np.bool_]:
    """Which rows have a positive label. Raises JobError where a row has none at all."""
    if labels.isna().any():
        raise JobError(f"{labels.name}: {int(labels.isna().sum())} rows have no label")
    return np.asarray(labels.isin(list(values)), dtype=bool)


def assign(keys: pd.Series, split: Mapping[str, Any]) -> npt.NDArray[np.str_]:
    """The split of each row, from its key and the seed alone."""
    seed = str(split["seed"])
    places = np.array([_place(seed, key) for key in keys])
    first = float(split["train"])
    second = first + float(split["validation"])
    return np.where(places < first, "train", np.where(places < second, "validation", "test"))


def _place(seed: str, key: str) -> float:
    """A number in [0, 1), spread evenly over the keys."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def count(split: npt.NDArray[np.str_], positives: npt.NDArray[np.bool_]) -> dict[str, dict[str, int]]:
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


def write_csv(
    path: Path,
    positives: npt.NDArray[np.bool_],
    features: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64] | None = None,
) -> None:
    """Label first, then the weight if there is one; every number with as many digits as read back the same.

    No header.
    """
    frame = pd.DataFrame(features)
    if weights is not None:
        frame.insert(0, "weight", weights)
    frame.insert(0, "label", positives.astype(int))
    frame.to_csv(path, header=False, index=False)


if __name__ == "__main__":
    sys.exit(run(build_features))
