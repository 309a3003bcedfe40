# ruff: noqa: S608 - SQL is what this module makes; names are quoted, texts literals, user SQL is parsed
"""Rules over one table: their figures in one scan, and one more per set of columns whose values are counted.

A rule names its figures as SQL aggregates; equal ones are computed once. Then each rule is judged:

    PASS    the figures fulfil the rule
    FAIL    they do not, or there is none because no row has a value
    ERROR   they cannot be computed: no such column, a column of another type, wrong SQL

Figures, their names and what NULL does to them follow AWS's rule type reference
(https://docs.aws.amazon.com/glue/latest/dg/dqdl-rule-types.html) and its engine Deequ:

    Completeness      rows with a value / rows
    Uniqueness        values that occur once / rows with a value
    UniqueValueRatio  values that occur once / distinct values
    Entropy           natural logarithm, over rows with a value
    StandardDeviation of the whole population
    ColumnLength      NULL has length 0;  ColumnValues: NULL fulfils only !=, not in, and lists with NULL
    ColumnDataType    share of rows whose value can be cast; NULL cannot
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from local_aws.images.data_quality.dqdl import (
    DATE,
    DECIMAL_TYPE,
    AnyRule,
    Composite,
    Condition,
    Keyword,
    Moment,
    Rule,
)
from local_aws.images.data_quality.source import ROWS, literal, name

LONGEST_TEXT = 2048  # characters of a description or message, AWS's limit
NUMBERS = re.compile(r"TINYINT|SMALLINT|INTEGER|BIGINT|FLOAT|DOUBLE|DECIMAL\(.*\)")


class CannotEvaluate(Exception):
    """Why a rule has the result ERROR."""


@dataclass(frozen=True)
class Frequencies:
    """How often each value of some columns occurs, over the rows in which one of them has a value."""

    columns: tuple[str, ...]
    where: str | None  # SQL of DuckDB


@dataclass(frozen=True)
class Custom:
    """A statement that answers one number."""

    sql: str  # of DuckDB


Need = str | Frequencies | Custom  # a text is an aggregate over the rows
Figures = Mapping[Need, Any]  # what each need came to; of Frequencies: unique, distinct, rows, entropy


@dataclass(frozen=True)
class Judgement:
    """What is said of one rule."""

    result: str
    message: str = ""
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What a rule needs to know, and how it is then judged."""

    needs: tuple[Need, ...]
    judge: Callable[[Figures], Judgement]


