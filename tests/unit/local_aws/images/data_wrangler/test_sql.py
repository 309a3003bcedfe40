"""Formulas and SQL code: Spark's answers, and what is not let through.

Where a value is Spark's own example of a function, it is from https://spark.apache.org/docs/3.5.1/api/sql/;
all were compared with PySpark 3.5.6, without ANSI mode as in AWS's image.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from local_aws.images.data_wrangler.problems import CannotDo
from local_aws.images.data_wrangler.sql import formula, formula_problem, query, query_problem
from local_aws.images.data_wrangler.values import LONG, kind_of, new
from tests.support.data_wrangler import plain, table

GIVEN = {
    "a": [7],
    "b": [2],
    "f": [2.7],
    "n": [-2.5],
    "none": new([None], LONG),
    "t": ["Spark SQL"],
    "num": ["2.9"],
    "d": [date(2016, 7, 30)],
    "w": [datetime.fromisoformat("2009-07-30T12:58:59")],
    "ok": [True],
    'a "b".c': [5],
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # a division is never of integers; by 0 it has no value
        ("a / b", 3.5), ("a div b", 3), ("a % b", 1), ("a / 0", None), ("f / 0", None), ("a + b * 2", 11),
        ("-a", -7), ("a - none", None),
        # casts cut off, and have no value where they fail
        ("cast(f as int)", 2), ("cast(n as bigint)", -2), ("cast(num as int)", 2), ("cast(t as int)", None),
        ("cast(a as string)", "7"), ("cast('10' as double)", 10.0), ("int(f)", 2),
        # Spark rounds half up
        ("round(2.5)", 3.0), ("round(n)", -3.0), ("round(2.345, 2)", 2.35), ("floor(f)", 2), ("ceil(f)", 3),
        ("abs(n)", 2.5), ("sqrt(4)", 2.0), ("cbrt(27.0)", 3.0), ("exp(0)", 1.0), ("ln(1)", 0.0),
        ("log(1)", 0.0), ("log10(100)", 2.0), ("log(10, 100)", 2.0), ("pow(2, 3)", 8.0), ("sign(40)", 1.0),
        ("greatest(10, 9, 2, 4, 3)", 10), ("least(10, 9, 2, 4, 3)", 2),
        # conditions
        ("a == 7 and b <> 3", True), ("a > 7 or b >= 2", True), ("not ok", False), ("none is null", True),
        ("isnull(none)", True), ("isnotnull(none)", False), ("none <=> null", True), ("a in (1, 7)", True),
        ("a between 1 and 6", False), ("if(a > 5, 'high', 'low')", "high"),
        ("case when a < 5 then 1 when a < 9 then 2 else 3 end", 2), ("coalesce(none, b, 1)", 2),
        ("nvl(none, 0)", 0), ("nullif(a, 7)", None), ("t like 'Spark%'", True), ("t rlike '^S.*L$'", True),
        # texts
        ("concat('Spark', 'SQL')", "SparkSQL"), ("t || '!'", "Spark SQL!"), ("upper(t)", "SPARK SQL"),
        ("lower(t)", "spark sql"), ("length('Spark SQL ')", 10), ("trim('  SparkSQL   ')", "SparkSQL"),
        ("substring('Spark SQL', 5, 1)", "k"), ("substr(t, 7)", "SQL"), ("left(t, 3)", "Spa"),
        ("right(t, 3)", "SQL"), ("replace('ABCabc', 'abc', 'DEF')", "ABCDEF"),
        ("regexp_replace('100-200', '[0-9]+', 'num')", "num-num"), ("instr('SparkSQL', 'SQL')", 6),
        ("lpad('hi', 5, '?')", "???hi"), ("rpad('hi', 1, '??')", "h"),
        # dates
        ("year(d)", 2016), ("month(d)", 7), ("day(d)", 30), ("quarter(to_date('2016-08-31'))", 3),
        ("dayofyear('2016-04-09')", 100), ("hour(w)", 12), ("minute(w)", 58), ("second(w)", 59),
        ("datediff('2009-07-31', '2009-07-30')", 1), ("to_date('2016-12-31')", date(2016, 12, 31)),
        # names: no case, and backticks
        ("A + B", 9), ('`a "b".c` * 2', 10), ("true", True), ("null", None),
    ],
)  # fmt: skip
def test_a_formula_has_sparks_value(text: str, value: Any) -> None:
    assert formula_problem(text) is None
    made = formula(table(GIVEN), text)
    assert plain(table({"made": made}))["made"] == [
        pytest.approx(value) if isinstance(value, float) else value
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("read_csv('/etc/passwd')", "READ_CSV is not allowed in a formula"),
        ("read_text('/etc/passwd')", "read_text is not known"),
        ("(select max(a) from df)", "is not allowed in a formula"),
        ("sum(a)", "the function SUM is not allowed in a formula"),
        ("sum(a) over (partition by b)", "is not allowed in a formula"),
        ("rand()", "the function RAND is not allowed in a formula"),
        ("a; drop table df", "found 2 statements; allowed: one"),
        ("a +", "is not Spark SQL"),
        ("df.a", "found df.a; allowed: a column's name"),
        ("getenv('HOME')", "getenv is not known"),
        ("isnull(a, b)", "isnull takes 1 arguments"),
        ("*", "is not allowed in a formula"),
        ("", "found 0 statements"),
    ],
)
def test_what_is_not_known_is_refused_before_anything_runs(text: str, says: str) -> None:
    assert says in (formula_problem(text) or "")


def test_an_unknown_column_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        CannotDo, match=r"no column 'incme'; there are income, debt \(did you mean income\?\)"
    ):
        formula(table({"income": [1], "debt": [2]}), "debt / incme")


def test_a_formula_of_constants_has_a_value_for_every_row() -> None:
    assert plain(table({"x": formula(table({"a": [1, 2, 3]}), "1 + 1")}))["x"] == [2, 2, 2]
    assert list(formula(table({"a": []}), "1 + 1")) == []


def test_rows_keep_their_order() -> None:
    given = table({"a": list(range(300_000))})
    assert plain(table({"x": formula(given, "a * 2")}))["x"] == [2 * each for each in range(300_000)]


def test_kinds_are_sparks() -> None:
    given = table(GIVEN)
    for text, kind in [
        ("a + 1", "long"),
        ("a * 0.5", "float"),
        ("a > 1", "bool"),
        ("t", "string"),
        ("d", "date"),
    ]:
        assert kind_of(formula(given, text)) == kind, text


def test_sql_reads_the_one_table() -> None:
    given = table({"g": ["x", "y", "x"], "v": [1, 2, 4]})
    made = query(given, "with s as (select g, sum(v) as total from df group by g) select * from s order by g")
    assert plain(made) == {"g": ["x", "y"], "total": [5, 2]}
    made = query(
        given, "SELECT v, row_number() OVER (PARTITION BY g ORDER BY v DESC) AS r FROM df ORDER BY v"
    )
    assert plain(made) == {"v": [1, 2, 4], "r": [2, 1, 1]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("select * from other", "found the table other; allowed: df"),
        ("select * from '/etc/passwd'", "code: "),
        ("select * from information_schema.tables", "found the table information_schema.tables"),
        ("select * from read_csv('/etc/passwd')", "code: "),
        ("drop table df", "found DROP; allowed: a SELECT statement"),
        ("insert into df values (1)", "allowed: a SELECT statement"),
        ("attach 'x.db'", "code: "),
        ("set memory_limit = '1GB'", "code: "),
        ("copy df to 'x'", "code: "),
        ("select getenv('HOME') from df", "getenv is not known"),
    ],
)
def test_sql_reaches_nothing_else(text: str, says: str) -> None:
    assert says in (query_problem(text) or "")


def test_a_statement_that_fails_says_why() -> None:
    with pytest.raises(CannotDo, match="the SQL failed: Binder Error"):
        query(table({"a": [1]}), "select b from df")
