"""Small charts as inline SVG. Colours are classes of the page's style sheet, so they follow light and dark.

Every chart is an image with a name for those who cannot see it; each mark tells its numbers when pointed at.
Texts are escaped here: whatever comes from the data goes through ``text``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from html import escape
from itertools import pairwise
from typing import Any

WIDTH = 320
LONGEST = 200  # characters of a value that a page shows


def text(value: object, longest: int = LONGEST) -> str:
    """A value from the data as HTML text; long ones are cut, control characters made visible."""
    shown = "".join(
        sign if sign.isprintable() else "\N{SYMBOL FOR NULL}" if sign == "\0" else "␣" for sign in str(value)
    )
    return escape(shown if len(shown) <= longest else shown[: longest - 1] + "…", quote=True)


def short(value: float | None) -> str:
    """A number for people: four digits that matter."""
    if value is None:
        return "&ndash;"
    if value == int(value) and abs(value) < 1e7:
        return f"{int(value):,}"
    if 1e-3 <= abs(value) < 1e7:
        digits = max(0, 3 - math.floor(math.log10(abs(value))))
        return f"{value:,.{digits}f}"
    return f"{value:.3g}"


def moment(value: float | None) -> str:
    """Seconds since 1970 for people, as a day and, where it is not midnight, a time."""
    if value is None:
        return "&ndash;"
    try:
        when = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=value)
    except OverflowError:  # beyond the years that Python knows
        return short(value)
    return when.strftime("%Y-%m-%d" if value % 86400 == 0 else "%Y-%m-%d %H:%M")


def percent(share: float | None) -> str:
    """A share for people; what is there never reads as nothing."""
    if share is None:
        return "&ndash;"
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{100 * share:.1f} %"


def svg(width: float, height: float, name: str, body: str) -> str:
    """A chart that shrinks with its column."""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{name}" '
        f'preserveAspectRatio="xMinYMin">'
        f"{body}</svg>"
    )


def shower(column: Mapping[str, Any]) -> Callable[[float | None], str]:
    """How a column's numbers are shown."""
    return moment if column["kind"] == "time" else short


def bin_names(column: Mapping[str, Any]) -> tuple[list[str], str, str]:
    """What each bin of a histogram is called, and where the first begins and the last ends."""
    show, edges = shower(column), column["histogram"]["edges"]
    if len(edges) == 2 and edges[0] == edges[1]:
        return [show(edges[0])], show(edges[0]), show(edges[1])
    if column["whole"] and edges[0] != math.floor(edges[0]) and edges[1] - edges[0] == 1:  # one number each
        names = [show(edge + 0.5) for edge in edges[:-1]]
        return names, names[0], names[-1]
    return [f"{show(a)} to {show(b)}" for a, b in pairwise(edges)], show(edges[0]), show(edges[-1])


