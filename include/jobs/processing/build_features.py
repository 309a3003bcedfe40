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

from jobs.feature_store.records import entity_of
from jobs.features import summary
from jobs.features.columns import FeatureError, Flags, Matrix, Vector
from jobs.features.encoders import Training
from jobs.features.plan import columns_of, plan
from jobs.features.split import SPLITS, Split, assign
from jobs.features.transformer import FeatureTransformer
from jobs.processing.job import Job, JobError, run, say

ROW_ID = "row_id"  # what the cleaning job adds where rows have no natural key
WEIGHT = "sample_weight"  # what the mitigation job adds


def build_features(job: Job) -> None:
    """Split the curated rows, fit the transformer on the training rows, write all three splits."""
    data, features = job.config["data"], job.config["features"]
    key = data["key"] or ROW_ID
    types = {column["name"]: column["type"] for column in data["columns"]}
    label = data["label"]["column"]
    curated = read(job.inputs("curated", "*"))
    learned = read(job.inputs("training", "*")) if job.has("training") else curated
    for column in (key, entity_of(job.config), label):
        for table in (curated, learned):
            if column not in table.column_names:
                raise JobError(
                    f"{column}: no such column in the curated rows; they have {', '.join(table.column_names)}"
                )
    judged = in_order(curated, key)
    learned = judged if learned is curated else in_order(learned, key)
    try:
        asked = plan(features)
        table, split = divided(judged, learned, key, split_of(judged, job.config))
        labels = table.column(label).to_pandas()
        positives = positive(labels, data["label"]["positive"])
        counts = count(split, positives)
        check(counts, label, data["label"]["positive"], labels)
        weights = weights_of(table, split)
        say(f"{table.num_rows} rows: " + ", ".join(f"{name} {counts[name]['rows']}" for name in SPLITS))
        rows = {name: frame(table, split == name, columns_of(features)) for name in SPLITS}
        chosen = split == "train"
        known = Training(
            positives=positives[chosen],
            weights=np.ones(counts["train"]["rows"]) if weights is None else weights[chosen],
            keys=table.column(key).filter(pa.array(chosen)).cast(pa.string()).to_pylist(),
        )
        fitted = FeatureTransformer.fit(rows["train"], asked, types, known)
        transformer = fitted.transformer
        made = {"train": fitted.train, "validation": transformer.transform(rows["validation"])}
        transformer.transform(rows["test"])  # a row that is refused fails here, not once a model was paid for
        for name, matrix in made.items():
            write_csv(
                job.output(name) / "part-00000.csv",
                positives[split == name],
                matrix,
                None if weights is None else weights[split == name],
            )
        limits = job.config["profile"]
        described = {
            "features": summary.described(fitted, rows["train"], types, limits["bins"]),
            "left_out": [vars(each) for each in fitted.left_out],
            "alerts": summary.alerts(
                fitted,
                known.positives,
                {name: rows[name] for name in ("validation", "test")},
                types,
                limits["alerts"],
            ),
        }
    except FeatureError as error:
        raise JobError(str(error)) from error
    held_out = table.filter(pa.array(split == "test")).select(curated.column_names)
    pq.write_table(held_out, str(job.output("test") / "part-00000.parquet"))
    (job.output("transformer") / "transformer.json").write_text(transformer.to_json(), encoding="utf-8")
    report = {
        "rows_in": table.num_rows,
        "splits": counts,
        "weighted": weights is not None,
        "label": data["label"],
        "columns": list(transformer.outputs),
        "inputs": transformer.inputs,
        "transformer_digest": transformer.digest,
        "steps": [
            step("accepted", curated.num_rows, learned.num_rows, "the curated rows, and those to learn from"),
            step("split", table.num_rows, sum(one["rows"] for one in counts.values()), shares_text(features)),
            *(step(name, table.num_rows, counts[name]["rows"], name) for name in SPLITS),
        ],
        "made": len(fitted.made),
        **described,
    }
    text = json.dumps(report, indent=2, ensure_ascii=False)
    (job.output("report") / "features.json").write_text(text, encoding="utf-8")
    for alert in described["alerts"]:
        say(f"look at this: {alert['says']}")
    say(
        f"{len(transformer.outputs)} features of {len(transformer.inputs)} columns"
        + (f", {len(fitted.left_out)} left out" if fitted.left_out else "")
    )


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


def split_of(curated: pa.Table, config: Mapping[str, Any]) -> Split:
    """The split of each curated row: by its entity, so that none is in two, or by time."""
    shares = config["features"]["split"]
    times = None
    if shares["time"] is not None:
        times = pd.to_datetime(curated.column(shares["time"]).to_pandas(date_as_object=False))
        times.name = shares["time"]
    return assign(curated.column(entity_of(config)).to_pandas().astype(str), shares, times)


def divided(curated: pa.Table, learned: pa.Table, key: str, split: Split) -> tuple[pa.Table, Split]:
    """All rows and their splits: training and validation rows of ``learned``, held-out rows of ``curated``.

    :param split: of each curated row; a row to learn from lies where the curated one of its key does
    Raises JobError where ``learned`` has a key that the curated partition lacks: it was made from another.
    """
    if learned is curated:
        return curated, split
    place = pd.Series(split, index=curated.column(key).to_pandas().astype(str))
    keys_learned = learned.column(key).to_pandas().astype(str)
    strange = keys_learned[~keys_learned.isin(place.index)]
    if len(strange):
        raise JobError(
            f"training: {len(strange)} rows are not of this partition, e.g. {key} {strange.iloc[0]}; "
            "they were made from other curated rows"
        )
    split_learned = place[~place.index.duplicated()].loc[keys_learned].to_numpy()
    kept, held_out = split_learned != "test", split == "test"
    parts = [learned.filter(pa.array(kept)), curated.filter(pa.array(held_out))]
    both = pa.concat_tables(parts, promote_options="default")  # held-out rows have no weight
    return both, np.concatenate([split_learned[kept], split[held_out]])


def frame(table: pa.Table, chosen: Flags, columns: Sequence[str]) -> pd.DataFrame:
    """The chosen rows of these columns. Texts stay codes of distinct texts: a tenth of the memory.

    Raises FeatureError for a column that is not there.
    """
    absent = [name for name in columns if name not in table.column_names]
    if absent:
        raise FeatureError(
            f"{', '.join(absent)}: no such column in the rows; they have {', '.join(table.column_names)}"
        )
    rows: pd.DataFrame = (
        table.select(columns)
        .filter(pa.array(chosen))
        .to_pandas(strings_to_categorical=True, date_as_object=False)
    )
    return rows


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


def step(name: str, rows_in: int, rows_out: int, says: str) -> dict[str, Any]:
    """One line of what became of the rows."""
    return {"name": name, "rows_in": rows_in, "rows_out": rows_out, "says": says}


def shares_text(features: Mapping[str, Any]) -> str:
    """How the rows were split, in words."""
    split = features["split"]
    shares = ", ".join(f"{name} {split[name]:.0%}" for name in SPLITS)
    return f"by {split['time'] or 'a hash of the entity'}: {shares}"


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
