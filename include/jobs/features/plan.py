"""The workflow's declaration of features, with its defaults, as features to fit. No data is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.features.categorical import CategoricalPlan
from jobs.features.columns import FeatureError
from jobs.features.numeric import NumericPlan
from jobs.features.sources import PARTS, TURNS, Bins, Column, Cross, DatePart, Ratio, TextMeasure

ENCODER_OPTIONS = ("smoothing", "folds", "buckets")


@dataclass(frozen=True)
class BinsPlan:
    """Intervals of a number, whose edges are learned unless they are declared."""

    column: str
    edges: tuple[float, ...] | None
    count: int | None  # of intervals, where no edges are declared
    by: str  # quantile: as many training rows in each; width: each as wide
    item: Mapping[str, Any]
    features: Mapping[str, Any]

    def categorical(self, source: Bins) -> CategoricalPlan:
        """The feature once the intervals are known; they are in order."""
        return _category(source, {**self.item, "order": source.values}, self.features)


@dataclass(frozen=True)
class Plan:
    """What is to be fitted, in the order of the model's columns."""

    numeric: tuple[NumericPlan, ...]
    products: tuple[tuple[str, str], ...]  # of numeric features, after scaling
    categorical: tuple[CategoricalPlan | BinsPlan, ...]
    select: Mapping[str, Any]  # {"minimum_variance", "maximum_correlation", "top", "keep"}


def plan(features: Mapping[str, Any]) -> Plan:
    """The plan of the workflow's ``features``.

    Raises FeatureError where nothing is declared, a name is given twice, or a product is of unknown features.
    """
    numeric = tuple(_numeric(features))
    categorical = tuple(_categorical(features))
    products = tuple(
        (str(first), str(second))
        for first, second in (each["product"] for each in features["interactions"] if each.get("product"))
    )
    if not numeric and not categorical:
        raise FeatureError("the workflow names no features; expected numeric or categorical columns")
    names = [each.name for each in numeric]
    for pair in products:
        for name in pair:
            if name not in names:
                raise FeatureError(f"the product {pair[0]}*{pair[1]} needs {name} among the numeric features")
    return Plan(numeric, products, categorical, features["select"])


def columns_of(features: Mapping[str, Any]) -> list[str]:
    """The raw columns that the workflow's ``features`` look at, each once."""
    items = [each for kind in ("numeric", "categorical", "dates", "texts", "bins") for each in features[kind]]
    names = [item["column"] for item in items]
    for item in features["interactions"]:
        names += next(item[kind] for kind in ("product", "ratio", "cross") if item.get(kind))
    return list(dict.fromkeys(names))


def _numeric(features: Mapping[str, Any]) -> Iterator[NumericPlan]:
    for item in features["numeric"]:
        yield _number(Column(item["column"]), item, features)
    for item in features["interactions"]:
        if item.get("ratio"):
            yield _number(Ratio(*item["ratio"]), item, features)
    for item in features["dates"]:
        for part in item["parts"]:
            turns: Sequence[str | None] = [None]
            if item["cyclic"] and PARTS[part].cycle is not None:
                turns = [*TURNS]
            for turn in turns:
                yield _number(DatePart(item["column"], part, turn), item, features)
    for item in features["texts"]:
        for measure in item["measures"]:
            yield _number(TextMeasure(item["column"], measure), item, features)


def _number(source: Any, item: Mapping[str, Any], features: Mapping[str, Any]) -> NumericPlan:
    constant = item.get("fill") is not None
    return NumericPlan(
        source=source,
        impute="constant" if constant else (item.get("impute") or features["impute"]["numeric"]),
        fill=float(item["fill"]) if constant else None,
        indicator=bool(item.get("indicator", False)),
        outliers=item.get("outliers") or features["outliers"],
        scale=item.get("scale") or features["scale"],
    )


def _categorical(features: Mapping[str, Any]) -> Iterator[CategoricalPlan | BinsPlan]:
    for item in features["categorical"]:
        yield _category(Column(item["column"]), item, features)
    for item in features["interactions"]:
        if item.get("cross"):
            yield _category(Cross(tuple(item["cross"])), item, features)
    for item in features["bins"]:
        edges = item.get("edges")
        yield BinsPlan(
            column=item["column"],
            edges=None if edges is None else tuple(float(edge) for edge in edges),
            count=item.get("count"),
            by=item["by"],
            item=item,
            features=features,
        )


def _category(source: Any, item: Mapping[str, Any], features: Mapping[str, Any]) -> CategoricalPlan:
    filled = item.get("fill") is not None
    return CategoricalPlan(
        source=source,
        impute="constant" if filled else (item.get("impute") or features["impute"]["categorical"]),
        fill=str(item["fill"]) if filled else None,
        unseen=item.get("unseen") or features["unseen"],
        rare_share=float(_said(item, features, "rare_share")),
        encode=item.get("encode") or features["encode"],
        options={
            "order": item.get("order"),
            **{name: _said(item, features["encoders"], name) for name in ENCODER_OPTIONS},
        },
    )


def _said(item: Mapping[str, Any], defaults: Mapping[str, Any], name: str) -> Any:
    return defaults[name] if item.get(name) is None else item[name]
