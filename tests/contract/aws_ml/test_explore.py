"""Exploration and profile of two days, through the stand-in; expected numbers come from pandas and numpy.

The second day has most of what data can do wrong: no values, one value, a thousand categories, quotes, HTML
and other alphabets in values, NaN and infinities, twins, and a facet value that the first day did not have.
"""

from __future__ import annotations

import io
import json
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from airflow.sdk.exceptions import AirflowFailException

from aws_ml.operators.glue_partition import ensure_partition
from aws_ml.operators.glue_table import ensure_table
from aws_ml.operators.list_profile_sources import ListProfileSourcesOperator
from aws_ml.operators.publish_code import resolved, tree
from aws_ml.requests import athena_query, glue_database, glue_partition, glue_table, profile
from aws_ml.schema import Workflow
from aws_ml.workflow import load_workflow
from tests.contract.aws_ml.conftest import TaskInstance, until
from tests.support.stand_in import StandIn
from tests.unit.aws_ml.rendering import rendered

ROOT = Path(__file__).parents[3]
BUCKET = "local-ml"
FIRST, SECOND, EMPTY = "2026-01-14", "2026-01-15", "2026-01-16"
ROWS = 1200
HTML = "<script>alert('x')</script><img src=x onerror=alert(1)>"
TYPES = {
    "id": "string", "seen_at": "timestamp", "born": "date", "member": "boolean", "amount": "number",
    "age": "integer", "leak": "number", "broken": "number", "nothing": "number", "same": "number",
    "city": "string", "group_name": "string", "many": "string", "y": "integer",
}  # fmt: skip
ARROW = {
    "string": pa.string(), "timestamp": pa.timestamp("us"), "date": pa.date32(), "boolean": pa.bool_(),
    "number": pa.float64(), "integer": pa.int64(),
}  # fmt: skip
CITIES = ["Zürich", "東京", "O'Hare", 'say "hi"', HTML, "", None]


def day(seed: int, groups: list[str]) -> pd.DataFrame:
    """A day's rows; the last ten equal the ten before them in everything but the id."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, ROWS)
    seconds, days = random.integers(0, 86400, ROWS), random.integers(0, 9000, ROWS)
    amount = random.lognormal(3, 1, ROWS).round(3)
    broken = random.normal(0, 1, ROWS)
    broken[:3] = [np.nan, np.inf, -np.inf]
    frame = pd.DataFrame(
        {
            "seen_at": pd.Timestamp("2026-01-15") + pd.to_timedelta(seconds, unit="s"),
            "born": [(pd.Timestamp("1980-01-01") + pd.Timedelta(days=int(each))).date() for each in days],
            "member": pd.array(random.integers(0, 2, ROWS).astype(bool), dtype="boolean"),
            "amount": pd.array(amount, dtype="Float64"),
            "age": pd.array(random.integers(18, 95, ROWS), dtype="Int64"),
            "leak": y * 10 + random.normal(0, 1, ROWS),
            "broken": broken,
            "nothing": None,
            "same": 0.1,
            "city": [CITIES[i] for i in random.integers(0, len(CITIES), ROWS)],
            "group_name": [groups[i] for i in random.integers(0, len(groups), ROWS)],
            "many": [f"value {i % 1000}" for i in range(ROWS)],
            "y": y,
        }
    )  # fmt: skip
    frame.loc[frame.index % 7 == 0, "amount"] = pd.NA
    frame.loc[frame.index % 11 == 0, "age"] = pd.NA
    frame.iloc[-10:] = frame.iloc[-20:-10].to_numpy()
    frame.insert(0, "id", [f"A{seed}{i}" for i in range(ROWS)])
    return frame


def workflow_file(folder: Path) -> Workflow:
    """A workflow of these columns, from the example's file."""
    base = yaml.safe_load((ROOT / "include" / "workflows" / "loan_approval.yaml").read_text())
    used = ("description", "owner", "schedule", "data", "features", "training", "evaluation", "deployment")
    base = {"name": "odd", **{section: base[section] for section in used}}
    columns = [{"name": name, "type": kind} for name, kind in TYPES.items()]
    columns[0] |= {"required": True}
    columns[-1] |= {"required": True, "allowed": [0, 1]}
    base["data"].update(key="id", columns=columns, label={"column": "y", "positive": [1]})
    base["bias"] = {
        "engine": "portable",
        "facets": [{"column": "group_name", "values": ["b"]}, {"column": "amount", "threshold": 20}],
        "intersections": [{"facets": ["group_name", "amount"]}],
        "metrics": ["DPL"],
        "thresholds": {"DPL": {"maximum": 1}},
    }
    base["features"].update(numeric=["amount", "age"], categorical=["city"], interactions=[])
    base["profile"] = {"correlation_columns": 5}
    (folder / "odd.yaml").write_text(yaml.safe_dump(base))
    (folder / "defaults.yaml").write_bytes((ROOT / "include" / "workflows" / "defaults.yaml").read_bytes())
    return load_workflow(folder / "odd.yaml")


