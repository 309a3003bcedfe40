"""A fitted Data Wrangler flow as a transformer: what it does to training rows, every later row gets, too.

Data Wrangler fits and applies a flow in its own container, which does not serve requests. So the flow, with
the trained parameters that a job on the training rows has written into it, is read here, step by step. What
cannot be carried over is refused by name. What was carried over is applied to the training rows and compared
with the table that Data Wrangler itself has made of them: the two can't differ in silence.

    infer and cast type, cast                types only
    manage columns                           drop, rename, move
    handle missing                           impute (mean, median, most frequent), fill, add indicator
    handle outliers                          any numeric way with the method Clip
    process numeric                          standard, robust, min-max (0 to 1) and max absolute scaler
    encode categorical                       one-hot (as columns, all of them), ordinal (new values refused)
    custom formula                           a * b of two finished numbers, a / b of two raw ones

Names are those of the other way: the column `region_north` of the flow's table is `region=north`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from jobs.features import scales, selection
from jobs.features.categorical import ABSENT, Categorical
from jobs.features.columns import NUMERIC_TYPES, FeatureError, Types
from jobs.features.encoders import OneHot, Ordinal, Training
from jobs.features.numeric import Numeric
from jobs.features.sources import Column, Ratio
from jobs.features.spark_model import ModelUnreadable, spark_model, vector_number
from jobs.features.transformer import FeatureTransformer, Learned

SOURCE = "sagemaker.s3_source_0.1"
PREFIX = "sagemaker.spark."
TOLERANCE = 1e-6  # of a value's size, and of 1 for small ones: a container adds and divides in another order
FORMULA = re.compile(r"\s*`?([A-Za-z_]\w*)`?\s*([*/])\s*`?([A-Za-z_]\w*)`?\s*")


@dataclass
class Draft:
    """What the flow has made of one raw column, or of a ratio, so far."""

    source: Any  # Column or Ratio
    number: bool
    fill: Any = None
    indicator: str | None = None  # the table's column that says where a value was absent
    lower: float | None = None
    upper: float | None = None
    scale: Any = field(default_factory=scales.Unscaled)
    encoder: Any = None
    unseen: str = "ignore"
    multiplied: bool = False  # a product was made of it: from there on it stays as it is

    @property
    def raw(self) -> bool:
        """Whether nothing was done to it yet."""
        return self.fill is None and self.lower is None and isinstance(self.scale, scales.Unscaled)


@dataclass(frozen=True)
class Product:
    """Two numbers multiplied."""

    first: Draft
    second: Draft


@dataclass(frozen=True)
class Indicator:
    """Where a column was absent."""

    of: Draft


State = dict[str, Draft | Product | Indicator]


@dataclass(frozen=True)
class Found:
    """What a fitted flow does."""

    transformer: FeatureTransformer
    columns: Mapping[str, str]  # each feature, and the column of the flow's table that it is


@dataclass
class Step:
    """One node, while it is read."""

    id: str
    state: State
    parameters: Mapping[str, Any]  # of the operation itself
    trained: Any  # what it has learned: a mapping, or one for each of several columns
    types: Types

    def error(self, says: str) -> FeatureError:
        """With the node's name."""
        return FeatureError(f"the flow's node {self.id}: {says}")

    def names(self, key: str = "input_column") -> list[str]:
        """The columns that it is about."""
        given = self.parameters.get(key)
        return [given] if isinstance(given, str) else list(given or [])

    def draft(self, name: str, *, number: bool | None = None) -> Draft:
        """The column, to be changed."""
        found = self.state.get(name)
        if found is None:
            raise self.error(f"there is no column {name}; there are {', '.join(self.state)}")
        if not isinstance(found, Draft):
            raise self.error(f"{name} was made by the flow itself and cannot be changed afterwards")
        if found.multiplied:
            raise self.error(f"{name} is changed after a product was made of it")
        if found.encoder is not None:
            raise self.error(f"{name} is changed after it was encoded")
        if number is not None and found.number != number:
            raise self.error(f"{name} is {'no' if number else 'a'} number")
        return found

    def put(self, name: str) -> None:
        """Refuse another output than the input: the raw column would be a feature besides."""
        if self.parameters.get("output_column") not in (None, "", name):
            raise self.error("found an output_column; allowed: none, so that the column is changed in place")

    def learned(self, name: str, key: str) -> Any:
        """What the job has learned of a column. Raises FeatureError."""
        part = self.trained
        if isinstance(part, list):
            part = next((each for each in part if each.get("input_column") == name), None)
        if not isinstance(part, Mapping):
            raise self.error(f"it has learned nothing of {name}: the flow is not fitted")
        return part.get(key)


