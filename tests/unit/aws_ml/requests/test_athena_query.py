"""The SQL that Athena is sent: quoting, completeness, one scan."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aws_ml.requests import athena_query
from aws_ml.workflow import load_workflow
from tests.unit.aws_ml.rendering import rendered

ROOT = Path(__file__).parents[4]
LOAN = load_workflow(ROOT / "include" / "workflows" / "loan_approval.yaml")
CENSUS = load_workflow(ROOT / "tests" / "workflows" / "census_income.yaml")


def sql(builder_name: str, workflow: object = LOAN) -> str:
    body = getattr(athena_query, builder_name)(workflow)
    return str(rendered(workflow, body)["QueryString"])  # type: ignore[arg-type]


def test_the_table_has_every_column_with_the_type_the_cleaning_job_writes() -> None:
    text = sql("create_curated")
    for line in (
        "`applied_at` timestamp,",
        "`age` double,",
        "`late_payments` bigint,",
        "`approved` bigint\n",
    ):
        assert line in text
    assert "PARTITIONED BY (dt string)" in text
    assert text.rstrip().endswith("LOCATION 's3://local-ml/loan_approval/curated/'")


def test_a_workflow_without_key_has_row_id_first() -> None:
    assert re.search(r"\(\s+`row_id` string,", sql("create_curated", CENSUS))
    assert "`row_id`" not in sql("create_curated", LOAN)


def test_the_partition_is_that_of_the_run() -> None:
    assert (
        sql("add_partition")
        .rstrip()
        .endswith(
            "PARTITION (dt = '2026-01-15') LOCATION 's3://local-ml/loan_approval/curated/dt=2026-01-15/'"
        )
    )


@pytest.mark.parametrize("workflow", [LOAN, CENSUS], ids=lambda each: each.name)
def test_the_description_reads_the_table_once(workflow: object) -> None:
    text = sql("describe_partition", workflow)
    assert text.count("FROM ") == 2  # the table, and what was measured of it
    assert text.count('"curated"') == 1
    assert "WHERE dt = '2026-01-15'" in text


def test_only_numbers_are_averaged() -> None:
    text = sql("describe_partition")
    assert 'avg(CAST("income" AS double))' in text
    assert 'avg(CAST("purpose"' not in text


@pytest.mark.parametrize("name", ["create_curated", "add_partition", "describe_partition"])
def test_the_first_line_says_what_a_row_is(name: str) -> None:
    text = (ROOT / "include" / "sql" / "ingest_analyze" / f"{name}.sql").read_text()
    assert re.match(r"(-- One row is|\{# No result:) ", text)


def test_quotes_in_names_and_texts_are_doubled() -> None:
    assert athena_query.ddl_identifier("a`b") == "`a``b`"
    assert athena_query.dml_identifier('a"b') == '"a""b"'
    assert athena_query.text_literal("it's") == "'it''s'"


def test_results_go_to_the_run() -> None:
    body = rendered(LOAN, athena_query.describe_partition(LOAN))
    assert body["ResultConfiguration"]["OutputLocation"] == (
        "s3://local-ml/loan_approval/runs/2026-01-15/ingest_analyze/statistics/"
    )
    assert body["QueryExecutionContext"]["Database"] == "loan_approval"
