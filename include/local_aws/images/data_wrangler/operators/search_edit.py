"""Search and edit: find, replace, extract, split, by texts, positions or regular expressions.

Patterns are Java's; what both languages know means the same here. A value that is missing stays missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import regex

from local_aws.images.data_wrangler.parameters import (
    Column,
    EachColumn,
    Flag,
    Parameter,
    Pattern,
    Text,
    Whole,
    Wrong,
)
from local_aws.images.data_wrangler.problems import CannotDo
from local_aws.images.data_wrangler.registry import choice, operation
from local_aws.images.data_wrangler.values import (
    ARRAY,
    BOOL,
    FLOAT,
    STRING,
    Table,
    column,
    from_arrow,
    over_distinct,
    texts,
    with_column,
)

OPERATOR = "sagemaker.spark.search_and_edit_0.1"
COLUMNS: dict[str, Parameter] = {"input_column": EachColumn(), "output_column": Column(default=None)}
PLACES: dict[str, Parameter] = {"start_index": Whole(default=None), "end_index": Whole(default=None)}


def _named(value: str, group: str, **more: Any) -> Callable[[Any], Any]:
    declared: dict[str, Any] = {**COLUMNS, **more}
    return operation(OPERATOR, choice(value, group), **declared)


def _changed(
    table: Table,
    input_column: str,
    output_column: str | None,
    function: Callable[[str], Any],
    kind: str = STRING,
) -> Table:
    text = from_arrow(texts(column(table, input_column)).cast(pa.large_string()))
    return with_column(table, output_column or input_column, over_distinct(text, function, kind))


def replacement_of(java: str) -> Callable[[Any], str]:
    """Java's replacement text, in which `$1` and `${name}` are groups and a backslash takes their meaning."""
    piece = r"\\(.)|\$(\d)|\$\{(\w+)\}|([^\\$]+)"
    if not re.fullmatch(f"(?:{piece})*", java, re.DOTALL):
        raise Wrong(f"found {java!r}; allowed: a text in which $ and \\ stand before a group or a character")
    pieces = re.findall(piece, java, re.DOTALL)

    def fill(match: Any) -> str:
        return "".join(
            escaped or plain or (match[int(number)] if number else match[name]) or ""
            for escaped, number, name, plain in pieces
        )

    return fill


def _replacement(values: Any) -> str | None:
    try:
        replacement_of(values["replacement"])
        groups = regex.compile(values["pattern"]).groups
    except Wrong as wrong:
        return f"replacement: {wrong}"
    numbers = [int(number) for number in re.findall(r"(?<!\\)\$(\d)", values["replacement"])]
    beyond = [number for number in numbers if number > groups]
    if beyond:
        return f"replacement: found ${beyond[0]}; the pattern has {groups} groups"
    return None


@_named(
    "Find and replace substring",
    "find_and_replace_substring_parameters",
    check=_replacement,
    pattern=Pattern(),
    replacement=Text(default="", empty=True),
)
def find_and_replace(
    table: Table, *, input_column: str, output_column: str | None, pattern: str, replacement: str
) -> Table:
    """Every match of a pattern replaced."""
    compiled, fill = regex.compile(pattern), replacement_of(replacement)
    return _changed(table, input_column, output_column, lambda text: compiled.sub(fill, text))


@_named(
    "Split string by delimiter",
    "split_string_by_delimiter_parameters",
    delimiter=Text(empty=True),
    limit=Whole(low=-(2**31) + 1, high=2**31 - 1, default=None),
)
def split_by_delimiter(
    table: Table, *, input_column: str, output_column: str | None, delimiter: str, limit: int | None
) -> Table:
    """The parts between delimiters (or white space), at most so many; a column of lists."""
    pattern = re.compile(re.escape(delimiter) if delimiter else r"\s+")
    most = max((limit or 0) - 1, 0)

    def parts(text: str) -> list[str]:
        return [text] if limit == 1 else pattern.split(text, maxsplit=most)

    return _changed(table, input_column, output_column, parts, ARRAY)


@_named("Find substring", "find_substring_parameters", needle=Text(), **PLACES)
def find_substring(
    table: Table,
    *,
    input_column: str,
    output_column: str | None,
    needle: str,
    start_index: int | None,
    end_index: int | None,
) -> Table:
    """Where a text stands first, counted from 0; -1 where it does not."""
    return _changed(
        table,
        input_column,
        output_column,
        lambda text: float(text.find(needle, start_index or 0, end_index)),
        FLOAT,
    )


@_named("Find substring (from right)", "find_substring_from_right_parameters", needle=Text(), **PLACES)
def find_substring_from_right(
    table: Table,
    *,
    input_column: str,
    output_column: str | None,
    needle: str,
    start_index: int | None,
    end_index: int | None,
) -> Table:
    """Where a text stands last, counted from 0; -1 where it does not."""
    return _changed(
        table,
        input_column,
        output_column,
        lambda text: float(text.rfind(needle, start_index or 0, end_index)),
        FLOAT,
    )


@_named("Matches", "matches_parameters", pattern=Pattern(), case=Flag(default=True))
def matches(table: Table, *, input_column: str, output_column: str | None, pattern: str, case: bool) -> Table:
    """Whether the text begins with a match."""
    compiled = regex.compile(pattern, 0 if case else regex.IGNORECASE)
    return _changed(table, input_column, output_column, lambda text: compiled.match(text) is not None, BOOL)


