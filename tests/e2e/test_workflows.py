"""Whole runs, from the outside: real Airflow processes, real jobs, and what then lies in S3.

The tests of one workflow stand in the order of its life: it is run, looked at, repeated, broken and mended.
"""

from __future__ import annotations

import csv
import datetime
import io
import json
import math
from typing import Any

import pytest

from aws_ml.workflow import load_workflows
from launcher.follow import STAGES, child_run_id, error_of, task_log
from launcher.landing import client
from launcher.stack import Stack
from sample_data.loan_applications import truth
from tests.e2e.partition import Partition
from tests.e2e.runs import Bucket, Run, errors, finish, start, state_of

DAY = "2026-01-15"
DRIFTED = "2026-02-10"
BACKFILLED = ("2026-01-17", "2026-01-18", "2026-01-19")
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="session")
def loan(stack: Stack) -> Run:
    """The workflow of `make run`, for its day."""
    return finish(stack, "loan_approval", start(stack, "loan_approval", DAY))


@pytest.fixture(scope="session")
def loan_bucket(stack: Stack) -> Bucket:
    return Bucket(stack, "loan_approval")


def test_a_broken_workflow_file_is_named_and_stops_nothing(stack: Stack) -> None:
    """The good workflows' DAGs are there while a bad file is among Airflow's import errors."""
    stack.wait_for_dag("loan_approval.ml_workflow")
    (error,) = stack.airflow.import_errors()
    assert "broken.yaml" in error["stack_trace"]
    assert "no_such_key" in error["stack_trace"]


