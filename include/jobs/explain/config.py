"""What an analysis configuration says of the model and its explanations, by Clarify's names and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.bias.reading import REQUIRED, ConfigError, column_of, kind, of_type, refuse_unknown
from jobs.explain.importance import AGGREGATIONS

CONTENT_TYPES = ("text/csv", "application/json", "application/jsonlines")
TOP_K_FEATURES = 10
GRID_RESOLUTION = 15


@dataclass(frozen=True)
class Predictor:
    """The model, and how it is spoken to."""

    model_name: str | None  # a shadow endpoint is made of it, and deleted again ...
    endpoint_name: str | None  # ... unless there is one
    endpoint_name_prefix: str
    instance_type: str
    initial_instance_count: int
    content_type: str
    accept_type: str
    content_template: str | None  # of JSON, how a request is made of records
    record_template: str | None  # and how a record is made of features
    label: str | int | None  # where the answer has the label: JMESPath, or the column of CSV
    probability: str | int | None  # likewise, the probability or the score
    label_headers: tuple[str, ...] | None
    custom_attributes: str | None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Predictor:
        """Check it. Raises ConfigError."""
        where = "predictor."
        refuse_unknown(
            given, where, tuple(cls.__dataclass_fields__),
            ("accelerator_type", "target_model", "time_series_predictor_config"),
        )  # fmt: skip
        model, endpoint = (of_type(given, key, str, None, where) for key in ("model_name", "endpoint_name"))
        if (model is None) == (endpoint is None):
            raise ConfigError("predictor needs either model_name or endpoint_name")
        content_type = of_type(given, "content_type", str, "text/csv", where)
        accept_type = of_type(given, "accept_type", str, content_type, where)
        for key, value in (("content_type", content_type), ("accept_type", accept_type)):
            if value not in CONTENT_TYPES:
                raise ConfigError(f"{where}{key} is {value!r}; expected one of {', '.join(CONTENT_TYPES)}")
        templates = {
            key: of_type(given, key, str, None, where) for key in ("content_template", "record_template")
        }
        if content_type == "application/json" and not all(templates.values()):
            raise ConfigError(
                f"{where}content_template and {where}record_template are needed for application/json"
            )
        if content_type == "application/jsonlines" and not templates["content_template"]:
            raise ConfigError(f"{where}content_template is needed for application/jsonlines")
        headers = of_type(given, "label_headers", list, None, where)
        return cls(
            model_name=model,
            endpoint_name=endpoint,
            endpoint_name_prefix=of_type(given, "endpoint_name_prefix", str, "sm-clarify", where),
            instance_type=of_type(given, "instance_type", str, "" if endpoint else REQUIRED, where),
            initial_instance_count=of_type(given, "initial_instance_count", int, 1, where),
            content_type=content_type,
            accept_type=accept_type,
            **templates,
            label=column_of(given, "label", where) if "label" in given else None,
            probability=column_of(given, "probability", where) if "probability" in given else None,
            label_headers=None if headers is None else tuple(map(str, headers)),
            custom_attributes=of_type(given, "custom_attributes", str, None, where),
        )


@dataclass(frozen=True)
class Shap:
    """How SHAP values are estimated."""

    baseline: tuple[tuple[Any, ...], ...] | None  # rows of features; None: one is made of the dataset
    num_samples: int | None
    agg_method: str
    use_logit: bool
    seed: int | None
    save_local_shap_values: bool

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Shap:
        """Check it. Raises ConfigError."""
        where = "methods.shap."
        refuse_unknown(
            given, where, tuple(cls.__dataclass_fields__),
            ("num_clusters", "features_to_explain", "text_config", "image_config"),
        )  # fmt: skip
        baseline = given.get("baseline")
        if isinstance(baseline, str):
            raise ConfigError(
                f"{where}baseline is {baseline!r}; this engine takes a list of rows, not a file"
            )
        if baseline is not None and (
            not isinstance(baseline, list)
            or not baseline
            or not all(isinstance(row, list) for row in baseline)
        ):
            raise ConfigError(
                f"{where}baseline is {kind(baseline)}; expected a list of rows, each a list of values"
            )
        method = of_type(given, "agg_method", str, "mean_abs", where)
        if method not in AGGREGATIONS:
            raise ConfigError(f"{where}agg_method is {method!r}; expected one of {', '.join(AGGREGATIONS)}")
        samples = of_type(given, "num_samples", int, None, where)
        if samples is not None and samples < 1:
            raise ConfigError(f"{where}num_samples is {samples}; expected at least 1")
        return cls(
            baseline=None if baseline is None else tuple(map(tuple, baseline)),
            num_samples=samples,
            agg_method=method,
            use_logit=of_type(given, "use_logit", bool, False, where),
            seed=of_type(given, "seed", int, None, where),
            save_local_shap_values=of_type(given, "save_local_shap_values", bool, True, where),
        )


@dataclass(frozen=True)
class Pdp:
    """Of which features partial dependence is drawn."""

    features: tuple[str | int, ...]  # none: those that SHAP finds to matter most
    grid_resolution: int
    top_k_features: int

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Pdp:
        """Check it. Raises ConfigError."""
        where = "methods.pdp."
        refuse_unknown(given, where, tuple(cls.__dataclass_fields__), ())
        numbers = {
            key: of_type(given, key, int, default, where)
            for key, default in (("grid_resolution", GRID_RESOLUTION), ("top_k_features", TOP_K_FEATURES))
        }
        for key, value in numbers.items():
            if value < 1:
                raise ConfigError(f"{where}{key} is {value}; expected at least 1")
        features = of_type(given, "features", list, [], where)
        return cls(
            tuple(column_of({key: value}, key, where) for key, value in
                  ((f"features[{place}]", value) for place, value in enumerate(features))),
            **numbers,
        )  # fmt: skip
