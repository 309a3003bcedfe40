"""Mitigation: a processing job that makes the label independent of the facets, and measures bias again."""

from __future__ import annotations

from typing import Any

from aws_ml import run
from aws_ml.requests.processing_job import script_job
from aws_ml.run import CODE_PREFIX, RUN_KEY
from aws_ml.schema import Workflow

WEIGHT = "sample_weight"  # the column that reweighing adds


def mitigate(workflow: Workflow, code: str = CODE_PREFIX) -> dict[str, Any]:
    """``sagemaker.CreateProcessingJob``: the workflow's method of mitigation on the curated partition.

    Clarify knows no weights, so the second measurement is this project's own program whatever
    ``bias.engine`` says.

    :param code: the S3 prefix under which the jobs were published, with a slash at its end
    """
    paths = workflow.paths
    request = script_job(
        workflow,
        stage="ingest_analyze",
        step="mitigate",
        script="mitigate.py",
        image=run.image("scikit-learn", workflow.processing.scikit_learn_version),
        code=code,
        # With the first measurement comes its question, which is asked again.
        inputs={"curated": paths.uri(paths.curated), "bias": paths.uri(paths.bias)},
        outputs={
            "data": paths.uri(paths.mitigated_data),
            "bias": paths.uri(paths.mitigated_bias),
            "report": paths.uri(paths.mitigation),
        },
    )
    # The same run draws the same rows again; another day's run draws others.
    request["Environment"]["MITIGATION_SEED"] = f"{workflow.name}/{RUN_KEY}"
    return request


def dataset(workflow: Workflow, *, mitigated: bool) -> dict[str, Any]:
    """``dataset.json``: which rows the later stages learn from, ``{"prefix", "mitigation"}``.

    The branch that accepts a partition writes it, so that a partition that was mitigated in an earlier try
    and is accepted as it is now leaves nothing behind that a later stage could take for its data.
    """
    paths, method = workflow.paths, workflow.bias.mitigation.method
    return {
        "prefix": paths.mitigated_data if mitigated else paths.curated,
        "mitigation": method if mitigated else "none",
    }
