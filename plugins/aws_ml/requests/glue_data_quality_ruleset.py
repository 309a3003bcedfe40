"""The data quality rules of a workflow, as Glue keeps them."""

from __future__ import annotations

import hashlib
from typing import Any

from aws_ml.requests.athena_query import CURATED
from aws_ml.run import legal
from aws_ml.schema import Workflow

STAGE = "ingest_analyze"


def create_data_quality_ruleset(workflow: Workflow) -> dict[str, Any]:
    """``glue.CreateDataQualityRuleset``.

    The name holds a digest of the rules. A changed rule is therefore another ruleset, and a run under way
    keeps being judged by the rules that it started with.
    """
    text = ruleset(workflow)
    return {
        "Name": f"{legal(workflow.name)}-quality-{hashlib.sha256(text.encode()).hexdigest()[:8]}",
        "Description": f"Rules of {workflow.name} for one partition of its curated rows",
        "Ruleset": text,
        "TargetTable": {"DatabaseName": workflow.name, "TableName": CURATED},
        "Tags": {"workflow": workflow.name, "stage": STAGE},
    }


def ruleset(workflow: Workflow) -> str:
    """The rules as one DQDL text."""
    return "Rules = [\n    " + ",\n    ".join(rule.strip() for rule in workflow.quality.rules) + "\n]"
