"""Every state that AWS names has a meaning here, and every call exists."""

from __future__ import annotations

import botocore.session
import pytest
from botocore import xform_name as snake
from botocore.model import ServiceModel, Shape, StructureShape

from aws_ml.waiters.kinds import (
    ENDPOINT,
    FEATURE_GROUP,
    GLUE_JOB_RUN,
    KINDS,
    PROCESSING_JOB,
    TRAINING_JOB,
    TUNING_JOB,
    Kind,
    Phase,
)

HANDLES = {
    "sagemaker.processing_job": {"ProcessingJobName": "p"},
    "sagemaker.training_job": {"TrainingJobName": "t"},
    "sagemaker.hyper_parameter_tuning_job": {"HyperParameterTuningJobName": "h"},
    "sagemaker.auto_ml_job": {"AutoMLJobName": "a"},
    "glue.job_run": {"JobName": "g", "RunId": "jr_1"},
    "glue.crawler": {"Name": "c"},
    "glue.data_quality_evaluation_run": {"RunId": "dqrun-1"},
    "glue.data_quality_recommendation_run": {"RunId": "dqrun-1"},
    "athena.query_execution": {"QueryExecutionId": "q"},
    "sagemaker.endpoint": {"EndpointName": "e"},
    "sagemaker.feature_group": {"FeatureGroupName": "f"},
}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def model_of(kind: Kind) -> ServiceModel:
    return botocore.session.get_session().get_service_model(kind.service)


def input_of(kind: Kind, method: str) -> StructureShape:
    model = model_of(kind)
    name = next(name for name in model.operation_names if snake(name) == method)
    shape = model.operation_model(name).input_shape
    assert shape is not None
    return shape


def member(kind: Kind, path: str) -> Shape:
    model = model_of(kind)
    name = next(name for name in model.operation_names if snake(name) == kind.describe)
    shape: Shape = model.operation_model(name).output_shape
    for part in path.split("."):
        shape = shape.members[part]
    return shape


@each_kind
def test_every_state_that_aws_names_has_a_phase(kind: Kind) -> None:
    assert set(kind.phases) == set(member(kind, kind.status).enum)


@each_kind
def test_the_reasons_are_members_of_the_description(kind: Kind) -> None:
    for path in kind.reasons:
        assert member(kind, path).type_name == "string"


@each_kind
def test_the_handle_is_what_describe_wants(kind: Kind) -> None:
    shape = input_of(kind, kind.describe)
    assert set(shape.required_members) <= set(HANDLES[kind.key]) <= set(shape.members)


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.stop], ids=lambda kind: kind.key)
def test_the_stop_call_gets_what_it_wants(kind: Kind) -> None:
    shape = input_of(kind, str(kind.stop))
    given = set(kind.stop_parameters(HANDLES[kind.key]))
    assert set(shape.required_members) <= given <= set(shape.members)


@each_kind
def test_a_kind_has_a_name_and_a_page(kind: Kind) -> None:
    assert kind.label(HANDLES[kind.key])
    assert kind.console(HANDLES[kind.key])


def test_only_success_is_success() -> None:
    assert PROCESSING_JOB.phase({"ProcessingJobStatus": "Stopped"}) is Phase.STOPPED
    assert GLUE_JOB_RUN.phase({"JobRun": {"JobRunState": "EXPIRED"}}) is Phase.FAILED
    assert ENDPOINT.phase({"EndpointStatus": "UpdateRollbackFailed"}) is Phase.FAILED


def test_a_group_at_rest_is_at_work_while_it_is_updated() -> None:
    """And has succeeded once it is not, however the update went: that is its reader's to judge."""
    group = {"FeatureGroupStatus": "Created", "LastUpdateStatus": {"Status": "InProgress"}}
    assert FEATURE_GROUP.phase(group) is Phase.WORKING
    assert FEATURE_GROUP.phase({**group, "LastUpdateStatus": {"Status": "Failed"}}) is Phase.SUCCEEDED
    assert FEATURE_GROUP.phase({"FeatureGroupStatus": "Created"}) is Phase.SUCCEEDED


@each_kind
def test_what_says_that_it_is_busy_is_what_aws_may_say(kind: Kind) -> None:
    if kind.busy:
        assert kind.busy[1] in member(kind, kind.busy[0]).enum


def test_an_unheard_of_state_ends_the_wait() -> None:
    phase = GLUE_JOB_RUN.phase({"JobRun": {"JobRunState": "MEDITATING"}})
    assert phase is Phase.UNKNOWN
    assert phase.settled


def test_what_aws_does_not_know_is_missing() -> None:
    assert PROCESSING_JOB.phase(None) is Phase.MISSING


def test_a_stopped_training_tells_which_rule_has_met() -> None:
    statuses = [
        {
            "RuleConfigurationName": "Loss",
            "RuleEvaluationStatus": "IssuesFound",
            "StatusDetails": "at step 5\n",
        },
        {"RuleConfigurationName": "Depth", "RuleEvaluationStatus": "NoIssuesFound"},
    ]
    assert TRAINING_JOB.reason({"DebugRuleEvaluationStatuses": statuses}) == "Loss: at step 5"


def test_reasons_are_joined_and_said_once() -> None:
    description = {"FailureReason": "AlgorithmError: exit 1", "ExitMessage": "no rows"}
    assert PROCESSING_JOB.reason(description) == "AlgorithmError: exit 1 | no rows"
    assert PROCESSING_JOB.reason({"FailureReason": "x", "ExitMessage": "x"}) == "x"
    assert PROCESSING_JOB.reason({}) == ""


def test_a_tuning_job_tells_what_is_done_and_the_best_so_far() -> None:
    counted = {"Completed": 3, "InProgress": 2, "RetryableError": 1, "NonRetryableError": 1, "Stopped": 0}
    job = {"HyperParameterTuningJobStatus": "InProgress", "TrainingJobStatusCounters": counted}
    words = "InProgress: 3 completed, 2 running, 2 failed, 0 stopped"
    assert TUNING_JOB.progress(job) == words
    metric = {"MetricName": "validation:auc", "Value": 0.912345678}
    best = {"TrainingJobName": "t-3", "FinalHyperParameterTuningJobObjectiveMetric": metric}
    assert (
        TUNING_JOB.progress({**job, "BestTrainingJob": best})
        == f"{words}; best validation:auc 0.912346 by t-3"
    )
    assert PROCESSING_JOB.progress({"ProcessingJobStatus": "InProgress"}) == "InProgress"
