"""What the endpoint runs: raw records in, scores out, through the transformer that training used.

    POST /invocations   application/json   one record {"age": 41, ...}, or {"records": [{...}, ...]}
                        text/csv           the transformer's input columns in their order, no header
    answer              application/json   {"predictions": [{"score": 0.83, "label": 1}, ...]}
                        text/csv           score,label   one line a record

A record names every input column; null (in CSV: nothing) is a missing value and is imputed. Other names are
ignored, so a raw row with its key may be sent as it is. An absent name is refused: a misspelt column would
otherwise be imputed in silence.

Where the workflow has an online feature store, a record may name its entity alone, {"application_id": "A-1"}:
its features are looked up.

    model archive       xgboost-model  transformer.json  serving.json  code/inference.py  code/jobs/...
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    import xgboost

    from jobs.feature_store.online import OnlineStore
    from jobs.features.transformer import FeatureTransformer


def _boosters() -> Any:
    """XGBoost, if possible without its estimators, which nobody here uses: for them it imports all of
    scikit-learn, which is most of the time in which a container starts."""
    if sys.modules.keys() & {"sklearn", "xgboost"}:
        return importlib.import_module("xgboost")
    sys.modules["sklearn"] = None  # type: ignore[assignment] # to Python: not installed
    try:
        return importlib.import_module("xgboost")
    finally:
        del sys.modules["sklearn"]


if not TYPE_CHECKING:
    xgboost = _boosters()

JSON = "application/json"
CSV = "text/csv"


class BadRequest(ValueError):
    """The request cannot be scored; the message names what was expected."""


@dataclass(frozen=True)
class Model:
    """What `model_fn` loads once and every request uses."""

    booster: xgboost.Booster
    trees: tuple[int, int]  # XGBoost's iteration_range: (0, 0) is all of them
    transformer: FeatureTransformer
    threshold: float  # a score at or above it is called positive
    online_store: OnlineStore | None = None  # where a record that names only its entity is completed


def model_fn(model_dir: str) -> Model:
    """Load the unpacked model archive. Raises ValueError if its parts do not belong together."""
    folder = Path(model_dir)
    # The archive brings its own code. Not every version of the serving toolkits puts it on the path whole.
    code = str(folder / "code")
    if code not in sys.path:
        sys.path.insert(0, code)
    from jobs.feature_store.online import OnlineStore
    from jobs.features.transformer import FeatureTransformer

    transformer = FeatureTransformer.from_json((folder / "transformer.json").read_text(encoding="utf-8"))
    serving = json.loads((folder / "serving.json").read_text(encoding="utf-8"))
    if serving["transformer_digest"] != transformer.digest:
        raise ValueError("the archive's transformer is not the one that its model was assembled with")
    booster = xgboost.Booster()
    booster.load_model(bytearray((folder / "xgboost-model").read_bytes()))
    if booster.num_features() != len(transformer.outputs):
        raise ValueError(
            f"the model was trained on {booster.num_features()} features, "
            f"but the transformer makes {len(transformer.outputs)}"
        )
    best = booster.attr("best_iteration")  # set by early stopping; later trees only fit the noise
    described = serving.get("online_store")
    return Model(
        booster,
        (0, int(best) + 1 if best else 0),
        transformer,
        float(serving["threshold"]),
        None if described is None else OnlineStore(**described),
    )


def input_fn(body: str | bytes, content_type: str) -> list[dict[str, Any]] | list[list[str]]:
    """Decode a request: objects for JSON, lists of texts for CSV. Raises BadRequest."""
    try:
        text = body if isinstance(body, str) else bytes(body).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest(f"the request's body is not UTF-8: {error}") from error
    kind = _media_type(content_type)
    if kind == JSON:
        return _json_records(text)
    if kind == CSV:
        rows = [row for row in csv.reader(io.StringIO(text)) if row]
        if not rows:
            raise BadRequest("the request holds no record")
        return rows
    raise BadRequest(f"the content type {content_type!r} is not supported; expected {JSON} or {CSV}")


def predict_fn(records: list[dict[str, Any]] | list[list[str]], model: Model) -> list[dict[str, float]]:
    """Score the records in their order: {"score", "label"} each. Raises BadRequest for what does not fit."""
    try:
        if model.online_store is not None:
            records = model.online_store.completed(records, model.transformer.inputs)
        features = model.transformer.transform(_frame(records, model.transformer.inputs))
    except ValueError as error:  # FeatureError and NotKnown are
        raise BadRequest(str(error)) from error
    scores = model.booster.predict(xgboost.DMatrix(features), iteration_range=model.trees)
    return [{"score": float(score), "label": int(float(score) >= model.threshold)} for score in scores]


def output_fn(predictions: list[dict[str, float]], accept: str) -> str:
    """Encode the answer. Raises BadRequest for an Accept header that names nothing of what is offered."""
    wanted = [_media_type(one) for one in (accept or "*/*").split(",")]
    for kind in wanted:
        if kind in (JSON, "*/*", "application/*"):
            return json.dumps({"predictions": predictions})
        if kind in (CSV, "text/*"):
            return "".join(f"{one['score']!r},{one['label']}\n" for one in predictions)
    raise BadRequest(f"the answer cannot be {accept!r}; expected {JSON} or {CSV}")


def _json_records(text: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadRequest(f"the request is not JSON: {error}") from error
    records = document.get("records", [document]) if isinstance(document, dict) else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise BadRequest('expected one record {"column": value, ...} or {"records": [record, ...]}')
    if not records:
        raise BadRequest("the request holds no record")
    return records


def _frame(records: list[dict[str, Any]] | list[list[str]], inputs: list[str]) -> pd.DataFrame:
    rows = []
    for number, record in enumerate(records, start=1):
        if isinstance(record, dict):
            absent = [name for name in inputs if name not in record]
            if absent:
                raise BadRequest(f"record {number} lacks {', '.join(absent)}; expected {', '.join(inputs)}")
            rows.append([record[name] for name in inputs])
        else:
            if len(record) != len(inputs):
                raise BadRequest(
                    f"line {number} has {len(record)} values; expected {len(inputs)}: {', '.join(inputs)}"
                )
            rows.append([value if value else None for value in record])
    return pd.DataFrame(rows, columns=inputs, dtype=object)


def _media_type(header: str) -> str:
    return (header or "").partition(";")[0].strip().lower()
