"""Trino's functions that DuckDB has no words for, in Python.

The translator writes calls of ``python_<name>``; ``register`` gives a connection those that a text mentions,
because making one takes milliseconds. A ValueError is the query's failure, in Trino's words.
NULL in, NULL out.
"""

from __future__ import annotations

import json
import re
import unicodedata
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from statistics import NormalDist
from typing import Any
from urllib.parse import quote_plus, unquote_plus, urlsplit

import duckdb


@dataclass(frozen=True)
class _PythonFunction:
    compute: Callable[..., Any]
    parameters: tuple[str, ...]
    result: str


_TABLE: dict[str, _PythonFunction] = {}


def register(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    """Make the functions that a statement mentions known to a connection."""
    for name in sorted(set(re.findall(r"\bpython_\w+", text)) & _TABLE.keys()):
        known = connection.execute("SELECT 1 FROM duckdb_functions() WHERE function_name = ?", [name])
        if known.fetchone() is None:
            row = _TABLE[name]
            connection.create_function(name, row.compute, list(row.parameters), row.result)


def _function(*types: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Put a function into the table, as ``python_<its name>``; the last type is the result's."""

    def add(compute: Callable[..., Any]) -> Callable[..., Any]:
        _TABLE[f"python{compute.__name__}"] = _PythonFunction(compute, types[:-1], types[-1])
        return compute

    return add


# JSON


def _no_constant(word: str) -> None:
    raise ValueError(word)


@_function("VARCHAR", "VARCHAR")
def _json_parse(text: str) -> str:
    """JSON as Trino keeps it: keys in order, no spaces."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except ValueError:
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: Cannot convert value to JSON: '{text}'") from None
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


# Text


@_function("VARCHAR", "BOOLEAN")
def _luhn_check(text: str) -> bool:
    """Whether a text of digits satisfies the Luhn algorithm."""
    if not re.fullmatch("[0-9]+", text):
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: Input is not a string of digits: {text}")
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(text))]
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0


_SOUNDEX = {
    letter: code
    for letters, code in (("BFPV", "1"), ("CGJKQSXZ", "2"), ("DT", "3"), ("L", "4"), ("MN", "5"), ("R", "6"))
    for letter in letters
}


@_function("VARCHAR", "VARCHAR")
def _soundex(text: str) -> str:
    """American Soundex: H and W do not part letters of one code, vowels do."""
    letters = [letter for letter in text.upper() if "A" <= letter <= "Z"]
    if not letters:
        return ""
    codes, before = "", _SOUNDEX.get(letters[0], "")
    for letter in letters[1:]:
        code = _SOUNDEX.get(letter, "")
        if code and code != before:
            codes += code
        if letter not in "HW":
            before = code
    return (letters[0] + codes + "000")[:4]


@_function("VARCHAR", "VARCHAR", "VARCHAR")
def _normalize(text: str, form: str) -> str:
    """A Unicode normal form: NFC, NFD, NFKC, NFKD."""
    return unicodedata.normalize(form, text)  # type: ignore[arg-type]


@_function("BLOB", "BIGINT")
def _crc32(data: bytes) -> int:
    """The CRC-32 of bytes."""
    return zlib.crc32(data)


@_function("BLOB", "BLOB")
def _sha512(data: bytes) -> bytes:
    """The SHA-512 of bytes."""
    import hashlib

    return hashlib.sha512(data).digest()


@_function("VARCHAR", "BIGINT", "BIGINT")
def _from_base(text: str, radix: int) -> int:
    """A whole number written in some base."""
    if not 2 <= radix <= 36:
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: Radix must be between 2 and 36, but got {radix}")
    try:
        value = int(text, radix)
    except ValueError:
        value = 2**63
    if not -(2**63) <= value < 2**63 or "_" in text:
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: Not a valid base-{radix} number: {text}")
    return value


# The text of a specifier of java.util.Formatter: %[argument$][flags][width][.precision]conversion
_SPECIFIER = re.compile(r"%(?:(\d+)\$)?([-#+ 0,(]*)(\d+)?(?:\.(\d+))?(t?[a-zA-Z%])")
_DATE_PARTS = {
    "Y": "%Y", "y": "%y", "m": "%m", "d": "%d", "B": "%B", "b": "%b", "A": "%A", "a": "%a", "j": "%j",
}  # fmt: skip


@_function("VARCHAR", "VARCHAR[]", "VARCHAR")
def _format(pattern: str, arguments: list[str | None]) -> str:
    """Java's formatter; arguments come as Trino's text of their values."""
    following = 0

    def written(found: re.Match[str]) -> str:
        nonlocal following
        index, flags, width, precision, kind = found.groups()
        if kind == "%":
            return "%"
        if index:
            place = int(index) - 1
        else:
            place = following
            following += 1
        if place >= len(arguments):
            raise ValueError(f"INVALID_FUNCTION_ARGUMENT: Format specifier '{found[0]}' has no argument")
        text = _formatted(arguments[place], flags, width, precision, kind)
        if text is None:
            raise ValueError(
                f"NOT_SUPPORTED: the format '{found[0]}' of this value (a limit of the local AWS stand-in)"
            )
        return text.ljust(int(width)) if width and "-" in flags else text.rjust(int(width or 0))

    rest = _SPECIFIER.sub("", pattern)
    if "%" in rest:
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: Invalid format string: {pattern}")
    return _SPECIFIER.sub(written, pattern)


def _formatted(
    value: str | None, flags: str, width: str | None, precision: str | None, kind: str
) -> str | None:
    if value is None:
        return "null"
    if kind in "sS":
        text = value[: int(precision)] if precision else value
        return text.upper() if kind == "S" else text
    if kind[0] == "t":
        try:
            day = date.fromisoformat(value[:10])
        except ValueError:
            return None
        if kind[1] == "e":
            return str(day.day)
        return day.strftime(_DATE_PARTS[kind[1]]) if kind[1] in _DATE_PARTS else None
    if kind not in "dfxX" or set(flags) - set("-0,+"):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    if kind == "f":
        places = Decimal(1).scaleb(-int(precision or 6))
        text = f"{number.quantize(places, ROUND_HALF_UP):{',' if ',' in flags else ''}f}"
    elif number != number.to_integral_value() or "." in value or "E" in value:
        return None
    else:
        text = format(int(number), {"d": ",d" if "," in flags else "d"}.get(kind, kind))
    if "+" in flags and not text.startswith("-"):
        text = f"+{text}"
    if "0" in flags and width:
        sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("", text)
        text = sign + digits.rjust(int(width) - len(sign), "0")
    return text


@_function("DOUBLE", "VARCHAR")
def _format_number(number: float) -> str:
    """Three digits and a unit: 123456 is 123K."""
    size, units = abs(number), ["", "K", "M", "B", "T", "Q"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        units.pop(0)
    places = 2 if size < 10 else 1 if size < 100 else 0
    text = f"{Decimal(size).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{'-' if number < 0 else ''}{text}{units[0]}"


# URLs


@_function("VARCHAR", "VARCHAR", "VARCHAR")
def _url_part(url: str, part: str) -> str | None:
    """One part of a URL; NULL when it has none, or is no URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if re.search(r"\s", url):
        return None
    return {
        "protocol": parts.scheme or None,
        "host": parts.hostname,
        "port": None if port is None else str(port),
        "path": parts.path,
        "query": parts.query if "?" in url else None,
        "fragment": parts.fragment if "#" in url else None,
    }[part]


@_function("VARCHAR", "VARCHAR", "VARCHAR")
def _url_parameter(url: str, name: str) -> str | None:
    """The first parameter of this name in a URL's query."""
    query = _url_part(url, "query") or ""
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        if key == name:
            return unquote_plus(value)
    return None


@_function("VARCHAR", "VARCHAR")
def _url_encode(text: str) -> str:
    """As HTML forms escape a value."""
    return quote_plus(text, safe="*-._").replace("~", "%7E")


@_function("VARCHAR", "VARCHAR")
def _url_decode(text: str) -> str:
    """The inverse of url_encode."""
    return unquote_plus(text)


# Times

_DURATIONS = {"ns": 1e-6, "us": 1e-3, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@_function("VARCHAR", "BIGINT")
def _parse_duration(text: str) -> int:
    """ "3.81 d" in milliseconds."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", text)
    if not found or found[2] not in _DURATIONS:
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: duration is not a valid data duration string: {text}")
    exact = Decimal(found[1]) * Decimal(str(_DURATIONS[found[2]]))
    return int(exact.to_integral_value(ROUND_HALF_UP))


@_function("DOUBLE", "VARCHAR")
def _human_readable_seconds(seconds: float) -> str:
    """ "1 minute, 36 seconds"."""
    left = round(abs(seconds))
    parts: list[str] = []
    for word, size in (("week", 604800), ("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, size)
        if count or (word == "second" and not parts):
            parts.append(f"{count} {word}{'' if count == 1 else 's'}")
    return ", ".join(parts)


@_function("VARCHAR", "DATE")
def _from_iso8601_date(text: str) -> date:
    """A calendar date, a week date (2020-W10, 2020-W10-3) or a day of a year (2020-123)."""
    try:
        if found := re.fullmatch(r"(\d{4})-?W(\d{2})(?:-?(\d))?", text):
            return date.fromisocalendar(int(found[1]), int(found[2]), int(found[3] or 1))
        if found := re.fullmatch(r"(\d{4})-(\d{3})", text):
            day = date(int(found[1]), 1, 1) + timedelta(days=int(found[2]) - 1)
            if day.year == int(found[1]):
                return day
        elif found := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", text):
            return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        pass  # said below, as for what has no such shape
    raise ValueError(f'INVALID_FUNCTION_ARGUMENT: Invalid format: "{text}"')


# Statistics


@_function("DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE")
def _normal_cdf(mean: float, deviation: float, value: float) -> float:
    """The share of a normal distribution below a value."""
    return _normal(mean, deviation).cdf(value)


@_function("DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE")
def _inverse_normal_cdf(mean: float, deviation: float, share: float) -> float:
    """The value below which a share of a normal distribution lies."""
    if not 0 < share < 1:
        raise ValueError("INVALID_FUNCTION_ARGUMENT: p must be 0 > p > 1")
    return _normal(mean, deviation).inv_cdf(share)


def _normal(mean: float, deviation: float) -> NormalDist:
    if deviation <= 0:
        raise ValueError("INVALID_FUNCTION_ARGUMENT: standardDeviation must be > 0")
    return NormalDist(mean, deviation)


@_function("BIGINT", "BIGINT", "DOUBLE", "DOUBLE", "DOUBLE")
def _wilson_interval(successes: int, trials: int, z: float, sign: float) -> float:
    """The bound of the Wilson score interval, the lower one for sign -1."""
    if successes < 0 or trials <= 0 or successes > trials or z < 0:
        raise ValueError(
            "INVALID_FUNCTION_ARGUMENT: 0 <= successes <= trials, trials > 0 and z >= 0 are needed"
        )
    share = successes / trials
    centre = share + z * z / (2 * trials)
    spread = z * ((share * (1 - share) + z * z / (4 * trials)) / trials) ** 0.5
    bound: float = (centre + sign * spread) / (1 + z * z / trials)
    return bound


@_function("DOUBLE[]", "DOUBLE[]", "DOUBLE[]", "BIGINT[]")
def _weighted_places(values: list[float], weights: list[float], shares: list[float]) -> list[int]:
    """Where, from 1, the weighted percentiles of unsorted values stand."""
    if any(weight < 1 for weight in weights):
        raise ValueError("INVALID_FUNCTION_ARGUMENT: percentile weight must be > 0")
    if any(not 0 <= share <= 1 for share in shares):
        raise ValueError("INVALID_FUNCTION_ARGUMENT: Percentile must be between 0 and 1")
    order = sorted(range(len(values)), key=values.__getitem__)
    total, places = sum(weights), []
    for share in shares:
        reached = 0.0
        for place in order:
            reached += weights[place]
            if reached >= share * total:
                break
        places.append(place + 1)
    return places
