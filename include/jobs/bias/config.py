"""analysis_config.json: what SageMaker Clarify is asked to do. Read strictly: nothing in it is ignored.

Keys and meanings are those of "Analysis Configuration Files" in the SageMaker developer guide. This engine
measures bias before training; what Clarify can do besides is refused by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.bias.pretraining import PRETRAINING
from jobs.processing.job import JobError

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
    "methods",
)
INTERSECTIONS = "facet_intersections"  # our own key, see jobs.bias.measure
KEYS_OF_CLARIFY_ONLY = (
    "dataset_uri",
    "facet_dataset_uri",
    "facet_headers",
    "joinsource_name_or_index",
    "predicted_label",
    "predicted_label_dataset_uri",
    "predicted_label_headers",
    "predictor",
    "probability_threshold",
    "segment_config",
    "time_series_data_config",
)
METHODS = ("pre_training_bias", "report")
METHODS_OF_CLARIFY_ONLY = ("asymmetric_shapley_value", "pdp", "post_training_bias", "shap")


class ConfigError(JobError):
    """analysis_config.json cannot be followed; the message names the key and what was expected."""


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
    metrics: tuple[str, ...]  # sorted short names
    report_name: str
    report_title: str

    @property
    def columns(self) -> list[str | int]:
        """Every column that is looked at, by name or position."""
        crossed = [facet for facets in self.intersections for facet in facets]
        group = [] if self.group_variable is None else [self.group_variable]
        return [self.label, *(facet.column for facet in (*self.facets, *crossed)), *group]

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
            raise ConfigError(f"{path.name} must hold an object, not {_kind(document)}")
        return cls.of(document, intersections)

    @classmethod
    def of(cls, document: Mapping[str, Any], intersections: bool = False) -> AnalysisConfig:
        """Check an analysis configuration. Raises ConfigError.

        :param intersections: whether `facet_intersections` is known; Clarify does not know it
        """
        given = {key: value for key, value in document.items() if value is not None}
        known = (*KEYS, INTERSECTIONS) if intersections else KEYS
        _refuse_unknown(given, "", known, KEYS_OF_CLARIFY_ONLY)
        if given.get("version", "1.0") != "1.0":
            raise ConfigError(f"version is {given['version']!r}; expected '1.0'")
        dataset_type = _of_type(given, "dataset_type", str)
        if dataset_type not in DATASET_TYPES:
            raise ConfigError(f"dataset_type is {dataset_type!r}; expected one of {', '.join(DATASET_TYPES)}")
        headers = _of_type(given, "headers", list, None)
        if headers is not None and not all(isinstance(header, str) for header in headers):
            raise ConfigError("headers must be a list of names")
        features = _of_type(given, "features", str, None)
        if features is not None and dataset_type != "application/jsonlines":
            raise ConfigError(f"features is for application/jsonlines, not for {dataset_type}")
        methods = _of_type(given, "methods", dict)
        _refuse_unknown(methods, "methods.", METHODS, METHODS_OF_CLARIFY_ONLY)
        report = _of_type(methods, "report", dict, {}, "methods.")
        _refuse_unknown(report, "methods.report.", ("name", "title"), ())
        name = _of_type(report, "name", str, "report", "methods.report.")
        if not re.fullmatch(r"[\w.-]+", name) or name.startswith("."):
            raise ConfigError(f"methods.report.name is {name!r}; expected letters, digits, hyphens and dots")
        return cls(
            dataset_type=dataset_type,
            headers=tuple(headers) if headers is not None else None,
            features=features,
            label=_column(given, "label", ""),
            label_values=_values(given, "label_values_or_threshold", "", needed=True),
            facets=_facets(_of_type(given, "facet", list), "facet"),
            intersections=_intersections(_of_type(given, INTERSECTIONS, list, [])),
            group_variable=_column(given, "group_variable", "") if "group_variable" in given else None,
            metrics=_metrics(methods),
            report_name=name,
            report_title=_of_type(report, "title", str, "Analysis Report", "methods.report."),
        )


def _facets(facets: list[Any], key: str) -> tuple[Facet, ...]:
    if not facets:
        raise ConfigError(f"{key} is empty; expected at least one column")
    read = []
    for index, facet in enumerate(facets):
        where = f"{key}[{index}]"
        if not isinstance(facet, dict):
            raise ConfigError(f"{where} is {_kind(facet)}; expected an object with name_or_index")
        _refuse_unknown(facet, f"{where}.", ("name_or_index", "value_or_threshold"), ())
        column = _column(facet, "name_or_index", f"{where}.")
        read.append(Facet(column, _values(facet, "value_or_threshold", f"{where}.")))
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


def _metrics(methods: Mapping[str, Any]) -> tuple[str, ...]:
    bias = _of_type(methods, "pre_training_bias", dict, where="methods.")
    _refuse_unknown(bias, "methods.pre_training_bias.", ("methods",), ())
    wanted = bias.get("methods", "all")
    if wanted in ("all", ["all"]):
        return tuple(PRETRAINING.names)
    if not isinstance(wanted, list) or not wanted:
        raise ConfigError('methods.pre_training_bias.methods must be "all" or a list of metrics')
    for name in wanted:
        if name not in PRETRAINING.names:
            known = ", ".join(PRETRAINING.names)
            raise ConfigError(f"methods.pre_training_bias.methods names {name!r}; expected some of {known}")
    return tuple(sorted(set(wanted)))


def _refuse_unknown(
    given: Mapping[str, Any], where: str, known: tuple[str, ...], clarify_only: tuple[str, ...]
) -> None:
    for key in given:
        if key in clarify_only:
            raise ConfigError(
                f"{where}{key} is not supported: this engine measures bias before training only"
            )
        if key not in known:
            raise ConfigError(f"{where}{key} is unknown; expected some of {', '.join(known)}")


_REQUIRED: Any = object()


def _of_type(
    given: Mapping[str, Any], key: str, kind: type, default: Any = _REQUIRED, where: str = ""
) -> Any:
    if key not in given:
        if default is _REQUIRED:
            raise ConfigError(f"{where}{key} is missing")
        return default
    if not isinstance(given[key], kind):
        raise ConfigError(f"{where}{key} is {_kind(given[key])}; expected {_NAMES[kind]}")
    return given[key]


def _column(given: Mapping[str, Any], key: str, where: str) -> str | int:
    value = given.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ConfigError(f"{where}{key} is {_kind(value)}; expected a column's name or its position")
    return value


def _values(given: Mapping[str, Any], key: str, where: str, needed: bool = False) -> tuple[Any, ...]:
    values = given.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str | int | float) for value in values):
        raise ConfigError(f"{where}{key} must be a list of values, or of one threshold")
    if needed and not values:
        raise ConfigError(f"{where}{key} is missing; expected the positive label values, or one threshold")
    return tuple(values)


_NAMES: dict[type, str] = {str: "text", list: "a list", dict: "an object"}


def _kind(value: Any) -> str:
    if value is None:
        return "missing"
    return _NAMES.get(type(value), f"{value!r}")
