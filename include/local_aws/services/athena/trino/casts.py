"""CAST and TRY_CAST: what text is a value, and how a value looks as text."""

from __future__ import annotations

import re

from sqlglot import exp

from local_aws.services.athena.failure import QueryFailed, not_supported
from local_aws.services.athena.trino.types import FLOATS, INTEGERS, TEXT, UNKNOWN, DuckType
from local_aws.services.athena.trino.writer import Writer, quoted_text


class Casts(Writer):
    """CAST and TRY_CAST."""

    def cast_sql(self, expression: exp.Cast, *_: str | None) -> str:
        """CAST with Trino's rules for what text is a number and how numbers look as text."""
        return self._cast(expression, trying=False)

    def trycast_sql(self, expression: exp.TryCast) -> str:
        """TRY_CAST: what cannot be cast is NULL."""
        return self._cast(expression, trying=True)

    def _cast(self, expression: exp.Cast, *, trying: bool) -> str:
        target = _cast_type(expression.args["to"])
        word = "TRY_CAST" if trying else "CAST"
        value = self.sql(expression, "this")
        if "mark" not in expression.meta:  # a literal of text
            if not isinstance(expression.this, exp.Literal) or _is_good_literal(expression):
                return f"{word}({value} AS {target})"
            types: list[DuckType] | None = [DuckType("VARCHAR")]
        else:
            types = self.types_of(expression)
        if types is None:
            return self.marked(expression, f"{word}({value} AS {target})")
        return self._cast_of(value, types[0], target, expression.args["to"], trying=trying)

    def _cast_of(self, value: str, source: DuckType, target: str, to: exp.DataType, *, trying: bool) -> str:
        word = "TRY_CAST" if trying else "CAST"
        if (source.number and target.startswith(("DATE", "TIME"))) or (
            source.family == "time" and (target in INTEGERS or target in FLOATS or target == "BOOLEAN")
        ):
            raise QueryFailed(
                f"TYPE_MISMATCH: line 1:1: Cannot cast {source.trino()} to {to.sql('trino').lower()}"
            )
        if target == "VARCHAR":
            return self._cast_to_text(value, source, to, trying=trying)
        if target == "JSON":
            return value if source.name == "JSON" else f"CAST(to_json({value}) AS JSON)"
        if source.name == "JSON" and to.find(exp.ColumnDef):
            return f"{word}({_rows_by_name(value, to)} AS {target})"
        if source.name in FLOATS and target in INTEGERS:
            return f"{word}(round({value}) AS {target})"
        if source.name in TEXT:
            return self._cast_text(value, target, trying=trying)
        return f"{word}({value} AS {target})"

    def _cast_to_text(self, value: str, source: DuckType, to: exp.DataType, *, trying: bool) -> str:
        text = text_of(value, source)
        length = to.expressions[0].name if to.expressions else ""
        if source.name == "JSON":
            message = f"'INVALID_CAST_ARGUMENT: Cannot cast to varchar: ' || CAST({value} AS VARCHAR)"
            fails = "NULL" if trying else self.failing(message)
            text = f"(CASE WHEN json_type({value}) IN ('OBJECT', 'ARRAY') THEN {fails} ELSE {text} END)"
        if not length:
            return text
        if source.name in TEXT or source.name in UNKNOWN:
            return f"left({text}, {length})"  # text is cut, anything else must fit
        message = (
            f"'INVALID_CAST_ARGUMENT: Value ' || {text} || ' cannot be represented as varchar({length})'"
        )
        fails = "NULL" if trying else self.failing(message)
        return f"(CASE WHEN length({text}) > {length} THEN {fails} ELSE {text} END)"

    def _cast_text(self, value: str, target: str, *, trying: bool) -> str:
        if target == "BLOB":
            return f"encode({value})"
        tests = {"BOOLEAN": "boolean", "DATE": "date", "TIMESTAMP": "timestamp"}
        if target in INTEGERS:
            test = "trino_integer_text"
        elif target in FLOATS or target.startswith("DECIMAL"):
            test = "trino_number_text"
        elif target in tests:
            test = f"trino_{tests[target]}_text"
        else:
            return f"{'TRY_CAST' if trying else 'CAST'}({value} AS {target})"
        fails = f"'INVALID_CAST_ARGUMENT: Cannot cast ''' || {value} || ''' to {target}'"
        word = "TRY_CAST" if trying else "CAST"
        return (
            f"(CASE WHEN {value} IS NULL THEN NULL WHEN {test}({value}) THEN {word}({value} AS {target})"
            f" ELSE {'NULL' if trying else self.failing(fails)} END)"
        )