class TestLoanApproval:
    def test_every_task_is_green(self, stack: Stack, loan: Run) -> None:
        assert loan.outcome.green, errors(stack, loan.outcome)
        ran = {task.stage for task in loan.outcome.tasks}
        assert ran == {*STAGES, "ml_workflow"}
        assert loan.task("ingest_analyze", "stop_on_bias").state == "skipped"

    def test_no_row_is_lost(self, loan: Run, loan_bucket: Bucket) -> None:
        """Rows in = curated + quarantined + duplicates, and each is what was planted."""
        planted = truth(datetime.date.fromisoformat(DAY))
        report = loan_bucket.json(f"runs/{DAY}/ingest_analyze/cleaning.json")
        found = {name: report[name] for name in ("rows_in", "curated", "quarantined", "duplicates")}
        assert found == {
            "rows_in": planted.rows,
            "curated": planted.curated,
            "quarantined": planted.quarantined,
            "duplicates": planted.duplicates,
        }
        refused = loan_bucket.lines(f"quarantine/dt={DAY}/")
        assert len(refused) == planted.quarantined
        assert all(row["file"] and row["line"] > 1 and row["reason"] for row in refused)
        assert loan_bucket.keys(f"curated/dt={DAY}/")

    def test_the_profile_knows_what_was_planted(self, loan: Run, loan_bucket: Bucket) -> None:
        planted = truth(datetime.date.fromisoformat(DAY))
        profile = loan_bucket.json(f"runs/{DAY}/ingest_analyze/profile/profile.json")
        columns = {column["name"]: column for column in profile["columns"]}
        assert profile["rows"] == planted.curated
        missing = {name: column["missing"] for name, column in columns.items() if column["missing"]}
        assert missing == {name: count for name, count in planted.missing.items() if count}
        page = loan_bucket.bytes(f"runs/{DAY}/ingest_analyze/profile/profile.html").decode()
        assert "<script" not in page

    def test_the_rules_of_the_workflow_were_held(self, loan: Run, loan_bucket: Bucket) -> None:
        rules = loan_bucket.lines(f"runs/{DAY}/ingest_analyze/quality/")
        assert len(rules) == len(load_workflows()["loan_approval"].quality.rules)
        assert {rule["outcome"] for rule in rules} == {"Passed"}
        recommended = loan_bucket.bytes(f"runs/{DAY}/ingest_analyze/recommended_rules.dqdl").decode()
        assert "Rules = [" in recommended

    def test_the_flow_made_an_extract(self, loan: Run, loan_bucket: Bucket) -> None:
        """One application in five, as the flow's last node says."""
        planted = truth(datetime.date.fromisoformat(DAY))
        (key,) = loan_bucket.keys(f"runs/{DAY}/ingest_analyze/wrangled/")
        text = loan_bucket.bytes(key.removeprefix("loan_approval/")).decode()
        rows = list(csv.DictReader(io.StringIO(text)))
        assert math.isclose(len(rows), planted.curated / 5, rel_tol=0.02)
        assert "application_id" not in rows[0]

    def test_the_planted_bias_is_found_and_accepted(self, loan: Run, loan_bucket: Bucket) -> None:
        planted = truth(datetime.date.fromisoformat(DAY))
        decision = loan_bucket.json(f"runs/{DAY}/ingest_analyze/decision.json")
        assert decision["outcome"] == "accepted"
        (found,) = decision["rounds"]
        assert (found["data"], found["way"], found["answer"]) == ("curated", "accept", None)
        (dpl,) = [m for m in found["metrics"] if (m["facet"], m["metric"]) == ("sex", "DPL")]
        assert math.isclose(dpl["value"], planted.dpl, abs_tol=1e-9)
        assert loan_bucket.bytes(f"runs/{DAY}/ingest_analyze/bias/report.html").startswith(b"<!")

    def test_every_curated_row_is_in_one_split(self, loan: Run, loan_bucket: Bucket) -> None:
        planted = truth(datetime.date.fromisoformat(DAY))
        features = loan_bucket.json(f"runs/{DAY}/prepare_transform/features.json")
        rows = {name: split["rows"] for name, split in features["splits"].items()}
        assert set(rows) == {"train", "validation", "test"}
        assert all(rows.values())
        assert sum(rows.values()) == planted.curated

    def test_the_model_is_as_good_as_it_can_believably_be(self, loan: Run, loan_bucket: Bucket) -> None:
        evaluation = loan_bucket.json(f"runs/{DAY}/train_tune/evaluation/evaluation.json")
        assert 0.78 < evaluation["metrics"]["auc"] < 0.95
        analysis = loan_bucket.json(f"runs/{DAY}/train_tune/explanations/analysis.json")
        assert analysis["post_training_bias_metrics"] == evaluation["post_training_bias_metrics"]
        matters = analysis["explanations"]["tree_shap"]["approved"]["global_shap_values"]
        assert "sex" not in matters  # it is measured for bias and never learned from
        assert {curve["feature_name"] for curve in analysis["explanations"]["pdp"]} < set(matters)
        assert loan_bucket.keys(f"runs/{DAY}/train_tune/serving/model.tar.gz")

    def test_the_endpoint_answers_what_was_evaluated(
        self, stack: Stack, loan: Run, loan_bucket: Bucket
    ) -> None:
        """Asked again from outside of any DAG, record by record and by the key alone."""
        deployment = loan_bucket.json(f"runs/{DAY}/deploy_manage/deployment.json")
        assert len(deployment["records"]) == len(deployment["by_entity"]) == 5
        assert all(record["equal"] for record in deployment["records"] + deployment["by_entity"])
        assert [list(record["request"]) for record in deployment["by_entity"]] == [["application_id"]] * 5
        runtime = client(stack, "sagemaker-runtime")
        for record in deployment["records"] + deployment["by_entity"]:
            answer = runtime.invoke_endpoint(
                EndpointName="loan-approval",
                ContentType="application/json",
                Accept="application/json",
                Body=json.dumps(record["request"]),
            )
            (prediction,) = json.loads(answer["Body"].read())["predictions"]
            assert math.isclose(prediction["score"], record["expected"], abs_tol=1e-6)

    def test_clearing_a_green_stage_runs_it_again_and_only_it(self, stack: Stack, loan: Run) -> None:
        stack.airflow.clear("loan_approval.ml_workflow", loan.run_id, ["deploy_manage"])
        again = finish(stack, "loan_approval", loan.run_id)
        assert again.outcome.green, errors(stack, again.outcome)
        tries = {(t.stage, t.task_id): t.try_number for t in again.outcome.tasks}
        assert tries["deploy_manage", "smoke_test"] == 2
        assert tries["train_tune", "train_model"] == 1

    def test_a_killed_stand_in_costs_a_retry(self, stack: Stack, loan: Run) -> None:
        """kill -9 during a job: after the restart it has failed with a reason, and a retry ends well."""
        dag_id, run_id = "loan_approval.prepare_transform", "manual__killed"
        sagemaker = client(stack, "sagemaker")

        def running_job() -> str | None:
            jobs = sagemaker.list_processing_jobs(NameContains="features", StatusEquals="InProgress")[
                "ProcessingJobSummaries"
            ]
            return jobs[0]["ProcessingJobName"] if jobs else None

        stack.airflow.trigger(dag_id, {"partition": DAY}, run_id)
        job = stack.processes.wait_until(running_job, 60, "a running job")
        stack.processes.stop("stand-in", kill=True)
        stack.start_stand_in()
        told = sagemaker.describe_processing_job(ProcessingJobName=job)
        assert told["ProcessingJobStatus"] == "Failed"
        assert told["FailureReason"].startswith("InternalServerError")
        assert state_of(stack, dag_id, run_id) == "success"
        tries = {t.task_id: t.try_number for t in stack.airflow.task_instances(dag_id, run_id)}
        assert tries["build_features"] == 2

    def test_the_endpoint_survives_the_kill(self, stack: Stack, loan: Run, loan_bucket: Bucket) -> None:
        """It was in service before; after a restart of the stand-in it is again."""
        self.test_the_endpoint_answers_what_was_evaluated(stack, loan, loan_bucket)

    def test_drifted_labels_are_mitigated_and_the_model_learns_from_that(
        self, stack: Stack, loan_bucket: Bucket
    ) -> None:
        """From the drift on, the label's bias is beyond the bounds: the rows are reweighed and measured
        again, within the bounds."""
        run = finish(stack, "loan_approval", start(stack, "loan_approval", DRIFTED))
        assert run.outcome.green, errors(stack, run.outcome)
        decision = loan_bucket.json(f"runs/{DRIFTED}/ingest_analyze/decision.json")
        assert decision["outcome"] == "accepted"
        assert [part["way"] for part in decision["rounds"]] == ["mitigate", "accept"]
        before, after = (
            next(m["value"] for m in part["metrics"] if (m["facet"], m["metric"]) == ("sex", "DPL"))
            for part in decision["rounds"]
        )
        assert math.isclose(before, truth(datetime.date.fromisoformat(DRIFTED)).dpl, abs_tol=1e-9)
        assert before > 0.15 > abs(after)
        assert decision["dataset"]["weighted"] is True
        assert decision["dataset"]["uri"].endswith(f"runs/{DRIFTED}/ingest_analyze/mitigation/data/")
        for task_id in ("ask_about_bias", "ask_about_mitigation", "stop_on_bias"):
            assert run.task("ingest_analyze", task_id).state == "skipped"

    def test_a_run_without_a_partition_says_so(self, stack: Stack) -> None:
        run_id = stack.airflow.trigger("loan_approval.prepare_transform", {}, "manual__nothing")
        assert state_of(stack, "loan_approval.prepare_transform", run_id) == "failed"
        tasks = stack.airflow.task_instances("loan_approval.prepare_transform", run_id)
        failed = [task for task in tasks if task.state == "failed"]
        assert {task.task_id for task in failed} == {"read_decision", "define_features"}
        for task in failed:
            said = error_of(stack.airflow, task, task_log(stack.choices.layout.airflow_home, task))
            assert "partition" in said

    def test_a_backfill_runs_each_day_for_its_own_data(self, stack: Stack, loan: Run) -> None:
        """Three days with a window of three, while their applications have newer features already; what is
        learned from is told by a Data Wrangler flow.

        `loan_window` shares the group of `loan_approval`, so the group is there. Of some applications of the
        first day it gets a correction of the second day, and one of a week later. No run learns from either:
        an application's features are asked for at the moment it was made.
        """
        parent, first = "loan_window.ml_workflow", BACKFILLED[0]
        for day in BACKFILLED:
            Partition(stack, "loan_window", day).land()
        corrected = [f"A{first.replace('-', '')}-{number:05}" for number in range(20)]
        runtime = client(stack, "sagemaker-featurestore-runtime")
        for moment in (f"{BACKFILLED[1]}T12:00:00+00:00", "2026-01-26T12:00:00+00:00"):
            seconds = datetime.datetime.fromisoformat(moment).timestamp()
            for application in corrected:
                values = {"application_id": application, "applied_at": str(seconds), "income": "1.5"}
                runtime.put_record(
                    FeatureGroupName="loan-approval",
                    Record=[{"FeatureName": name, "ValueAsString": text} for name, text in values.items()],
                )
        stack.wait_for_dag(parent)
        airflow = stack.airflow
        airflow.backfill(parent, f"{first}T00:00:00Z", f"{BACKFILLED[-1]}T23:00:00Z")

        def backfilled() -> list[dict[str, Any]] | None:
            runs = [run for run in airflow.runs(parent) if run["run_type"] == "backfill"]
            ended = [run for run in runs if run["state"] in ("success", "failed")]
            return ended if len(ended) == len(BACKFILLED) else None

        runs = stack.processes.wait_until(backfilled, 500, "the backfill", interval=1.0)
        assert {run["state"] for run in runs} == {"success"}
        conf = airflow.run("loan_window.train_tune", child_run_id(runs[0]["dag_run_id"]))["conf"]
        assert conf["partition"] in BACKFILLED

        bucket, known = Bucket(stack, "loan_window"), {}
        for day in BACKFILLED:
            planted = truth(datetime.date.fromisoformat(day))
            report = bucket.json(f"runs/{day}/ingest_analyze/cleaning.json")
            assert (report["rows_in"], report["curated"]) == (planted.rows, planted.curated)
            for row in bucket.rows(f"curated/dt={day}/"):
                assert row.pop("dt") == day
                known[row["application_id"]] = row
            joined = [
                row
                for row in bucket.rows(f"runs/{day}/prepare_transform/joined/")
                if row["part"] == "curated"
            ]
            assert len(joined) == len(known)
            for row in joined:
                held = known[row["application_id"]]
                assert {name: row[name] for name in held} == held
                assert row["feature_time"] == held["applied_at"].replace(tzinfo=datetime.UTC).timestamp()
            wrangled = bucket.keys(f"runs/{day}/prepare_transform/wrangled/")
            assert [key for key in wrangled if key.endswith("/fitted.flow")]
            deployment = bucket.json(f"runs/{day}/deploy_manage/deployment.json")
            assert len(deployment["records"]) == 5
            assert all(record["equal"] for record in deployment["records"])
            asked = deployment["by_entity"]
            assert asked
            assert all(each["equal"] and each["key"] not in corrected for each in asked)
        assert set(corrected) & set(known)
