"""The training job: SageMaker's built-in XGBoost on the prepared splits."""

from __future__ import annotations

from typing import Any

from aws_ml import run
from aws_ml.hyperparameters import as_text
from aws_ml.run import CSV_WEIGHTS, ROLE_ARN
from aws_ml.schema import Workflow

STAGE = "train_tune"


def train_model(workflow: Workflow, csv_weights: str = CSV_WEIGHTS) -> dict[str, Any]:
    """``sagemaker.CreateTrainingJob`` in algorithm mode: CSV channels with the label first and no header.

    :param csv_weights: ``1``: the second column of the channels holds weights; ``0``: it is a feature
    """
    paths, training = workflow.paths, workflow.training
    return {
        "TrainingJobName": "{{ job_name('train') }}",
        "AlgorithmSpecification": {
            "TrainingImage": run.image("xgboost", training.image_version),
            "TrainingInputMode": "File",
        },
        "HyperParameters": {
            **{name: as_text(value) for name, value in training.hyperparameters.items()},
            "csv_weights": csv_weights,
        },
        "InputDataConfig": [
            csv_channel(name, paths.uri(paths.split(name))) for name in ("train", "validation")
        ],
        "OutputDataConfig": {"S3OutputPath": paths.uri(paths.model).removesuffix("/")},
        "ResourceConfig": {
            "InstanceType": training.instance_type,
            "InstanceCount": training.instance_count,
            "VolumeSizeInGB": training.volume_gb,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": training.max_runtime_seconds},
        "RoleArn": ROLE_ARN,
        "Tags": run.tags(workflow.name, STAGE),
    }


def csv_channel(name: str, uri: str) -> dict[str, Any]:
    """A channel of CSV files."""
    return {
        "ChannelName": name,
        "ContentType": "text/csv",
        "CompressionType": "None",
        "InputMode": "File",
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": uri,
                "S3DataDistributionType": "FullyReplicated",
            }
        },
    }
