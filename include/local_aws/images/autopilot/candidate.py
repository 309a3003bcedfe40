"""One candidate: trained on every fold, measured on the rows that the folds left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from local_aws.images.autopilot import algorithms, ensemble, metrics, model
from local_aws.images.autopilot.algorithms import Configuration
from local_aws.images.autopilot.metrics import Array
from local_aws.images.autopilot.target import Data

MEASURED = "measured.json"
HELD_OUT = "held_out.npy"


@dataclass(frozen=True)
class Place:
    """Where a candidate leaves what it made."""

    work: Path  # for the program itself
    archive: Path  # model.tar.gz

    @property
    def model(self) -> Path:
        """The model's files."""
        return self.work / "model"


def train(name: str, configuration: Configuration, data: Data, place: Place) -> None:
    """Train, measure and save a candidate of one algorithm."""
    folds = [algorithms.fit(configuration, data, learn, held) for learn, held in data.folds]
    predicted = np.concatenate(
        [
            fitted.predict(data.features.iloc[held])
            for fitted, (_, held) in zip(folds, data.folds, strict=True)
        ]
    )
    model.save_member(place.model, name, folds)
    _finish(data, place, predicted, {name: 1.0})


def combine(objective: str, members: Mapping[str, Place], data: Data, place: Place) -> None:
    """Weigh finished candidates, measure and save what they are together. Raises nothing of its own."""
    predictions = {name: held_out(lender) for name, lender in members.items()}
    truth, weights = _truth(data)
    shares = ensemble.weigh(objective, predictions, truth, weights)
    for name in shares:
        model.borrow_member(place.model, name, members[name].model)
    predicted = sum((share * predictions[name] for name, share in shares.items()), np.zeros(()))
    _finish(data, place, np.asarray(predicted), shares)


def held_out(place: Place) -> Array:
    """What a candidate predicted for the measured rows."""
    found: Array = np.load(place.work / HELD_OUT, allow_pickle=False)
    return found


def measured(place: Place) -> dict[str, float]:
    """A finished candidate's metrics."""
    found: dict[str, float] = json.loads((place.work / MEASURED).read_text())
    return found


def _truth(data: Data) -> tuple[Array, Array | None]:
    rows = data.measured
    return data.target[rows], None if data.weights is None else data.weights[rows]


def _finish(data: Data, place: Place, predicted: Array, members: Mapping[str, float]) -> None:
    truth, weights = _truth(data)
    found = metrics.measured(data.problem, truth, predicted, weights)
    model.describe(place.model, data, members)
    np.save(place.work / HELD_OUT, predicted, allow_pickle=False)
    model.archive(place.model, place.archive)
    (place.work / MEASURED).write_text(json.dumps(found))
