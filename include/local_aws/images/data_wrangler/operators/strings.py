"""Format string: case, padding, stripping, symbols. A value that is missing stays missing.

Other kinds than texts are written as texts first, as in Spark.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from local_aws.images.data_wrangler.parameters import Column, EachColumn, Parameter, Text, Whole
from local_aws.images.data_wrangler.registry import choice, operation
from local_aws.images.data_wrangler.values import Table, column, from_arrow, over_distinct, texts, with_column

OPERATOR = "sagemaker.spark.format_string_0.1"
SYMBOLS = "!@#$%^&*()_+=-/\\`~{}|<>?"
WIDEST = 1000
COLUMNS: dict[str, Parameter] = {"input_column": EachColumn(), "output_column": Column(default=None)}
WIDTH = Whole(low=0, high=WIDEST)
FILL = Text(default=" ", longest=1)
REMOVED = Text(default=None)  # nothing given: white space


def _named(value: str, group: str, **more: Parameter) -> Callable[[Any], Any]:
    declared: dict[str, Any] = {**COLUMNS, **more}
    return operation(OPERATOR, choice(value, group), **declared)


def changed(
    table: Table, input_column: str, output_column: str | None, function: Callable[[str], str]
) -> Table:
    """The table with a function applied to a column's texts."""
    text = from_arrow(texts(column(table, input_column)).cast(pa.large_string()))
    return with_column(table, output_column or input_column, over_distinct(text, function))


def padded(text: str, width: int, fill: str, *, left: bool) -> str:
    """The text in exactly so many characters: Spark's lpad and rpad also cut what is longer."""
    missing = fill * (width - len(text))
    return (missing + text if left else text + missing)[:width]


@_named("Lower case", "lower_case_parameters")
def lower_case(table: Table, *, input_column: str, output_column: str | None) -> Table:
    """All letters small."""
    return changed(table, input_column, output_column, str.lower)


@_named("Upper case", "upper_case_parameters")
def upper_case(table: Table, *, input_column: str, output_column: str | None) -> Table:
    """All letters large."""
    return changed(table, input_column, output_column, str.upper)


@_named("Title case", "title_case_parameters")
def title_case(table: Table, *, input_column: str, output_column: str | None) -> Table:
    """The first letter of each word large."""
    return changed(table, input_column, output_column, str.title)


@_named("Capitalize", "capitalize_parameters")
def capitalize(table: Table, *, input_column: str, output_column: str | None) -> Table:
    """The first letter large, the others small."""
    return changed(table, input_column, output_column, str.capitalize)


@_named("Swap case", "swap_case_parameters")
def swap_case(table: Table, *, input_column: str, output_column: str | None) -> Table:
    """Small letters large, large ones small."""
    return changed(table, input_column, output_column, str.swapcase)


@_named("Left pad", "left_pad_parameters", width=WIDTH, fill_character=FILL)
def left_pad(
    table: Table, *, input_column: str, output_column: str | None, width: int, fill_character: str
) -> Table:
    """Filled from the left to a width; what is longer is cut."""
    return changed(
        table, input_column, output_column, lambda text: padded(text, width, fill_character, left=True)
    )


@_named("Right pad", "right_pad_parameters", width=WIDTH, fill_character=FILL)
def right_pad(
    table: Table, *, input_column: str, output_column: str | None, width: int, fill_character: str
) -> Table:
    """Filled from the right to a width; what is longer is cut."""
    return changed(
        table, input_column, output_column, lambda text: padded(text, width, fill_character, left=False)
    )


@_named(
    "Center (pad on either side)", "center_pad_on_either_side_parameters", width=WIDTH, fill_character=FILL
)
def center(
    table: Table, *, input_column: str, output_column: str | None, width: int, fill_character: str
) -> Table:
    """Filled on both sides to a width; what is longer stays as it is."""
    return changed(table, input_column, output_column, lambda text: text.center(width, fill_character))


@_named("Strip characters from left", "strip_characters_from_left_parameters", characters_to_remove=REMOVED)
def strip_left(
    table: Table, *, input_column: str, output_column: str | None, characters_to_remove: str | None
) -> Table:
    """Without these characters at the begin."""
    return changed(table, input_column, output_column, lambda text: text.lstrip(characters_to_remove))


@_named("Strip characters from right", "strip_characters_from_right_parameters", characters_to_remove=REMOVED)
def strip_right(
    table: Table, *, input_column: str, output_column: str | None, characters_to_remove: str | None
) -> Table:
    """Without these characters at the end."""
    return changed(table, input_column, output_column, lambda text: text.rstrip(characters_to_remove))


@_named("Strip left and right", "strip_left_and_right_parameters", characters_to_remove=REMOVED)
def strip(
    table: Table, *, input_column: str, output_column: str | None, characters_to_remove: str | None
) -> Table:
    """Without these characters at both ends."""
    return changed(table, input_column, output_column, lambda text: text.strip(characters_to_remove))


@_named("Prepend zeros", "prepend_zeros_parameters", width=WIDTH)
def prepend_zeros(table: Table, *, input_column: str, output_column: str | None, width: int) -> Table:
    """Filled from the left with zeros to a width; what is longer is cut."""
    return changed(table, input_column, output_column, lambda text: padded(text, width, "0", left=True))


@_named("Add prefix", "add_prefix_parameters", prefix=Text())
def add_prefix(table: Table, *, input_column: str, output_column: str | None, prefix: str) -> Table:
    """With a text in front."""
    return changed(table, input_column, output_column, lambda text: prefix + text)


@_named("Add suffix", "add_suffix_parameters", suffix=Text())
def add_suffix(table: Table, *, input_column: str, output_column: str | None, suffix: str) -> Table:
    """With a text behind."""
    return changed(table, input_column, output_column, lambda text: text + suffix)


@_named("Remove symbols", "remove_symbols_parameters", symbols=Text(default=SYMBOLS))
def remove_symbols(table: Table, *, input_column: str, output_column: str | None, symbols: str) -> Table:
    """Without any of these characters."""
    pattern = re.compile(f"[{re.escape(symbols)}]")
    return changed(table, input_column, output_column, lambda text: pattern.sub("", text))
