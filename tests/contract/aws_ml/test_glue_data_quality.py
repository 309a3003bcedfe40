"""The gate of data quality, and recommended rules, against runs that really evaluate a table."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from aws_ml.exceptions import RemoteJobFailed, RemoteJobStopped, RulesBroken
from aws_ml.operators.glue_data_quality_evaluation_run import GlueDataQualityEvaluationRunOperator
from aws_ml.operators.glue_data_quality_recommendation_run import GlueDataQualityRecommendationRunOperator
from aws_ml.operators.glue_data_quality_ruleset import GlueDataQualityRulesetOperator
from aws_ml.retry import OnlyIfItMayHelp
from tests.contract.aws_ml.conftest import (
    BUCKET,
    ROLE,
    TaskInstance,
    WorkerDied,
    die_after,
    first_event,
    in_background,
    until,
)
from tests.support.stand_in import StandIn

pytestmark = pytest.mark.usefixtures("aws")

REPORT = "quality/report.json"
ROWS = [(number, "" if number % 10 == 0 else number * 100, "fm"[number % 2]) for number in range(1, 101)]
# More than any test waits for: 10,000 rows, each with each with each.
ENDLESS = 'CustomSql "select count(*) from primary a, primary b, primary c where a.id < b.id + c.id" > 0'


class Quality:
    """A partitioned table of a test's own, and its rules."""

    def __init__(self, aws: StandIn) -> None:
        self.aws, self.glue, self.s3 = aws, aws.client("glue"), aws.client("s3")
        self.database = f"db_{uuid.uuid4().hex[:12]}"
        self.glue.create_database(DatabaseInput={"Name": self.database})
        columns = [("id", "bigint"), ("income", "double"), ("sex", "string")]
        self.glue.create_table(
            DatabaseName=self.database,
            TableInput={
                "Name": "curated",
                "Parameters": {"classification": "csv"},
                "PartitionKeys": [{"Name": "dt", "Type": "string"}],
                "StorageDescriptor": {
                    "Columns": [{"Name": name, "Type": kind} for name, kind in columns],
                    "Location": f"s3://{BUCKET}/{self.database}/",
                    "SerdeInfo": {"Parameters": {"field.delim": ","}},
                },
            },
        )
        self.land("2026-01-14", ROWS[:1])
        self.land("2026-01-15", ROWS)

    def land(self, day: str, rows: list[Any]) -> None:
        body = "".join(f"{number},{income},{sex}\n" for number, income, sex in rows)
        self.s3.put_object(Bucket=BUCKET, Key=f"{self.database}/dt={day}/a.csv", Body=body.encode())
        location = {"Location": f"s3://{BUCKET}/{self.database}/dt={day}/"}
        partition = {"Values": [day], "StorageDescriptor": location}
        if day not in [each["Values"][0] for each in self.partitions()]:
            self.glue.create_partition(
                DatabaseName=self.database, TableName="curated", PartitionInput=partition
            )

    def partitions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.glue.get_partitions(
            DatabaseName=self.database, TableName="curated"
        )["Partitions"]
        return found

    @property
    def source(self) -> dict[str, Any]:
        options = {"pushDownPredicate": "dt = '2026-01-15'"}
        return {
            "GlueTable": {"DatabaseName": self.database, "TableName": "curated", "AdditionalOptions": options}
        }

    def config(self, *rules: str) -> dict[str, Any]:
        """Body of StartDataQualityRulesetEvaluationRun."""
        name = f"rules-{uuid.uuid4().hex[:12]}"
        self.glue.create_data_quality_ruleset(Name=name, Ruleset=f"Rules = [{', '.join(rules)}]")
        return {"DataSource": self.source, "Role": ROLE, "RulesetNames": [name]}

    def runs(self) -> list[str]:
        """States of the evaluation runs, newest first."""
        found = self.glue.list_data_quality_ruleset_evaluation_runs(Filter={"DataSource": self.source})
        return [run["Status"] for run in found["Runs"]]


@pytest.fixture
def quality(aws: StandIn) -> Quality:
    return Quality(aws)


def evaluation(config: dict[str, Any], **arguments: Any) -> GlueDataQualityEvaluationRunOperator:
    return GlueDataQualityEvaluationRunOperator(
        task_id="task", config=config, bucket=BUCKET, key=REPORT, **{"deferrable": False, **arguments}
    )


