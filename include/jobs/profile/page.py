"""The profile for people: one page of HTML that needs nothing else, in light or dark, or on paper.

It has no script and may load nothing: its policy allows one style sheet, by digest. Every value that comes
from the data is escaped by ``charts.text``.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from jobs.profile import charts
from jobs.profile.charts import moment, percent, short, text

KINDS = {"number": "Number", "time": "Time", "category": "Category", "key": "Key"}
MANY = 24  # entries that a table shows at once; the others are folded away
TITLES = {
    "leakage": "Leakage", "imbalance": "Imbalance", "one_label": "One label", "empty": "Empty",
    "missing": "Missing", "not_finite": "Not finite", "constant": "Constant", "categories": "Many categories",
    "skewed": "Skewed", "outliers": "Outliers", "correlation": "Correlation",
    "near_duplicates": "Near-duplicates", "drift": "Drift", "new_values": "New values",
    "vanished_values": "Vanished values",
}  # fmt: skip


def style() -> str:
    """The style sheet, which lies beside this module."""
    return resources.files(__package__ or "jobs.profile").joinpath("page.css").read_text(encoding="utf-8")


def render(facts: Mapping[str, Any]) -> str:
    """The page of a profile."""
    sheet = style()
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    label = _label(facts)
    sections = [
        ("alerts", "Alerts", _alerts(facts)),
        ("columns", "Columns", _columns(facts, label)),
        ("facets", "Facets", _facets(facts, label)),
        ("correlations", "Correlations", _correlations(facts)),
        ("missing", "Missing values", _missing(facts)),
        ("outliers", "Outliers", _outliers(facts)),
        ("drift", "Since the previous partition", _drift(facts)),
    ]
    links = "".join(f'<li><a href="#{place}">{title}</a></li>' for place, title, _ in sections)
    body = "".join(
        f'<section id="{place}" aria-labelledby="{place}-title"><h2 id="{place}-title">{title}</h2>'
        f"{content}</section>\n"
        for place, title, content in sections
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{text(facts["workflow"])} on {text(facts["partition"])}: profile</title>
<style>{sheet}</style>
</head>
<body>
<a class="skip" href="#alerts">Skip to the alerts</a>
<header>
<p class="over">Profile of a partition</p>
<h1>{text(facts["workflow"])} <span>{text(facts["partition"])}</span></h1>
{_overview(facts, label)}
<nav aria-label="Sections"><ul>{links}</ul></nav>
</header>
<main>
{body}</main>
<footer><p>The same facts for programs: <code>profile.json</code>, beside this page.</p></footer>
</body>
</html>
"""


def _label(facts: Mapping[str, Any]) -> str:
    values = " or ".join(str(value) for value in facts["label"]["positive"])
    return text(f"{facts['label']['column']} = {values}", 60)


def _tile(name: str, value: str, note: str = "") -> str:
    return f"<div><dt>{name}</dt><dd>{value}{f'<small>{note}</small>' if note else ''}</dd></div>"


def _overview(facts: Mapping[str, Any], label: str) -> str:
    previous, columns = facts["previous"], facts["columns"]
    kinds: dict[str, int] = {}
    for column in columns:
        kinds[column["kind"]] = kinds.get(column["kind"], 0) + 1
    cells = facts["rows"] * len(columns)
    missing = sum(column["missing"] for column in columns)
    serious = sum(alert["level"] == "serious" for alert in facts["alerts"])
    change = share = ""
    if previous:
        change = f"{facts['rows'] / previous['rows'] - 1:+.1%} since {text(previous['partition'])}"
        share = f"{100 * (facts['label']['share'] - previous['share']):+.1f} points"
    listed = ", ".join(f"{count} {KINDS[kind].lower()}" for kind, count in kinds.items())
    twins = facts["near_duplicates"]
    return (
        '<dl class="tiles">'
        + _tile("Rows", f"{facts['rows']:,}", change)
        + _tile("Columns", f"{len(columns)}", listed)
        + _tile(label, percent(facts["label"]["share"]), share or f"{facts['label']['positives']:,} rows")
        + _tile("Missing", percent(missing / cells), f"{missing:,} of {cells:,} values")
        + _tile("Near-duplicates", f"{twins['rows']:,}", f"{percent(twins['share'])} of the rows")
        + _tile("Alerts", f"{len(facts['alerts'])}", f"{serious} serious" if serious else "none serious")
        + "</dl>"
    )