class Profiled:
    """A stand-in on which the days have been explored and profiled."""

    def __init__(self, aws: StandIn, workflow: Workflow) -> None:
        self.aws, self.workflow = aws, workflow
        self.s3, self.athena = aws.client("s3"), aws.client("athena")
        self.frames: dict[str, pd.DataFrame] = {}
        self.previous: dict[str, str | None] = {}
        self.s3.create_bucket(Bucket=BUCKET)
        for name, content in {**tree(), "config.json": resolved(workflow.resolved())}.items():
            self.s3.put_object(Bucket=BUCKET, Key=f"loan_approval/code/{'a' * 64}/{name}", Body=content)
        who = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}}
        trust = {"Version": "2012-10-17", "Statement": [{**who, "Action": "sts:AssumeRole"}]}
        aws.client("iam").create_role(RoleName="aws-ml-workflow", AssumeRolePolicyDocument=json.dumps(trust))
        self.glue = aws.client("glue")
        self.glue.create_database(**rendered(workflow, glue_database.create_database(workflow)))

    def land(self, partition: str, frame: pd.DataFrame) -> None:
        self.frames[partition] = frame
        columns = {
            name: pa.array(
                frame[name].tolist() if kind in ("date", "number") else frame[name],
                ARROW[kind],
                from_pandas=name != "broken",
            )
            for name, kind in TYPES.items()
        }
        columns["broken"] = pa.array(frame["broken"].to_numpy(dtype=float), pa.float64())  # NaN stays NaN
        buffer = io.BytesIO()
        pq.write_table(pa.table(columns), buffer)
        key = f"odd/curated/dt={partition}/part-00000.parquet"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=buffer.getvalue())
        table = glue_table.create_curated(self.workflow)
        ensure_table(self.glue, rendered(self.workflow, table))
        place = glue_partition.curated_partition(self.workflow)
        ensure_partition(self.glue, rendered(self.workflow, place, partition=partition))

    def ask(self, body: dict[str, Any], partition: str) -> str:
        """Run a statement; where its result is."""
        query = self.athena.start_query_execution(**rendered(self.workflow, body, partition=partition))[
            "QueryExecutionId"
        ]
        ended = until(lambda: self._ended(query))
        assert ended["Status"]["State"] == "SUCCEEDED", ended["Status"].get("StateChangeReason")
        return str(ended["ResultConfiguration"]["OutputLocation"])

    def _ended(self, query: str) -> Any:
        execution = self.athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
        return None if execution["Status"]["State"] in ("QUEUED", "RUNNING") else execution

    def explore(self, partition: str) -> None:
        """All statements, and the manifest of their results."""
        results = [
            {"output_location": self.ask(body, partition)} for body in athena_query.explore(self.workflow)
        ]
        listing = ListProfileSourcesOperator(
            task_id="list", bucket=BUCKET, workflow="odd", run_key=partition, results=results
        )
        self.previous[partition] = listing.execute(TaskInstance().context())["previous"]

    def report(self, partition: str) -> dict[str, Any]:
        """Run the profile job to its end; its description."""
        sagemaker = self.aws.client("sagemaker")
        body = rendered(self.workflow, profile.report_profile(self.workflow), partition=partition)
        body["ProcessingJobName"] += f"-{time.monotonic_ns() % 10**6}"
        sagemaker.create_processing_job(**body)

        def ended() -> Any:
            found = sagemaker.describe_processing_job(ProcessingJobName=body["ProcessingJobName"])
            return None if found["ProcessingJobStatus"] in ("InProgress", "Stopping") else found

        found: dict[str, Any] = until(ended)
        return found

    def read(self, partition: str, name: str) -> str:
        key = f"odd/runs/{partition}/ingest_analyze/profile/{name}"
        return str(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode())


