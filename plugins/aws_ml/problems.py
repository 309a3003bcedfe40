"""What is wrong with a workflow file, in words that need no second look at the code."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file."""

    path: KeyPath
    says: str

    def __str__(self) -> str:
        return f"{path_text(self.path)}: {self.says}" if self.path else self.says


def path_text(path: KeyPath) -> str:
    """``("data", "columns", 2, "type")`` as ``data.columns[2].type``."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def found(value: object, allowed: str) -> str:
    """The sentence for a value that is not allowed."""
    return f"found {shown(value)}; allowed: {allowed}"


def shown(value: object) -> str:
    """A value as a reader of YAML knows it, cut when it is long."""
    text = json.dumps(value, default=str, ensure_ascii=False) if value is not None else "nothing (null)"
    return text if len(text) <= 80 else f"{text[:77]}..."


def one_of(names: Iterable[object], unlike: object = None) -> str:
    """The allowed names, and which of them was probably meant."""
    listed = [str(name) for name in names]
    close = difflib.get_close_matches(str(unlike), listed, n=1) if unlike is not None else []
    return ", ".join(listed) + (f" (did you mean {close[0]}?)" if close else "")
