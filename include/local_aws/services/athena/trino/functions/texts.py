"""Text and binary."""

from __future__ import annotations

from sqlglot import exp

from local_aws.services.athena.failure import not_supported
from local_aws.services.athena.trino.casts import text_of
from local_aws.services.athena.trino.function import Function, same
from local_aws.services.athena.trino.operators import concatenated
from local_aws.services.athena.trino.writer import Writer, builder, quoted_text

FUNCTIONS: dict[str, Function] = {
    **same("lower", "upper", arguments=(1, 1), strings=(0,)),
    **same("lpad", "rpad", arguments=(3, 3), strings=(0, 2)),
    **same("starts_with", "ends_with", arguments=(2, 2), strings=(0, 1)),
    **same("translate", arguments=(3, 3), strings=(0, 1, 2)),
    "length": Function("length({0})", 1, 1),
    "chr": Function("chr(CAST({0} AS INTEGER))", 1, 1, numbers=(0,)),
    "codepoint": Function("unicode({0})", 1, 1, strings=(0,)),
    "substr": Function("trino_substr({*})", 2, 3, strings=(0,)),
    "substring": Function("trino_substr({*})", 2, 3, strings=(0,)),
    "split_part": Function("trino_split_part({0}, {1}, {2})", 3, 3, strings=(0, 1)),
    "split_to_map": Function(
        "trino_map(list_transform(str_split({0}, {1}), lambda p__: row(split_part(p__, {2}, 1),"
        " array_to_string(str_split(p__, {2})[2:], {2}))))",
        3, 3, strings=(0, 1, 2),
    ),
    "split_to_multimap": Function(
        "trino_multimap(list_transform(str_split({0}, {1}), lambda p__: row(split_part(p__, {2}, 1),"
        " array_to_string(str_split(p__, {2})[2:], {2}))))",
        3, 3, strings=(0, 1, 2),
    ),
    "trim": Function("trino_trim({0})", 1, 1, strings=(0,)),
    "ltrim": Function("trino_ltrim({0})", 1, 1, strings=(0,)),
    "rtrim": Function("trino_rtrim({0})", 1, 1, strings=(0,)),
    "levenshtein_distance": Function("levenshtein({0}, {1})", 2, 2, strings=(0, 1)),
    "hamming_distance": Function("trino_hamming({0}, {1})", 2, 2, strings=(0, 1)),
    "luhn_check": Function("python_luhn_check({0})", 1, 1, strings=(0,)),
    "soundex": Function("python_soundex({0})", 1, 1, strings=(0,)),
    # URLs
    "url_decode": Function("python_url_decode({0})", 1, 1, strings=(0,)),
    "url_encode": Function("python_url_encode({0})", 1, 1, strings=(0,)),
    "url_extract_parameter": Function("python_url_parameter({0}, {1})", 2, 2, strings=(0, 1)),
    "url_extract_port": Function("CAST(python_url_part({0}, 'port') AS BIGINT)", 1, 1, strings=(0,)),
    **{
        f"url_extract_{part}": Function(f"python_url_part({{0}}, '{part}')", 1, 1, strings=(0,))
        for part in ("fragment", "host", "path", "protocol", "query")
    },
    # Binary
    "crc32": Function("python_crc32({0})", 1, 1),
    "from_base64": Function("from_base64({0})", 1, 1, strings=(0,)),
    "from_hex": Function("unhex({0})", 1, 1, strings=(0,)),
    "from_utf8": Function("decode({0})", 1, 1),
    "md5": Function("unhex(md5({0}))", 1, 1),
    "sha1": Function("unhex(sha1({0}))", 1, 1),
    "sha256": Function("unhex(sha256({0}))", 1, 1),
    "sha512": Function("python_sha512({0})", 1, 1),
    "to_base64": Function("to_base64({0})", 1, 1),
    "to_hex": Function("hex({0})", 1, 1),
    "to_utf8": Function("encode({0})", 1, 1, strings=(0,)),
    "uuid": Function("uuid()", 0, 0),
}  # fmt: skip


@builder("concat", typed=True)
def _concat(writer: Writer, node: exp.Anonymous, _: str) -> str:
    arguments = writer.arguments(node, 2, None)
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, arguments[0])
    return concatenated(writer, node, arguments, types)


@builder("concat_ws", typed=True)
def _concat_ws(writer: Writer, node: exp.Anonymous, _: str) -> str:
    arguments = writer.arguments(node, 2, None)
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, "''")
    if len(types) == 2 and types[1].name == "LIST":
        return f"array_to_string({arguments[1]}, {arguments[0]})"
    writer.need_family(node, types, range(len(types)), "varchar")
    return f"CASE WHEN {arguments[0]} IS NOT NULL THEN concat_ws({', '.join(arguments)}) END"


@builder("replace", typed=True)
def _replace(writer: Writer, node: exp.Anonymous, _: str) -> str:
    arguments = writer.arguments(node, 2, 3)
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, "''")
    writer.need_family(node, types, range(3), "varchar")
    return f"trino_replace({', '.join([*arguments, quoted_text('')][:3])})"


@builder("split", typed=True)
def _split(writer: Writer, node: exp.Anonymous, _: str) -> str:
    arguments = writer.arguments(node, 2, 3)
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, "['']")
    writer.need_family(node, types, (0, 1), "varchar")
    return f"{'trino_split' if len(arguments) == 2 else 'trino_split_limit'}({', '.join(arguments)})"


@builder("strpos", typed=True)
def _strpos(writer: Writer, node: exp.Anonymous, _: str) -> str:
    arguments = writer.arguments(node, 2, 3)
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, "CAST(0 AS BIGINT)")
    writer.need_family(node, types, (0, 1), "varchar")
    return f"{'strpos' if len(arguments) == 2 else 'trino_strpos'}({', '.join(arguments)})"


@builder("normalize")
def _normalize(writer: Writer, node: exp.Anonymous, _: str) -> str:
    arguments = writer.arguments(node, 1, 2)
    form = node.expressions[1].name.upper() if len(arguments) == 2 else "NFC"
    if form not in ("NFC", "NFD", "NFKC", "NFKD"):
        raise not_supported(f"the normal form '{form}'")
    return f"python_normalize({arguments[0]}, '{form}')"


@builder("format", typed=True)
def _format(writer: Writer, node: exp.Anonymous, _: str) -> str:
    pattern, *values = writer.arguments(node, 2, None)
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, "''")
    # %s writes a double as Java's Double.toString does, %f wants digits: both read DuckDB's text.
    texts = [
        f"CAST({value} AS VARCHAR)" if kind.number else text_of(value, kind)
        for value, kind in zip(values, types[1:], strict=True)
    ]
    return f"python_format({pattern}, [{', '.join(texts)}])"
