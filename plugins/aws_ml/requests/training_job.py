"""The training job: SageMaker's built-in XGBoost on the prepared splits."""

from __future__ import annotations

import json
from typing import Any

from aws_ml import run
from aws_ml.hyperparameters import as_text
from aws_ml.run import CSV_WEIGHTS, ROLE_ARN
from aws_ml.schema import WatchingRule, Workflow
from aws_ml.training_rules import LOSSES, RULES

STAGE = "train_tune"
JOB_NAME = "{{ job_name('train') }}"  # the operator appends the attempt


def train_model(workflow: Workflow, csv_weights: str = CSV_WEIGHTS) -> dict[str, Any]:
    """``sagemaker.CreateTrainingJob`` in algorithm mode: CSV channels with the label first and no header.

    :param csv_weights: ``1``: the second column of the channels holds weights; ``0``: it is a feature
    """
    paths, training = workflow.paths, workflow.training
    return {
        "TrainingJobName": JOB_NAME,
        "AlgorithmSpecification": {
            "TrainingImage": run.image("xgboost", training.image_version),
            "TrainingInputMode": "File",
        },
        "HyperParameters": {
            **{name: as_text(value) for name, value in training.hyperparameters.items()},
            **_watched_metrics(workflow),
            "csv_weights": csv_weights,
        },
        **_watched(workflow),
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


def _watched_metrics(workflow: Workflow) -> dict[str, str]:
    """The loss beside the metrics that were asked for, of which the last one decides on early stopping."""
    asked = [
        name.strip() for name in str(workflow.training.hyperparameters.get("eval_metric", "")).split(",")
    ]
    loss = _loss(workflow)
    if not workflow.training.debugger.beside_training or loss in asked:
        return {}
    return {"eval_metric": ",".join([loss, *(name for name in asked if name)])}


def _loss(workflow: Workflow) -> str:
    return LOSSES[str(workflow.training.hyperparameters["objective"])]


def _watched(workflow: Workflow) -> dict[str, Any]:
    """What is saved of the training, and the rules that watch it; nothing where none is asked for."""
    paths, debugger = workflow.paths, workflow.training.debugger
    if not debugger.beside_training:
        return {}
    last = int(workflow.training.hyperparameters["num_round"]) - 1
    collections = sorted({one for name in debugger.chosen for one in RULES[name].collections})
    later = {"start_step": str(min(debugger.start_round, last))}
    every = {"save_interval": str(debugger.save_interval)}
    return {
        "DebugHookConfig": {
            "S3OutputPath": paths.uri(paths.debugger).removesuffix("/"),
            "HookParameters": every,
            "CollectionConfigurations": [
                {"CollectionName": "metrics", "CollectionParameters": every},
                *(
                    {
                        "CollectionName": name,
                        "CollectionParameters": {"save_steps": "0"}
                        if name == "hyperparameters"
                        else {**every, **later},
                    }
                    for name in collections
                ),
            ],
        },
        "DebugRuleConfigurations": [
            _rule(workflow, name, rule) for name, rule in sorted(debugger.chosen.items())
        ],
    }


def _rule(workflow: Workflow, name: str, rule: WatchingRule) -> dict[str, Any]:
    """One of DebugRuleConfigurations."""
    paths, channel = workflow.paths, RULES[name].loss
    parameters = {
        "rule_to_invoke": name,
        **({"tensor_regex": f"{channel}-{_loss(workflow)}$"} if channel else {}),
        **{parameter: str(value) for parameter, value in rule.parameters.items()},
    }
    if rule.policy == "stop":
        action = json.dumps([{"name": "stoptraining", "training_job_prefix": JOB_NAME}])
        parameters["action_json"] = action.replace('"', '\\"')  # Debugger reads it within a text
    return {
        "RuleConfigurationName": name,
        "RuleEvaluatorImage": run.image("debugger-rules", "latest"),
        "S3OutputPath": paths.uri(paths.debugger).removesuffix("/"),
        "RuleParameters": parameters,
    }
