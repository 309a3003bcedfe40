"""Rules on small tables: figures from AWS's own pages and tests, from pandas, and by hand."""

from __future__ import annotations

from typing import Any

import duckdb
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_aws.images.data_quality.dqdl import parse
from local_aws.images.data_quality.evaluate import Evaluator

NULL = None


def evaluated(columns: dict[str, tuple[str, list[Any]]], *rules: str) -> list[dict[str, Any]]:
    """What becomes of rules on a table: ``{column: (type, values)}``."""
    connection = duckdb.connect(config={"threads": 1})
    described = ", ".join(f'"{name}" {kind}' for name, (kind, _) in columns.items())
    connection.execute(f'CREATE TABLE "primary" ({described})')
    selected = ", ".join(f"unnest(CAST(? AS {kind}[]))" for kind, _ in columns.values())
    connection.execute(f'INSERT INTO "primary" SELECT {selected}', [values for _, values in columns.values()])
    with connection:
        return Evaluator(connection).evaluate(parse(f"Rules = [{', '.join(rules)}]"))


def one(columns: dict[str, tuple[str, list[Any]]], rule: str) -> dict[str, Any]:
    (result,) = evaluated(columns, rule)
    return result


# The frames of Deequ, AWS's engine, and what its own tests expect of them: github.com/awslabs/deequ,
# src/test/scala/com/amazon/deequ/dqdl/EvaluateDataQualitySpec.scala and utils/FixtureSupport.scala.
NUMERIC: dict[str, tuple[str, list[Any]]] = {
    "item": ("VARCHAR", ["1", "2", "3", "4", "5", "6"]),
    "att1": ("INTEGER", [1, 2, 3, 4, 5, 6]),
    "att2": ("INTEGER", [0, 0, 0, 5, 6, 7]),
    "att3": ("INTEGER", [0, 0, 0, 4, 6, 7]),
}


@pytest.mark.parametrize(
    ("rule", "metric", "value"),
    [
        ('Entropy "att2" > 1', "Column.att2.Entropy", 1.24),
        ('Mean "att2" = 3', "Column.att2.Mean", 3),
        ('StandardDeviation "att2" > 3', "Column.att2.StandardDeviation", 3.05),
        ('Sum "att2" = 18', "Column.att2.Sum", 18),
        ('UniqueValueRatio "att2" > 0.7', "Column.att2.UniqueValueRatio", 0.75),
        ('DistinctValuesCount "att2" = 4', "Column.att2.DistinctValuesCount", 4),
        ('ColumnCorrelation "att2" "att3" > 0.8', "Multicolumn.att2,att3.ColumnCorrelation", 0.99),
        ('Uniqueness "item" = 1.0', "Column.item.Uniqueness", 1),
        ('CustomSql "select count(*) from primary where att1 > 1" = 5', "Dataset.*.CustomSQL", 5),
    ],
)
def test_figures_of_aws_s_own_tests(rule: str, metric: str, value: float) -> None:
    result = one(NUMERIC, rule)
    assert result["Result"] == "PASS"
    assert result["EvaluatedMetrics"][metric] == pytest.approx(value, abs=0.0099)


def test_aws_s_own_test_of_a_primary_key() -> None:
    """att2 is none; where att1 > 3 it is one (there att1 > 2, of a frame of six rows with another order)."""
    alone, some = evaluated(NUMERIC, 'IsPrimaryKey "att2"', 'IsPrimaryKey "att2" where "att1 > 3"')
    assert alone["Result"] == "FAIL"
    assert alone["EvaluatedMetrics"] == {"Column.att2.Completeness": 1, "Column.att2.Uniqueness": 0.5}
    assert some["Result"] == "PASS"


