"""What can be told of a data quality rule without evaluating it: its type, and the columns that it names.

Glue checks a ruleset's grammar when it is stored. A column that does not exist it notices only while it
evaluates, in a run that is paid for; that is what this module finds when the workflow file is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# https://docs.aws.amazon.com/glue/latest/dg/dqdl-rule-types.html
COLUMN_RULES = (
    "ColumnCorrelation", "ColumnDataType", "ColumnExists", "ColumnLength", "ColumnValues", "Completeness",
    "DataFreshness", "DistinctValuesCount", "Entropy", "IsComplete", "IsPrimaryKey", "IsUnique", "Mean",
    "StandardDeviation", "Sum", "UniqueValueRatio", "Uniqueness",
)  # fmt: skip
OTHER_RULES = ("ColumnCount", "ColumnNamesMatchPattern", "CustomSql", "RowCount")
RULE_TYPES = (*COLUMN_RULES, *OTHER_RULES)
_KEYWORDS = frozenset(
    [
        "and",
        "or",
        "not",
        "between",
        "in",
        "matches",
        "with",
        "threshold",
        "where",
        "now",
        "days",
        "hours",
        "minutes",
        "null",
        "empty",
        "whitespaces_only",
    ]
)
_TOKEN = re.compile(r'\s+|#[^\n]*|(?P<text>"(?:\\.|[^"\\])*")|(?P<word>[A-Za-z_]\w*)|(?P<other>.)', re.DOTALL)
_CLOSING = {"(": ")", "[": "]"}


@dataclass(frozen=True)
class Named:
    """What a rule names."""

    types: tuple[str, ...]  # rule types, one in a simple rule, more in one of `and` and `or`
    columns: tuple[str, ...]


class RuleInvalid(ValueError):
    """The text cannot be a rule; the message says why."""


def named(rule: str) -> Named:
    """The rule types and columns of a rule.

    >>> named('(Mean "age" > 18) and (IsComplete "sex")').columns
    ('age', 'sex')

    :raises RuleInvalid: a quote or parenthesis stays open, or a word is no rule type
    """
    types: list[str] = []
    columns: list[str] = []
    open_: list[str] = []
    takes_columns = False
    for kind, text in _tokens(rule):
        if kind == "text":
            if takes_columns:
                columns.append(re.sub(r'\\(["\\])', r"\1", text[1:-1]))
            continue
        takes_columns = False
        if kind == "word" and text.lower() not in _KEYWORDS:
            if text not in RULE_TYPES:
                raise RuleInvalid(f"{text} is no rule type and no word of a rule")
            types.append(text)
            takes_columns = text in COLUMN_RULES
        elif text in _CLOSING:
            open_.append(_CLOSING[text])
        elif text in _CLOSING.values() and (not open_ or open_.pop() != text):
            raise RuleInvalid(f"{text} closes nothing")
        elif text == "," and not open_:
            raise RuleInvalid("a comma separates rules; write each rule as an item of its own")
    if open_:
        raise RuleInvalid(f"{open_[-1]} is missing")
    if not types:
        raise RuleInvalid("no rule type is named")
    return Named(tuple(types), tuple(columns))


def _tokens(rule: str) -> Iterator[tuple[str, str]]:
    for found in _TOKEN.finditer(rule):
        if found["other"] == '"':
            raise RuleInvalid("a quote is never closed")
        if found.lastgroup:
            yield found.lastgroup, found.group()
