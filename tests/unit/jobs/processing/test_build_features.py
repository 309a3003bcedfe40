"""Features are built from the curated rows: split by key, fitted on train, written as XGBoost reads them."""

from __future__ import annotations

import csv
import io
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from jobs.evaluation.serving import as_sent
from jobs.features.split import SPLITS, assign
from jobs.features.transformer import FeatureTransformer
from jobs.inference.inference import _frame as records_frame
from jobs.inference.inference import input_fn
from tests.support.features import EVERY_WAY, PROFILE, SPLIT, declared
from tests.support.processing_job import ProcessingJob


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory, loan_config: dict[str, Any], loan_curated: Path
) -> ProcessingJob:
    """The job, done on the sample day."""
    return build(tmp_path_factory.mktemp("built"), loan_config, loan_curated)


def build(folder: Path, config: dict[str, Any], curated: Path) -> ProcessingJob:
    job = ProcessingJob(folder, config)
    job.give("curated", curated)
    done = job.run("build_features.py")
    assert done.returncode == 0, done.stderr
    return job


def matrix(job: ProcessingJob, split: str) -> np.ndarray:
    """As XGBoost reads it: in 32 bits."""
    return np.loadtxt(job.output(split) / "part-00000.csv", delimiter=",", ndmin=2, dtype=np.float32)


def raw(job: ProcessingJob, config: dict[str, Any], curated: Path) -> dict[str, pd.DataFrame]:
    """The curated rows of each split, by their key."""
    rows = pq.read_table(curated).to_pandas().sort_values(config["data"]["key"])
    split = assign(rows[config["data"]["key"]], config["features"]["split"])
    return {name: rows[split == name] for name in SPLITS}


def test_every_row_is_in_exactly_one_split(built: ProcessingJob, loan_curated: Path):
    report = built.json("report/features.json")
    rows = pq.read_metadata(loan_curated).num_rows
    assert report["rows_in"] == rows
    held_out = pq.read_table(built.output("test")).num_rows
    sizes = [len(matrix(built, "train")), len(matrix(built, "validation")), held_out]
    assert [report["splits"][name]["rows"] for name in SPLITS] == sizes
    assert sum(sizes) == rows
    for size, share in zip(sizes, (0.7, 0.15, 0.15), strict=True):
        assert size / rows == pytest.approx(share, abs=0.02)


def test_the_label_comes_first_and_the_features_as_reported(
    built: ProcessingJob, loan_config: dict[str, Any], loan_curated: Path
):
    report = built.json("report/features.json")
    expected = raw(built, loan_config, loan_curated)
    transformer = FeatureTransformer.from_json((built.output("transformer") / "transformer.json").read_text())
    assert report["columns"] == list(transformer.outputs)
    assert report["transformer_digest"] == transformer.digest
    for split in ("train", "validation"):
        written = matrix(built, split)
        assert written[:, 0].tolist() == expected[split]["approved"].tolist()
        assert (
            written[:, 1:] == transformer.transform(expected[split])
        ).all()  # every digit survives the CSV
        assert report["splits"][split]["positives"] == int(written[:, 0].sum())


def test_the_transformer_has_seen_the_training_rows_only(
    built: ProcessingJob, loan_config: dict[str, Any], loan_curated: Path
):
    train = raw(built, loan_config, loan_curated)["train"]
    document = built.json("transformer/transformer.json")
    age = next(column for column in document["numeric"] if column["name"] == "age")
    assert age["scale"]["center"] == pytest.approx(train["age"].mean(), rel=1e-12)
    income = next(column for column in document["numeric"] if column["name"] == "income")
    assert income["fill"] == train["income"].median()


def test_the_held_out_rows_are_raw_with_key_and_label(built: ProcessingJob, loan_curated: Path):
    held_out = pq.read_table(built.output("test"))
    assert held_out.schema.equals(pq.read_schema(loan_curated))


def test_a_row_stays_in_its_split_whatever_else_lands_and_in_any_order(
    tmp_path: Path, built: ProcessingJob, loan_config: dict[str, Any], loan_curated: Path
):
    table = pq.read_table(loan_curated)
    shuffled = table.take(pa.array(np.random.default_rng(1).permutation(table.num_rows)[:3000]))
    half = tmp_path / "half"
    (half / "dt=2026-01-15").mkdir(parents=True)
    pq.write_table(shuffled.slice(0, 1000), half / "dt=2026-01-15" / "part-00000.parquet")
    pq.write_table(shuffled.slice(1000), half / "dt=2026-01-15" / "part-00001.parquet")
    again = build(tmp_path / "again", loan_config, half)
    keys = set(shuffled.column("application_id").to_pylist())
    before = set(pq.read_table(built.output("test")).column("application_id").to_pylist())
    after = set(pq.read_table(again.output("test")).column("application_id").to_pylist())
    assert after == before & keys