# --------------------------------------------------------------------------------------------------
# Steps: each is told by its operator and the choices within it


def _same(step: Step) -> None:
    """Types only."""


def _cast(step: Step) -> None:
    name, kind = str(step.parameters["column"]), str(step.parameters["data_type"]).lower()
    draft = step.draft(name)
    was = step.types[name] if isinstance(draft.source, Column) else "number"
    if kind == "string" and was in ("integer", "boolean", "string") and draft.raw:
        draft.number = False
    elif not (kind in ("float", "double") and was in ("integer", "number")):
        raise step.error(f"{name} is cast from {was} to {kind}; allowed: a number to float, others to string")


def _drop(step: Step) -> None:
    for name in step.names("column_to_drop"):
        if step.state.pop(name, None) is None:
            raise step.error(f"there is no column {name}; there are {', '.join(step.state)}")


def _rename(step: Step) -> None:
    pairs = step.parameters.get("columns_to_rename") or [step.parameters]
    for pair in pairs:
        step.state[str(pair["new_name"])] = step.state.pop(str(pair["input_column"]))


def _impute(step: Step) -> None:
    for name in step.names():
        step.put(name)
        draft = step.draft(name)
        value = step.learned(name, "impute_value")
        if value is None:
            value = _model(step, name, "imputer_model").get(name)
        draft.fill = float(value) if draft.number else str(value)


def _fill(step: Step) -> None:
    for name in step.names():
        step.put(name)
        draft = step.draft(name)
        value = step.parameters["fill_value"]
        draft.fill = float(value) if draft.number else str(value)


def _indicate(step: Step) -> None:
    for name in step.names():
        draft = step.draft(name, number=True)
        if draft.fill is not None:
            raise step.error(f"{name} lacks nothing any more; put the indicator before what fills it")
        draft.indicator = str(step.parameters.get("output_column") or f"{name}_indicator")
        step.state[draft.indicator] = Indicator(draft)


def _clip(step: Step) -> None:
    if step.parameters.get("fix_method") != "Clip":
        raise step.error(f"found fix_method {step.parameters.get('fix_method')}; allowed: Clip")
    for name in step.names():
        step.put(name)
        draft = step.draft(name, number=True)
        if not isinstance(draft.scale, scales.Unscaled):
            raise step.error(f"outliers of {name} are treated after it was scaled; put it before")
        given = step.parameters if "lower_threshold" in step.parameters else None
        bounds = [
            float(given[key] if given is not None else step.learned(name, key))
            for key in ("lower_threshold", "upper_threshold")
        ]
        draft.lower, draft.upper = bounds
        if draft.fill is not None:  # what was imputed before is clipped like any other value
            draft.fill = min(max(draft.fill, bounds[0]), bounds[1])


def _scale(kind: str) -> Callable[[Step], None]:
    """A scaler: what it has learned, in the stand-in's words and in Spark's."""
    words = {
        "standard": {"mean": "mean", "std": "std"},
        "robust": {"median": "median", "range": "range"},
        "min_max": {"original_min": "originalMin", "original_max": "originalMax"},
        "max_abs": {"max_abs": "maxAbs"},
    }[kind]

    def read(step: Step) -> None:
        center = bool(step.parameters.get("center", False))
        wide = bool(step.parameters.get("scale", True))
        if kind == "min_max" and (step.parameters.get("min", 0), step.parameters.get("max", 1)) != (0, 1):
            raise step.error("a min-max scaler to another range; allowed: 0 to 1")
        for name in step.names():
            step.put(name)
            draft = step.draft(name, number=True)
            if not isinstance(draft.scale, scales.Unscaled):
                raise step.error(f"{name} is scaled a second time")
            found = [step.learned(name, word) for word in words]
            if None in found:
                model = _model(step, name, "scaler_model")
                found = [vector_number(model[word]) for word in words.values()]
            numbers = [float(value) for value in found]
            if kind == "min_max":
                middle, spread = numbers[0], numbers[1] - numbers[0]
            elif kind == "max_abs":
                middle, spread = 0.0, numbers[0]
            else:
                middle, spread = (numbers[0] if center else 0.0), (numbers[1] if wide else 1.0)
            if not spread:
                raise step.error(f"{name} does not vary in the training rows; drop it")
            made = {"robust": scales.Robust, "min_max": scales.MinMax}.get(kind, scales.Standard)
            draft.scale = made(middle, spread)

    return read