def test_documented_example_of_unique_value_ratio() -> None:
    """dqdl-rule-types-UniqueValueRatio.html: [a, a, b] has one unique of two distinct values."""
    letters = {"x": ("VARCHAR", ["a", "a", "b"])}
    assert one(letters, 'UniqueValueRatio "x" = 0.5')["Result"] == "PASS"
    assert one(letters, 'Uniqueness "x" > 0.5')["EvaluatedMetrics"] == {"Column.x.Uniqueness": 1 / 3}


def test_documented_example_of_mean_and_sum() -> None:
    """dqdl-rule-types-Mean.html and -Sum.html: NULL counts neither as a number nor as a row."""
    units = {"units": ("INTEGER", [0, NULL, 20, NULL, 40])}
    assert one(units, 'Mean "units" = 20')["Result"] == "PASS"
    assert one(units, 'Sum "units" = 60')["Result"] == "PASS"


def test_documented_null_behaviour_of_column_values() -> None:
    """dqdl-rule-types-ColumnValues.html, "Null behavior"."""
    ages = {"Age": ("INTEGER", [30, NULL])}
    results = evaluated(
        ages,
        'ColumnValues "Age" > 21',
        'ColumnValues "Age" = NULL',
        'ColumnValues "Age" != 21',
        'ColumnValues "Age" not in [21, 22, 23]',
        'ColumnValues "Age" not in [21, 22, 23, NULL]',
        'ColumnValues "Age" in [30, NULL]',
    )
    assert [each["Result"] for each in results] == ["FAIL", "FAIL", "PASS", "PASS", "FAIL", "PASS"]
    assert results[0]["EvaluationMessage"] == "Value: NULL does not meet the constraint requirement!"
    assert results[0]["EvaluatedMetrics"] == {"Column.Age.Minimum": 30}


def test_documented_null_behaviour_of_column_length() -> None:
    """dqdl-rule-types-ColumnLength.html: NULL is a text of length 0."""
    codes = {"Postal_Code": ("VARCHAR", ["12345", NULL])}
    longer, shorter = evaluated(codes, 'ColumnLength "Postal_Code" > 4', 'ColumnLength "Postal_Code" < 6')
    assert longer["Result"] == "FAIL"
    assert longer["EvaluationMessage"] == "Value: 0.0 does not meet the constraint requirement!"
    assert shorter["Result"] == "PASS"
    assert shorter["EvaluatedMetrics"] == {
        "Column.Postal_Code.MinimumLength": 0,
        "Column.Postal_Code.MaximumLength": 5,
    }


def test_documented_example_of_composites() -> None:
    """dqdl.html, "How composite rules work": each rule looks at the whole column before they are joined."""
    data = {"myCol1": ("INTEGER", [2, 0]), "myCol2": ("INTEGER", [1, 3])}
    result = one(data, '(ColumnValues "myCol1" > 1) OR (ColumnValues "myCol2" > 2)')
    assert result["Result"] == "FAIL"
    assert result["EvaluatedMetrics"] == {"Column.myCol1.Minimum": 0, "Column.myCol2.Minimum": 1}


TEXTS = {"t": ("VARCHAR", ["a", "b", "", "  ", NULL, "7"])}


@pytest.mark.parametrize(
    ("rule", "share"),
    [
        ('ColumnValues "t" in ["a", "b"]', 2 / 6),
        ('ColumnValues "t" in ["a", EMPTY, WHITESPACES_ONLY, NULL]', 4 / 6),
        ('ColumnValues "t" not in ["a"]', 5 / 6),
        ('ColumnValues "t" != EMPTY', 5 / 6),
        ('ColumnValues "t" matches "[ab]"', 2 / 6),
        ('ColumnValues "t" not matches "[ab]"', 3 / 6),
        ('ColumnValues "t" between 6 and 8', 1 / 6),
        ('ColumnDataType "t" = "INTEGER"', 1 / 6),
        ('ColumnDataType "t" != "INTEGER"', 5 / 6),
    ],
)
def test_shares_of_rows_by_hand(rule: str, share: float) -> None:
    assert one(TEXTS, rule)["Result"] == "FAIL"
    (passed,) = evaluated(TEXTS, f"{rule} with threshold >= {share - 0.01:.4f}")
    assert passed["Result"] == "PASS"
    assert list(passed["EvaluatedMetrics"].values()) == [pytest.approx(share)]