def test_running_it_again_gives_the_same_bytes(
    tmp_path: Path, built: ProcessingJob, loan_config: dict[str, Any], loan_curated: Path
):
    again = build(tmp_path, loan_config, loan_curated)
    for name in ("train/part-00000.csv", "validation/part-00000.csv", "transformer/transformer.json"):
        assert again.output(name).read_bytes() == built.output(name).read_bytes()


def test_another_seed_splits_otherwise():
    keys = pd.Series([f"k{index}" for index in range(2000)])
    first, second = assign(keys, SPLIT), assign(keys, {**SPLIT, "seed": "v2"})
    assert 0.3 < (first == second).mean() < 0.8


def test_splits_depend_on_nothing_but_seed_and_key():
    """Golden: a change here moves rows between train and test of runs that were made before."""
    assert assign(pd.Series(list("abcdefgh")), SPLIT).tolist() == GOLDEN_SPLITS


GOLDEN_SPLITS = ["validation", "train", "train", "train", "validation", "train", "train", "test"]


def small(rows: list[tuple[str, float | None, int]]) -> pa.Table:
    keys, pays, labels = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "id": pa.array(keys, pa.string()),
            "pay": pa.array(pays, pa.float64()),
            "ok": pa.array(labels, pa.int64()),
        }
    )


CONFIG: dict[str, Any] = {
    "data": {
        "key": "id",
        "columns": [
            {"name": "id", "type": "string"},
            {"name": "pay", "type": "number"},
            {"name": "ok", "type": "integer"},
        ],
        "label": {"column": "ok", "positive": [1]},
    },
    "features": declared(numeric=["pay"]),
    "profile": PROFILE,
}
MANY = [(f"k{index}", float(index), index % 2) for index in range(200)]


def changed(section: str, **keys: Any) -> dict[str, Any]:
    config = deepcopy(CONFIG)
    config[section] = {**config[section], **keys}
    return config


@pytest.mark.parametrize(
    ("config", "rows", "complaint"),
    [
        (CONFIG, [], "the curated partition holds no rows"),
        (
            CONFIG,
            [(key, pay, 0) for key, pay, _ in MANY],
            "ok: no row has the positive label 1; found only 0. A model cannot be trained on one class",
        ),
        (
            CONFIG,
            [(key, pay, 1) for key, pay, _ in MANY],
            "ok: every row has the positive label 1; found only 1",
        ),
        (
            CONFIG,
            [(key, pay, int(index == 0)) for index, (key, pay, _) in enumerate(MANY)],
            "split has no positive labels (ok = 1) among its",
        ),
        (CONFIG, MANY[:2], "split is empty; 2 rows are too few for these shares"),
        (CONFIG, [*MANY, ("x", 1.0, None)], "ok: 1 rows have no label"),
        (
            changed("features", numeric=[{"column": "salary"}]),
            MANY,
            "salary: no such column in the rows; they have id, pay, ok",
        ),
        (
            changed("data", key=None),
            MANY,
            "row_id: no such column in the curated rows; they have id, pay, ok",
        ),
        (CONFIG, [(key, None, label) for key, _, label in MANY], "pay: every training row lacks a value"),
    ],
)
def test_what_cannot_be_learnt_from_is_named(
    tmp_path: Path, config: dict[str, Any], rows: list[Any], complaint: str
):
    curated = tmp_path / "part-00000.parquet"
    pq.write_table(small(rows), curated)
    job = ProcessingJob(tmp_path / "ml", config)
    job.give("curated", curated)
    done = job.run("build_features.py")
    assert done.returncode == 1
    assert complaint in job.message()
    assert "Traceback" not in done.stderr


def test_an_input_that_is_not_there_is_named(tmp_path: Path):
    job = ProcessingJob(tmp_path, CONFIG)
    assert job.run("build_features.py").returncode == 1
    assert job.message().startswith("Refused: the job has no input 'curated'")


def test_a_missing_config_is_named(tmp_path: Path):
    job = ProcessingJob(tmp_path, CONFIG)
    (job.code / "config.json").unlink()
    assert job.run("build_features.py").returncode == 1
    assert "the job has no config" in job.message()


def test_a_long_message_is_cut_between_characters(tmp_path: Path):
    job = ProcessingJob(tmp_path, changed("features", numeric=[{"column": "é" * 2000}]))
    curated = tmp_path / "part-00000.parquet"
    pq.write_table(small(MANY), curated)
    job.give("curated", curated)
    assert job.run("build_features.py").returncode == 1
    written = (job.opt_ml / "output" / "message").read_bytes()
    assert len(written) <= 1024
    assert written.decode("utf-8").startswith("Refused: é")


