"""The bias report for people: one page of HTML that needs nothing else, in the reader's light or dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from jobs.bias.contingency import POSITIVE, Table
from jobs.bias.pretraining import PRETRAINING
from jobs.bias.registry import Metric


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
    """The page for an analysis.json; `counts` are its facets' sizes in the same order."""
    bias = analysis["pre_training_bias_metrics"]
    blocks = [block for blocks in bias["facets"].values() for block in blocks]
    label = f"{bias['label']} = {bias['label_value_or_threshold']}"
    sections = "".join(
        _facet(sizes, block["metrics"], label) for sizes, block in zip(counts, blocks, strict=True)
    )
    rows = counts[0].facet_rows + counts[0].other_rows
    positives = counts[0].facet_positives + counts[0].other_positives
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<header>
<p class="kind">Bias before training</p>
<h1>{escape(title)}</h1>
<dl class="facts">
<div><dt>Rows</dt><dd>{rows:,}</dd></div>
<div><dt>Positive label</dt><dd>{escape(label)}</dd></div>
<div><dt>Rows with it</dt><dd>{positives:,} ({_percent(positives, rows)})</dd></div>
<div><dt>Facets</dt><dd>{len(blocks)}</dd></div>
</dl>
</header>
{sections}
<section>
<h2>How to read the metrics</h2>
<p>The facet is the group that may be disadvantaged (d), all other rows are the rest (a).</p>
<dl class="glossary">{"".join(_explained(PRETRAINING[name]) for name in _used(blocks))}</dl>
</section>
</main>
</body>
</html>
"""


def _used(blocks: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted({metric["name"] for block in blocks for metric in block["metrics"]})


def _facet(sizes: Counts, metrics: Sequence[Mapping[str, Any]], label: str) -> str:
    facet_share = _percent(sizes.facet_positives, sizes.facet_rows)
    other_share = _percent(sizes.other_positives, sizes.other_rows)
    return f"""<section>
<h2>{escape(sizes.column)} <span class="value">{escape(sizes.value)}</span></h2>
<table class="groups">
<thead><tr><th scope="col">Group</th><th scope="col">Rows</th><th scope="col">{escape(label)}</th>
<th scope="col">Share</th></tr></thead>
<tbody>
<tr><th scope="row">Facet</th><td>{sizes.facet_rows:,}</td><td>{sizes.facet_positives:,}</td>
<td>{facet_share}</td></tr>
<tr><th scope="row">The rest</th><td>{sizes.other_rows:,}</td><td>{sizes.other_positives:,}</td>
<td>{other_share}</td></tr>
</tbody>
</table>
<table class="metrics">
<thead><tr><th scope="col">Metric</th><th scope="col">Value</th><th scope="col">In its range</th></tr></thead>
<tbody>
{"".join(_row(metric) for metric in metrics)}</tbody>
</table>
</section>
"""


def _row(entry: Mapping[str, Any]) -> str:
    metric = PRETRAINING[entry["name"]]
    value = entry["value"]
    if value is None:
        shown = f'<td class="none" colspan="2">no value: {escape(entry["error"])}</td>'
    elif isinstance(value, str):
        shown = f'<td class="number">{escape(value)}</td><td></td>'
    else:
        shown = f'<td class="number">{value:.4f}</td><td>{_gauge(metric, value)}</td>'
    return f'<tr><th scope="row">{escape(entry["description"])}</th>{shown}</tr>\n'


def _gauge(metric: Metric, value: float) -> str:
    """A bar from zero to the value, within the metric's range."""
    if metric.high == float("inf"):
        place, zero = (
            max(value, 0.0) / (1 + max(value, 0.0)),
            0.0,
        )  # 1 lies in the middle, infinity at the end
        ends = ("0", "∞")
    else:
        width = metric.high - metric.low
        place, zero = (value - metric.low) / width, (0 - metric.low) / width
        ends = (f"{metric.low:.3g}", f"{metric.high:.3g}")
    place = min(max(place, 0.0), 1.0)
    left, right = sorted((place, zero))
    return (
        f'<div class="gauge" role="img" aria-label="{value:.4f} in the range {ends[0]} to {ends[1]}">'
        f"<span>{ends[0]}</span>"
        f'<i><b style="left:{100 * left:.2f}%;width:{100 * max(right - left, 0.004):.2f}%"></b>'
        f'<s style="left:{100 * zero:.2f}%"></s></i>'
        f"<span>{ends[1]}</span></div>"
    )


def _explained(metric: Metric) -> str:
    return (
        f"<dt>{escape(metric.description)}</dt>"
        f"<dd><code>{escape(metric.formula)}</code><br>{escape(_sentence(metric.sign))} "
        f"Range: {escape(metric.range)}.</dd>"
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _percent(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "none"


STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #dfe4ea;
  --page: #f6f7f9; --card: #ffffff; --accent: #2563c9; --track: #e8ecf1; --warn: #a04a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf0; --soft: #9aa6b5; --line: #2e3742;
  --page: #12161b; --card: #1a2027; --accent: #6ea3ff; --track: #2a323c; --warn: #f0a860; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { margin: 0 0 1rem; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 0 0 1rem; font-size: 1.15rem; }
.kind { margin: 0; color: var(--soft); font-size: .85rem; letter-spacing: .04em; text-transform: uppercase; }
.value { color: var(--accent); font-weight: 500; }
section { margin-top: 1.25rem; padding: 1.25rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; overflow-x: auto; }
.facts { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; margin: 0; }
.facts dt { color: var(--soft); font-size: .85rem; }
.facts dd { margin: 0; font-weight: 600; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
table + table { margin-top: 1.25rem; }
th, td { padding: .45rem .6rem; border-bottom: 1px solid var(--line); text-align: left; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { color: var(--soft); font-size: .85rem; font-weight: 500; }
tbody th { font-weight: 500; }
.groups td, .groups thead th:not(:first-child), .number { text-align: right; }
.number { white-space: nowrap; font-weight: 600; }
.none { color: var(--warn); }
.metrics td:last-child:not(.none) { width: 45%; min-width: 14rem; }
.gauge { display: grid; grid-template-columns: 3rem 1fr 3rem; gap: .5rem; align-items: center;
  color: var(--soft); font-size: .8rem; }
.gauge span:first-child { text-align: right; }
.gauge i { position: relative; height: .6rem; background: var(--track); border-radius: .3rem;
  overflow: hidden; }
.gauge b { position: absolute; top: 0; bottom: 0; background: var(--accent); }
.gauge s { position: absolute; top: 0; bottom: 0; width: 1px; background: var(--soft); }
.glossary dt { margin-top: .8rem; font-weight: 600; }
.glossary dd { margin: .15rem 0 0; color: var(--soft); }
code { color: var(--ink); font-size: .9em; }
"""
