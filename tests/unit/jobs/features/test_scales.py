"""Each scale does what scikit-learn's does, or what can be computed by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from sklearn import preprocessing

from jobs.features import scales

VALUES = np.round(np.random.default_rng(7).lognormal(3, 1, 1000), 2)
NEW = np.array([-5.0, 0.0, VALUES.min(), 12.34, VALUES.max(), 1e6])


@pytest.mark.parametrize(
    ("kind", "oracle"),
    [
        ("standard", preprocessing.StandardScaler()),
        ("min_max", preprocessing.MinMaxScaler()),
        ("robust", preprocessing.RobustScaler()),
        ("quantile", preprocessing.QuantileTransformer(n_quantiles=101, subsample=None)),
    ],
)
@pytest.mark.parametrize("values", [VALUES, np.repeat([1.0, 2.0, 3.0], [500, 200, 300])], ids=["many", "few"])
def test_it_scales_as_scikit_learn_does(kind: str, oracle: object, values: np.ndarray):
    fitted = scales.SCALES[kind].fit(values)
    oracle.fit(values[:, None])  # type: ignore[attr-defined]
    for rows in (values, NEW):
        expected = oracle.transform(rows[:, None])[:, 0]  # type: ignore[attr-defined]
        assert fitted.apply(rows) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_log_brings_large_values_closer_and_keeps_the_sign():
    made = scales.Log.fit(VALUES).apply(np.array([0.0, math.e - 1, 1 - math.e, 999.0]))
    assert made == pytest.approx([0, 1, -1, math.log(1000)], rel=1e-15)


@pytest.mark.parametrize("kind", sorted(scales.SCALES))
def test_a_constant_column_stays_finite(kind: str):
    made = scales.SCALES[kind].fit(np.full(9, 5.0)).apply(np.array([5.0, 6.0]))
    assert np.isfinite(made).all()
    assert made[0] == {"none": 5.0, "log": math.log(6)}.get(kind, 0.0)


@pytest.mark.parametrize("kind", sorted(scales.SCALES))
def test_it_is_the_same_after_json(kind: str):
    fitted = scales.SCALES[kind].fit(VALUES)
    again = scales.from_json(json.loads(json.dumps(scales.to_json(fitted))))
    assert again == fitted
    assert again.apply(NEW).tolist() == fitted.apply(NEW).tolist()
