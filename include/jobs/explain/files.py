"""How explanations are laid out: as in Clarify's files."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jobs.explain.importance import AGGREGATIONS
from jobs.explain.trees import Numbers

FOLDER = "explanations_shap"


def labels_of(outputs: int, headers: Sequence[str] | None) -> list[str]:
    """What a model's outputs are called: as the configuration says, or label0, label1 ..."""
    given = list(headers or [])
    return given if len(given) == outputs else [f"label{place}" for place in range(outputs)]


def shap_values(
    columns: Sequence[str], local: Mapping[str, Numbers], expected: Sequence[float], agg_method: str
) -> dict[str, Any]:
    """An entry of ``explanations``: by label the global values and the expected one.

    :param local: by label the values, rows x columns
    :param agg_method: of AGGREGATIONS
    """
    return {
        label: {
            "global_shap_values": dict(zip(columns, AGGREGATIONS[agg_method](values).tolist(), strict=True)),
            "expected_value": float(each),
        }
        for (label, values), each in zip(local.items(), expected, strict=True)
    }


def write_local(folder: Path, columns: Sequence[str], local: Mapping[str, Numbers]) -> None:
    """Write out.csv: the values of every row, in columns called ``<feature>_<label>``."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "out.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([f"{column}_{label}" for label in local for column in columns])
        writer.writerows(np.concatenate(list(local.values()), axis=1).tolist())
