"""What can be wrong, in words that name the node, what was found and what is allowed."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence

LONGEST_LIST = 12  # of names shown in a message: a table may have a thousand columns


class FlowInvalid(Exception):
    """The flow, or what the job was asked to do with it, cannot be used; nothing has run."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class CannotDo(Exception):
    """A step cannot be done with these data; the message says why and what would do."""


class NodeFailed(Exception):
    """A node failed while it ran; the message starts with its id and operator."""


def at(node_id: str, operator: str, says: str) -> str:
    """A problem of one node."""
    return f"node {node_id} ({operator}): {says}"


def found(value: object, allowed: str) -> str:
    """The sentence for a value that is not allowed."""
    return f"found {shown(value)}; allowed: {allowed}"


def shown(value: object) -> str:
    """A value as it stands in the flow, cut when it is long."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."


def listed(names: Iterable[object], unlike: object = None) -> str:
    """Names in a row, not too many, and which of them was probably meant."""
    texts = [str(name) for name in names]
    close = difflib.get_close_matches(str(unlike), texts, n=1) if unlike is not None else []
    row = ", ".join(texts[:LONGEST_LIST]) or "none"
    if len(texts) > LONGEST_LIST:
        row += f" and {len(texts) - LONGEST_LIST} more"
    return row + (f" (did you mean {close[0]}?)" if close else "")
