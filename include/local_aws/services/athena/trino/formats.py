"""Date patterns: MySQL's (date_format, date_parse) and Joda's (format_datetime) as strftime's."""

from __future__ import annotations

import re

from local_aws.services.athena.failure import QueryFailed, not_supported

# MySQL's letters that Trino implements. strftime has no unpadded forms for all of them.
_MYSQL = {
    "a": "%a", "b": "%b", "c": "%-m", "d": "%d", "e": "%-d", "f": "%f", "H": "%H", "h": "%I", "I": "%I",
    "i": "%M", "j": "%j", "k": "%-H", "l": "%-I", "M": "%B", "m": "%m", "p": "%p", "r": "%I:%M:%S %p",
    "S": "%S", "s": "%S", "T": "%H:%M:%S", "v": "%V", "W": "%A", "x": "%G", "Y": "%Y", "y": "%y", "%": "%%",
}  # fmt: skip

_JODA = {
    "yyyy": "%Y", "y": "%Y", "YYYY": "%Y", "yy": "%y", "MM": "%m", "M": "%-m", "MMM": "%b", "MMMM": "%B",
    "dd": "%d", "d": "%-d", "DDD": "%j", "HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M",
    "m": "%-M", "ss": "%S", "s": "%-S", "SSS": "%g", "SSSSSS": "%f", "a": "%p", "E": "%a", "EEE": "%a",
    "EEEE": "%A", "xxxx": "%G", "ww": "%V", "e": "%u", "ZZ": "+00:00", "Z": "+0000", "ZZZ": "UTC", "z": "UTC",
}  # fmt: skip


def from_mysql(pattern: str) -> str:
    """``"%Y-%m-%d %H:%i:%s"`` -> ``"%Y-%m-%d %H:%M:%S"``. Raises QueryFailed."""

    def letter(found: re.Match[str]) -> str:
        known = _MYSQL.get(found[1])
        if known is None:
            raise not_supported(f"the date pattern '%{found[1]}'")
        return known

    if pattern.endswith("%") and not pattern.endswith("%%"):
        raise QueryFailed("INVALID_FUNCTION_ARGUMENT: Unexpected end of format")
    return re.sub(r"%(.)", letter, pattern, flags=re.DOTALL)


def from_joda(pattern: str) -> str:
    """``"yyyy-MM-dd HH:mm:ss"`` -> ``"%Y-%m-%d %H:%M:%S"``. Raises QueryFailed."""
    answer = []
    for found in re.finditer(r"'((?:[^']|'')*)'|(([A-Za-z])\3*)|([^A-Za-z'])", pattern):
        quoted, word, other = found[1], found[2], found[4]
        if quoted is not None:
            answer.append((quoted or "'").replace("''", "'").replace("%", "%%"))
        elif word:
            known = _JODA.get(word)
            if known is None:
                raise not_supported(f"the date pattern '{word}'")
            answer.append(known)
        else:
            answer.append("%%" if other == "%" else other)
    return "".join(answer)
