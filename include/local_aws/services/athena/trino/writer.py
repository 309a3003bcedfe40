"""What writes DuckDB's text: the part that operators, casts, tables and functions stand on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ErrorLevel

from local_aws.services.athena.failure import QueryFailed, not_supported
from local_aws.services.athena.trino.dialect import place
from local_aws.services.athena.trino.function import Function
from local_aws.services.athena.trino.marks import operands
from local_aws.services.athena.trino.types import UNKNOWN, DuckType


class Writer(DuckDB.Generator):  # type: ignore[misc, valid-type]
    """What all parts of the translator share: marks in the text, checks of types, arguments of calls."""

    def __init__(self, sql: str, known: dict[int, list[DuckType]], wave: frozenset[int], schema: str) -> None:
        super().__init__(
            dialect=DuckDB(), comments=False, identify=True, unsupported_level=ErrorLevel.IMMEDIATE
        )
        self.text = sql
        self.known = known
        self.wave = wave
        self.schema = schema
        self.blind = False  # marks have no value, only types
        self.trying = 0  # inside TRY(…) a guard answers NULL: DuckDB's TRY takes no error()
        self._names = 0

    # Marks

    def types_of(self, node: exp.Expr) -> list[DuckType] | None:
        """The types of a node's operands; None while they are being found out: answer ``marked`` then."""
        return self.known.get(node.meta.get("mark", -1))

    def marked(self, node: exp.Expr, default: str) -> str:
        """``default``, wrapped so that binding tells the operands' types if it is this mark's turn."""
        number = node.meta.get("mark")
        if number not in self.wave:
            return default
        fields = [f"'m{number}_{place_}': {self.sql(part)}" for place_, part in enumerate(operands(node))]
        value = "NULL" if self.blind else default
        return f"struct_extract({{{', '.join(fields)}, 'v': {value}}}, 'v')"

    def marked_argument(self, node: exp.Anonymous) -> str:
        """The one argument of an aggregate, wrapped inside it: outside, its columns are grouped away."""
        argument = node.expressions[0] if node.expressions else exp.Null()
        if isinstance(argument, exp.Distinct):
            return f"DISTINCT {self.marked(node, self.sql(argument.expressions[0]))}"
        return self.marked(node, self.sql(argument))

    @property
    def map_of(self) -> str:
        """The function that makes a map of entries; while types are found out, one that is not folded."""
        return "trino_map" if self.wave else "map_from_entries"

    # Lambdas

    def fresh(self) -> str:
        """A name that the query does not have."""
        self._names += 1
        return f"_v{self._names}"

    def applied(self, function: exp.Expr, *values: str) -> str:
        """A lambda's body for these values. Raises QueryFailed when it is none of as many arguments."""
        if not isinstance(function, exp.Lambda) or len(function.expressions) != len(values):
            raise QueryFailed(
                f"FUNCTION_NOT_FOUND: {place(function, self.text)}: expecting a lambda of {len(values)} "
                "arguments"
            )
        written: str = self.sql(function.this)
        # A list of one value gives the value its name: DuckDB has no LET.
        for name, value in reversed(list(zip(function.expressions, values, strict=True))):
            written = f"list_transform([{value}], lambda {self.sql(name)}: {written})[1]"
        return written

    # Failures

    def failing(self, message: str) -> str:
        """A value that fails the query, with a message made by a DuckDB expression."""
        return "NULL" if self.trying else f"error({message})"

    def mismatch(self, node: exp.Expr, operator: str, left: DuckType, right: DuckType) -> QueryFailed:
        """What to raise when an operator does not take these types."""
        return QueryFailed(
            f"TYPE_MISMATCH: {place(node, self.text)}: Cannot apply operator: "
            f"{left.trino()} {operator} {right.trino()}"
        )

    # Checks

    def need_comparable(self, expression: exp.Expr, operator: str, types: Sequence[DuckType]) -> None:
        """Raise QueryFailed unless all types can be compared with the first."""
        first = types[0]
        for other in types[1:]:
            if other.family != first.family and not {first.name, other.name} & UNKNOWN:
                raise self.mismatch(expression, operator, first, other)

    def need_alike(self, expression: exp.Expr, word: str, types: Sequence[DuckType]) -> None:
        """Raise QueryFailed unless the types have a common one."""
        known = [kind for kind in types if kind.name not in UNKNOWN]
        for other in known[1:]:
            if other.family != known[0].family:
                raise QueryFailed(
                    f"TYPE_MISMATCH: {place(expression, self.text)}: All {word} results must be the same "
                    f"type or coercible to a common type. Cannot find common type between "
                    f"{known[0].trino()} and {other.trino()}"
                )

    def need_text(self, expression: exp.Expr, types: Sequence[DuckType]) -> None:
        """Raise QueryFailed unless the operands are text, or all binary."""
        if any(kind.family not in ("varchar", "BLOB") and kind.name not in UNKNOWN for kind in types):
            raise self.not_concatenable(expression, types)

    def not_concatenable(self, expression: exp.Expr, types: Sequence[DuckType]) -> QueryFailed:
        """What to raise when operands cannot be put behind each other."""
        return QueryFailed(
            f"TYPE_MISMATCH: {place(expression, self.text)}: Unexpected parameters "
            f"({', '.join(each.trino() for each in types)}) for function concat"
        )

    def need_family(
        self, node: exp.Anonymous, types: Sequence[DuckType], wanted: Sequence[int], family: str
    ) -> None:
        """Raise QueryFailed unless the arguments at these places are of ``family``, see DuckType."""
        for number in wanted:
            if number < len(types) and types[number].family != family and types[number].name not in UNKNOWN:
                raise self.no_such_function(node, types)

    def no_such_function(self, node: exp.Anonymous, types: Sequence[DuckType]) -> QueryFailed:
        """What to raise when a function does not take these types."""
        return QueryFailed(
            f"FUNCTION_NOT_FOUND: {place(node, self.text)}: Unexpected parameters "
            f"({', '.join(each.trino() for each in types)}) for function {node.name.lower()}"
        )

    def need_families(self, node: exp.Anonymous, types: Sequence[DuckType], function: Function) -> None:
        """Raise QueryFailed unless the arguments are of the families that the table says."""
        self.need_family(node, types, function.strings, "varchar")
        self.need_family(node, types, function.numbers, "number")
        self.need_family(node, types, function.times, "time")

    def filled(self, node: exp.Anonymous, function: Function, suffix: str) -> str:
        """A function's template with the call's arguments; ``suffix`` is FILTER and OVER."""
        arguments = self.arguments(node, function.least, function.most)
        or_null = " OR ".join(f"{argument} IS NULL" for argument in arguments)
        template = function.template.replace("trino_map(", f"{self.map_of}(")
        written = template.replace("{*}", "\0").replace("{or_null}", "\1").replace("@", "\2")
        for number, argument in enumerate(arguments):
            written = written.replace(f"{{{number}}}", argument)
        # Replaced last: arguments may hold any text.
        return written.replace("\0", ", ".join(arguments)).replace("\1", or_null).replace("\2", suffix)

    def arguments(self, node: exp.Anonymous, least: int, most: int | None) -> list[str]:
        """A call's arguments as DuckDB's text. Raises QueryFailed when there are too few or too many."""
        count = len(node.expressions)
        if count and isinstance(node.expressions[0], exp.Distinct):
            count = len(node.expressions[0].expressions)
        if count < least or (most is not None and count > most):
            raise QueryFailed(
                f"FUNCTION_NOT_FOUND: {place(node, self.text)}: Unexpected number of parameters ({count}) "
                f"for function {node.name.lower()}"
            )
        return [self.sql(argument).strip() for argument in node.expressions]


Builder = Callable[[Writer, exp.Anonymous, str], str]
BUILDERS: dict[str, Builder] = {}
TYPED: set[str] = set()  # functions whose builder asks for its arguments' types


def builder(*names: str, typed: bool = False) -> Callable[[Builder], Builder]:
    """Register what writes the calls of these functions; ``typed``: it reads ``Writer.types_of``."""

    def register(build: Builder) -> Builder:
        for name in names:
            BUILDERS[name] = build
        if typed:
            TYPED.update(names)
        return build

    return register


def constant(writer: Writer, node: exp.Expr, what: str) -> str:
    """The text of a literal. Raises QueryFailed for anything else."""
    if not (isinstance(node, exp.Literal) and node.is_string):
        raise not_supported(f"{place(node, writer.text)}: {what} that is not a constant")
    return str(node.this)


def quoted_text(text: str) -> str:
    """A literal of DuckDB's."""
    return "'" + text.replace("'", "''") + "'"
