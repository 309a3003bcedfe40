"""The report for people: every facet with its metrics and what they say, and what explains the model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from jobs.bias.contingency import POSITIVE, Table
from jobs.bias.page import gauge, glossary, number, page, percent, size
from jobs.bias.posttraining import POSTTRAINING
from jobs.bias.pretraining import PRETRAINING
from jobs.explain.report import explained

# With more groups than this, a report becomes a book: analysis.json has them all, the page the first ones.
MOST_GROUPS = 200


@dataclass(frozen=True)
class Counts:
    """The sizes behind one facet's metrics."""

    column: str
    value: str  # which rows the facet has
    facet_rows: float  # whole, unless rows have weights
    facet_positives: float
    other_rows: float
    other_positives: float

    @classmethod
    def of(cls, column: str, value: str, table: Table) -> Counts:
        """Read a table's sums."""
        return cls(
            column=column,
            value=value,
            facet_rows=float(table.of_facet.sum()),
            facet_positives=float(table.of_facet[POSITIVE]),
            other_rows=float(table.of_rest.sum()),
            other_positives=float(table.of_rest[POSITIVE]),
        )


def render(analysis: Mapping[str, Any], counts: Sequence[Counts], *, title: str) -> str:
    """The page for an analysis.json; `counts` are the sizes of its facets before training, in their order."""
    before, after = (analysis.get(f"{when}_training_bias_metrics") for when in ("pre", "post"))
    facts: dict[str, str] = {}
    sections: list[str] = []
    label = ""
    for bias in (before, after):
        if bias:
            label = f"{bias['label']} = {bias['label_value_or_threshold']}"
            facts["Positive label"] = label
    if before:
        facts |= _sizes(counts)
        blocks = [block for blocks in before["facets"].values() for block in blocks]
        facts["Groups"] = f"{len(blocks):,}"
        shown = list(zip(counts, blocks, strict=True))[:MOST_GROUPS]
        sections += [_facet(sizes, block["metrics"], label) for sizes, block in shown]
        sections += _more(len(blocks))
    if after:
        named = [(facet, block) for facet, blocks in after["facets"].items() for block in blocks]
        sections += [_after(facet, block) for facet, block in named[:MOST_GROUPS]]
        sections += _more(len(named))
    sections += explained(analysis.get("explanations", {}))
    for part, registry in ((before, PRETRAINING), (after, POSTTRAINING)):
        if part:
            blocks = [block for blocks in part["facets"].values() for block in blocks]
            used = sorted({metric["name"] for block in blocks for metric in block["metrics"]})
            sections.append(glossary([registry[name] for name in used]))
    kind = (
        "Bias before training" if list(analysis) == ["version", "pre_training_bias_metrics"] else "Analysis"
    )
    return page(title, kind, facts, "\n".join(sections))


def _sizes(counts: Sequence[Counts]) -> dict[str, str]:
    if not counts:
        return {}
    rows = counts[0].facet_rows + counts[0].other_rows
    positives = counts[0].facet_positives + counts[0].other_positives
    return {"Rows": size(rows), "Rows with it": f"{size(positives)} ({percent(positives, rows)})"}


def _more(groups: int) -> list[str]:
    if groups <= MOST_GROUPS:
        return []
    more = f"{groups - MOST_GROUPS:,} more groups are in analysis.json"
    return [f'<section><p class="none">{more}; this page shows the first {MOST_GROUPS}.</p></section>']


def _after(facet: str, block: Mapping[str, Any]) -> str:
    """One group's metrics after training."""
    rows = []
    for entry in block["metrics"]:
        metric, value = POSTTRAINING[entry["name"]], entry["value"]
        if value is None:
            shown = f'<td class="none" colspan="2">no value: {escape(entry["error"])}</td>'
        else:
            drawn = not isinstance(value, str) and not math.isinf(metric.low)
            told = value if isinstance(value, str) else number(value)
            bar = gauge(metric, {"": value}) if drawn else ""
            shown = f'<td class="number">{escape(told)}</td><td class="bars">{bar}</td>'
        rows.append(f'<tr><th scope="row">{escape(metric.description)}</th>{shown}</tr>\n')
    return f"""<section>
<h2>{escape(facet)} <span class="value">{escape(block["value_or_threshold"])}</span> after training</h2>
<table class="metrics">
<thead><tr><th scope="col">Metric</th><th scope="col" class="number">Value</th>
<th scope="col" class="bars">In its range</th></tr></thead>
<tbody>
{"".join(rows)}</tbody>
</table>
</section>"""


