"""Numbers."""

from __future__ import annotations

from sqlglot import exp

from local_aws.services.athena.trino.function import Function, same
from local_aws.services.athena.trino.types import FLOATS, INTEGERS
from local_aws.services.athena.trino.writer import Writer, builder

FUNCTIONS: dict[str, Function] = {
    **same("abs", "exp", "ln", "log2", "log10", "sqrt", "degrees", "radians", arguments=(1, 1), numbers=(0,)),
    **same("sin", "cos", "tan", "asin", "acos", "atan", arguments=(1, 1), numbers=(0,)),
    **same("sinh", "cosh", "tanh", arguments=(1, 1), numbers=(0,)),
    **same("atan2", "mod", arguments=(2, 2), numbers=(0, 1)),
    **same("pi", arguments=(0, 0)),
    "cbrt": Function("trino_cbrt({0})", 1, 1, numbers=(0,)),
    "log": Function("log({0}, {1})", 2, 2, numbers=(0, 1)),
    "e": Function("exp(1::DOUBLE)", 0, 0),
    "infinity": Function("CAST('Infinity' AS DOUBLE)", 0, 0),
    "nan": Function("CAST('NaN' AS DOUBLE)", 0, 0),
    "is_nan": Function("isnan({0})", 1, 1, numbers=(0,)),
    "is_finite": Function("isfinite({0})", 1, 1, numbers=(0,)),
    "is_infinite": Function("isinf({0})", 1, 1, numbers=(0,)),
    "power": Function("power(CAST({0} AS DOUBLE), {1})", 2, 2, numbers=(0, 1)),
    "pow": Function("power(CAST({0} AS DOUBLE), {1})", 2, 2, numbers=(0, 1)),
    "width_bucket": Function("trino_width_bucket({*})", 2, 4),
    "from_base": Function("python_from_base({0}, {1})", 2, 2, strings=(0,), numbers=(1,)),
    "to_base": Function("lower(to_base({0}, {1}))", 2, 2, numbers=(0, 1)),
    "normal_cdf": Function("python_normal_cdf({0}, {1}, {2})", 3, 3, numbers=(0, 1, 2)),
    "inverse_normal_cdf": Function("python_inverse_normal_cdf({0}, {1}, {2})", 3, 3, numbers=(0, 1, 2)),
    "wilson_interval_lower": Function("python_wilson_interval({0}, {1}, {2}, -1)", 3, 3, numbers=(0, 1, 2)),
    "wilson_interval_upper": Function("python_wilson_interval({0}, {1}, {2}, 1)", 3, 3, numbers=(0, 1, 2)),
    "format_number": Function("python_format_number({0})", 1, 1, numbers=(0,)),
    # Bits
    "bit_count": Function("trino_bit_count({0}, {1})", 2, 2, numbers=(0, 1)),
    "bitwise_and": Function("(CAST({0} AS BIGINT) & {1})", 2, 2, numbers=(0, 1)),
    "bitwise_or": Function("(CAST({0} AS BIGINT) | {1})", 2, 2, numbers=(0, 1)),
    "bitwise_xor": Function("xor(CAST({0} AS BIGINT), {1})", 2, 2, numbers=(0, 1)),
    "bitwise_not": Function("(~ CAST({0} AS BIGINT))", 1, 1, numbers=(0,)),
    "bitwise_left_shift": Function("(CAST({0} AS BIGINT) << {1})", 2, 2, numbers=(0, 1)),
    "bitwise_right_shift_arithmetic": Function(
        "trino_shift_right_arithmetic({0}, {1})", 2, 2, numbers=(0, 1)
    ),
}  # fmt: skip

_BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "INTEGER_LITERAL": 32}


@builder("bitwise_right_shift", typed=True)
def _right_shift(writer: Writer, node: exp.Anonymous, _: str) -> str:
    value, places = writer.arguments(node, 2, 2)
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, value)
    writer.need_family(node, types, (0, 1), "number")
    return f"CAST(trino_shift_right({value}, {places}, {_BITS.get(types[0].name, 64)}) AS {types[0].stored})"


@builder("cosine_similarity", typed=True)
def _cosine_similarity(writer: Writer, node: exp.Anonymous, _: str) -> str:
    left, right = writer.arguments(node, 2, 2)
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, "CAST(0 AS DOUBLE)")
    if {kind.name for kind in types} == {"LIST"}:
        return f"list_cosine_similarity(CAST({left} AS DOUBLE[]), CAST({right} AS DOUBLE[]))"
    if {kind.name for kind in types} == {"MAP"}:
        return f"(trino_dot({left}, {right}) / sqrt(trino_dot({left}, {left}) * trino_dot({right}, {right})))"
    raise writer.no_such_function(node, types)


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
