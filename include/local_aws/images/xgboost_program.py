"""The built-in XGBoost algorithm: what the sagemaker-xgboost image runs when no script is named.

Run as a program of its own inside a job (stdlib, the job libraries, and the images' parts beside it):

    /opt/ml/input/config/{hyperparameters,inputdataconfig,checkpointconfig,debughookconfig}.json
    /opt/ml/input/data/{train,validation}/    text/csv (label first, no header), text/libsvm, parquet
    /opt/ml/checkpoints/xgboost-checkpoint.<rounds>
    /opt/ml/output/tensors/                   what DebugHookConfig asks for: debugger_hook
    /opt/ml/model/xgboost-model               XGBoost's own format (UBJSON)
    /opt/ml/output/failure                    exit code 2: the request or the data is at fault; 1: we are

Hyperparameters, their ranges and the words that refuse them are those of AWS's image (its source:
aws/sagemaker-xgboost-container, algorithm_mode/hyperparameter_validation.py). Not done here: k-fold
cross-validation, recordio-protobuf, Dask on GPUs.
"""

from __future__ import annotations

import ast
import csv
import importlib
import json
import math
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
CHECKPOINTS_KEPT = 5
USER_EXIT, ALGORITHM_EXIT = 2, 1


class UserError(Exception):
    """The request or the data is at fault; the message becomes the job's FailureReason."""


def say(line: str) -> None:
    """A line in the job's log."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


# --- hyperparameters --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Interval:
    """Numbers between two bounds; an open bound is not itself allowed."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below

    def __str__(self) -> str:
        low = "(-inf" if self.low == -math.inf else f"{'(' if self.low_open else '['}{self.low:g}"
        high = "+inf)" if self.high == math.inf else f"{self.high:g}{')' if self.high_open else ']'}"
        return f"{low}, {high}"


@dataclass(frozen=True)
class Parameter:
    """How one hyperparameter is read from its string and what it may be."""

    parse: Callable[[str], Any]
    allowed: Any  # an Interval or a tuple; for a list, of each of its items

    def read(self, name: str, text: str) -> Any:
        """The value. Raises UserError."""
        try:
            value = self.parse(text)
        except (ValueError, SyntaxError, TypeError) as error:
            raise UserError(
                f"Hyperparameter {name}: could not parse value (caused by {type(error).__name__})"
            ) from None
        for item in _flat(value):
            if item not in self.allowed:
                shown = list(self.allowed) if isinstance(self.allowed, tuple) else self.allowed
                raise UserError(f"Hyperparameter {name}: {value} is not in {shown}")
        return value


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _integer(low: float = -math.inf, high: float = math.inf, **opened: bool) -> Parameter:
    return Parameter(int, Interval(low, high, **opened))


def _number(low: float = -math.inf, high: float = math.inf, **opened: bool) -> Parameter:
    return Parameter(float, Interval(low, high, **opened))


def _one_of(*values: str) -> Parameter:
    return Parameter(str, values)


class _Metrics(tuple[str, ...]):
    """Metric names; error, ndcg and map may carry a threshold: error@0.7."""

    __slots__ = ()

    def __contains__(self, metric: object) -> bool:
        name, at, threshold = str(metric).partition("@")
        if not at:
            return super().__contains__(name)
        try:
            float(threshold)
        except ValueError:
            return False
        return name in ("error", "ndcg", "map")


# Metrics of XGBoost itself, then those that the image computes with scikit-learn.
NATIVE_METRICS = (
    "aft-nloglik", "auc", "aucpr", "cox-nloglik", "error", "gamma-deviance", "gamma-nloglik",
    "interval-regression-accuracy", "logloss", "mae", "map", "mape", "merror", "mlogloss", "mphe", "ndcg",
    "poisson-nloglik", "rmse", "rmsle", "tweedie-nloglik",
)  # fmt: skip
COMPUTED_METRICS = (
    "accuracy", "balanced_accuracy", "f1", "f1_binary", "f1_macro", "mse", "precision", "precision_macro",
    "precision_micro", "r2", "recall", "recall_macro", "recall_micro",
)  # fmt: skip
MAXIMIZED = {*COMPUTED_METRICS, "auc", "aucpr", "map", "ndcg"} - {"mse"}

METRICS = _Metrics(NATIVE_METRICS + COMPUTED_METRICS)

