"""Recommended rulesets: they say what is in the data, and hold on it."""

from __future__ import annotations

from typing import Any

import duckdb
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_aws.images.data_quality.dqdl import parse
from local_aws.images.data_quality.evaluate import Evaluator
from local_aws.images.data_quality.recommend import NothingToRecommend, recommend


def table(columns: dict[str, tuple[str, list[Any]]]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    described = ", ".join(
        f'"{name.replace(chr(34), chr(34) * 2)}" {kind}' for name, (kind, _) in columns.items()
    )
    connection.execute(f'CREATE TABLE "primary" ({described})')
    selected = ", ".join(f"unnest(CAST(? AS {kind}[]))" for kind, _ in columns.values())
    connection.execute(f'INSERT INTO "primary" SELECT {selected}', [values for _, values in columns.values()])
    return connection


def test_a_ruleset_names_what_is_there() -> None:
    rows = range(100)
    connection = table(
        {
            "id": ("BIGINT", list(rows)),
            "sex": ("VARCHAR", ["f" if row % 3 else "m" for row in rows]),
            "income": ("DOUBLE", [None if row % 10 == 0 else row * 100.0 for row in rows]),
            "code": ("VARCHAR", [f"{row:05d}" for row in rows]),
            "balance": ("DOUBLE", [row - 50.0 for row in rows]),
        }
    )
    lines = {
        line.strip().rstrip(",")
        for line in recommend(connection, ["id", "sex", "income", "code", "balance"]).splitlines()
    }
    connection.close()
    assert lines >= {
        "RowCount between 49 and 201",
        'IsComplete "id"',
        'IsUnique "id"',
        'ColumnValues "id" >= 0',
        'ColumnValues "sex" in ["f","m"]',
        'Completeness "income" >= 0.83',  # 0.9 - 1.96 * sqrt(0.9 * 0.1 / 100) = 0.841, less half a point
        'ColumnValues "income" >= 0 where "`income` is not null"',
        'ColumnLength "code" between 4 and 6',
        'ColumnDataType "code" = "INTEGER"',
        'ColumnValues "balance" between -59.9 and 58.9',  # -50 and 49, and a tenth of 99 to either side
        'StandardDeviation "balance" between 21.6 and 36.1',  # sqrt((100^2 - 1) / 12) = 28.87, and a quarter
    }


def test_without_rows_there_is_nothing_to_recommend() -> None:
    with table({"a": ("INTEGER", [])}) as connection, pytest.raises(NothingToRecommend):
        recommend(connection, ["a"])


FINITE = st.floats(allow_nan=True, allow_infinity=True)
COLUMNS = {
    "VARCHAR": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    "BIGINT": st.integers(-(2**63), 2**63 - 1),
    "DOUBLE": FINITE,
    "BOOLEAN": st.booleans(),
    "DATE": st.dates(),
}


@st.composite
def tables(draw: st.DrawFn) -> dict[str, tuple[str, list[Any]]]:
    rows = draw(st.integers(1, 40))
    names = draw(
        st.lists(
            st.text("aZ é\"'`\\#-.", min_size=1, max_size=6), min_size=1, max_size=4, unique_by=str.lower
        )
    )
    columns = {}
    for name in names:
        kind = draw(st.sampled_from(sorted(COLUMNS)))
        pool = draw(st.lists(COLUMNS[kind], min_size=1, max_size=draw(st.sampled_from([2, 40]))))
        cell = st.one_of(st.none(), st.sampled_from(pool)) if draw(st.booleans()) else st.sampled_from(pool)
        columns[name] = (kind, draw(st.lists(cell, min_size=rows, max_size=rows)))
    return columns


@settings(max_examples=80, deadline=None)
@given(tables())
def test_what_is_recommended_passes_on_the_data_it_was_made_from(
    columns: dict[str, tuple[str, list[Any]]],
) -> None:
    with table(columns) as connection:
        text = recommend(connection, list(columns))
        results = Evaluator(connection).evaluate(parse(text))
    assert {each["Result"] for each in results} == {"PASS"}, results
    named = [each["Description"] for each in results]
    for name, (_, values) in columns.items():  # and it says of every column whether it may be empty
        if any(value is not None for value in values):
            spelt = name.replace("\\", "\\\\").replace('"', '\\"')
            assert any(
                each.startswith((f'IsComplete "{spelt}"', f'Completeness "{spelt}"')) for each in named
            )


def test_figures_of_pandas_lie_within_the_recommended_bounds() -> None:
    values = [((7 * row) % 31) ** 1.5 for row in range(200)]
    with table({"x": ("DOUBLE", values)}) as connection:
        rules = {rule.text for rule in parse(recommend(connection, ["x"]))}
    deviation = pandas.Series(values).std(ddof=0)
    (spread,) = [rule for rule in rules if rule.startswith("StandardDeviation")]
    low, high = (float(part) for part in spread.partition("between ")[2].split(" and "))
    assert low == pytest.approx(0.75 * deviation, rel=0.01)
    assert high == pytest.approx(1.25 * deviation, rel=0.01)
