"""Autopilot's inference containers: raw rows in, what SAGEMAKER_INFERENCE_OUTPUT names out.

The server is that of the other images (serving_program.py); this module is what it serves.

In: text/csv without header and target, cells in the training file's order. Out: text/csv, a line a row, or
application/json ``{"predictions": [{"predicted_label": "yes", …}]}``; for a regression one number a row, as
JSON ``{"predictions": [{"score": 1.5}]}``. The keys of a classification, in the order asked for:

    predicted_label   the likeliest class (the default)
    probability       that label's probability (ENSEMBLING); of a tuned binary model, the second class's
    probabilities     of all classes, a list
    labels            the classes, a list
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from local_aws.images.autopilot.contract import (
    BINARY,
    HYPERPARAMETER_TUNING,
    INFERENCE_KEYS,
    MODE,
    OUTPUT,
    REGRESSION,
)
from local_aws.images.autopilot.metrics import Array
from local_aws.images.autopilot.model import Model
from local_aws.images.autopilot.table import rows_of
from local_aws.images.serving_program import (
    CSV,
    JSON,
    Answer,
    Unanswerable,
    Unservable,
    main,
    media_type,
)


class Candidate:
    """A candidate of an AutoML job that answers invocations.

    Args:
        model_dir: the unpacked model.tar.gz.
        variables: the container's environment.

    Raises Unservable.
    """

    def __init__(self, model_dir: Path, variables: Mapping[str, str] = os.environ) -> None:
        try:
            self.model = Model.load(model_dir)
        except (FileNotFoundError, ValueError) as error:
            raise Unservable(f"model.tar.gz holds no candidate of an AutoML job: {error}") from error
        self.mode = variables.get(MODE, "")
        asked = variables.get(OUTPUT) or INFERENCE_KEYS[0]
        self.keys = [key.strip() for key in asked.split(",") if key.strip()]
        unknown = [key for key in self.keys if key not in INFERENCE_KEYS]
        if unknown:
            raise Unservable(f"{OUTPUT} asks for {', '.join(unknown)}; allowed: {', '.join(INFERENCE_KEYS)}.")

    def answer(self, body: bytes, content_type: str, accept: str) -> Answer:
        """A prediction a row. Raises Unanswerable for other types, and for rows that don't fit the model."""
        if media_type(content_type or CSV) != CSV:
            raise Unanswerable(415, f"Content type {content_type} is not supported; text/csv is.")
        kinds = {CSV: self.csv, JSON: self.json}
        kind = media_type(accept)
        if kind not in kinds:
            raise Unanswerable(406, f"Accept type {accept} is not supported; {' and '.join(kinds)} are.")
        try:
            return Answer(kinds[kind](body), kind)
        except ValueError as error:
            raise Unanswerable(400, f"Unable to evaluate payload provided: {error}") from error

    def csv(self, body: bytes) -> bytes:
        """A line a row; lists in quotes."""
        made = io.StringIO()
        writer = csv.writer(made, lineterminator="\n")
        for row in self._rows(body):
            writer.writerow([json.dumps(cell) if isinstance(cell, list) else cell for cell in row.values()])
        return made.getvalue().encode()

    def json(self, body: bytes) -> bytes:
        """An object a row."""
        return json.dumps({"predictions": self._rows(body)}).encode()

    def _rows(self, body: bytes) -> list[dict[str, Any]]:
        predicted = self.model.predict(rows_of(body, self.model.columns))
        if self.model.problem == REGRESSION:
            return [{"score": float(value)} for value in predicted]
        columns = {key: _COLUMNS[key](self, predicted) for key in self.keys}
        return [{key: columns[key][row] for key in self.keys} for row in range(len(predicted))]

    def _labels(self, predicted: Array) -> list[Any]:
        return [self.model.classes[at] for at in predicted.argmax(axis=1)]

    def _probability(self, predicted: Array) -> list[Any]:
        second = self.model.problem == BINARY and self.mode == HYPERPARAMETER_TUNING
        return list((predicted[:, 1] if second else predicted.max(axis=1)).tolist())


_COLUMNS: dict[str, Callable[[Candidate, Array], list[Any]]] = {
    "predicted_label": Candidate._labels,
    "probability": Candidate._probability,
    "probabilities": lambda _, predicted: list(predicted.tolist()),
    "labels": lambda candidate, predicted: [candidate.model.classes] * len(predicted),
}


def load(_image: str, model_dir: Path) -> tuple[Candidate, str]:
    """The candidate and its default accept type."""
    return Candidate(model_dir), os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or CSV


if __name__ == "__main__":
    sys.exit(main(load=load))
