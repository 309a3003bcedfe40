"""The bias gate's four ways in a real Airflow: who decides, what decision.json then says, what is published.

`test_workflows.py` has the ways on which nobody is asked, through all stages; here are the others, under
bounds that force them. Answers come as the UI gives them, through Airflow's REST API, and once by the command
for the terminal.
"""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from launcher import answer
from launcher.follow import child_run_id
from launcher.problem import Problem
from launcher.settings import ROOT
from launcher.stack import Stack
from tests.e2e.partition import DAY, Partition

DRIFTED, BACKFILLED = "2026-02-10", "2026-01-17"
ADULT = ROOT.parent / "shared" / "data" / "adult.csv"
pytestmark = pytest.mark.timeout(600)


def choices_of(decision: dict[str, Any]) -> list[tuple[str, str | None]]:
    """By round: the gate's way, and what a person chose."""
    return [
        (part["way"], part["answer"]["choice"] if part["answer"] else None) for part in decision["rounds"]
    ]


@pytest.fixture(scope="module")
def day(stack: Stack) -> Partition:
    return Partition(stack, "loan_asks").start()


class TestLoans:
    """A day within the outer bound asks, and is approved, asked again and mitigated; a day beyond stops."""

    def test_a_person_sees_the_numbers_and_approves(self, day: Partition) -> None:
        form = day.until_asked()
        assert form["subject"] == f"Bias in loan_asks, {DAY}"
        assert form["options"] == ["Approve", "Mitigate", "Reject"]
        assert "| `sex = female` | DPL | 0.0800 | -0.05 to 0.05, beyond: ask;" in form["body"]
        assert list(form["params"]) == ["reason"]
        assert day.decision()["outcome"] is None
        before = datetime.datetime.now(datetime.UTC)
        day.answer("Approve", "The difference is explained by employment.")
        assert day.end() == "success", day.said()
        assert day.way() == {"ask_about_bias", "publish_partition"}
        decision = day.decision()
        assert decision["outcome"] == "accepted"
        assert choices_of(decision) == [("ask", "Approve")]
        answer = decision["rounds"][0]["answer"]
        assert answer["by"] == {"id": "admin", "name": "admin"}
        assert answer["reason"] == "The difference is explained by employment."
        assert before <= datetime.datetime.fromisoformat(answer["at"]) <= datetime.datetime.now(datetime.UTC)
        assert decision["dataset"]["uri"].endswith(f"loan_asks/curated/dt={DAY}/")

    def test_the_next_stage_takes_what_was_approved(self, day: Partition) -> None:
        assert day.prepare("approved") == "success", day.said("loan_asks.prepare_transform", "approved")

    def test_a_wrong_approval_is_taken_back_by_clearing_it(self, day: Partition) -> None:
        """The question is asked anew, and from then on nothing is accepted."""
        day.airflow.clear(day.dag_id, day.run_id, ["ask_about_bias"], downstream=True)
        form = day.until_asked(tries=2)
        assert form["response_received"] is False
        assert day.prepare("taken-back") == "failed"
        assert "loan_asks of 2026-01-15 is not decided yet" in day.said(
            "loan_asks.prepare_transform", "taken-back"
        )

    def test_a_person_sends_it_to_mitigation(self, day: Partition) -> None:
        day.answer("Mitigate", "on second thoughts")
        assert day.end() == "success", day.said()
        assert day.way() == {
            "ask_about_bias",
            "mitigate_bias",
            "decide_on_mitigation",
            "publish_partition",
        }
        decision = day.decision()
        assert choices_of(decision) == [("ask", "Mitigate"), ("accept", None)]
        assert decision["dataset"]["uri"].endswith("/ingest_analyze/mitigation/data/")
        assert decision["dataset"]["weighted"] is True
        before, after = (
            next(each["value"] for each in part["metrics"] if each["metric"] == "DPL")
            for part in decision["rounds"]
        )
        assert before > 0.05
        assert abs(after) < 1e-9
        assert decision["mitigation"]["method"] == "reweighing"

    def test_beyond_the_outer_bound_nobody_is_asked(self, stack: Stack) -> None:
        day = Partition(stack, "loan_asks", DRIFTED).start()
        assert day.end() == "failed"
        assert day.way() == {"stop_on_bias"}
        decision = day.decision()
        assert (decision["outcome"], decision["dataset"]) == ("stopped", None)
        assert choices_of(decision) == [("stop", None)]
        assert (
            "above the maximum of 0.2 (loan_asks.yaml: bias.thresholds.DPL.further[0].absolute)" in day.said()
        )
        assert day.prepare("stopped") == "failed"
        refused = day.said("loan_asks.prepare_transform", "stopped")
        assert "No gate and no person accepted this data" in refused
        assert "loan_asks of 2026-02-10 was refused" in refused

    def test_a_backfilled_run_asks_too_and_a_rejection_stops_it(
        self, stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The parent waits for the stage, and the stage for the person, who uses the command for the
        terminal: it also shows the question."""
        day = Partition(stack, "loan_backfills", BACKFILLED)
        day.land()
        parent = "loan_backfills.ml_workflow"
        day.airflow.backfill(parent, f"{BACKFILLED}T00:00:00Z", f"{BACKFILLED}T23:00:00Z")

        def backfilled() -> str | None:
            runs = [run for run in day.airflow.runs(parent) if run["run_type"] == "backfill"]
            return runs[0]["dag_run_id"] if runs else None

        run_id = day.until(backfilled, "the backfill")
        day.run_id = child_run_id(run_id)
        day.until(lambda: day.airflow.runs(day.dag_id, "running"), "the stage")
        assert day.until_asked()["options"] == ["Approve", "Reject"]  # it has no method of mitigation
        monkeypatch.setattr(answer, "choices_from_environment", lambda: stack.choices)
        where = [str(stack.airflow_port), day.dag_id, day.run_id, "ask_about_bias"]
        assert answer.main(where) == 0
        assert "Options: Approve, Reject" in capsys.readouterr().out
        assert answer.main([*where, "Mitigate"]) == 1
        assert "Invalid options ['Mitigate']" in capsys.readouterr().err
        assert answer.main([*where, "Reject", "not lawful"]) == 0
        assert day.end(parent, run_id) == "failed"
        assert "Rejected by admin" in day.said(parent, run_id)
        assert "not lawful" in day.said(parent, run_id)
        assert day.decision()["outcome"] == "stopped"
        assert day.way() == {"ask_about_bias", "stop_on_bias"}

    def test_only_those_who_are_named_may_answer_and_nobody_is_waited_for_forever(self, stack: Stack) -> None:
        day = Partition(stack, "loan_in_time").start()
        day.until_asked()
        with pytest.raises(Problem, match="is not a respondent for the task"):
            day.answer("Approve")
        assert day.end() == "failed"
        (part,) = day.decision()["rounds"]
        assert part["answer"]["choice"] == "Reject"
        assert part["answer"]["by"] is None
        assert part["answer"]["timed_out"] is True
        assert "Rejected without an answer" in day.said()


def test_the_census_is_resampled_and_nobody_is_asked(stack: Stack) -> None:
    """Nobody is asked. Resampled rows carry no weights, and lie elsewhere than the curated ones."""
    if not ADULT.exists():
        pytest.skip(f"the census data ({ADULT.name}) is not part of the project and is not there")
    day = Partition(stack, "census_mitigates").start(ADULT)
    assert day.end() == "success", day.said()
    assert day.way() == {"mitigate_bias", "decide_on_mitigation", "publish_partition"}
    decision = day.decision()
    assert choices_of(decision) == [("mitigate", None), ("accept", None)]
    assert decision["dataset"]["mitigation"] == "resampling"
    assert decision["dataset"]["weighted"] is False
    assert decision["dataset"]["uri"].endswith("/ingest_analyze/mitigation/data/")