class Evaluator:
    """Evaluates rules over the relation ``primary`` of a connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        described = connection.execute(f"DESCRIBE {name(ROWS)}").fetchall()
        self.kinds: dict[str, str] = {row[0].lower(): row[1] for row in described}

    def evaluate(self, rules: Sequence[AnyRule]) -> list[dict[str, Any]]:
        """RuleResults as GetDataQualityResult answers them, in the order of the rules."""
        plans: dict[Rule, Plan | CannotEvaluate] = {}
        for rule in _simple(rules):
            try:
                plans[rule] = self._plan(rule)
            except CannotEvaluate as why:
                plans[rule] = why
        needs = dict.fromkeys(
            need for plan in plans.values() if isinstance(plan, Plan) for need in plan.needs
        )
        figures = self._figures(list(needs))
        return [
            _result(number, rule, _judged(rule, plans, figures)) for number, rule in enumerate(rules, start=1)
        ]

    # Figures

    def _figures(self, needs: Sequence[Need]) -> dict[Need, Any]:
        aggregates = [need for need in needs if isinstance(need, str)]
        figures: dict[Need, Any] = {}
        try:
            figures.update(self._scan(aggregates))
        except duckdb.Error:
            figures.update(self._scan_apart(aggregates))
        for need in needs:
            if isinstance(need, str):
                continue
            try:
                figures[need] = self._count(need) if isinstance(need, Frequencies) else self._ask(need)
            except (duckdb.Error, CannotEvaluate) as problem:
                figures[need] = CannotEvaluate(_first_line(problem))
        return figures

    def _scan(self, aggregates: Sequence[str]) -> dict[str, Any]:
        if not aggregates:
            return {}
        row = self.connection.execute(f"SELECT {', '.join(aggregates)} FROM {name(ROWS)}").fetchone()
        return dict(zip(aggregates, row or (), strict=True))

    def _scan_apart(self, aggregates: Sequence[str]) -> dict[str, Any]:
        """One figure is wrong: found without a scan if the types tell it, else by a scan each."""
        figures: dict[str, Any] = {}
        for aggregate in aggregates:
            try:
                self.connection.execute(f"EXPLAIN SELECT {aggregate} FROM {name(ROWS)}")
            except duckdb.Error as problem:
                figures[aggregate] = CannotEvaluate(_first_line(problem))
        sound = [aggregate for aggregate in aggregates if aggregate not in figures]
        try:
            return figures | self._scan(sound)
        except duckdb.Error:
            for aggregate in sound:
                try:
                    figures |= self._scan([aggregate])
                except duckdb.Error as problem:
                    figures[aggregate] = CannotEvaluate(_first_line(problem))
        return figures

    def _count(self, need: Frequencies) -> dict[str, float]:
        columns = [name(column) for column in need.columns]
        present = " OR ".join(f"{column} IS NOT NULL" for column in columns)
        condition = f"({present})" + (f" AND ({need.where})" if need.where else "")
        row = self.connection.execute(
            "SELECT count(*) FILTER (WHERE n = 1), count(*), coalesce(sum(n), 0), coalesce(sum(n * ln(n)), 0)"
            f" FROM (SELECT count(*) AS n FROM {name(ROWS)} WHERE {condition} GROUP BY {', '.join(columns)})"
        ).fetchone()
        unique, distinct, rows, weighted = (float(value) for value in row or ())
        entropy = max(0.0, math.log(rows) - weighted / rows) if rows else 0.0
        return {"unique": unique, "distinct": distinct, "rows": rows, "entropy": entropy}

    def _ask(self, need: Custom) -> float | None:
        rows = self.connection.execute(need.sql).fetchmany(2)
        if len(rows) != 1 or len(rows[0]) != 1:
            raise CannotEvaluate("the local stand-in evaluates a CustomSql that answers one number only")
        value = rows[0][0]
        try:
            return None if value is None else float(value)
        except (TypeError, ValueError):
            raise CannotEvaluate(f"CustomSql answered {value!r}, which is no number") from None

    # Plans, one a rule type

    def _plan(self, rule: Rule) -> Plan:  # noqa: PLR0912 - one branch a rule type reads best together
        if rule.type not in ("CustomSql", "ColumnExists"):
            for column in rule.parameters:
                if column.lower() not in self.kinds:
                    raise CannotEvaluate(f"Input data does not include column {column}!")
        where = _where(rule.where)
        match rule.type:
            case "RowCount":
                return _figure(rule, "Dataset.*.RowCount", f"count(*){_filter(where)}")
            case "ColumnCount":
                return self._constant(rule, "Dataset.*.ColumnCount", float(len(self.kinds)))
            case "ColumnExists":
                return self._exists(rule)
            case "Completeness" | "IsComplete":
                return self._completeness(rule, where)
            case "Uniqueness" | "IsUnique" | "UniqueValueRatio" | "DistinctValuesCount" | "Entropy":
                return self._frequencies(rule, where)
            case "IsPrimaryKey":
                return self._primary_key(rule, where)
            case "Mean" | "Sum" | "StandardDeviation":
                return self._numeric(rule, where)
            case "ColumnCorrelation":
                left, right = (name(column) for column in rule.parameters)
                for column in rule.parameters:
                    self._check_number(column)
                return _figure(
                    rule, _metric(rule, "ColumnCorrelation"), f"corr({left}, {right}){_filter(where)}"
                )
            case "CustomSql":
                return _figure(rule, "Dataset.*.CustomSQL", Custom(_statement(rule.parameters[0])))
            case _:
                return self._rows(rule, where)

    def _constant(self, rule: Rule, metric: str, value: float) -> Plan:
        return Plan((), lambda _: _compared(rule, metric, value))

    def _exists(self, rule: Rule) -> Plan:
        column = rule.parameters[0]
        there = column.lower() in self.kinds
        message = "" if there else f"Column {column} does not exist in the dataset."
        return Plan((), lambda _: Judgement("PASS" if there else "FAIL", message))

    def _completeness(self, rule: Rule, where: str | None) -> Plan:
        column = name(rule.parameters[0])
        total, held = f"count(*){_filter(where)}", f"count({column}){_filter(where)}"

        def judge(figures: Figures) -> Judgement:
            share = figures[held] / figures[total] if figures[total] else None
            return _compared(rule, _metric(rule, "Completeness"), share)

        return Plan((total, held), judge)

    def _frequencies(self, rule: Rule, where: str | None) -> Plan:
        need = Frequencies(tuple(rule.parameters), where)
        noun = "Uniqueness" if rule.type == "IsUnique" else rule.type

        def judge(figures: Figures) -> Judgement:
            found = figures[need]
            value: float | None = {
                "Uniqueness": found["unique"] / found["rows"] if found["rows"] else None,
                "UniqueValueRatio": found["unique"] / found["distinct"] if found["distinct"] else None,
                "DistinctValuesCount": found["distinct"],
                "Entropy": found["entropy"] if found["rows"] else None,
            }[noun]
            return _compared(rule, _metric(rule, noun), value)

        return Plan((need,), judge)

    def _primary_key(self, rule: Rule, where: str | None) -> Plan:
        """No value is missing in any of the columns, and no combination of values occurs twice."""
        need, total = Frequencies(tuple(rule.parameters), where), f"count(*){_filter(where)}"
        held = {column: f"count({name(column)}){_filter(where)}" for column in rule.parameters}

        def judge(figures: Figures) -> Judgement:
            if not figures[total]:
                return _no_value(rule)
            found = figures[need]
            metrics = {
                f"Column.{column}.Completeness": figures[count] / figures[total]
                for column, count in held.items()
            }
            metrics[_metric(rule, "Uniqueness")] = found["unique"] / found["rows"] if found["rows"] else 0.0
            bad = next((value for value in metrics.values() if value != 1.0), None)
            return Judgement("PASS", "", metrics) if bad is None else Judgement("FAIL", _unmet(bad), metrics)

        return Plan((need, total, *held.values()), judge)

    def _numeric(self, rule: Rule, where: str | None) -> Plan:
        column = rule.parameters[0]
        self._check_number(column)
        function = {"Mean": "avg", "Sum": "sum", "StandardDeviation": "stddev_pop"}[rule.type]
        return _figure(rule, _metric(rule, rule.type), f"{function}({name(column)}){_filter(where)}")

    def _check_number(self, column: str) -> None:
        kind = self.kinds[column.lower()]
        if not NUMBERS.fullmatch(kind):
            raise CannotEvaluate(f"Expected type of column {column} to be numeric, but found {kind} instead!")

    def _rows(self, rule: Rule, where: str | None) -> Plan:
        """Rules that every row has to fulfil, or as many as the threshold says."""
        column, kind = name(rule.parameters[0]), self.kinds[rule.parameters[0].lower()]
        extremes: dict[str, str] = {}
        condition = rule.condition
        assert condition is not None  # noqa: S101 - the grammar has seen to it
        if rule.type == "ColumnLength":
            if kind != "VARCHAR":
                raise CannotEvaluate(
                    f"Expected type of column {rule.parameters[0]} to be string, but found {kind} instead!"
                )
            length = f"coalesce(length({column}), 0)"
            fulfilled, share = _compare(length, condition, "BIGINT"), "ColumnLength.Compliance"
            extremes = {
                _metric(rule, "MinimumLength"): f"min({length}){_filter(where)}",
                _metric(rule, "MaximumLength"): f"max({length}){_filter(where)}",
            }
        elif rule.type == "ColumnDataType":
            fulfilled, share = _castable(column, kind, condition), "ColumnDataType.Compliance"
        else:
            share = "PatternMatch" if condition.operator == "matches" else "ColumnValues.Compliance"
            fulfilled = _fulfilled(column, kind, condition)
            if all(isinstance(operand, float) for operand in condition.operands):
                value = _number(column, kind)
                low, high = f"min({value}){_filter(where)}", f"max({value}){_filter(where)}"
                names = {_metric(rule, "Minimum"): low, _metric(rule, "Maximum"): high}
                wanted = {">": 0b10, ">=": 0b10, "<": 0b01, "<=": 0b01, "=": 0b11}.get(condition.operator, 0)
                extremes = {
                    metric: sql
                    for (metric, sql), bit in zip(names.items(), (0b10, 0b01), strict=True)
                    if wanted & bit
                }
        total = f"count(*){_filter(where)}"
        good = f"count(*){_filter(f'({where}) AND ({fulfilled})' if where else fulfilled)}"

        def judge(figures: Figures) -> Judgement:
            if not figures[total]:
                return _no_value(rule)
            ratio = figures[good] / figures[total]
            metrics = {
                metric: float(figures[sql]) for metric, sql in extremes.items() if figures[sql] is not None
            }
            if rule.threshold or not extremes:
                metrics[_metric(rule, share)] = ratio
            passed = rule.threshold.holds(ratio) if rule.threshold else figures[good] == figures[total]
            if passed:
                return Judgement("PASS", "", metrics)
            if rule.threshold or not extremes:
                return Judgement("FAIL", _unmet(ratio), metrics)
            outside = [value for value in metrics.values() if not condition.holds(value)]
            # No extreme is outside although some row does not fulfil the rule: it has no value.
            missing = "NULL" if rule.type == "ColumnValues" else ratio
            return Judgement("FAIL", _unmet(outside[0] if outside else missing), metrics)

        return Plan((total, good, *extremes.values()), judge)


# --- judging ----------------------------------------------------------------------------------------


def _simple(rules: Iterable[AnyRule]) -> Iterator[Rule]:
    for rule in rules:
        if isinstance(rule, Composite):
            yield from _simple(rule.parts)
        else:
            yield rule


def _judged(rule: AnyRule, plans: Mapping[Rule, Plan | CannotEvaluate], figures: Figures) -> Judgement:
    if isinstance(rule, Composite):
        return _joined(rule, [_judged(part, plans, figures) for part in rule.parts])
    plan = plans[rule]
    if isinstance(plan, CannotEvaluate):
        return Judgement("ERROR", str(plan))
    broken = next((figures[need] for need in plan.needs if isinstance(figures[need], CannotEvaluate)), None)
    return Judgement("ERROR", str(broken)) if broken else plan.judge(figures)


def _joined(rule: Composite, parts: Sequence[Judgement]) -> Judgement:
    """An error in one part is an error of the whole, also where another part would decide it."""
    metrics = {metric: value for part in parts for metric, value in part.metrics.items()}
    messages = "; ".join(dict.fromkeys(part.message for part in parts if part.message))
    results = [part.result for part in parts]
    if "ERROR" in results:
        return Judgement("ERROR", messages, metrics)
    passed = all(each == "PASS" for each in results) if rule.operator == "and" else "PASS" in results
    return Judgement("PASS", "", metrics) if passed else Judgement("FAIL", messages, metrics)


def _result(number: int, rule: AnyRule, judgement: Judgement) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "Name": f"Rule_{number}",
        "Description": _cut(rule.text),
        "Result": judgement.result,
        "EvaluatedMetrics": judgement.metrics,
        "EvaluatedRule": _cut(rule.text),
    }
    if judgement.message:
        answer["EvaluationMessage"] = _cut(judgement.message)
    return answer


def _figure(rule: Rule, metric: str, need: Need) -> Plan:
    return Plan((need,), lambda figures: _compared(rule, metric, figures[need]))


def _compared(rule: Rule, metric: str, value: Any) -> Judgement:
    """The rule's figure against its condition; a rule without one (IsComplete, IsUnique) wants 1."""
    if value is None or not math.isfinite(value):
        return _no_value(rule)
    figure = float(value)
    passed = rule.condition.holds(figure) if rule.condition else figure == 1.0
    return Judgement("PASS" if passed else "FAIL", "" if passed else _unmet(figure), {metric: figure})