@pytest.fixture(scope="module")
def profiled(aws: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Profiled:
    made = Profiled(aws, workflow_file(tmp_path_factory.mktemp("workflow")))
    for seed, (partition, groups) in enumerate(
        [(FIRST, ["a", "b", "gone"]), (SECOND, ["a", "b", "ω <b>new</b>"])]
    ):
        made.land(partition, day(seed, groups))
        made.explore(partition)
        ended = made.report(partition)
        assert ended["ProcessingJobStatus"] == "Completed", ended.get("ExitMessage")
    return made


@pytest.fixture(scope="module")
def facts(profiled: Profiled) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    found: dict[str, Any] = json.loads(profiled.read(SECOND, "profile.json"), parse_constant=refuse)
    return found


@pytest.fixture(scope="module")
def frame(profiled: Profiled) -> pd.DataFrame:
    return profiled.frames[SECOND]


def column(facts: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in facts["columns"] if each["name"] == name)


def numbers(frame: pd.DataFrame, name: str) -> pd.Series:
    values = frame[name].astype("Float64").astype(float)
    return values[np.isfinite(values)]


@pytest.mark.parametrize("name", ["amount", "age", "leak", "broken"])
def test_numbers_are_measured_as_pandas_measures_them(
    facts: dict[str, Any], frame: pd.DataFrame, name: str
) -> None:
    found, values = column(facts, name), numbers(frame, name)
    assert found["missing"] == (0 if name == "broken" else frame[name].isna().sum())
    assert found["not_finite"] == (3 if name == "broken" else 0)
    assert found["minimum"] == pytest.approx(values.min(), rel=1e-12)
    assert found["maximum"] == pytest.approx(values.max(), rel=1e-12)
    assert found["mean"] == pytest.approx(values.mean(), rel=1e-9)
    assert found["standard_deviation"] == pytest.approx(values.std(), rel=1e-9)
    centred = values - values.mean()
    assert found["skewness"] == pytest.approx((centred**3).mean() / values.std(ddof=0) ** 3, rel=1e-6)
    quartiles = np.quantile(values, [0.25, 0.5, 0.75], method="inverted_cdf")
    assert found["quartiles"] == pytest.approx(list(quartiles))
    distinct = values.nunique() if name != "broken" else frame[name].nunique()
    # Of numbers Athena only estimates how many are distinct, with a standard error of 2.3 %.
    assert found["distinct"] == pytest.approx(distinct, rel=0 if name == "age" else 4 * 0.023)


@pytest.mark.parametrize("name", ["amount", "age", "leak", "broken"])
def test_outliers_are_those_beyond_the_fences_and_far_from_the_mean(
    facts: dict[str, Any], frame: pd.DataFrame, name: str
) -> None:
    found, values = column(facts, name)["outliers"], numbers(frame, name)
    lower, _, upper = np.quantile(values, [0.25, 0.5, 0.75], method="inverted_cdf")
    assert found["iqr"]["below"] == (values < lower - 1.5 * (upper - lower)).sum()
    assert found["iqr"]["above"] == (values > upper + 1.5 * (upper - lower)).sum()
    assert found["z_score"]["rows"] == ((values - values.mean()).abs() > 3 * values.std()).sum()
    assert name != "amount" or found["iqr"]["above"] > 0


@pytest.mark.parametrize("name", ["amount", "age", "leak", "broken", "seen_at", "born"])
def test_a_histogram_counts_every_finite_value_with_its_label(
    facts: dict[str, Any], frame: pd.DataFrame, name: str
) -> None:
    found = column(facts, name)
    histogram = found["histogram"]
    sides = [histogram["below"], histogram["above"]]
    if name in ("seen_at", "born"):
        values = (pd.to_datetime(frame[name]) - pd.Timestamp(0)).dt.total_seconds()
    else:
        values = numbers(frame, name)
    assert sum(histogram["rows"]) + sum(side["rows"] for side in sides) == len(values)
    positive = frame.loc[values.index, "y"].sum()
    assert sum(histogram["positives"]) + sum(side["positives"] for side in sides) == positive
    inside = values[(values >= histogram["edges"][0]) & (values <= histogram["edges"][-1])]
    expected, _ = np.histogram(inside, histogram["edges"])
    assert (
        np.abs(np.cumsum(histogram["rows"]) - np.cumsum(expected)).max() <= 1
    )  # a value on an edge may round


def test_values_are_counted_exactly_whatever_they_hold(facts: dict[str, Any], frame: pd.DataFrame) -> None:
    found = column(facts, "city")
    expected = frame.groupby("city")["y"].agg(["size", "sum"])
    assert {each["value"]: (each["rows"], each["positives"]) for each in found["values"]} == {
        value: (row["size"], row["sum"]) for value, row in expected.iterrows()
    }
    assert found["missing"] == frame["city"].isna().sum()
    assert found["missing_positives"] == frame.loc[frame["city"].isna(), "y"].sum()
    assert (found["distinct"], found["distinct_exact"]) == (6, True)


def test_a_thousand_categories_are_all_kept_and_noticed(facts: dict[str, Any]) -> None:
    found = column(facts, "many")
    assert found["distinct"] == 1000
    assert len(found["values"]) == 1000
    assert ("categories", ["many"]) in [(alert["kind"], alert["columns"]) for alert in facts["alerts"]]
    assert found["leakage_auc"] < 0.8, "categories of one row must not look as if they knew the label"


def test_columns_without_value_and_of_one_value(facts: dict[str, Any]) -> None:
    nothing, same = column(facts, "nothing"), column(facts, "same")
    assert (nothing["missing_share"], nothing["mean"], nothing["histogram"]) == (1, None, None)
    assert same["outliers"] == {"iqr": None, "z_score": None}
    assert (same["histogram"]["edges"], same["histogram"]["rows"]) == ([0.1, 0.1], [ROWS])
    kinds = {(alert["kind"], *alert["columns"]) for alert in facts["alerts"]}
    assert {
        ("empty", "nothing"),
        ("constant", "same"),
        ("not_finite", "broken"),
        ("leakage", "leak"),
    } <= kinds


def test_truths_and_times(facts: dict[str, Any], frame: pd.DataFrame) -> None:
    member, seen, born = (column(facts, name) for name in ("member", "seen_at", "born"))
    assert {each["value"]: each["rows"] for each in member["values"]} == {
        str(value).lower(): rows for value, rows in frame["member"].value_counts().items()
    }
    assert seen["kind"] == born["kind"] == "time"
    assert seen["maximum"] == frame["seen_at"].max().timestamp()
    assert born["minimum"] == pd.Timestamp(frame["born"].min()).timestamp()
    assert seen["drift"] is None


def test_correlations_are_those_of_pandas(facts: dict[str, Any], frame: pd.DataFrame) -> None:
    found = facts["correlations"]
    assert found["columns"] == ["amount", "age", "leak", "broken", "y"], "the model's own columns come first"
    assert found["left_out"] == ["nothing", "same"]
    values = frame[["amount", "age", "leak", "broken", "y"]].astype("Float64").astype(float)
    expected = values.replace([np.inf, -np.inf], np.nan).corr()
    for left in range(5):
        for right in range(5):
            assert found["matrix"][left][right] == pytest.approx(expected.iloc[left, right], abs=1e-9)


def test_facets_and_their_intersections(facts: dict[str, Any], frame: pd.DataFrame) -> None:
    amount = pd.Series(
        np.where(frame["amount"].isna(), None, np.where(frame["amount"].fillna(0) > 20, "> 20", "<= 20"))
    )
    found = {(each["facet"], *each["values"]): each for each in facts["facets"]}
    for group in ("a", "b", "ω <b>new</b>"):
        rows = frame["group_name"] == group
        one = found["group_name", group]
        assert (one["rows"], one["positives"], one["chosen"]) == (
            rows.sum(),
            frame.loc[rows, "y"].sum(),
            group == "b",
        )
        for bound in ("> 20", "<= 20", None):
            both = rows & (amount.isna() if bound is None else amount == bound)
            crossed = found["group_name & amount", group, bound]
            assert (crossed["rows"], crossed["positives"]) == (both.sum(), frame.loc[both, "y"].sum())
            assert crossed["chosen"] == (group == "b" and bound == "> 20")
    assert found["amount", "> 20"]["rows"] == (amount == "> 20").sum()


def test_rows_that_equal_another_in_everything_but_the_key(
    facts: dict[str, Any], frame: pd.DataFrame
) -> None:
    twins = frame.drop(columns="id").duplicated(keep=False).sum()
    assert twins == 20
    assert facts["near_duplicates"] == {"rows": 20, "groups": 10, "largest_group": 2, "share": 20 / ROWS}


def test_a_day_is_compared_with_the_one_before(profiled: Profiled, facts: dict[str, Any]) -> None:
    assert profiled.previous == {FIRST: None, SECOND: FIRST}
    assert facts["previous"]["partition"] == FIRST
    drift = column(facts, "group_name")["drift"]
    assert (drift["new"], drift["vanished"]) == (["ω <b>new</b>"], ["gone"])
    # A third of the rows moved from one value to another: 2 * (1/3) * ln((1/3) / 1e-4) = 5.4.
    assert drift["psi"] == pytest.approx(5.4, rel=0.1)
    assert column(facts, "amount")["drift"]["psi"] < 0.05, "both days come from one distribution"
    assert json.loads(profiled.read(FIRST, "profile.json"))["previous"] is None


class Seen(HTMLParser):
    """Elements, their attributes and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_shows_values_as_text_and_runs_nothing(profiled: Profiled) -> None:
    page = profiled.read(SECOND, "profile.html")
    seen = Seen()
    seen.feed(page)
    tags = {tag for tag, _ in seen.elements}
    assert not tags & {"script", "img", "iframe", "link", "object", "embed", "base", "form"}
    assert not [name for _, attributes in seen.elements for name in attributes if name.startswith("on")]
    assert "ω <b>new</b>" in seen.words
    assert "<script>alert(" in seen.words
    assert "://" not in page, "the page needs nothing from elsewhere"
    targets = {attributes["id"] for _, attributes in seen.elements if "id" in attributes}
    links = {str(attributes["href"]) for tag, attributes in seen.elements if tag == "a"}
    assert {link.removeprefix("#") for link in links} <= targets


def test_a_partition_without_rows_is_refused_in_plain_words(profiled: Profiled) -> None:
    profiled.land(EMPTY, day(2, ["a"]).iloc[:0])
    profiled.explore(EMPTY)
    ended = profiled.report(EMPTY)
    assert ended["ProcessingJobStatus"] == "Failed"
    assert "2026-01-16 of odd holds no rows after cleaning" in ended["ExitMessage"]


def test_results_of_another_workflow_are_not_listed() -> None:
    stranger = [{"output_location": f"s3://{BUCKET}/another/runs/{SECOND}/x.csv"}]
    for results in (stranger, []):
        listing = ListProfileSourcesOperator(
            task_id="list", bucket=BUCKET, workflow="odd", run_key=SECOND, results=results
        )
        with pytest.raises(AirflowFailException, match="no result lies below s3://local-ml/odd/runs/"):
            listing.execute(TaskInstance().context())
