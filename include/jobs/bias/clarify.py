"""What SageMaker Clarify does with a table, by its contract: the same configuration in, the same files out.

    input/config/analysis_config.json    what to measure
    input/data/                          CSV, Parquet or JSON lines
    output/analysis.json                 the values, laid out as Clarify lays them out
    output/report.html                   the same for people
    output/explanations_shap/            out.csv: each row's SHAP values; baseline.csv, where none was given

Bias before training needs the data alone. Bias after training, SHAP values and partial dependence ask the
model, for which a shadow endpoint is made, or read its predictions from the data.

AWS closed Clarify to new accounts in 2026. This program runs wherever a processing job does, with numpy,
pandas and boto3. What Clarify does not know, groups that belong to several facets at once, is refused here as
Clarify refuses it; jobs.bias.measure does it. Where no baseline is given, Clarify clusters the rows; here it
is one row of means and of most frequent values.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from jobs.bias import dataset
from jobs.bias.config import AnalysisConfig, Facet
from jobs.bias.contingency import Outcome
from jobs.bias.posttraining import flip_test
from jobs.bias.predictions import by_facet, one_by_one
from jobs.bias.pretraining import PRETRAINING
from jobs.bias.reading import ConfigError
from jobs.bias.registry import measured
from jobs.bias.report import Counts, render
from jobs.bias.selection import AND, Groups, crossed, groups, is_continuous, select
from jobs.explain import kernel
from jobs.explain.dependence import partial_dependence
from jobs.explain.files import FOLDER, labels_of, shap_values, write_local
from jobs.processing.job import guarded, parse_base, say

if TYPE_CHECKING:
    from jobs.explain.predictor import Asked


def analyze(
    rows: pd.DataFrame, config: AnalysisConfig, weights: npt.NDArray[np.float64] | None = None
) -> tuple[dict[str, Any], list[Counts]]:
    """The document analysis.json for these rows, and the sizes of its facets in the same order.

    :param weights: what each row counts for; None: one
    :raises ConfigError: a column or a threshold is not there.
    """
    label = dataset.column(rows, _label_column(config), "label")
    positive = select(label, config.label_values, "label_values_or_threshold")
    group = None
    if config.group_variable is not None:
        group = dataset.column(rows, config.group_variable, "group_variable")
    outcome = Outcome.of(positive.rows, group, weights)
    facets: dict[str, list[dict[str, Any]]] = {}
    counts = []
    for facet in all_groups(rows, config):
        blocks = facets.setdefault(facet.column, [])
        for text, table in zip(facet.texts, outcome.tables(facet.codes, len(facet.texts)), strict=True):
            metrics = [measured(PRETRAINING[name], table) for name in config.metrics]
            blocks.append({"value_or_threshold": text, "metrics": metrics})
            counts.append(Counts.of(facet.column, text, table))
    document = {
        "version": "1.0",
        "pre_training_bias_metrics": {
            "label": str(label.name),
            "facets": facets,
            "label_value_or_threshold": positive.text,
        },
    }
    return document, counts


def all_groups(rows: pd.DataFrame, config: AnalysisConfig) -> Iterator[Groups]:
    """The groups of each facet, then of each intersection, one after the other."""
    for index, facet in enumerate(config.facets):
        yield facet_groups(rows, facet, f"facet[{index}]")
    for index, parts in enumerate(config.intersections):
        where = f"facet_intersections[{index}]"
        yield crossed([facet_groups(rows, part, f"{where}[{place}]") for place, part in enumerate(parts)])


def facet_groups(rows: pd.DataFrame, facet: Facet, where: str) -> Groups:
    """The groups of one facet."""
    return groups(dataset.column(rows, facet.column, where), facet, f"{where}.value_or_threshold")


def _label_column(config: AnalysisConfig) -> str | int:
    """Where `features` is a JMESPath, `label` is one too, and the label is the last column that was read."""
    if config.features is None:
        return config.label
    return config.headers[-1] if config.headers else dataset.LABEL


def predicted_positive(
    rows: pd.DataFrame, config: AnalysisConfig, asked: Asked | None
) -> npt.NDArray[np.bool_]:
    """Which rows are predicted to have the positive label.

    A prediction counts as Clarify counts the label: as one of the positive values, or as a quantity above the
    threshold. Where the model gives a probability alone, one above `probability_threshold` is positive.
    """
    label = dataset.column(rows, _label_column(config), "label")
    continuous = is_continuous(label, config.label_values)
    if config.predicted_label is not None:
        told = dataset.column(rows, config.predicted_label, "predicted_label")
        return select(told, config.label_values, "predicted_label", continuous).rows
    if asked is None:
        raise ConfigError("predictor is missing; nothing says what is predicted")
    answers = asked.answers(model_features(rows, config))
    if answers.labels is not None:
        return select(answers.labels.rename("predictions"), config.label_values, "label", continuous).rows
    if answers.scores is None or answers.scores.shape[1] != 1:
        raise ConfigError(
            "predictor.label is missing; the model answers with several numbers, and none is the label"
        )
    return np.asarray(answers.scores[:, 0] > config.probability_threshold)


def analyze_predictions(
    rows: pd.DataFrame, config: AnalysisConfig, predicted: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    """The part `post_training_bias_metrics` of analysis.json.

    :param predicted: which rows are predicted to have the positive label
    """
    label = dataset.column(rows, _label_column(config), "label")
    observed = select(label, config.label_values, "label_values_or_threshold")
    features = model_features(rows, config)

    def flips(column: str, facet: npt.NDArray[np.bool_]) -> tuple[float, float] | None:
        others = features.drop(columns=[name for name in column.split(AND) if name in features])
        if others.empty or not all(pd.api.types.is_numeric_dtype(others[name]) for name in others):
            return None
        numbers = others.to_numpy(dtype=np.float64)
        return flip_test(numbers, facet, predicted) if np.isfinite(numbers).all() else None

    within = None
    if config.group_variable is not None:
        within = dataset.column(rows, config.group_variable, "group_variable")
    return {
        "label": str(label.name),
        "facets": by_facet(
            (each for groups in all_groups(rows, config) for each in one_by_one(groups)),
            observed.rows,
            predicted,
            within,
            names=config.metrics_after,
            flips=flips if "FT" in config.metrics_after else None,
        ),
        "label_value_or_threshold": observed.text,
    }


def model_features(rows: pd.DataFrame, config: AnalysisConfig) -> pd.DataFrame:
    """The columns that the model is shown: all but the label, predictions, and those that are excluded."""
    apart: list[tuple[str | int, str]] = [(name, "excluded_columns") for name in config.excluded]
    apart += [(_label_column(config), "label")]
    apart += [] if config.predicted_label is None else [(config.predicted_label, "predicted_label")]
    return rows.drop(columns=[dataset.column(rows, name, what).name for name, what in apart])


def explain(rows: pd.DataFrame, config: AnalysisConfig, asked: Asked, output: Path) -> dict[str, Any]:
    """The part `explanations` of analysis.json; also writes the files that belong to it."""
    features = model_features(rows, config)
    names = [str(name) for name in features.columns]
    told: dict[str, Any] = {}
    ranked: list[str | int] = []
    headers = config.predictor.label_headers if config.predictor else None
    if config.shap is not None:
        baseline = baseline_of(features, config.shap.baseline)
        found = kernel.explain(
            lambda made: asked.scores(pd.DataFrame(made, columns=features.columns)),
            features.to_numpy(dtype=object),
            baseline,
            num_samples=config.shap.num_samples,
            seed=config.shap.seed,
            use_logit=config.shap.use_logit,
        )
        labels = labels_of(len(found.values), headers)
        local = dict(zip(labels, found.values, strict=True))
        told["kernel_shap"] = shap_values(names, local, found.expected.tolist(), config.shap.agg_method)
        if config.shap.save_local_shap_values:
            write_local(output / FOLDER, names, local)
        if config.shap.baseline is None:
            (output / FOLDER).mkdir(parents=True, exist_ok=True)
            text = pd.DataFrame(baseline).to_csv(header=False, index=False)
            (output / FOLDER / "baseline.csv").write_text(text, encoding="utf-8")
        totals = told["kernel_shap"][labels[0]]["global_shap_values"]
        ranked = sorted(names, key=lambda name: -abs(totals[name]))
        say(f"SHAP values of {len(rows)} rows and {len(names)} features")
    if config.pdp is not None:
        labels = labels_of(asked.scores(features.head(1)).shape[1], headers)
        chosen = config.pdp.features or ranked[: config.pdp.top_k_features]
        told["pdp"] = [
            partial_dependence(
                asked.scores,
                features,
                str(dataset.column(features, name, f"methods.pdp.features[{place}]").name),
                config.pdp.grid_resolution,
                labels,
            )
            for place, name in enumerate(chosen)
        ]
    return told


def baseline_of(features: pd.DataFrame, given: Sequence[Sequence[Any]] | None) -> npt.NDArray[Any]:
    """The rows that are compared with. Raises ConfigError for one that is not as wide as the features."""
    if given is None:
        given = [[typical(column) for _, column in features.items()]]
    for place, row in enumerate(given):
        if len(row) != features.shape[1]:
            raise ConfigError(
                f"methods.shap.baseline[{place}] has {len(row)} values; the model has {features.shape[1]} "
                f"features: {', '.join(map(str, features.columns))}"
            )
    return np.array([list(row) for row in given], dtype=object)


def typical(column: pd.Series) -> Any:
    """The mean of numbers, the most frequent of other values, null of none."""
    if column.isna().all():
        return None
    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return column.mean() if is_number else column.mode().iloc[0]


def run(base: Path, *, intersections: bool = False) -> None:
    """Do what the configuration under `base` asks for.

    :param intersections: follow `facet_intersections`, which Clarify does not know
    """
    config = AnalysisConfig.read(base / "input" / "config" / "analysis_config.json", intersections)
    rows = dataset.read(base / "input" / "data", config)
    say(f"{len(rows)} rows; metrics {', '.join((*config.metrics_after, *config.metrics)) or 'none'}")
    output = base / "output"
    output.mkdir(parents=True, exist_ok=True)
    analysis: dict[str, Any] = {"version": "1.0"}
    counts: list[Counts] = []
    with model_of(config) as asked:
        if config.metrics_after:
            predicted = predicted_positive(rows, config, asked)
            analysis["post_training_bias_metrics"] = analyze_predictions(rows, config, predicted)
        if config.metrics:
            before, counts = analyze(rows, config)
            analysis |= before
        if asked is not None and (config.shap is not None or config.pdp is not None):
            analysis["explanations"] = explain(rows, config, asked, output)
    write(output, analysis, counts, config)
    say(f"Collected analyses:\n{as_text(analysis)}")


@contextmanager
def model_of(config: AnalysisConfig) -> Iterator[Asked | None]:
    """The model, where something asks it."""
    needed = config.metrics_after and config.predicted_label is None
    if config.predictor is None or not (needed or config.shap is not None or config.pdp is not None):
        yield None
        return
    from jobs.explain.predictor import Asked, endpoint_of  # boto3, which most analyses do without

    with endpoint_of(config.predictor) as endpoint:
        yield Asked(endpoint, config.predictor)


def write(
    folder: Path, analysis: Mapping[str, Any], counts: Sequence[Counts], config: AnalysisConfig
) -> None:
    """Write analysis.json and the report for people, named as the configuration says."""
    (folder / "analysis.json").write_text(as_text(analysis), encoding="utf-8")
    page = render(analysis, counts, title=config.report_title)
    (folder / f"{config.report_name}.html").write_text(page, encoding="utf-8")


def as_text(analysis: Mapping[str, Any]) -> str:
    """An analysis as its file holds it. Raises ValueError for a number that JSON has no word for."""
    return json.dumps(analysis, indent=4, ensure_ascii=False, allow_nan=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """The Clarify image's program; returns its exit code."""
    base = parse_base(__doc__, arguments)
    return guarded(base, lambda: run(base))


if __name__ == "__main__":
    sys.exit(main())
