"""Every body of every workflow file, rendered as in a run, is one that AWS would take."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import aws_ml.requests
from aws_ml.requests import glue_job, model, processing_job, training_job
from aws_ml.schema import Debugger, Workflow
from aws_ml.workflow import load_workflows
from tests.support.aws_model import faults
from tests.unit.aws_ml.rendering import XCOMS, rendered

ROOT = Path(__file__).parents[4]
LOADED = load_workflows([ROOT / "include" / "workflows", ROOT / "tests" / "workflows"])


Builder = Callable[[Workflow], dict[str, Any] | list[dict[str, Any]]]


def builders() -> dict[str, tuple[str, str, Builder]]:
    """Every function of ``aws_ml.requests`` whose docstring starts with the call that it makes a body for."""
    found: dict[str, tuple[str, str, Builder]] = {}
    for info in pkgutil.iter_modules(aws_ml.requests.__path__):
        module = importlib.import_module(f"aws_ml.requests.{info.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            call = re.match(r"``([a-z]+)\.([A-Z][A-Za-z0-9]+)``", function.__doc__ or "")
            needed = [
                each.name
                for each in inspect.signature(function).parameters.values()
                if each.default is inspect.Parameter.empty
            ]
            if call and function.__module__ == module.__name__ and needed == ["workflow"]:
                found[f"{info.name}.{name}"] = (call[1], call[2], function)
    return found


BUILDERS = builders()


@pytest.fixture(params=sorted(LOADED.workflows))
def workflow(request: pytest.FixtureRequest) -> Workflow:
    return LOADED[request.param]


def bodies(workflow: Workflow, builder: Builder) -> list[dict[str, Any]]:
    """What a builder makes, rendered; one that makes several calls answers a list."""
    built = builder(workflow)
    return [rendered(workflow, body) for body in (built if isinstance(built, list) else [built])]


def test_all_builders_are_found() -> None:
    assert len(BUILDERS) == 35, sorted(BUILDERS)


def test_every_workflow_file_loads() -> None:
    assert {file: str(error) for file, error in LOADED.errors.items()} == {}
    assert set(LOADED.workflows) == {"loan_approval", "census_income"}


@pytest.mark.parametrize(("service", "operation", "builder"), BUILDERS.values(), ids=BUILDERS)
def test_aws_takes_the_body(workflow: Workflow, service: str, operation: str, builder: Builder) -> None:
    for body in bodies(workflow, builder):
        assert faults(service, operation, body) == []
        assert "{{" not in str(body)


@pytest.mark.parametrize(("service", "operation", "builder"), BUILDERS.values(), ids=BUILDERS)
def test_names_leave_room_for_the_suffix_that_operators_append(
    workflow: Workflow, service: str, operation: str, builder: Builder
) -> None:
    for body in bodies(workflow, builder):
        for field in ("ProcessingJobName", "TrainingJobName", "ModelName", "EndpointConfigName"):
            if field in body and operation not in {"CreateEndpoint", "UpdateEndpoint"}:
                assert len(body[field]) <= 54
        if operation == "CreateAutoMLJobV2":
            assert len(body["AutoMLJobName"]) <= 32 - len("-999")
        if operation == "CreateHyperParameterTuningJob":
            assert len(body["HyperParameterTuningJobName"]) <= 32 - len("-999")


def test_the_strict_validator_sees_what_botocore_lets_pass() -> None:
    """Else the tests above would prove nothing."""
    body = {
        "TrainingJobName": "under_score" * 9,
        "RoleArn": "arn:aws:iam::000000000000:role/r",
        "OutputDataConfig": {"S3OutputPath": "s3://b/k"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 0},
        "ResourceConfig": {"InstanceType": "ml.nonsense", "VolumeSizeInGB": 30, "InstanceCount": 1},
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "HyperParameters": {"num_round": 200},
        "Surplus": True,
    }
    found = "\n".join(faults("sagemaker", "CreateTrainingJob", body))
    assert "TrainingJobName" in found
    assert "does not match" in found
    assert "is not between 1 and" in found
    assert "ml.nonsense" in found
    assert "200 is not a string" in found
    assert "Surplus is unknown" in found
    assert "RoleArn is missing" in "\n".join(faults("sagemaker", "CreateTrainingJob", {}))


def test_inputs_and_outputs_follow_the_layout() -> None:
    """What one stage writes is what the next one reads."""
    workflow = LOADED["loan_approval"]
    features = rendered(workflow, processing_job.build_features(workflow))
    train = rendered(workflow, training_job.train_model(workflow))
    evaluate = rendered(workflow, processing_job.evaluate(workflow))
    written = {
        output["OutputName"]: output["S3Output"]["S3Uri"]
        for output in features["ProcessingOutputConfig"]["Outputs"]
    }
    run = "s3://local-ml/loan_approval/runs/2026-01-15"
    assert written["report"] == f"{run}/prepare_transform"
    for channel in train["InputDataConfig"]:
        uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
        assert uri == f"{written[channel['ChannelName']]}/"
    read = {each["InputName"]: each["S3Input"]["S3Uri"] for each in evaluate["ProcessingInputs"]}
    assert read["test"] == f"{written['test']}/"
    assert read["transformer"] == f"{written['transformer']}/"
    (evaluated,) = evaluate["ProcessingOutputConfig"]["Outputs"]
    assert evaluated["S3Output"]["S3Uri"] == f"{run}/train_tune/candidates"
    explain = rendered(workflow, processing_job.explain(workflow))
    read = {each["InputName"]: each["S3Input"]["S3Uri"] for each in explain["ProcessingInputs"]}
    assert read["test"] == f"{written['test']}/"
    assert read["serving"] == f"{run}/train_tune/serving/"
    assert read["evaluation"] == f"{run}/train_tune/evaluation/"
    created = rendered(workflow, model.create_model(workflow))
    assert created["PrimaryContainer"]["ModelDataUrl"] == f"{run}/train_tune/serving/model.tar.gz"


def test_hyperparameters_travel_as_texts() -> None:
    body = training_job.train_model(LOADED["loan_approval"])
    assert body["HyperParameters"]["num_round"] == "200"
    assert body["HyperParameters"]["eta"] == "0.1"


def watched(**rules: Any) -> dict[str, Any]:
    """The body of a training with these rules alone."""
    loaded = LOADED["loan_approval"]
    debugger = Debugger.model_validate(
        {"engine": "managed", "save_interval": 5, "start_round": 10, "rules": rules}
    )
    training = loaded.training.model_copy(update={"debugger": debugger})
    workflow = loaded.model_copy(update={"training": training})
    return rendered(workflow, training_job.train_model(workflow))


def test_a_rule_is_told_what_to_look_at_and_what_follows() -> None:
    body = watched(LossNotDecreasing={"policy": "stop", "parameters": {"num_steps": 20}}, Overfit=None)
    assert faults("sagemaker", "CreateTrainingJob", body) == []
    [rule] = body["DebugRuleConfigurations"]
    actions = rule["RuleParameters"].pop("action_json")
    # As the SDK's rule_configs.StopTraining() writes it: within a text, so with its quotes escaped.
    assert json.loads(json.loads(f'"{actions}"')) == [
        {"name": "stoptraining", "training_job_prefix": body["TrainingJobName"]}
    ]
    assert rule["RuleParameters"] == {
        "rule_to_invoke": "LossNotDecreasing",
        "tensor_regex": "train-logloss$",
        "num_steps": "20",
    }
    assert "sagemaker-debugger-rules:latest" in rule["RuleEvaluatorImage"]
    # The metric that decides on early stopping stays the last one.
    assert body["HyperParameters"]["eval_metric"] == "logloss,auc"


def test_what_rules_look_at_is_saved() -> None:
    body = watched(TreeDepth={"policy": "warn"}, ClassImbalance={"policy": "fail"})
    hook = body["DebugHookConfig"]
    saved = {one["CollectionName"]: one["CollectionParameters"] for one in hook["CollectionConfigurations"]}
    assert hook["S3OutputPath"] == "s3://local-ml/loan_approval/runs/2026-01-15/train_tune/debugger"
    later = {"save_interval": "5", "start_step": "10"}
    assert saved == {
        "metrics": {"save_interval": "5"}, "labels": later, "predictions": later, "trees": later,
    }  # fmt: skip
    assert all("action_json" not in one["RuleParameters"] for one in body["DebugRuleConfigurations"])


def test_without_rules_nothing_is_saved() -> None:
    body = watched(LossNotDecreasing=None)
    assert body["HyperParameters"]["eval_metric"] == "auc"
    assert not [name for name in body if name.startswith("Debug")]


@pytest.mark.parametrize(("weighted", "expected"), [(False, "0"), (True, "1")])
def test_training_is_told_whether_the_second_column_is_a_weight(
    monkeypatch: pytest.MonkeyPatch, weighted: bool, expected: str
) -> None:
    monkeypatch.setitem(XCOMS, "check_features", {"weighted": weighted})
    workflow = LOADED["loan_approval"]
    body = rendered(workflow, training_job.train_model(workflow))
    assert body["HyperParameters"]["csv_weights"] == expected


@pytest.mark.parametrize(
    ("enabled", "training", "curated"),
    [
        (
            False,
            "s3://local-ml/loan_approval/runs/2026-01-15/ingest_analyze/mitigation/data/",
            "s3://local-ml/loan_approval/curated/dt=2026-01-15/",
        ),
        (True, XCOMS["join_features"]["training"], XCOMS["join_features"]["curated"]),
    ],
)
def test_a_model_is_judged_by_the_curated_rows_whatever_it_learned_from(
    monkeypatch: pytest.MonkeyPatch, enabled: bool, training: str, curated: str
) -> None:
    """As they are, or joined with their features."""
    mitigated = "s3://local-ml/loan_approval/runs/2026-01-15/ingest_analyze/mitigation/data/"
    monkeypatch.setitem(XCOMS, "read_decision", {"uri": mitigated})
    loaded = LOADED["loan_approval"]
    store = loaded.feature_store.model_copy(update={"enabled": enabled})
    workflow = loaded.model_copy(update={"feature_store": store})
    body = rendered(workflow, processing_job.build_features(workflow))
    read = {each["InputName"]: each["S3Input"]["S3Uri"] for each in body["ProcessingInputs"]}
    assert (read["training"], read["curated"]) == (training, curated)


def test_the_cleaning_job_is_told_where_to_read_and_write() -> None:
    workflow = LOADED["loan_approval"]
    told = rendered(workflow, glue_job.arguments(workflow))
    assert told == {
        "--bucket": "local-ml",
        "--workflow": "loan_approval",
        "--dt": "2026-01-15",
        "--config_key": f"loan_approval/code/{'a' * 64}/config.json",
        "--run_prefix": "loan_approval/runs/2026-01-15/ingest_analyze",
        "--extra-py-files": f"s3://local-ml/loan_approval/code/{'a' * 64}/jobs/glue/rules.py",
    }


def test_the_workflow_file_chooses_the_cleaning_jobs_engine() -> None:
    loans = LOADED["loan_approval"]
    cleaning = loans.cleaning.model_copy(update={"engine": "spark", "workers": 3})
    shell = rendered(loans, glue_job.create_job(loans))
    spark = rendered(loans, glue_job.create_job(loans.model_copy(update={"cleaning": cleaning})))
    assert faults("glue", "CreateJob", spark) == []
    assert (shell["Command"]["Name"], spark["Command"]["Name"]) == ("pythonshell", "glueetl")
    assert spark["Command"]["ScriptLocation"].endswith("/jobs/glue/clean_spark.py")
    assert (spark["GlueVersion"], spark["WorkerType"], spark["NumberOfWorkers"]) == ("5.1", "G.1X", 3)
    assert "MaxCapacity" not in spark
    assert spark["Name"] == shell["Name"]
