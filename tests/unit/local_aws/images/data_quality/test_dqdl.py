"""DQDL: what is read, and with which words the rest is refused."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_aws.images.data_quality.dqdl import (
    NOT_EMULATED,
    TYPES,
    Composite,
    Condition,
    DqdlError,
    Keyword,
    Moment,
    Rule,
    parse,
    quoted,
)

NOW = datetime.fromisoformat("2026-01-15T12:00")


def rule(text: str) -> Rule:
    (found,) = parse(f"Rules = [ {text} ]", NOW)
    assert isinstance(found, Rule)
    return found


# Examples of AWS's pages: docs.aws.amazon.com/glue/latest/dg/dqdl.html and dqdl-rule-types-*.html.
DOCUMENTED = [
    'IsComplete "order-id"',
    '(IsComplete "id") and (IsUnique "id")',
    '(Mean "Star_Rating" > 3) and (Mean "Order_Total" > 500) and (IsComplete "Order_Id")',
    '(Mean "Star_Rating" > 3) and ((Mean "Order_Total" > 500) or (IsComplete "Order_Id"))',
    '(RowCount > 0) or ((IsComplete "colA") and (IsUnique "colA"))',
    'ColumnValues "Country" in [ "US", "CA", "UK", NULL, EMPTY, WHITESPACES_ONLY ]',
    'ColumnValues "gender" in ["F", "M"] where "weightinkgs < 10"',
    'ColumnValues "First_Name" matches "[a-zA-Z]*"',
    'ColumnValues "Load_Date" > (now() - 3 days)',
    'ColumnValues "Customer_ID" between 1 and 2000',
    '(ColumnValues "Age" > 21) OR (ColumnValues "Age" = NULL)',
    'ColumnValues "Age" not in [21, 22, 23, NULL]',
    'ColumnLength "Postal_Code" = 5',
    'ColumnLength "weightinkgs" = 2 where "weightinkgs > 10"',
    'ColumnDataType "colA" = "INTEGER" with threshold > 0.9',
    'Uniqueness "vendorid" "tpep_pickup_datetime" = 1',
    'UniqueValueRatio "Customer_ID" between 0 and 0.9 where "Customer_ID < 10"',
    'DistinctValuesCount "State" > 3',
    'Sum "transaction_total" > 500000',
    'Mean "Salary" < 6200 where "Customer_ID < 10"',
]


@pytest.mark.parametrize("text", DOCUMENTED)
def test_documented_examples_are_read(text: str) -> None:
    (found,) = parse(f"Rules = [ {text} ]", NOW)
    assert parse(f"Rules = [{found.text}]", NOW) == [found]  # the text on one line says the same


def test_comments_lines_and_commas() -> None:
    found = parse(
        """
        # a ruleset
        Rules = [
            RowCount between 100 and 1000,   # rows, not bytes
            IsComplete
                "a # b"
        ]
        """
    )
    assert [each.text for each in found] == ["RowCount between 100 and 1000", 'IsComplete "a # b"']


def test_conditions_are_read() -> None:
    assert rule('Mean "a" not between -1.5 and 2').condition == Condition(
        "between", (-1.5, 2.0), negated=True
    )
    assert rule('ColumnValues "a" in ["x", NULL]').condition == Condition("in", ("x", Keyword.NULL))
    assert rule('ColumnValues "a" != "it\\"s"').condition == Condition("!=", ('it"s',))
    assert rule('ColumnValues "a" not matches "\\d+"').condition == Condition(
        "matches", ("\\d+",), negated=True
    )
    dated = rule('ColumnValues "d" between "2026-01-01" and (now() - 3 days)').condition
    assert dated is not None
    assert [each.at for each in dated.operands if isinstance(each, Moment)] == [
        datetime.fromisoformat("2026-01-01"),
        datetime.fromisoformat("2026-01-12T12:00"),
    ]


def test_composites_keep_their_nesting() -> None:
    (found,) = parse('Rules = [(IsComplete "a") and ((IsUnique "b") or (Mean "c" < 3))]')
    assert isinstance(found, Composite)
    assert found.operator == "and"
    inner = found.parts[1]
    assert isinstance(inner, Composite)
    assert inner.operator == "or"


def test_bounds_of_between_are_exclusive_and_of_not_between_inclusive() -> None:
    """AWS: `between` is "in a specified range (exclusive)"."""
    between = rule("RowCount between 1 and 3").condition
    outside = rule("RowCount not between 1 and 3").condition
    assert between is not None
    assert outside is not None
    assert [between.holds(figure) for figure in (1, 2, 3)] == [False, True, False]
    assert [outside.holds(figure) for figure in (1, 2, 3)] == [True, False, True]


# Line from 1 and column from 0, as in AWS's "Parsing Error: line 1:8 …".
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rules = [RowCount > 1]", "Parsing Error: line 1:0 at input 'rules': expecting 'Rules'"),
        ("Rules = [RowCount >]", "Parsing Error: line 1:19 at input ']': expecting a number"),
        (
            "Rules = [\n  IsComplete x\n]",
            "Parsing Error: line 2:13 at input 'x': IsComplete expects 1 quoted",
        ),
        ('Rules = [Complete "x"]', "rule type Complete is not valid"),
        ('Rules = [iscomplete "x"]', "rule type iscomplete is not valid"),
        ('Rules = [DataFreshness "x" < 3 hours]', "does not evaluate rule type DataFreshness"),
        ('Rules = [Mean "a" > avg(last(3))]', "dynamic rules are for Glue ETL only"),
        ('Rules = [IsComplete "a]', "the quote that opens here is never closed"),
        ('Rules = [IsComplete "a" IsUnique "a"]', "expecting ']'"),
        ('Rules = [IsComplete "a",]', "expecting a rule"),
        ("Rules = []", "no rules provided"),
        ('Rules = [(RowCount > 1) and (RowCount < 5) or (IsUnique "a")]', "'and' and 'or' side by side"),
        ('Rules = [ColumnValues "a" > "x"]', "compares numbers and dates only"),
        ('Rules = [ColumnValues "a" in [1, "x"]]', "cannot be mixed"),
        ('Rules = [ColumnDataType "a" = "MONEY"]', "data type MONEY is not one of BOOLEAN"),
        ('Rules = [Mean "a" > 1 with threshold > 0.5]', "Mean takes no threshold"),
        ('Rules = [ColumnExists "a" where "b > 1"]', "ColumnExists takes no where"),
        ("Rules = [" + "(" * 60 + "RowCount > 1" + ")" * 60 + "]", "more than 50 parentheses"),
        ("Analyzers = [RowCount]", "the local stand-in reads the section Rules only"),
        ("Rules = [RowCount > 1] Analyzers = []", "expecting the end of the ruleset"),
        ("Rules = [" + " " * 65536 + "]", "allowed are 65536"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(DqdlError) as caught:
        parse(text)
    assert says in str(caught.value)


@pytest.mark.parametrize("name", sorted(NOT_EMULATED))
def test_rule_types_that_only_aws_evaluates_are_named(name: str) -> None:
    assert name not in TYPES
    with pytest.raises(DqdlError, match=f"does not evaluate rule type {name}"):
        parse(f'Rules = [{name} "a"]')


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(f"Rules = [ {text} ]")
    except DqdlError as refused:
        said = str(refused)
    else:
        said = "Parsing Error: none"
    assert said.startswith("Parsing Error")


@given(st.text())
def test_any_name_can_be_quoted(name: str) -> None:
    assert rule(f"IsComplete {quoted(name)}").parameters == (name,)