def recommendation(quality: Quality, **arguments: Any) -> GlueDataQualityRecommendationRunOperator:
    return GlueDataQualityRecommendationRunOperator(
        task_id="task",
        config={"DataSource": quality.source, "Role": ROLE},
        bucket=BUCKET,
        key=f"{quality.database}/recommended.dqdl",
        **{"deferrable": False, **arguments},
    )


def test_rules_that_hold_let_the_run_go_on(quality: Quality, task: TaskInstance) -> None:
    """And only this run's partition is looked at: 100 rows, not 101."""
    config = quality.config("RowCount = 100", 'IsUnique "id"', 'ColumnValues "sex" in ["f","m"]')
    result = evaluation(config).execute(task.context())
    assert result["rules"] == 3
    found = quality.glue.get_data_quality_result(ResultId=result["result_ids"][0])
    assert found["RulesetEvaluationRunId"] == result["run_id"]
    assert found["Score"] == 1.0
    assert quality.runs() == ["SUCCEEDED"]


def test_broken_rules_are_told_with_their_figures(quality: Quality, task: TaskInstance) -> None:
    config = quality.config(
        "RowCount > 50",
        'Completeness "income" > 0.95',
        '(IsUnique "id") and (Mean "id" > 60)',
        'Mean "nowhere" > 1',
    )
    with pytest.raises(RulesBroken) as caught:
        evaluation(config).execute(task.context())
    assert caught.value.lines == [
        'Completeness "income" > 0.95: found Column.income.Completeness 0.9',
        '(IsUnique "id") and (Mean "id" > 60): found Column.id.Uniqueness 1, Column.id.Mean 50.5',
        'Mean "nowhere" > 1: could not be evaluated: Input data does not include column nowhere!',
    ]
    assert "3 of 4 rules; Glue data quality run dqrun-" in str(caught.value)
    report = json.loads(quality.s3.get_object(Bucket=BUCKET, Key=REPORT)["Body"].read())
    assert [rule["outcome"] for rule in report["rules"]] == ["PASS", "FAIL", "FAIL", "ERROR"]
    assert report["rules"][1]["rule"] == 'Completeness "income" > 0.95'
    assert report["rules"][1]["figures"] == {"Column.income.Completeness": 0.9}
    assert OnlyIfItMayHelp().evaluate(caught.value, 1, 3).action is RetryAction.FAIL


def test_a_task_that_is_cleared_after_broken_rules_looks_again(quality: Quality, task: TaskInstance) -> None:
    """The data was corrected in between; the old verdict must not come back."""
    config = quality.config('IsComplete "income"')
    with pytest.raises(RulesBroken):
        evaluation(config).execute(task.context())
    quality.land("2026-01-15", [row for row in ROWS if row[1] != ""])
    assert evaluation(config).execute(task.context())["rules"] == 1
    assert quality.runs() == ["SUCCEEDED", "SUCCEEDED"]


@pytest.mark.parametrize("method", ["create", "record"])
def test_a_worker_that_dies_leaves_one_run_which_the_retry_adopts(
    quality: Quality, task: TaskInstance, method: str
) -> None:
    """Killed after the run was started, or right before: in both cases one run is paid."""
    config = quality.config("RowCount = 100")
    dying = evaluation(config)
    die_after(dying, method)
    with pytest.raises(WorkerDied):
        dying.execute(task.context())
    assert evaluation(config).execute(task.context())["rules"] == 1
    assert quality.runs() == ["SUCCEEDED"]


def test_a_killed_task_stops_its_run_and_the_retry_starts_the_next(
    quality: Quality, task: TaskInstance
) -> None:
    quality.land("2026-01-15", [(number, number, "f") for number in range(10000)])
    config = quality.config(ENDLESS)
    killed = evaluation(config)
    future = in_background(lambda: killed.execute(task.context()))
    until(lambda: quality.runs() == ["RUNNING"])
    until(lambda: killed._to_stop)
    killed.on_kill()
    with pytest.raises(RemoteJobStopped, match="STOPPED"):
        future.result(30)
    assert quality.runs() == ["STOPPED"]
    config["RulesetNames"] = quality.config("RowCount = 10000")["RulesetNames"]
    assert evaluation(config).execute(task.context())["rules"] == 1
    assert quality.runs() == ["SUCCEEDED", "STOPPED"]


