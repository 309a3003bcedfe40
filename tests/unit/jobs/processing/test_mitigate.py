"""The mitigation job on a day whose labels are biased, from the first measurement to the CSV for XGBoost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from jobs.bias import measure
from jobs.bias.config import AnalysisConfig
from jobs.bias.mitigation import effective_size
from jobs.glue.clean import clean
from jobs.glue.rules import Spec
from sample_data import loan_applications
from tests.support.processing_job import ProcessingJob

FACETS = [
    {"name_or_index": "sex", "value_or_threshold": ["female"]},
    {"name_or_index": "age", "value_or_threshold": [60]},
]
QUESTION: dict[str, Any] = {
    "version": "1.0",
    "dataset_type": "application/x-parquet",
    "label": "approved",
    "label_values_or_threshold": [1],
    "facet": FACETS,
    "facet_intersections": [FACETS],
    "group_variable": "employment",
    "methods": {"pre_training_bias": {"methods": "all"}, "report": {"name": "report", "title": "Labels"}},
}
BOUNDS = {  # of include/workflows/loan_approval.yaml; CI of age has its own
    "CI": 0.9, "DPL": 0.15, "KL": 0.05, "JS": 0.0125, "LP": 0.2125, "TVD": 0.15, "KS": 0.15, "CDDL": 0.15
}  # fmt: skip


@pytest.fixture(scope="module")
def drifted(tmp_path_factory: pytest.TempPathFactory, loan_config: dict[str, Any]) -> Path:
    """The curated Parquet of a day whose labels are biased against women."""
    folder = tmp_path_factory.mktemp("drifted")
    landed = []
    for name, content in loan_applications.files(date(2026, 2, 10)).items():
        (folder / name).write_bytes(content)
        landed.append((name, folder / name))
    return clean(landed, Spec.of(loan_config["data"]), folder).curated_path


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, drifted: Path) -> Path:
    """The folder of the first measurement: the question and the answer."""
    return first_measurement(tmp_path_factory.mktemp("first"), drifted, QUESTION)


@pytest.fixture(scope="module")
def inputs(drifted: Path, measured: Path) -> tuple[Path, Path]:
    """The curated rows and the first measurement."""
    return drifted, measured


def first_measurement(folder: Path, curated: Path, question: dict[str, Any]) -> Path:
    base = folder / "processing"
    for name in ("config", "data"):
        (base / "input" / name).mkdir(parents=True)
    (base / "input" / "config" / "analysis_config.json").write_text(json.dumps(question))
    (base / "input" / "data" / curated.name).write_bytes(curated.read_bytes())
    assert measure.main(["--base", str(base)]) == 0
    (base / "output" / "analysis_config.json").write_text(json.dumps(question))
    return base / "output"


def job_of(
    folder: Path,
    config: dict[str, Any],
    method: str,
    inputs: tuple[Path, Path],
    facets: list[str] | None = None,
) -> ProcessingJob:
    """The job, given the curated rows and the folder of the first measurement."""
    bias = {"mitigation": {"method": method, "facets": facets}}
    job = ProcessingJob(folder, {**deepcopy(config), "bias": bias})
    for name, source in zip(("curated", "bias"), inputs, strict=True):
        job.give(name, source)
    return job


def run(
    job: ProcessingJob, seed: str | None = "loan_approval/2026-02-10"
) -> subprocess.CompletedProcess[str]:
    script = job.code / "jobs" / "processing" / "mitigate.py"
    environment = {"PYTHONPATH": str(job.code), "PATH": os.environ["PATH"]}
    if seed is not None:
        environment["MITIGATION_SEED"] = seed
    return subprocess.run(
        [sys.executable, "-W", "error", str(script), "--base", str(job.base)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def mitigated(folder: Path, config: dict[str, Any], method: str, curated: Path, bias: Path) -> ProcessingJob:
    job = job_of(folder, config, method, (curated, bias))
    done = run(job)
    assert done.returncode == 0, done.stderr
    return job


@pytest.fixture(scope="module")
def reweighed(
    tmp_path_factory: pytest.TempPathFactory, loan_config: dict[str, Any], drifted: Path, measured: Path
) -> ProcessingJob:
    return mitigated(tmp_path_factory.mktemp("reweighed"), loan_config, "reweighing", drifted, measured)


@pytest.fixture(scope="module")
def resampled(
    tmp_path_factory: pytest.TempPathFactory, loan_config: dict[str, Any], drifted: Path, measured: Path
) -> ProcessingJob:
    return mitigated(tmp_path_factory.mktemp("resampled"), loan_config, "resampling", drifted, measured)


def test_reweighing_keeps_every_row_as_it_was(reweighed: ProcessingJob, drifted: Path):
    curated, written = pq.read_table(drifted), pq.read_table(reweighed.output("data"))
    assert written.drop_columns(["sample_weight"]).equals(curated)
    weights = written.column("sample_weight").to_numpy()
    assert weights.sum() == pytest.approx(curated.num_rows)
    rows = written.to_pandas()
    women, approved = rows.sex == "female", rows.approved == 1
    of_women = rows.sample_weight[women & approved].sum() / rows.sample_weight[women].sum()
    assert of_women == pytest.approx(approved.mean(), abs=1e-12)


def test_resampling_repeats_and_leaves_out_whole_rows(resampled: ProcessingJob, drifted: Path):
    curated, written = pq.read_table(drifted), pq.read_table(resampled.output("data"))
    assert written.schema.equals(curated.schema)
    assert written.num_rows == curated.num_rows
    known = curated.to_pandas().set_index("application_id")
    rows = written.to_pandas().set_index("application_id")
    assert rows.index.duplicated().any()
    pd.testing.assert_frame_equal(rows, known.loc[rows.index])  # each is one of the day's, unchanged


@pytest.mark.parametrize("name", ["reweighed", "resampled"])
def test_what_was_beyond_its_bounds_is_within_them(name: str, request: pytest.FixtureRequest):
    """CI cannot change, CDDL knows groups that the method does not: the second gate judges both, too."""
    metrics = request.getfixturevalue(name).json("report/mitigation.json")["metrics"]
    before = {(each["facet"], each["name"]): each["before"] for each in metrics}
    after = {(each["facet"], each["name"]): each["after"] for each in metrics}
    beyond = {key for key, value in before.items() if key[0] != "sex & age" and abs(value) > BOUNDS[key[1]]}
    assert {key[1] for key in beyond} == {"DPL", "KL", "JS", "LP", "TVD", "KS", "CDDL"}
    assert not {key for key, value in after.items() if key[0] != "sex & age" and abs(value) > BOUNDS[key[1]]}
    assert after["sex & age", "DPL"] == pytest.approx(0, abs=0.01)  # the crossing is independent, too
    assert after["sex", "CI"] == pytest.approx(before["sex", "CI"])


def test_the_second_measurement_has_the_first_ones_files(reweighed: ProcessingJob, measured: Path):
    first = json.loads((measured / "analysis.json").read_text())["pre_training_bias_metrics"]
    second = reweighed.json("bias/analysis.json")["pre_training_bias_metrics"]
    assert list(second) == list(first)
    assert list(second["facets"]) == list(first["facets"]) == ["sex", "age", "sex & age"]
    page = (reweighed.output("bias") / "report.html").read_text()
    assert "Labels, after reweighing" in page


def test_the_summary_says_what_it_cost(reweighed: ProcessingJob, resampled: ProcessingJob, drifted: Path):
    rows = pq.read_table(drifted).num_rows
    summary = reweighed.json("report/mitigation.json")
    assert (summary["rows_in"], summary["rows_out"], summary["distinct_rows"]) == (rows, rows, rows)
    weights = pq.read_table(reweighed.output("data")).column("sample_weight").to_numpy()
    assert summary["effective_sample_size"] == pytest.approx(effective_size(weights))
    assert sum(group["rows"] for group in summary["groups"]) == rows
    assert {group["group"].split(", ")[0] for group in summary["groups"]} == {"sex = female", "sex: others"}
    assert summary["facets"] == ["sex", "age"]
    page = (reweighed.output("report") / "report.html").read_text()
    assert all(word in page for word in ("Before", "After", "What it cost", "Content-Security-Policy"))
    keys = pq.read_table(resampled.output("data")).column("application_id").to_pandas()
    chosen = resampled.json("report/mitigation.json")
    assert chosen["distinct_rows"] == keys.nunique() < rows
    assert chosen["effective_sample_size"] == pytest.approx(
        effective_size(keys.value_counts().to_numpy(float))
    )


def test_the_same_run_writes_the_same_bytes(
    tmp_path: Path, resampled: ProcessingJob, loan_config: dict[str, Any], drifted: Path, measured: Path
):
    again = mitigated(tmp_path, loan_config, "resampling", drifted, measured)
    for name in (
        "data/part-00000.parquet",
        "bias/analysis.json",
        "report/mitigation.json",
        "report/report.html",
    ):
        assert again.output(name).read_bytes() == resampled.output(name).read_bytes()


def test_only_the_facets_asked_for_are_mitigated(
    tmp_path: Path, loan_config: dict[str, Any], drifted: Path, measured: Path
):
    job = job_of(tmp_path, loan_config, "reweighing", (drifted, measured), ["sex"])
    assert run(job).returncode == 0
    summary = job.json("report/mitigation.json")
    assert summary["facets"] == ["sex"]
    assert len(summary["groups"]) == 4
    after = {(each["facet"], each["name"]): each["after"] for each in summary["metrics"]}
    assert after["sex", "DPL"] == pytest.approx(0, abs=1e-12)
    assert abs(after["age", "DPL"]) > 0.01


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (("none", "s", None), "bias.mitigation.method is none; expected one of reweighing, resampling"),
        (("resampling", None, None), "MITIGATION_SEED is not set"),
        (
            ("reweighing", "s", ["region"]),
            "bias.mitigation.facets names region; the first measurement has sex, age",
        ),
    ],
)
def test_what_cannot_be_done_fails_the_job_with_its_reason(
    tmp_path: Path,
    loan_config: dict[str, Any],
    inputs: tuple[Path, Path],
    asked: tuple[str, str | None, list[str] | None],
    complaint: str,
):
    method, seed, facets = asked
    job = job_of(tmp_path, loan_config, method, inputs, facets)
    assert run(job, seed).returncode == 1
    assert complaint in job.message()
    assert not (job.base / "output" / "report" / "mitigation.json").exists()


def test_a_group_without_one_of_the_labels_is_refused(
    tmp_path: Path, loan_config: dict[str, Any], drifted: Path
):
    rows = pq.read_table(drifted)
    frame = rows.to_pandas()
    kept = ~((frame.sex == "female") & (frame.age > 60) & (frame.approved == 0))
    path = tmp_path / "part-00000.parquet"
    pq.write_table(rows.filter(kept.to_numpy()), path)
    bias = first_measurement(tmp_path / "first", path, QUESTION)
    job = job_of(tmp_path / "job", loan_config, "reweighing", (path, bias))
    assert run(job).returncode == 1
    assert "no row is in: sex = female, age = (60.0, " in job.message()
    assert "mitigate over fewer facets" in job.message()


def test_another_partitions_measurement_is_refused(
    tmp_path: Path, loan_config: dict[str, Any], drifted: Path, measured: Path
):
    (tmp_path / "bias").mkdir()
    (tmp_path / "bias" / "analysis_config.json").write_text(json.dumps(QUESTION))
    answer = json.loads((measured / "analysis.json").read_text())
    del answer["pre_training_bias_metrics"]["facets"]["age"]
    (tmp_path / "bias" / "analysis.json").write_text(json.dumps(answer))
    job = job_of(tmp_path / "job", loan_config, "reweighing", (drifted, tmp_path / "bias"))
    assert run(job).returncode == 1
    assert "the first measurement lacks 'age' for the facet age" in job.message()


# --- what a model then learns from ---------------------------------------------------------------------


def features(folder: Path, config: dict[str, Any], curated: Path, training: Path | None) -> ProcessingJob:
    job = ProcessingJob(folder, config)
    job.give("curated", curated)
    if training is not None:
        job.give("training", training)
    done = job.run("build_features.py")
    assert done.returncode == 0, done.stderr
    return job


@pytest.fixture(scope="module")
def plain(
    tmp_path_factory: pytest.TempPathFactory, loan_config: dict[str, Any], drifted: Path
) -> ProcessingJob:
    return features(tmp_path_factory.mktemp("plain"), loan_config, drifted, None)


def test_weights_stand_between_label_and_features(
    tmp_path: Path, loan_config: dict[str, Any], drifted: Path, reweighed: ProcessingJob, plain: ProcessingJob
):
    job = features(tmp_path, loan_config, drifted, reweighed.output("data"))
    assert job.json("report/features.json")["weighted"] is True
    assert plain.json("report/features.json")["weighted"] is False
    for split in ("train", "validation"):
        weighted = np.loadtxt(job.output(split) / "part-00000.csv", delimiter=",")
        expected = np.loadtxt(plain.output(split) / "part-00000.csv", delimiter=",")
        assert (np.delete(weighted, 1, axis=1) == expected).all()  # nothing else has changed
        known = pq.read_table(reweighed.output("data")).column("sample_weight").to_pandas()
        assert set(weighted[:, 1]) <= set(known)
        assert len(set(weighted[:, 1])) > 1
    # A model is judged by rows as they come: without a weight, byte for byte those of the unmitigated run.
    held_out = "test/part-00000.parquet"
    assert pq.read_table(job.output(held_out)).equals(pq.read_table(plain.output(held_out)))


def test_copies_of_a_row_never_lie_on_both_sides(
    tmp_path: Path, loan_config: dict[str, Any], drifted: Path, resampled: ProcessingJob, plain: ProcessingJob
):
    job = features(tmp_path, loan_config, drifted, resampled.output("data"))
    report = job.json("report/features.json")
    assert report["weighted"] is False
    assert sum(split["rows"] for split in report["splits"].values()) == report["rows_in"]
    held_out = "test/part-00000.parquet"
    assert pq.read_table(job.output(held_out)).equals(pq.read_table(plain.output(held_out)))
    kept_back = set(pq.read_table(job.output(held_out)).column("application_id").to_pylist())
    drawn = pq.read_table(resampled.output("data")).column("application_id").to_pandas()
    learned = len(np.loadtxt(job.output("train") / "part-00000.csv", delimiter=",", ndmin=2)) + len(
        np.loadtxt(job.output("validation") / "part-00000.csv", delimiter=",", ndmin=2)
    )
    assert learned == (~drawn.isin(kept_back)).sum()


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(
    tmp_path: Path, loan_config: dict[str, Any], drifted: Path, reweighed: ProcessingJob, weight: float
):
    table = pq.read_table(reweighed.output("data"))
    frame = table.to_pandas()
    frame["sample_weight"] = weight
    job = ProcessingJob(tmp_path, loan_config)
    job.give("curated", drifted)
    (job.base / "input" / "training").mkdir()
    pq.write_table(
        table.set_column(table.num_columns - 1, "sample_weight", [frame["sample_weight"].to_numpy()]),
        job.base / "input" / "training" / "part-00000.parquet",
    )
    assert job.run("build_features.py").returncode == 1
    assert "sample_weight: " in job.message()
    assert "have no usable weight" in job.message()


def test_rows_of_another_partition_are_refused(
    tmp_path: Path, loan_config: dict[str, Any], drifted: Path, loan_curated: Path
):
    job = ProcessingJob(tmp_path, loan_config)
    job.give("curated", drifted)
    job.give("training", loan_curated)
    assert job.run("build_features.py").returncode == 1
    assert "rows are not of this partition" in job.message()


def test_the_question_is_one_that_the_portable_engine_takes():
    assert AnalysisConfig.of(QUESTION, intersections=True).columns[:2] == ["approved", "sex"]
