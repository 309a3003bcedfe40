"""What is evaluated is what is served, and the numbers are those of scikit-learn."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from jobs.features.plan import columns_of
from jobs.glue.clean import clean
from jobs.glue.rules import Spec
from jobs.processing.evaluate import SERVED_CODE, confusion, metrics
from tests.support.features import PROFILE, declared
from tests.support.processing_job import ProcessingJob, read_csv, train, write_archive

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the oracle is of 2023
    import smclarify.bias.metrics.posttraining as bias_oracle

ADULT = Path("../shared/data/adult.csv")
PARAMETERS = {"eta": 0.1, "max_depth": 4, "min_child_weight": 5, "subsample": 0.8, "colsample_bytree": 0.8}


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, loan_config: dict[str, Any], loan_curated: Path
) -> ProcessingJob:
    """Features built and a model trained on the sample day."""
    return prepare(tmp_path_factory.mktemp("trained"), loan_config, loan_curated)


@pytest.fixture(scope="module")
def evaluated(
    tmp_path_factory: pytest.TempPathFactory, loan_config: dict[str, Any], trained: ProcessingJob
) -> ProcessingJob:
    """And evaluated."""
    return evaluate(tmp_path_factory.mktemp("evaluated"), loan_config, trained)


def prepare(folder: Path, config: dict[str, Any], curated: Path) -> ProcessingJob:
    job = ProcessingJob(folder, config)
    job.give("curated", curated)
    done = job.run("build_features.py")
    assert done.returncode == 0, done.stderr
    train(job.base / "output", PARAMETERS, 300, job.output("model") / "model.tar.gz")
    return job


def given_to(folder: Path, config: dict[str, Any], trained: ProcessingJob) -> ProcessingJob:
    job = ProcessingJob(folder, config)
    for name in ("model", "transformer", "test"):
        job.give(name, trained.output(name))
    return job


def evaluate(folder: Path, config: dict[str, Any], trained: ProcessingJob) -> ProcessingJob:
    job = given_to(folder, config, trained)
    done = job.run("evaluate.py")
    assert done.returncode == 0, done.stderr
    return job


def test_the_model_of_the_sample_day_is_believable(evaluated: ProcessingJob):
    report = evaluated.json("evaluation/evaluation.json")
    assert 0.80 <= report["metrics"]["auc"] <= 0.90
    assert set(report["metrics"]) == {"auc", "log_loss", "accuracy", "f1", "precision", "recall"}
    assert sum(report["confusion"].values()) == report["rows"]


def test_bias_in_the_predictions_is_what_awss_library_finds(evaluated: ProcessingJob, trained: ProcessingJob):
    """Of women, and of women over sixty; for the others the same code runs."""
    told = evaluated.json("evaluation/evaluation.json")["post_training_bias_metrics"]
    rows = pq.read_table(trained.output("test")).to_pandas()
    scores = [float(row["score"]) for row in read_csv(evaluated.output("evaluation") / "predictions.csv")]
    observed, predicted = rows["approved"] == 1, pd.Series(scores) >= 0.5
    women = rows["sex"] == "female"
    number = pd.Series(range(len(rows)))
    assert (told["label"], told["label_value_or_threshold"]) == ("approved", "1")
    assert list(told["facets"]) == ["sex", "age", "sex & age"]
    for column, facet in (("sex", women), ("sex & age", women & (rows["age"] > 60))):
        (block,) = told["facets"][column]
        found = {metric["name"]: metric["value"] for metric in block["metrics"]}
        assert len(found) == 13
        for name in ("DPPL", "DI"):
            assert found[name] == pytest.approx(getattr(bias_oracle, name)(number, facet, predicted))
        for name in ("DCA", "DCR", "SD", "RD", "DAR", "DRR", "AD", "TE"):
            value = getattr(bias_oracle, name)(number, facet, observed, predicted)
            assert found[name] == pytest.approx(value, abs=1e-12)
        assert found["GE"] == pytest.approx(bias_oracle.GE(observed, predicted))
        assert found["FT"] is None


def test_every_held_out_row_has_a_prediction(evaluated: ProcessingJob, trained: ProcessingJob):
    held_out = pq.read_table(trained.output("test"))
    predictions = read_csv(evaluated.output("evaluation") / "predictions.csv")
    assert [row["key"] for row in predictions] == held_out.column("application_id").to_pylist()
    assert [int(row["label"]) for row in predictions] == held_out.column("approved").to_pylist()
    assert evaluated.json("evaluation/evaluation.json")["rows"] == len(predictions)
    scores = [float(row["score"]) for row in predictions]
    auc = oracle.roc_auc_score([int(row["label"]) for row in predictions], scores)
    assert evaluated.json("evaluation/evaluation.json")["metrics"]["auc"] == pytest.approx(auc, abs=1e-12)


def test_the_smoke_records_are_requests_with_their_answers(
    evaluated: ProcessingJob, loan_config: dict[str, Any]
):
    records = evaluated.json("evaluation/smoke_records.json")
    assert len(records) == loan_config["deployment"]["smoke_records"]
    scores = {
        row["key"]: float(row["score"]) for row in read_csv(evaluated.output("evaluation/predictions.csv"))
    }
    features = loan_config["features"]
    for record in records:
        assert record["score"] == scores[record["key"]]
        assert list(record["record"]) == columns_of(features)
        assert record["feature_time"] is None  # these rows were not joined with features


def test_the_smoke_records_say_since_when_joined_features_hold(
    tmp_path: Path, loan_config: dict[str, Any], trained: ProcessingJob
) -> None:
    """Athena joins rows with their features, and adds the event time of these."""
    job = given_to(tmp_path, loan_config, trained)
    file = job.base / "input" / "test" / "part-00000.parquet"
    rows = pq.ParquetFile(str(file)).read()
    times = pa.array([1_768_471_200.25 + row for row in range(rows.num_rows)])
    pq.write_table(rows.append_column("feature_time", times), file)
    assert job.run("evaluate.py").returncode == 0
    records = job.json("evaluation/smoke_records.json")
    assert [record["feature_time"] - 1_768_471_200 for record in records] == [0.25, 1.25, 2.25, 3.25, 4.25]


def test_the_served_archive_answers_the_smoke_records_alike(tmp_path: Path, evaluated: ProcessingJob):
    """Unpacked elsewhere and loaded by a process that knows only the archive, as an endpoint is."""
    with tarfile.open(evaluated.output("serving") / "model.tar.gz") as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python has it since 3.11.4
        archive.extractall(tmp_path)  # noqa: S202 - made by the job under test
    records = evaluated.json("evaluation/smoke_records.json")
    program = f"""
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("inference", {str(tmp_path / "code" / "inference.py")!r})
served = importlib.util.module_from_spec(spec)
sys.modules["inference"] = served
spec.loader.exec_module(served)
model = served.model_fn({str(tmp_path)!r})
for body in sys.stdin:
    print(served.output_fn(served.predict_fn(served.input_fn(body, "application/json"), model), "*/*"))
