"""Regular expressions: Java's syntax on RE2, which knows no look-around and no references back."""

from __future__ import annotations

import re

from sqlglot import exp

from local_aws.services.athena.failure import QueryFailed, not_supported
from local_aws.services.athena.trino.dialect import place
from local_aws.services.athena.trino.function import Function
from local_aws.services.athena.trino.writer import Writer, builder, quoted_text

FUNCTIONS: dict[str, Function] = {}
_BEYOND_RE2 = re.compile(r"""\\.|\[(?:\\.|[^\]\\])*\]|(?P<found>\(\?(?:[=!>]|<[=!])|[*+?}]\+)""")


@builder("regexp_like", typed=True)
def _like(writer: Writer, node: exp.Anonymous, _: str) -> str:
    return _checked(writer, node, (2, 2), "false", "regexp_matches({0}, {1})")


@builder("regexp_split", typed=True)
def _split(writer: Writer, node: exp.Anonymous, _: str) -> str:
    return _checked(writer, node, (2, 2), "['']", "regexp_split_to_array({0}, {1})")


@builder("regexp_count", typed=True)
def _count(writer: Writer, node: exp.Anonymous, _: str) -> str:
    return _checked(writer, node, (2, 2), "CAST(0 AS BIGINT)", "len(regexp_extract_all({0}, {1}))")


@builder("regexp_extract", typed=True)
def _extract(writer: Writer, node: exp.Anonymous, _: str) -> str:
    return _checked(writer, node, (2, 3), "''", "trino_regexp_extract({*})")


@builder("regexp_extract_all", typed=True)
def _extract_all(writer: Writer, node: exp.Anonymous, _: str) -> str:
    return _checked(writer, node, (2, 3), "['']", "regexp_extract_all({*})")


@builder("regexp_position", typed=True)
def _position(writer: Writer, node: exp.Anonymous, _: str) -> str:
    rest = ["1", "1"][len(node.expressions) - 2 :]
    return _checked(
        writer, node, (2, 4), "0", f"CAST(trino_regexp_position({', '.join(['{*}', *rest])}) AS INTEGER)"
    )


def _checked(
    writer: Writer, node: exp.Anonymous, counts: tuple[int, int], unknown: str, template: str
) -> str:
    value, pattern, *rest = writer.arguments(node, *counts)
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, unknown)
    writer.need_family(node, types, (0, 1), "varchar")
    if rest and counts == (2, 3):
        _check_group(writer, node)
    pattern = _re2(writer, node.expressions[1], pattern)
    return (
        template.replace("{*}", "\0")
        .replace("{0}", value)
        .replace("{1}", pattern)
        .replace("\0", ", ".join([value, pattern, *rest]))
    )


def _re2(writer: Writer, node: exp.Expr, written: str) -> str:
    """A pattern as RE2 reads it; one that is no literal is taken as it comes."""
    if not (isinstance(node, exp.Literal) and node.is_string):
        return written
    for found in _BEYOND_RE2.finditer(node.this):
        if found["found"] or re.fullmatch(r"\\[1-9]", found[0]):
            raise not_supported(
                f"{place(node, writer.text)}: '{found[0]}' in a regular expression (look-around, possessive "
                "quantifiers and references back)"
            )
    return quoted_text(re.sub(r"\(\?<(?![=!])", "(?P<", node.this))


def _compiled(node: exp.Expr) -> re.Pattern[str] | None:
    """The literal pattern in Python, to know its groups; None when that is not possible."""
    if not (isinstance(node, exp.Literal) and node.is_string):
        return None
    try:
        return re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", node.this))
    except re.error:
        return None


def _check_group(writer: Writer, node: exp.Anonymous) -> None:
    pattern, group = _compiled(node.expressions[1]), node.expressions[2]
    if pattern and isinstance(group, exp.Literal) and int(group.this) > pattern.groups:
        raise QueryFailed(
            f"INVALID_FUNCTION_ARGUMENT: {place(node, writer.text)}: Pattern has {pattern.groups} groups. "
            f"Cannot access group {group.this}"
        )


@builder("regexp_replace", typed=True)
def _replace(writer: Writer, node: exp.Anonymous, _: str) -> str:
    value, pattern, *replacement = writer.arguments(node, 2, 3)
    types = writer.types_of(node)
    by = node.expressions[2] if replacement else None
    if types is None:
        # The lambda must stand in the text, so that its own operators find their types.
        plain = _replaced_by_lambda(writer, node, value, pattern) if isinstance(by, exp.Lambda) else "''"
        return writer.marked(node, plain)
    writer.need_family(node, types, (0, 1, 2), "varchar")
    written = _re2(writer, node.expressions[1], pattern)
    if by is None:
        return f"regexp_replace({value}, {written}, '', 'g')"
    if isinstance(by, exp.Lambda):
        return _replaced_by_lambda(writer, node, value, written)
    if isinstance(by, exp.Literal):
        return f"regexp_replace({value}, {written}, {quoted_text(_rewrite(node, by.this))}, 'g')"
    return f"trino_regexp_replace({value}, {written}, {replacement[0]})"


def _rewrite(node: exp.Anonymous, replacement: str) -> str:
    """Java's ``$1``, ``${name}`` and ``\\$`` as RE2's ``\\1`` and ``$``."""
    pattern = _compiled(node.expressions[1])

    def part(found: re.Match[str]) -> str:
        if found["number"]:
            return f"\\{found['number']}"
        if found["name"]:
            number = pattern.groupindex.get(found["name"]) if pattern else None
            if number is None:
                raise QueryFailed(f"INVALID_FUNCTION_ARGUMENT: there is no group with name <{found['name']}>")
            return f"\\{number}"
        return "\\\\" if found["escaped"] == "\\" else found["escaped"]

    return re.sub(r"\$(?P<number>\d)|\$\{(?P<name>\w+)\}|\\(?P<escaped>.)", part, replacement)


def _replaced_by_lambda(writer: Writer, node: exp.Anonymous, value: str, pattern: str) -> str:
    """The pieces between the matches, each followed by what the lambda makes of a match's groups."""
    compiled = _compiled(node.expressions[1])
    if compiled is None:
        raise not_supported("regexp_replace with a lambda and a pattern that is not a literal")
    number = writer.fresh()
    groups = ", ".join(
        f"regexp_extract_all({value}, {pattern}, {group})[{number}]"
        for group in range(1, compiled.groups + 1)
    )
    made = writer.applied(node.expressions[2], f"CAST([{groups}] AS VARCHAR[])")
    pieces = f"regexp_split_to_array({value}, {pattern})"
    last = f"len({pieces})"
    return (
        f"array_to_string(list_transform(range(1, {last} + 1), lambda {number}: {pieces}[{number}] ||"
        f" CASE WHEN {number} < {last} THEN coalesce({made}, '') ELSE '' END), '')"
    )