def _link(name: str) -> str:
    return f'<a href="#column-{text(name)}">{text(name)}</a>'


def _alerts(facts: Mapping[str, Any]) -> str:
    if not facts["alerts"]:
        return '<p class="fine">Nothing lies beyond the bounds of the workflow file.</p>'
    items = []
    for alert in facts["alerts"]:
        names = " and ".join(_link(name) for name in alert["columns"])
        bound = "" if alert["threshold"] is None else f"<small>bound {alert['threshold']:g}</small>"
        items.append(
            f'<li class="{alert["level"]}"><b>{TITLES[alert["kind"]]}</b>'
            f"<span>{names} {text(alert['says'], 400)}</span>{bound}</li>"
        )
    shown, folded = items[:MANY], items[MANY:]
    return f'<ul class="alerts">{"".join(shown)}</ul>' + _folded(
        f"{len(folded):,} more", f'<ul class="alerts">{"".join(folded)}</ul>' if folded else ""
    )


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>{content}</details>" if content else ""


def _columns(facts: Mapping[str, Any], label: str) -> str:
    legend = (
        f'<p class="legend"><span class="positive"></span>{label} <span class="rest"></span>other rows '
        '<span class="out"></span>beyond the outlier fences, rarer values, or missing</p>'
    )
    cards = "".join(_card(facts, column, label) for column in facts["columns"])
    return f'{legend}<div class="cards">{cards}</div>'


def _card(facts: Mapping[str, Any], column: Mapping[str, Any], label: str) -> str:
    name = column["name"]
    chips = "".join(f'<span class="chip">{role}</span>' for role in column["roles"])
    chips += "".join(
        f'<span class="chip {alert["level"]}">{TITLES[alert["kind"]]}</span>'
        for alert in facts["alerts"]
        if name in alert["columns"]
    )
    if column["kind"] == "key":
        chart = '<p class="empty">names the rows; it is neither counted nor drawn</p>'
    elif column["missing_share"] == 1:
        chart = '<p class="empty">no value at all</p>'
    elif "values" in column:
        chart = charts.values(column, facts["rows"], label)
    elif column["histogram"] is None:
        chart = '<p class="empty">no finite value</p>'
    else:
        chart = charts.histogram(column, label)
    return (
        f'<article id="column-{text(name)}"><h3>{text(name)} <small>{text(column["type"])}</small></h3>'
        f'<p class="chips">{chips}</p>{chart}<dl class="facts {column["kind"]}">{_facts(column)}</dl>'
        f"{_table(column, facts['rows'], label)}"
        "</article>"
    )


def _facts(column: Mapping[str, Any]) -> str:
    show = moment if column["kind"] == "time" else short
    about = "" if column["distinct_exact"] else "≈ "
    pairs = [("Missing", percent(column["missing_share"])), ("Distinct", f"{about}{column['distinct']:,}")]
    if "quartiles" in column:
        pairs += [
            ("Least", show(column["minimum"])),
            ("Greatest", show(column["maximum"])),
            ("Median", show(column["quartiles"][1])),
            ("Mean", show(column["mean"])),
        ]
    if column["kind"] == "number":
        pairs += [("Deviation", short(column["standard_deviation"])), ("Skewness", short(column["skewness"]))]
    if column.get("not_finite"):
        pairs.append(("Not finite", f"{column['not_finite']:,}"))
    if column.get("leakage_auc") is not None:
        pairs.append(("Label's AUC", f"{column['leakage_auc']:.3f}"))
    if column.get("drift") and column["drift"]["psi"] is not None:
        pairs.append(("PSI", f"{column['drift']['psi']:.3f}"))
    return "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in pairs)


