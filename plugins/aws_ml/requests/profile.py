"""The profile report of the curated partition, from the results of the exploration's statements."""

from __future__ import annotations

from typing import Any

from aws_ml import run
from aws_ml.requests.processing_job import CODE_FOLDER, s3_input, script_job
from aws_ml.run import CODE_PREFIX, RUN_KEY
from aws_ml.schema import Workflow


def report_profile(workflow: Workflow, code: str = CODE_PREFIX) -> dict[str, Any]:
    """``sagemaker.CreateProcessingJob``: ``profile.json`` and ``profile.html``.

    What it reads is named in a manifest: an input without any object fails on AWS, and on the first day there
    is no earlier profile. A manifest also says which results are meant, where a statement was run twice.

    :param code: the S3 prefix under which the jobs were published, with a slash at its end
    """
    paths = workflow.paths
    request = script_job(
        workflow,
        stage="ingest_analyze",
        step="profile",
        script="report.py",
        image=run.image("scikit-learn", workflow.processing.scikit_learn_version),
        code=code,
        inputs={},
        outputs={"profile": paths.uri(paths.profile)},
    )
    sources = s3_input("sources", paths.uri(paths.profile_sources))
    sources["S3Input"]["S3DataType"] = "ManifestFile"
    request["ProcessingInputs"].append(sources)
    request["AppSpecification"]["ContainerEntrypoint"] = ["python3", f"{CODE_FOLDER}/jobs/profile/report.py"]
    request["Environment"]["PARTITION"] = RUN_KEY
    return request
