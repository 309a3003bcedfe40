"""One row of the tables of functions.

A template names its arguments {0}, {1}, … ({*} is all of them, {or_null} whether one is NULL). In an
aggregate, @ is where FILTER and OVER belong; a plain aggregate needs none.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Function:
    """One function of Trino."""

    template: str
    least: int  # arguments
    most: int | None = None  # None: any number
    aggregate: bool = False  # also window functions: FILTER and OVER follow it
    strings: tuple[int, ...] = ()  # arguments that must be varchar: DuckDB would cast anything


def same(*names: str, arguments: tuple[int, int | None]) -> dict[str, Function]:
    """Functions of the same name and meaning in both languages."""
    return {name: Function(f"{name}({{*}})", *arguments) for name in names}


def aggregates(*names: str, arguments: tuple[int, int | None]) -> dict[str, Function]:
    """Aggregates and window functions of the same name and meaning in both languages."""
    return {name: Function(f"{name}({{*}})@", *arguments, aggregate=True) for name in names}