def _one_hot(step: Step) -> None:
    strategy = step.parameters.get("invalid_handling_strategy", "Error")
    if strategy == "Skip":
        raise step.error("found invalid_handling_strategy Skip, which drops rows; allowed: Keep or Error")
    for key, wanted in (("drop_last", False), ("output_style", "Columns")):
        if step.parameters.get(key) != wanted:
            raise step.error(f"found {key} {step.parameters.get(key)}; allowed: {wanted}")
    if step.parameters.get("input_already_ordinal_encoded"):
        raise step.error("found input_already_ordinal_encoded; allowed: texts")
    for name in step.names():
        step.put(name)
        draft = step.draft(name)
        draft.encoder = OneHot(tuple(sorted(_labels(step, name))))
        draft.unseen = "ignore" if strategy == "Keep" else "refuse"


def _ordinal(step: Step) -> None:
    if step.parameters.get("invalid_handling_strategy", "Error") != "Error":
        raise step.error("found another invalid_handling_strategy; allowed: Error")
    for name in step.names():
        step.put(name)
        draft = step.draft(name)
        draft.encoder, draft.unseen = Ordinal(tuple(_labels(step, name))), "refuse"


def _formula(step: Step) -> None:
    text, output = str(step.parameters["formula"]), str(step.parameters["output_column"])
    found = FORMULA.fullmatch(text)
    if found is None:
        raise step.error(f"found the formula {text}; allowed: a * b or a / b of two columns")
    first, sign, second = found.groups()
    drafts = []
    for name in (first, second):
        known = step.state.get(name)
        if not isinstance(known, Draft) or not known.number or known.encoder is not None:
            raise step.error(f"{text}: {name} is no number; there are {', '.join(step.state)}")
        drafts.append(known)
    if sign == "*":
        for draft in drafts:
            draft.multiplied = True
        step.state[output] = Product(*drafts)
    elif all(draft.raw and isinstance(draft.source, Column) for draft in drafts):
        step.state[output] = Draft(Ratio(*(draft.source.column for draft in drafts)), number=True)
    else:
        raise step.error(f"{text}: a ratio of columns that were changed before; allowed: of raw ones")


def _labels(step: Step, name: str) -> list[str]:
    mapping = step.learned(name, "encoder_mapping")
    if mapping is not None:
        return [str(mapping[place]) for place in sorted(mapping, key=int)]
    row = _model(step, name, "string_indexer_model")
    return [str(label) for label in (row["labelsArray"][0] if "labelsArray" in row else row["labels"])]


def _model(step: Step, name: str, key: str) -> Mapping[str, Any]:
    encoded = step.learned(name, key)
    if encoded is None:
        raise step.error(f"it has learned nothing of {name}: the flow is not fitted")
    try:
        return spark_model(encoded)[0]
    except ModelUnreadable as error:
        raise step.error(f"what it has learned of {name} cannot be read: {error}") from error


