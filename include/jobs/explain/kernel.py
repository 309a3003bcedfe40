"""SHAP values of anything that predicts (kernel SHAP: Lundberg and Lee 2017, arXiv:1705.07874).

A coalition of features keeps the row's values and takes all others from the baseline; the mean prediction
over the baseline's rows is what the coalition is worth. A linear model of the worths, weighted by the size of
the coalition and bound to add up, has the SHAP values as its coefficients: exactly, where all coalitions are
asked, and nearly, where there are more than `num_samples`. Then the sizes that weigh most are asked whole,
and of the rest some are drawn, each with its complement.

Coalitions are the same for every row, so that rows differ by their values and by nothing else.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.explain.trees import Explained, Numbers

Predict = Callable[[npt.NDArray[Any]], Numbers]  # rows x features -> rows x outputs

MOST_ROWS = 100_000  # synthetic ones a call of `predict`


@dataclass(frozen=True)
class Coalitions:
    """Which features keep the row's values, and what each coalition weighs."""

    members: npt.NDArray[np.bool_]  # coalitions x features; neither the empty one nor the whole
    weights: Numbers


def default_samples(features: int) -> int:
    """How many coalitions are asked where nobody says it; as in the library `shap`."""
    return 2 * features + 2048


def explain(
    predict: Predict,
    rows: npt.NDArray[Any],
    baseline: npt.NDArray[Any],
    *,
    num_samples: int | None = None,
    seed: int | None = None,
    use_logit: bool = False,
) -> Explained:
    """SHAP values of the rows: outputs x rows x features.

    :param rows: rows x features, of any kind that `predict` takes
    :param baseline: rows x features: who the rows are compared with
    :param num_samples: the most coalitions that are asked
    :param seed: of the drawn coalitions; None: 0, so that the same question has the same answer
    :param use_logit: explain log-odds instead of probabilities
    """
    features = rows.shape[1]
    known = coalitions(features, num_samples or default_samples(features), seed or 0)
    link = _logit if use_logit else _same
    expected = link(predict(baseline).mean(axis=0))
    outputs = link(predict(rows))
    if features == 1:
        return Explained((outputs - expected).T[:, :, None], expected)
    worths = _worths(predict, rows, baseline, known.members)
    values = _solve(known, link(worths) - expected, outputs - expected)
    return Explained(values.transpose(2, 0, 1), expected)


def coalitions(features: int, num_samples: int, seed: int) -> Coalitions:
    """All coalitions, or those that weigh most and some of the others."""
    sizes = range(1, features // 2 + 1)  # a size and its complement go together
    weights = {size: (features - 1) / (size * (features - size)) for size in sizes}
    weights = {size: weight * (1 if 2 * size == features else 2) for size, weight in weights.items()}
    total = sum(weights.values())
    shares = {size: weight / total for size, weight in weights.items()}

    members: list[npt.NDArray[np.bool_]] = []
    weighs: list[float] = []
    left, undecided = num_samples, list(sizes)
    everything = 2**features - 2 <= num_samples
    while undecided:
        size = undecided[0]
        both = 2 * size != features
        count = math.comb(features, size) * (2 if both else 1)
        rest = sum(shares[each] for each in undecided)
        if not everything and left * shares[size] / rest < count:
            break
        for chosen in itertools.combinations(range(features), size):
            mask = np.zeros(features, dtype=np.bool_)
            mask[list(chosen)] = True
            for one in (mask, ~mask) if both else (mask,):
                members.append(one)
                weighs.append(shares[size] / count)
        left -= count
        undecided.pop(0)
    if undecided:
        drawn = _drawn(features, {size: shares[size] for size in undecided}, left, seed)
        rest = sum(shares[each] for each in undecided)
        times = sum(drawn.values())
        for key, often in drawn.items():
            members.append(np.frombuffer(key, dtype=np.bool_))
            weighs.append(rest * often / times)
    found = np.array(members, dtype=np.bool_).reshape(-1, features)
    return Coalitions(found, np.array(weighs))


def _drawn(features: int, shares: dict[int, float], count: int, seed: int) -> dict[bytes, int]:
    """Random coalitions of these sizes and their complements, and how often each was drawn."""
    random = np.random.default_rng(seed)
    chance = np.array(list(shares.values()))
    drawn: dict[bytes, int] = {}
    for _ in range(max(count // 2, 1)):
        size = int(random.choice(list(shares), p=chance / chance.sum()))
        mask = np.zeros(features, dtype=np.bool_)
        mask[random.permutation(features)[:size]] = True
        for one in (mask, ~mask):
            drawn[one.tobytes()] = drawn.get(one.tobytes(), 0) + 1
    return drawn


def _worths(
    predict: Predict,
    rows: npt.NDArray[Any],
    baseline: npt.NDArray[Any],
    members: npt.NDArray[np.bool_],
) -> Numbers:
    """The mean prediction of each coalition: rows x coalitions x outputs."""
    each = len(members) * len(baseline)
    step = max(1, MOST_ROWS // each)
    worths = []
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        made = np.where(members[None, :, None, :], some[:, None, None, :], baseline[None, None, :, :])
        flat = made.reshape(-1, rows.shape[1])
        parts = [predict(flat[begin : begin + MOST_ROWS]) for begin in range(0, len(flat), MOST_ROWS)]
        found = np.concatenate(parts).reshape(len(some), len(members), len(baseline), -1)
        worths.append(found.mean(axis=2))
    return np.concatenate(worths)


def _solve(known: Coalitions, worths: Numbers, differences: Numbers) -> Numbers:
    """The weighted least squares that add up to the differences: rows x features x outputs.

    The last feature's value is what the others leave of the difference.
    """
    inside = known.members.astype(np.float64)
    last = inside[:, -1]
    scale = np.sqrt(known.weights)
    left = (inside[:, :-1] - last[:, None]) * scale[:, None]
    right = (worths - last[None, :, None] * differences[:, None, :]) * scale[None, :, None]
    rows, _, outputs = right.shape
    found, *_ = np.linalg.lstsq(left, right.transpose(1, 0, 2).reshape(len(scale), -1), rcond=None)
    others = found.reshape(-1, rows, outputs).transpose(1, 0, 2)
    return np.concatenate([others, (differences - others.sum(axis=1))[:, None, :]], axis=1)


def _same(values: Numbers) -> Numbers:
    return values


def _logit(values: Numbers) -> Numbers:
    """Log-odds; a probability of 0 or 1 counts as the nearest one that has them."""
    tiny = np.finfo(np.float64).eps
    inside = np.clip(values, tiny, 1 - tiny)
    return np.log(inside / (1 - inside))
