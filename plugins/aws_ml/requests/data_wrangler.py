"""SageMaker Data Wrangler: the workflow's flow over the curated partition, as a processing job.

The request is the one of AWS's own export notebook: the flow and one input a source, one output called after
the node. The image writes below it to ``<job name>/<node id>/default/``.
"""

from __future__ import annotations

import json
from typing import Any

from aws_ml import flow, run
from aws_ml.requests.processing_job import BASE, cluster, s3_input, s3_output
from aws_ml.run import ROLE_ARN
from aws_ml.schema import Workflow

FITTED = "fitted.flow"  # what the flow with its trained parameters is called


def flow_of_run(workflow: Workflow) -> dict[str, Any]:
    """The flow that the job reads: the file in Git, with the URI of this run's partition in its source.

    It is put into S3 (:attr:`aws_ml.run.Paths.flow`) before the job is created.
    """
    paths = workflow.paths
    return flow.of_run(flow.read(str(workflow.wrangler.flow)), paths.uri(paths.curated))


def wrangle(workflow: Workflow) -> dict[str, Any]:
    """``sagemaker.CreateProcessingJob``: an extract of the partition that is ready for analysis."""
    paths, wrangler = workflow.paths, workflow.wrangler
    return _job(
        workflow,
        step="wrangle",
        stage="ingest_analyze",
        flow_key=paths.flow,
        source=paths.curated,
        node=wrangler.output_node,
        content_type=wrangler.content_type,
        target=paths.wrangled,
    )


def features_flow(workflow: Workflow) -> dict[str, Any]:
    """The flow that says what the features are, with the URI of this run's training rows in its source."""
    paths = workflow.paths
    return flow.of_run(flow.read(str(workflow.features.flow)), paths.uri(paths.training_rows))


def wrangle_features(workflow: Workflow) -> dict[str, Any]:
    """``sagemaker.CreateProcessingJob``: fits the flow on the training rows, whatever it knew before.

    Leaves the fitted flow and its table below ``<job name>/``.
    """
    paths = workflow.paths
    return _job(
        workflow,
        step="wrangle-features",
        stage="prepare_transform",
        flow_key=paths.features_flow,
        source=paths.training_rows,
        node=workflow.features.output_node,
        content_type="PARQUET",
        target=paths.wrangled_features,
        refit={"refit": True, "output_flow": FITTED},
    )


def _job(
    workflow: Workflow,
    *,
    step: str,
    stage: str,
    flow_key: str,
    source: str,
    node: str,
    content_type: str,
    target: str,
    refit: dict[str, Any] | None = None,
) -> dict[str, Any]:
    paths, wrangler = workflow.paths, workflow.wrangler
    output = f"{node}.default"
    # One argument for option and value, as in AWS's notebook.
    arguments = [f"--output-config '{json.dumps({output: {'content_type': content_type}})}'"]
    if refit is not None:
        arguments.append(f"--refit-trained-params '{json.dumps(refit)}'")
    return {
        "ProcessingJobName": f"{{{{ job_name('{step}') }}}}",
        "AppSpecification": {
            "ImageUri": run.image("data-wrangler", wrangler.image_version),
            "ContainerArguments": arguments,
        },
        "ProcessingInputs": [
            s3_input("flow", paths.uri(flow_key), f"{BASE}/flow"),
            s3_input(flow.DATASET, paths.uri(source), f"{BASE}/{flow.DATASET}"),
        ],
        "ProcessingOutputConfig": {"Outputs": [s3_output(output, paths.uri(target), f"{BASE}/output")]},
        "ProcessingResources": cluster(wrangler.instance_type, wrangler.volume_gb),
        "StoppingCondition": {"MaxRuntimeInSeconds": wrangler.max_runtime_seconds},
        "RoleArn": ROLE_ARN,
        "Tags": run.tags(workflow.name, stage),
    }
