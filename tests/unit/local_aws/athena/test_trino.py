# ruff: noqa: E501, S608 - a query is read best on one line, and all text here is our own
"""Trino SQL answers what Trino answers: values from its documentation and its own rules of types."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from local_aws.services.athena.errors import explained
from local_aws.services.athena.failure import QueryFailed
from local_aws.services.athena.results import as_text
from local_aws.services.athena.sandbox import Sandbox, sandbox
from local_aws.services.athena.trino.dialect import parse_query
from local_aws.services.athena.trino.translate import duckdb_sql
from local_aws.services.athena.trino.types import from_result


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("athena") / "room") as made:
        made.lock()
        yield made


def answer(room: Sandbox, sql: str) -> list[list[str | None]]:
    """The rows of a query as text."""
    try:
        text = duckdb_sql(parse_query(sql), sql, room.connection, real="data", shape="shape")
        cursor = room.connection.execute(text)
        kinds = [from_result(column[1]) for column in cursor.description]
        return [
            [as_text(value, kind) for value, kind in zip(row, kinds, strict=True)]
            for row in cursor.fetchall()
        ]
    except duckdb.Error as problem:
        raise explained(problem, sql) from None


VALUES = {
    # Division and remainder follow the types of both sides.
    "7 / 2": "3",
    "-7 / 2": "-3",
    "7 / 2e0": "3.5",
    "1.0 / 3": "0.3",
    "2.0 / 3": "0.7",
    "-2.0 / 3": "-0.7",
    "1 / 3.000": "0.333",
    "100.0 * 1 / 3": "33.3",
    "1e0 / 0": "Infinity",
    "7 % -3": "1",
    "-7 % 3": "-1",
    "5.5 % 2": "1.5",
    "1.50 * 2.0": "3.000",
    # Rounding is half away from zero; a decimal keeps its scale.
    "round(2.5e0)": "3.0",
    "round(-2.5e0)": "-3.0",
    "round(2.567, 1)": "2.600",
    "round(2.5)": "3",
    "round(5)": "5",
    "truncate(-2.7e0)": "-2.0",
    "ceil(2.1e0)": "3.0",
    "floor(-2)": "-2",
    "sign(-2)": "-1",
    # Casts
    "CAST(2.5 AS integer)": "3",
    "CAST(2.5e0 AS integer)": "3",
    "CAST(-2.5e0 AS integer)": "-3",
    "CAST('12' AS bigint)": "12",
    "TRY_CAST('1.5' AS integer)": None,
    "TRY_CAST('1_000' AS integer)": None,
    "TRY_CAST('x' AS double)": None,
    "CAST(' 1.5 ' AS double)": "1.5",
    "CAST('t' AS boolean)": "true",
    "TRY_CAST('yes' AS boolean)": None,
    "CAST('2024-02-29' AS date)": "2024-02-29",
    "TRY_CAST('2024-02-30' AS date)": None,
    "TRY_CAST('2024-01-01 10:00:00' AS date)": None,
    "CAST('2024-01-01 10:00' AS timestamp)": "2024-01-01 10:00:00.000",
    "CAST(1.5e0 AS varchar)": "1.5E0",
    "CAST(123456.789e0 AS varchar)": "1.23456789E5",
    "CAST(1e20 AS varchar)": "1.0E20",
    "CAST(0.00012e0 AS varchar)": "1.2E-4",
    "CAST(-10e0 AS varchar)": "-1.0E1",
    "CAST(0e0 AS varchar)": "0.0E0",
    "CAST(1.50 AS varchar)": "1.50",
    "CAST(true AS varchar)": "true",
    "CAST('abcdef' AS varchar(3))": "abc",
    "CAST(DATE '2024-01-01' AS varchar)": "2024-01-01",
    "CAST(TIMESTAMP '2024-01-01 00:00:00' AS varchar)": "2024-01-01 00:00:00.000",
    "CAST(ROW(1, 'a') AS ROW(x bigint, y varchar)).y": "a",
    "CAST(json_parse('{\"a\": 1}') AS map(varchar, integer))['a']": "1",
    "CAST(json_parse('\"x\"') AS varchar)": "x",
    "typeof(1)": "integer",
    "typeof(1.5)": "decimal(2,1)",
    "typeof(1e0)": "double",
    # Text
    "concat('a', 'b')": "ab",
    "concat('a', CAST(NULL AS varchar))": None,
    "'a' || 'b'": "ab",
    "length('héllo')": "5",
    "substr('hello', 2, 3)": "ell",
    "substr('hello', -2)": "lo",
    "substr('hello', 0)": "",
    "substr('hello', -9)": "",
    "substring('hello' FROM 2 FOR 2)": "el",
    "strpos('abc', 'c')": "3",
    "position('b' IN 'abc')": "2",
    "trim('  a\t')": "a",
    "trim(BOTH 'x' FROM 'xax')": "a",
    "split('a,b', ',')[2]": "b",
    "split_part('a-b', '-', 2)": "b",
    "split_part('a-b', '-', 3)": None,
    "replace('aba', 'a', 'x')": "xbx",
    "lpad('5', 3, '0')": "005",
    "reverse('abc')": "cba",
    "reverse(ARRAY[1, 2])": "[2, 1]",
    "concat(ARRAY[1], ARRAY[2])": "[1, 2]",
    "upper('é')": "É",
    "regexp_like('1a 2b 14m', '\\d+b')": "true",
    "regexp_extract('1a 2b 14m', '\\d+')": "1",
    "regexp_extract('1a 2b 14m', '(\\d+)([a-z]+)', 2)": "a",
    "regexp_extract('abc', '\\d')": None,
    "regexp_extract_all('1a 2b 14m', '\\d+')": "[1, 2, 14]",
    "regexp_replace('1a 2b 14m', '(\\d+)([ab]) ', '3c$2 ')": "3ca 3cb 14m",
    "regexp_replace('a1b2', '\\d')": "ab",
    "regexp_split('1a 2b 14m', '\\s*[a-z]+\\s*')": "[1, 2, 14, ]",
    "levenshtein_distance('kitten', 'sitting')": "3",
    "to_hex(md5(to_utf8('a')))": "0CC175B9C0F1B6A831C399E269772661",
    "from_utf8(from_base64('aGk='))": "hi",
    "format('%s-%03d', 'a', 7)": "a-007",
    # Conditions
    "if(1 > 2, 'a', 'b')": "b",
    "if(1 > 2, 'a')": None,
    "coalesce(NULL, 2)": "2",
    "nullif(1, 1)": None,
    "greatest(1, 3, 2)": "3",
    "greatest(1, NULL, 3)": None,
    "NULL = NULL": None,
    "1 IS DISTINCT FROM NULL": "true",
    "try(7 / 0)": None,
    "try(CAST('x' AS integer))": None,
    "try(ARRAY[1][5])": None,
    # Dates and times
    "date_trunc('month', DATE '2024-03-15')": "2024-03-01",
    "date_trunc('week', DATE '2024-03-17')": "2024-03-11",
    "date_trunc('hour', TIMESTAMP '2024-03-15 10:20:30')": "2024-03-15 10:00:00.000",
    "date_add('day', 30, DATE '2024-01-31')": "2024-03-01",
    "date_add('month', 1, DATE '2024-01-31')": "2024-02-29",
    "date_add('minute', -5, TIMESTAMP '2024-01-01 00:00:00')": "2023-12-31 23:55:00.000",
    "date_diff('day', DATE '2024-01-01', DATE '2024-03-01')": "60",
    "date_diff('month', DATE '2024-01-31', DATE '2024-02-28')": "0",
    "date_diff('day', TIMESTAMP '2024-01-01 23:00:00', TIMESTAMP '2024-01-02 01:00:00')": "0",
    "date_diff('year', DATE '2024-12-31', DATE '2025-01-01')": "0",
    "DATE '2024-01-31' + INTERVAL '1' MONTH": "2024-02-29",
    "DATE '2024-03-01' - INTERVAL '1' DAY": "2024-02-29",
    "DATE '2024-01-31' - DATE '2024-01-01'": "30 00:00:00.000",
    "day_of_week(DATE '2024-01-07')": "7",
    "EXTRACT(DOW FROM DATE '2024-01-08')": "1",
    "day_of_year(DATE '2024-12-31')": "366",
    "week(DATE '2021-01-03')": "53",
    "year_of_week(DATE '2021-01-03')": "2020",
    "millisecond(TIMESTAMP '2024-01-01 00:00:01.250')": "250",
    "date_format(TIMESTAMP '2024-01-02 03:04:05', '%Y/%m/%d %H:%i:%s')": "2024/01/02 03:04:05",
    "date_format(DATE '2024-01-02', '%W %e %M')": "Tuesday 2 January",
    "date_parse('02.01.2024', '%d.%m.%Y')": "2024-01-02 00:00:00.000",
    "format_datetime(TIMESTAMP '2024-01-02 03:04:05', 'yyyy-MM-dd''T''HH:mm')": "2024-01-02T03:04",
    "from_unixtime(0)": "1970-01-01 00:00:00.000 UTC",
    "to_unixtime(TIMESTAMP '1970-01-01 00:00:10')": "10.0",
    "from_iso8601_timestamp('2024-01-01T00:00:00+01:00')": "2023-12-31 23:00:00.000 UTC",
    "from_iso8601_date('2024-01-02')": "2024-01-02",
    "to_iso8601(DATE '2024-01-02')": "2024-01-02",
    "last_day_of_month(DATE '2024-02-03')": "2024-02-29",
    "date(TIMESTAMP '2024-01-01 02:00:00' AT TIME ZONE 'America/New_York')": "2023-12-31",
    # JSON
    'json_extract_scalar(\'{"a": {"b": [1, {"c": "x"}]}}\', \'$.a.b[1].c\')': "x",
    "json_extract_scalar('{\"a b\": 1}', '$[\"a b\"]')": "1",
    "json_extract_scalar('{\"a\": {}}', '$.a')": None,
    "json_extract_scalar('nonsense', '$.a')": None,
    "json_format(json_extract('{\"a\": [1, 2]}', '$.a'))": "[1,2]",
    "json_array_length('[1, 2, 3]')": "3",
    # Arrays and maps count from 1.
    "ARRAY[10, 20][1]": "10",
    "element_at(ARRAY[10, 20], -1)": "20",
    "element_at(ARRAY[10, 20], 5)": None,
    "MAP(ARRAY['a'], ARRAY[1])['a']": "1",
    "element_at(MAP(ARRAY['a'], ARRAY[1]), 'b')": None,
    "cardinality(ARRAY[1, 2])": "2",
    "cardinality(MAP(ARRAY['a'], ARRAY[1]))": "1",
    "contains(ARRAY[1, 2], 2)": "true",
    "contains(ARRAY[1, NULL], 2)": None,
    "array_sort(ARRAY[3, NULL, 1])": "[1, 3, null]",
    "array_distinct(ARRAY[3, 1, 3])": "[3, 1]",
    "array_join(ARRAY['a', NULL, 'b'], '-')": "a-b",
    "array_position(ARRAY[5, 6], 6)": "2",
    "array_position(ARRAY[5, 6], 7)": "0",
    "array_max(ARRAY[1, NULL])": None,
    "slice(ARRAY[1, 2, 3, 4], 2, 2)": "[2, 3]",
    "slice(ARRAY[1, 2, 3, 4], -2, 2)": "[3, 4]",
    "flatten(ARRAY[ARRAY[1], ARRAY[2]])": "[1, 2]",
    "ARRAY[1] || ARRAY[2]": "[1, 2]",
    "sequence(1, 3)": "[1, 2, 3]",
    "sequence(DATE '2024-01-30', DATE '2024-02-01', INTERVAL '1' DAY)": "[2024-01-30, 2024-01-31, 2024-02-01]",
    "transform(ARRAY[5, 6], x -> x / 2)": "[2, 3]",
    "filter(ARRAY[1, 2, 3], x -> x > 1)": "[2, 3]",
    "reduce(ARRAY[1, 2, 3], 0, (s, x) -> s + x, s -> s * 10)": "60",
    "any_match(ARRAY[1, 2], x -> x > 1)": "true",
    "all_match(ARRAY[1, 2], x -> x > 1)": "false",
    "map_keys(MAP(ARRAY['a', 'b'], ARRAY[1, 2]))": "[a, b]",
    # Numbers
    "width_bucket(3.5e0, 0, 10, 5)": "2",
    "width_bucket(-1, 0, 10, 5)": "0",
    "width_bucket(10, 0, 10, 5)": "6",
    "width_bucket(5, ARRAY[1, 4, 8])": "2",
    "power(2, 3)": "8.0",
    "mod(7, 3)": "1",
    "log(2, 8)": "3.0",
    "ln(e())": "1.0",
    "is_nan(nan())": "true",
    "bitwise_and(6, 3)": "2",
    "12345678901 + 1": "12345678902",
}


@pytest.mark.parametrize(("expression", "expected"), VALUES.items(), ids=VALUES.keys())
def test_value(room: Sandbox, expression: str, expected: str | None) -> None:
    assert answer(room, f"SELECT {expression}") == [[expected]]


NUMBERS = "(VALUES (1, 4, 1.50), (2, 3, 2.75), (5, 2, 4.00), (9, 1, 0.25)) AS t(x, y, d)"
AGGREGATES = {
    "sum(x)": "17",
    "avg(x)": "4.25",
    "sum(d)": "8.50",
    "avg(d)": "2.13",
    "count_if(x > 1)": "3",
    "count(DISTINCT x / 2)": "4",
    "approx_distinct(x)": "4",
    "approx_percentile(x, 0.5)": "2",
    "approx_percentile(x, ARRAY[0.25, 0.75])": "[1, 5]",
    "max_by(x, y)": "1",
    "min_by(x, y)": "9",
    "max(x, 2)": "[9, 5]",
    "array_agg(x ORDER BY y)": "[9, 5, 2, 1]",
    "map_agg(x, y)[5]": "2",
    "histogram(x > 1)": "{false=1, true=3}",
    "round(stddev(x), 6)": "3.593976",
    "round(stddev_pop(x), 6)": "3.112475",
    "round(var_samp(x), 6)": "12.916667",
    "round(corr(x, y), 6)": "-0.969869",
    "round(covar_samp(x, y), 6)": "-4.5",
    "round(regr_slope(y, x), 6)": "-0.348387",
    "round(skewness(x), 6)": "0.513024",
    "round(kurtosis(x), 6)": "-0.581894",
    "bool_and(x > 0)": "true",
    "every(x > 1)": "false",
    "round(geometric_mean(x), 6)": "3.08007",
    "sum(x) FILTER (WHERE x > 1)": "16",
    "skewness(x) FILTER (WHERE x > 100)": None,
    "listagg(CAST(x AS varchar), ';') WITHIN GROUP (ORDER BY x DESC)": "9;5;2;1",
    "round(100.0 * sum(CASE WHEN x > 1 THEN 1 ELSE 0 END) / count(*), 2)": "75.0",
    "sum(x) / count(*)": "4",
    "arbitrary(x) > 0": "true",
}


@pytest.mark.parametrize(("expression", "expected"), AGGREGATES.items(), ids=AGGREGATES.keys())
def test_aggregate(room: Sandbox, expression: str, expected: str | None) -> None:
    assert answer(room, f"SELECT {expression} FROM {NUMBERS}") == [[expected]]


QUERIES: dict[str, list[list[str | None]]] = {
    # NULL is the largest value, first or last.
    "SELECT x FROM (VALUES 1, NULL, 2) AS t(x) ORDER BY x": [["1"], ["2"], [None]],
    "SELECT x FROM (VALUES 1, NULL, 2) AS t(x) ORDER BY x DESC": [["2"], ["1"], [None]],
    "SELECT x FROM (VALUES 1, NULL, 2) AS t(x) ORDER BY x DESC NULLS FIRST": [[None], ["2"], ["1"]],
    "SELECT x, sum(x) OVER (ORDER BY x) FROM (VALUES 1, 2, 3) AS t(x) ORDER BY 1": [
        ["1", "1"], ["2", "3"], ["3", "6"],
    ],
    "SELECT lag(x, 1, 0) OVER w, rank() OVER w FROM (VALUES 1, 2) AS t(x) WINDOW w AS (ORDER BY x) ORDER BY 2": [
        ["0", "1"], ["1", "2"],
    ],
    "SELECT first_value(x) IGNORE NULLS OVER (ORDER BY y) FROM (VALUES (NULL, 1), (5, 2)) AS t(x, y) ORDER BY y": [
        [None], ["5"],
    ],
    "SELECT x / 2 AS h, count(*) FROM (VALUES 1, 1, 2) AS t(x) GROUP BY x / 2 ORDER BY x / 2": [
        ["0", "2"], ["1", "1"],
    ],
    "SELECT u.n, u.x FROM (VALUES ARRAY['a', 'b']) AS t(a) CROSS JOIN UNNEST(a) WITH ORDINALITY AS u(x, n) ORDER BY 1": [
        ["1", "a"], ["2", "b"],
    ],
    "SELECT k, v FROM (VALUES MAP(ARRAY['a'], ARRAY[1])) AS t(m) CROSS JOIN UNNEST(m) AS u(k, v)": [["a", "1"]],
    "SELECT x, y FROM (VALUES ARRAY[ROW(1, 'p')]) AS t(r) CROSS JOIN UNNEST(r) AS u(x, y)": [["1", "p"]],
    "SELECT a, b FROM UNNEST(ARRAY[1, 2], ARRAY['x']) AS t(a, b)": [["1", "x"], ["2", None]],
    "SELECT t.x, u.y FROM (VALUES (1, ARRAY[]), (2, ARRAY[7])) AS t(x, a) LEFT JOIN UNNEST(a) AS u(y) ON TRUE ORDER BY 1": [
        ["1", None], ["2", "7"],
    ],
    "WITH a AS (SELECT x / 2 AS h FROM (VALUES 5, 6) AS t(x)), b AS (SELECT h / 2 AS q FROM a) SELECT sum(q) / 2e0 FROM b": [
        ["1.0"],
    ],
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT count(*) FROM r": [["3"]],
    "SELECT x FROM (VALUES 1, 2, 3) AS t(x) ORDER BY x OFFSET 1 LIMIT 1": [["2"]],
    "SELECT x FROM (VALUES 1) AS t(x) LIMIT ALL": [["1"]],
    "SELECT x FROM (VALUES 1, 2) AS t(x) ORDER BY x FETCH FIRST ROW ONLY": [["1"]],
    "SELECT current_timestamp(3) > TIMESTAMP '2020-01-01 00:00:00', localtimestamp = CAST(now() AS timestamp)": [["true", "true"]],
    "SELECT count(*), grouping(x) FROM (VALUES 1, 1) AS t(x) GROUP BY ROLLUP (x) ORDER BY 2": [["2", "0"], ["2", "1"]],
    "SELECT (SELECT max(y) / 2 FROM (VALUES 5) AS u(y)) + x FROM (VALUES 1) AS t(x)": [["3"]],
    "SELECT x FROM (VALUES 'a', 'A', 'b') AS t(x) WHERE x LIKE 'a' OR x LIKE 'x!_' ESCAPE '!'": [["a"]],
    "SELECT 1 INTERSECT SELECT 1 EXCEPT SELECT 2": [["1"]],
    "VALUES (1, 'a')": [["1", "a"]],
    "SELECT * FROM (VALUES (9, 1)) AS a(x, k) JOIN (VALUES (1, 3)) AS b(k, y) USING (k)": [["1", "9", "3"]],
    "SELECT date_trunc('month', d) AS d, count(*) FROM (VALUES DATE '2024-01-01', DATE '2024-01-02') AS t(d) GROUP BY d": [
        ["2024-01-01", "1"], ["2024-01-01", "1"],
    ],
    "SELECT a.x, b.x FROM (VALUES 1) AS a(x) CROSS JOIN LATERAL (SELECT a.x + 1 AS x) AS b": [["1", "2"]],
}  # fmt: skip


@pytest.mark.parametrize(("sql", "expected"), QUERIES.items(), ids=QUERIES.keys())
def test_query(room: Sandbox, sql: str, expected: list[list[str | None]]) -> None:
    assert answer(room, sql) == expected


FAILURES = {
    "SELECT 7 / 0": "DIVISION_BY_ZERO",
    "SELECT 7 % 0": "DIVISION_BY_ZERO",
    "SELECT 1.0 / 0": "DIVISION_BY_ZERO",
    "SELECT CAST('1.5' AS integer)": "INVALID_CAST_ARGUMENT: Cannot cast '1.5' to INTEGER",
    "SELECT CAST('2024-01-01 10:00:00' AS date)": "INVALID_CAST_ARGUMENT",
    "SELECT CAST(300 AS tinyint)": "NUMERIC_VALUE_OUT_OF_RANGE",
    "SELECT 2147483647 + 1": "NUMERIC_VALUE_OUT_OF_RANGE",
    "SELECT ARRAY[1, 2][3]": "INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or equal",
    "SELECT ARRAY[1, 2][0]": "INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1",
    "SELECT MAP(ARRAY['a'], ARRAY[1])['b']": "INVALID_FUNCTION_ARGUMENT: Key not present in map: b",
    "SELECT 1 = '1'": "TYPE_MISMATCH: line 1:8: Cannot apply operator: integer = varchar",
    "SELECT DATE '2024-01-01' > '2023-01-01'": "TYPE_MISMATCH",
    "SELECT 1 WHERE 'a' IN (1, 2)": "TYPE_MISMATCH",
    "SELECT 1 WHERE 1 BETWEEN '0' AND '2'": "TYPE_MISMATCH",
    "SELECT 'a' + 1": "TYPE_MISMATCH",
    "SELECT DATE '2024-01-01' + 1": "TYPE_MISMATCH",
    "SELECT 'a' || 1": "TYPE_MISMATCH",
    "SELECT concat('a', 1)": "TYPE_MISMATCH",
    "SELECT sum('a')": "FUNCTION_NOT_FOUND",
    "SELECT split(1, ',')": "FUNCTION_NOT_FOUND",
    "SELECT date_diff('day', '2024-01-01', DATE '2024-01-02')": "FUNCTION_NOT_FOUND",
    "SELECT foo(1)": "FUNCTION_NOT_FOUND: line 1:8: Function 'foo' not registered",
    "SELECT list_sort(ARRAY[1])": "FUNCTION_NOT_FOUND",
    "SELECT xxhash64(to_utf8('a'))": "NOT_SUPPORTED: line 1:8: the function 'xxhash64'",
    "SELECT TIMESTAMP '2024-01-01 00:00:00' AT TIME ZONE 'UTC'": "NOT_SUPPORTED",
    "SELECT date_format(DATE '2024-01-01', '%U')": "NOT_SUPPORTED",
    "SELECT lower('a', 'b')": "FUNCTION_NOT_FOUND: line 1:8: Unexpected number of parameters",
    "SELECT y FROM (VALUES 1) AS t(x)": "COLUMN_NOT_FOUND: line 1:8: Column 'y' cannot be resolved",
    "SELECT x, count(*) FROM (VALUES 1) AS t(x)": "EXPRESSION_NOT_AGGREGATE",
    "SELECT x FROM (VALUES 1) AS a(x), (VALUES 1) AS b(x)": "AMBIGUOUS_NAME",
    "SELECT (SELECT x FROM (VALUES 1, 2) AS t(x))": "SUBQUERY_MULTIPLE_ROWS",
    "SELECT coalesce(1, 'a')": "TYPE_MISMATCH",
    "SELECT CASE WHEN true THEN 1 ELSE 'a' END": "TYPE_MISMATCH: line 1:",
    "SELECT if(true, 1, 'a')": "TYPE_MISMATCH",
    "SELECT greatest(1, 'a')": "TYPE_MISMATCH",
    "SELECT 1 WHERE '1' IN (SELECT 1)": "TYPE_MISMATCH",
    "SELECT x FROM (VALUES 1, 1) AS t(x) ORDER BY x FETCH FIRST 1 ROW WITH TIES": "NOT_SUPPORTED",
    "SELECT x FROM (VALUES 1) AS t(x) GROUP BY ALL": "NOT_SUPPORTED",
    "SELECT INTERVAL '2' MONTH": "NOT_SUPPORTED",
    "SELECT 9223372036854775808": "SYNTAX_ERROR: line 1:8: Invalid numeric literal",
    "SELECT date_parse('x', '%Y')": "INVALID_FUNCTION_ARGUMENT: Invalid format",
    # What DuckDB would take and Trino would not
    "SELECT 1::varchar": "SYNTAX_ERROR: line 1:9: mismatched input '::'",
    "SELECT {'a': 1}": "SYNTAX_ERROR: line 1:8: mismatched input '{'",
    "SELECT [1, 2]": "SYNTAX_ERROR: line 1:8: mismatched input '['",
    "FROM (VALUES 1) AS t(x)": "SYNTAX_ERROR: line 1:1: mismatched input 'FROM'",
    "SELECT * EXCLUDE (x) FROM (VALUES (1, 2)) AS t(x, y)": "SYNTAX_ERROR",
    "SELECT x FROM (VALUES 1) AS t(x) QUALIFY row_number() OVER () = 1": "SYNTAX_ERROR",
    "SELECT DISTINCT ON (x) x FROM (VALUES 1) AS t(x)": "SYNTAX_ERROR",
    "SELECT 'a' ILIKE 'A'": "SYNTAX_ERROR",
    "SELECT 'a' SIMILAR TO 'a'": "SYNTAX_ERROR",
    "SELECT * FROM (VALUES 1) AS a(x) SEMI JOIN (VALUES 1) AS b(x) ON a.x = b.x": "SYNTAX_ERROR",
    "SELECT x FROM (VALUES 1) AS t(x) LIMIT 50%": "SYNTAX_ERROR",
    "SELECT x FROM (VALUES 1) AS t(x) WHERE x IN ()": "SYNTAX_ERROR",
    "SELECT '{}' -> '$.a'": "SYNTAX_ERROR",
    "SELECT @x": "SYNTAX_ERROR",
    "SELECT current_user": "NOT_SUPPORTED",
    "SELECT FROM x": "SYNTAX_ERROR",
    "SELECT 1 +": "SYNTAX_ERROR",
    "SELECT 1; SELECT 2": "SYNTAX_ERROR",
}


@pytest.mark.parametrize(("sql", "reason"), FAILURES.items(), ids=FAILURES.keys())
def test_failure(room: Sandbox, sql: str, reason: str) -> None:
    with pytest.raises(QueryFailed) as failed:
        answer(room, sql)
    assert failed.value.reason.startswith(reason)


# The types that decide: 7 / 2 is 3, 7e0 / 2 is 3.5, and what a name stands for depends on where it stands.
WITH_QUERIES = {
    "WITH a AS (SELECT 7 AS x), b AS (SELECT x / 2 AS y FROM a) SELECT y, y / 2e0 FROM b": [["3", "1.5"]],
    "WITH a(x) AS (VALUES 7e0), b(y) AS (SELECT x / 2 FROM a) SELECT y FROM b": [["3.5"]],
    # an inner query of the same name hides the outer one, but not from itself
    "WITH a AS (SELECT '7' AS x), b AS (WITH a AS (SELECT CAST(x AS integer) AS x FROM a) SELECT x / 2 AS y FROM a) SELECT y, x FROM b, a": [["3", "7"]],
    "WITH a AS (SELECT '7' AS x) SELECT * FROM (WITH a AS (SELECT 7 AS x) SELECT x / 2 AS y FROM a), (SELECT x || 'x' AS z FROM a)": [["3", "7x"]],
    # none of these can be stood for by a table: a column without a type, two of one name
    "WITH a AS (SELECT NULL AS n, 7 AS x), b AS (SELECT x / 2 AS y, n FROM a) SELECT y / 2, n FROM b": [["1", None]],
    "WITH a AS (SELECT 7 AS x, 5 AS x), b AS (SELECT 9 / 2 AS y) SELECT y / 3 FROM b": [["1"]],
    "WITH a AS (SELECT 7 AS x) SELECT x / 2 FROM a UNION ALL SELECT x * 1e0 / 2 FROM a ORDER BY 1": [["3.0"], ["3.5"]],
}  # fmt: skip


@pytest.mark.parametrize("sql", WITH_QUERIES)
def test_with_queries_keep_their_types_and_names(room: Sandbox, sql: str) -> None:
    assert answer(room, sql) == WITH_QUERIES[sql]
