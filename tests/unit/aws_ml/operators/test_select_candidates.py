"""Which tasks are followed, and what a run may be asked for."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowFailException

from aws_ml.operators.select_candidates import SelectCandidatesOperator

BRANCHES = {"baseline": ["train_model"], "all": ["train_model", "tune_model"]}


def selected(asked: str) -> list[str]:
    operator = SelectCandidatesOperator(task_id="select", asked=asked, branches=BRANCHES)
    return operator.choose_branch({})


def test_what_is_asked_for_is_followed() -> None:
    assert selected("baseline") == ["train_model"]
    assert selected("all") == ["train_model", "tune_model"]


def test_anything_else_is_refused_with_what_is_known() -> None:
    with pytest.raises(AirflowFailException, match="Found 'the best'; known: baseline, all"):
        selected("the best")
