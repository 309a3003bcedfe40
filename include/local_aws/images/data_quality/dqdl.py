"""DQDL, the language of Glue's data quality rules: text in, rules out, errors with line and column.

    Rules = [
        RowCount between 100 and 1000,                          # bounds of between are exclusive
        Completeness "income" > 0.95 where "age > 18",
        ColumnValues "sex" in ["f", "m", NULL] with threshold >= 0.9,
        (IsComplete "a") and ((IsUnique "a") or (Mean "b" < 3))
    ]

Grammar and words follow https://docs.aws.amazon.com/glue/latest/dg/dqdl.html and the public grammar of
github.com/awslabs/dqdl. Rule types that AWS has and this module does not are refused by name, as are dynamic
rules (``avg(last(3))``), which AWS itself takes in ETL jobs only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Literal, NoReturn

LONGEST = 65536  # characters of a ruleset
MOST_RULES = 2000  # results of one run
DEEPEST = 50  # parentheses within each other


class DqdlError(ValueError):
    """The text is no ruleset; the message has line and column as AWS gives them."""


class Keyword(Enum):
    """What a list of values may hold beside values."""

    NULL = "NULL"
    EMPTY = "EMPTY"
    WHITESPACES_ONLY = "WHITESPACES_ONLY"


@dataclass(frozen=True)
class Moment:
    """A date, or ``now()`` with so many days or hours added."""

    text: str  # as written
    at: datetime  # UTC, without a zone


Operand = float | str | Moment | Keyword
Operator = Literal["=", "!=", ">", ">=", "<", "<=", "between", "in", "matches"]


@dataclass(frozen=True)
class Condition:
    """What a figure, or each value, is compared with."""

    operator: Operator
    operands: tuple[Operand, ...]  # two for between, any number for in, else one
    negated: bool = False  # not between, not in, not matches

    def holds(self, figure: float) -> bool:
        """Whether a number fulfils it; ``between`` leaves its bounds out, ``not between`` takes them in."""
        numbers = [operand for operand in self.operands if isinstance(operand, float)]
        match self.operator:
            case "=":
                found = figure == numbers[0]
            case "!=":
                found = figure != numbers[0]
            case ">":
                found = figure > numbers[0]
            case ">=":
                found = figure >= numbers[0]
            case "<":
                found = figure < numbers[0]
            case "<=":
                found = figure <= numbers[0]
            case "between":
                found = numbers[0] < figure < numbers[1]
            case "in":
                found = figure in numbers
            case "matches":
                raise TypeError("a number cannot match a pattern")
        return found != self.negated


@dataclass(frozen=True)
class Rule:
    """One rule."""

    type: str  # "Completeness"
    parameters: tuple[str, ...]  # the columns; of CustomSql the statement
    condition: Condition | None
    threshold: Condition | None  # "with threshold": the share of rows that must fulfil the condition
    where: str | None  # SQL; only rows for which it is true are looked at
    text: str  # on one line, without comments


@dataclass(frozen=True)
class Composite:
    """Rules joined by ``and`` or by ``or``; each is judged on the whole table, then they are joined."""

    operator: Literal["and", "or"]
    parts: tuple[Rule | Composite, ...]
    text: str


AnyRule = Rule | Composite


@dataclass(frozen=True)
class RuleType:
    """What may stand behind the name of a rule type."""

    parameters: tuple[int, int]  # fewest and most
    condition: Literal["none", "number", "values", "type"] = "none"
    threshold: bool = False
    where: bool = True


_MANY = 100
TYPES: dict[str, RuleType] = {
    "RowCount": RuleType((0, 0), "number"),
    "ColumnCount": RuleType((0, 0), "number", where=False),
    "ColumnExists": RuleType((1, 1), where=False),
    "IsComplete": RuleType((1, 1)),
    "Completeness": RuleType((1, 1), "number"),
    "IsUnique": RuleType((1, _MANY)),
    "IsPrimaryKey": RuleType((1, _MANY)),
    "Uniqueness": RuleType((1, _MANY), "number"),
    "UniqueValueRatio": RuleType((1, 1), "number"),
    "DistinctValuesCount": RuleType((1, 1), "number"),
    "Entropy": RuleType((1, 1), "number"),
    "Mean": RuleType((1, 1), "number"),
    "Sum": RuleType((1, 1), "number"),
    "StandardDeviation": RuleType((1, 1), "number"),
    "ColumnCorrelation": RuleType((2, 2), "number"),
    "ColumnLength": RuleType((1, 1), "number", threshold=True),
    "ColumnValues": RuleType((1, 1), "values", threshold=True),
    "ColumnDataType": RuleType((1, 1), "type", threshold=True),
    "CustomSql": RuleType((1, 1), "number", where=False),
}
NOT_EMULATED = frozenset(
    {
        "AggregateMatch", "AllStatistics", "ColumnNamesMatchPattern", "DataFreshness", "DatasetMatch",
        "DetectAnomalies", "FileFreshness", "FileMatch", "FileSize", "FileUniqueness", "ReferentialIntegrity",
        "RowCountMatch", "SchemaMatch",
    }
)  # fmt: skip
DATA_TYPES = ("BOOLEAN", "DATE", "TIMESTAMP", "INTEGER", "DOUBLE", "FLOAT", "LONG")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
DECIMAL_TYPE = re.compile(r"DECIMAL\((\d{1,2}),\s*(\d{1,2})\)", re.IGNORECASE)


def parse(text: str, now: datetime | None = None) -> list[AnyRule]:
    """The rules of a ruleset, in their order.

    Args:
        text: ``Rules = [ … ]``.
        now: what ``now()`` is; the clock, when it is not given.

    Raises DqdlError.
    """
    if len(text) > LONGEST:
        raise DqdlError(f"Parsing Error: the ruleset has {len(text)} characters; allowed are {LONGEST}")
    return _Parser(text, now or datetime.now(UTC).replace(tzinfo=None)).ruleset()


# --- words ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Token:
    kind: str  # "text", "number", "word", "sign", "end"
    text: str  # as written
    line: int  # from 1
    column: int  # from 0, as ANTLR counts

    @property
    def lower(self) -> str:
        """The word in lower case, if it is written in one case; DQDL knows `and` and `AND`, not `And`."""
        return self.text.lower() if self.text.isupper() else self.text


_TOKEN = re.compile(
    r"""(?P<skip>\s+|\#[^\n]*)
    |(?P<text>"(?:\\.|[^"\\])*")
    |(?P<number>\d+(?:\.\d+)?(?![\w.]))
    |(?P<sign>!=|>=|<=|now\(\)|[=<>\[\](),+\-])
    |(?P<word>\w[\w.]*)""",
    re.VERBOSE | re.DOTALL,
)


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at) - 1
        if found is None:
            what = (
                "the quote that opens here is never closed" if text[at] == '"' else "token recognition error"
            )
            raise DqdlError(f"Parsing Error: line {line}:{column} {what} at: {text[at : at + 20]!r}")
        if found.lastgroup != "skip":
            yield _Token(str(found.lastgroup), found.group(), line, column)
        at = found.end()
    yield _Token("end", "<EOF>", text.count("\n") + 1, len(text) - text.rfind("\n") - 1)


def _written(tokens: Sequence[_Token]) -> str:
    """Tokens as one line of text."""
    line = ""
    for token in tokens:
        close = token.text in (")", "]", ",")
        minus = line.endswith(" -") and not line.endswith("now() -")
        open_ = not line or line[-1] in "[(," or minus
        line += token.text if close or open_ else f" {token.text}"
    return line


def quoted(text: str) -> str:
    """A text as DQDL writes it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# --- grammar ----------------------------------------------------------------------------------------