def test_dates() -> None:
    data = {"d": ("DATE", ["2026-01-01", "2026-01-31"]), "t": ("VARCHAR", ["2026-01-01", "no date"])}
    results = evaluated(
        data,
        'ColumnValues "d" > "2025-12-31"',
        'ColumnValues "d" between "2026-01-01" and "2026-02-01"',
        'ColumnValues "d" < (now() + 20000 days)',
        'ColumnValues "t" >= "2026-01-01"',
        'ColumnValues "t" in ["2026-01-01", "no date"]',
        'ColumnDataType "t" = "DATE" with threshold = 0.5',
    )
    assert [each["Result"] for each in results] == ["PASS", "FAIL", "PASS", "FAIL", "PASS", "PASS"]


def test_where_restricts_the_rows() -> None:
    data = {"a": ("INTEGER", [1, 2, 3, 4]), "b": ("VARCHAR", ["x", "x", "y", NULL])}
    results = evaluated(
        data,
        "RowCount = 2 where \"b = 'x'\"",
        'Completeness "b" = 0.5 where "a > 2"',
        'Uniqueness "b" = 0 where "a < 3"',
        'ColumnValues "a" > 2 where "`b` is null or b = \'y\'"',
        'Mean "a" > 1 where "a > 99"',
    )
    assert [each["Result"] for each in results] == ["PASS", "PASS", "PASS", "PASS", "FAIL"]
    assert "there is no row" in results[4]["EvaluationMessage"]


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ('Mean "nowhere" > 1', "Input data does not include column nowhere!"),
        ('Mean "b" > 1', "Expected type of column b to be numeric, but found VARCHAR instead!"),
        ('ColumnLength "a" > 1', "Expected type of column a to be string, but found INTEGER instead!"),
        ('RowCount > 0 where "nowhere = 1"', "nowhere"),
        ('RowCount > 0 where "a = "', "wrong SQL"),
        ('RowCount > 0 where "a in (select 1)"', "is no condition on the row"),
        ('RowCount > 0 where "1 = 1; drop table primary"', "one SQL expression is expected"),
        ('CustomSql "drop table primary" > 0', "CustomSql has to be one SELECT"),
        (
            'CustomSql "select count(*) from information_schema.tables" > 0',
            "the only table there is is primary",
        ),
        ("CustomSql \"select count(*) from read_text('/etc/hostname')\" > 0", "the only table there is"),
        ('CustomSql "select a from primary" > 0', "answers one number only"),
        ("CustomSql \"select 'x' from primary limit 1\" > 0", "is no number"),
        ('ColumnValues "b" matches "("', "missing )"),
        ('(RowCount > 0) or (Mean "nowhere" > 1)', "Input data does not include column nowhere!"),
    ],
)
def test_what_cannot_be_computed_is_an_error_and_never_a_pass(rule: str, says: str) -> None:
    data = {"a": ("INTEGER", [1, 2]), "b": ("VARCHAR", ["x", "y"])}
    broken, sound = evaluated(data, rule, "RowCount = 2")
    assert broken["Result"] == "ERROR"
    assert says in broken["EvaluationMessage"]
    assert sound["Result"] == "PASS"  # one wrong rule spoils no other


@pytest.mark.parametrize("kind", ["INTEGER", "DOUBLE", "VARCHAR"])
def test_an_empty_table_passes_nothing_but_counts(kind: str) -> None:
    results = evaluated(
        {"a": (kind, [])},
        "RowCount = 0", "ColumnCount = 1", 'ColumnExists "a"',
        'IsComplete "a"', 'IsUnique "a"', 'ColumnValues "a" > 0', 'IsPrimaryKey "a"', 'Entropy "a" >= 0',
    )  # fmt: skip
    assert [each["Result"] for each in results] == ["PASS"] * 3 + ["FAIL"] * 5


