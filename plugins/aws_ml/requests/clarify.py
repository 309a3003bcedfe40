"""SageMaker Clarify: bias in the labels of the curated partition, before any training.

AWS closed Clarify to new accounts in 2026. The workflow's ``bias.engine`` therefore chooses between Clarify's
image and this project's own program in a plain processing job. Question and answer are the same files.
"""

from __future__ import annotations

from typing import Any

from aws_ml import run
from aws_ml.requests.processing_job import BASE, CODE_FOLDER, cluster, s3_input, s3_output
from aws_ml.run import CODE_PREFIX, ROLE_ARN
from aws_ml.schema import Facet, Workflow

STAGE = "ingest_analyze"


def analysis_config(workflow: Workflow) -> dict[str, Any]:
    """``analysis_config.json``: what Clarify is asked. It is put into S3 before the job is created.

    Facet values name the group that may be disadvantaged; one number is a threshold, and the group is
    everything strictly above it.
    """
    bias, label = workflow.bias, workflow.data.label
    config: dict[str, Any] = {
        "version": "1.0",
        "dataset_type": "application/x-parquet",
        "label": label.column,
        "label_values_or_threshold": list(label.positive),
        "facet": [
            {"name_or_index": facet.column, "value_or_threshold": chosen(facet)} for facet in bias.facets
        ],
        "methods": {
            "pre_training_bias": {"methods": list(bias.metrics)},
            "report": {"name": "report", "title": f"Bias in the labels of {workflow.name}"},
        },
    }
    if bias.group is not None:
        config["group_variable"] = bias.group
    if bias.intersections:  # not Clarify's; a workflow has them with the portable engine only
        config["facet_intersections"] = [
            [
                {"name_or_index": column, "value_or_threshold": chosen(workflow.facet(column))}
                for column in both.facets
            ]
            for both in bias.intersections
        ]
    return config


def chosen(facet: Facet) -> list[Any]:
    """A facet's values, or its threshold as the one value."""
    return [facet.threshold] if facet.values is None else list(facet.values)


def measure_bias(workflow: Workflow, code: str = CODE_PREFIX) -> dict[str, Any]:
    """``sagemaker.CreateProcessingJob`` of the chosen engine; Clarify's image allows no entry point of ours.

    :param code: the S3 prefix under which the jobs were published, with a slash at its end
    """
    paths, bias = workflow.paths, workflow.bias
    inputs = [
        s3_input("analysis_config", paths.uri(paths.analysis_config), f"{BASE}/input/config"),
        s3_input("dataset", paths.uri(paths.curated), f"{BASE}/input/data"),
    ]
    if bias.engine == "managed":
        program: dict[str, Any] = {
            "AppSpecification": {"ImageUri": run.image("clarify", bias.image_version)},
            "ProcessingInputs": inputs,
        }
    else:
        program = {
            "AppSpecification": {
                "ImageUri": run.image("scikit-learn", workflow.processing.scikit_learn_version),
                "ContainerEntrypoint": ["python3", f"{CODE_FOLDER}/jobs/bias/measure.py"],
            },
            "Environment": {"PYTHONPATH": CODE_FOLDER},
            "ProcessingInputs": [s3_input("code", paths.uri(code)), *inputs],
        }
    return {
        "ProcessingJobName": "{{ job_name('bias') }}",
        **program,
        "ProcessingOutputConfig": {
            "Outputs": [s3_output("analysis_result", paths.uri(paths.bias), f"{BASE}/output")]
        },
        "ProcessingResources": cluster(bias.instance_type, bias.volume_gb),
        "StoppingCondition": {"MaxRuntimeInSeconds": bias.max_runtime_seconds},
        "RoleArn": ROLE_ARN,
        "Tags": run.tags(workflow.name, STAGE),
    }