def _table(column: Mapping[str, Any], rows: int, label: str) -> str:
    """The chart's numbers, for those who cannot see it or want them exactly."""
    if column.get("values"):
        lines = [(text(each["value"]), each["rows"], each["positives"]) for each in column["values"][:100]]
    elif column.get("histogram"):
        data = column["histogram"]
        names, low, high = charts.bin_names(column)
        lines = [
            (f"below {low}", data["below"]["rows"], data["below"]["positives"]),
            *zip(names, data["rows"], data["positives"], strict=True),
            (f"above {high}", data["above"]["rows"], data["above"]["positives"]),
        ]
    else:
        return ""
    body = "".join(
        f'<tr><th scope="row">{name}</th><td>{count:,}</td><td>{percent(count / rows)}</td>'
        f"<td>{percent(positives / count)}</td></tr>"
        for name, count, positives in lines
        if count
    )
    titles = "".join(f'<th scope="col">{title}</th>' for title in ("Value", "Rows", "Share", label))
    head = f"<tr>{titles}</tr>"
    return _folded(
        "Numbers",
        f'<div class="scroll" tabindex="0" role="region" aria-label="Numbers of {text(column["name"])}">'
        f"<table><thead>{head}</thead><tbody>{body}</tbody></table></div>",
    )


def _rows(head: Sequence[str], lines: Sequence[str], name: str) -> str:
    """A table that scrolls within itself when the page is narrow; long ones are folded."""
    titles = "".join(f'<th scope="col">{title}</th>' for title in head)

    def table(part: Sequence[str], what: str) -> str:
        return (
            f'<div class="scroll" tabindex="0" role="region" aria-label="{what}"><table><thead><tr>'
            f"{titles}</tr>"
            f"</thead><tbody>{''.join(part)}</tbody></table></div>"
        )

    more = lines[MANY:]
    return table(lines[:MANY], name) + _folded(
        f"{len(more):,} more", table(more, f"{name}, the rest") if more else ""
    )


def _facets(facts: Mapping[str, Any], label: str) -> str:
    overall = facts["label"]["share"]
    lines = []
    for group in facts["facets"]:
        name = text(" & ".join("missing" if value is None else value for value in group["values"]), 60)
        chosen = ' <span class="chip facet">facet</span>' if group["chosen"] else ""
        lines.append(
            f'<tr><td>{text(group["facet"])}</td><th scope="row">{name}{chosen}</th><td>'
            f"{group['rows']:,}</td>"
            f"<td>{percent(group['rows'] / facts['rows'])}</td><td>{percent(group['share'])}</td>"
            f'<td class="chart">{charts.interval(group, overall, name)}</td></tr>'
        )
    table = _rows(
        ["Facet", "Group", "Rows", "Share", label, "With its 95 % interval"], lines, "Facets by label"
    )
    return f'<p class="note">The line is the share of all rows, {percent(overall)}.</p>{table}'


def _correlations(facts: Mapping[str, Any]) -> str:
    found = facts["correlations"]
    if not found["columns"]:
        return '<p class="fine">There are no two numeric columns.</p>'
    left_out = ""
    if found["left_out"]:
        listed = text(", ".join(found["left_out"]), 400)
        left_out = f'<p class="note">Beyond profile.correlation_columns, and not compared: {listed}.</p>'
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Correlations">'
        f"{charts.heat_map(found['columns'], found['matrix'])}</div>"
        '<p class="legend"><span class="neg"></span>negative <span class="pos"></span>positive. '
        f"Pearson, over the rows in which both have a value; {text(facts['label']['column'])} is 1 where "
        f"it is "
        f"positive, else 0.</p>{left_out}"
    )


