"""How a column has moved since the previous partition.

The population stability index, sum((now - before) * ln(now / before)) over the same groups of rows on both
days: below 0.1 little has changed, above 0.2 much. A category's groups are its values; a number's are bins of
about a tenth of the previous day's rows each. What is missing is a group of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

GROUPS = 10
LEAST_SHARE = 1e-4  # stands for an empty group, whose logarithm would be infinite


def compare(facts: dict[str, Any], previous: Mapping[str, Any] | None) -> None:
    """Add ``previous`` to the facts and ``drift`` to each column: {psi, new, vanished, note}, or null."""
    facts["previous"] = None
    before = {}
    if previous is not None:
        facts["previous"] = {
            "partition": previous["partition"],
            "rows": previous["rows"],
            "share": previous["label"]["share"],
        }
        before = {column["name"]: column for column in previous["columns"]}
    for column in facts["columns"]:
        column["drift"] = None
        if previous is not None and column["kind"] in ("number", "category"):  # a day's times are all new
            column["drift"] = _drift(column, facts["rows"], before.get(column["name"]), previous["rows"])


def psi(now: Sequence[float], before: Sequence[float]) -> float:
    """The index of two lists of shares over the same groups."""
    floored = [(max(new, LEAST_SHARE), max(old, LEAST_SHARE)) for new, old in zip(now, before, strict=True)]
    return math.fsum((new - old) * math.log(new / old) for new, old in floored)


def _drift(
    now: Mapping[str, Any], rows: int, before: Mapping[str, Any] | None, rows_before: int
) -> dict[str, Any]:
    drift: dict[str, Any] = {"psi": None, "new": [], "vanished": [], "note": None}
    if before is None or before["type"] != now["type"] or ("values" in now) != ("values" in before):
        drift["note"] = "the previous partition has no such column of this type"
        return drift
    if "values" in now:
        mine, old = ({each["value"]: each["rows"] for each in column["values"]} for column in (now, before))
        # A value that is not among those kept may be among the rarer ones.
        if not before["others"]["values"]:
            drift["new"] = [value for value in mine if value not in old]
        if not now["others"]["values"]:
            drift["vanished"] = [value for value in old if value not in mine]
        names = list(dict.fromkeys([*mine, *old]))
        shares = [
            [
                *(counts.get(name, 0) / total for name in names),
                column["others"]["rows"] / total,
                column["missing"] / total,
            ]
            for counts, column, total in ((mine, now, rows), (old, before, rows_before))
        ]
    elif now["histogram"] is None or before["histogram"] is None:
        shares = [[column["missing_share"], 1 - column["missing_share"]] for column in (now, before)]
    else:
        cuts = _cuts(before)
        shares = [_shares(column, cuts, total) for column, total in ((now, rows), (before, rows_before))]
    drift["psi"] = psi(*shares)
    return drift


def _knots(column: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """Places, and how many rows lie at or below each; between two of them rows are spread evenly."""
    histogram = column["histogram"]
    places, counts = [column["minimum"]], [0.0]
    total = histogram["below"]["rows"]
    steps = [(histogram["edges"][0], total)]
    for edge, rows in zip(histogram["edges"][1:], histogram["rows"], strict=True):
        total += rows
        steps.append((edge, total))
    steps.append((column["maximum"], total + histogram["above"]["rows"]))
    for place, rows in steps:
        # Of whole numbers, those below an edge are those up to the whole number before it.
        known = math.ceil(place) - 1 if column["whole"] and place < column["maximum"] else place
        if known > places[-1]:
            places.append(known)
            counts.append(rows)
        else:
            counts[-1] = max(counts[-1], rows)
    return places, counts


def _cuts(column: Mapping[str, Any]) -> list[float]:
    """Places that part the column's rows into groups of about the same size."""
    places, counts = _knots(column)
    if len(places) == 1:
        return [math.nextafter(places[0], -math.inf), places[0]]
    cuts, taken, least = [], 0.0, counts[-1] / GROUPS
    for place, rows in zip(places[:-1], counts[:-1], strict=True):
        # What is left for the last group must not be so little that its share is chance.
        if rows - taken >= least and counts[-1] - rows >= least / 2:
            cuts.append(place)
            taken = rows
    return cuts


def _shares(column: Mapping[str, Any], cuts: Sequence[float], rows: int) -> list[float]:
    below = [_at_or_below(column, cut) for cut in cuts]
    ends = [0.0, *below, float(sum(_all(column)))]
    inner = [(right - left) / rows for left, right in pairwise(ends)]
    return [*inner, (rows - ends[-1]) / rows]


def _all(column: Mapping[str, Any]) -> list[int]:
    histogram = column["histogram"]
    return [histogram["below"]["rows"], *histogram["rows"], histogram["above"]["rows"]]


def _at_or_below(column: Mapping[str, Any], cut: float) -> float:
    places, counts = _knots(column)
    if column["whole"]:
        cut = math.floor(cut)
    if cut < places[0]:
        return 0.0
    for index, place in enumerate(places):
        if cut < place:
            left, right = places[index - 1], place
            part = (cut - left) / (right - left)
            return counts[index - 1] + part * (counts[index] - counts[index - 1])
    return counts[-1]
