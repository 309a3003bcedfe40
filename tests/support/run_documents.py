"""Documents as the jobs and tasks of one run write them, small, for tests of what reads them."""

from __future__ import annotations

from typing import Any


def verdict(metric: str, value: float | None, finding: str, **more: Any) -> dict[str, Any]:
    """One metric of one group."""
    return {
        "facet": "sex",
        "group": "sex = female",
        "metric": metric,
        "value": value,
        "minimum": -0.15,
        "maximum": 0.15,
        "minimum_origin": f"loan_approval.yaml: bias.thresholds.{metric}.minimum",
        "maximum_origin": f"loan_approval.yaml: bias.thresholds.{metric}.maximum",
        "finding": finding,
        "sentence": f"{metric} for sex = female is {finding}.",
        **more,
    }


CLEANING: dict[str, Any] = {
    "rows_in": 5000,
    "curated": 4925,
    "quarantined": 50,
    "duplicates": 25,
    "files": [{"key": "applications-1.csv", "rows": 5000}],
    "reasons": {"age: not a number": 30, "sex: not one of female, male": 20},
}
FIRST_LAYOUT: dict[str, Any] = {
    "overall": "stop",
    "summary": "Stopped: 1 of 2 bounded metrics are beyond their bounds or not computable.",
    "metrics": [verdict("DPL", 0.24, "above"), verdict("CDDL", 0.05, "within")],
}
BANDS = [
    {"minimum": -0.15, "maximum": 0.15, "beyond": "ask"},
    {"minimum": -0.45, "maximum": 0.45, "beyond": "stop"},
]
DECISION: dict[str, Any] = {
    "version": "2",
    "outcome": "accepted",
    "summary": "To be mitigated: 1 of 2 bounded metrics is beyond bounds. After mitigation: Accepted.",
    "decided_at": "2026-02-10T06:00:00+00:00",
    "dataset": {"uri": "s3://contract/loan_approval/runs/2026-01-15/ingest_analyze/mitigation/data/"},
    "rounds": [
        {
            "data": "curated",
            "way": "ask",
            "summary": "A person is asked.",
            "metrics": [
                verdict(
                    "DPL",
                    0.24,
                    "above",
                    way="ask",
                    bands=BANDS,
                ),
                verdict("CDDL", 0.05, "within", way="accept"),
            ],
            "answer": {
                "choice": "Mitigate",
                "reason": "Known since February",
                "by": {"id": "7", "name": "Ada"},
                "at": "2026-02-10T05:00:00+00:00",
                "timed_out": False,
            },
        },
        {
            "data": "mitigated",
            "way": "accept",
            "summary": "Accepted.",
            "metrics": [
                verdict("DPL", 0.0123, "within", way="accept", bands=BANDS),
                verdict("CDDL", 0.01, "within", way="accept"),
            ],
            "answer": None,
        },
    ],
    "mitigation": {"method": "reweighing"},
}
FEATURES: dict[str, Any] = {
    "rows_in": 30,
    "splits": {name: {"rows": 10, "positives": 5} for name in ("train", "validation", "test")},
    "label": {"column": "approved", "positive": [1]},
    "columns": ["age", "age*income", "income", "region=north", "region=south"],
    "inputs": ["age", "income", "region"],
    "transformer_digest": "3113e455",
    "steps": [
        {
            "name": "accepted",
            "rows_in": 32,
            "rows_out": 30,
            "says": "of the curated rows, those to learn from",
        },
        {"name": "train", "rows_in": 30, "rows_out": 10, "says": "33% of the accepted rows"},
    ],
    "features": [
        {
            "name": "income",
            "kind": "numeric",
            "inputs": ["income"],
            "before": {
                "rows": 10,
                "missing": 1,
                "minimum": 1000.0,
                "maximum": 91000.0,
                "mean": 12500.0,
                "deviation": 27785.5,
                "bins": [
                    {"from": 1000.0, "to": 2500.0, "rows": 2},
                    {"from": 2500.0, "to": 4000.0, "rows": 4},
                    {"from": 4000.0, "to": 5500.0, "rows": 0},
                    {"from": 5500.0, "to": 7000.0, "rows": 2},
                ],
                "below": 0,
                "above": 1,
            },
            "learned": {
                "name": "income",
                "source": {"kind": "column", "column": "income"},
                "fill": 3125.0,
                "indicator": True,
                "lower": 0.0,
                "upper": 7000.0,
                "then": "clip",
                "scale": {"kind": "standard", "center": 3800.0, "spread": 1925.0},
            },
            "after": [
                {"name": "income", "rows": 10, "minimum": -1.4545, "maximum": 1.6623, "mean": 0.0},
                {"name": "income.missing", "rows": 10, "minimum": 0.0, "maximum": 1.0, "mean": 0.1},
            ],
        },
        {
            "name": "age*income",
            "kind": "product",
            "inputs": ["age", "income"],
            "before": None,
            "learned": None,
            "after": [{"name": "age*income", "rows": 10, "minimum": -2.0, "maximum": 3.0, "mean": 0.5}],
        },
        {
            "name": "region",
            "kind": "categorical",
            "inputs": ["region"],
            "before": {
                "rows": 10,
                "missing": 1,
                "distinct": 2,
                "values": [{"value": "north", "rows": 6}, {"value": "south", "rows": 3}],
                "others": 0,
            },
            "learned": {
                "source": {"kind": "column", "column": "region"},
                "fill": "missing",
                "unseen": "ignore",
                "gathered": 2,
                "encoder": {"kind": "target", "prior": 0.5},
                "categories": [
                    {"value": "north", "rows": 6, "rate": 0.625},
                    {"value": "south", "rows": 3, "rate": 0.375},
                ],
                "more": 7,
            },
            "after": [
                {"name": "region=north", "rows": 10, "minimum": 0.0, "maximum": 1.0, "mean": 0.6},
                {"name": "region=south", "rows": 10, "minimum": 0.0, "maximum": 1.0, "mean": 0.3},
            ],
        },
        {
            "name": "age.bin",
            "kind": "categorical",
            "inputs": ["age"],
            "before": {"rows": 10, "distinct": 1, "values": [{"value": ">=40", "rows": 10}]},
            "learned": {
                "source": {"kind": "bins", "column": "age", "edges": [25.0, 40.0]},
                "fill": None,
                "unseen": "refuse",
                "gathered": None,
                "encoder": {"kind": "one_hot"},
                "categories": [{"value": ">=40", "rows": 10, "rate": None}],
            },
            "after": [],
        },
    ],
    "left_out": [{"name": "age.bin=>=40", "reason": "variance 0, not above 0"}],
    "alerts": [
        {
            "kind": "correlation",
            "columns": ["age", "income"],
            "value": 0.97,
            "limit": 0.9,
            "says": "are alike",
        },
        {"kind": "leakage", "columns": ["income"], "value": 0.99, "limit": 0.95, "says": "tells the label"},
    ],
}
FEATURE_GROUP: dict[str, Any] = {
    "name": "loan-approval",
    "arn": "arn:aws:sagemaker:us-east-1:000000000000:feature-group/loan-approval",
    "created": False,
    "created_at": "2026-01-01T06:00:00+00:00",
    "changed_at": "2026-01-15T06:00:00+00:00",
    "features_before": 3,
    "added": ["income"],
    "left": ["height"],
    "entity": "customer",
    "event_time": "at",
    "online": True,
    "time_to_live": {"Unit": "Hours", "Value": 24},
    "offline_uri": "s3://contract/loan_approval/feature_store/data",
    "database": "sagemaker_featurestore",
    "table": "loan_approval_1767247200",
    "console": "https://us-east-1.console.aws.amazon.com/sagemaker/home#/feature-groups/loan-approval",
    "tags": {
        "run_key": "2026-01-14",
        "ingest_job": "ingest-14",
        "source": "s3://contract/loan_approval/curated/dt=2026-01-14/",
    },
    "features": [
        {"name": "customer", "type": "String", "collection": None, "description": "Who asks."},
        {"name": "at", "type": "Fractional", "collection": None, "description": ""},
        {"name": "height", "type": "Integral", "collection": None, "description": ""},
        {"name": "income", "type": "Fractional", "collection": None, "description": "A month, in euros."},
    ],
}
INGESTION: dict[str, Any] = {
    "feature_group": "loan-approval",
    "records": 30,
    "written": 27,
    "refused": [{"reason": "The event time lies in the past", "records": 2, "entities": ["C1", "C2"]}],
    "calls": 3,
    "throttled": 4,
    "seconds": 0.5,
}
OFFLINE_STORE: dict[str, Any] = {
    "rows": {"2026-01-14": 40, "2026-01-15": 22},
    "ingestion_ended": "2026-01-16T06:00:00+00:00",
    "complete": "2026-01-16T06:00:07+00:00",
    "patience_minutes": 30.0,
}
CHOICE: dict[str, Any] = {
    "metric": "auc",
    "margin": 0.0,
    "rows": 10,
    "confidence": 0.95,
    "chosen": "baseline",
    "summary": "baseline with auc 0.8507: the best of this run",
    "candidates": [
        {
            "name": "champion",
            "source": "arn:aws:sagemaker:us-east-1:000000000000:model-package/loan-approval/1",
            "value": 0.8307,
            "interval": [0.8107, 0.8507],
            "verdict": "makes room for baseline, which is 0.0200 better",
            "fault": None,
            "bytes": 61000,
            "milliseconds": 4.25,
        },
        {
            "name": "baseline",
            "source": "loan-approval-train-20260115-abcdef-1",
            "value": 0.8507,
            "interval": [0.8107, 0.9107],
            "verdict": "the best of this run",
            "fault": None,
            "bytes": 62000,
            "milliseconds": 4.5,
        },
    ],
}
EVALUATION: dict[str, Any] = {
    "metrics": {"log_loss": 0.4597, "auc": 0.8507, "f1": None},
    "confusion": {"true_positive": 4, "false_positive": 1, "true_negative": 4, "false_negative": 1},
    "rows": 10,
    "positives": 5,
    "threshold": 0.5,
}
EXPLANATIONS: dict[str, Any] = {
    "version": "1.0",
    "post_training_bias_metrics": {
        "label": "approved",
        "facets": {
            "sex": [
                {
                    "value_or_threshold": "female",
                    "metrics": [
                        {"name": "DI", "description": "Disparate Impact (DI)", "value": 0.86},
                        {"name": "DCA", "description": "(DCA)", "value": "Infinity"},
                        {
                            "name": "FT",
                            "description": "Flip Test (FT)",
                            "value": None,
                            "error": "no distance",
                        },
                    ],
                }
            ]
        },
        "label_value_or_threshold": "1",
    },
    "explanations": {
        "tree_shap": {
            "approved": {
                "global_shap_values": {"age": 0.125, "income": 0.5, "region": 0.25},
                "expected_value": 0.4,
            }
        },
        "pdp": [
            {
                "feature_name": "income",
                "data_type": "numerical",
                "feature_values": [1000.0, 2000.0, 4000.0],
                "model_predictions": [[0.25, 0.5, 0.75]],
                "data_distribution": [0.25, 0.5, 0.25],
                "label_headers": ["approved"],
            },
            {
                "feature_name": "region",
                "data_type": "categorical",
                "feature_values": ["north", "south"],
                "model_predictions": [[0.5, 0.625]],
                "data_distribution": [0.5, 0.5],
                "label_headers": ["approved"],
            },
            {"feature_name": "age", "error": "the feature has no value in any row"},
        ],
    },
}
DEPLOYMENT: dict[str, Any] = {
    "endpoint": "loan-approval",
    "endpoint_config": "loan-approval-config",
    "model": "loan-approval-model",
    "status": "InService",
    "variants": [{"name": "AllTraffic", "instances": 1, "weight": 1.0}],
    "records": [
        {
            "key": "A1",
            "request": {"age": 37.0},
            "response": {"score": 0.25, "label": 0},
            "score": 0.25,
            "expected": 0.25,
            "equal": True,
        }
    ],
}
PROFILE: dict[str, Any] = {
    "rows": 4925,
    "label": {"column": "approved", "positives": 2955, "share": 0.6},
    "columns": [
        {"name": "income", "missing": 148, "drift": {"psi": 0.31, "note": None}},
        {"name": "region", "missing": 0, "drift": {"psi": 0.01, "note": None}},
        {"name": "applied_at", "missing": 0, "drift": None},
    ],
    "near_duplicates": {"rows": 2, "groups": 1},
    "previous": {"partition": "2026-01-14", "rows": 4907, "share": 0.61},
    "alerts": [{"level": "serious", "columns": ["income"], "says": "is skewed"}],
}
QUALITY: dict[str, Any] = {
    "run_id": "dqrun-1",
    "rules": [
        {"rule": "RowCount > 500", "outcome": "PASS", "figures": {"Dataset.*.RowCount": 4925.0}},
        {
            "rule": 'Completeness "income" > 0.99',
            "outcome": "FAIL",
            "figures": {"Column.income.Completeness": 0.97},
            "message": "Value: 0.97 does not meet the constraint requirement!",
        },
    ],
}
MITIGATION: dict[str, Any] = {
    "method": "reweighing",
    "rows_in": 4925,
    "rows_out": 4925,
    "effective_sample_size": 4807.4,
    "groups": [
        {
            "group": "sex = female",
            "positive": True,
            "rows": 1213,
            "expected": 1310.5,
            "weight": 1.0804,
            "rows_out": 1213,
        }
    ],
}
PAGE = "<!doctype html><title>A job's page</title><h1>A job's page</h1>"

DOCUMENTS: dict[str, Any] = {
    "ingest_analyze/cleaning.json": CLEANING,
    "ingest_analyze/profile/profile.json": PROFILE,
    "ingest_analyze/profile/profile.html": PAGE,
    "ingest_analyze/quality.json": QUALITY,
    "ingest_analyze/recommended_rules.dqdl": 'Rules = [\n    IsComplete "income"\n]\n',
    "ingest_analyze/decision.json": DECISION,
    "ingest_analyze/bias/report.html": PAGE,
    "ingest_analyze/mitigation/mitigation.json": MITIGATION,
    "ingest_analyze/mitigation/report.html": PAGE,
    "ingest_analyze/mitigation/bias/report.html": PAGE,
    "prepare_transform/feature_group.json": FEATURE_GROUP,
    "prepare_transform/ingestion/ingestion.json": INGESTION,
    "prepare_transform/offline_store.json": OFFLINE_STORE,
    "prepare_transform/features.json": FEATURES,
    "train_tune/choice.json": CHOICE,
    "train_tune/evaluation/evaluation.json": EVALUATION,
    "train_tune/explanations/analysis.json": EXPLANATIONS,
    "deploy_manage/deployment.json": DEPLOYMENT,
}