PARAMETERS: dict[str, Parameter] = {
    "num_round": _integer(1),
    "csv_weights": _integer(0, 1),
    "early_stopping_rounds": _integer(1),
    "booster": _one_of("gbtree", "gblinear", "dart"),
    "verbosity": _integer(0, 3),
    "nthread": _integer(1),
    "eta": _number(0, 1),
    "gamma": _number(0),
    "max_depth": _integer(0),
    "min_child_weight": _number(0),
    "max_delta_step": _number(0),
    "subsample": _number(0, 1, low_open=True),
    "colsample_bytree": _number(0, 1, low_open=True),
    "colsample_bylevel": _number(0, 1, low_open=True),
    "colsample_bynode": _number(0, 1, low_open=True),
    "lambda": _number(0),
    "alpha": _number(0),
    "tree_method": _one_of("auto", "exact", "approx", "hist", "gpu_hist"),
    "sketch_eps": _number(0, 1, low_open=True, high_open=True),
    "scale_pos_weight": _number(0, low_open=True),
    "updater": Parameter(
        lambda text: text.split(","),
        ("grow_colmaker", "distcol", "grow_histmaker", "grow_local_histmaker", "grow_skmaker", "sync",
         "refresh", "prune", "shotgun", "coord_descent"),
    ),
    "dsplit": _one_of("row", "col"),
    "refresh_leaf": _integer(0, 1),
    "process_type": _one_of("default", "update"),
    "grow_policy": _one_of("depthwise", "lossguide"),
    "max_leaves": _integer(0),
    "max_bin": _integer(0),
    "predictor": _one_of("auto", "cpu_predictor", "gpu_predictor"),
    "monotone_constraints": Parameter(ast.literal_eval, (-1, 0, 1)),
    "interaction_constraints": Parameter(ast.literal_eval, Interval(0)),
    "sample_type": _one_of("uniform", "weighted"),
    "normalize_type": _one_of("tree", "forest"),
    "rate_drop": _number(0, 1),
    "one_drop": _integer(0, 1),
    "skip_drop": _number(0, 1),
    "lambda_bias": _number(0, 1),
    "tweedie_variance_power": _number(1, 2, low_open=True, high_open=True),
    "objective": _one_of(
        "binary:logistic", "binary:logitraw", "binary:hinge", "count:poisson", "multi:softmax",
        "multi:softprob", "rank:pairwise", "rank:ndcg", "rank:map", "reg:linear", "reg:squarederror",
        "reg:logistic", "reg:gamma", "reg:pseudohubererror", "reg:squaredlogerror", "reg:absoluteerror",
        "reg:tweedie", "survival:aft", "survival:cox",
    ),
    "num_class": _integer(2),
    "base_score": _number(0),
    "_kfold": _integer(2),
    "_num_cv_round": _integer(1),
    "_tuning_objective_metric": Parameter(
        str, tuple(f"validation:{metric}" for metric in NATIVE_METRICS + COMPUTED_METRICS)
    ),
    "eval_metric": Parameter(lambda text: [metric.strip() for metric in text.split(",")], METRICS),
    "seed": _integer(-(2**31), 2**31 - 1, low_open=True, high_open=True),
    "num_parallel_tree": _integer(1),
    "save_model_on_termination": _one_of("true", "false"),
    "aft_loss_distribution": _one_of("normal", "logistic", "extreme"),
    "aft_loss_distribution_scale": _number(0),
    "single_precision_histogram": _one_of("true", "false"),
    "deterministic_histogram": _one_of("true", "false"),
    "sampling_method": _one_of("uniform", "gradient_based"),
    "prob_buffer_row": _integer(1, low_open=True),
}  # fmt: skip
REQUIRED = ("num_round",)
ALIASES = {
    "learning_rate": "eta",
    "min_split_loss": "gamma",
    "reg_lambda": "lambda",
    "reg_alpha": "alpha",
}
# Said to the image or to older versions, not to this version's booster.
NOT_FOR_BOOSTER = {
    "num_round", "csv_weights", "early_stopping_rounds", "save_model_on_termination", "eval_metric",
    "_tuning_objective_metric", "predictor", "sketch_eps", "dsplit", "single_precision_histogram",
    "deterministic_histogram", "prob_buffer_row",
}  # fmt: skip


