"""How the library says that it lacks something."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


class Absent(NotImplementedError, AttributeError):
    """Something of AWS's library that this one does not have; the message names it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not there in the local stand-in's awsglue")


class Partial:
    """Base of classes of which not everything is there."""

    def __getattr__(self, name: str) -> Any:
        raise Absent(f"{type(self).__name__}.{name}")


def only(what: str, given: Mapping[str, Any] | None, known: Collection[str]) -> dict[str, Any]:
    """The options, all of which must be known. Raises Absent."""
    for name in given or {}:
        if name not in known:
            raise Absent(f"{what} {name!r}")
    return dict(given or {})
