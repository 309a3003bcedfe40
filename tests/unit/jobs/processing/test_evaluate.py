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

from jobs.evaluation.archive import SERVED_CODE
from jobs.evaluation.intervals import interval, resampled
from jobs.evaluation.metrics import calibration, confusion, metrics
from jobs.features.plan import columns_of
from jobs.glue.clean import clean
from jobs.glue.rules import Spec
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
    """The job with the trained model as its only candidate."""
    job = ProcessingJob(folder, config)
    for name in ("transformer", "test"):
        job.give(name, trained.output(name))
    candidates(job, baseline=("model", trained.output("model") / "model.tar.gz"))
    return job


def candidates(job: ProcessingJob, **files: tuple[str, Path]) -> None:
    """Give the job candidates: name=(form, archive)."""
    root = job.base / "input" / "candidates"
    listed = []
    for name, (form, file) in files.items():
        target = root / "runs" / name / "model.tar.gz"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
        place = str(target.relative_to(root))
        listed.append({"name": name, "form": form, "file": place, "source": f"job of {name}"})
    (root / "candidates.json").write_text(json.dumps({"candidates": listed}))


def evaluate(folder: Path, config: dict[str, Any], trained: ProcessingJob) -> ProcessingJob:
    job = given_to(folder, config, trained)
    done = job.run("evaluate.py")
    assert done.returncode == 0, done.stderr
    return job


def test_the_model_of_the_sample_day_is_believable(evaluated: ProcessingJob):
    report = evaluated.json("candidates/baseline/evaluation.json")
    assert 0.80 <= report["metrics"]["auc"] <= 0.90
    assert set(report["metrics"]) == {
        "auc",
        "pr_auc",
        "log_loss",
        "accuracy",
        "f1",
        "precision",
        "recall",
    }
    assert sum(report["confusion"].values()) == report["rows"]


def test_bias_in_the_predictions_is_what_awss_library_finds(evaluated: ProcessingJob, trained: ProcessingJob):
    """Of women, and of women over sixty; for the others the same code runs."""
    told = evaluated.json("candidates/baseline/evaluation.json")["post_training_bias_metrics"]
    rows = pq.read_table(trained.output("test")).to_pandas()
    scores = [
        float(row["score"]) for row in read_csv(evaluated.output("candidates/baseline/predictions.csv"))
    ]
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
    predictions = read_csv(evaluated.output("candidates/baseline/predictions.csv"))
    assert [row["key"] for row in predictions] == held_out.column("application_id").to_pylist()
    assert [int(row["label"]) for row in predictions] == held_out.column("approved").to_pylist()
    assert evaluated.json("candidates/baseline/evaluation.json")["rows"] == len(predictions)
    scores = [float(row["score"]) for row in predictions]
    auc = oracle.roc_auc_score([int(row["label"]) for row in predictions], scores)
    assert evaluated.json("candidates/baseline/evaluation.json")["metrics"]["auc"] == pytest.approx(
        auc, abs=1e-12
    )


