"""What the endpoint takes and answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost

from jobs.feature_store.online import NotKnown
from jobs.inference.inference import BadRequest, Model, input_fn, model_fn, output_fn, predict_fn
from tests.support.features import declared, fit

TYPES = {"age": "integer", "pay": "number", "job": "string"}
FEATURES = declared(numeric=["age", "pay"], categorical=["job"])
ROWS = pd.DataFrame(
    {
        "age": np.arange(200) % 60 + 18,
        "pay": np.arange(200) * 7 % 100 + 0.5,
        "job": ["a", "b", None, "c"] * 50,
    }
)
RECORD = {"age": 40, "pay": 20.5, "job": "a"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unpacked model archive, without code: the test's own is the same."""
    folder = tmp_path_factory.mktemp("model")
    transformer = fit(ROWS, FEATURES, TYPES).transformer
    label = ((ROWS["age"] > 40) ^ (ROWS["job"] == "a")).astype(int)
    matrix = xgboost.DMatrix(transformer.transform(ROWS), label=label)
    booster = xgboost.train(
        {"objective": "binary:logistic", "eval_metric": "auc", "nthread": 1},
        matrix,
        40,
        evals=[(matrix, "validation")],
        early_stopping_rounds=3,
        verbose_eval=False,
    )
    (folder / "xgboost-model").write_bytes(bytes(booster.save_raw("ubj")))
    (folder / "transformer.json").write_text(transformer.to_json())
    (folder / "serving.json").write_text(
        json.dumps({"threshold": 0.5, "transformer_digest": transformer.digest})
    )
    return folder


@pytest.fixture(scope="module")
def model(archive: Path) -> Model:
    return model_fn(str(archive))


def ask(model: Model, body: str | bytes, content_type: str = "application/json", accept: str = "*/*") -> Any:
    answer = output_fn(predict_fn(input_fn(body, content_type), model), accept)
    return json.loads(answer) if answer.startswith("{") else answer


def test_one_record_is_answered_with_one_prediction(model: Model):
    (prediction,) = ask(model, json.dumps(RECORD))["predictions"]
    assert set(prediction) == {"score", "label"}
    assert 0 < prediction["score"] < 1
    assert prediction["label"] == int(prediction["score"] >= 0.5)


def test_many_records_are_answered_in_their_order_and_as_if_alone(model: Model):
    records = [{**RECORD, "age": age} for age in (20, 60, 45)]
    together = ask(model, json.dumps({"records": records}))["predictions"]
    alone = [ask(model, json.dumps(record))["predictions"][0] for record in records]
    assert together == alone
    assert len({one["score"] for one in together}) > 1


def test_csv_says_the_same_as_json(model: Model):
    expected = ask(model, json.dumps({"records": [RECORD, {**RECORD, "pay": None, "job": None}]}))[
        "predictions"
    ]
    assert ask(model, b"40,20.5,a\n40,,\n", "text/csv; charset=utf-8")["predictions"] == expected
    lines = ask(model, "40,20.5,a\n40,,\n", "text/csv", "text/csv")
    assert lines == "".join(f"{one['score']!r},{one['label']}\n" for one in expected)


def test_a_raw_row_may_be_sent_with_all_its_columns(model: Model):
    raw = {"id": "x", **RECORD, "approved": 1}
    assert ask(model, json.dumps(raw)) == ask(model, json.dumps(RECORD))


def test_the_threshold_is_the_archives(archive: Path, model: Model):
    score = ask(model, json.dumps(RECORD))["predictions"][0]["score"]
    strict = Model(model.booster, model.trees, model.transformer, threshold=score)
    assert ask(strict, json.dumps(RECORD))["predictions"][0]["label"] == 1
    stricter = Model(model.booster, model.trees, model.transformer, threshold=score + 1e-9)
    assert ask(stricter, json.dumps(RECORD))["predictions"][0]["label"] == 0


def test_trees_after_the_best_one_do_not_vote(model: Model):
    best = int(model.booster.attr("best_iteration"))
    assert model.trees == (0, best + 1)
    assert best + 1 < model.booster.num_boosted_rounds()


@pytest.mark.parametrize(
    ("body", "content_type", "complaint"),
    [
        ('{"age": 40', "application/json", "the request is not JSON"),
        (b"\xff", "application/json", "the request's body is not UTF-8"),
        ("[1, 2]", "application/json", 'expected one record {"column": value, ...}'),
        ('{"records": [1]}', "application/json", "expected one record"),
        ('{"records": []}', "application/json", "the request holds no record"),
        ('{"age": 40, "pay": 1}', "application/json", "record 1 lacks job; expected age, pay, job"),
        ('{"age": "old", "pay": 1, "job": "a"}', "application/json", "age: expected numbers"),
        ('{"age": {"years": 1}, "pay": 1, "job": "a"}', "application/json", "age: expected numbers"),
        ("", "text/csv", "the request holds no record"),
        ("1,2\n", "text/csv", "line 1 has 2 values; expected 3: age, pay, job"),
        ("1,x,a\n", "text/csv", "pay: expected numbers"),
        ("<a/>", "text/xml", "the content type 'text/xml' is not supported"),
    ],
)
def test_a_bad_request_is_told_what_was_expected(
    model: Model, body: str | bytes, content_type: str, complaint: str
):
    with pytest.raises(BadRequest) as refused:
        ask(model, body, content_type)
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/json", "text/html, application/json;q=0.9", "text/csv,*/*"]
)
def test_the_first_type_that_is_offered_is_sent(accept: str):
    answer = output_fn([{"score": 0.25, "label": 0}], accept)
    assert answer == (
        "0.25,0\n" if accept.startswith("text/csv") else '{"predictions": [{"score": 0.25, "label": 0}]}'
    )


def test_a_type_that_is_not_offered_is_refused():
    with pytest.raises(BadRequest, match="the answer cannot be 'image/png'"):
        output_fn([], "image/png")


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("serving.json", '{"threshold": 0.5, "transformer_digest": "x"}', "is not the one that its model"),
        ("transformer.json", '{"version": 9}', "has version 9"),
    ],
)
def test_an_archive_that_does_not_fit_together_is_not_loaded(
    tmp_path: Path, archive: Path, file: str, content: str, complaint: str
):
    for path in archive.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / file).write_text(content)
    with pytest.raises(ValueError, match=complaint):
        model_fn(str(tmp_path))


class TestByKey:
    """With an online store, a record may name its entity alone."""

    class Known:
        """What the online store of a workflow does, without one."""

        def completed(self, records: list[Any], inputs: list[str]) -> list[Any]:
            return [RECORD if record == {"id": "A1"} else record for record in records]

    def test_the_answer_is_that_of_the_same_record_sent(self, model: Model) -> None:
        """Equal to the last bit, since nothing else is computed."""
        asked = replace(model, online_store=self.Known())  # type: ignore[arg-type]
        assert predict_fn([{"id": "A1"}], asked) == predict_fn([RECORD], model)

    def test_without_a_store_its_inputs_are_missed(self, model: Model) -> None:
        with pytest.raises(BadRequest, match="record 1 lacks age, pay, job"):
            predict_fn([{"id": "A1"}], model)

    def test_an_unknown_entity_is_the_clients_fault(self, model: Model) -> None:
        class Unknown:
            def completed(self, records: list[Any], inputs: list[str]) -> list[Any]:
                raise NotKnown("record 1: id A9 has no features")

        with pytest.raises(BadRequest, match="id A9 has no features"):
            predict_fn([{"id": "A9"}], replace(model, online_store=Unknown()))  # type: ignore[arg-type]
