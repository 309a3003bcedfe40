"""Which columns the predictions come from: Shapley values of the raw columns, by sampling permutations.

For a row x and a row b drawn from the data, walk from b to x, taking over one column after the other in a
random order: what each step changes in the prediction is that column's share. The mean over many walks is the
column's Shapley value (Štrumbelj and Kononenko, Knowledge and Information Systems 41, 2014), which is what
Kernel SHAP estimates too, so the file has Clarify's form and Clarify's name for it. Each walk is also walked
in the opposite order, which takes out noise. Columns' shares always sum to f(x) - mean f(b), exactly.

    analysis.json                   global values: the mean of the absolute values of the rows, by label
    explanations_shap/out.csv       the rows' own values
    explanations_shap/baseline.csv  the rows that were started from
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from local_aws.images.autopilot.metrics import Array
from local_aws.images.autopilot.model import Model
from local_aws.images.autopilot.target import SEED

EVALUATIONS = 20_000  # predictions at most
MOST_ROWS = 60
WALKS = 10  # a row; each in both orders


def write(model: Model, frame: Any, target: Path) -> None:
    """Explain a model by rows of the data it learned from."""
    columns = [column.name for column in model.columns if column.kind != "dropped"]
    _, starts, values, expected = shapley(model, frame, columns)
    labels = model.classes or ["label0"]
    if values.shape[2] == 1 and len(labels) == 2:
        labels = labels[1:]  # of two classes the second one's probability says all
    shap = target / "explanations_shap"
    shap.mkdir(parents=True, exist_ok=True)
    analysis = {
        "version": "1.0",
        "explanations": {
            "kernel_shap": {
                label: {
                    "global_shap_values": {
                        name: float(np.abs(values[:, at, number]).mean()) for at, name in enumerate(columns)
                    },
                    "expected_value": float(expected[number]),
                }
                for number, label in enumerate(labels)
            }
        },
    }
    (target / "analysis.json").write_text(json.dumps(analysis, indent=2))
    _rows_frame(values, columns, labels).to_csv(shap / "out.csv", index=False)
    starts.to_csv(shap / "baseline.csv", index=False)


def _rows_frame(values: Array, columns: list[str], labels: list[str]) -> Any:
    import pandas

    return pandas.DataFrame(
        {
            f"{name}_{label}": values[:, at, number]
            for number, label in enumerate(labels)
            for at, name in enumerate(columns)
        }
    )


def shapley(model: Model, frame: Any, columns: list[str]) -> tuple[Any, Any, Array, Array]:
    """Rows, rows started from, values (row x column x label), and the mean prediction of the latter.

    Of a binary classification only the second class has values: the first one's are the same, negated.
    """
    draw = np.random.default_rng(SEED)
    count = max(1, min(MOST_ROWS, len(frame), EVALUATIONS // (2 * WALKS * (len(columns) + 1))))
    rows = frame.iloc[draw.choice(len(frame), count, replace=False)].reset_index(drop=True)
    starts = frame.iloc[draw.choice(len(frame), WALKS)].reset_index(drop=True)
    walks = []
    for start in range(WALKS):
        order = draw.permutation(len(columns))
        walks += [(start, order), (start, order[::-1])]
    begun = _outputs(model, starts)
    values = np.zeros((count, len(columns), begun.shape[1]))
    for start, order in walks:
        outputs = _outputs(model, _steps(rows, starts.iloc[start], [columns[at] for at in order]))
        steps = outputs.reshape(len(columns) + 1, count, -1)
        values[:, order, :] += np.diff(steps, axis=0).transpose(1, 0, 2)
    return rows, starts, values / len(walks), begun.mean(axis=0)


def _steps(rows: Any, start: Any, order: list[str]) -> Any:
    """All stations of one walk, for all rows: the start's cells, and one column more of the row at each."""
    import pandas

    now = rows.copy()
    for name in order:
        now[name] = pandas.Series([start[name]] * len(rows), dtype=rows[name].dtype)
    stations = [now.copy()]
    for name in order:
        now[name] = rows[name]
        stations.append(now.copy())
    return pandas.concat(stations, ignore_index=True)


def _outputs(model: Model, frame: Any) -> Array:
    predicted = model.predict(frame)
    if predicted.ndim == 1:
        return predicted.reshape(-1, 1)
    return predicted[:, 1:] if predicted.shape[1] == 2 else predicted
