"""What in a profile a person should look at. Every bound comes from the workflow file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Alert = dict[str, Any]
Facts = Mapping[str, Any]
Bounds = Mapping[str, Any]

LISTED = 5  # values that an alert names; the profile has all
SERIOUS = ("leakage", "empty", "one_label")  # what makes a model useless, or only seemingly good


def alerts(facts: Facts, bounds: Bounds) -> list[Alert]:
    """All alerts, the serious ones first, otherwise in the order of the rules below."""
    found = [alert for rule in RULES for alert in rule(facts, bounds)]
    return sorted(found, key=lambda alert: alert["level"] != "serious")


def alert(kind: str, columns: list[str], value: float, threshold: float | None, says: str) -> Alert:
    """One alert; ``says`` is its sentence."""
    level = "serious" if kind in SERIOUS else "notice"
    return {
        "kind": kind, "level": level, "columns": columns, "value": value, "threshold": threshold,
        "says": says,
    }  # fmt: skip


def leakage(facts: Facts, bounds: Bounds) -> Iterator[Alert]:
    """A column that knows the label."""
    for column in facts["columns"]:
        value, bound = column.get("leakage_auc"), bounds["leakage_auc"]
        if value is not None and value >= bound:
            says = (
                f"alone tells {facts['label']['column']} with an AUC of {value:.3f}: has it seen the label?"
            )
            yield alert("leakage", [column["name"]], value, bound, says)


def imbalance(facts: Facts, bounds: Bounds) -> Iterator[Alert]:
    """One label is rare, or there is only one."""
    label, bound = facts["label"], bounds["minority_share"]
    rarer = min(label["share"], 1 - label["share"])
    if rarer == 0:
        which = "all rows have" if label["share"] else "no row has"
        yield alert("one_label", [label["column"]], 0.0, bound, f"{which} the positive label")
    elif rarer <= bound:
        yield alert(
            "imbalance", [label["column"]], rarer, bound, f"the rarer label has {rarer:.1%} of the rows"
        )


def missing(facts: Facts, bounds: Bounds) -> Iterator[Alert]:
    """Many or all values are missing."""
    for column in facts["columns"]:
        share, bound = column["missing_share"], bounds["missing_share"]
        if share == 1:
            yield alert("empty", [column["name"]], share, bound, "has no value at all")
        elif share >= bound and share > 0:
            yield alert("missing", [column["name"]], share, bound, f"lacks {share:.1%} of its values")


def not_finite(facts: Facts, _: Bounds) -> Iterator[Alert]:
    """NaN and infinities, which no mean survives."""
    for column in facts["columns"]:
        if rows := column.get("not_finite", 0):
            yield alert(
                "not_finite", [column["name"]], rows, None, f"has {rows:,} values that are NaN or infinite"
            )


def constant(facts: Facts, bounds: Bounds) -> Iterator[Alert]:
    """One value has all rows, or nearly."""
    for column in facts["columns"]:
        values, bound = column.get("values", []), bounds["dominant_share"]
        same = (
            "minimum" in column and column["minimum"] is not None and column["minimum"] == column["maximum"]
        )
        if column["missing_share"] < 1 and column["kind"] != "key" and (column["distinct"] == 1 or same):
            yield alert("constant", [column["name"]], 1.0, bound, "has one value only")
        elif values and (share := values[0]["rows"] / facts["rows"]) >= bound:
            yield alert(
                "constant", [column["name"]], share, bound, f"has the same value in {share:.1%} of the rows"
            )


def many_categories(facts: Facts, bounds: Bounds) -> Iterator[Alert]:
    """A category with too many values to encode."""
    for column in facts["columns"]:
        if column["kind"] == "category" and column["distinct"] > (bound := bounds["categories"]):
            says = f"has {column['distinct']:,} categories"
            yield alert("categories", [column["name"]], column["distinct"], bound, says)


def skewed(facts: Facts, bounds: Bounds) -> Iterator[Alert]:
    """A long tail at one side."""
    for column in facts["columns"]:
        value, bound = column.get("skewness"), bounds["skewness"]
        if column["kind"] == "number" and value is not None and abs(value) >= bound:
            side = "right" if value > 0 else "left"
            yield alert(
                "skewed",
                [column["name"]],
                value,
                bound,
                f"has a long tail to the {side} (skewness {value:.2f})",
            )


def outliers(facts: Facts, bounds: Bounds) -> Iterator[Alert]:
    """Many values far from the others, by either rule."""
    for column in facts["columns"]:
        rules, bound = column.get("outliers") or {}, bounds["outlier_share"]
        share = max((rule["share"] for rule in rules.values() if rule), default=0.0)
        if share > 0 and share >= bound:
            yield alert("outliers", [column["name"]], share, bound, f"has {share:.1%} outliers")


def correlated(facts: Facts, bounds: Bounds) -> Iterator[Alert]:
    """Two columns that say nearly the same."""
    names, matrix = facts["correlations"]["columns"], facts["correlations"]["matrix"]
    for right in range(len(names)):
        for left in range(right):
            value, bound = matrix[left][right], bounds["correlation"]
            if value is not None and abs(value) >= bound:
                says = f"go together (correlation {value:.3f})"
                yield alert("correlation", [names[left], names[right]], value, bound, says)


def near_duplicates(facts: Facts, bounds: Bounds) -> Iterator[Alert]:
    """Rows that differ in nothing but their key."""
    twins, bound = facts["near_duplicates"], bounds["near_duplicate_share"]
    if twins["rows"] and twins["share"] >= bound:
        says = f"{twins['rows']:,} rows ({twins['share']:.1%}) equal another in everything but the key"
        yield alert("near_duplicates", [], twins["share"], bound, says)


def drifted(facts: Facts, bounds: Bounds) -> Iterator[Alert]:
    """Columns that moved since the previous partition, and categories that came or went."""
    for column in facts["columns"]:
        drift, bound = column["drift"], bounds["drift_psi"]
        if not drift:
            continue
        if drift["psi"] is not None and drift["psi"] >= bound:
            says = f"has moved since {facts['previous']['partition']} (PSI {drift['psi']:.3f})"
            yield alert("drift", [column["name"]], drift["psi"], bound, says)
        for kind, words in (("new", "values that it did not have"), ("vanished", "lost values that it had")):
            if values := drift[kind]:
                listed = ", ".join(repr(value[:40]) for value in values[:LISTED])
                more = f" and {len(values) - LISTED:,} more" if len(values) > LISTED else ""
                says = f"has {words} on {facts['previous']['partition']}: {listed}{more}"
                yield alert(f"{kind}_values", [column["name"]], len(values), None, says)


RULES: list[Callable[[Facts, Bounds], Iterator[Alert]]] = [
    leakage,
    imbalance,
    missing,
    not_finite,
    constant,
    many_categories,
    skewed,
    outliers,
    correlated,
    near_duplicates,
    drifted,
]