def read_hyperparameters(given: Mapping[str, str]) -> dict[str, Any]:
    """The hyperparameters with their types, by their proper names. Raises UserError.

    A value may be JSON inside the string, as the SDK sends it for script mode: "\"auc\"".
    """
    texts = {
        ALIASES.get(name, name): _unquoted(text)
        for name, text in given.items()
        if not name.startswith("sagemaker_")  # for the toolkit
    }
    for name in REQUIRED:
        if name not in texts:
            raise UserError(f"Missing required hyperparameter: {name}")
    values = {}
    for name, text in texts.items():
        if name not in PARAMETERS:
            raise UserError(f"Extraneous hyperparameter found: {name}")
        values[name] = PARAMETERS[name].read(name, text)
    _check_together(values)
    return values


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _check_together(values: Mapping[str, Any]) -> None:
    """What only shows when several hyperparameters are looked at. Raises UserError."""
    objective = values.get("objective", "reg:squarederror")
    metrics = values.get("eval_metric", [])
    if objective.startswith("multi:") and "num_class" not in values:
        raise UserError("Require input for parameter 'num_class' for multi-classification")
    if "auc" in metrics and not objective.startswith(("binary:", "rank:", "multi:")):
        raise UserError("Metric 'auc' can only be applied for classification and ranking problems.")
    if "aft-nloglik" in metrics and objective != "survival:aft":
        raise UserError("Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.")
    method = values.get("tree_method")
    if "monotone_constraints" in values and method not in ("exact", "hist"):
        raise UserError(
            "monotone_constraints can be used only when the tree_method parameter is set to either 'exact' "
            "or 'hist'."
        )
    if "interaction_constraints" in values and method not in ("exact", "hist", "approx"):
        raise UserError(
            "interaction_constraints can be used only when the tree_method parameter is set to either "
            "'exact', 'hist' or 'approx'."
        )
    if "_kfold" in values or "_num_cv_round" in values:
        raise UserError(
            "The local stand-in's XGBoost does no cross-validation: remove _kfold, _num_cv_round."
        )
    if method == "gpu_hist" or values.get("predictor") == "gpu_predictor":
        raise UserError("The local stand-in's XGBoost has no GPU: gpu_hist and gpu_predictor cannot be used.")


# --- data -------------------------------------------------------------------------------------------

CONTENT_TYPES = {
    "csv": "csv", "text/csv": "csv",
    "libsvm": "libsvm", "text/libsvm": "libsvm", "text/x-libsvm": "libsvm",
    "parquet": "parquet", "application/x-parquet": "parquet",
    "recordio-protobuf": "recordio-protobuf", "application/x-recordio-protobuf": "recordio-protobuf",
}  # fmt: skip
CHANNELS = ("train", "validation", "code")
DELIMITERS = ",;\t| "


def content_type(given: str | None) -> str:
    """The format that a channel's ContentType names; LIBSVM without one. Raises UserError."""
    name, _, options = (given or "libsvm").lower().partition(";")
    if name.strip() not in CONTENT_TYPES:
        raise UserError(f"{given} is not an accepted ContentType: {', '.join(CONTENT_TYPES)}.")
    for option in options.replace(" ", "").split(";"):
        if option.startswith("label_size=") and option != "label_size=1":
            raise UserError(
                f"{given} is not an accepted csv ContentType. "
                "Optional parameter label_size must be equal to 1"
            )
    found = CONTENT_TYPES[name.strip()]
    if found == "recordio-protobuf":
        raise UserError("The local stand-in's XGBoost does not read recordio-protobuf.")
    return found


def read_channel(name: str, directory: Path, kind: str, weighted: bool = False) -> tuple[Any, Any, Any]:
    """Features, labels and weights (or ``None``) of all files of a channel. Raises UserError.

    Features are a two-dimensional array or, for LIBSVM, a sparse matrix; missing values are NaN.
    """
    import numpy as np
    import scipy.sparse

    files = [
        path
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not path.name.startswith((".", "_")) and path.stat().st_size
    ]
    if not files:
        raise UserError(f"No data in {name} channel path {directory}")
    if kind == "libsvm":
        labels, weights, rows = [], [], []
        for path in files:
            for label, weight, row in _libsvm_lines(path):
                labels.append(label)
                weights.append(weight)
                rows.append(row)
        width = max((index for row in rows for index in row), default=-1) + 1
        at = [(number, index, value) for number, row in enumerate(rows) for index, value in row.items()]
        line, column, value = zip(*at, strict=True) if at else ((), (), ())
        features = scipy.sparse.csr_matrix((value, (line, column)), shape=(len(rows), width))
        return features, np.array(labels), np.array(weights) if any(w != 1 for w in weights) else None
    tables = [_csv_table(path) if kind == "csv" else _parquet_table(path) for path in files]
    widths = {table.shape[1] for table in tables}
    if len(widths) > 1:
        raise UserError(
            f"The files of the {name} channel have different numbers of columns: {sorted(widths)}"
        )
    table = np.concatenate(tables)
    first = 2 if weighted else 1
    if table.shape[1] <= first:
        raise UserError(f"The {name} channel has {table.shape[1]} columns: no feature beside the label")
    return table[:, first:], table[:, 0], table[:, 1] if weighted else None


