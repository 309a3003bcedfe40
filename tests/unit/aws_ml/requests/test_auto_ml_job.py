"""The AutoML job's body, and which columns it may learn from."""

from __future__ import annotations

from pathlib import Path

from aws_ml.requests.auto_ml_job import feature_specification, find_model
from aws_ml.workflow import load_workflow
from tests.unit.aws_ml.rendering import rendered

ROOT = Path(__file__).parents[4]
LOANS = load_workflow(ROOT / "include" / "workflows" / "loan_approval.yaml")


def test_the_budget_and_the_objective_are_the_workflows() -> None:
    body = rendered(LOANS, find_model(LOANS))
    table = body["AutoMLProblemTypeConfig"]["TabularJobConfig"]
    assert table["CompletionCriteria"] == {"MaxCandidates": 10, "MaxAutoMLJobRuntimeInSeconds": 600}
    assert (table["ProblemType"], body["AutoMLJobObjective"]) == (
        "BinaryClassification",
        {"MetricName": "AUC"},
    )
    run = "s3://local-ml/loan_approval/runs/2026-01-15"
    (channel,) = body["AutoMLJobInputDataConfig"]
    assert channel["DataSource"]["S3DataSource"]["S3Uri"] == f"{run}/prepare_transform/rows/"
    assert body["OutputDataConfig"]["S3OutputPath"] == f"{run}/train_tune/automl"
    assert table["FeatureSpecificationS3Uri"] == f"{run}/train_tune/automl/features.json"


def test_nothing_is_learned_from_label_key_or_facets() -> None:
    document = feature_specification(LOANS)
    names = document["FeatureAttributeNames"]
    assert set(names) == {
        "age", "income", "loan_amount", "term_months", "credit_history_years", "existing_debt",
        "late_payments", "region", "employment", "purpose",
    }  # fmt: skip
    assert document["FeatureDataTypes"]["age"] == "numeric"
    assert document["FeatureDataTypes"]["region"] == "categorical"
    assert list(document["FeatureDataTypes"]) == names