@_named("Find all occurrences", "find_all_occurrences_parameters", pattern=Pattern())
def find_all(table: Table, *, input_column: str, output_column: str | None, pattern: str) -> Table:
    """All matches; a column of lists. A pattern with several groups is refused: AWS makes no texts of it."""
    compiled = regex.compile(pattern)
    if compiled.groups > 1:
        raise CannotDo(f"pattern {pattern!r} has {compiled.groups} groups; allowed: none or one")
    return _changed(table, input_column, output_column, compiled.findall, ARRAY)


def _group(values: Any) -> str | None:
    groups = regex.compile(values["pattern"]).groups
    index = values["index"]
    if index is not None and index > groups:
        return f"index: found {index}; allowed: 0 to {groups}, the groups of the pattern"
    return None


@_named(
    "Extract using regex",
    "extract_using_regex_parameters",
    check=_group,
    pattern=Pattern(),
    index=Whole(low=0, default=None),
)
def extract_using_regex(
    table: Table, *, input_column: str, output_column: str | None, pattern: str, index: int | None
) -> Table:
    """A group of the first match (the first group if there is one); an empty text where nothing matches."""
    compiled = regex.compile(pattern)
    number = index if index is not None else min(compiled.groups, 1)

    def extract(text: str) -> str:
        match = compiled.search(text)
        return (match[number] or "") if match else ""

    return _changed(table, input_column, output_column, extract)


DELIMITERS: dict[str, Parameter] = {"left_delimiter": Text(), "right_delimiter": Text()}


@_named("Extract between delimiters", "extract_between_delimiters_parameters", **DELIMITERS)
def extract_between(
    table: Table, *, input_column: str, output_column: str | None, left_delimiter: str, right_delimiter: str
) -> Table:
    """What stands between the first left and the last right delimiter; an empty text where they are not."""
    compiled = re.compile(f"{re.escape(left_delimiter)}(.*){re.escape(right_delimiter)}")

    def extract(text: str) -> str:
        match = compiled.search(text)
        return match[1] if match else ""

    return _changed(table, input_column, output_column, extract)


def _from(text: str, start: int, length: int) -> tuple[int, int]:
    """Where a part begins and ends: Spark counts from 1, takes 0 as 1, and a negative start from the end."""
    begin = start - 1 if start > 0 else (0 if start == 0 else max(len(text) + start, 0))
    overhang = min(len(text) + start, 0) if start < 0 else 0
    return begin, max(begin, begin + length + overhang)


POSITION: dict[str, Parameter] = {"start_position": Whole(), "length": Whole(low=0)}


@_named("Extract from position", "extract_from_position_parameters", **POSITION)
def extract_from_position(
    table: Table, *, input_column: str, output_column: str | None, start_position: int, length: int
) -> Table:
    """So many characters from a position on, which counts from 1."""

    def extract(text: str) -> str:
        begin, end = _from(text, start_position, length)
        return text[begin:end]

    return _changed(table, input_column, output_column, extract)


@_named(
    "Replace between delimiters",
    "replace_between_delimiters_parameters",
    **DELIMITERS,
    replacement=Text(default="", empty=True),
)
def replace_between(
    table: Table,
    *,
    input_column: str,
    output_column: str | None,
    left_delimiter: str,
    right_delimiter: str,
    replacement: str,
) -> Table:
    """What stands between the last left and the last right delimiter behind it, replaced."""
    compiled = re.compile(f"(.*{re.escape(left_delimiter)})(.*)({re.escape(right_delimiter)}.*)")
    return _changed(
        table,
        input_column,
        output_column,
        lambda text: compiled.sub(lambda match: f"{match[1]}{replacement}{match[3]}", text),
    )


@_named(
    "Replace from position",
    "replace_from_position_parameters",
    start_position=Whole(low=1),
    length=Whole(low=0),
    replacement=Text(default="", empty=True),
)
def replace_from_position(
    table: Table,
    *,
    input_column: str,
    output_column: str | None,
    start_position: int,
    length: int,
    replacement: str,
) -> Table:
    """So many characters from a position on, which counts from 1, replaced."""
    first = start_position - 1
    return _changed(
        table,
        input_column,
        output_column,
        lambda text: text[:first] + replacement + text[first + length :],
    )


@_named("Convert regex to missing", "convert_regex_to_missing_parameters", pattern=Pattern())
def regex_to_missing(table: Table, *, input_column: str, output_column: str | None, pattern: str) -> Table:
    """Texts that match as a whole are missing afterwards."""
    compiled = regex.compile(f"^{pattern}$")
    return _changed(table, input_column, output_column, lambda text: None if compiled.search(text) else text)


@_named("Convert non-matches to missing", "convert_non_matches_to_missing_parameters", pattern=Pattern())
def non_matches_to_missing(
    table: Table, *, input_column: str, output_column: str | None, pattern: str
) -> Table:
    """Texts that do not match as a whole are missing afterwards."""
    compiled = regex.compile(f"^{pattern}$")
    return _changed(table, input_column, output_column, lambda text: text if compiled.search(text) else None)
