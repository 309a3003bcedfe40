"""The run that recommends rules from one partition of the curated rows."""

from __future__ import annotations

from typing import Any

from aws_ml.requests.glue_data_quality_evaluation_run import data_source
from aws_ml.run import ROLE_ARN
from aws_ml.schema import Workflow


def start_data_quality_rule_recommendation_run(workflow: Workflow) -> dict[str, Any]:
    """``glue.StartDataQualityRuleRecommendationRun`` for the partition of this run."""
    return {
        "DataSource": data_source(workflow),
        "Role": ROLE_ARN,
        "NumberOfWorkers": workflow.quality.workers,
        "Timeout": workflow.quality.timeout_minutes,
    }
