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

STAGE = "ingest_analyze"


def flow_of_run(workflow: Workflow) -> dict[str, Any]:
    """The flow that the job reads: the file in Git, with the URI of this run's partition in its source.

    It is put into S3 (:attr:`aws_ml.run.Paths.flow`) before the job is created.
    """
    paths = workflow.paths
    return flow.of_run(flow.read(str(workflow.wrangler.flow)), paths.uri(paths.curated))


def wrangle(workflow: Workflow) -> dict[str, Any]:
    """``sagemaker.CreateProcessingJob``: an extract of the partition that is ready for analysis."""
    paths, wrangler = workflow.paths, workflow.wrangler
    output = f"{wrangler.output_node}.default"
    config = {output: {"content_type": wrangler.content_type}}
    return {
        "ProcessingJobName": "{{ job_name('wrangle') }}",
        "AppSpecification": {
            "ImageUri": run.image("data-wrangler", wrangler.image_version),
            # One argument for option and value, as in AWS's notebook.
            "ContainerArguments": [f"--output-config '{json.dumps(config)}'"],
        },
        "ProcessingInputs": [
            s3_input("flow", paths.uri(paths.flow), f"{BASE}/flow"),
            s3_input(flow.DATASET, paths.uri(paths.curated), f"{BASE}/{flow.DATASET}"),
        ],
        "ProcessingOutputConfig": {
            "Outputs": [s3_output(output, paths.uri(paths.wrangled), f"{BASE}/output")]
        },
        "ProcessingResources": cluster(wrangler.instance_type, wrangler.volume_gb),
        "StoppingCondition": {"MaxRuntimeInSeconds": wrangler.max_runtime_seconds},
        "RoleArn": ROLE_ARN,
        "Tags": run.tags(workflow.name, STAGE),
    }