def _csv_table(path: Path) -> Any:
    import pandas

    with path.open(errors="replace") as file:
        line = file.readline()
    try:
        delimiter = csv.Sniffer().sniff(line, DELIMITERS).delimiter
    except csv.Error as error:
        raise UserError(f"Could not determine delimiter on line {line[:50]}:\n{error}") from None
    try:
        return pandas.read_csv(path, header=None, sep=delimiter, dtype="float64").to_numpy()
    except (ValueError, pandas.errors.ParserError) as error:
        raise UserError(
            f"Failed to load csv data with exception:\n{error} (file '{path.name}'; every field must be a "
            "number, the label is the first column, and there is no header)"
        ) from None


def _parquet_table(path: Path) -> Any:
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_table(path).to_pandas().to_numpy(dtype="float64")
    except (ValueError, pyarrow.ArrowException) as error:
        raise UserError(
            f"Failed to load parquet data with exception:\n{error} (file '{path.name}')"
        ) from None


def _libsvm_lines(path: Path) -> Iterator[tuple[float, float, dict[int, float]]]:
    """``<label>[:<weight>] <index>:<value> …``, one row a line."""
    with path.open(errors="replace") as file:
        for line in file:
            fields = line.split("#", 1)[0].split()
            if not fields:
                continue
            try:
                label, _, weight = fields[0].partition(":")
                pairs = [field.split(":") for field in fields[1:] if not field.startswith("qid:")]
                yield float(label), float(weight or 1), {int(index): float(value) for index, value in pairs}
            except ValueError:
                raise UserError(
                    f"First line '{line[:50].rstrip()}...' of file '{path.name}' is not 'LIBSVM' format. "
                    "Please ensure the file is in 'LIBSVM' format."
                ) from None


# --- training ---------------------------------------------------------------------------------------


def computed_metrics(names: list[str]) -> Callable[[Any, Any], list[tuple[str, float]]] | None:
    """A function for xgboost.train(custom_metric=…) that computes these; ``None`` when there are none."""
    wanted = [name for name in names if name in COMPUTED_METRICS]
    if not wanted:
        return None

    def compute(predictions: Any, matrix: Any) -> list[tuple[str, float]]:
        from sklearn import metrics

        truth = matrix.get_label()
        classes = predictions.argmax(axis=1) if predictions.ndim > 1 else (predictions > 0.5).astype(int)
        functions: dict[str, Callable[[], float]] = {
            "accuracy": lambda: metrics.accuracy_score(truth, classes),
            "balanced_accuracy": lambda: metrics.balanced_accuracy_score(truth, classes),
            "mse": lambda: metrics.mean_squared_error(truth, predictions),
            "r2": lambda: metrics.r2_score(truth, predictions),
            "f1": lambda: metrics.f1_score(truth, classes, average="macro"),
            "f1_binary": lambda: metrics.f1_score(truth, classes),
            "f1_macro": lambda: metrics.f1_score(truth, classes, average="macro"),
            "precision": lambda: metrics.precision_score(truth, classes, zero_division=0),
            "precision_macro": lambda: metrics.precision_score(
                truth, classes, average="macro", zero_division=0
            ),
            "precision_micro": lambda: metrics.precision_score(
                truth, classes, average="micro", zero_division=0
            ),
            "recall": lambda: metrics.recall_score(truth, classes, zero_division=0),
            "recall_macro": lambda: metrics.recall_score(truth, classes, average="macro", zero_division=0),
            "recall_micro": lambda: metrics.recall_score(truth, classes, average="micro", zero_division=0),
        }
        return [(name, float(functions[name]())) for name in wanted]

    return compute


def import_xgboost() -> Any:
    """XGBoost without its estimators for scikit-learn, which train() does not use.

    They make it import all of scikit-learn where that is installed: four fifths of a small job's processor
    time. It stays importable for `computed_metrics`.
    """
    sys.modules["sklearn"] = None  # type: ignore[assignment] # to Python: not installed
    try:
        return importlib.import_module("xgboost")
    finally:
        del sys.modules["sklearn"]


