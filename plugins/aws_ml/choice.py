"""``choice.json``: which of the evaluated candidates a run takes, and why. Pure.

The rule, with the workflow's metric on the same held-out rows, of which more is better:

1. Among this run's candidates, the best one is found. A simpler one is preferred to it, unless the interval
   of their difference says that it is worse. Simpler is what the list of candidates names first.
2. The champion, the model in use, stays unless that candidate is better than it by the workflow's margin. A
   champion that can't score this run's rows does not stay.

::

    version      of this layout
    metric, margin, rows, confidence
    chosen       name of the candidate that is taken
    champion     name of the champion among the candidates, or null
    summary      in one line
    candidates   in their order: name, source, value, interval, verdict (a sentence), fault, bytes,
                 milliseconds
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from aws_ml.exceptions import QualityTooLow, ReportInvalid

VERSION = "1"
CHAMPION = "champion"
"""What the model in use is called among the candidates."""


def chosen(comparison: Mapping[str, Any], margin: float) -> dict[str, Any]:
    """The document.

    :param comparison: ``comparison.json`` of the evaluation job
    :param margin: by how much the metric must be better than the champion's
    :raises ReportInvalid: the comparison is not one
    :raises QualityTooLow: no candidate of this run has a value
    """
    try:
        return _chosen(comparison, margin)
    except (KeyError, TypeError, AttributeError) as error:
        raise ReportInvalid(f"comparison.json lacks {error}.") from error


def _chosen(comparison: Mapping[str, Any], margin: float) -> dict[str, Any]:
    metric = comparison["metric"]
    candidates = {each["name"]: each for each in comparison["candidates"]}
    values = {name: each["metrics"][metric] for name, each in candidates.items() if each["fault"] is None}
    known = {name: value for name, value in values.items() if _is_number(value)}
    new = [name for name in known if name != CHAMPION]
    if not new:
        raise QualityTooLow(f"{metric} could not be computed for any candidate: {dict(values)!r}.")
    best = max(new, key=lambda name: known[name])  # the first of equals is the simplest
    simplest = next(name for name in new if name == best or not _surely_worse(candidates[name], best))
    taken = simplest
    if CHAMPION in known and known[simplest] - known[CHAMPION] < margin:
        taken = CHAMPION
    verdicts = {
        name: _verdict(
            name, candidates[name], known, best=best, simplest=simplest, taken=taken, margin=margin
        )
        for name in candidates
    }
    return {
        "version": VERSION,
        "metric": metric,
        "margin": margin,
        "rows": comparison["rows"],
        "confidence": comparison["confidence"],
        "chosen": taken,
        "champion": CHAMPION if CHAMPION in candidates else None,
        "summary": f"{taken} with {metric} {known[taken]:.4f}: {verdicts[taken]}",
        "candidates": [
            {
                "name": name,
                "source": each["source"],
                "value": values.get(name),
                "interval": each.get("interval"),
                "verdict": verdicts[name],
                "fault": each["fault"],
                "bytes": each.get("bytes"),
                "milliseconds": each.get("milliseconds"),
            }
            for name, each in candidates.items()
        ],
    }


def _verdict(
    name: str,
    candidate: Mapping[str, Any],
    known: Mapping[str, float],
    *,
    best: str,
    simplest: str,
    taken: str,
    margin: float,
) -> str:
    """What is said of one candidate, in a sentence."""
    if candidate["fault"] is not None:
        return f"can't be compared: {candidate['fault']}"
    if name not in known:
        return "has no value"
    if name == CHAMPION:
        ahead = known[simplest] - known[CHAMPION]
        if taken == CHAMPION:
            return f"stays: {simplest} is {_by(ahead)}, and must be better by {margin:g}"
        return f"makes room for {taken}, which is {_by(ahead)}"
    if name == simplest:
        if name == best:
            reason = "the best of this run"
        else:
            reason = f"simpler than {best} and not surely worse ({_by(known[name] - known[best])})"
        return reason if taken == name else f"{reason}, but not better than the champion by {margin:g}"
    if name == best:
        return f"the best of this run, but {simplest} is simpler and not surely worse"
    return f"{_by(known[name] - known[best])} than {best}"


def _surely_worse(candidate: Mapping[str, Any], best: str) -> bool:
    """Whether even the favourable end of the interval of the difference lies below zero."""
    interval = candidate["against"][best]["interval"]
    return interval is not None and interval[1] < 0


def _by(difference: float) -> str:
    return f"{abs(difference):.4f} {'better' if difference >= 0 else 'worse'}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
