"""analysis_config.json: what SageMaker Clarify is asked to do. Read strictly: nothing in it is ignored.

Keys and meanings are those of "Analysis Configuration Files" in the SageMaker developer guide. This engine
measures bias before and after training and explains models of tabular data; what Clarify can do besides is
refused by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.bias.posttraining import POSTTRAINING
from jobs.bias.pretraining import PRETRAINING
from jobs.bias.reading import ConfigError, column_of, kind, of_type, refuse_unknown, values_of
from jobs.bias.registry import Registry
from jobs.explain.config import Pdp, Predictor, Shap

DATASET_TYPES = ("text/csv", "application/x-parquet", "application/jsonlines")
KEYS = (
    "version",
    "dataset_type",
    "headers",
    "features",
    "label",
    "label_values_or_threshold",
    "facet",
    "group_variable",
    "excluded_columns",
    "predicted_label",
    "probability_threshold",
    "predictor",
    "methods",
)
INTERSECTIONS = "facet_intersections"  # our own key, see jobs.bias.measure
KEYS_OF_CLARIFY_ONLY = (
    "dataset_uri",
    "facet_dataset_uri",
    "facet_headers",
    "joinsource_name_or_index",
    "predicted_label_dataset_uri",
    "predicted_label_headers",
    "segment_config",
    "time_series_data_config",
)
METHODS = ("pre_training_bias", "post_training_bias", "shap", "pdp", "report")
METHODS_OF_CLARIFY_ONLY = ("asymmetric_shapley_value",)
PROBABILITY_THRESHOLD = 0.5  # Clarify's default


@dataclass(frozen=True)
class Facet:
    """A column whose values make a group that may be disadvantaged."""

    column: str | int
    values: tuple[Any, ...]  # of the group, or one threshold; empty: every value is a group of its own


@dataclass(frozen=True)
class AnalysisConfig:
    """A valid analysis_config.json."""

    dataset_type: str
    headers: tuple[str, ...] | None
    features: str | None  # JMESPath to a line's feature values, for JSON lines only
    label: str | int  # column name or position; for JSON lines with `features` a JMESPath
    label_values: tuple[Any, ...]  # the positive ones, or one threshold
    facets: tuple[Facet, ...]
    intersections: tuple[tuple[Facet, ...], ...]  # each a group of rows that are in all of its facets
    group_variable: str | int | None
    metrics: tuple[str, ...]  # before training: sorted short names
    report_name: str
    report_title: str
    excluded: tuple[str | int, ...] = ()  # columns that the model is not shown
    predicted_label: str | int | None = None  # the column of predictions, where the dataset has them
    probability_threshold: float = PROBABILITY_THRESHOLD
    predictor: Predictor | None = None
    metrics_after: tuple[str, ...] = ()  # after training: sorted short names
    shap: Shap | None = None
    pdp: Pdp | None = None

    @property
    def columns(self) -> list[str | int] | None:
        """Every column that is looked at, by name or position; None: all, as the model sees them."""
        if self.predictor is not None:
            return None
        crossed = [facet for facets in self.intersections for facet in facets]
        group = [] if self.group_variable is None else [self.group_variable]
        predicted = [] if self.predicted_label is None else [self.predicted_label]
        return [self.label, *(facet.column for facet in (*self.facets, *crossed)), *group, *predicted]

    @classmethod
    def read(cls, path: Path, intersections: bool = False) -> AnalysisConfig:
        """Read and check the file. Raises ConfigError."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(f"there is no analysis configuration: {path} does not exist") from None
        except ValueError as error:
            raise ConfigError(f"{path.name} is not JSON in UTF-8: {error}") from error
        if not isinstance(document, dict):
            raise ConfigError(f"{path.name} must hold an object, not {kind(document)}")
        return cls.of(document, intersections)

    @classmethod
    def of(cls, document: Mapping[str, Any], intersections: bool = False) -> AnalysisConfig:
        """Check an analysis configuration. Raises ConfigError.

        :param intersections: whether `facet_intersections` is known; Clarify does not know it
        """
        given = {key: value for key, value in document.items() if value is not None}
        known = (*KEYS, INTERSECTIONS) if intersections else KEYS
        refuse_unknown(given, "", known, KEYS_OF_CLARIFY_ONLY)
        if given.get("version", "1.0") != "1.0":
            raise ConfigError(f"version is {given['version']!r}; expected '1.0'")
        dataset_type = of_type(given, "dataset_type", str)
        if dataset_type not in DATASET_TYPES:
            raise ConfigError(f"dataset_type is {dataset_type!r}; expected one of {', '.join(DATASET_TYPES)}")
        headers = of_type(given, "headers", list, None)
        if headers is not None and not all(isinstance(header, str) for header in headers):
            raise ConfigError("headers must be a list of names")
        features = of_type(given, "features", str, None)
        if features is not None and dataset_type != "application/jsonlines":
            raise ConfigError(f"features is for application/jsonlines, not for {dataset_type}")
        methods = of_type(given, "methods", dict)
        refuse_unknown(methods, "methods.", METHODS, METHODS_OF_CLARIFY_ONLY)
        report = of_type(methods, "report", dict, {}, "methods.")
        refuse_unknown(report, "methods.report.", ("name", "title"), ())
        name = of_type(report, "name", str, "report", "methods.report.")
        if not re.fullmatch(r"[\w.-]+", name) or name.startswith("."):
            raise ConfigError(f"methods.report.name is {name!r}; expected letters, digits, hyphens and dots")
        predictor = of_type(given, "predictor", dict, None)
        predicted_label = column_of(given, "predicted_label", "") if "predicted_label" in given else None
        before, after = (_metrics(methods, key, known) for key, known in REGISTRIES.items())
        shap, pdp = (
            of_type(methods, "shap", dict, None, "methods."),
            of_type(methods, "pdp", dict, None, "methods."),
        )
        if not (before or after or shap is not None or pdp is not None):
            raise ConfigError(
                "methods names nothing to do; expected at least one of " + ", ".join(METHODS[:-1])
            )
        if (shap is not None or pdp is not None) and predictor is None:
            raise ConfigError("predictor is missing; methods.shap and methods.pdp ask a model")
        if after and predictor is None and predicted_label is None:
            raise ConfigError("predictor is missing; methods.post_training_bias needs it, or predicted_label")
        if predictor is not None and features is not None:
            raise ConfigError("features is a JMESPath; with a predictor this engine reads records with names")
        if pdp is not None and shap is None and not pdp.get("features"):
            raise ConfigError(
                "methods.pdp.features is missing; without methods.shap nothing says which matter"
            )
        biased = bool(before or after)
        facets = of_type(given, "facet", list) if biased else given.get("facet", [])
        return cls(
            dataset_type=dataset_type,
            headers=tuple(headers) if headers is not None else None,
            features=features,
            label=column_of(given, "label", ""),
            label_values=values_of(given, "label_values_or_threshold", "", needed=biased),
            facets=_facets(facets, "facet") if biased else (),
            intersections=_intersections(of_type(given, INTERSECTIONS, list, [])),
            group_variable=column_of(given, "group_variable", "") if "group_variable" in given else None,
            metrics=before,
            report_name=name,
            report_title=of_type(report, "title", str, "Analysis Report", "methods.report."),
            excluded=_columns(given, "excluded_columns"),
            predicted_label=predicted_label,
            probability_threshold=of_type(given, "probability_threshold", float, PROBABILITY_THRESHOLD),
            predictor=None if predictor is None else Predictor.of(predictor),
            metrics_after=after,
            shap=None if shap is None else Shap.of(shap),
            pdp=None if pdp is None else Pdp.of(pdp),
        )