def _missing(facts: Mapping[str, Any]) -> str:
    holes = sorted((c for c in facts["columns"] if c["missing"]), key=lambda column: -column["missing"])
    if not holes:
        return '<p class="fine">No value is missing.</p>'
    overall = facts["label"]["share"]
    lines = [
        f'<tr><th scope="row">{_link(column["name"])}</th><td>{column["missing"]:,}</td>'
        f'<td class="chart">{charts.share_bar(column["missing_share"], text(column["name"]))}</td>'
        f"<td>{percent(column['missing_share'])}</td>"
        f"<td>{percent(column['missing_positives'] / (column['missing'] + column['not_finite']))}</td></tr>"
        for column in holes
    ]
    head = ["Column", "Missing", "", "Share", f"{_label(facts)} there"]
    return f'<p class="note">Of all rows, {percent(overall)} have {_label(facts)}.</p>' + _rows(
        head, lines, "Missing values"
    )


def _outliers(facts: Mapping[str, Any]) -> str:
    lines = []
    for column in facts["columns"]:
        iqr, z_score = (
            (column.get("outliers") or {}).get("iqr"),
            (column.get("outliers") or {}).get("z_score"),
        )
        if (iqr and iqr["below"] + iqr["above"]) or (z_score and z_score["rows"]):
            fences = f"{short(iqr['low'])} to {short(iqr['high'])}" if iqr else "the middle half is one value"
            sides = (
                [f"{iqr['below']:,}", f"{iqr['above']:,}", percent(iqr["share"])] if iqr else ["&ndash;"] * 3
            )
            far = [f"{z_score['rows']:,}", percent(z_score["share"])] if z_score else ["&ndash;"] * 2
            cells = "".join(f"<td>{cell}</td>" for cell in (fences, *sides, *far))
            lines.append(f'<tr><th scope="row">{_link(column["name"])}</th>{cells}</tr>')
    if not lines:
        return '<p class="fine">No number lies far from the others.</p>'
    head = ["Column", "Fences", "Below", "Above", "Share", "Far", "Share"]
    note = (
        '<p class="note">Fences lie profile.outliers.iqr_factor interquartile ranges beyond the quartiles; '
        "far is "
        "more than profile.outliers.z_score standard deviations.</p>"
    )
    return note + _rows(head, lines, "Outliers")


def _drift(facts: Mapping[str, Any]) -> str:
    previous = facts["previous"]
    if previous is None:
        return '<p class="fine">No earlier partition has a profile: this is the first one.</p>'
    moved = [column for column in facts["columns"] if column["drift"]]
    moved.sort(key=lambda column: -(column["drift"]["psi"] or 0))
    lines = []
    for column in moved:
        drift = column["drift"]
        index = "&ndash;" if drift["psi"] is None else f"{drift['psi']:.3f}"
        bar = charts.share_bar(
            min((drift["psi"] or 0) / 0.5, 1), f"{text(column['name'])}, PSI of 0.5 at most"
        )
        lists = "".join(f"<td>{_named(drift[kind])}</td>" for kind in ("new", "vanished"))
        note = text(drift["note"]) if drift["note"] else ""
        lines.append(
            f'<tr><th scope="row">{_link(column["name"])}</th><td>{index}</td><td class="chart">{bar}</td>'
            f"{lists}"
            f"<td>{note}</td></tr>"
        )
    text_ = (
        f'<p class="note">Compared with {text(previous["partition"])}, {previous["rows"]:,} rows. Population '
        "stability index: below 0.1 little has changed, above 0.2 much.</p>"
    )
    return text_ + _rows(["Column", "PSI", "0 to 0.5", "New values", "Vanished values", ""], lines, "Drift")


def _named(values: Sequence[str]) -> str:
    more = f" and {len(values) - 8:,} more" if len(values) > 8 else ""
    return ", ".join(f"<q>{text(value, 40)}</q>" for value in values[:8]) + more
