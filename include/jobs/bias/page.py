"""What the reports for people share: one page of HTML that needs nothing else, in the reader's light or dark.

Nothing in a page is trusted: texts are escaped by whoever writes them into it, and the page forbids itself to
run or to load anything (Content-Security-Policy), should one be forgotten.
"""

from __future__ import annotations

import math
from html import escape

from jobs.bias.registry import Metric

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(title: str, kind: str, facts: dict[str, str], body: str) -> str:
    """A page. The body is HTML; everything else is text.

    :param kind: the small line above the title
    :param facts: name -> value, shown below it
    """
    listed = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items()
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<header>
<p class="kind">{escape(kind)}</p>
<h1>{escape(title)}</h1>
<dl class="facts">{listed}</dl>
</header>
{body}
</main>
</body>
</html>
"""


def glossary(metrics: list[Metric]) -> str:
    """How to read these metrics: formula, sign, range."""
    entries = "".join(
        f"<dt>{escape(metric.description)}</dt><dd><code>{escape(metric.formula)}</code><br>"
        f"{escape(metric.sign[:1].upper() + metric.sign[1:])}. Range: {escape(metric.range)}.</dd>"
        for metric in metrics
    )
    return f"""<section>
<h2>How to read the metrics</h2>
<p>The facet is the group that may be disadvantaged (d), all other rows are the rest (a).</p>
<dl class="glossary">{entries}</dl>
</section>"""


def gauge(metric: Metric, values: dict[str, float]) -> str:
    """Bars from zero to each value, within the metric's range.

    :param values: name -> value; the last is the one that counts
    """
    ends = ("0", "∞") if math.isinf(metric.high) else (f"{metric.low:.3g}", f"{metric.high:.3g}")
    zero = _place(metric, 0.0)
    bars = []
    for index, value in enumerate(values.values()):
        left, right = sorted((_place(metric, value), zero))
        kind = "now" if index == len(values) - 1 else "then"
        bars.append(
            f'<i class="{kind}"><b style="left:{100 * left:.2f}%;'
            f'width:{100 * max(right - left, 0.004):.2f}%"></b>'
            f'<s style="left:{100 * zero:.2f}%"></s></i>'
        )
    said = ", ".join(f"{name} {number(value)}".strip() for name, value in values.items())
    return (
        f'<div class="gauge" role="img" aria-label="{escape(said)}, in the range {ends[0]} to {ends[1]}">'
        f"<span>{ends[0]}</span><div>{''.join(bars)}</div><span>{ends[1]}</span></div>"
    )


def _place(metric: Metric, value: float) -> float:
    """Where a value lies in the metric's range, from 0 to 1."""
    if math.isinf(metric.high):
        return max(value, 0.0) / (1 + max(value, 0.0))  # 1 lies in the middle, infinity at the end
    return min(max((value - metric.low) / (metric.high - metric.low), 0.0), 1.0)


def number(value: float) -> str:
    """A metric's value, without a minus before nothing."""
    shown = f"{value:.4f}"
    return shown.lstrip("-") if float(shown) == 0 else shown


def size(value: float) -> str:
    """A count of rows, or of their weights."""
    whole = abs(value - round(value)) < 1e-6  # sums of weights have crumbs
    return f"{value:,.0f}" if whole else f"{value:,.1f}"


def percent(part: float, whole: float) -> str:
    """A share in percent."""
    return f"{part / whole:.1%}" if whole else "none"


STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #dfe4ea;
  --page: #f6f7f9; --card: #ffffff; --accent: #2563c9; --track: #e8ecf1; --warn: #a04a00; --past: #a3adba; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf0; --soft: #9aa6b5; --line: #2e3742;
  --page: #12161b; --card: #1a2027; --accent: #6ea3ff; --track: #2a323c; --warn: #f0a860; --past: #66717f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 64rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { margin: 0 0 1rem; font-size: 1.7rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 0 0 1rem; font-size: 1.15rem; overflow-wrap: anywhere; }
.kind { margin: 0; color: var(--soft); font-size: .85rem; letter-spacing: .04em; text-transform: uppercase; }
.value { color: var(--accent); font-weight: 500; }
section { margin-top: 1.25rem; padding: 1.25rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; overflow-x: auto; }
.facts { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; margin: 0; }
.facts dt { color: var(--soft); font-size: .85rem; }
.facts dd { margin: 0; font-weight: 600; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
table + table { margin-top: 1.25rem; }
th, td { padding: .45rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
tbody tr:last-child > * { border-bottom: 0; }
thead th, thead .number { color: var(--soft); font-size: .85rem; font-weight: 500; vertical-align: bottom; }
tbody th { font-weight: 500; overflow-wrap: anywhere; }
th small { display: block; color: var(--soft); font-weight: 400; font-size: .85rem; }
.groups td, .groups thead th:not(:first-child), .number { text-align: right; }
.number { white-space: nowrap; font-weight: 600; }
.past { font-weight: 400; color: var(--soft); }
.none { color: var(--warn); }
.bars { width: 34%; min-width: 12rem; }
.gauge { display: grid; grid-template-columns: 2.6rem 1fr 2.6rem; gap: .5rem; align-items: center;
  color: var(--soft); font-size: .8rem; min-height: 1.5rem; }
.gauge > span:first-child { text-align: right; }
.gauge i { display: block; position: relative; height: .6rem; background: var(--track); border-radius: .3rem;
  overflow: hidden; }
.gauge i + i { margin-top: 2px; }
.gauge b { position: absolute; top: 0; bottom: 0; background: var(--accent); }
.gauge .then b { background: var(--past); }
.gauge s { position: absolute; top: 0; bottom: 0; width: 1px; background: var(--soft); }
.glossary dt { margin-top: .8rem; font-weight: 600; }
.glossary dd { margin: .15rem 0 0; color: var(--soft); }
code { color: var(--ink); font-size: .9em; }
@media (max-width: 40rem) {
  section { padding: 1rem .75rem; }
  .metrics thead, .stack thead { display: none; }
  .metrics tr { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .1rem 1rem;
    padding: .6rem 0; border-bottom: 1px solid var(--line); }
  .metrics tr:last-child { border-bottom: 0; }
  .metrics th, .metrics td { border: 0; padding: 0; }
  .metrics tbody th { flex: 1 1 60%; }
  .pair tbody th { flex-basis: 100%; }
  .pair .number { flex: 1 1 40%; text-align: left; }
  .pair .number::before, .stack td::before { content: attr(data-label) " "; color: var(--soft);
    font-size: .85rem; font-weight: 400; }
  .stack tr { display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; padding: .6rem 0;
    border-bottom: 1px solid var(--line); }
  .stack tr:last-child { border-bottom: 0; }
  .stack th, .stack td { border: 0; padding: 0; }
  .stack tbody th { flex: 1 1 100%; }
  .metrics .bars, .metrics .none { flex: 1 1 100%; width: 100%; min-width: 0; }
}
"""
