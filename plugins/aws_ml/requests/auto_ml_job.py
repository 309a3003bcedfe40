"""The AutoML job: Autopilot on the raw training rows, and which of their columns it may learn from."""

from __future__ import annotations

from typing import Any

from aws_ml import run
from aws_ml.run import ROLE_ARN, TUNING_NAME_LIMIT
from aws_ml.schema import Workflow

STAGE = "train_tune"
PARQUET = "x-application/vnd.amazon+parquet"
DATA_TYPES = {
    "string": "categorical",
    "boolean": "categorical",
    "integer": "numeric",
    "number": "numeric",
    "timestamp": "datetime",
    "date": "datetime",
}


def find_model(workflow: Workflow, rows: str | None = None, weights: str | None = None) -> dict[str, Any]:
    """``sagemaker.CreateAutoMLJobV2``: the best of several models for the label, from rows as they are.

    It validates on the training rows alone (cross-validation, or a part of them), so that the held-out split
    stays unseen for the comparison with other models.

    :param rows: S3 prefix of Parquet files with the label's column; None: the raw training rows that
        the job `split_rows` writes
    :param weights: the column that says what a row counts for, in ENSEMBLING mode only; None: all count alike
    """
    asked, paths = workflow.automl, workflow.paths
    budget = {
        "MaxCandidates": asked.max_candidates,
        "MaxAutoMLJobRuntimeInSeconds": asked.max_runtime_seconds,
        "MaxRuntimePerTrainingJobInSeconds": asked.max_candidate_seconds,
    }
    table: dict[str, Any] = {
        "TargetAttributeName": workflow.data.label.column,
        "Mode": asked.mode,
        "CompletionCriteria": {name: value for name, value in budget.items() if value is not None},
        "FeatureSpecificationS3Uri": paths.uri(paths.automl_features),
    }
    if asked.algorithms:
        table["CandidateGenerationConfig"] = {"AlgorithmsConfig": [{"AutoMLAlgorithms": asked.algorithms}]}
    if weights is not None:
        table["SampleWeightAttributeName"] = weights
    body: dict[str, Any] = {
        "AutoMLJobName": f"{{{{ job_name('automl', {TUNING_NAME_LIMIT}) }}}}",
        "AutoMLJobInputDataConfig": [
            {
                "ChannelType": "training",
                "ContentType": PARQUET,
                "CompressionType": "None",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": rows or paths.uri(paths.training_rows),
                    }
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": paths.uri(paths.automl).removesuffix("/")},
        "RoleArn": ROLE_ARN,
        "Tags": run.tags(workflow.name, STAGE),
    }
    if asked.problem_type is not None:
        table["ProblemType"] = asked.problem_type
        body["AutoMLJobObjective"] = {"MetricName": asked.objective}
    return {**body, "AutoMLProblemTypeConfig": {"TabularJobConfig": table}}


def feature_specification(workflow: Workflow) -> dict[str, Any]:
    """The document at FeatureSpecificationS3Uri: the columns that other models learn from too, and no others.

    Those are the columns named in ``features``. Where a flow says what the features are, no column is named:
    then they are all that are stored as features and no facet.
    """
    named = dict.fromkeys(
        column for (_, kind, *_), column in workflow.features.references() if kind != "split"
    )
    if not named:
        facets = {facet.column for facet in workflow.bias.facets}
        named = dict.fromkeys(
            column.name for column in workflow.stored_features() if column.name not in facets
        )
    texts = {each.column for each in workflow.features.texts}
    return {
        "FeatureAttributeNames": list(named),
        "FeatureDataTypes": {
            name: "text" if name in texts else DATA_TYPES[workflow.column(name).type] for name in named
        },
    }