def test_the_smoke_records_are_requests_with_their_answers(
    evaluated: ProcessingJob, loan_config: dict[str, Any]
):
    records = evaluated.json("candidates/baseline/smoke_records.json")
    assert len(records) == loan_config["deployment"]["smoke_records"]
    scores = {
        row["key"]: float(row["score"])
        for row in read_csv(evaluated.output("candidates/baseline/predictions.csv"))
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
    records = job.json("candidates/baseline/smoke_records.json")
    assert [record["feature_time"] - 1_768_471_200 for record in records] == [0.25, 1.25, 2.25, 3.25, 4.25]


def test_the_served_archive_answers_the_smoke_records_alike(tmp_path: Path, evaluated: ProcessingJob):
    """Unpacked elsewhere and loaded by a process that knows only the archive, as an endpoint is."""
    with tarfile.open(evaluated.output("candidates/baseline/model.tar.gz")) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python has it since 3.11.4
        archive.extractall(tmp_path)  # noqa: S202 - made by the job under test
    records = evaluated.json("candidates/baseline/smoke_records.json")
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
    served = evaluated.output("candidates/baseline/model.tar.gz")
    with tarfile.open(served) as archive:
        assert sorted(archive.getnames()) == sorted(
            ["xgboost-model", "transformer.json", "serving.json", *SERVED_CODE.values()]
        )
    again = evaluate(tmp_path, loan_config, trained)
    assert (again.output("candidates/baseline/model.tar.gz")).read_bytes() == served.read_bytes()


def test_code_that_the_archive_lacks_fails_the_evaluation(
    tmp_path: Path, loan_config: dict[str, Any], trained: ProcessingJob
):
    """The job's own tree is on PYTHONPATH and must not help: the endpoint will not have it."""
    job = given_to(tmp_path, loan_config, trained)
    program = job.code / "jobs" / "evaluation" / "archive.py"
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
        ("no archive", "candidate 'baseline': the job was not given runs/baseline/model.tar.gz"),
        ("nothing", "candidates.json names no candidate"),
    ],
)
def test_parts_that_do_not_belong_together_are_named(
    tmp_path: Path, loan_config: dict[str, Any], trained: ProcessingJob, broken: str, complaint: str
):
    job = given_to(tmp_path, loan_config, trained)
    model = job.base / "input" / "candidates" / "runs" / "baseline" / "model.tar.gz"
    if broken == "no model":
        write_archive(model, {"model.bin": b"x"})
    elif broken == "no archive":
        model.unlink()
    elif broken == "nothing":
        candidates(job)
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
    assert (found["pr_auc"] is None) == (not labels.any())
    if labels.any():
        assert found["pr_auc"] == pytest.approx(oracle.average_precision_score(labels, scores), abs=1e-12)
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


def test_calibration_by_hand() -> None:
    """Ten rows in two bins: of the five with the lowest scores one is positive, of the others four."""
    scores = np.array([0.9, 0.1, 0.8, 0.2, 0.7, 0.3, 0.6, 0.4, 1.0, 0.0])
    labels = np.array([1, 0, 1, 0, 1, 0, 0, 1, 1, 0])
    assert calibration(labels, scores, 2) == [
        {"rows": 5, "mean_score": pytest.approx(0.2), "positive_share": pytest.approx(0.2)},
        {"rows": 5, "mean_score": pytest.approx(0.8), "positive_share": pytest.approx(0.8)},
    ]
    assert sum(part["rows"] for part in calibration(labels[:3], scores[:3])) == 3


def test_an_interval_is_as_wide_as_theory_says() -> None:
    """Accuracy 0.8 of 400 rows: standard error sqrt(0.8 * 0.2 / 400) = 0.02, so 95 % are 0.8 -+ 0.039."""
    labels = np.ones(400, dtype=int)
    scores = np.repeat([0.9, 0.1], [320, 80])
    low, high = interval(resampled(labels, {"a": scores}, 0.5, "accuracy", 2000)["a"], 0.95) or (0, 0)
    assert low == pytest.approx(0.8 - 0.0392, abs=0.004)
    assert high == pytest.approx(0.8 + 0.0392, abs=0.004)


def test_models_are_resampled_together() -> None:
    """A model that is right where another is has no difference to it, in any sample."""
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 2, 100)
    scores = generator.random(100)
    found = resampled(
        labels, {"a": scores, "b": scores**2}, 0.5, "auc", 50
    )  # the same order, so the same AUC
    assert len(found["a"]) == 50
    assert (found["a"] == found["b"]).all()
    assert found["a"].std() > 0
    alone = resampled(np.ones(5, dtype=int), {"a": np.arange(5) / 5}, 0.5, "auc", 10)
    assert interval(alone["a"], 0.9) is None  # AUC needs both classes


