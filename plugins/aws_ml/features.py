"""What must hold of the features that a workflow file declares. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from aws_ml import flow
from aws_ml.problems import KeyPath, Problem, found, one_of, shown
from aws_ml.schema import (
    BinsFeature,
    CategoricalOptions,
    Column,
    CrossFeature,
    DateFeature,
    Features,
    NumericOptions,
    OutlierRule,
    Product,
    RatioFeature,
    TextFeature,
    Workflow,
    parts_of,
)

NUMBERS = ("integer", "number")
TEXTS = ("string", "integer", "boolean")
TIMES = ("timestamp", "date")
# Of which types a column may be, by where it is named.
FITTING: Mapping[str, tuple[str, ...]] = {
    "numeric": NUMBERS,
    "categorical": TEXTS,
    "dates": TIMES,
    "texts": ("string",),
    "bins": NUMBERS,
    "product": NUMBERS,
    "ratio": NUMBERS,
    "cross": TEXTS,
}
# Which keys of an outlier rule belong to which way of telling outliers.
OUTLIER_KEYS = {
    "iqr": ("factor",),
    "z_score": ("factor",),
    "quantiles": ("lower", "upper"),
    "bounds": ("lower", "upper"),
}
ENCODER_KEYS = {
    "one_hot": ("order",),
    "ordinal": ("order",),
    "target": ("smoothing", "folds"),
    "hash": ("buckets",),
}
TIME_OF_DAY = ("hour",)  # parts that a date without a time lacks


def check_features(workflow: Workflow) -> Iterator[Problem]:
    """Features are fit to be features: once each, of a fitting type, not the label, with fitting options."""
    features = workflow.features
    yield from _check_split(workflow)
    if features.engine == "data_wrangler":
        yield from _check_flow(features)
        return
    for key in ("flow", "output_node"):
        if getattr(features, key):
            yield Problem(
                ("features", key), "found with `engine: processing`; allowed: with data_wrangler only"
            )
    yield from _check_columns(workflow)
    if not any((features.numeric, features.categorical, features.dates, features.texts, features.bins)):
        yield Problem(("features",), "found no feature; allowed: at least one, numeric or categorical")
    yield from _check_rule(("features", "outliers"), features.outliers)
    for path, item in _items(features):
        if isinstance(item, NumericOptions):
            yield from _check_number(path, item)
        if isinstance(item, CategoricalOptions):
            yield from _check_category(path, item, features, workflow)
        if isinstance(item, BinsFeature):
            yield from _check_bins(path, item)
        if isinstance(item, DateFeature):
            yield from _check_parts(path, item, workflow.column(item.column))
        if isinstance(item, TextFeature) and len(set(item.measures)) < len(item.measures):
            yield Problem((*path, "measures"), f"found {shown(item.measures)}; allowed: each measure once")
    yield from _check_select(features)


def _check_flow(features: Features) -> Iterator[Problem]:
    """The flow alone says what the features are, and all that it does can be done to a single record."""
    for kind in ("numeric", "categorical", "interactions", "dates", "texts", "bins"):
        if getattr(features, kind):
            yield Problem(
                ("features", kind),
                "found with `engine: data_wrangler`; allowed: none, as the flow says what the features are",
            )
    for kind, is_set in (
        ("outliers", features.outliers is not None),
        ("select", any(each not in (None, []) for each in features.select.model_dump().values())),
    ):
        if is_set:
            yield Problem(
                ("features", kind),
                "found with `engine: data_wrangler`; allowed: only what the flow does itself",
            )
    if features.flow is None:
        yield Problem(("features", "flow"), found(None, one_of(flow.names())))
        return
    try:
        document = flow.read(features.flow)
    except flow.FlowUnfit as error:
        yield Problem(("features", "flow"), str(error))
        return
    for fault in [*flow.faults(document, features.output_node), *flow.not_carried(document)]:
        key = "output_node" if fault.startswith("output_node: ") else "flow"
        yield Problem(("features", key), fault.removeprefix("output_node: "))


def _items(features: Features) -> Iterator[tuple[KeyPath, Any]]:
    for kind in ("numeric", "categorical", "interactions", "dates", "texts", "bins"):
        for index, item in enumerate(getattr(features, kind)):
            yield ("features", kind, index), item


def _check_columns(workflow: Workflow) -> Iterator[Problem]:
    features, label, key = workflow.features, workflow.data.label.column, workflow.data.key
    seen: dict[tuple[str, ...], set[str]] = {}
    for path, item in _items(features):
        if isinstance(item, Product | RatioFeature | CrossFeature):
            kind, names = _kind(item), parts_of(item)
            once: tuple[str, ...] = (kind,)
            # A product is the same both ways round, a ratio is not.
            called = " ".join(names if kind == "ratio" else sorted(names))
            said = f"the {kind} of {' and '.join(names)}"
        else:
            kind, names = str(path[1]), [item.column]
            # A number that is a category, too, is told apart by bins.
            once = ("numeric", "categorical") if kind in ("numeric", "categorical") else (kind,)
            called, said = item.column, item.column
        for name in names:
            if name in (label, key):
                yield Problem(
                    path, f"found {name}, the {'label' if name == label else 'key'}; allowed: others"
                )
            elif kind == "product" and name not in features.numbers:
                yield Problem(path, found(name, f"numeric features: {one_of(features.numbers, name)}"))
            elif workflow.column(name).type not in FITTING[kind]:
                kinds = " or ".join(FITTING[kind])
                yield Problem(path, f"found {name} of type {workflow.column(name).type}; allowed: {kinds}")
        if len(set(names)) < len(names) and kind != "product":
            yield Problem(path, f"found {names[0]} for the second time; allowed: each column once")
        if called in seen.setdefault(once, set()):
            yield Problem(path, f"found {said} for the second time; allowed: once")
        seen[once].add(called)


def _kind(item: Product | RatioFeature | CrossFeature) -> str:
    match item:
        case Product():
            return "product"
        case RatioFeature():
            return "ratio"
        case CrossFeature():
            return "cross"


def _check_number(path: KeyPath, item: NumericOptions) -> Iterator[Problem]:
    if item.fill is not None and item.impute is not None:
        yield Problem((*path, "fill"), f"found beside `impute: {item.impute}`; allowed: one of the two")
    if item.fill is not None and not math.isfinite(item.fill):
        yield Problem((*path, "fill"), found(item.fill, "a finite number"))
    yield from _check_rule((*path, "outliers"), item.outliers)


def _check_rule(path: KeyPath, rule: OutlierRule | None) -> Iterator[Problem]:
    if rule is None:
        return
    wanted = OUTLIER_KEYS[rule.by]
    for name in ("factor", "lower", "upper"):
        there = getattr(rule, name) is not None
        if there != (name in wanted):
            yield Problem(
                (*path, name),
                f"{'found' if there else 'missing'} for `by: {rule.by}`; allowed: {' and '.join(wanted)}",
            )
    if rule.lower is not None and rule.upper is not None:
        if not rule.lower < rule.upper:
            yield Problem((*path, "lower"), found(rule.lower, f"less than upper, {rule.upper:g}"))
        if rule.by == "quantiles" and (rule.lower < 0 or rule.upper > 1):
            yield Problem(path, found([rule.lower, rule.upper], "quantiles from 0 to 1"))


def _check_category(
    path: KeyPath, item: CategoricalOptions, features: Features, workflow: Workflow
) -> Iterator[Problem]:
    if item.fill is not None and item.impute is not None:
        yield Problem((*path, "fill"), f"found beside `impute: {item.impute}`; allowed: one of the two")
    encode = item.encode or features.encode
    for name in ("order", "smoothing", "folds", "buckets"):
        if getattr(item, name) is not None and name not in ENCODER_KEYS[encode]:
            users = " and ".join(each for each, keys in ENCODER_KEYS.items() if name in keys)
            yield Problem((*path, name), f"found with `encode: {encode}`; allowed: with {users} only")
    order = item.order
    if order is None:
        return
    if isinstance(item, BinsFeature):
        yield Problem((*path, "order"), "found for bins; allowed: none, since they are in order")
    for place, value in enumerate(order):
        if value in order[:place]:
            yield Problem((*path, "order", place), f"found {value} for the second time; allowed: each once")
    column = getattr(item, "column", None)
    allowed = workflow.column(column).allowed if column is not None else None
    lacking = [
        str(value) for value in allowed or [] if str(value) not in order and not isinstance(value, bool)
    ]
    if lacking:
        yield Problem(
            (*path, "order"), f"lacks {', '.join(lacking)}, which {column} may be; allowed: all its values"
        )


def _check_bins(path: KeyPath, item: BinsFeature) -> Iterator[Problem]:
    if (item.edges is None) == (item.count is None):
        yield Problem(path, "found both or neither of `edges` and `count`; allowed: exactly one of them")
    edges = item.edges or []
    if any(not math.isfinite(edge) for edge in edges) or edges != sorted(set(edges)):
        yield Problem((*path, "edges"), found(edges, "finite numbers, each larger than the one before"))


def _check_parts(path: KeyPath, item: DateFeature, column: Column) -> Iterator[Problem]:
    if len(set(item.parts)) < len(item.parts):
        yield Problem((*path, "parts"), f"found {shown(item.parts)}; allowed: each part once")
    for part in item.parts:
        if column.type == "date" and part in TIME_OF_DAY:
            yield Problem((*path, "parts"), found(part, f"parts of a day; {column.name} is a date"))


def _check_select(features: Features) -> Iterator[Problem]:
    """What is to be kept is a feature; which columns it makes is known only once it is fitted."""
    names = {name for path, name in features.references() if path[1] in ("numeric", "categorical")}
    names |= {f"{each.column}.{part}" for each in features.dates for part in each.parts}
    names |= {f"{each.column}.{measure}" for each in features.texts for measure in each.measures}
    names |= {f"{each.column}.bin" for each in features.bins}
    for each in features.interactions:
        joint = {"product": "*", "ratio": "/", "cross": "&"}[_kind(each)]
        names.add(joint.join(parts_of(each)))
    for index, name in enumerate(features.select.keep):
        if name not in names:
            yield Problem(("features", "select", "keep", index), found(name, one_of(sorted(names), name)))
    top = features.select.top
    if top is not None and top < len(features.select.keep):
        yield Problem(
            ("features", "select", "top"), found(top, f"at least the {len(features.select.keep)} of `keep`")
        )


def _check_split(workflow: Workflow) -> Iterator[Problem]:
    split = workflow.features.split
    total = split.train + split.validation + split.test
    if not math.isclose(total, 1, abs_tol=1e-9):
        yield Problem(
            ("features", "split"), found(round(total, 9), "train, validation and test that sum to 1")
        )
    if split.time is not None:
        column = workflow.column(split.time)
        if column.type not in TIMES or not column.required:
            yield Problem(
                ("features", "split", "time"),
                found(split.time, "a required column of type timestamp or date, or null"),
            )
