"""From a measured report to data that may be learned from: the gates, the answers and the document on S3."""

from __future__ import annotations

import datetime
import json
import uuid
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, DownstreamTasksSkipped

from aws_ml.exceptions import AnswerUnusable, ReportInvalid, ReportMissing
from aws_ml.gate import Way
from aws_ml.operators.ask_about_bias import AskAboutBiasOperator
from aws_ml.operators.decide_on_bias import DecideOnBiasOperator, DecideOnMitigationOperator
from aws_ml.operators.settle_bias import (
    PublishDatasetOperator,
    ReadDecisionOperator,
    StopOnBiasOperator,
)
from tests.contract.aws_ml.conftest import BUCKET, TaskInstance
from tests.support.stand_in import StandIn

pytestmark = pytest.mark.usefixtures("aws")

DAY = "2026-01-15"
NOW = datetime.datetime(2026, 1, 16, 7, 0, tzinfo=datetime.UTC)
WAYS = {way: f"to_{way}" for way in Way}
ANN = {"id": "ann", "name": "Ann"}


def band(width: float, beyond: str) -> dict[str, Any]:
    origin = "w.yaml: bias.thresholds.DPL.absolute"
    return {
        "minimum": -width,
        "maximum": width,
        "minimum_origin": origin,
        "maximum_origin": origin,
        "beyond": beyond,
    }