# operator -> the choices within it, each with the group of its parameters -> what it does.
Choices = tuple[tuple[str, str], ...]
STEPS: Mapping[tuple[str, Choices], Callable[[Step], None]] = {
    ("infer_and_cast_type_0.1", ()): _same,
    ("cast_single_data_type_0.1", ()): _cast,
    ("manage_columns_0.1", (("Drop column", "drop_column_parameters"),)): _drop,
    ("manage_columns_0.1", (("Rename column", "rename_column_parameters"),)): _rename,
    ("manage_columns_0.1", (("Move column", "move_column_parameters"),)): _same,
    (
        "handle_missing_0.1",
        (("Impute", "impute_parameters"), ("Numeric", "numeric_parameters")),
    ): _impute,
    (
        "handle_missing_0.1",
        (("Impute", "impute_parameters"), ("Categorical", "categorical_parameters")),
    ): _impute,
    ("handle_missing_0.1", (("Fill missing", "fill_missing_parameters"),)): _fill,
    (
        "handle_missing_0.1",
        (("Add indicator for missing", "add_indicator_for_missing_parameters"),),
    ): _indicate,
    **{
        ("handle_outliers_0.1", ((f"{way} numeric outliers", f"{group}_numeric_outliers_parameters"),)): _clip
        for way, group in (
            ("Standard deviation", "standard_deviation"),
            ("Robust standard deviation", "robust_standard_deviation"),
            ("Quantile", "quantile"),
            ("Min-max", "min_max"),
        )
    },
    **{
        (
            "process_numeric_0.1",
            (("Scale values", "scale_values_parameters"), (f"{way} scaler", f"{group}_scaler_parameters")),
        ): _scale(kind)
        for kind, way, group in (
            ("standard", "Standard", "standard"),
            ("robust", "Robust", "robust"),
            ("min_max", "Min-max", "min_max"),
            ("max_abs", "Max absolute", "max_absolute"),
        )
    },
    ("encode_categorical_0.1", (("One-hot encode", "one_hot_encode_parameters"),)): _one_hot,
    ("encode_categorical_0.1", (("Ordinal encode", "ordinal_encode_parameters"),)): _ordinal,
    ("custom_formula_0.1", ()): _formula,
}
CARRIED = {(operator, tuple(choice for choice, _ in choices)) for operator, choices in STEPS}
KEYS = ("operator", "column_type", "scaler")  # under which a choice is named, from the outside to the inside


# --------------------------------------------------------------------------------------------------


def read(files: Sequence[Path]) -> dict[str, Any]:
    """The fitted flow's document. Raises FeatureError."""
    if len(files) != 1:
        raise FeatureError(f"found {len(files)} fitted flows; expected one")
    document: dict[str, Any] = json.loads(files[0].read_text(encoding="utf-8"))
    return document


def features(flow: Mapping[str, Any], output_node: str, types: Types, apart: Sequence[str]) -> Found:
    """What a fitted flow makes of a row.

    :param output_node: the node whose table it is
    :param types: of the curated columns
    :param apart: columns that may stay in the table and are no features: key, label, weight
    Raises FeatureError for a step that cannot be carried over.
    """
    state: State = {
        name: Draft(Column(name), number=kind in NUMERIC_TYPES and kind != "boolean")
        for name, kind in types.items()
    }
    for node in _chain(flow, output_node):
        key, parameters, trained = _meaning(node)
        step = Step(str(node["node_id"]), state, parameters, trained, types)
        known = STEPS.get(key)
        if known is None:
            operator, choices = key
            told = ", ".join(choice for choice, _ in choices) or operator
            raise step.error(f"{told} cannot be done to a single record; allowed: {_allowed()}")
        known(step)
    return _finished({name: made for name, made in state.items() if name not in apart}, types)


def _allowed() -> str:
    return ", ".join(sorted({choices[-1] if choices else operator for operator, choices in CARRIED}))


def _chain(flow: Mapping[str, Any], output_node: str) -> Iterator[Mapping[str, Any]]:
    """The nodes from the source to the output node, without the source."""
    nodes = {str(node["node_id"]): node for node in flow["nodes"]}
    way: list[Mapping[str, Any]] = []
    place = output_node
    while nodes[place]["operator"] != SOURCE:
        inputs = nodes[place]["inputs"]
        if len(inputs) != 1:
            raise FeatureError(f"the flow's node {place} has {len(inputs)} inputs; expected one")
        way.append(nodes[place])
        place = str(inputs[0]["node_id"])
    yield from reversed(way)


def _meaning(node: Mapping[str, Any]) -> tuple[tuple[str, Choices], Mapping[str, Any], Any]:
    """A node's operator with the choices within it, the parameters of the innermost, what it has learned."""
    parameters: Mapping[str, Any] = node.get("parameters") or {}
    trained: Any = node.get("trained_parameters") or {}
    operator = str(node["operator"]).removeprefix(PREFIX)
    choices: list[tuple[str, str]] = []
    for key in KEYS:
        choice = parameters.get(key)
        if not isinstance(choice, str):
            continue
        group = re.sub(r"[^a-z]+", "_", choice.lower())
        name = next((each for each in parameters if each in (f"{group}_parameters", f"{group}")), None)
        if name is None:
            break
        choices.append((choice, name))
        parameters = parameters[name] or {}
        trained = trained.get(name) if isinstance(trained, Mapping) else None
        if operator.startswith("manage_columns") and choice == "Move column":
            break
    return (operator, tuple(choices)), parameters, trained


