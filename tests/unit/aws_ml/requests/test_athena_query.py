"""The SQL that Athena is sent: quoting, completeness, one scan."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from aws_ml.exceptions import StatementTooLong
from aws_ml.requests import athena_query
from aws_ml.schema import Workflow
from aws_ml.workflow import load_workflow
from tests.unit.aws_ml.rendering import rendered

ROOT = Path(__file__).parents[4]
LOAN = load_workflow(ROOT / "include" / "workflows" / "loan_approval.yaml")
CENSUS = load_workflow(ROOT / "tests" / "workflows" / "census_income.yaml")


def sql(builder_name: str, workflow: object = LOAN) -> str:
    body = getattr(athena_query, builder_name)(workflow)
    return str(rendered(workflow, body)["QueryString"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "file", sorted((ROOT / "include" / "sql").rglob("*.sql")), ids=lambda each: each.stem
)
def test_the_first_line_says_what_a_row_is(file: Path) -> None:
    assert re.match(r"(-- One row is|\{# No result:) ", file.read_text())


def explored(workflow: Workflow) -> dict[str, list[str]]:
    """The statements of the exploration, by their folder."""
    found: dict[str, list[str]] = {}
    for body in rendered(workflow, athena_query.explore(workflow)):
        location = str(body["ResultConfiguration"]["OutputLocation"])
        found.setdefault(location.removesuffix("/").rpartition("/")[2], []).append(str(body["QueryString"]))
    return found


@pytest.mark.parametrize("workflow", [LOAN, CENSUS], ids=lambda each: each.name)
def test_the_exploration_scans_the_table_seldom(workflow: Workflow) -> None:
    scans = {
        name: sum(text.count('"curated"') for text in texts) for name, texts in explored(workflow).items()
    }
    assert scans == {
        "measure_numbers": 2,
        "count_values": 1,
        "correlate_numbers": 1,
        "rate_by_facet": 1,
        "find_near_duplicates": 1,
    }


def test_what_holds_most_in_memory_does_not_start_together() -> None:
    names = list(explored(wide(600, 63)))
    assert (names[0], names[-1]) == ("find_near_duplicates", "measure_numbers")


def wide(columns: int, name_length: int) -> Workflow:
    """The loan workflow with so many more numbers."""
    document = LOAN.resolved()
    for number in range(columns):
        name = f"c{number:05d}".ljust(name_length, "x")
        document["data"]["columns"].append({"name": name, "type": "number"})
    return Workflow.model_validate_json(json.dumps(document))


def test_a_wide_table_is_explored_in_statements_that_athena_takes() -> None:
    """Hundreds of columns with the longest names; each is read by one statement of a kind."""
    statements = explored(wide(600, 63))
    assert len(statements["measure_numbers"]) == 7
    for name in (f"c{number:05d}" for number in range(600)):
        assert sum(name in text for text in statements["measure_numbers"]) == 1
    texts = [text for texts in statements.values() for text in texts]
    assert max(len(text.encode()) for text in texts) <= 262_144  # Athena's quota for a query string


def test_a_table_that_is_too_wide_is_refused_by_name() -> None:
    with pytest.raises(StatementTooLong, match=r"find_near_duplicates of loan_approval has \d+,\d+ bytes"):
        athena_query.explore(wide(5000, 63))


def test_values_of_the_workflow_file_are_quoted() -> None:
    document = LOAN.resolved()
    document["bias"]["facets"][0]["values"] = ["o'hara"]
    document["data"]["label"] = {"column": "purpose", "positive": ["it's", 'a "home"']}
    statements = explored(Workflow.model_validate_json(json.dumps(document)))
    assert """"purpose" IN ('it''s', 'a "home"')""" in statements["rate_by_facet"][0]


def test_quotes_in_names_and_texts_are_doubled() -> None:
    assert athena_query.dml_identifier('a"b') == '"a""b"'
    assert athena_query.text_literal("it's") == "'it''s'"


def test_results_go_to_the_run() -> None:
    for body in rendered(LOAN, athena_query.explore(LOAN)):
        location = body["ResultConfiguration"]["OutputLocation"]
        assert location.startswith("s3://local-ml/loan_approval/runs/2026-01-15/ingest_analyze/statistics/")
        assert body["QueryExecutionContext"]["Database"] == "loan_approval"