def bounds(ratio: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    return [
        {
            "facet": "sex",
            "group": "sex = female",
            "metric": "DPL",
            "bands": [band(0.1, "mitigate"), band(0.2, "ask"), band(0.3, "stop")],
            "ratio": ratio,
            "not_computable": "stop",
        }
    ]


class Partition:
    """One day of a workflow of its own, and all operators of its gates, as the DAG makes them."""

    def __init__(self, aws: StandIn, day: str = DAY, workflow: str | None = None) -> None:
        self.s3 = aws.client("s3")
        self.day = day
        self.workflow = workflow or f"w{uuid.uuid4().hex[:8]}"
        self.stage = f"{self.workflow}/runs/{day}/ingest_analyze"
        self.decision_key = f"{self.stage}/decision.json"
        self.curated = f"{self.workflow}/curated/dt={day}/"
        self.mitigated = f"{self.stage}/mitigation/data/"
        self.record = {"bucket": BUCKET, "decision_key": self.decision_key}
        self.put(f"{self.curated}part-0.parquet", b"rows")
        self.answers: dict[str, Any] = {}  # XCom `answer`, by task

    def put(self, key: str, content: Any) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    @property
    def decision(self) -> dict[str, Any]:
        document: dict[str, Any] = json.load(self.s3.get_object(Bucket=BUCKET, Key=self.decision_key)["Body"])
        return document

    def context(self, task: TaskInstance | None = None) -> Any:
        context = (task or TaskInstance()).context()
        context["ti"].xcom_pull = lambda task_ids, key: (
            self.answers.get(task_ids) if key == "answer" else None
        )
        return context

    def measure(self, place: str, dpl: float | None) -> str:
        metrics = [{"name": "DPL", "description": "(DPL)", "value": dpl}]
        facets = {"sex": [{"value_or_threshold": "female", "metrics": metrics}]}
        key = f"{self.stage}/{place}/analysis.json"
        self.put(key, {"version": "1.0", "pre_training_bias_metrics": {"facets": facets}})
        return key

    def first_gate(self, dpl: float | None, task: TaskInstance | None = None, **changes: Any) -> str:
        operator = DecideOnBiasOperator(
            task_id="decide",
            analysis_key=self.measure("bias", dpl),
            dataset={"prefix": self.curated, "mitigation": "none"},
            branches=WAYS,
            **self.decides(**changes),
        )
        return operator.choose_branch(self.context(task))

    def second_gate(self, dpl: float | None, still_beyond: str = "stop") -> str:
        self.put(f"{self.mitigated}part-0.parquet", b"weighted rows")
        self.put(f"{self.stage}/mitigation/mitigation.json", {"method": "reweighing", "rows": {"in": 4}})
        operator = DecideOnMitigationOperator(
            task_id="decide_again",
            analysis_key=self.measure("mitigation/bias", dpl),
            mitigation_key=f"{self.stage}/mitigation/mitigation.json",
            dataset={"prefix": self.mitigated, "mitigation": "reweighing"},
            still_beyond=still_beyond,
            asked="ask",
            branches=WAYS,
            **self.decides(),
        )
        return operator.choose_branch(self.context())

    def decides(self, **changes: Any) -> dict[str, Any]:
        return {
            **self.record,
            "bounds": bounds(),
            "workflow": self.workflow,
            "partition": self.day,
            "runs_prefix": f"{self.workflow}/runs/",
            **changes,
        }

    def answer(self, task_id: str, choice: str, reason: str = "", by: dict[str, str] | None = ANN) -> None:
        """What the operator that asks makes of an answer, as Airflow hands it over."""
        task = TaskInstance()
        operator = asking(self)
        operator.do_branch = lambda _context, branch: branch  # type: ignore[method-assign]
        operator.execute_complete(
            self.context(task),
            {
                "chosen_options": [choice],
                "params_input": {"reason": reason},
                "responded_by_user": by,
                "responded_at": NOW,
                "timedout": by is None,
            },
        )
        self.answers[task_id] = task.xcoms["answer"]

    def publish(self) -> dict[str, Any]:
        operator = PublishDatasetOperator(task_id="publish", asked=["ask", "ask_again"], **self.record)
        dataset: dict[str, Any] = operator.execute(self.context())
        return dataset

    def stop(self) -> str:
        operator = StopOnBiasOperator(task_id="stop", asked=["ask", "ask_again"], **self.record)
        with pytest.raises(AirflowFailException) as caught:
            operator.execute(self.context())
        return str(caught.value)

    def read(self) -> dict[str, Any]:
        dataset: dict[str, Any] = ReadDecisionOperator(task_id="read", **self.record).execute(self.context())
        return dataset

    def refusal(self) -> str:
        """What the next stage says."""
        with pytest.raises(AirflowFailException) as caught:
            self.read()
        return str(caught.value)


def asking(day: Partition, **changes: Any) -> AskAboutBiasOperator:
    return AskAboutBiasOperator(
        task_id="ask",
        subject="Bias",
        branches={"Approve": "publish", "Mitigate": "mitigate", "Reject": "stop"},
        **{"users": [], "timeout_hours": 2, "on_timeout": "reject", **day.record, **changes},
    )


@pytest.fixture
def day(aws: StandIn) -> Partition:
    return Partition(aws)


class TestFourWays:
    def test_accept(self, day: Partition, task: TaskInstance) -> None:
        assert day.first_gate(0.05, task) == "to_accept"
        summary = "Accepted: all 1 bounded metrics are within their bounds."
        uri = f"s3://{BUCKET}/{day.decision_key}"
        assert task.xcoms["decision"] == {"way": "accept", "summary": summary, "violations": [], "uri": uri}
        assert "is not decided yet" in day.refusal()
        dataset = day.publish()
        assert dataset["uri"] == f"s3://{BUCKET}/{day.curated}"
        assert (dataset["mitigation"], dataset["weighted"], dataset["objects"]) == ("none", False, 1)
        assert day.read() == dataset == day.decision["dataset"]
        assert (day.decision["outcome"], day.decision["summary"]) == ("accepted", summary)
        (metric,) = day.decision["rounds"][0]["metrics"]
        assert (metric["value"], metric["maximum"], metric["way"]) == (0.05, 0.1, "accept")

    def test_stop(self, day: Partition) -> None:
        assert day.first_gate(0.3123) == "to_stop"
        said = day.stop()
        assert "0.3123, above the maximum of 0.3 (w.yaml: bias.thresholds.DPL.absolute)" in said
        assert f"s3://{BUCKET}/{day.decision_key}" in said
        assert (day.decision["outcome"], day.decision["dataset"]) == ("stopped", None)
        assert "was refused: Stopped: 1 of 1" in day.refusal()

    def test_what_cannot_be_computed_stops(self, day: Partition) -> None:
        assert day.first_gate(None) == "to_stop"
        assert "not computable: its value is null" in day.stop()

    def test_mitigate_and_accept(self, day: Partition) -> None:
        assert day.first_gate(0.15) == "to_mitigate"
        assert day.second_gate(0.0) == "to_accept"
        assert "is not decided yet" in day.refusal()
        dataset = day.publish()
        assert dataset["uri"] == f"s3://{BUCKET}/{day.mitigated}"
        assert (dataset["mitigation"], dataset["weighted"]) == ("reweighing", True)
        document = day.decision
        assert [part["data"] for part in document["rounds"]] == ["curated", "mitigated"]
        assert [part["metrics"][0]["value"] for part in document["rounds"]] == [0.15, 0.0]
        assert document["mitigation"] == {"method": "reweighing", "rows": {"in": 4}}

    @pytest.mark.parametrize(("still_beyond", "way"), [("stop", "to_stop"), ("ask", "to_ask")])
    def test_mitigation_that_was_not_enough(self, day: Partition, still_beyond: str, way: str) -> None:
        day.first_gate(0.19)
        assert day.second_gate(0.15, still_beyond) == way

    def test_ask_and_approve(self, day: Partition) -> None:
        assert day.first_gate(0.25) == "to_ask"
        day.answer("ask", "Approve", " known and lawful ")
        day.publish()
        assert day.decision["rounds"][0]["answer"] == {
            "choice": "Approve",
            "reason": "known and lawful",
            "by": ANN,
            "at": "2026-01-16T07:00:00+00:00",
            "timed_out": False,
        }
        said = "Approved by Ann at 2026-01-16T07:00:00+00:00: known and lawful."
        assert day.decision["summary"].endswith(said)
        assert day.read()["uri"].endswith(day.curated)

    def test_ask_and_reject(self, day: Partition) -> None:
        day.first_gate(0.25)
        day.answer("ask", "Reject", "not lawful")
        assert "Rejected by Ann at 2026-01-16T07:00:00+00:00: not lawful." in day.stop()
        assert day.decision["outcome"] == "stopped"

    def test_nobody_answers(self, day: Partition) -> None:
        day.first_gate(0.25)
        day.answer("ask", "Reject", by=None)
        assert "Rejected without an answer, as the workflow says for that case" in day.stop()
        assert day.decision["rounds"][0]["answer"]["timed_out"] is True

    def test_ask_mitigate_and_ask_again(self, day: Partition) -> None:
        day.first_gate(0.25)
        day.answer("ask", "Mitigate", "try")
        assert day.second_gate(0.22, "ask") == "to_ask"
        day.answer("ask_again", "Approve", "better than before")
        assert day.publish()["uri"].endswith(day.mitigated)
        answers = [part["answer"]["choice"] for part in day.decision["rounds"]]
        assert answers == ["Mitigate", "Approve"]


class TestNothingElseIsPublished:
    """Clearing, forcing and changing leave no way around the gate."""

    def test_a_new_gate_takes_back_what_an_earlier_one_accepted(self, day: Partition) -> None:
        day.first_gate(0.05)
        day.publish()
        day.first_gate(0.25)
        assert "is not decided yet" in day.refusal()

    def test_an_answer_of_an_earlier_try_counts_for_nothing(self, day: Partition) -> None:
        """XComs of a task that is skipped this time may still lie there."""
        day.first_gate(0.25)
        day.answer("ask", "Approve")
        day.first_gate(0.35)
        assert day.stop().count("Approve") == 0
        assert day.decision["rounds"][0]["answer"] is None

    def test_publishing_by_force_publishes_nothing(self, day: Partition) -> None:
        """A person sets the gate to success by hand, or clears the last task alone."""
        for dpl in (0.15, 0.25, 0.35):
            day.first_gate(dpl)
            with pytest.raises(AirflowFailException):
                day.publish()
            assert day.decision["outcome"] is None
            day.refusal()

    def test_a_second_measurement_that_nobody_asked_for_is_refused(self, day: Partition) -> None:
        day.first_gate(0.35)
        with pytest.raises(Exception, match="Nobody chose to mitigate"):
            day.second_gate(0.0)

    def test_a_person_who_approves_after_all_overrides_an_earlier_mitigation(self, day: Partition) -> None:
        day.first_gate(0.25)
        day.answer("ask", "Mitigate")
        day.second_gate(0.0)
        day.publish()
        day.answer("ask", "Approve")  # the question was cleared, and is answered anew
        assert day.publish()["uri"].endswith(day.curated)
        assert len(day.decision["rounds"]) == 1
        assert day.decision["mitigation"] is None

    def test_data_that_changed_is_neither_published_nor_read(self, day: Partition) -> None:
        day.first_gate(0.05)
        day.put(f"{day.curated}part-0.parquet", b"other rows")
        with pytest.raises(AirflowFailException, match="has changed since its bias was measured"):
            day.publish()
        day.put(f"{day.curated}part-0.parquet", b"rows")
        day.publish()
        day.put(f"{day.curated}part-1.parquet", b"more rows")
        assert "has changed since its bias was measured" in day.refusal()

    def test_the_curated_rows_of_a_mitigated_day_count_too(self, day: Partition) -> None:
        """The model is judged by them."""
        day.first_gate(0.15)
        day.second_gate(0.0)
        day.publish()
        day.put(f"{day.curated}part-0.parquet", b"other rows")
        assert f"{day.curated} has changed" in day.refusal()

    def test_a_day_that_was_never_measured_is_refused(self, day: Partition) -> None:
        assert "There is no decision on it: run ingest_analyze of that day first" in day.refusal()

    @pytest.mark.parametrize("document", [{"overall": "accept", "metrics": []}, {"version": "3"}, [], b"{"])
    def test_another_document_is_refused(self, day: Partition, document: Any) -> None:
        day.put(day.decision_key, document)
        assert day.decision_key in day.refusal()

    def test_what_is_no_report_decides_nothing(self, day: Partition) -> None:
        gate = day.decides()
        key = f"{day.stage}/none.json"
        operator = DecideOnBiasOperator(
            task_id="decide",
            analysis_key=key,
            dataset={"prefix": day.curated, "mitigation": "none"},
            branches=WAYS,
            **gate,
        )
        with pytest.raises(ReportMissing, match=key):
            operator.choose_branch(day.context())
        day.put(key, b'{"version": "1.0", ')
        with pytest.raises(ReportInvalid, match=key):
            operator.choose_branch(day.context())

    def test_data_that_is_gone_decides_nothing(self, day: Partition) -> None:
        day.s3.delete_object(Bucket=BUCKET, Key=f"{day.curated}part-0.parquet")
        with pytest.raises(ReportMissing, match="which was measured"):
            day.first_gate(0.05)


class TestComparedWithTheLastAcceptedDay:
    RATIO: ClassVar[dict[str, Any]] = {
        "of": "previous",
        "maximum": 1.5,
        "floor": 0.01,
        "origin": "w.yaml: x",
        "beyond": "ask",
    }

    def test_days_that_were_refused_or_come_later_are_passed_over(self, aws: StandIn, day: Partition) -> None:
        for name, dpl in (("2026-01-10", 0.04), ("2026-01-12", 0.31), ("2026-01-20", 0.09)):
            other = Partition(aws, name, day.workflow)
            other.first_gate(dpl)
            other.stop() if dpl > 0.3 else other.publish()
        demanded = bounds(self.RATIO)
        assert day.first_gate(0.06, bounds=demanded) == "to_accept"
        assert day.first_gate(0.061, bounds=demanded) == "to_ask"
        (metric,) = day.decision["rounds"][0]["metrics"]
        assert metric["ratio"]["reference"] == 0.04
        assert "more than 1.5 times the last accepted day's 0.04" in metric["sentence"]

    def test_the_first_day_of_all_asks(self, day: Partition) -> None:
        assert day.first_gate(0.05, bounds=bounds(self.RATIO)) == "to_ask"


class TestTheQuestion:
    def test_while_it_is_open_nothing_is_accepted(
        self, day: Partition, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Clearing the question takes the earlier answer back at once."""
        day.first_gate(0.25)
        day.answer("ask", "Approve")
        day.publish()
        shown = ask(day, monkeypatch)
        assert "is not decided yet" in day.refusal()
        assert shown.options == ["Approve", "Mitigate", "Reject"]
        assert shown.defaults == ["Reject"]
        assert "| `sex = female` | DPL | 0.2500 |" in shown.body

    def test_a_form_with_old_numbers_is_not_shown(
        self, day: Partition, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Airflow answers with the form it shows, which is the first one that the task has asked with."""
        day.first_gate(0.25)
        first = ask(day, monkeypatch)
        assert ask(day, monkeypatch, keeps=first).body == first.body
        day.first_gate(0.26)
        with pytest.raises(AirflowFailException, match="Start a new run for this day"):
            ask(day, monkeypatch, keeps=first)

    def test_another_form_than_ours_is_asked_for_again(self, day: Partition) -> None:
        """Airflow's REST API takes any form; a retry of the task asks again."""
        day.first_gate(0.25)
        event = {"chosen_options": ["Approve"], "responded_by_user": ANN, "responded_at": NOW}
        for form in ({"because": "x"}, {"reason": 7}, {"reason": "x" * 3000}):
            with pytest.raises(AnswerUnusable):
                asking(day).execute_complete(day.context(), {**event, "params_input": form})

    def test_the_answer_is_kept_before_it_is_followed(self, day: Partition, task: TaskInstance) -> None:
        operator = asking(day)
        context = day.context(task)
        with DAG("asking", schedule=None):
            operator >> [EmptyOperator(task_id=name) for name in ("publish", "mitigate", "stop")]
        context["ti"].task = operator
        event = {
            "chosen_options": ["Mitigate"],
            "params_input": {"reason": "ok"},
            "responded_by_user": ANN,
            "responded_at": NOW,
        }
        with pytest.raises(DownstreamTasksSkipped) as skipped:
            operator.execute_complete(context, event)
        assert {task_id for task_id, _ in skipped.value.tasks} == {"publish", "stop"}
        assert task.xcoms["answer"]["choice"] == "Mitigate"


def ask(day: Partition, monkeypatch: pytest.MonkeyPatch, keeps: Any = None) -> Any:
    """Let the operator ask; what Airflow is told to show. It shows that, or what it `keeps`."""
    from airflow.sdk.exceptions import TaskAwaitingInput
    from airflow.sdk.execution_time import task_runner

    told = []

    def send(message: Any) -> Any:
        told.append(message)
        return keeps or message

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=send), raising=False)
    context = day.context()
    context["task_instance"].id = uuid.uuid4()
    with pytest.raises(TaskAwaitingInput) as awaiting:
        asking(day).execute(context)
    assert awaiting.value.timeout == datetime.timedelta(hours=2)
    return next(message for message in told if message.type == "CreateHITLDetailPayload")