def test_a_killed_deferred_task_stops_its_run(quality: Quality, task: TaskInstance) -> None:
    quality.land("2026-01-15", [(number, number, "f") for number in range(10000)])
    config = quality.config(ENDLESS)
    with pytest.raises(TaskDeferred) as deferred:
        evaluation(config, deferrable=True).execute(task.context())
    until(lambda: quality.runs() == ["RUNNING"])
    asyncio.run(deferred.value.trigger.on_kill())
    event = asyncio.run(first_event(deferred.value.trigger))
    assert event == {"phase": "stopped", "state": "STOPPED"}
    with pytest.raises(RemoteJobStopped):
        evaluation(config, deferrable=True).resume_execution(
            "resume", {**(deferred.value.kwargs or {}), "event": event}, task.context()
        )


def test_a_run_that_fails_says_why_and_is_not_a_verdict(quality: Quality, task: TaskInstance) -> None:
    config = quality.config("RowCount > 1")
    config["AdditionalRunOptions"] = {"ResultsS3Prefix": "s3://no-such-bucket/quality/"}
    with pytest.raises(RemoteJobFailed, match="there is no bucket no-such-bucket"):
        evaluation(config).execute(task.context())
    del config["AdditionalRunOptions"]
    assert evaluation(config).execute(task.context())["rules"] == 1


def test_a_ruleset_that_does_not_exist_fails(quality: Quality, task: TaskInstance) -> None:
    config = {**quality.config("RowCount > 1"), "RulesetNames": ["nowhere"]}
    with pytest.raises(Exception, match="Data Quality Ruleset nowhere not found"):
        evaluation(config).execute(task.context())
    assert quality.runs() == []


def test_a_ruleset_is_made_once(quality: Quality, task: TaskInstance) -> None:
    name = f"ruleset-{uuid.uuid4().hex[:8]}"
    config = {"Name": name, "Ruleset": "Rules = [RowCount > 1]", "Tags": {"workflow": "w"}}
    for _ in range(2):
        operator = GlueDataQualityRulesetOperator(task_id="task", config=config)
        assert operator.execute(task.context()) == {"name": name}
    assert quality.glue.get_data_quality_ruleset(Name=name)["Ruleset"] == "Rules = [RowCount > 1]"


def test_a_ruleset_that_glue_cannot_read_fails_at_once(task: TaskInstance) -> None:
    config = {"Name": "wrong", "Ruleset": "Rules = [RowCount > ]"}
    with pytest.raises(AirflowFailException, match="line 1:20"):
        GlueDataQualityRulesetOperator(task_id="task", config=config).execute(task.context())


def test_recommended_rules_are_kept_and_hold(quality: Quality, task: TaskInstance, aws: StandIn) -> None:
    result = recommendation(quality).execute(task.context())
    key = result["uri"].removeprefix(f"s3://{BUCKET}/")
    text = aws.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
    assert 'ColumnValues "sex" in ["f","m"]' in text
    config = quality.config("RowCount > 0")
    quality.glue.update_data_quality_ruleset(Name=config["RulesetNames"][0], Ruleset=text)
    assert evaluation(config).execute(TaskInstance().context())["rules"] > 5


def test_a_recommendation_is_adopted_too(quality: Quality, task: TaskInstance) -> None:
    dying = recommendation(quality)
    die_after(dying, "create")
    with pytest.raises(WorkerDied):
        dying.execute(task.context())
    recommendation(quality).execute(task.context())
    found = quality.glue.list_data_quality_rule_recommendation_runs(Filter={"DataSource": quality.source})
    assert [run["Status"] for run in found["Runs"]] == ["SUCCEEDED"]


def test_no_rows_recommend_nothing_and_fail_nothing(quality: Quality, task: TaskInstance) -> None:
    quality.glue.delete_partition(
        DatabaseName=quality.database, TableName="curated", PartitionValues=["2026-01-15"]
    )
    with pytest.raises(AirflowSkipException, match="no rows"):
        recommendation(quality).execute(task.context())
