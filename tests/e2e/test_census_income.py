"""A real data set, the census of 1994, through the DAGs of the sample workflow."""

from __future__ import annotations

import pytest

from launcher.settings import ROOT
from launcher.stack import Stack
from tests.e2e.runs import Bucket, Run, errors, finish, start

DAY = "2026-01-15"
ADULT = ROOT.parent / "shared" / "data" / "adult.csv"
# What AWS's own Clarify container published for this data, see the workflow file.
PUBLISHED = {
    "CDDL": 0.214915908649356,
    "CI": 0.3513692725946555,
    "DPL": 0.20015891077100018,
    "JS": 0.030756144659773006,
    "KL": 0.14306865156306434,
    "KS": 0.20015891077100018,
    "LP": 0.2830674462421746,
    "TVD": 0.20015891077100015,
}
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def census(stack: Stack) -> Run:
    """The workflow's run."""
    if not ADULT.exists():
        pytest.skip(f"the census data ({ADULT.name}) is not part of the project and is not there")
    return finish(stack, "census_income", start(stack, "census_income", DAY, data=ADULT))


def test_every_task_is_green(stack: Stack, census: Run) -> None:
    assert census.outcome.green, errors(stack, census.outcome)


def test_rows_with_missing_values_are_quarantined(stack: Stack, census: Run) -> None:
    bucket = Bucket(stack, "census_income")
    report = bucket.json(f"runs/{DAY}/ingest_analyze/cleaning.json")
    assert (report["rows_in"], report["curated"]) == (32_561, 30_162)
    assert report["quarantined"] == 2_399
    assert report["duplicates"] == 0


def test_the_eight_bias_values_are_the_published_ones(stack: Stack, census: Run) -> None:
    decision = Bucket(stack, "census_income").json(f"runs/{DAY}/ingest_analyze/decision.json")
    assert decision["outcome"] == "accepted"
    found = {metric["metric"]: metric["value"] for metric in decision["rounds"][0]["metrics"]}
    assert found == pytest.approx(PUBLISHED, abs=1e-9)


def test_the_model_is_good(stack: Stack, census: Run) -> None:
    evaluation = Bucket(stack, "census_income").json(f"runs/{DAY}/train_tune/evaluation/evaluation.json")
    assert evaluation["metrics"]["auc"] >= 0.90


def test_the_endpoint_answers_what_was_evaluated(stack: Stack, census: Run) -> None:
    """Also by the key alone, which here is the row's file and line."""
    deployment = Bucket(stack, "census_income").json(f"runs/{DAY}/deploy_manage/deployment.json")
    assert len(deployment["records"]) == len(deployment["by_entity"]) == 5
    assert all(record["equal"] for record in deployment["records"] + deployment["by_entity"])
