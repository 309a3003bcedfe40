"""What mitigation did, for people: every metric before and after side by side, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from jobs.bias.page import gauge, glossary, number, page, percent, size
from jobs.bias.pretraining import PRETRAINING

KINDS = {
    "reweighing": "Every row stays, and weighs as many rows as are expected of its kind for each there is.",
    "resampling": "Rows are left out where there are more than expected, and repeated where there are fewer.",
}


def render(summary: Mapping[str, Any], *, title: str) -> str:
    """The page for a mitigation.json."""
    rows, effective = summary["rows_in"], summary["effective_sample_size"]
    facts = {
        "Method": summary["method"],
        "Rows in": size(rows),
        "Rows out": size(summary["rows_out"]),
        "Different rows out": size(summary["distinct_rows"]),
        "Effective sample size": f"{size(round(effective))} ({percent(effective, rows)})",
    }
    sections = [_facet(facet, entries) for facet, entries in _by_facet(summary["metrics"])]
    names = sorted({entry["name"] for entry in summary["metrics"]})
    body = "\n".join([*sections, _cost(summary), glossary([PRETRAINING[name] for name in names])])
    return page(title, "Bias before and after mitigation", facts, body)


def _by_facet(
    metrics: Sequence[Mapping[str, Any]],
) -> list[tuple[tuple[str, str], list[Mapping[str, Any]]]]:
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for entry in metrics:
        found.setdefault((entry["facet"], entry["value_or_threshold"]), []).append(entry)
    return list(found.items())


def _facet(facet: tuple[str, str], entries: Sequence[Mapping[str, Any]]) -> str:
    return f"""<section>
<h2>{escape(facet[0])} <span class="value">{escape(facet[1])}</span></h2>
<table class="metrics pair">
<thead><tr><th scope="col">Metric</th><th scope="col" class="number">Before</th>
<th scope="col" class="number">After</th><th scope="col" class="bars">In its range</th></tr></thead>
<tbody>
{"".join(_row(entry) for entry in entries)}</tbody>
</table>
</section>"""


def _row(entry: Mapping[str, Any]) -> str:
    values = {
        when: entry[when]
        for when in ("before", "after")
        if isinstance(entry[when], int | float) and not isinstance(entry[when], bool)
    }
    reasons = [
        f"<small>{when}: {escape(entry[f'{when}_error'])}</small>"
        for when in ("before", "after")
        if entry.get(f"{when}_error")
    ]
    bars = gauge(PRETRAINING[entry["name"]], values) if "after" in values else ""
    return (
        f'<tr><th scope="row">{escape(entry["description"])}{"".join(reasons)}</th>'
        f'<td class="number past" data-label="Before">{_shown(entry["before"])}</td>'
        f'<td class="number" data-label="After">{_shown(entry["after"])}</td>'
        f'<td class="bars">{bars}</td></tr>\n'
    )


def _shown(value: object) -> str:
    if value is None:
        return '<span class="none">no value</span>'
    return number(value) if isinstance(value, int | float) else escape(str(value))


def _cost(summary: Mapping[str, Any]) -> str:
    label = f"{summary['label']['column']} = {summary['label']['value']}"
    said = (
        f"{KINDS[summary['method']]} Expected is how many rows there would be, were "
        f"{summary['label']['column']} independent of {' and '.join(summary['facets'])}. Together, the "
        f"{size(summary['rows_out'])} rows say as much as {size(round(summary['effective_sample_size']))} "
        "different rows of equal weight."
    )
    heads = [label, "Rows", "Expected", "Rows out", "Weight"]
    rows = "".join(_group(group, heads) for group in summary["groups"])
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in ["Group", *heads])
    return f"""<section>
<h2>What it cost</h2>
<p>{escape(said)}</p>
<table class="groups stack">
<thead><tr>{head}</tr></thead>
<tbody>
{rows}</tbody>
</table>
</section>"""


def _group(group: Mapping[str, Any], heads: Sequence[str]) -> str:
    """One row; on a narrow screen, where the heads have no room, each cell says its own."""
    values = [
        "yes" if group["positive"] else "no",
        size(group["rows"]),
        f"{group['expected']:,.1f}",
        size(group["rows_out"]),
        "" if group["weight"] is None else format(group["weight"], ".4f"),
    ]
    cells = "".join(
        f'<td data-label="{escape(head)}">{value}</td>' for head, value in zip(heads, values, strict=True)
    )
    return f'<tr><th scope="row">{escape(group["group"])}</th>{cells}</tr>\n'
