"""What the mitigation job is given, and which rows the later stages are told to learn from."""

from __future__ import annotations

from pathlib import Path

from aws_ml.requests.mitigation import dataset, mitigate
from aws_ml.workflow import load_workflow
from tests.unit.aws_ml.rendering import rendered

ROOT = Path(__file__).parents[4]
LOAN = load_workflow(ROOT / "include" / "workflows" / "loan_approval.yaml")
STAGE = "loan_approval/runs/2026-01-15/ingest_analyze"


def test_the_job_writes_beside_the_first_measurement_and_not_over_it() -> None:
    job = rendered(LOAN, mitigate(LOAN))
    written = {
        each["OutputName"]: each["S3Output"]["S3Uri"] for each in job["ProcessingOutputConfig"]["Outputs"]
    }
    assert written == {
        "data": f"s3://local-ml/{STAGE}/mitigation/data",
        "bias": f"s3://local-ml/{STAGE}/mitigation/bias",
        "report": f"s3://local-ml/{STAGE}/mitigation",
    }
    assert job["AppSpecification"]["ContainerEntrypoint"][-1].endswith("/jobs/processing/mitigate.py")


def test_the_seed_is_the_runs() -> None:
    """A second try draws the same rows, another day others."""
    assert rendered(LOAN, mitigate(LOAN))["Environment"]["MITIGATION_SEED"] == "loan_approval/2026-01-15"


def test_the_dataset_is_the_curated_or_the_mitigated_one() -> None:
    assert rendered(LOAN, dataset(LOAN, mitigated=False)) == {
        "prefix": "loan_approval/curated/dt=2026-01-15/",
        "mitigation": "none",
    }
    assert rendered(LOAN, dataset(LOAN, mitigated=True)) == {
        "prefix": f"{STAGE}/mitigation/data/",
        "mitigation": "reweighing",
    }
