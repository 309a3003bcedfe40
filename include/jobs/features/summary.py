"""What a reader wants to know of the features: before and after, what was learned, what looks wrong.

Everything is of training rows, but for unseen values, which are of the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jobs.features.categorical import Categorical
from jobs.features.columns import Coded, Flags, Matrix, Types, Vector
from jobs.features.transformer import Learned

MOST_VALUES = 20  # of a categorical feature; rarer ones are counted together
MOST_CATEGORIES = 100  # that an encoder is shown to know; all of them are in the transformer
FEW = 2  # so many distinct numbers need no histogram
FAR = 3.0  # interquartile ranges beyond a quartile: Tukey's outer fences, where a histogram ends ...
FAR_SHARE = 0.02  # ... if not more of the values lie beyond them: these are a part of the picture
ENOUGH = 50_000  # values to find the fences by; those that lie at even steps are taken


def described(learned: Learned, train: pd.DataFrame, types: Types, bins: int) -> list[dict[str, Any]]:
    """Each feature that stays: ``{"name", "kind", "inputs", "before", "learned", "after"}``.

    ``before`` is of the raw values, null for a product; ``after`` has one entry for each column that stays.
    All of it is small, however many rows, values and categories there are.
    """
    transformer = learned.transformer
    after = {
        name: _numbers(learned.train[:, place].astype(np.float64), bins)
        for place, name in enumerate(transformer.outputs)
    }

    def entry(kind: str, name: str, outputs: Sequence[str], inputs: Sequence[str]) -> dict[str, Any]:
        made = [{"name": output, **after[output]} for output in outputs if output in after]
        bare = {"name": name, "kind": kind, "inputs": list(inputs)}
        return {**bare, "before": None, "learned": None, "after": made}

    entries = []
    for number in transformer.numeric:
        raw = _numbers(number.source.numbers(train, types), bins)
        told = entry("numeric", number.name, number.outputs, number.source.columns)
        entries.append({**told, "before": raw, "learned": number.to_json()})
    for pair in transformer.products:
        entries.append(entry("product", "*".join(pair), ["*".join(pair)], pair))  # noqa: PERF401 - as its kin
    for text in transformer.categorical:
        told = entry("categorical", text.name, text.outputs, text.source.columns)
        raw_texts = text.source.texts(train, types)
        entries.append({**told, "before": _texts(raw_texts), "learned": _categories(text, raw_texts)})
    return entries


def _numbers(values: Vector, bins: int) -> dict[str, Any]:
    present = values[~np.isnan(values)]
    found: dict[str, Any] = {"rows": len(values), "missing": len(values) - len(present)}
    if not len(present):
        return found
    found |= {
        "minimum": float(present.min()),
        "maximum": float(present.max()),
        "mean": float(present.mean()),
        "deviation": float(present.std()),
    }
    if found["minimum"] < found["maximum"] and len(np.unique(present[:1000])) > FEW:
        found |= _histogram(present, bins)
    return found


def _histogram(present: Vector, bins: int) -> dict[str, Any]:
    """Rows between the outer fences in bins of one width, and how many lie below and above them.

    A few far values would else leave all others in one bin.
    """
    low, high = float(present.min()), float(present.max())
    first, third = np.percentile(present[:: max(1, len(present) // ENOUGH)], (25, 75))
    reach, below, above = FAR * float(third - first), 0, 0
    near = max(low, float(first) - reach), min(high, float(third) + reach)
    if near != (low, high):
        out = int((present < near[0]).sum()), int((present > near[1]).sum())
        if sum(out) <= FAR_SHARE * len(present):
            (low, high), (below, above) = near, out
    counts, edges = np.histogram(present, bins, (low, high))
    return {
        "bins": [
            {"from": float(begin), "to": float(end), "rows": int(count)}
            for begin, end, count in zip(edges[:-1], edges[1:], counts, strict=True)
        ],
        "below": below,
        "above": above,
    }


def _texts(texts: Coded) -> dict[str, Any]:
    counts = _counts(texts)
    order = sorted(range(len(counts)), key=lambda place: (-counts[place], texts.values[place]))
    shown = [place for place in order if counts[place]][:MOST_VALUES]
    return {
        "rows": len(texts.codes),
        "missing": int((texts.codes < 0).sum()),
        "distinct": int((counts > 0).sum()),
        "values": [{"value": texts.values[place], "rows": int(counts[place])} for place in shown],
        "others": int(counts.sum() - counts[shown].sum()),
    }


def _counts(texts: Coded) -> Any:
    """Rows of each distinct text."""
    return np.bincount(texts.codes[texts.codes >= 0], minlength=len(texts.values))


def _categories(feature: Categorical, texts: Coded) -> dict[str, Any]:
    """What was learned, with the training rows of each category: in the encoder's order where that matters.

    ``{"source", "fill", "unseen", "gathered", "encoder", "categories": [{"value", "rows", "rate"}],
    "more"}``: `gathered` is how many values are RARE, `rate` is None but for target encodings, whose most
    frequent categories come first, `more` is how many categories are not told.
    """
    whole = feature.to_json()
    encoder = {name: value for name, value in whole["encoder"].items() if name not in ("categories", "rates")}
    prepared = feature.prepared(texts)
    # Two places may hold one text: a rare value may read like what stands for rare ones.
    rows: Counter[str] = Counter()
    for value, count in zip(prepared.values, _counts(prepared).tolist(), strict=True):
        rows[value] += count
    seen = {value for value, count in zip(texts.values, _counts(texts), strict=True) if count}
    known = feature.encoder.known() or ()
    rates = whole["encoder"].get("rates", {})
    order = sorted(known, key=lambda value: (-rows[value], value)) if rates else known
    return {
        "source": whole["source"],
        "fill": feature.fill,
        "unseen": feature.unseen,
        "gathered": None if feature.common is None else len(seen - set(feature.common)),
        "encoder": encoder,
        "categories": [
            {"value": value, "rows": rows[value], "rate": rates.get(value)}
            for value in order[:MOST_CATEGORIES]
        ],
        "more": max(0, len(order) - MOST_CATEGORIES),
    }


def alerts(
    learned: Learned,
    positives: Flags,
    others: Mapping[str, pd.DataFrame],
    types: Types,
    limits: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """What looks wrong: ``{"kind", "columns", "value", "limit", "says"}``, the most severe kind first.

    :param positives: labels of the training rows
    :param others: the rows of the other splits by name
    :param limits: ``profile.alerts`` of the workflow
    """
    names, transformer = list(learned.transformer.outputs), learned.transformer
    found = []
    for place, name in enumerate(names):
        auc = one_column_auc(learned.train[:, place], positives)
        if auc >= limits["leakage_auc"]:
            found.append(
                _alert(
                    "leakage",
                    [name],
                    auc,
                    limits["leakage_auc"],
                    f"{name} alone tells the label with AUC {auc:.4f}: has it seen the label?",
                )
            )
    places = [learned.made.index(name) for name in names]
    correlations = np.triu(learned.moments.correlations[np.ix_(places, places)], 1)
    for first, second in zip(*np.nonzero(np.abs(correlations) >= limits["correlation"]), strict=True):
        value = float(correlations[first, second])
        found.append(
            _alert(
                "correlation",
                [names[first], names[second]],
                value,
                limits["correlation"],
                f"{names[first]} and {names[second]} say nearly the same (correlation {value:.4f})",
            )
        )
    for place, name in zip(places, names, strict=True):
        if learned.moments.variances[place] == 0:
            found.append(_alert("constant", [name], 0.0, 0.0, f"{name} is the same in every training row"))
    for feature in transformer.categorical:
        for split, rows in others.items():
            unseen = feature.unseen_rows(rows, types)
            if unseen:
                found.append(
                    _alert(
                        "unseen",
                        [feature.name],
                        unseen / len(rows),
                        0.0,
                        f"{unseen} {split} rows have a {feature.name} that no training row had",
                    )
                )
        if len(feature.outputs) > limits["categories"]:
            found.append(
                _alert(
                    "categories",
                    [feature.name],
                    float(len(feature.outputs)),
                    float(limits["categories"]),
                    f"{feature.name} makes {len(feature.outputs)} columns; target or hash make fewer",
                )
            )
    return found


def _alert(kind: str, columns: Sequence[str], value: float, limit: float, says: str) -> dict[str, Any]:
    return {"kind": kind, "columns": list(columns), "value": value, "limit": limit, "says": says}


def one_column_auc(values: Matrix | Vector, positives: Flags) -> float:
    """How well one column tells the label, by large or by small values, whichever is better: 0.5 to 1.

    The area under the ROC curve: the share of pairs of a positive and a negative row in the right order,
    pairs with equal values counted half.
    """
    hits, misses = np.sort(values[positives]), np.sort(values[~positives])
    below = np.searchsorted(misses, hits, side="left").sum(dtype=np.float64)
    up_to = np.searchsorted(misses, hits, side="right").sum(dtype=np.float64)
    area = float((below + up_to) / 2 / (len(hits) * len(misses)))
    return max(area, 1 - area)