def _facets(facets: list[Any], key: str) -> tuple[Facet, ...]:
    if not facets:
        raise ConfigError(f"{key} is empty; expected at least one column")
    read = []
    for index, facet in enumerate(facets):
        where = f"{key}[{index}]"
        if not isinstance(facet, dict):
            raise ConfigError(f"{where} is {kind(facet)}; expected an object with name_or_index")
        refuse_unknown(facet, f"{where}.", ("name_or_index", "value_or_threshold"), ())
        column = column_of(facet, "name_or_index", f"{where}.")
        read.append(Facet(column, values_of(facet, "value_or_threshold", f"{where}.")))
    return tuple(read)


def _intersections(crossings: list[Any]) -> tuple[tuple[Facet, ...], ...]:
    read = []
    for index, crossing in enumerate(crossings):
        where = f"{INTERSECTIONS}[{index}]"
        if not isinstance(crossing, list) or len(crossing) < 2:
            raise ConfigError(f"{where} must be a list of at least two facets")
        facets = _facets(crossing, where)
        for place, facet in enumerate(facets):
            if not facet.values:
                raise ConfigError(f"{where}[{place}].value_or_threshold is missing: it says whom to cross")
        read.append(facets)
    return tuple(read)


def _metrics(methods: Mapping[str, Any], key: str, known: Registry) -> tuple[str, ...]:
    """The metrics that a method asks for; none where it is not asked for."""
    bias = of_type(methods, key, dict, None, "methods.")
    if bias is None:
        return ()
    refuse_unknown(bias, f"methods.{key}.", ("methods",), ())
    wanted = bias.get("methods", "all")
    if wanted in ("all", ["all"]):
        return tuple(known.names)
    if not isinstance(wanted, list) or not wanted:
        raise ConfigError(f'methods.{key}.methods must be "all" or a list of metrics')
    for name in wanted:
        if name not in known.names:
            expected = ", ".join(known.names)
            raise ConfigError(f"methods.{key}.methods names {name!r}; expected some of {expected}")
    return tuple(sorted(set(wanted)))


def _columns(given: Mapping[str, Any], key: str) -> tuple[str | int, ...]:
    return tuple(
        column_of({f"{key}[{place}]": column}, f"{key}[{place}]", "")
        for place, column in enumerate(of_type(given, key, list, []))
    )


REGISTRIES: dict[str, Registry] = {"pre_training_bias": PRETRAINING, "post_training_bias": POSTTRAINING}