"""
    one_by_one = "".join(json.dumps(record["record"]) + "\n" for record in records)
    together = json.dumps({"records": [record["record"] for record in records]}) + "\n"
    done = subprocess.run(
        [sys.executable, "-I", "-c", program],
        input=one_by_one + together,
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [json.loads(line)["predictions"] for line in done.stdout.splitlines()]
    expected = [record["score"] for record in records]
    assert [answer[0]["score"] for answer in answers[:-1]] == expected
    assert [one["score"] for one in answers[-1]] == expected
    assert [one["label"] for one in answers[-1]] == [int(score >= 0.5) for score in expected]


def test_the_archive_holds_all_it_needs_and_is_the_same_every_time(
    tmp_path: Path, loan_config: dict[str, Any], trained: ProcessingJob, evaluated: ProcessingJob
):
    served = evaluated.output("serving") / "model.tar.gz"
    with tarfile.open(served) as archive:
        assert sorted(archive.getnames()) == sorted(
            ["xgboost-model", "transformer.json", "serving.json", *SERVED_CODE.values()]
        )
    again = evaluate(tmp_path, loan_config, trained)
    assert (again.output("serving") / "model.tar.gz").read_bytes() == served.read_bytes()


def test_code_that_the_archive_lacks_fails_the_evaluation(
    tmp_path: Path, loan_config: dict[str, Any], trained: ProcessingJob
):
    """The job's own tree is on PYTHONPATH and must not help: the endpoint will not have it."""
    job = given_to(tmp_path, loan_config, trained)
    program = job.code / "jobs" / "processing" / "evaluate.py"
    text = program.read_text()
    without = re.sub(r'\n    "\S*": "code/jobs/\S*",', "", text)
    assert text.count("code/jobs/") - without.count("code/jobs/") == 4
    program.write_text(without)
    assert job.run("evaluate.py").returncode == 1
    assert "cannot score the test rows: ModuleNotFoundError: No module named 'jobs" in job.message()


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        ("no model", "the model archive has no xgboost-model; it has model.bin"),
        (
            "other transformer",
            "the serving archive cannot score the test rows: ValueError: the model was trained on",
        ),
        ("no archive", "the input 'model' holds no model.tar.gz file"),
    ],
)
def test_parts_that_do_not_belong_together_are_named(
    tmp_path: Path, loan_config: dict[str, Any], trained: ProcessingJob, broken: str, complaint: str
):
    job = given_to(tmp_path, loan_config, trained)
    model = job.base / "input" / "model" / "model.tar.gz"
    if broken == "no model":
        write_archive(model, {"model.bin": b"x"})
    elif broken == "no archive":
        model.unlink()
    else:
        fewer = {**loan_config, "features": {**loan_config["features"], "interactions": []}}
        other = ProcessingJob(tmp_path / "other", fewer)
        other.give("curated", trained.base / "input" / "curated")
        assert other.run("build_features.py").returncode == 0
        job.give("transformer", other.output("transformer"))
    assert job.run("evaluate.py").returncode == 1
    assert complaint in job.message()


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])), min_size=1
    ),
    threshold=st.sampled_from([0.3, 0.5, 0.7]),
)
@settings(max_examples=300, deadline=None)
def test_metrics_equal_scikit_learns(rows: list[tuple[int, float]], threshold: float):
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    found = metrics(labels, scores, threshold)
    called = (scores >= threshold).astype(int)
    both = 0 < labels.sum() < len(labels)
    assert found["accuracy"] == pytest.approx(oracle.accuracy_score(labels, called))
    assert found["log_loss"] == pytest.approx(oracle.log_loss(labels, scores, labels=[0, 1]))
    assert (found["auc"] is None) == (not both)
    if both:
        assert found["auc"] == pytest.approx(oracle.roc_auc_score(labels, scores), abs=1e-12)
    for name, score, defined in (
        ("precision", oracle.precision_score, called.any()),
        ("recall", oracle.recall_score, labels.any()),
        ("f1", oracle.f1_score, labels.any() or called.any()),
    ):
        if defined:
            assert found[name] == pytest.approx(score(labels, called))
        else:
            assert found[name] is None
    table = oracle.confusion_matrix(labels, called, labels=[0, 1]).ravel().tolist()
    mine = confusion(labels, scores, threshold)
    assert [mine[f"{right}_{call}"] for right, call in ORDER] == table