_LITERALS = {
    "date": re.compile(r"\s*\d{4}-\d{1,2}-\d{1,2}\s*"),
    "timestamp": re.compile(r"\s*\d{4}-\d{1,2}-\d{1,2}( \d{1,2}:\d{1,2}(:\d{1,2}(\.\d+)?)?)?\s*"),
    "timestamptz": re.compile(r".*", re.DOTALL),
}


def _is_good_literal(expression: exp.Cast) -> bool:
    """Whether a text is certainly a date or time: then no check is needed when the query runs."""
    target = expression.args["to"]
    return any(
        target.is_type(name) and pattern.fullmatch(expression.this.name)
        for name, pattern in _LITERALS.items()
    )


def _cast_type(to: exp.DataType) -> str:
    """DuckDB's name of a cast's target. Raises QueryFailed for types that are not emulated."""
    simple = {
        exp.DType.TEXT: "VARCHAR",
        exp.DType.VARCHAR: "VARCHAR",
        exp.DType.FLOAT: "FLOAT",
        exp.DType.INT: "INTEGER",
        exp.DType.TIMESTAMP: "TIMESTAMP",
        exp.DType.TIMESTAMPTZ: "TIMESTAMP WITH TIME ZONE",
        exp.DType.VARBINARY: "BLOB",
        exp.DType.JSON: "JSON",
        exp.DType.BIGINT: "BIGINT",
        exp.DType.SMALLINT: "SMALLINT",
        exp.DType.TINYINT: "TINYINT",
        exp.DType.DOUBLE: "DOUBLE",
        exp.DType.BOOLEAN: "BOOLEAN",
        exp.DType.DATE: "DATE",
    }
    kind = to.this
    if kind in simple:
        return simple[kind]
    if kind == exp.DType.DECIMAL:
        sizes = [part.name for part in to.expressions] + ["0"]
        return f"DECIMAL({sizes[0]}, {sizes[1]})" if to.expressions else "DECIMAL(38, 0)"
    if kind == exp.DType.ARRAY and to.expressions:
        return f"{_cast_type(to.expressions[0])}[]"
    if kind == exp.DType.MAP and len(to.expressions) == 2:
        return f"MAP({_cast_type(to.expressions[0])}, {_cast_type(to.expressions[1])})"
    if kind == exp.DType.STRUCT and all(isinstance(field, exp.ColumnDef) for field in to.expressions):
        fields = [f'"{field.name}" {_cast_type(field.args["kind"])}' for field in to.expressions]
        return f"STRUCT({', '.join(fields)})"
    raise not_supported(f"casts to {to.sql(dialect='trino')}")


def text_of(value: str, source: DuckType) -> str:
    """A value as Trino's CAST to varchar writes it. Raises QueryFailed."""
    if source.name in FLOATS:
        return f"trino_double_text({value})"
    if source.name == "TIMESTAMP":
        return f"trino_timestamp_string({value})"
    if source.name == "TIMESTAMP WITH TIME ZONE":
        return f"trino_timestamptz_string({value})"
    if source.name == "JSON":
        return (
            f"(CASE WHEN json_type({value}) = 'DOUBLE' THEN trino_double_text(TRY_CAST({value} AS DOUBLE))"
            f" ELSE {value} ->> '$' END)"
        )
    if source.name == "INTERVAL":
        return f"trino_interval_text({value})"
    if source.name == "BLOB":
        return f"decode({value})"
    if source.name in ("LIST", "MAP", "STRUCT"):
        raise QueryFailed(f"TYPE_MISMATCH: line 1:1: Cannot cast {source.trino()} to varchar")
    return f"CAST({value} AS VARCHAR)"


def _rows_by_name(value: str, to: exp.DataType) -> str:
    """JSON in which arrays that are to be rows are objects: Trino takes both, DuckDB objects only."""
    if to.is_type("array") and to.find(exp.ColumnDef):
        inner = _rows_by_name("j__", to.expressions[0])
        return f"to_json(list_transform(CAST({value} AS JSON[]), lambda j__: {inner}))"
    if not to.is_type("struct"):
        return value
    fields = []
    for place_, field in enumerate(to.expressions):
        item = f"json_extract({value}, {quoted_text(f'$[{place_}]')})"
        fields.append(f"{quoted_text(field.name)}: {_rows_by_name(item, field.args['kind'])}")
    return f"CASE WHEN json_type({value}) = 'ARRAY' THEN to_json({{{', '.join(fields)}}}) ELSE {value} END"
