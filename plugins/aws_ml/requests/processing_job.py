"""Processing jobs that run this project's scripts: features, evaluation and explanations."""

from __future__ import annotations

from typing import Any

from aws_ml import run
from aws_ml.run import (
    AS_OF,
    CANDIDATES_URI,
    CODE_PREFIX,
    CSV_WEIGHTS,
    DATASET_URI,
    FEATURE_GROUP,
    FEATURE_GROUP_CREATED,
    JOINED,
    MODEL_URI,
    ROLE_ARN,
    TRAINING_JOB,
    WRANGLER_JOB,
)
from aws_ml.schema import Workflow

# Where a processing job finds and leaves its files. The two names below it are SageMaker's convention.
BASE = "/opt/ml/processing"
CODE_FOLDER = f"{BASE}/input/code"


def build_features(
    workflow: Workflow, code: str = CODE_PREFIX, dataset_uri: str = DATASET_URI
) -> dict[str, Any]:
    """``sagemaker.CreateProcessingJob``: splits, imputes, scales, crosses and encodes the accepted rows.

    :param dataset_uri: S3 URI of the rows that the bias gate accepted: the curated or the mitigated ones.
        Where the workflow has a feature store, rows joined with their features stand for both
    :param code: the S3 prefix under which the jobs were published, with a slash at its end
    """
    paths = workflow.paths
    inputs = _rows(workflow, dataset_uri)
    if workflow.features.engine == "data_wrangler":
        inputs["wrangled"] = f"{paths.uri(paths.wrangled_features)}{WRANGLER_JOB}/"
    return script_job(
        workflow,
        stage="prepare_transform",
        step="features",
        script="build_features.py",
        image=run.image("scikit-learn", workflow.processing.scikit_learn_version),
        code=code,
        inputs=inputs,
        outputs={
            "train": paths.uri(paths.split("train")),
            "validation": paths.uri(paths.split("validation")),
            "test": paths.uri(paths.split("test")),
            "transformer": paths.uri(paths.transformer),
            "report": paths.uri(paths.stage("prepare_transform")),
        },
    )


def split_rows(workflow: Workflow, code: str = CODE_PREFIX, dataset_uri: str = DATASET_URI) -> dict[str, Any]:
    """``sagemaker.CreateProcessingJob``: the training rows, for a Data Wrangler job to learn from."""
    paths = workflow.paths
    return script_job(
        workflow,
        stage="prepare_transform",
        step="split",
        script="split_rows.py",
        image=run.image("scikit-learn", workflow.processing.scikit_learn_version),
        code=code,
        inputs=_rows(workflow, dataset_uri),
        outputs={"rows": paths.uri(paths.training_rows)},
    )


def _rows(workflow: Workflow, dataset_uri: str) -> dict[str, str]:
    """To be judged by the curated rows, to learn from the accepted ones; most days they are the same."""
    if workflow.feature_store.enabled:
        return {"curated": JOINED["curated"], "training": JOINED["training"]}
    return {"curated": workflow.paths.uri(workflow.paths.curated), "training": dataset_uri}


def ingest_features(workflow: Workflow, code: str = CODE_PREFIX) -> dict[str, Any]:
    """``sagemaker.CreateProcessingJob``: writes the day's curated rows into the feature store.

    :param code: the S3 prefix under which the jobs were published, with a slash at its end
    """
    paths = workflow.paths
    return script_job(
        workflow,
        stage="prepare_transform",
        step="ingest",
        script="ingest.py",
        package="feature_store",
        image=run.image("scikit-learn", workflow.processing.scikit_learn_version),
        code=code,
        inputs={"curated": paths.uri(paths.curated)},
        outputs={"report": paths.uri(paths.ingestion)},
        environment={
            "FEATURE_GROUP": FEATURE_GROUP,
            "FEATURE_GROUP_CREATED": FEATURE_GROUP_CREATED,
            "DAY_END": AS_OF,
            "PROGRESS": paths.uri(paths.ingestion_progress),
        },
    )


def evaluate(
    workflow: Workflow, candidates_uri: str = CANDIDATES_URI, code: str = CODE_PREFIX
) -> dict[str, Any]:
    """``sagemaker.CreateProcessingJob``: every candidate scores the held-out rows as it would be served.

    :param candidates_uri: the manifest of the candidates
    :param code: the S3 prefix under which the jobs were published, with a slash at its end
    """
    paths = workflow.paths
    request = script_job(
        workflow,
        stage="train_tune",
        step="evaluate",
        script="evaluate.py",
        image=run.image("xgboost", workflow.training.image_version),  # the one that can read the models
        code=code,
        inputs={
            "candidates": candidates_uri,
            "test": paths.uri(paths.split("test")),
            "transformer": paths.uri(paths.transformer),
        },
        outputs={"candidates": paths.uri(paths.candidates)},
    )
    (candidates,) = (each for each in request["ProcessingInputs"] if each["InputName"] == "candidates")
    candidates["S3Input"]["S3DataType"] = "ManifestFile"
    return request


