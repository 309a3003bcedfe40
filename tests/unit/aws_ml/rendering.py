"""Rendering as a task does it, without Airflow: the macros of a workflow and the context of a made-up run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from aws_ml.schema import Workflow

XCOMS: dict[str, dict[str, Any]] = {
    "publish_code": {"prefix": f"loan_approval/code/{'a' * 64}/"},
    "read_decision": {
        "uri": "s3://local-ml/loan_approval/curated/dt=2026-01-15/",
        "mitigation": "none",
        "weighted": False,
    },
    "register_accepted": {"days": ["2026-01-15"], "weighted": False},
    "define_features": {
        "name": "g",
        "database": "sagemaker_featurestore",
        "table": "g_1768471200",
        "created_at": "2026-01-15T10:00:00+00:00",
    },
    "ingest_features": {"started": 1768521600.5},
    "join_features": {
        "curated": "s3://local-ml/w/j/part=curated/",
        "training": "s3://local-ml/w/j/part=training/",
    },
    "wrangle_features": {"name": "loan-approval-wrangle-features-1"},
    "check_features": {"weighted": False},
    "choose_model": {
        "chosen": "baseline",
        "metric": "auc",
        "value": 0.85,
        "source": "loan-approval-train-20260115-abcdef-1",
        "archive_uri": f"s3://local-ml/loan_approval/models/{'ab' * 32}/model.tar.gz",
        "archive_sha256": "ab" * 32,
    },
    "list_candidates": {"uri": "s3://local-ml/w/runs/2026-01-15/train_tune/candidates.manifest"},
    "train_model": {
        "name": "loan-approval-train-20260115-abcdef-1",
        "model_uri": "s3://local-ml/w/runs/2026-01-15/train_tune/model/t/output/model.tar.gz",
    },
    "create_model": {"name": "loan-approval-model-20260115-abcdef-01234567"},
    "create_endpoint_config": {"name": "loan-approval-config-20260115-abcdef-01234567"},
}


class Variables:
    """Airflow's accessor of Variables, over a mapping."""

    def __init__(self, **values: str) -> None:
        self.values = values

    def __getattr__(self, name: str) -> str:
        return str(self.values[name])

    def get(self, name: str, default: Any = None) -> Any:
        return self.values.get(name, default)


def context(partition: str = "2026-01-15", region: str = "us-east-1", **changes: Any) -> dict[str, Any]:
    """What a task of a triggered run sees."""
    run_id = changes.pop("run_id", f"ml_workflow__manual__{partition}T06:00:00+00:00")
    ti = SimpleNamespace(
        dag_id="loan_approval.ingest_analyze",
        task_id="measure_bias",
        run_id=run_id,
        map_index=-1,
        xcom_pull=lambda task_ids: XCOMS[task_ids],
    )
    dag_run = SimpleNamespace(
        run_id=run_id, run_type="manual", conf={"partition": partition}, data_interval_start=None
    )
    variables = Variables(
        aws_ml_bucket="local-ml",
        aws_ml_role_arn="arn:aws:iam::000000000000:role/aws-ml-workflow",
        aws_ml_region=region,
    )
    return {"ti": ti, "dag_run": dag_run, "params": {}, "var": {"value": variables}, **changes}


def rendered(workflow: Workflow, value: Any, **changes: Any) -> Any:
    """A body with every Jinja text in it replaced by what the made-up run gives."""
    environment = SandboxedEnvironment(undefined=StrictUndefined)
    environment.globals.update(workflow.macros)
    seen = context(**changes)

    def fill(part: Any) -> Any:
        if isinstance(part, str):
            return environment.from_string(part).render(seen)
        if isinstance(part, list):
            return [fill(item) for item in part]
        if isinstance(part, dict):
            return {key: fill(item) for key, item in part.items()}
        return part

    return fill(value)
