"""Text and binary."""

from __future__ import annotations

import re

from sqlglot import exp

from local_aws.services.athena.failure import not_supported
from local_aws.services.athena.trino.function import Function, same
from local_aws.services.athena.trino.writer import Writer, builder, constant

FUNCTIONS: dict[str, Function] = {
    **same("lower", "upper", "length", arguments=(1, 1)),
    **same("lpad", "rpad", "translate", arguments=(3, 3)),
    **same("starts_with", "strpos", arguments=(2, 2)),
    **same("concat_ws", arguments=(2, None)),
    "chr": Function("chr(CAST({0} AS INTEGER))", 1, 1),
    "codepoint": Function("unicode({0})", 1, 1, strings=(0,)),
    "replace": Function("replace({0}, {1}, {2})", 3, 3),
    "split": Function("str_split({0}, {1})", 2, 2, strings=(0,)),
    "split_part": Function("trino_split_part({0}, {1}, {2})", 3, 3, strings=(0,)),
    "substr": Function("trino_substr({*})", 2, 3, strings=(0,)),
    "substring": Function("trino_substr({*})", 2, 3, strings=(0,)),
    "trim": Function("trino_trim({0})", 1, 1, strings=(0,)),
    "ltrim": Function("trino_ltrim({0})", 1, 1, strings=(0,)),
    "rtrim": Function("trino_rtrim({0})", 1, 1, strings=(0,)),
    "levenshtein_distance": Function("levenshtein({0}, {1})", 2, 2, strings=(0, 1)),
    "hamming_distance": Function("hamming({0}, {1})", 2, 2, strings=(0, 1)),
    "regexp_like": Function("regexp_matches({0}, {1})", 2, 2, strings=(0, 1)),
    "regexp_extract": Function("trino_regexp_extract({*})", 2, 3, strings=(0, 1)),
    "regexp_extract_all": Function("regexp_extract_all({*})", 2, 3, strings=(0, 1)),
    "regexp_replace": Function("trino_regexp_replace({*})", 2, 3, strings=(0, 1)),
    "regexp_split": Function("regexp_split_to_array({0}, {1})", 2, 2, strings=(0, 1)),
    "regexp_count": Function("len(regexp_extract_all({0}, {1}))", 2, 2, strings=(0, 1)),
    "to_utf8": Function("encode({0})", 1, 1, strings=(0,)),
    "from_utf8": Function("decode({0})", 1, 1),
    "to_hex": Function("hex({0})", 1, 1),
    "from_hex": Function("unhex({0})", 1, 1, strings=(0,)),
    "to_base64": Function("to_base64({0})", 1, 1),
    "from_base64": Function("from_base64({0})", 1, 1, strings=(0,)),
    "md5": Function("unhex(md5({0}))", 1, 1),
    "sha1": Function("unhex(sha1({0}))", 1, 1),
    "sha256": Function("unhex(sha256({0}))", 1, 1),
    "uuid": Function("uuid()", 0, 0),
}  # fmt: skip


@builder("concat", typed=True)
def _concat(writer: Writer, node: exp.Anonymous, _: str) -> str:
    arguments = writer.arguments(node, 2, None)
    plain = f"({' || '.join(arguments)})"
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, plain)
    writer.need_text_or_arrays(node, types)
    return plain


@builder("format")
def _format(writer: Writer, node: exp.Anonymous, _: str) -> str:
    arguments = writer.arguments(node, 2, None)
    pattern = constant(writer, node.expressions[0], "a format")
    if not re.fullmatch(r"(?:[^%]|%%|%s|%0?\d*d|%\.\d+f)*", pattern):
        raise not_supported(f"the format '{pattern}'")
    return f"printf({', '.join(arguments)})"