def histogram(column: Mapping[str, Any], label: str) -> str:
    """Rows per bin, those with the positive label in the accent colour; beyond the fences one bar a side.

    Below it a box from quartile to quartile with the median.
    """
    data = column["histogram"]
    edges = data["edges"]
    names, low, high = bin_names(column)
    bars = [
        (name, rows, positives, "")
        for name, rows, positives in zip(names, data["rows"], data["positives"], strict=True)
    ]
    left, right = data["below"], data["above"]
    sides = [
        (f"below {low}", left["rows"], left["positives"], "out"),
        (f"above {high}", right["rows"], right["positives"], "out"),
    ]
    # Bins of whole numbers hold one more or one less of them; their heights are made comparable.
    numbers = [max(math.ceil(b) - math.ceil(a), 1) if column["whole"] else 1 for a, b in pairwise(edges)]
    holds = [each * len(numbers) / sum(numbers) for each in numbers]
    heights = [rows / each for rows, each in zip(data["rows"], holds, strict=True)]
    top, base = max([1e-9, *heights, *(bar[1] for bar in sides)]), 92.0
    inner_left, inner_right = (
        (20.0 if left["rows"] else 0.0),
        (WIDTH - 20.0 if right["rows"] else float(WIDTH)),
    )
    step = min((inner_right - inner_left) / len(bars), 46.0)  # a few bars are no blocks
    inner_right = inner_left + step * len(bars)
    marks = []
    placed = [(inner_left + index * step, step, holds[index], bar) for index, bar in enumerate(bars)]
    placed += [(0.0, 12.0, 1, sides[0])] if left["rows"] else []
    placed += [(inner_right + 8.0, 12.0, 1, sides[1])] if right["rows"] else []
    for x, width, each, (where, rows, positives, kind) in placed:
        if rows:
            height, part = base * rows / each / top, base * positives / each / top
            gap = min(1.0, width / 6)
            tip = f"{where}: {rows:,} rows, {percent(positives / rows)} {label}"
            marks.append(
                f'<g class="bar {kind}"><title>{tip}</title>'
                f'<rect class="hit" x="{x:.1f}" y="0" width="{width:.1f}" height="{base:g}"/>'
                f'<rect class="rest" x="{x + gap:.1f}" y="{base - height:.1f}" '
                f'width="{width - 2 * gap:.1f}" height="{max(height, 0.8):.1f}"/>'
                f'<rect class="positive" x="{x + gap:.1f}" y="{base - part:.1f}" '
                f'width="{width - 2 * gap:.1f}" height="{part:.1f}"/></g>'
            )
    marks.append(f'<line class="axis" x1="0" x2="{WIDTH}" y1="{base:g}" y2="{base:g}"/>')
    show = shower(column)
    lower, median, upper = column["quartiles"]
    if edges[0] < edges[-1] and lower is not None:

        def place(value: float) -> float:
            part: float = (value - edges[0]) / (edges[-1] - edges[0])
            return inner_left + part * (inner_right - inner_left)

        tip = f"quartiles {show(lower)}, {show(median)}, {show(upper)}"
        marks.append(
            f'<g class="box"><title>{tip}</title>'
            f'<line x1="{inner_left:.1f}" x2="{inner_right:.1f}" y1="102" y2="102"/>'
            f'<rect x="{place(lower):.1f}" y="98" width="{max(place(upper) - place(lower), 1):.1f}" '
            f'height="8" rx="2"/>'
            f'<line class="median" x1="{place(median):.1f}" x2="{place(median):.1f}" y1="96" y2="108"/></g>'
        )
    marks.append(f'<text x="{inner_left:.1f}" y="122">{low}</text>')
    if edges[0] < edges[-1]:
        marks.append(f'<text x="{inner_right:.1f}" y="122" text-anchor="end">{high}</text>')
    name = f"Histogram of {text(column['name'])} from {show(column['minimum'])} to {show(column['maximum'])}"
    return svg(WIDTH, 126, name, "".join(marks))


def values(column: Mapping[str, Any], rows: int, label: str, most: int = 8) -> str:
    """The most frequent values as bars, those with the positive label in the accent colour."""
    kept = [(each["value"], each["rows"], each["positives"], "") for each in column["values"][:most]]
    rest = column["values"][most:]
    others = column["others"]["values"] + len(rest)
    if others:
        rest_rows = column["others"]["rows"] + sum(each["rows"] for each in rest)
        rest_positives = column["others"]["positives"] + sum(each["positives"] for each in rest)
        kept.append((f"{others:,} other values", rest_rows, rest_positives, "out"))
    if column["missing"]:
        kept.append(("missing", column["missing"], column["missing_positives"], "out"))
    top = max((each[1] for each in kept), default=1)
    marks = []
    for index, (value, count, positives, kind) in enumerate(kept):
        y = index * 22
        width, part = 150 * count / top, 150 * positives / top
        shown = text(value if value != "" else "(empty text)", 17)
        tip = f"{text(value)}: {count:,} rows ({percent(count / rows)}), {percent(positives / count)} {label}"
        marks.append(
            f'<g class="bar {kind}"><title>{tip}</title>'
            f'<rect class="hit" x="0" y="{y}" width="{WIDTH}" height="20"/>'
            f'<text class="value" x="108" y="{y + 14}" text-anchor="end">{shown}</text>'
            f'<rect class="rest" x="114" y="{y + 3}" width="{max(width, 1):.1f}" height="14" rx="2"/>'
            f'<rect class="positive" x="114" y="{y + 3}" width="{part:.1f}" height="14" rx="2"/>'
            f'<text class="number" x="{WIDTH}" y="{y + 14}" text-anchor="end">'
            f"{percent(count / rows)}</text></g>"
        )
    return svg(WIDTH, max(22 * len(kept), 22), f"Values of {text(column['name'])}", "".join(marks))