def _finished(state: State, types: Types) -> Found:
    numeric: list[Numeric] = []
    categorical: list[Categorical] = []
    products: list[tuple[str, str]] = []
    columns: dict[str, str] = {}

    def number(draft: Draft) -> Numeric:
        found = next((each for each in numeric if each.source == draft.source), None)
        if found is None:
            found = Numeric(
                source=draft.source,
                fill=draft.fill,
                indicator=draft.indicator is not None,
                lower=draft.lower,
                upper=draft.upper,
                then=None if draft.lower is None else "clip",
                scale=draft.scale,
            )
            numeric.append(found)
        return found

    for name, made in state.items():
        match made:
            case Draft(encoder=encoder) if encoder is not None:
                text = Categorical(made.source, _filled(made), made.unseen, None, encoder)
                categorical.append(text)
                told = (
                    [f"{name}_{category}" for category in encoder.categories]
                    if isinstance(encoder, OneHot)
                    else [name]
                )
                columns |= dict(zip(text.outputs, told, strict=True))
            case Draft(number=True):
                columns[number(made).name] = name
            case Draft():
                raise FeatureError(f"the flow leaves {name} a text; encode it or drop it")
            case Indicator(of=draft):
                columns[f"{number(draft).name}.missing"] = name
            case Product(first=first, second=second):
                pair = (number(first).name, number(second).name)
                products.append(pair)
                columns["*".join(pair)] = name
    # In the order of the other way: numbers, products, categories.
    order = [output for each in numeric for output in each.outputs]
    order += ["*".join(pair) for pair in products]
    order += [output for each in categorical for output in each.outputs]
    whole = FeatureTransformer(
        numeric=tuple(numeric),
        products=tuple(products),
        categorical=tuple(categorical),
        outputs=tuple(name for name in order if name in columns),
        types=types,
    )
    if not whole.outputs:
        raise FeatureError("the flow leaves no feature; expected numbers or encoded texts")
    return Found(whole.pruned(), columns)


def _filled(draft: Draft) -> str | None:
    """What stands for an absent text: what the flow says, else nothing that is a category."""
    if draft.fill is not None:
        return str(draft.fill)
    if draft.unseen == "refuse":
        return None
    return ABSENT if ABSENT not in draft.encoder.categories else f"({ABSENT})"


def checked(found: Found, raw: pd.DataFrame, key: str, table: pa.Table, training: Training) -> Learned:
    """The transformer with the training rows' columns, once they are seen to be Data Wrangler's own.

    :param raw: raw training rows
    :param key: the column of their keys, which the flow has to leave in its table
    :param table: what Data Wrangler has made of these rows, in any order
    Raises FeatureError where rows or columns lack, or where a value differs.
    """
    matrix = found.transformer.transform(raw)
    if key not in table.column_names:
        raise FeatureError(f"the flow's table lacks {key}, by which its rows are compared; do not drop it")
    made = table.column(key).cast(pa.string()).to_numpy(zero_copy_only=False)
    keys = np.array(training.keys, dtype=object)
    ours, theirs = np.argsort(keys, kind="stable"), np.argsort(made, kind="stable")
    if len(ours) != len(theirs) or (keys[ours] != made[theirs]).any():
        raise FeatureError(
            f"the flow made {len(theirs)} rows of {len(ours)} training rows; it may neither drop nor add rows"
        )
    for place, name in enumerate(found.transformer.outputs):
        column = found.columns[name]
        if column not in table.column_names:
            raise FeatureError(
                f"{name}: the flow's table has no column {column}; it has {', '.join(table.column_names)}"
            )
        values = table.column(column).cast(pa.float64()).to_numpy()[theirs]
        mine = matrix[ours, place].astype(np.float64)
        apart = ~(np.abs(mine - values) <= TOLERANCE * np.maximum(1, np.abs(values)))  # NaN is apart, too
        if apart.any():
            first = int(np.flatnonzero(apart)[0])
            raise FeatureError(
                f"{name}: {int(apart.sum())} training rows differ from what Data Wrangler made of them, "
                f"e.g. {key} {made[theirs][first]}: {mine[first]:.9g} here, {values[first]:.9g} there. "
                "A model would be asked about other numbers than it has learned from"
            )
    moments = selection.moments(matrix, training.positives)
    return Learned(found.transformer, matrix, [], moments, list(found.transformer.outputs))
