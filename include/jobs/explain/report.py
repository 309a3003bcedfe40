"""What explains a model, for people: what its features matter, and how scores follow them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

MOST_FEATURES = 100  # of a table; analysis.json has all of them


def explained(explanations: Mapping[str, Any]) -> list[str]:
    """The sections of the page for ``explanations`` of an analysis.json."""
    sections = [
        _importance(label, entry)
        for method, labels in explanations.items()
        if method.endswith("_shap")
        for label, entry in labels.items()
    ]
    return [*sections, *(_curve(entry) for entry in explanations.get("pdp", []))]


def _importance(label: str, entry: Mapping[str, Any]) -> str:
    values = sorted(entry["global_shap_values"].items(), key=lambda item: -abs(item[1]))
    most = max((abs(value) for _, value in values), default=0.0) or 1.0
    rows = [(escape(name), f"{value:.4g}", abs(value) / most) for name, value in values[:MOST_FEATURES]]
    head = f'What matters to <span class="value">{escape(label)}</span>'
    expected = f"<p>Without knowing a row the model says {entry['expected_value']:.4g}.</p>"
    return _section(head, "SHAP value", rows, expected)


def _curve(entry: Mapping[str, Any]) -> str:
    head = f'How scores follow <span class="value">{escape(entry["feature_name"])}</span>'
    if "error" in entry:
        return f'<section><h2>{head}</h2><p class="none">{escape(entry["error"])}</p></section>'
    scores = entry["model_predictions"][0]
    low, high = min(scores), max(scores)
    rows = [
        (
            f"{escape(_value(value))}<small>{share:.1%} of the rows</small>",
            f"{score:.4g}",
            (score - low) / (high - low) if high > low else 0.5,
        )
        for value, score, share in zip(
            entry["feature_values"], scores, entry["data_distribution"], strict=True
        )
    ]
    return _section(head, f"Mean {escape(entry['label_headers'][0])}", rows)


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _section(head: str, what: str, rows: Sequence[tuple[str, str, float]], below: str = "") -> str:
    """A table of bars. Everything is HTML.

    :param rows: name, value in words, how long its bar is, from 0 to 1
    """
    lines = "".join(
        f'<tr><th scope="row">{name}</th><td class="number">{value}</td><td class="bars"><div class="gauge">'
        f'<span></span><div><i class="now"><b style="left:0;width:{100 * share:.2f}%"></b></i></div>'
        "<span></span></div></td></tr>\n"
        for name, value, share in rows
    )
    return f"""<section>
<h2>{head}</h2>
<table class="metrics">
<thead><tr><th scope="col">Feature</th><th scope="col" class="number">{what}</th>
<th scope="col" class="bars"></th></tr></thead>
<tbody>
{lines}</tbody>
</table>
{below}</section>"""