ORDER = [("true", "negative"), ("false", "positive"), ("false", "negative"), ("true", "positive")]


@pytest.mark.skipif(not ADULT.exists(), reason=f"{ADULT} is not there: no real data to learn from")
def test_the_census_model_reaches_what_is_known_of_it(tmp_path: Path):
    config = census_config()
    partition = clean([("adult.csv", ADULT)], Spec.of(config["data"]), tmp_path)
    report = partition.report
    assert (report.rows_in, report.curated, report.quarantined, report.duplicates) == (
        32_561,
        30_162,
        2_399,
        0,
    )
    trained = prepare(tmp_path / "features", config, partition.curated_path)
    job = evaluate(tmp_path / "evaluation", config, trained)
    assert job.json("evaluation/evaluation.json")["metrics"]["auc"] >= 0.90
    assert read_csv(job.output("evaluation") / "predictions.csv")[0]["key"].startswith("adult.csv:")


def census_config() -> dict[str, Any]:
    """A workflow over the Adult census data, which has no header, no key, and `?` for what is missing."""
    numbers = ["age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours_per_week"]
    names = "age workclass fnlwgt education education_num marital_status occupation relationship "
    names += "ethnic_group sex capital_gain capital_loss hours_per_week country target"
    return {
        "data": {
            "format": {"header": False, "skip_initial_space": True, "missing": ["?", ""]},
            "key": None,
            "columns": [
                {"name": name, "type": "integer" if name in numbers else "string", "required": True}
                for name in names.split()
            ],
            "label": {"column": "target", "positive": [">50K"]},
            "max_quarantined_share": 0.1,
        },
        "features": declared(
            numeric=["age", "education_num", "capital_gain", "capital_loss", "hours_per_week"],
            categorical=["workclass", "marital_status", "occupation", "relationship", "country"],
            interactions=[["age", "hours_per_week"]],
        ),
        "bias": {
            "facets": [{"column": "sex", "values": ["Female"], "threshold": None}],
            "intersections": [],
            "group": None,
        },
        "profile": PROFILE,
        "evaluation": {"metric": "auc", "minimum": 0.9, "threshold": 0.5},
        "deployment": {"endpoint": "census-income", "smoke_records": 5},
    }
