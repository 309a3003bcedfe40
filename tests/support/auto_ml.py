"""Requests for AutoML jobs and a table for them, for contract tests."""

from __future__ import annotations

import random
from typing import Any

from tests.support.sagemaker_jobs import ROLE, until

HEADER = "income,purpose,constant,applied_at,approved"
TARGET = "approved"


def csv_table(rows: int, seed: int = 1, *, header: bool = True, target: bool = True) -> str:
    """Rows whose label depends on income and purpose; now and then a cell is empty."""
    numbers = random.Random(seed)
    lines = [HEADER] if header else []
    for _ in range(rows):
        income = numbers.uniform(0, 10)
        purpose = numbers.choice(["car", "home", "other"])
        label = "yes" if income + 3 * (purpose == "home") + numbers.gauss(0, 1) > 6 else "no"
        cells = [
            "" if numbers.random() < 0.03 else f"{income:.3f}",
            purpose,
            "same",
            f"2026-0{numbers.randint(1, 9)}-1{numbers.randint(0, 9)}",
        ]
        lines.append(",".join([*cells, label] if target else cells))
    return "\n".join(lines) + "\n"


def job_request(name: str, data: str, output: str, **changes: Any) -> dict[str, Any]:
    """The smallest CreateAutoMLJobV2 on a table; ``changes`` go into TabularJobConfig."""
    return {
        "AutoMLJobName": name,
        "RoleArn": ROLE,
        "AutoMLJobInputDataConfig": [channel(data)],
        "OutputDataConfig": {"S3OutputPath": output},
        "AutoMLProblemTypeConfig": {"TabularJobConfig": {"TargetAttributeName": TARGET, **changes}},
    }


def channel(data: str, **changes: Any) -> dict[str, Any]:
    """One channel."""
    return {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data}}, **changes}


def ended(client: Any, name: str) -> dict[str, Any]:
    """The description of a job that has ended."""

    def look() -> dict[str, Any] | None:
        answer: dict[str, Any] = client.describe_auto_ml_job_v2(AutoMLJobName=name)
        return None if answer["AutoMLJobStatus"] in ("InProgress", "Stopping") else answer

    found: dict[str, Any] = until(look, f"the end of {name}", seconds=240)
    return found
