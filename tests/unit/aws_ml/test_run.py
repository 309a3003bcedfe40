"""Run keys, names, S3 keys and images of a run."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.sandbox import SandboxedEnvironment

from aws_ml import run
from aws_ml.exceptions import ImageUnknown, RunKeyInvalid, RunKeyMissing
from tests.unit.aws_ml.rendering import context

SAGEMAKER_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")

names = st.from_regex(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", fullmatch=True).filter(lambda name: len(name) <= 40)
days = st.dates(date(2000, 1, 1), date(2099, 12, 31)).map(date.isoformat)
steps = st.sampled_from(["features", "evaluate", "bias", "train", "model", "config"])


class RunType(StrEnum):
    SCHEDULED = "scheduled"
    BACKFILL = "backfill"
    MANUAL = "manual"
    OPERATOR_TRIGGERED = "operator_triggered"


def dag_run(run_type: Any = RunType.MANUAL, conf: Any = None, start: datetime | None = None) -> Any:
    return SimpleNamespace(run_id="some_run", run_type=run_type, conf=conf, data_interval_start=start)


class TestDayEnd:
    def test_it_is_the_midnight_after(self) -> None:
        assert run.day_end("2026-01-15") == datetime(2026, 1, 16, tzinfo=UTC)

    def test_midnight_is_the_schedules(self) -> None:
        """Tokyo is nine hours ahead; Paris puts its clocks forward on 29 March 2026, a day of 23 hours."""
        assert run.day_end("2026-01-15", "Asia/Tokyo") == datetime(2026, 1, 15, 15, tzinfo=UTC)
        assert run.day_end("2026-03-28", "Europe/Paris") == datetime(2026, 3, 28, 23, tzinfo=UTC)
        assert run.day_end("2026-03-29", "Europe/Paris") == datetime(2026, 3, 29, 22, tzinfo=UTC)

    def test_macros_tell_it_in_sql(self) -> None:
        """2026-01-16T00:00:00Z is 1768521600 seconds after 1970 (date -d 2026-01-16Z +%s)."""
        texts = SandboxedEnvironment()
        texts.globals.update(run.macros("w"))
        assert texts.from_string("{{ as_of() }}").render(context("2026-01-15")) == "1768521600"
        days = {"days": ["2026-01-14", "2026-01-15"]}
        told = texts.from_string("{{ day_ends(days) }}").render(days)
        assert told == "('2026-01-14', 1768435200e0), ('2026-01-15', 1768521600e0)"
        assert texts.from_string("{{ day_list(days) }}").render(days) == "'2026-01-14', '2026-01-15'"

    def test_what_is_no_day_does_not_get_into_sql(self) -> None:
        texts = SandboxedEnvironment()
        texts.globals.update(run.macros("w"))
        for macro in ("day_ends", "day_list"):
            with pytest.raises(RunKeyInvalid, match='Found "x\'"'):
                texts.from_string("{{ " + macro + "(['x\\'']) }}").render()


class TestRunKey:
    def test_conf_comes_first(self) -> None:
        start = datetime(2026, 3, 1, tzinfo=UTC)
        asked = dag_run(RunType.SCHEDULED, {"partition": "2026-01-15"}, start)
        assert run.run_key(asked, {"partition": "2026-01-16"}) == "2026-01-15"

    def test_then_the_form(self) -> None:
        assert run.run_key(dag_run(conf={}), {"partition": "2026-01-16"}) == "2026-01-16"

    @pytest.mark.parametrize("run_type", [RunType.SCHEDULED, RunType.BACKFILL, "scheduled"])
    @pytest.mark.parametrize("conf", [None, {}, {"partition": None}])
    def test_then_the_start_of_the_data_interval(self, run_type: Any, conf: Any) -> None:
        start = datetime(2026, 1, 15, 6, tzinfo=UTC)
        assert run.run_key(dag_run(run_type, conf, start), {"partition": None}) == "2026-01-15"

    def test_the_day_is_that_of_the_schedules_time_zone(self) -> None:
        """Six in the morning in Tokyo is still yesterday in UTC."""
        start = datetime(2026, 1, 14, 21, tzinfo=UTC)
        assert run.run_key(dag_run(RunType.SCHEDULED, None, start), {}, "Asia/Tokyo") == "2026-01-15"
        assert run.run_key(dag_run(RunType.SCHEDULED, None, start), {}, "UTC") == "2026-01-14"

    @pytest.mark.parametrize("run_type", [RunType.MANUAL, RunType.OPERATOR_TRIGGERED])
    def test_other_runs_are_never_dated_by_the_clock(self, run_type: Any) -> None:
        """Airflow gives manual runs a data interval as well; it is when somebody pressed the button."""
        start = datetime(2026, 1, 15, tzinfo=UTC)
        with pytest.raises(RunKeyMissing, match="Fill in `partition`"):
            run.run_key(dag_run(run_type, {}, start), {})

    @pytest.mark.parametrize(
        "value", ["2026-1-5", "20260115", "2026-02-30", "yesterday", " 2026-01-15", 5, "../x"]
    )
    def test_what_is_no_date_is_refused(self, value: Any) -> None:
        with pytest.raises(RunKeyInvalid, match="Found"):
            run.run_key(dag_run(conf={"partition": value}))

    def test_a_time_is_no_date(self) -> None:
        with pytest.raises(RunKeyInvalid):
            run.partition_date(datetime(2026, 1, 15, tzinfo=UTC))

    @given(days)
    def test_every_date_is_a_key(self, day: str) -> None:
        assert run.partition_date(day) == day


def named(workflow: str, step: str, key: str, **changes: Any) -> str:
    task = {"dag_id": f"{workflow}.s", "run_id": f"r__{key}", "task_id": step, "map_index": -1}
    return run.job_name(workflow, step, key, **{**task, **changes})


class TestJobNames:
    @given(names, steps, days, st.text(max_size=250), st.integers(1, 999))
    def test_they_are_legal_with_every_suffix(
        self, workflow: str, step: str, key: str, run_id: str, attempt: int
    ) -> None:
        name = named(workflow, step, key, run_id=run_id)
        assert SAGEMAKER_NAME.fullmatch(run.attempt_name(name, attempt))
        assert SAGEMAKER_NAME.fullmatch(f"{name}-0123abcd")

    @given(names, days)
    def test_tuning_names_are_short(self, workflow: str, key: str) -> None:
        name = named(workflow, "tune", key, limit=run.TUNING_NAME_LIMIT)
        longest = run.attempt_name(name, 999, run.TUNING_NAME_LIMIT)
        assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,31}", longest)
        assert longest == f"{name}-999", "there is room for the attempt"

    @given(names, days, days)
    def test_a_steps_names_of_all_runs_begin_alike(self, workflow: str, one: str, other: str) -> None:
        limit = run.TUNING_NAME_LIMIT
        family = run.job_family(named(workflow, "tune", one, limit=limit))
        assert family.endswith("-tune-")
        assert family == run.job_family(named(workflow, "tune", other, limit=limit))

    @given(names, steps, days)
    def test_they_say_the_same_each_time(self, workflow: str, step: str, key: str) -> None:
        assert named(workflow, step, key) == named(workflow, step, key)

    def test_they_can_be_read(self) -> None:
        assert re.fullmatch(
            r"loan-approval-features-20260115-[0-9a-f]{6}", named("loan_approval", "features", "2026-01-15")
        )

    @given(st.tuples(names, steps, days), st.tuples(names, steps, days))
    def test_different_tasks_have_different_names(
        self, one: tuple[str, str, str], other: tuple[str, str, str]
    ) -> None:
        """Even when long names were cut to the same beginning, or differ in a hyphen only."""
        if one != other:
            assert named(*one) != named(*other)

    @pytest.mark.parametrize("change", [{"run_id": "x"}, {"task_id": "x"}, {"map_index": 3}, {"dag_id": "x"}])
    def test_run_task_and_map_index_count(self, change: dict[str, Any]) -> None:
        assert named("w", "train", "2026-01-15") != named("w", "train", "2026-01-15", **change)

    @pytest.mark.parametrize("attempt", [0, 1000, -1])
    def test_there_is_room_for_999_attempts(self, attempt: int) -> None:
        with pytest.raises(ValueError, match="1 to 999"):
            run.attempt_name("name", attempt)


class TestPaths:
    def test_known_values_make_plain_keys(self) -> None:
        paths = run.Paths("loan_approval", "2026-01-15", "local-ml")
        assert paths.landing == "loan_approval/landing/dt=2026-01-15/"
        assert paths.decision == "loan_approval/runs/2026-01-15/ingest_analyze/decision.json"
        assert paths.uri(paths.serving_archive) == (
            "s3://local-ml/loan_approval/runs/2026-01-15/train_tune/serving/model.tar.gz"
        )

    def test_all_of_a_runs_output_lies_below_its_stages(self) -> None:
        paths = run.Paths("w", "2026-01-15", "b")
        of_table = {"landing", "curated", "quarantine", "code"}
        keys = {
            name: getattr(paths, name)
            for name, member in vars(run.Paths).items()
            if isinstance(member, property) and name not in of_table
        }
        prefixes = tuple(paths.stage(stage) for stage in run.STAGES)
        assert {name: key for name, key in keys.items() if not key.startswith(prefixes)} == {}
        assert len(set(keys.values())) == len(keys)


class TestMacros:
    def text(self, template: str, timezone: str = "UTC", **changes: Any) -> str:
        environment = SandboxedEnvironment()
        environment.globals.update(run.macros("loan_approval", timezone))
        return environment.from_string(template).render(context(**changes))

    def test_run_key(self) -> None:
        assert self.text(run.RUN_KEY) == "2026-01-15"

    def test_job_name_is_the_functions(self) -> None:
        assert self.text("{{ job_name('bias') }}") == run.job_name(
            "loan_approval",
            "bias",
            "2026-01-15",
            dag_id="loan_approval.ingest_analyze",
            run_id="ml_workflow__manual__2026-01-15T06:00:00+00:00",
            task_id="measure_bias",
        )

    def test_images_follow_the_region(self) -> None:
        here = self.text(run.image("xgboost", "3.2-0"), region="us-east-1")
        there = self.text(run.image("xgboost", "3.2-0"), region="eu-west-1")
        assert here == "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
        assert ".eu-west-1." in there

    def test_an_unknown_region_is_named_with_the_known_ones(self) -> None:
        with pytest.raises(ImageUnknown, match=r"'mars-1'.*us-east-1"):
            self.text(run.image("xgboost", "3.2-0"), region="mars-1")

    def test_a_tag_may_not_hold_what_a_run_id_may(self) -> None:
        (value,) = [tag["Value"] for tag in run.tags("w", "s") if tag["Key"] == "dag_run_id"]
        assert self.text(value, run_id="manual__a~b") == "manual__a-b"


def test_an_unknown_image_is_named_with_the_known_ones() -> None:
    with pytest.raises(ImageUnknown, match=r"xgboost:9.9.*xgboost:3\.2-0"):
        run.image_uri("xgboost", "9.9", "us-east-1")


def test_every_region_has_every_image() -> None:
    assert {tuple(sorted(known)) for known in run.images().values()} == {
        tuple(sorted(run.images()["us-east-1"]))
    }
    assert "3.2-0" in run.image_versions("xgboost")
    assert run.image_versions("nonsense") == []


def test_a_day_is_never_skipped_by_daylight_saving() -> None:
    """Two runs a day apart never get one key, also where clocks change."""
    starts = [datetime(2026, 3, 27, 1, tzinfo=UTC) + timedelta(days=n) for n in range(5)]
    keys = [run.run_key(dag_run(RunType.SCHEDULED, None, start), {}, "Europe/Berlin") for start in starts]
    assert len(set(keys)) == 5