def after_every_round(start: int, checkpoints: Path | None, save_on_termination: bool) -> Any:
    """What happens after every round: the line in the log, the checkpoint, the end after SIGTERM.

    The line is ``[12]<tab>train-auc:0.91234<tab>validation-auc:0.88123``; rounds count from ``start``. After
    SIGTERM training ends with the round and the model is saved as usual, if that was asked for.
    """
    import xgboost

    terminate = Event()
    if save_on_termination:
        signal.signal(signal.SIGTERM, lambda *_: terminate.set())

    class EveryRound(xgboost.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            number = start + epoch
            values = [
                f"\t{data}-{metric}:{history[-1]:.5f}"
                for data, metrics in evals_log.items()
                for metric, history in metrics.items()
            ]
            say(f"[{number}]{''.join(values)}")
            if checkpoints:
                save(model, checkpoints / f"xgboost-checkpoint.{number + 1}")
                old = checkpoints / f"xgboost-checkpoint.{number + 1 - CHECKPOINTS_KEPT}"
                old.unlink(missing_ok=True)
            return terminate.is_set()

    return EveryRound()


def saving_tensors(start: int, values: Mapping[str, Any], matrices: Mapping[str, Any]) -> list[Any]:
    """The callback that saves the tensors that the job's DebugHookConfig asks for; none without one.

    Raises UserError.
    """
    configuration = _configuration("debughookconfig")
    if not configuration:
        return []
    import xgboost

    from local_aws.images.debugger_hook import Hook, HookError, Training

    try:
        hook = Hook(configuration, BASE)
    except HookError as error:
        raise UserError(f"DebugHookConfig: {error}") from None
    training = Training(values, matrices["train"], matrices.get("validation"))

    class SavingTensors(xgboost.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            step = start + epoch
            wanted = {collection.name for collection in hook.wanted(step)}
            if wanted:
                metrics = {
                    f"{data}-{metric}": history[-1]
                    for data, found in evals_log.items()
                    for metric, history in found.items()
                }
                hook.save(step, training.tensors(model, step, metrics, wanted))
            return False

        def after_training(self, model: Any) -> Any:
            hook.end()
            return model

    return [SavingTensors()]


def save(model: Any, path: Path) -> None:
    """Write the model in UBJSON, whole or not at all, under a name without a suffix."""
    partial = path.with_name(f".{path.name}.ubj")
    model.save_model(partial)
    partial.replace(path)


def latest_checkpoint(directory: Path | None) -> tuple[Path | None, int]:
    """The newest checkpoint and how many rounds it has behind it."""
    found = directory.glob("xgboost-checkpoint.*") if directory and directory.is_dir() else ()
    rounds = {int(path.suffix[1:]): path for path in found if path.suffix[1:].isdigit()}
    return (rounds[max(rounds)], max(rounds)) if rounds else (None, 0)


def train() -> None:
    """From the configuration files to the model file. Raises UserError."""
    values = read_hyperparameters(_configuration("hyperparameters"))
    channels = _configuration("inputdataconfig")
    if "train" not in channels:
        raise UserError("Missing required channel: train")
    for channel in channels:
        if channel not in CHANNELS:
            raise UserError(f"Extraneous channel found: {channel}")
    kind = content_type(channels["train"].get("ContentType"))
    xgboost = import_xgboost()
    say(f"local stand-in: XGBoost {xgboost.__version__}, single node training")

    names: list[str] = [name for name in ("train", "validation") if name in channels]
    # Of both channels, as the image does since it can cross-validate (1.3); before, of train alone.
    weighted = kind == "csv" and bool(values.get("csv_weights"))
    data = {name: read_channel(name, BASE / "input" / "data" / name, kind, weighted) for name in names}
    _check_labels(values.get("objective", ""), data)
    matrices = _matrices(data)
    for name in names:
        say(f"{name.capitalize()} matrix has {matrices[name].num_row()} rows")

    metrics = list(values.get("eval_metric", []))
    tuned = values.get("_tuning_objective_metric", "").removeprefix("validation:")
    if tuned and tuned not in metrics:
        metrics.append(tuned)
    checkpoint_directory = _checkpoint_directory()
    resumed, rounds_before = latest_checkpoint(checkpoint_directory)
    if resumed:
        say(f"Checkpoint loaded from {resumed}. Resuming from iteration {rounds_before}")
    callbacks = [
        after_every_round(
            rounds_before, checkpoint_directory, values.get("save_model_on_termination") == "true"
        ),
        *saving_tensors(rounds_before, values, matrices),
    ]
    if "early_stopping_rounds" in values:
        if "validation" in names and metrics:
            callbacks.append(
                xgboost.callback.EarlyStopping(
                    rounds=values["early_stopping_rounds"],
                    data_name="validation",
                    metric_name=metrics[-1],
                    maximize=metrics[-1].partition("@")[0] in MAXIMIZED,
                    save_best=True,
                )
            )
        else:
            say("early_stopping_rounds needs a validation channel and eval_metric: not used")

    booster_values = {name: value for name, value in values.items() if name not in NOT_FOR_BOOSTER}
    booster_values.setdefault("nthread", int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    native = [metric for metric in metrics if metric not in COMPUTED_METRICS]
    if native:
        booster_values["eval_metric"] = native
    if "updater" in booster_values:
        booster_values["updater"] = ",".join(booster_values["updater"])
    try:
        model = xgboost.train(
            booster_values,
            matrices["train"],
            num_boost_round=max(0, values["num_round"] - rounds_before),
            evals=[(matrices[name], name) for name in names],
            custom_metric=computed_metrics(metrics),
            callbacks=callbacks,
            xgb_model=_booster(resumed) if resumed else None,
            verbose_eval=False,
        )
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise _explained(error) from error
    (BASE / "model").mkdir(parents=True, exist_ok=True)
    save(model, BASE / "model" / "xgboost-model")


def _check_labels(objective: str, data: Mapping[str, tuple[Any, Any, Any]]) -> None:
    """Raise UserError where XGBoost 3 would only complain of the base_score that it made of the labels."""
    if objective.startswith("binary:") or objective == "reg:logistic":
        for _, labels, _ in data.values():
            if labels.min() < 0 or labels.max() > 1:
                raise UserError("label must be in [0,1] for logistic regression")


def _matrices(data: Mapping[str, tuple[Any, Any, Any]]) -> dict[str, Any]:
    """DMatrix objects; sparse ones are brought to one width, since a file may lack the last features."""
    import scipy.sparse
    import xgboost

    width = max(features.shape[1] for features, _, _ in data.values())
    made = {}
    for name, (features, labels, weights) in data.items():
        if scipy.sparse.issparse(features):
            features.resize(features.shape[0], width)
        elif features.shape[1] != width:
            raise UserError("The train and validation channels have different numbers of columns")
        try:
            made[name] = xgboost.DMatrix(features, label=labels, weight=weights)
        except xgboost.core.XGBoostError as error:
            raise _explained(error) from error
    return made


def _booster(path: Path) -> Any:
    """A model from its file; from memory, since XGBoost guesses a format from a file's suffix."""
    import xgboost

    return xgboost.Booster(model_file=bytearray(path.read_bytes()))


# Parts of XGBoost's messages that tell that the data or the hyperparameters are at fault.
_USER_FAULTS = (
    "label must be", "label and prediction size not match", "feature_names mismatch", "base_score must be",
    "only contains pos or neg samples", "Label contains NaN", "Invalid Parameter", "Invalid parameter",
    "should be greater equal", "Unknown objective", "number of class", "num_class",
)  # fmt: skip


def _explained(error: Exception) -> Exception:
    """Whose fault an error of XGBoost is, without the C++ file and the stack that surround its message."""
    message = re.sub(r"^\[[\d:]+\] \S+: ", "", str(error).partition("Stack trace:")[0]).strip()
    if any(part in message for part in _USER_FAULTS):
        return UserError(message)
    return RuntimeError(f"XGB train call failed with exception:\n {message}")


def _configuration(name: str) -> dict[str, Any]:
    path = BASE / "input" / "config" / f"{name}.json"
    content: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return content


def _checkpoint_directory() -> Path | None:
    path = _configuration("checkpointconfig").get("LocalPath")
    if path is None:
        return None
    directory = BASE / Path(path).relative_to("/opt/ml")
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def main() -> int:
    """Train; the exit status."""
    try:
        train()
    except Exception as error:  # noqa: BLE001 - whatever it is becomes the job's FailureReason
        user = isinstance(error, UserError)
        text = str(error) if user else f"{error}\n{traceback.format_exc()}"
        (BASE / "output").mkdir(parents=True, exist_ok=True)
        (BASE / "output" / "failure").write_text(text)
        say(text)
        return USER_EXIT if user else ALGORITHM_EXIT
    return 0


if __name__ == "__main__":
    sys.exit(main())