class _Parser:
    def __init__(self, text: str, now: datetime) -> None:
        self.tokens = list(_tokens(text))
        self.at = 0
        self.now = now

    # Reading

    @property
    def next(self) -> _Token:
        return self.tokens[self.at]

    def take(self) -> _Token:
        token = self.next
        self.at += token.kind != "end"
        return token

    def has(self, *texts: str) -> bool:
        """Whether these words come next, in lower case or, as AWS writes some, in upper."""
        coming = self.tokens[self.at : self.at + len(texts)]
        return [token.lower for token in coming if token.kind != "text"] == list(texts)

    def took(self, *texts: str) -> bool:
        found = self.has(*texts)
        self.at += len(texts) if found else 0
        return found

    def expect(self, text: str) -> _Token:
        if not self.has(text):
            self.fail(f"expecting '{text}'")
        return self.take()

    def fail(self, why: str, token: _Token | None = None) -> NoReturn:
        token = token or self.next
        raise DqdlError(f"Parsing Error: line {token.line}:{token.column} at input '{token.text}': {why}")

    # Rules

    def ruleset(self) -> list[AnyRule]:
        name = self.take()
        if name.text != "Rules":
            known = ("Metadata", "Sources", "DataSources", "Analyzers")
            why = (
                "the local stand-in reads the section Rules only"
                if name.text in known
                else "expecting 'Rules'"
            )
            self.fail(why, name)
        self.expect("=")
        self.expect("[")
        rules: list[AnyRule] = []
        while not self.has("]"):
            rules.append(self.any_rule(0))
            if len(rules) > MOST_RULES:
                self.fail(f"a ruleset may hold {MOST_RULES} rules")
            if not self.took(","):
                break
            if self.has("]"):
                self.fail("expecting a rule")
        self.expect("]")
        if self.next.kind != "end":
            self.fail("expecting the end of the ruleset")
        if not rules:
            raise DqdlError("Parsing Error: no rules provided")
        return rules

    def any_rule(self, depth: int) -> AnyRule:
        begin = self.at
        if not self.has("("):
            return self.rule()
        parts, operators = [self.in_parentheses(depth)], set[str]()
        while self.has("and") or self.has("or"):
            token = self.take()
            operators.add(token.lower)
            if len(operators) > 1:
                self.fail("'and' and 'or' side by side need parentheses around one of them", token)
            parts.append(self.in_parentheses(depth))
        if not operators:
            return parts[0]
        operator: Literal["and", "or"] = "and" if "and" in operators else "or"
        return Composite(operator, tuple(parts), _written(self.tokens[begin : self.at]))

    def in_parentheses(self, depth: int) -> AnyRule:
        if depth == DEEPEST:
            self.fail(f"more than {DEEPEST} parentheses within each other")
        self.expect("(")
        found = self.any_rule(depth + 1)
        self.expect(")")
        return found

    def rule(self) -> Rule:
        begin = self.at
        name = self.take()
        if name.kind != "word":
            self.fail("expecting a rule type", name)
        if name.text in NOT_EMULATED:
            limit = "This is a limit of the stand-in, not of AWS."
            self.fail(f"the local AWS stand-in does not evaluate rule type {name.text}. {limit}", name)
        if name.text not in TYPES:
            self.fail(f"rule type {name.text} is not valid", name)
        kind = TYPES[name.text]
        parameters: list[str] = []
        while self.next.kind == "text" and len(parameters) < kind.parameters[1]:
            parameters.append(self.string())
        if len(parameters) < kind.parameters[0]:
            self.fail(f"{name.text} expects {kind.parameters[0]} quoted parameter(s)")
        condition = None if kind.condition == "none" else self.condition(kind.condition)
        if name.text == "ColumnDataType" and condition:
            self.check_data_type(condition, begin)
        threshold, where = None, None
        while self.has("with") or self.has("where"):
            token = self.take()
            if token.lower == "with":
                self.expect("threshold")
                if not kind.threshold or threshold:
                    self.fail(f"{name.text} takes {'one' if threshold else 'no'} threshold", token)
                threshold = self.condition("number")
            else:
                if not kind.where or where is not None:
                    self.fail(f"{name.text} takes {'one' if where is not None else 'no'} where", token)
                where = self.string()
        text = _written(self.tokens[begin : self.at])
        return Rule(name.text, tuple(parameters), condition, threshold, where, text)

    def check_data_type(self, condition: Condition, begin: int) -> None:
        wanted = condition.operands[0]
        if condition.operator not in ("=", "!=") or not isinstance(wanted, str):
            self.fail('ColumnDataType expects = "TYPE"', self.tokens[begin])
        if wanted.upper() not in DATA_TYPES and not DECIMAL_TYPE.fullmatch(wanted):
            known = ", ".join(DATA_TYPES)
            self.fail(f"data type {wanted} is not one of {known}, DECIMAL(p,s)", self.tokens[begin])

    # Conditions

    def condition(self, kind: str) -> Condition:
        negated = self.took("not")
        token = self.take()
        match token.lower:
            case "between":
                low = self.operand(kind)
                self.expect("and")
                found = Condition("between", (low, self.operand(kind)), negated)
            case "in":
                found = Condition("in", self.listed(kind), negated)
            case "matches" if kind == "values":
                found = Condition("matches", (self.string(),), negated)
            case ("=" | "!=" | ">" | ">=" | "<" | "<=") as sign if not negated and token.kind == "sign":
                found = Condition(sign, (self.operand(kind),))
            case _:
                self.fail(
                    "expecting =, !=, >, >=, <, <=, between, in" + (" or matches" * (kind == "values")), token
                )
        ordered = found.operator not in ("=", "!=", "in", "matches")
        for operand in found.operands:
            if ordered and not isinstance(operand, float | Moment):
                self.fail(f"{found.operator} compares numbers and dates only", token)
        if len({_sort(operand) for operand in found.operands} - {"keyword"}) > 1:
            self.fail("numbers, texts and dates cannot be mixed", token)
        return found

    def listed(self, kind: str) -> tuple[Operand, ...]:
        self.expect("[")
        found = [self.operand(kind)]
        while self.took(","):
            found.append(self.operand(kind))
        self.expect("]")
        if {"text", "date"} <= {_sort(operand) for operand in found}:  # texts, some of which look like dates
            return tuple(operand.text if isinstance(operand, Moment) else operand for operand in found)
        return tuple(found)

    def operand(self, kind: str) -> Operand:
        token = self.next
        if token.text == "-" or token.kind == "number":
            return self.number()
        if kind == "number":
            dynamic = "; dynamic rules are for Glue ETL only" if token.kind == "word" else ""
            self.fail(f"expecting a number{dynamic}")
        if token.kind == "text":
            text = self.string()
            return text if kind == "type" else _moment(text)
        if token.kind == "word" and token.text.upper() in Keyword.__members__ and kind == "values":
            return Keyword[self.take().text.upper()]
        if token.text not in ("now()", "(") or kind != "values":
            self.fail("expecting a number, a quoted text, a date, NULL, EMPTY or WHITESPACES_ONLY")
        return self.moment()

    def number(self) -> float:
        sign = -1.0 if self.took("-") else 1.0
        token = self.take()
        if token.kind != "number":
            self.fail("expecting a number", token)
        return sign * float(token.text)

    def string(self) -> str:
        token = self.take()
        if token.kind != "text":
            self.fail("expecting a quoted text", token)
        return re.sub(r'\\(["\\])', r"\1", token.text[1:-1])

    def moment(self) -> Moment:
        """``now()`` or ``(now() - 3 days)``."""
        begin = self.at
        inside = self.took("(")
        self.expect("now()")
        at = self.now
        if inside:
            sign = self.take()
            if sign.text not in ("+", "-"):
                self.fail("expecting + or -", sign)
            amount = self.number()
            unit = self.take()
            if unit.text not in ("days", "hours", "minutes"):
                self.fail("expecting days, hours or minutes", unit)
            try:
                span = timedelta(**{unit.text: amount})
                at = at + span if sign.text == "+" else at - span
            except OverflowError:
                self.fail("the date is out of range", sign)
            self.expect(")")
        return Moment(_written(self.tokens[begin : self.at]), at)


def _moment(text: str) -> str | Moment:
    """A quoted text, or the date that it is."""
    if not DATE.fullmatch(text):
        return text
    try:
        return Moment(text, datetime.fromisoformat(text))
    except ValueError:
        return text


def _sort(operand: Operand) -> str:
    names: dict[type, str] = {float: "number", str: "text", Moment: "date", Keyword: "keyword"}
    return names[type(operand)]