def test_candidates_are_compared_on_the_same_rows(
    tmp_path: Path, loan_config: dict[str, Any], trained: ProcessingJob, evaluated: ProcessingJob
) -> None:
    """A worse model, the same one as it was served, and one whose columns are gone."""
    job = given_to(tmp_path, loan_config, trained)
    worse = tmp_path / "worse.tar.gz"
    train(trained.base / "output", {**PARAMETERS, "max_depth": 1}, 2, worse)
    served = evaluated.output("candidates/baseline/model.tar.gz")
    stranger = tmp_path / "stranger.tar.gz"
    with tarfile.open(served) as packed:
        files = {member.name: packed.extractfile(member).read() for member in packed}  # type: ignore[union-attr]
    write_archive(
        stranger, files | {"transformer.json": files["transformer.json"].replace(b"income", b"fee")}
    )
    candidates(
        job,
        worse=("model", worse),
        baseline=("model", trained.output("model") / "model.tar.gz"),
        champion=("archive", served),
        stranger=("archive", stranger),
    )
    done = job.run("evaluate.py")
    assert done.returncode == 0, done.stderr
    comparison = job.json("candidates/comparison.json")
    by_name = {each["name"]: each for each in comparison["candidates"]}
    assert list(by_name) == ["worse", "baseline", "champion", "stranger"]
    assert (comparison["metric"], comparison["rows"]) == ("auc", by_rows(evaluated))
    assert by_name["champion"]["metrics"] == by_name["baseline"]["metrics"]
    assert by_name["champion"]["against"]["baseline"] == {"value": 0.0, "interval": [0.0, 0.0]}
    assert list(by_name["worse"]["against"]) == ["baseline", "champion"]
    behind = by_name["worse"]["against"]["baseline"]
    low, high = behind["interval"]
    assert low < behind["value"] < high < 0
    for each in ("worse", "baseline"):
        low, high = by_name[each]["interval"]
        assert low < by_name[each]["metrics"]["auc"] < high
        assert by_name[each]["milliseconds"] > 0
        assert by_name[each]["bytes"] == job.output(f"candidates/{each}/model.tar.gz").stat().st_size
        assert by_name[each]["source"] == f"job of {each}"
    assert "it needs" in by_name["stranger"]["fault"]
    assert "which the test rows don't have" in by_name["stranger"]["fault"]
    assert not job.output("candidates/stranger").exists()
    assert job.output("candidates/champion/model.tar.gz").read_bytes() == served.read_bytes()
    assert read_csv(job.output("candidates/champion/predictions.csv")) == read_csv(
        job.output("candidates/baseline/predictions.csv")
    )


def by_rows(job: ProcessingJob) -> int:
    return int(job.json("candidates/baseline/evaluation.json")["rows"])


def test_facets_have_metrics_of_their_own(evaluated: ProcessingJob, trained: ProcessingJob) -> None:
    report = evaluated.json("candidates/baseline/evaluation.json")
    rows = pq.read_table(trained.output("test")).to_pandas()
    scores = [float(r["score"]) for r in read_csv(evaluated.output("candidates/baseline/predictions.csv"))]
    table = rows.assign(score=scores)
    women, men = table[table["sex"] == "female"], table[table["sex"] != "female"]
    found = {(e["column"], e["group"]): e for e in report["by_facet"]}
    assert list(found) == [
        (column, group) for column in ("sex", "age", "sex & age") for group in ("facet", "others")
    ]
    for group, members in (("facet", women), ("others", men)):
        entry = found["sex", group]
        assert (entry["rows"], entry["value_or_threshold"]) == (len(members), "female")
        assert entry["metrics"]["auc"] == pytest.approx(
            oracle.roc_auc_score(members["approved"], members["score"]), abs=1e-12
        )


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
    assert job.json("candidates/baseline/evaluation.json")["metrics"]["auc"] >= 0.90
    assert read_csv(job.output("candidates/baseline/predictions.csv"))[0]["key"].startswith("adult.csv:")


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
        "evaluation": {
            "metric": "auc",
            "minimum": 0.9,
            "threshold": 0.5,
            "confidence": 0.9,
            "resamples": 50,
        },
        "deployment": {"endpoint": "census-income", "smoke_records": 5},
    }