def test_a_column_without_values_passes_nothing() -> None:
    results = evaluated(
        {"a": ("DOUBLE", [NULL, NULL])},
        'Completeness "a" = 0', 'Mean "a" > 0', 'StandardDeviation "a" >= 0', 'Uniqueness "a" >= 0',
        'ColumnValues "a" > 0',
    )  # fmt: skip
    assert [each["Result"] for each in results] == ["PASS", "FAIL", "FAIL", "FAIL", "FAIL"]


def test_infinities_are_no_figures() -> None:
    result = one({"a": ("DOUBLE", [1.0, float("inf")])}, 'Mean "a" > 0')
    assert result["Result"] == "FAIL"
    assert result["EvaluatedMetrics"] == {}


def test_names_of_columns_are_no_sql() -> None:
    name = 'a""b); drop'
    data = {name: ("INTEGER", [1])}
    spelt = name.replace('""', '\\"')
    assert one(data, f'IsComplete "{spelt}"')["Result"] == "PASS"


FRAMES = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-1000, 1000)),
        st.one_of(st.none(), st.sampled_from(["a", "b", "", "longer text", "ü"])),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(FRAMES)
def test_figures_are_those_of_pandas(rows: list[tuple[int | None, str | None]]) -> None:
    frame = pandas.DataFrame(rows, columns=["n", "t"])
    data = {"n": ("INTEGER", [n for n, _ in rows]), "t": ("VARCHAR", [t for _, t in rows])}
    results = evaluated(
        data,
        "RowCount > 0", 'Completeness "t" > 0', 'Uniqueness "t" > 0', 'DistinctValuesCount "t" > 0',
        'Mean "n" > 0', 'StandardDeviation "n" > 0', 'Sum "n" > 0', 'Uniqueness "n" "t" > 0',
        'ColumnLength "t" > 0',
    )  # fmt: skip
    found = {name: value for each in results for name, value in each["EvaluatedMetrics"].items()}
    n, t = pandas.to_numeric(frame["n"]), frame["t"].dropna()
    counts, pairs = t.value_counts(), frame.dropna(how="all").value_counts(dropna=False)
    lengths = frame["t"].fillna("").str.len()
    expected: dict[str, float] = {
        "Dataset.*.RowCount": len(frame),
        "Column.t.Completeness": 1 - frame["t"].isna().mean(),
        "Column.t.DistinctValuesCount": t.nunique(),
        "Column.t.MinimumLength": lengths.min(),
        "Column.t.MaximumLength": lengths.max(),
    }
    if len(t):
        expected["Column.t.Uniqueness"] = (counts == 1).sum() / len(t)
    if n.notna().any():
        expected |= {
            "Column.n.Mean": n.mean(),
            "Column.n.StandardDeviation": n.std(ddof=0),
            "Column.n.Sum": n.sum(),
        }
    if len(pairs):
        expected["Multicolumn.n,t.Uniqueness"] = (pairs == 1).sum() / pairs.sum()
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(float(value), abs=1e-9), name


def test_one_scan_for_all_aggregates(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rules: one statement, and one for each set of columns whose values are counted."""
    asked: list[str] = []
    count, scan = Evaluator._count, Evaluator._scan
    monkeypatch.setattr(Evaluator, "_scan", lambda self, needs: asked.append("scan") or scan(self, needs))
    monkeypatch.setattr(Evaluator, "_count", lambda self, need: asked.append("count") or count(self, need))
    rules = [f'Mean "att1" > {number}' for number in range(50)]
    rules += [f'ColumnValues "att2" < {number}' for number in range(50)]
    rules += ['IsUnique "item"', 'Uniqueness "item" > 0.5', 'Entropy "item" > 0', 'IsPrimaryKey "item"']
    assert len(evaluated(NUMERIC, *rules)) == 104
    assert asked == ["scan", "count"]