def test_a_fault_of_the_program_shows_its_traceback(tmp_path: Path):
    config = json.loads(json.dumps(CONFIG))
    del config["features"]["split"]
    job = ProcessingJob(tmp_path, config)
    curated = tmp_path / "part-00000.parquet"
    pq.write_table(small(MANY), curated)
    job.give("curated", curated)
    done = job.run("build_features.py")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert job.message() == "KeyError: 'split'"


def test_the_order_of_the_rows_changes_nothing(
    tmp_path: Path, loan_config: dict[str, Any], loan_curated: Path
) -> None:
    """Athena joins in any order, and a model that is trained again must be the same."""
    made = []
    table = pq.ParquetFile(str(loan_curated)).read()
    for name, rows in (("as_it_is", table), ("turned", table.take(list(range(table.num_rows))[::-1]))):
        job = ProcessingJob(tmp_path / name, loan_config)
        file = tmp_path / f"{name}.parquet"
        pq.write_table(rows, file)
        job.give("curated", file)
        assert job.run("build_features.py").returncode == 0
        parts = [job.output(split) / "part-00000.csv" for split in ("train", "validation")]
        made.append([part.read_bytes() for part in parts])
    assert made[0] == made[1]


def test_only_training_rows_are_learned_from(
    tmp_path: Path, loan_config: dict[str, Any], loan_curated: Path
) -> None:
    """Planted: every other row tells its label in every column, and has the opposite of its own. Nothing that
    was learned may notice, neither scales nor rates, nor which columns were chosen.
    """
    select = {**EVERY_WAY["select"], "top": 20, "keep": ["region&purpose"]}
    config = {**loan_config, "features": declared(**{**EVERY_WAY, "select": select})}
    table = pq.read_table(loan_curated)
    rows = table.to_pandas()
    split = assign(rows["application_id"], SPLIT)
    others = pd.Series(split != "train")
    rows["approved"] = rows["approved"].mask(others, 1 - rows["approved"])
    told = rows["approved"] == 1
    for name in ("income", "loan_amount", "existing_debt", "credit_history_years"):
        rows[name] = rows[name].mask(others, told.map({True: 1e6, False: 0.0}))
    rows["purpose"] = rows["purpose"].mask(others, told.map({True: "yes", False: "no"}))
    planted = tmp_path / "planted.parquet"
    pq.write_table(pa.Table.from_pandas(rows, table.schema, preserve_index=False), planted)
    clean = build(tmp_path / "clean", config, loan_curated)
    leaky = build(tmp_path / "leaky", config, planted)
    for name in ("train/part-00000.csv", "transformer/transformer.json"):
        assert leaky.output(name).read_bytes() == clean.output(name).read_bytes()
    validation = "validation/part-00000.csv"
    assert leaky.output(validation).read_bytes() != clean.output(validation).read_bytes()
    said = [alert["says"] for alert in leaky.json("report/features.json")["alerts"]]
    assert any("validation rows have a region&purpose that no training row had" in line for line in said)


def test_training_batch_and_endpoint_see_the_same_numbers_to_the_last_bit(
    tmp_path: Path, loan_config: dict[str, Any], loan_curated: Path
) -> None:
    """The validation rows as XGBoost reads them, all at once, and one by one as requests of either kind."""
    config = {**loan_config, "features": declared(**EVERY_WAY)}
    job = build(tmp_path, config, loan_curated)
    transformer = FeatureTransformer.from_json((job.output("transformer") / "transformer.json").read_text())
    rows = pq.read_table(loan_curated).sort_by("application_id")
    validation = rows.filter(pa.array(assign(rows["application_id"].to_pandas(), SPLIT) == "validation"))
    trained = matrix(job, "validation")[:, 1:]
    assert trained.shape[1] > 25
    assert transformer.transform(validation.to_pandas()).tobytes() == trained.tobytes()
    records = as_sent(validation.select(transformer.inputs))
    for place in range(0, len(records), 10):
        record = records[place]
        line = io.StringIO()
        csv.writer(line).writerow(["" if value is None else value for value in record.values()])
        for body, kind in ((json.dumps(record), "application/json"), (line.getvalue(), "text/csv")):
            frame = records_frame(input_fn(body, kind), transformer.inputs)
            assert transformer.transform(frame).tobytes() == trained[place].tobytes(), kind


