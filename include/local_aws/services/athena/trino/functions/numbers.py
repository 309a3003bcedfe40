"""Numbers."""

from __future__ import annotations

from sqlglot import exp

from local_aws.services.athena.trino.function import Function, same
from local_aws.services.athena.trino.types import FLOATS, INTEGERS
from local_aws.services.athena.trino.writer import Writer, builder

FUNCTIONS: dict[str, Function] = {
    **same("abs", "cbrt", "exp", "ln", "log2", "log10", "sqrt", "degrees", "radians", arguments=(1, 1)),
    **same("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", arguments=(1, 1)),
    **same("atan2", "mod", arguments=(2, 2)),
    **same("pi", arguments=(0, 0)),
    "log": Function("log({0}, {1})", 2, 2),
    "e": Function("exp(1::DOUBLE)", 0, 0),
    "infinity": Function("CAST('Infinity' AS DOUBLE)", 0, 0),
    "nan": Function("CAST('NaN' AS DOUBLE)", 0, 0),
    "is_nan": Function("isnan({0})", 1, 1),
    "is_finite": Function("isfinite({0})", 1, 1),
    "is_infinite": Function("isinf({0})", 1, 1),
    "power": Function("power(CAST({0} AS DOUBLE), {1})", 2, 2),
    "pow": Function("power(CAST({0} AS DOUBLE), {1})", 2, 2),
    "width_bucket": Function("trino_width_bucket({*})", 2, 4),
    "bitwise_and": Function("({0} & {1})", 2, 2),
    "bitwise_or": Function("({0} | {1})", 2, 2),
    "bitwise_xor": Function("xor({0}, {1})", 2, 2),
    "bitwise_not": Function("(~{0})", 1, 1),
}  # fmt: skip


@builder("round", "truncate", typed=True)
def _round(writer: Writer, node: exp.Anonymous, _: str) -> str:
    arguments = writer.arguments(node, 1, 2)
    name = "round" if node.name.lower() == "round" else "trunc"
    plain = f"{name}({', '.join(arguments)})"
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, plain)
    if types[0].name in INTEGERS and len(arguments) == 1:
        return arguments[0]
    if types[0].name == "DECIMAL":
        width, scale = types[0].width, types[0].scale
        if len(arguments) == 1:
            return f"CAST({plain} AS DECIMAL({min(38, width - scale + 1)}, 0))"
        return f"CAST({plain} AS DECIMAL({min(38, width + 1)}, {scale}))"
    return plain


@builder("ceil", "ceiling", "floor", "sign", typed=True)
def _whole(writer: Writer, node: exp.Anonymous, _: str) -> str:
    (argument,) = writer.arguments(node, 1, 1)
    name = "ceil" if node.name.lower().startswith("ceil") else node.name.lower()
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, f"{name}({argument})")
    if types[0].name in INTEGERS:
        return f"CAST({name}({argument}) AS {types[0].name})" if name == "sign" else argument
    if name == "sign":
        return f"CAST(sign({argument}) AS {'DOUBLE' if types[0].name in FLOATS else 'DECIMAL(1, 0)'})"
    return f"{name}({argument})"


@builder("random", "rand")
def _random(writer: Writer, node: exp.Anonymous, _: str) -> str:
    arguments = writer.arguments(node, 0, 2)
    if not arguments:
        return "random()"
    low, high = arguments if len(arguments) == 2 else ("0", arguments[0])
    return f"({low} + CAST(floor(random() * ({high} - {low})) AS BIGINT))"