def _facet(sizes: Counts, metrics: Sequence[Mapping[str, Any]], label: str) -> str:
    return f"""<section>
<h2>{escape(sizes.column)} <span class="value">{escape(sizes.value)}</span></h2>
{groups_table(sizes, label)}
<table class="metrics">
<thead><tr><th scope="col">Metric</th><th scope="col" class="number">Value</th>
<th scope="col" class="bars">In its range</th></tr></thead>
<tbody>
{"".join(_row(metric, sizes) for metric in metrics)}</tbody>
</table>
</section>"""


def groups_table(sizes: Counts, label: str) -> str:
    """How many rows the facet and the rest have, and how many of them with the positive label."""
    facet_share = percent(sizes.facet_positives, sizes.facet_rows)
    other_share = percent(sizes.other_positives, sizes.other_rows)
    return f"""<table class="groups">
<thead><tr><th scope="col">Group</th><th scope="col">Rows</th><th scope="col">{escape(label)}</th>
<th scope="col">Share</th></tr></thead>
<tbody>
<tr><th scope="row">Facet</th><td>{size(sizes.facet_rows)}</td><td>{size(sizes.facet_positives)}</td>
<td>{facet_share}</td></tr>
<tr><th scope="row">The rest</th><td>{size(sizes.other_rows)}</td><td>{size(sizes.other_positives)}</td>
<td>{other_share}</td></tr>
</tbody>
</table>"""


def _row(entry: Mapping[str, Any], sizes: Counts) -> str:
    value = entry["value"]
    said = ""
    if value is None:
        shown = f'<td class="none" colspan="2">no value: {escape(entry["error"])}</td>'
    elif isinstance(value, str):
        shown = f'<td class="number">{escape(value)}</td><td class="bars"></td>'
    else:
        said = f"<small>{escape(reading(entry['name'], value, sizes))}</small>"
        bar = gauge(PRETRAINING[entry["name"]], {"": value})
        shown = f'<td class="number">{number(value)}</td><td class="bars">{bar}</td>'
    return f'<tr><th scope="row">{escape(entry["description"])}{said}</th>{shown}</tr>\n'


def reading(name: str, value: float, sizes: Counts) -> str:
    """What a value says, in a sentence for someone who knows no formula."""
    return READINGS[name](value, sizes)


def _compared(value: float, above: str, below: str, equal: str) -> str:
    """The sentence for a value above, below or at 0, with its size in percentage points."""
    if abs(value) < NOTHING:
        return equal
    return (above if value > 0 else below).format(f"{abs(value) * 100:.1f}")


def _distance(value: float, sentence: str) -> str:
    """The sentence for a value that only grows with the difference, whichever group is favoured."""
    return sentence if value >= NOTHING else "Both groups have the same label shares."


NOTHING = 0.00005  # what the page shows as 0.0000

READINGS: dict[str, Callable[[float, Counts], str]] = {
    "CI": lambda _, sizes: (
        f"{percent(sizes.facet_rows, sizes.facet_rows + sizes.other_rows)} of the rows belong to the facet."
    ),
    "DPL": lambda value, _: _compared(
        value,
        "The facet gets the positive label {} points less often than the rest.",
        "The facet gets the positive label {} points more often than the rest.",
        "The facet gets the positive label as often as the rest.",
    ),
    "CDDL": lambda value, _: _compared(
        value,
        "Among rows that are alike, the facet has {} points more of the rejected than of the accepted.",
        "Among rows that are alike, the facet has {} points less of the rejected than of the accepted.",
        "Among rows that are alike, the facet has as much of the rejected as of the accepted.",
    ),
    "TVD": lambda value, _: _distance(
        value, f"{value:.1%} of one group's labels would have to change to be as the other's."
    ),
    "KS": lambda value, _: _distance(
        value, f"The shares of one label value lie {value * 100:.1f} points apart."
    ),
    "LP": lambda value, _: _distance(
        value, f"{value / math.sqrt(2):.1%} of the largest distance that is possible."
    ),
    "JS": lambda value, _: _distance(
        value, f"{value / math.log(2):.1%} of the largest divergence that is possible."
    ),
    "KL": lambda value, _: _distance(
        value, "It has no upper end: compare it with its bound, and with other days."
    ),
}
