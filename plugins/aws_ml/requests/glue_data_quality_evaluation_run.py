"""The run that holds one partition of the curated rows against the workflow's rules."""

from __future__ import annotations

from typing import Any

from aws_ml.requests.athena_query import CURATED
from aws_ml.requests.glue_data_quality_ruleset import create_data_quality_ruleset
from aws_ml.run import ROLE_ARN, RUN_KEY
from aws_ml.schema import Workflow


def start_data_quality_ruleset_evaluation_run(workflow: Workflow) -> dict[str, Any]:
    """``glue.StartDataQualityRulesetEvaluationRun`` for the partition of this run."""
    return {
        "DataSource": data_source(workflow),
        "Role": ROLE_ARN,
        "NumberOfWorkers": workflow.quality.workers,
        "Timeout": workflow.quality.timeout_minutes,
        "RulesetNames": [create_data_quality_ruleset(workflow)["Name"]],
        "AdditionalRunOptions": {"ResultsS3Prefix": workflow.paths.uri(workflow.paths.quality)},
    }


def data_source(workflow: Workflow) -> dict[str, Any]:
    """This run's partition of the curated table, and no other."""
    return {
        "GlueTable": {
            "DatabaseName": workflow.name,
            "TableName": CURATED,
            "AdditionalOptions": {"pushDownPredicate": f"dt = '{RUN_KEY}'"},
        }
    }
