"""The sample workflow as its jobs see it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs.glue.clean import clean
from jobs.glue.rules import Spec
from sample_data import loan_applications
from tests.support.features import PROFILE, declared


@pytest.fixture(scope="session")
def loan_config() -> dict[str, Any]:
    """config.json of a workflow over the sample data."""

    def column(name: str, kind: str, **rules: Any) -> dict[str, Any]:
        return {"name": name, "type": kind, **rules}

    return {
        "name": "loan_approval",
        "data": {
            "format": {"type": "csv", "header": True, "delimiter": ",", "encoding": "utf-8", "missing": [""]},
            "key": "application_id",
            "columns": [
                column("application_id", "string", required=True),
                column("applied_at", "timestamp", required=True),
                column("age", "number", required=True, minimum=18, maximum=100),
                column("sex", "string", required=True, allowed=["female", "male"]),
                column("region", "string", allowed=["north", "south", "east", "west"]),
                column(
                    "employment",
                    "string",
                    allowed=["salaried", "self_employed", "unemployed", "retired", "student"],
                ),
                column("income", "number", minimum=0),
                column("loan_amount", "number", required=True, minimum=0),
                column("term_months", "integer", required=True, allowed=[12, 24, 36, 48, 60]),
                column("credit_history_years", "number", minimum=0),
                column("existing_debt", "number", minimum=0),
                column("late_payments", "integer", minimum=0),
                column(
                    "purpose", "string", allowed=["car", "home", "education", "medical", "business", "other"]
                ),
                column("approved", "integer", required=True, allowed=[0, 1]),
            ],
            "label": {"column": "approved", "positive": [1]},
            "max_quarantined_share": 0.05,
        },
        "features": declared(
            numeric=[
                "age",
                "income",
                "loan_amount",
                "term_months",
                "credit_history_years",
                "existing_debt",
                "late_payments",
            ],
            categorical=["region", "employment", "purpose"],
            interactions=[["income", "loan_amount"]],
        ),
        "bias": {
            "facets": [
                {"column": "sex", "values": ["female"], "threshold": None},
                {"column": "age", "values": None, "threshold": 60},
            ],
            "intersections": [{"facets": ["sex", "age"]}],
            "group": "employment",
        },
        "profile": PROFILE,
        "evaluation": {
            "metric": "auc",
            "minimum": 0.75,
            "threshold": 0.5,
            "confidence": 0.9,
            "resamples": 50,
        },
        "deployment": {"endpoint": "loan-approval", "smoke_records": 5},
    }


@pytest.fixture
def loan_data(loan_config: dict[str, Any]) -> dict[str, Any]:
    """Its `data` part, which the cleaning job reads."""
    found: dict[str, Any] = loan_config["data"]
    return found


@pytest.fixture(scope="session")
def loan_curated(tmp_path_factory: pytest.TempPathFactory, loan_config: dict[str, Any]) -> Path:
    """The curated Parquet of one sample day, made by the cleaning job's own code."""
    folder = tmp_path_factory.mktemp("loans")
    landed = []
    for name, content in loan_applications.files(date(2026, 1, 15)).items():
        (folder / name).write_bytes(content)
        landed.append((name, folder / name))
    return clean(landed, Spec.of(loan_config["data"]), folder).curated_path
