"""The rules of our own workflow files hold on the data that they are for, before and after it drifts."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from jobs.glue.clean import clean
from jobs.glue.rules import Spec
from local_aws.images.data_quality.dqdl import parse
from local_aws.images.data_quality.evaluate import Evaluator
from local_aws.images.data_quality.recommend import recommend
from sample_data import loan_applications

ROOT = Path(__file__).parents[5]
LOAN = ROOT / "include" / "workflows" / "loan_approval.yaml"
CENSUS = ROOT / "tests" / "workflows" / "census_income.yaml"
ADULT = Path("../shared/data/adult.csv")


def workflow(file: Path) -> dict[str, Any]:
    """The parts of a workflow file that cleaning and quality need, with the defaults' format."""
    found: dict[str, Any] = yaml.safe_load(file.read_text())
    defaults = yaml.safe_load((ROOT / "include" / "workflows" / "defaults.yaml").read_text())
    data = {**defaults["data"], **found["data"]}
    data["format"] = {**defaults["data"]["format"], **found["data"].get("format", {})}
    return {**found, "data": data}


def curated(
    folder: Path, config: dict[str, Any], files: dict[str, bytes], day: str
) -> duckdb.DuckDBPyConnection:
    """What the cleaning job makes of a day's files, as a run sees it."""
    landed = []
    for name, content in files.items():
        (folder / name).write_bytes(content)
        landed.append((name, folder / name))
    path = clean(landed, Spec.of(config["data"]), folder).curated_path
    connection = duckdb.connect()
    connection.execute('CREATE TABLE "primary" AS SELECT *, ? AS dt FROM read_parquet(?)', [day, str(path)])
    return connection


def broken(connection: duckdb.DuckDBPyConnection, config: dict[str, Any]) -> list[dict[str, Any]]:
    rules = parse(f"Rules = [{', '.join(config['quality']['rules'])}]")
    return [each for each in Evaluator(connection).evaluate(rules) if each["Result"] != "PASS"]


@pytest.mark.parametrize(
    "day", ["2026-01-01", "2026-01-15", "2026-01-31", "2026-02-01", "2026-02-10", "2026-04-30"]
)
def test_the_sample_days_fulfil_the_rules_of_loan_approval(tmp_path: Path, day: str) -> None:
    config = workflow(LOAN)
    with curated(tmp_path, config, loan_applications.files(date.fromisoformat(day)), day) as connection:
        assert broken(connection, config) == []
        own = parse(recommend(connection, [column["name"] for column in config["data"]["columns"]]))
        assert {each["Result"] for each in Evaluator(connection).evaluate(own)} == {"PASS"}


def test_rows_in_another_currency_break_them(tmp_path: Path) -> None:
    """Each row by itself is still believable, and passes the cleaning; the day as a whole is not."""
    config = workflow(LOAN)
    day = loan_applications.files(date(2026, 1, 15))
    with curated(tmp_path, config, day, "2026-01-15") as connection:
        connection.execute(
            'CREATE TABLE cents AS SELECT * REPLACE (income * 100 AS income) FROM "primary";'
            'DROP TABLE "primary"; ALTER TABLE cents RENAME TO "primary"'
        )
        (found,) = broken(connection, config)
    assert found["Description"] == 'Mean "income" between 1000 and 10000'
    assert found["EvaluatedMetrics"]["Column.income.Mean"] == pytest.approx(307_696, abs=1)


@pytest.mark.skipif(not ADULT.exists(), reason="UCI's adult.csv is not here")
def test_the_census_fulfils_its_rules(tmp_path: Path) -> None:
    config = workflow(CENSUS)
    with curated(tmp_path, config, {"adult.csv": ADULT.read_bytes()}, "2026-01-15") as connection:
        assert broken(connection, config) == []
