# ruff: noqa: S608 - SQL is what this module makes; names are quoted
"""A ruleset that a table fulfils, with room for the next day's to differ a little.

rows                 half to twice as many
values               all there, or at least the share that 95 in 100 samples of this size would have
few different texts  a list of them;  numbers: not below 0 if none is, at most a tenth of the span more
texts                lengths as seen;  texts that are all numbers or dates: that data type
keys                 unique where text or integer values are
numbers              standard deviation within a quarter
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Any

import duckdb

from local_aws.images.data_quality.dqdl import LONGEST, MOST_RULES, parse, quoted
from local_aws.images.data_quality.evaluate import NUMBERS, Evaluator
from local_aws.images.data_quality.source import ROWS, name

MOST_CATEGORIES = 20
ROWS_PER_CATEGORY = 5  # a list of values is a habit only when each was seen a few times
LONGEST_CATEGORY = 100  # characters
FEWEST_ROWS = 10  # for a standard deviation
ALMOST_UNIQUE = 0.9
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")


class NothingToRecommend(Exception):
    """The table has no row."""


@dataclass(frozen=True)
class _Profile:
    """What one column holds."""

    column: str
    kind: str
    rows: int
    held: int  # rows with a value
    distinct: int  # of texts and whole numbers
    low: Any
    high: Any
    deviation: float | None
    shortest: int | None
    longest: int | None


def recommend(connection: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> str:
    """The text of a ruleset for the relation ``primary``; partition keys are left out of ``columns``.

    Raises NothingToRecommend.
    """
    evaluator = Evaluator(connection)
    kinds = {column: evaluator.kinds[column.lower()] for column in columns}
    row = connection.execute(f"SELECT count(*) FROM {name(ROWS)}").fetchone()
    rows = int(row[0]) if row else 0
    if not rows:
        raise NothingToRecommend("The data source has no rows, so there is nothing to recommend rules from.")
    texts = [f"RowCount between {max(rows // 2 - 1, 0)} and {rows * 2 + 1}"]
    for profile in _profiles(connection, kinds, rows):
        texts += _rules(connection, profile)
    while len(texts) > MOST_RULES or sum(len(text) + 8 for text in texts) > LONGEST:  # of a very wide table
        texts.pop()
    rules = parse(_ruleset(texts))
    # What is recommended must hold: a figure that rounding or a surprising value brings down is left out.
    results = evaluator.evaluate(rules)
    kept = [rule.text for rule, result in zip(rules, results, strict=True) if result["Result"] == "PASS"]
    return _ruleset(kept)


def _ruleset(rules: Sequence[str]) -> str:
    return "Rules = [\n    " + ",\n    ".join(rules) + "\n]"


def _profiles(connection: duckdb.DuckDBPyConnection, kinds: dict[str, str], rows: int) -> Iterator[_Profile]:
    """One scan for all columns."""
    selected, width = [], 7
    for column, kind in kinds.items():
        it = name(column)
        numeric, text = bool(NUMBERS.fullmatch(kind)), kind == "VARCHAR"
        finite = f"FILTER (WHERE isfinite({it}::DOUBLE))" if numeric else ""
        selected += [
            f"count({it})",
            f"count(DISTINCT {it})" if text or kind in WHOLE else "0",  # nothing asks for it of others
            f"min({it}) {finite}" if numeric else "NULL",
            f"max({it}) {finite}" if numeric else "NULL",
            f"CASE WHEN bool_and(isfinite({it}::DOUBLE)) THEN stddev_pop({it}) END" if numeric else "NULL",
            f"min(coalesce(length({it}), 0))" if text else "NULL",
            f"max(length({it}))" if text else "NULL",
        ]
    if not selected:
        return
    row = connection.execute(f"SELECT {', '.join(selected)} FROM {name(ROWS)}").fetchone() or ()
    for number, (column, kind) in enumerate(kinds.items()):
        yield _Profile(column, kind, rows, *row[number * width : (number + 1) * width])


def _rules(connection: duckdb.DuckDBPyConnection, seen: _Profile) -> Iterator[str]:
    column = quoted(seen.column)
    if not seen.held:
        return
    complete = seen.held == seen.rows
    share = seen.held / seen.rows
    floor = share - 1.96 * math.sqrt(share * (1 - share) / seen.rows)
    least = _down(max(floor - 0.005, 0.0))
    yield f"IsComplete {column}" if complete else f"Completeness {column} >= {least}"
    present = "" if complete else f" where {quoted(f'`{seen.column}` is not null')}"
    if seen.kind == "VARCHAR" or seen.kind in WHOLE:
        yield from _unique(seen, column)
    if NUMBERS.fullmatch(seen.kind):
        yield from _number(seen, column, present)
    elif seen.kind == "VARCHAR":
        values = _categories(connection, seen)
        if values:
            listed = [quoted(value) for value in values] + ([] if complete else ["NULL"])
            yield f"ColumnValues {column} in [{','.join(listed)}]"
        else:
            low, high = (seen.shortest or 0) - 1, (seen.longest or 0) + 1
            yield f"ColumnLength {column} between {low} and {high}"
            yield from _data_type(connection, column, present)


def _unique(seen: _Profile, column: str) -> Iterator[str]:
    if seen.held < FEWEST_ROWS:
        return
    if seen.distinct == seen.held:
        yield f"IsUnique {column}"
    elif seen.distinct / seen.held > ALMOST_UNIQUE:
        # Values that occur twice or more are at most twice the missing share of distinct ones.
        yield f"Uniqueness {column} > {_down(max(2 * seen.distinct / seen.held - 1 - 0.02, 0.0))}"


def _number(seen: _Profile, column: str, present: str) -> Iterator[str]:
    if seen.low is None:
        return
    low, high = Decimal(str(seen.low)), Decimal(str(seen.high))
    if seen.kind in WHOLE and seen.distinct <= 2 and low >= 0 and high <= 1:
        yield f"ColumnValues {column} in [0,1]{present}"
        return
    room = (high - low) / 10 or Decimal(1)
    if low >= 0:
        yield f"ColumnValues {column} >= 0{present}"
        yield f"ColumnValues {column} <= {_fixed(high + room, ROUND_CEILING)}{present}"
    else:
        lowest, highest = _fixed(low - room, ROUND_FLOOR), _fixed(high + room, ROUND_CEILING)
        yield f"ColumnValues {column} between {lowest} and {highest}{present}"
    if seen.deviation and math.isfinite(seen.deviation) and seen.held >= FEWEST_ROWS:
        spread = Decimal(str(seen.deviation))
        bounds = _fixed(spread * 3 / 4, ROUND_FLOOR), _fixed(spread * 5 / 4, ROUND_CEILING)
        yield f"StandardDeviation {column} between {bounds[0]} and {bounds[1]}"


def _categories(connection: duckdb.DuckDBPyConnection, seen: _Profile) -> list[str]:
    """The values of a text column that has few; none when it has many, or odd ones."""
    if seen.distinct > MOST_CATEGORIES or seen.held < seen.distinct * ROWS_PER_CATEGORY:
        return []
    it = name(seen.column)
    found = connection.execute(
        f"SELECT DISTINCT {it} FROM {name(ROWS)} WHERE {it} IS NOT NULL ORDER BY 1"
    ).fetchall()
    values = [str(row[0]) for row in found]
    return values if all(len(each) <= LONGEST_CATEGORY and each.isprintable() for each in values) else []


def _data_type(connection: duckdb.DuckDBPyConnection, column: str, present: str) -> Iterator[str]:
    """The narrowest type to which every value of a text column can be cast."""
    candidates = ("INTEGER", "LONG", "DOUBLE", "DATE", "TIMESTAMP")
    texts = [f'ColumnDataType {column} = "{kind}"{present}' for kind in candidates]
    results = Evaluator(connection).evaluate(parse(_ruleset(texts)))
    yield from [text for text, result in zip(texts, results, strict=True) if result["Result"] == "PASS"][:1]


def _down(value: float) -> str:
    return f"{Decimal(value).quantize(Decimal('0.01'), ROUND_FLOOR):f}"


def _fixed(value: Decimal, rounding: str) -> str:
    """A number without an exponent, which DQDL does not know, to three significant digits or whole."""
    digits = max(0, 2 - value.adjusted()) if value else 0
    with localcontext(prec=700):  # a double has up to 309 digits before its point and 323 zeros behind
        return f"{value.quantize(Decimal(1).scaleb(-digits), rounding):f}"