def test_the_report_tells_each_feature_before_and_after(
    tmp_path: Path, loan_config: dict[str, Any], loan_curated: Path
) -> None:
    config = {**loan_config, "features": declared(**EVERY_WAY)}
    job = build(tmp_path, config, loan_curated)
    report, train = job.json("report/features.json"), raw(job, config, loan_curated)["train"]
    entries = {entry["name"]: entry for entry in report["features"]}
    income = entries["income"]["before"]
    assert income["rows"] == len(train)
    assert income["missing"] == int(train["income"].isna().sum())
    assert income["mean"] == pytest.approx(train["income"].mean())
    drawn = sum(place["rows"] for place in income["bins"])
    assert income["below"] + drawn + income["above"] == int(train["income"].notna().sum())
    purposes = {each["value"]: each["rows"] for each in entries["purpose"]["before"]["values"]}
    assert purposes == train["purpose"].value_counts().to_dict()
    made = matrix(job, "train")[:, 1:]
    told = [after for entry in report["features"] for after in entry["after"]]
    assert sorted(after["name"] for after in told) == sorted(report["columns"])
    for after in told:
        column = made[:, report["columns"].index(after["name"])].astype(float)
        assert after["mean"] == pytest.approx(column.mean(), abs=1e-9)
        assert (after["minimum"], after["maximum"]) == (column.min(), column.max())
    assert report["made"] == len(report["columns"]) + len(report["left_out"])
    assert all(step["rows_in"] >= step["rows_out"] > 0 for step in report["steps"])


def test_rows_are_counted_in_and_out_of_each_step(tmp_path: Path):
    """Of 200 curated rows every fifth is not accepted: what is learned from comes of the 160, the held-out
    rows of the 200.
    """
    accepted = [row for index, row in enumerate(MANY) if index % 5]
    job = ProcessingJob(tmp_path / "ml", CONFIG)
    for name, rows in (("curated", MANY), ("training", accepted)):
        pq.write_table(small(rows), tmp_path / f"{name}.parquet")
        job.give(name, tmp_path / f"{name}.parquet")
    assert job.run("build_features.py").returncode == 0
    split = dict(
        zip([key for key, *_ in MANY], assign(pd.Series([key for key, *_ in MANY]), SPLIT), strict=True)
    )
    train, validation = (sum(split[key] == name for key, *_ in accepted) for name in ("train", "validation"))
    test = list(split.values()).count("test")
    assert [tuple(step.values()) for step in job.json("report/features.json")["steps"]] == [
        ("accepted", 200, 160, "of the curated rows, those to learn from"),
        ("train", 160, train, "70% of the accepted rows, by a hash of the entity"),
        ("validation", 160, validation, "15% of the accepted rows, by a hash of the entity"),
        ("test", 200, test, "15% of the curated rows, by a hash of the entity"),
    ]


def test_a_column_that_has_seen_the_label_is_told(tmp_path: Path):
    """Of 200 rows, 98 in 100 have a pay that follows the label; oracle: scikit-learn."""
    rows = [(f"k{index}", float(index % 2) + (index % 50 == 0), index % 2) for index in range(200)]
    curated = tmp_path / "part-00000.parquet"
    pq.write_table(small(rows), curated)
    job = ProcessingJob(tmp_path / "ml", changed("features", numeric=[{"column": "pay"}]))
    job.give("curated", curated)
    assert job.run("build_features.py").returncode == 0
    alert = next(each for each in job.json("report/features.json")["alerts"] if each["kind"] == "leakage")
    train = matrix(job, "train")
    assert alert["columns"] == ["pay"]
    assert alert["value"] == pytest.approx(roc_auc_score(train[:, 0], train[:, 1]))


def test_rows_may_be_split_by_time(tmp_path: Path, loan_config: dict[str, Any], loan_curated: Path):
    features = {**loan_config["features"], "split": {**SPLIT, "time": "applied_at"}}
    job = build(tmp_path, {**loan_config, "features": features}, loan_curated)
    held_out = pq.read_table(job.output("test")).column("applied_at").to_pandas()
    times = pq.read_table(loan_curated).column("applied_at").to_pandas().sort_values(ignore_index=True)
    assert held_out.min() == times[len(times) - len(held_out)]
    assert len(held_out) / len(times) == pytest.approx(0.15, abs=0.01)


def test_all_rows_of_an_entity_are_in_one_split(
    tmp_path: Path, loan_config: dict[str, Any], loan_curated: Path
):
    """Applications of one customer: the key differs, the entity does not."""
    table = pq.read_table(loan_curated)
    customers = pa.array([f"c{place % 900}" for place in range(table.num_rows)])
    file = tmp_path / "customers.parquet"
    pq.write_table(table.append_column("customer", customers), file)
    config = {**loan_config, "feature_store": {"entity": "customer"}}
    job = build(tmp_path / "job", config, file)
    held_out = set(pq.read_table(job.output("test")).column("customer").to_pylist())
    assert 90 < len(held_out) < 180
    assert pq.read_table(job.output("test")).num_rows == sum(
        customer in held_out for customer in customers.to_pylist()
    )