def explain(workflow: Workflow, code: str = CODE_PREFIX) -> dict[str, Any]:
    """``sagemaker.CreateProcessingJob``: says through which columns the served model decides.

    :param code: the S3 prefix under which the jobs were published, with a slash at its end
    """
    paths = workflow.paths
    return script_job(
        workflow,
        stage="train_tune",
        step="explain",
        script="explain.py",
        image=run.image("xgboost", workflow.training.image_version),  # the one that can read the model
        code=code,
        inputs={
            "serving": paths.uri(paths.serving),
            "test": paths.uri(paths.split("test")),
            "evaluation": paths.uri(paths.evaluation),
        },
        outputs={"explanations": paths.uri(paths.explanations)},
    )


def check_rules(
    workflow: Workflow, model_uri: str = MODEL_URI, csv_weights: str = CSV_WEIGHTS, code: str = CODE_PREFIX
) -> dict[str, Any]:
    """``sagemaker.CreateProcessingJob``: Debugger's rules over the model that the training left.

    :param model_uri: the archive that the training job left
    :param csv_weights: ``1``: the second column of the channels holds weights
    :param code: the S3 prefix under which the jobs were published, with a slash at its end
    """
    paths = workflow.paths
    return script_job(
        workflow,
        stage="train_tune",
        step="rules",
        script="check_rules.py",
        package="training",
        image=run.image("xgboost", workflow.training.image_version),  # the one that can read the model
        code=code,
        inputs={
            "model": model_uri,
            "train": paths.uri(paths.split("train")),
            "validation": paths.uri(paths.split("validation")),
        },
        outputs={"rules": paths.uri(paths.rules)},
        environment={"CSV_WEIGHTS": csv_weights, "TRAINING_JOB_NAME": TRAINING_JOB},
    )


def script_job(
    workflow: Workflow,
    *,
    stage: str,
    step: str,
    script: str,
    image: str,
    code: str,
    inputs: dict[str, str],
    outputs: dict[str, str],
    package: str = "processing",
    environment: dict[str, str] | None = None,
) -> dict[str, Any]:
    """``sagemaker.CreateProcessingJob`` of ``jobs/<package>/<script>`` on one instance.

    :param step: names the job, see :func:`aws_ml.run.job_name`
    :param inputs: name -> S3 URI; lies at /opt/ml/processing/input/<name>
    :param outputs: name -> S3 URI; taken from /opt/ml/processing/output/<name> when the job has ended well
    """
    processing = workflow.processing
    return {
        "ProcessingJobName": f"{{{{ job_name('{step}') }}}}",
        "AppSpecification": {
            "ImageUri": image,
            "ContainerEntrypoint": ["python3", f"{CODE_FOLDER}/jobs/{package}/{script}"],
        },
        "Environment": {"PYTHONPATH": CODE_FOLDER, **(environment or {})},
        "ProcessingInputs": [
            s3_input("code", workflow.paths.uri(code)),
            *(s3_input(name, uri) for name, uri in inputs.items()),
        ],
        "ProcessingOutputConfig": {"Outputs": [s3_output(name, uri) for name, uri in outputs.items()]},
        "ProcessingResources": cluster(processing.instance_type, processing.volume_gb),
        "StoppingCondition": {"MaxRuntimeInSeconds": processing.max_runtime_seconds},
        "RoleArn": ROLE_ARN,
        "Tags": run.tags(workflow.name, stage),
    }


def cluster(instance_type: str, volume_gb: int) -> dict[str, Any]:
    """One instance; the scripts don't share work between hosts."""
    return {"ClusterConfig": {"InstanceType": instance_type, "InstanceCount": 1, "VolumeSizeInGB": volume_gb}}


def s3_input(name: str, uri: str, folder: str | None = None) -> dict[str, Any]:
    """Everything under ``uri``, as files below ``folder`` (default: input/<name>) before the job starts."""
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": folder or f"{BASE}/input/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
        },
    }


def s3_output(name: str, uri: str, folder: str | None = None) -> dict[str, Any]:
    """Everything below ``folder`` (default: output/<name>), sent to ``uri`` when the job has ended."""
    return {
        "OutputName": name,
        "S3Output": {
            "S3Uri": uri.removesuffix("/"),
            "LocalPath": folder or f"{BASE}/output/{name}",
            "S3UploadMode": "EndOfJob",
        },
    }
