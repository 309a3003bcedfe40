"""Say why the served model scores as it does, in the files that SageMaker Clarify writes.

    input  serving       model.tar.gz: what the evaluation assembled, and an endpoint will load
           test          *.parquet: raw held-out rows
           evaluation    evaluation.json: whose bias after training belongs to the same analysis
    output explanations  analysis.json: bias after training, explanations.tree_shap and explanations.pdp
                         explanations_shap/out.csv: each row's SHAP values, where the workflow wants them

SHAP values are exact, in the model's own unit (log-odds, for a classifier), and those of raw columns: what a
column's features add, all together. Clarify would estimate them from the endpoint's answers (`kernel_shap`);
whoever has the model itself need not. Partial dependence is in scores.
"""

from __future__ import annotations

import json
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xgboost

from jobs.explain import models
from jobs.explain.dependence import partial_dependence
from jobs.explain.files import FOLDER, labels_of, shap_values, write_local
from jobs.explain.importance import by_origin
from jobs.explain.trees import Numbers
from jobs.inference.inference import Model, model_fn
from jobs.processing.job import Job, JobError, run, say

CURVES = ("number", "integer", "string", "boolean")  # types of columns that a score can follow
TAILS = 0.01  # of the rows at either end, outside of what is drawn
KINDS = {"gblinear": "linear_shap"}  # how the values were found; all other boosters have trees


def explain(job: Job) -> None:
    """Explain the held-out rows' scores."""
    asked = job.config["explainability"]
    label = job.config["data"]["label"]["column"]
    evaluation = json.loads(job.inputs("evaluation", "evaluation.json")[0].read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as room:
        model = load(job.inputs("serving", "model.tar.gz")[0], Path(room))
    rows = drawn(read(job, model.transformer.inputs), asked["most_rows"], asked["seed"])
    features = model.transformer.transform(rows)

    rounds = model.trees[1] or None
    found = models.booster(model.booster, features, rounds)
    labels = labels_of(len(found.values), [label])
    columns, _ = by_origin(found.values[0], model.transformer.origins)
    local = {
        name: by_origin(values, model.transformer.origins)[1]
        for name, values in zip(labels, found.values, strict=True)
    }
    shap = shap_values(columns, local, found.expected.tolist(), asked["agg_method"])
    say(f"SHAP values of {len(rows)} rows, {len(columns)} columns, {features.shape[1]} features")

    def scores(some: pd.DataFrame) -> Numbers:
        data = xgboost.DMatrix(model.transformer.transform(some))
        made = model.booster.predict(data, iteration_range=model.trees)
        return np.asarray(made, dtype=np.float64).reshape(len(some), -1)

    ranked = most_important(shap[labels[0]]["global_shap_values"], model.transformer.types)
    curves = [
        partial_dependence(scores, rows, column, asked["pdp"]["grid_resolution"], labels, tails=TAILS)
        for column in ranked[: asked["pdp"]["top_k_features"]]
    ]
    say(f"partial dependence on {', '.join(curve['feature_name'] for curve in curves) or 'no column'}")
    write(
        job.output("explanations"),
        {
            "version": "1.0",
            "post_training_bias_metrics": evaluation["post_training_bias_metrics"],
            "explanations": {kind_of(model.booster): shap, "pdp": curves},
        },
    )
    if asked["save_local_shap_values"]:
        write_local(job.output("explanations") / FOLDER, columns, local)


def load(archive: Path, folder: Path) -> Model:
    """The model of a serving archive."""
    with tarfile.open(archive) as packed:
        for member in packed.getmembers():
            if member.isfile() and member.name in ("xgboost-model", "transformer.json", "serving.json"):
                source = packed.extractfile(member)
                if source is not None:
                    (folder / member.name).write_bytes(source.read())
    try:
        return model_fn(str(folder))
    except FileNotFoundError as error:
        raise JobError(f"the serving archive has no {Path(str(error.filename)).name}") from error


def read(job: Job, columns: list[str]) -> pd.DataFrame:
    """The held-out rows' raw columns."""
    tables = [pq.ParquetFile(str(path)).read(columns=columns) for path in job.inputs("test", "*.parquet")]
    rows: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    if rows.empty:
        raise JobError("the test split holds no rows")
    return rows


def drawn(rows: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """As many of the rows, in their order; all of them where they are no more."""
    if len(rows) <= most:
        return rows
    places = np.random.default_rng(seed).choice(len(rows), most, replace=False)
    return rows.iloc[np.sort(places)].reset_index(drop=True)


def most_important(totals: Mapping[str, float], types: Mapping[str, str]) -> list[str]:
    """The columns that scores can be drawn over, those that matter most first."""
    known = [name for name in totals if types[name] in CURVES]
    return sorted(known, key=lambda name: -abs(totals[name]))


def kind_of(booster: Any) -> str:
    """The key of the values in `explanations`."""
    learner = json.loads(booster.save_config())["learner"]
    return KINDS.get(learner["gradient_booster"]["name"], "tree_shap")


def write(folder: Path, analysis: dict[str, Any]) -> None:
    """Write analysis.json."""
    text = json.dumps(analysis, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "analysis.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(run(explain))
