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
    # Arguments that must be text, numbers, dates or times: DuckDB would cast anything.
    strings: tuple[int, ...] = ()
    numbers: tuple[int, ...] = ()
    times: tuple[int, ...] = ()

    @property
    def typed(self) -> bool:
        """Whether the types of arguments matter."""
        return bool(self.strings or self.numbers or self.times)


def same(
    *names: str,
    arguments: tuple[int, int | None],
    strings: tuple[int, ...] = (),
    numbers: tuple[int, ...] = (),
) -> dict[str, Function]:
    """Functions of the same name and meaning in both languages."""
    return {name: Function(f"{name}({{*}})", *arguments, strings=strings, numbers=numbers) for name in names}


def aggregates(*names: str, arguments: tuple[int, int | None]) -> dict[str, Function]:
    """Aggregates and window functions of the same name and meaning in both languages."""
    return {name: Function(f"{name}({{*}})@", *arguments, aggregate=True) for name in names}
