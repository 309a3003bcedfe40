"""A small model whose reasons are known, explained as the workflow's job explains it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost

from jobs.evaluation.archive import assemble, pack
from jobs.explain.importance import by_origin
from jobs.processing.explain import explain
from jobs.processing.job import Job, JobError
from tests.support.features import declared, fit
from tests.support.processing_job import write_archive

TYPES = {"age": "number", "income": "number", "job": "string", "at": "timestamp", "sex": "string"}
EXPLAINABILITY = {
    "agg_method": "mean_abs",
    "save_local_shap_values": True,
    "most_rows": 100_000,
    "seed": 7,
    "pdp": {"grid_resolution": 4, "top_k_features": 3},
}
POST = {"label": "approved", "facets": {}, "label_value_or_threshold": "1"}


def rows_of(count: int = 300) -> pd.DataFrame:
    """Approved where income is high and the job is `a`; age and the hour say nothing."""
    random = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "age": random.normal(45, 10, count),
            "income": random.normal(3000, 1000, count),
            "job": random.choice(["a", "b", "c"], count),
            "at": pd.Timestamp("2026-01-15") + pd.to_timedelta(random.integers(0, 86400, count), unit="s"),
            "sex": random.choice(["f", "m"], count),
        }
    )


class Made:
    """The job's folders, filled, and what is in them."""

    def __init__(self, base: Path, booster: str = "gbtree", **explainability: Any) -> None:
        self.rows = rows_of()
        labels = ((self.rows["income"] > 3000) & (self.rows["job"] == "a")).to_numpy()
        features = declared(
            numeric=["age", "income"],
            categorical=["job"],
            interactions=[["age", "income"]],
            dates=[{"column": "at", "parts": ["hour"]}],
        )
        self.transformer = fit(self.rows, features, TYPES, positives=labels).transformer
        self.features = self.transformer.transform(self.rows)
        parameters = {"objective": "binary:logistic", "max_depth": 3, "booster": booster, "nthread": 1}
        self.booster = xgboost.train(parameters, xgboost.DMatrix(self.features, labels), 15)
        if booster == "gbtree":
            self.booster.set_attr(best_iteration="9")  # as early stopping leaves it
        for name in ("serving", "test", "evaluation"):
            (base / "input" / name).mkdir(parents=True)
        model = base / "model.tar.gz"
        write_archive(model, {"xgboost-model": bytes(self.booster.save_raw("ubj"))})
        serving = {"threshold": 0.5, "transformer_digest": self.transformer.digest, "online_store": None}
        assemble(base / "archive", model, self.transformer.to_json().encode(), serving)
        pack(base / "archive", base / "input" / "serving" / "model.tar.gz")
        self.rows.to_parquet(base / "input" / "test" / "part-0.parquet", coerce_timestamps="us")
        report = json.dumps({"post_training_bias_metrics": POST})
        (base / "input" / "evaluation" / "evaluation.json").write_text(report)
        config = {
            "data": {"label": {"column": "approved"}},
            "explainability": {**EXPLAINABILITY, **explainability},
        }
        self.job = Job(base, config)
        self.folder = base / "output" / "explanations"

    def run(self) -> dict[str, Any]:
        explain(self.job)
        analysis: dict[str, Any] = json.loads((self.folder / "analysis.json").read_text())
        return analysis


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("explained"))


def test_the_analysis_is_laid_out_as_clarify_lays_it_out(made: Made) -> None:
    analysis = made.run()
    assert list(analysis) == ["version", "post_training_bias_metrics", "explanations"]
    assert analysis["post_training_bias_metrics"] == POST
    assert list(analysis["explanations"]) == ["tree_shap", "pdp"]
    shap = analysis["explanations"]["tree_shap"]["approved"]
    assert set(shap) == {"global_shap_values", "expected_value"}
    assert set(shap["global_shap_values"]) == {"age", "income", "job", "at"}


def test_what_decides_matters_most(made: Made) -> None:
    analysis = made.run()
    totals = analysis["explanations"]["tree_shap"]["approved"]["global_shap_values"]
    ranked = sorted(totals, key=totals.__getitem__, reverse=True)
    assert set(ranked[:2]) == {"income", "job"}
    curves = {curve["feature_name"]: curve for curve in analysis["explanations"]["pdp"]}
    assert list(curves) == [name for name in ranked if name != "at"][:3]  # the time of day has no curve
    low, *_, high = curves["income"]["model_predictions"][0]
    assert high > low + 0.2
    assert curves["job"]["feature_values"] == ["a", "b", "c"]
    assert curves["job"]["model_predictions"][0][0] > max(curves["job"]["model_predictions"][0][1:]) + 0.3


def test_each_rows_values_are_xgboosts_for_the_rounds_that_are_served(made: Made) -> None:
    """Of raw columns: one-hot columns summed, a product half and half."""
    made.run()
    with (made.folder / "explanations_shap" / "out.csv").open(newline="") as stream:
        header, *lines = list(csv.reader(stream))
    told = made.booster.predict(
        xgboost.DMatrix(made.features), pred_contribs=True, iteration_range=(0, 10)
    ).astype(float)
    origins = made.transformer.origins
    assert ("age", "income") in origins
    names, expected = by_origin(told[:, :-1], origins)
    assert header == [f"{name}_approved" for name in names]
    assert np.array(lines, dtype=float) == pytest.approx(expected, abs=5e-6)
    margin = made.booster.predict(xgboost.DMatrix(made.features), output_margin=True, iteration_range=(0, 10))
    assert np.array(lines, dtype=float).sum(axis=1) + told[0, -1] == pytest.approx(margin, abs=1e-5)


def test_of_many_rows_some_are_explained_and_not_all_need_a_file(tmp_path: Path) -> None:
    made = Made(tmp_path, most_rows=50, save_local_shap_values=False, agg_method="median")
    made.run()
    assert sorted(path.name for path in made.folder.iterdir()) == ["analysis.json"]
    (made.folder / "analysis.json").unlink()
    made.job.config["explainability"]["save_local_shap_values"] = True
    made.run()
    assert len((made.folder / "explanations_shap" / "out.csv").read_text().splitlines()) == 51


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # gblinear will end some day
def test_a_linear_booster_has_linear_values(tmp_path: Path) -> None:
    made = Made(tmp_path, booster="gblinear")
    assert list(made.run()["explanations"]) == ["linear_shap", "pdp"]


def test_an_archive_that_is_not_one_is_named(tmp_path: Path) -> None:
    made = Made(tmp_path)
    write_archive(tmp_path / "input" / "serving" / "model.tar.gz", {"xgboost-model": b"x"})
    with pytest.raises(JobError, match=r"the serving archive has no transformer\.json"):
        made.run()
