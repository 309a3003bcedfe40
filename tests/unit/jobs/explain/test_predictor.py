"""How rows become requests, and answers numbers and labels, in each of Clarify's formats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from jobs.explain.config import Predictor
from jobs.explain.predictor import body_of, plain, read, record_of
from jobs.processing.job import JobError

JSON, LINES, CSV = "application/json", "application/jsonlines", "text/csv"
ROWS = pd.DataFrame({"age": [41.5, np.nan], "job": ["a,b", None], "flag": [True, False]})


def predictor(content_type: str, **more: Any) -> Predictor:
    return Predictor.of({"endpoint_name": "e", "content_type": content_type, **more})


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (predictor(CSV), '41.5,"a,b",True\n,,False\n'),
        (
            predictor(LINES, content_template='{"features":$features}'),
            '{"features":[41.5, "a,b", true]}\n{"features":[null, null, false]}\n',
        ),
        (
            predictor(JSON, content_template='{"records":$records}', record_template="$features_kvp"),
            '{"records":[{"age": 41.5, "job": "a,b", "flag": true}, '
            '{"age": null, "job": null, "flag": false}]}',
        ),
    ],
    ids=["csv", "lines", "json"],
)
def test_rows_become_a_request(asked: Predictor, expected: str) -> None:
    records = [record_of(values, list(ROWS.columns), asked) for values in plain(ROWS)]
    assert body_of(records, asked) == expected


@pytest.mark.parametrize(
    ("asked", "answer", "expected"),
    [
        (predictor(CSV), "0.25\n0.5\n", ([[0.25], [0.5]], None)),
        (predictor(CSV, probability=1, label=0), "yes,0.75\nno,0.25\n", ([0.75, 0.25], ["yes", "no"])),
        (
            predictor(LINES, content_template="$features", probability="p", label="y"),
            '{"p": [0.1, 0.9], "y": 1}\n{"p": [0.8, 0.2], "y": 0}\n',
            ([[0.1, 0.9], [0.8, 0.2]], [1, 0]),
        ),
        (
            predictor(JSON, content_template="$records", record_template="$features",
                      probability="predictions[].score"),
            '{"predictions": [{"score": 0.5}, {"score": 0.75}]}',
            ([0.5, 0.75], None),
        ),
    ],
    ids=["csv alone", "csv", "lines", "json"],
)  # fmt: skip
def test_an_answer_is_read(asked: Predictor, answer: str, expected: Any) -> None:
    assert read(answer, asked) == expected


@pytest.mark.parametrize(
    ("asked", "answer", "says"),
    [
        (predictor(CSV, label=2), "0,1\n", "has columns 0 to 1; the configuration says 2"),
        (predictor(LINES, content_template="$features", label="y"), "no", "not application/jsonlines: no"),
        (predictor(LINES, content_template="$features", label="y"), '{"x": 1}', "'y' leads to no value"),
        (predictor(LINES, content_template="$features"), "1", "must say where the model's answer has it"),
    ],
)
def test_an_answer_that_cannot_be_read_is_shown(asked: Predictor, answer: str, says: str) -> None:
    with pytest.raises(JobError, match=says):
        read(answer, asked)