def _no_value(rule: Rule) -> Judgement:
    return Judgement("FAIL", f"Empty state for {rule.type}: there is no row, or none with a value.")


def _unmet(value: object) -> str:
    return f"Value: {value} does not meet the constraint requirement!"


def _metric(rule: Rule, noun: str) -> str:
    kind = "Column" if len(rule.parameters) == 1 else "Multicolumn"
    return f"{kind}.{','.join(rule.parameters)}.{noun}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


def _first_line(problem: Exception) -> str:
    return str(problem).strip().splitlines()[0]


# --- SQL --------------------------------------------------------------------------------------------


def _filter(condition: str | None) -> str:
    return f" FILTER (WHERE {condition})" if condition else ""


def _where(text: str | None) -> str | None:
    """A where clause, written in Spark's SQL. Raises CannotEvaluate."""
    if text is None:
        return None
    tree = _parsed(text)
    if isinstance(tree, exp.Query | exp.Command | exp.DDL) or tree.find(exp.Query):
        raise CannotEvaluate(f"where {text!r} is no condition on the row")
    return tree.sql("duckdb", identify=True)


def _statement(text: str) -> str:
    """A CustomSql statement, written in Spark's SQL over the table ``primary``. Raises CannotEvaluate."""
    tree = _parsed(text)
    if not isinstance(tree, exp.Query):
        raise CannotEvaluate("CustomSql has to be one SELECT")
    own = {each.alias_or_name for each in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if table.db or table.name.lower() not in {ROWS, *own}:
            raise CannotEvaluate(f"CustomSql reads {table.sql()}; the only table there is is {ROWS}")
    return tree.sql("duckdb", identify=True)


def _parsed(text: str) -> exp.Expr:
    try:
        trees = sqlglot.parse(text, read="spark")
    except sqlglot.errors.SqlglotError as problem:
        raise CannotEvaluate(f"wrong SQL: {_first_line(problem)}") from None
    if len(trees) != 1 or trees[0] is None:
        raise CannotEvaluate(f"one SQL expression is expected, {len(trees)} were found")
    return trees[0]


def _plain(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < 2**63 else f"{number!r}::DOUBLE"


def _number(column: str, kind: str) -> str:
    return f"TRY_CAST({column} AS DOUBLE)" if kind == "VARCHAR" else column


def _fulfilled(column: str, kind: str, condition: Condition) -> str:
    """Whether a value fulfils a ColumnValues condition; never NULL."""
    operands = condition.operands
    if condition.operator == "matches":
        text = column if kind == "VARCHAR" else f"CAST({column} AS VARCHAR)"
        found = f"regexp_full_match({text}, {literal(str(operands[0]))})"
        # NULL neither matches nor does not.
        return f"coalesce({'NOT ' if condition.negated else ''}{found}, false)"
    if condition.operator in ("=", "!=", "in"):
        return _among(column, kind, condition)
    if all(isinstance(operand, float) for operand in operands):
        return _compare(_number(column, kind), condition, kind)
    moments = [literal(operand.at.isoformat(sep=" ")) for operand in operands if isinstance(operand, Moment)]
    value = f"TRY_CAST({column} AS TIMESTAMP)"
    return _ordered(value, condition, [f"TIMESTAMP {moment}" for moment in moments])


def _compare(value: str, condition: Condition, kind: str) -> str:
    numbers = [_plain(operand) for operand in condition.operands if isinstance(operand, float)]
    if condition.operator in ("=", "!=", "in"):
        return _among(value, kind, condition)
    return _ordered(value, condition, numbers)


def _ordered(value: str, condition: Condition, bounds: Sequence[str]) -> str:
    """NULL fulfils no order, not even ``not between``."""
    if condition.operator != "between":
        return f"coalesce({value} {condition.operator} {bounds[0]}, false)"
    if condition.negated:
        return f"coalesce({value} <= {bounds[0]} OR {value} >= {bounds[1]}, false)"
    return f"coalesce({value} > {bounds[0]} AND {value} < {bounds[1]}, false)"


def _among(column: str, kind: str, condition: Condition) -> str:
    """=, != and in: NULL is a value only where it is named, and fulfils what is negated."""
    tests = []
    text = column if kind == "VARCHAR" else f"CAST({column} AS VARCHAR)"
    for operand in condition.operands:
        match operand:
            case Keyword.NULL:
                tests.append(f"{column} IS NULL")
            case Keyword.EMPTY:
                tests.append(f"coalesce({text} = '', false)")
            case Keyword.WHITESPACES_ONLY:
                tests.append(f"coalesce(length({text}) > 0 AND regexp_full_match({text}, '\\s*'), false)")
            case Moment() if kind == "VARCHAR" and DATE.fullmatch(operand.text):
                tests.append(f"coalesce({column} = {literal(operand.text)}, false)")
            case Moment():
                moment = literal(operand.at.isoformat(sep=" "))
                tests.append(f"coalesce(TRY_CAST({column} AS TIMESTAMP) = TIMESTAMP {moment}, false)")
            case float():
                tests.append(f"coalesce({_number(column, kind)} = {_plain(operand)}, false)")
            case _:
                tests.append(f"coalesce({text} = {literal(str(operand))}, false)")
    found = f"({' OR '.join(tests)})"
    return f"NOT {found}" if (condition.operator == "!=") != condition.negated else found


_BOOLEANS = "'t', 'true', 'y', 'yes', '1', 'f', 'false', 'n', 'no', '0'"  # what Spark casts


def _castable(column: str, kind: str, condition: Condition) -> str:
    wanted = str(condition.operands[0]).upper()
    text = column if kind == "VARCHAR" else f"CAST({column} AS VARCHAR)"
    if wanted == "BOOLEAN" and kind == "VARCHAR":
        test = f"coalesce(lower(trim({text})) IN ({_BOOLEANS}), false)"
    else:
        decimal = DECIMAL_TYPE.fullmatch(wanted)
        target = f"DECIMAL({decimal[1]}, {decimal[2]})" if decimal else {"LONG": "BIGINT"}.get(wanted, wanted)
        # Numbers are cast as such, so that 1e3 in a column of doubles is an integer; texts as texts.
        value = column if NUMBERS.fullmatch(kind) and wanted not in ("DATE", "TIMESTAMP") else text
        test = f"TRY_CAST({value} AS {target}) IS NOT NULL"
    return f"NOT ({test})" if condition.operator == "!=" else test
