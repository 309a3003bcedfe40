"""What is told of a data quality rule when a workflow file is loaded."""

from __future__ import annotations

import pytest

from aws_ml.dqdl import RuleInvalid, named


@pytest.mark.parametrize(
    ("rule", "columns"),
    [
        ("RowCount between 1 and 5", ()),
        ('IsComplete "a"', ("a",)),
        ('Uniqueness "a" "b" = 1 where "c > 1"', ("a", "b")),
        (
            '(Mean "a" > 1) and ((IsUnique "b") or (ColumnValues "c" in ["x", NULL] with threshold > 0.9))',
            ("a", "b", "c"),
        ),
        ('ColumnValues "d" > (now() - 3 days)', ("d",)),
        ('ColumnValues "d" matches "\\"[(]"', ("d",)),
        ('CustomSql "select count(*) from primary" > 1', ()),
        ('IsComplete "a \\"quoted\\" name"', ('a "quoted" name',)),
        ('IsComplete  # the key\n  "a"', ("a",)),
    ],
)
def test_columns_are_what_stands_behind_a_rule_type(rule: str, columns: tuple[str, ...]) -> None:
    assert named(rule).columns == columns


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("IsComplete age", "age is no rule type"),
        ('IsCompleet "age"', "IsCompleet is no rule type"),
        ('IsComplete "age', "a quote is never closed"),
        ('(IsComplete "age"', r"\) is missing"),
        ('IsComplete "age")', r"\) closes nothing"),
        ('IsComplete "a", IsComplete "b"', "write each rule as an item of its own"),
        ("", "no rule type"),
        ('"age" > 3', "no rule type"),
    ],
)
def test_what_cannot_be_a_rule_is_refused(rule: str, says: str) -> None:
    with pytest.raises(RuleInvalid, match=says):
        named(rule)
