"""What a job's progress becomes in AWS's words."""

from __future__ import annotations

from typing import Any

from local_aws.services.sagemaker.auto_ml_job import AutoMLJobKind, _answer, _reported


def entry(name: str, status: str = "Completed", rmse: float | None = None, reason: str | None = None) -> Any:
    return {
        "name": name,
        "began": 1_760_000_000.0,
        "status": status,
        "ended": None if status == "InProgress" else 1_760_000_009.0,
        "reason": reason,
        "metrics": {} if rmse is None else {"RMSE": rmse},
        "model": f"models/{name}/output/model.tar.gz" if rmse is not None else None,
        "explained": None,
    }


def progress(*candidates: Any, best: str | None = None) -> Any:
    return {
        "secondary": "ModelTuning",
        "mode": "HYPERPARAMETER_TUNING",
        "problem_type": "Regression",
        "objective": "RMSE",
        "max_candidates": 100,
        "exploration": "notebooks/a.ipynb",
        "definitions": None,
        "best": best,
        "candidates": list(candidates),
    }


def body(found: Any, status: str = "InProgress") -> dict[str, Any]:
    return {
        "AutoMLJobName": "j",
        "AutoMLJobStatus": status,
        "AutoMLJobSecondaryStatus": "Starting",
        "OutputDataConfig": {"S3OutputPath": "s3://b/out/"},
        "AutoMLProblemTypeConfig": {"TabularJobConfig": {"TargetAttributeName": "y"}},
        "_resolved": {"CompletionCriteria": {"MaxAutoMLJobRuntimeInSeconds": 60}},
        "_progress": found,
        "_image": "i",
    }


def test_a_running_job_tells_how_far_it_is() -> None:
    told = _reported(body({}), progress(entry("j-001", rmse=2.0), entry("j-002", "InProgress")))
    assert told["AutoMLJobSecondaryStatus"] == "ModelTuning"
    assert told["_resolved"] == {
        "AutoMLJobObjective": {"MetricName": "RMSE"},
        "CompletionCriteria": {"MaxAutoMLJobRuntimeInSeconds": 60, "MaxCandidates": 100},
    }
    answer = _answer(told)
    assert answer["AutoMLJobArtifacts"] == {
        "DataExplorationNotebookLocation": "s3://b/out/j/notebooks/a.ipynb"
    }
    assert "BestCandidate" not in answer


def test_a_stopping_job_stays_in_stopping() -> None:
    told = _reported({**body({}, "Stopping"), "AutoMLJobSecondaryStatus": "Stopping"}, progress())
    assert told["AutoMLJobSecondaryStatus"] == "Stopping"


def test_a_job_that_was_stopped_has_the_best_of_what_it_has() -> None:
    """The smaller RMSE is the better one."""
    found = progress(entry("j-001", rmse=2.0), entry("j-002", rmse=1.0), entry("j-003", "InProgress"))
    before = body(found, "Stopping")
    after = {**before, **AutoMLJobKind().entered(before, "Stopped", None)}
    assert after["AutoMLJobSecondaryStatus"] == "Stopped"
    answer = _answer(after)
    assert answer["BestCandidate"]["CandidateName"] == "j-002"
    assert answer["BestCandidate"]["FinalAutoMLJobObjectiveMetric"]["Type"] == "Minimize"
    assert answer["BestCandidate"]["InferenceContainers"][0]["ModelDataUrl"] == (
        "s3://b/out/j/models/j-002/output/model.tar.gz"
    )
    assert [each["status"] for each in after["_progress"]["candidates"]] == [
        "Completed", "Completed", "Stopped",
    ]  # fmt: skip


def test_candidates_that_failed_are_partial_failures_five_at_most() -> None:
    failed = [entry(f"j-00{number}", "Failed", reason=f"AlgorithmError: {number}") for number in range(1, 8)]
    answer = _answer(body(progress(*failed, entry("j-008", rmse=1.0), best="j-008")))
    assert [each["PartialFailureMessage"] for each in answer["PartialFailureReasons"]] == [
        f"j-00{number}: AlgorithmError: {number}" for number in range(1, 6)
    ]
    assert answer["BestCandidate"]["CandidateName"] == "j-008"
