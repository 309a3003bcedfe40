"""The one kind of error that the launcher shows: a sentence for the person at the terminal."""

from __future__ import annotations

import errno

DISK_TROUBLE = {
    errno.ENOSPC: "The disk is full; free some space and try again.",
    errno.EDQUOT: "The disk quota is used up; free some space and try again.",
    errno.EROFS: "The project keeps all it makes in its own directory, and that is read-only: "
    "copy it to where you may write.",
    errno.EACCES: "The project keeps all it makes in its own directory, and you may not write there.",
}


class Problem(Exception):
    """What went wrong and what to do about it, in words that need no traceback."""


def disk_trouble(error: OSError) -> str | None:
    """What a person can do about an error of the file system; None for an error that is a fault of ours."""
    sentence = DISK_TROUBLE.get(error.errno or 0)
    return f"{sentence} ({error.filename})" if sentence and error.filename else sentence