def heat_map(names: Sequence[str], matrix: Sequence[Sequence[float | None]]) -> str:
    """Correlations as squares: one hue below zero, another above, the stronger the fuller."""
    cell = 34 if len(names) <= 14 else 20
    margin = min(150, 12 + 7 * max((min(len(name), 20) for name in names), default=0))
    size = cell * len(names)
    marks = []
    for row, left in enumerate(names):
        y = margin + row * cell
        marks.append(
            f'<text x="{margin - 6}" y="{y + cell / 2 + 4:g}" text-anchor="end">{text(left, 20)}</text>'
        )
        x = margin + row * cell + cell / 2 + 4
        marks.append(f'<text transform="translate({x:g} {margin - 6}) rotate(-90)">{text(left, 20)}</text>')
        for place, right in enumerate(names[: row + 1]):
            value = matrix[row][place]
            tip = f"{text(left)} and {text(right)}: " + ("no variation" if value is None else f"{value:.3f}")
            kind = "none" if value is None else "below" if value < 0 else "above"
            filled = 0.0 if value is None else abs(value)
            written = ""
            if cell > 30 and value is not None:
                strong = ' class="strong"' if filled > 0.55 else ""
                number = "1" if row == place else f"{value:.2f}".replace("0.", ".")
                number = number.replace("-.00", ".00")
                written = (
                    f'<text{strong} x="{margin + place * cell + cell / 2:g}" y="{y + cell / 2 + 4:g}" '
                    f'text-anchor="middle">{number}</text>'
                )
            marks.append(
                f'<g><title>{tip}</title><rect class="cell" x="{margin + place * cell + 1}" y="{y + 1}" '
                f'width="{cell - 2}" height="{cell - 2}" rx="3"/><rect class="{kind}" '
                f'x="{margin + place * cell + 1}" '
                f'y="{y + 1}" width="{cell - 2}" height="{cell - 2}" rx="3" fill-opacity="{filled:.3f}"/>'
                f"{written}</g>"
            )
    total = margin + size
    chart = svg(total, total, f"Correlations of {len(names)} columns", "".join(marks))
    return chart.replace("<svg ", f'<svg width="{total}" height="{total}" class="heat" ', 1)


def share_bar(share: float, name: str) -> str:
    """One share as a bar from 0 to 1."""
    return svg(
        160, 12, f"{name}: {percent(share)}",
        '<rect class="track" x="0" y="2" width="160" height="8" rx="4"/>'
        f'<rect class="fill" x="0" y="2" width="{max(160 * share, 1.5 if share else 0):.1f}" height="8" '
        f'rx="4"/>',
    )  # fmt: skip


def interval(group: Mapping[str, Any], overall: float, name: str) -> str:
    """A share with its interval on the scale from 0 to 1, and the share of all rows as a line."""
    x, low, high = (8 + 184 * group[key] for key in ("share", "low", "high"))
    mark = "chosen" if group["chosen"] else "dot"
    return svg(
        200, 18,
        f"{name}: {percent(group['share'])}, between {percent(group['low'])} and {percent(group['high'])}",
        f"<title>{percent(group['low'])} to {percent(group['high'])}</title>"
        '<line class="axis" x1="8" x2="192" y1="9" y2="9"/>'
        f'<line class="overall" x1="{8 + 184 * overall:.1f}" x2="{8 + 184 * overall:.1f}" y1="1" y2="17"/>'
        f'<line class="reach" x1="{low:.1f}" x2="{high:.1f}" y1="9" y2="9"/>'
        f'<circle class="{mark}" cx="{x:.1f}" cy="9" r="5"/>',
    )  # fmt: skip
