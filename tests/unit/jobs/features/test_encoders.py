"""Each encoder learns what is documented, and answers for what it has not seen as declared."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import TargetEncoder

from jobs.features.columns import FeatureError
from tests.support.features import declared, fit

TYPES = {"town": "string", "size": "integer", "vip": "boolean"}
TOWNS = ["Bonn", "Kiel", "Bonn", None, "Ulm", "Bonn", "Kiel", "Bonn"]
POSITIVE = [True, False, True, True, False, False, False, True]
ROWS = pd.DataFrame({"town": TOWNS})


def columns(rows: pd.DataFrame, item: dict[str, Any], seen: pd.DataFrame = ROWS) -> dict[str, list[float]]:
    """The columns of rows after learning from `seen`."""
    positives = [POSITIVE[place % 8] for place in range(len(seen))]
    transformer = fit(seen, declared(categorical=[{"column": "town", **item}]), TYPES, positives).transformer
    made = transformer.transform(rows)
    return {name: made[:, place].tolist() for place, name in enumerate(transformer.outputs)}


def towns(*names: str | None) -> pd.DataFrame:
    return pd.DataFrame({"town": names}, dtype=object)


def test_one_hot_has_a_column_a_category_and_none_for_an_unseen_one():
    assert columns(towns("Kiel", "Jena", None), {"encode": "one_hot"}) == {
        "town=Bonn": [0, 0, 0],
        "town=Kiel": [1, 0, 0],
        "town=Ulm": [0, 0, 0],
        "town=missing": [0, 0, 1],
    }


def test_ordinal_counts_in_the_declared_order():
    order = ["Ulm", "Bonn", "Kiel"]
    asked = {"encode": "ordinal", "order": order}
    assert columns(towns("Ulm", "Bonn", "Kiel", "Jena", None), asked) == {"town.order": [0, 1, 2, -1, -1]}
    by_alphabet = columns(towns("Bonn", "Kiel", "Ulm"), {"encode": "ordinal"})
    assert by_alphabet == {"town.order": [0, 1, 2]}


def test_an_order_must_have_what_training_rows_have():
    with pytest.raises(FeatureError, match="town: its order lacks Ulm, which training rows have"):
        columns(ROWS, {"encode": "ordinal", "order": ["Bonn", "Kiel"]})


def test_target_gives_the_smoothed_share_of_positive_labels():
    """By hand: Bonn has 3 positives of 4, all rows 4 of 8; (3 + 2 * 0.5) / (4 + 2)."""
    made = columns(towns("Bonn", "Jena"), {"encode": "target", "smoothing": 2.0})["town.rate"]
    assert made == pytest.approx([4 / 6, 0.5])


def test_target_learns_as_scikit_learns_encoder_does():
    draw = np.random.default_rng(3)
    names = np.array([f"t{number}" for number in draw.zipf(1.6, 3000) % 40])
    positives = draw.random(3000) < 0.3
    oracle = TargetEncoder(smooth=10.0, target_type="binary").fit(names[:, None], positives)
    fitted = fit(
        pd.DataFrame({"town": names}),
        declared(categorical=[{"column": "town", "encode": "target"}]),
        TYPES,
        positives,
    ).transformer
    rates = fitted.categorical[0].encoder.rates
    assert rates == pytest.approx(dict(zip(oracle.categories_[0], oracle.encodings_[0], strict=True)))


def test_a_training_rows_own_label_is_not_in_its_feature():
    """Every row has a town of its own: without cross-fitting, the feature would be the label."""
    rows = pd.DataFrame({"town": [f"t{number}" for number in range(2000)]})
    positives = np.random.default_rng(5).random(2000) < 0.5
    asked = declared(categorical=[{"column": "town", "encode": "target", "smoothing": 0.0}])
    learned = fit(rows, asked, TYPES, positives)
    own = learned.train[:, 0]
    assert abs(np.corrcoef(own, positives)[0, 1]) < 0.1
    # What is learned for later rows has seen them all: there the label is told, and that is the trap.
    assert (learned.transformer.transform(rows)[:, 0] == positives).all()


def test_copies_of_a_row_lie_in_one_fold():
    """Mitigation by resampling repeats rows: a copy in another fold would give the label away."""
    rows = pd.DataFrame({"town": [f"t{number}" for number in range(500) for _ in range(3)]})
    positives = np.repeat(np.random.default_rng(5).random(500) < 0.5, 3)
    keys = [f"k{number}" for number in range(500) for _ in range(3)]
    asked = declared(categorical=[{"column": "town", "encode": "target", "smoothing": 0.0}])
    told = np.corrcoef(fit(rows, asked, TYPES, positives, keys).train[:, 0], positives)[0, 1]
    assert abs(told) < 0.2
    apart = np.corrcoef(fit(rows, asked, TYPES, positives).train[:, 0], positives)[0, 1]
    assert apart > 0.5  # with keys of their own, copies betray each other


def test_hash_has_a_fixed_number_of_columns_for_any_number_of_values():
    made = columns(towns("Jena", None), {"encode": "hash", "buckets": 4})
    assert list(made) == ["town#0", "town#1", "town#2", "town#3"]
    bucket = int.from_bytes(hashlib.sha256(b"Jena").digest()[:8], "big") % 4
    assert [made[f"town#{place}"][0] for place in range(4)] == [float(place == bucket) for place in range(4)]
    assert sum(column[1] for column in made.values()) == 1


def test_rare_values_are_gathered_with_unseen_ones():
    """Bonn has 4 of 8 rows, Kiel 2, Ulm and the absent value 1: a quarter is enough for Kiel."""
    made = columns(towns("Bonn", "Kiel", "Ulm", "Jena"), {"rare_share": 0.25})
    assert made == {"town=(rare)": [0, 0, 1, 1], "town=Bonn": [1, 0, 0, 0], "town=Kiel": [0, 1, 0, 0]}


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        ({"unseen": "refuse"}, "town: 'Jena' was not among the training rows' values"),
        ({"unseen": "refuse", "encode": "target"}, "town: 'Jena' was not among"),
        ({"unseen": "refuse", "encode": "ordinal"}, "town: 'Jena' was not among"),
    ],
)
def test_an_unseen_value_may_be_refused(item: dict[str, Any], complaint: str):
    with pytest.raises(FeatureError, match=complaint):
        columns(towns("Bonn", "Jena"), item)
    assert columns(towns("Bonn"), item)


def test_an_absent_value_may_be_refused_or_told():
    known = towns("Bonn", "Kiel")
    with pytest.raises(FeatureError, match=r"town: 1 rows lack a value.*impute: refuse"):
        columns(towns(None), {"impute": "refuse"}, seen=known)
    assert columns(towns(None), {"fill": "Kiel"}, seen=known)["town=Kiel"] == [1]


FULL = {"town": ["Bonn", "Kiel", "Bonn", "Ulm", "Ulm", "Bonn", "Kiel", "Bonn"]}  # none is absent
MISSING = int.from_bytes(hashlib.sha256(b"missing").digest()[:8], "big") % 4
NEW = int.from_bytes(hashlib.sha256(b"Jena").digest()[:8], "big") % 4


@pytest.mark.parametrize(
    ("item", "unseen", "absent"),
    [
        ({"encode": "one_hot"}, [0, 0, 0], [0, 0, 0]),
        ({"encode": "one_hot", "impute": "most_frequent"}, [0, 0, 0], [1, 0, 0]),
        ({"encode": "one_hot", "fill": "Ulm"}, [0, 0, 0], [0, 0, 1]),
        ({"encode": "ordinal"}, [-1], [-1]),
        ({"encode": "ordinal", "order": ["Ulm", "Kiel", "Bonn"], "impute": "most_frequent"}, [-1], [2]),
        # All rows' share is 4 of 8; Bonn's 3 of 4, drawn to it by two rows: (3 + 2 * 0.5) / (4 + 2).
        ({"encode": "target", "smoothing": 2.0}, [0.5], [0.5]),
        ({"encode": "target", "smoothing": 2.0, "impute": "most_frequent"}, [0.5], [np.float32(4 / 6)]),
        (
            {"encode": "hash", "buckets": 4},
            [float(place == NEW) for place in range(4)],
            [float(place == MISSING) for place in range(4)],
        ),
        # Every training row is of a common town; what is new is rare, and no row taught anything of that.
        ({"encode": "one_hot", "rare_share": 0.1}, [0, 0, 0], [0, 0, 0]),
    ],
)
def test_what_no_training_row_had_or_lacked_is_answered_as_declared(
    item: dict[str, Any], unseen: list[float], absent: list[float]
):
    """An unseen town, and an absent one where every training row had one."""
    made = columns(towns("Jena", None), item, seen=pd.DataFrame(FULL))
    assert [list(row) for row in zip(*made.values(), strict=True)] == [unseen, absent]


@pytest.mark.parametrize("encode", ["one_hot", "ordinal", "target"])
def test_an_absent_value_that_is_new_counts_as_unseen(encode: str):
    """The category `missing` is one like the others: where unseen ones are refused, so is that."""
    asked = {"encode": encode, "unseen": "refuse"}
    with pytest.raises(FeatureError, match="town: 'missing' was not among the training rows' values"):
        columns(towns(None), asked, seen=pd.DataFrame(FULL))
    assert columns(towns(None), asked)  # training rows lacked it, too


def test_truths_and_whole_numbers_are_spelled_alike_from_parquet_json_and_csv():
    train = pd.DataFrame({"size": [1, 2, 1, 2], "vip": [True, False, True, False]})
    transformer = fit(train, declared(categorical=["size", "vip"]), TYPES).transformer
    assert list(transformer.outputs) == ["size=1", "size=2", "vip=false", "vip=true"]
    for row in ({"size": 2, "vip": False}, {"size": 2.0, "vip": False}, {"size": "2", "vip": "false"}):
        assert transformer.transform(pd.DataFrame([row], dtype=object)).tolist() == [[0, 1, 1, 0]]
