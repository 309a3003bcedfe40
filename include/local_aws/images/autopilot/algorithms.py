"""Algorithms: how each one likes its columns, which estimator it is, and which settings are tried.

    CANDIDATES   what ENSEMBLING tries: quick and good ones first, so that a short budget has them
    SPACES       where HYPERPARAMETER_TUNING searches

Early stopping looks at the rows that a fold leaves out, as AutoGluon does; what is measured on them is
therefore a little too good. Candidates are compared fairly by it, for all that boost do so.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np

from local_aws.images.autopilot.contract import ALGORITHMS, NOT_HERE, REGRESSION
from local_aws.images.autopilot.metrics import Array
from local_aws.images.autopilot.table import names_by_kind
from local_aws.images.autopilot.target import SEED, Data

BAGGED_TREES = 200  # of a forest, over all its folds together
ROUNDS = 2000  # of boosting at most; early stopping ends it
PATIENCE = 40  # rounds without a better value
MOST_CATEGORIES = 30  # of a column that get a column of their own
MOST_WORDS = 200  # of a text column
_MODULES = (
    "compose", "ensemble", "feature_extraction.text", "impute", "linear_model", "metrics", "model_selection",
    "neural_network", "pipeline", "preprocessing",
)  # fmt: skip

TITLES = {
    "extra-trees": "ExtraTrees",
    "lightgbm": "LightGBM",
    "linear-learner": "LinearLearner",
    "mlp": "MLP",
    "nn-torch": "NeuralNetTorch",
    "randomforest": "RandomForest",
    "xgboost": "XGBoost",
}


@dataclass(frozen=True)
class Configuration:
    """One thing to try: an algorithm and what differs from its own defaults here."""

    algorithm: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


# AWS runs ten trials in ENSEMBLING mode; the tenth is the ensemble of these nine.
CANDIDATES = (
    Configuration("xgboost", {"learning_rate": 0.1, "max_depth": 5, "min_child_weight": 3}),
    Configuration("linear-learner"),
    Configuration("lightgbm", {"learning_rate": 0.08, "max_leaf_nodes": 31, "min_samples_leaf": 20}),
    Configuration("extra-trees", {"min_samples_leaf": 3}),
    Configuration("nn-torch", {"hidden_layer_sizes": [64, 32], "alpha": 1e-3}),
    Configuration("randomforest", {"min_samples_leaf": 3}),
    Configuration(
        "xgboost", {"learning_rate": 0.1, "max_depth": 3, "min_child_weight": 1, "reg_lambda": 3.0}
    ),
    Configuration("lightgbm", {"learning_rate": 0.1, "max_leaf_nodes": 12, "l2_regularization": 5.0}),
    Configuration("nn-torch", {"hidden_layer_sizes": [128], "alpha": 1e-2}),
)
TRIALS = len(CANDIDATES) + 1
TUNED_CANDIDATES = 100  # AWS's default for HYPERPARAMETER_TUNING

# What is tuned -> (lowest, highest, on a logarithmic scale); whole numbers where both ends are.
SPACES: Mapping[str, Mapping[str, tuple[float, float, bool]]] = {
    "xgboost": {
        "learning_rate": (0.02, 0.3, True),
        "max_depth": (2, 9, False),
        "min_child_weight": (0.5, 30.0, True),
        "subsample": (0.5, 1.0, False),
        "colsample_bytree": (0.4, 1.0, False),
        "reg_lambda": (0.1, 20.0, True),
        "gamma": (1e-3, 5.0, True),
    },
    "linear-learner": {"C": (1e-3, 100.0, True)},
    "mlp": {"units": (16, 160, True), "alpha": (1e-5, 1e-1, True), "learning_rate_init": (3e-4, 1e-2, True)},
}
FIRST = {  # what tuning tries first of each algorithm
    "xgboost": {
        "learning_rate": 0.08, "max_depth": 5, "min_child_weight": 3.0, "subsample": 0.9,
        "colsample_bytree": 0.8, "reg_lambda": 1.0, "gamma": 1e-3,
    },
    "linear-learner": {"C": 1.0},
    "mlp": {"units": 64, "alpha": 1e-3, "learning_rate_init": 1e-3},
}  # fmt: skip


class Estimator(Protocol):
    """What all of them can do; classifiers have predict_proba as well."""

    def predict(self, features: Any) -> Any:
        """One number a row."""


@dataclass(frozen=True)
class Fitted:
    """A preprocessor and an estimator that were fitted together."""

    preprocessor: Any
    estimator: Any

    def predict(self, features: Any) -> Array:
        """Numbers, or probabilities, of a prepared frame's rows."""
        made = self.preprocessor.transform(features)
        if hasattr(self.estimator, "predict_proba"):
            shares = np.asarray(self.estimator.predict_proba(made), dtype="float64")
            # XGBoost's 32 bits don't sum to one.
            whole: Array = shares / shares.sum(axis=1, keepdims=True)
            return whole
        return np.asarray(self.estimator.predict(made), dtype="float64").reshape(-1)


def preload() -> None:
    """Import the libraries, so that processes forked from this one need not, each for itself."""
    for name in ("joblib", "scipy.optimize", "xgboost", *(f"sklearn.{module}" for module in _MODULES)):
        importlib.import_module(name)


def allowed(mode: str, asked: Sequence[str]) -> list[str]:
    """The algorithms that a job tries; all that there are when none is asked for."""
    return [name for name in asked or ALGORITHMS[mode] if name not in NOT_HERE]


@dataclass(frozen=True)
class Lesson:
    """What an estimator learns from: a fold's rows, preprocessed."""

    data: Data
    features: Any
    target: Array
    weights: Array | None
    held: Callable[[], tuple[Any, Array]]  # features and target of the rows that the fold leaves out

    @property
    def regression(self) -> bool:
        """Numbers are to be learned, not classes."""
        return self.data.problem == REGRESSION


def fit(configuration: Configuration, data: Data, learn: Array, held: Array) -> Fitted:
    """Fit on the rows ``learn``; boosting stops by the rows ``held``."""
    preprocessor = _PREPROCESSORS[configuration.algorithm](names_by_kind(data.columns))
    lesson = Lesson(
        data,
        preprocessor.fit_transform(data.features.iloc[learn]),
        data.target[learn],
        None if data.weights is None else data.weights[learn],
        lambda: (preprocessor.transform(data.features.iloc[held]), data.target[held]),
    )
    return Fitted(preprocessor, _FITTERS[configuration.algorithm](dict(configuration.parameters), lesson))


# --- preprocessing ----------------------------------------------------------------------------------

Names = Mapping[str, list[str]]


def _preprocessor(names: Names, numeric: Any, categorical: Any) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = [
        (f"words of {name}", TfidfVectorizer(max_features=MOST_WORDS, sublinear_tf=True), name)
        for name in names["text"]
    ]
    return ColumnTransformer(
        [("numbers", numeric, names["numeric"]), ("categories", categorical, names["categorical"]), *words],
        sparse_threshold=0,
    )


def _one_hot() -> Any:
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=MOST_CATEGORIES, sparse_output=False
    )


def _ordinal() -> Any:
    from sklearn.preprocessing import OrdinalEncoder

    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=2)


def _for_boosting(names: Names) -> Any:
    """Numbers as they are, gaps too; categories one column each."""
    return _preprocessor(names, "passthrough", _one_hot())


def _for_trees(names: Names) -> Any:
    """Numbers as they are, gaps too; categories by number."""
    return _preprocessor(names, "passthrough", _ordinal())


def _for_lines(names: Names) -> Any:
    """Gaps filled and marked, everything of one size."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    numeric = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    return _preprocessor(names, numeric, _one_hot())


def _for_networks(names: Names) -> Any:
    """As for lines, and every number's distribution made normal: long tails would drown the rest."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import QuantileTransformer

    numeric = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True),
        QuantileTransformer(n_quantiles=100, output_distribution="normal", random_state=SEED),
    )
    return _preprocessor(names, numeric, _one_hot())


_PREPROCESSORS: Mapping[str, Callable[[Names], Any]] = {
    "extra-trees": _for_trees,
    "lightgbm": _for_boosting,
    "linear-learner": _for_lines,
    "mlp": _for_networks,
    "nn-torch": _for_networks,
    "randomforest": _for_trees,
    "xgboost": _for_boosting,
}

# --- estimators -------------------------------------------------------------------------------------


def _xgboost(parameters: dict[str, Any], lesson: Lesson) -> Estimator:
    import xgboost

    kind = xgboost.XGBRegressor if lesson.regression else xgboost.XGBClassifier
    metric = "rmse" if lesson.regression else "logloss" if len(lesson.data.classes) == 2 else "mlogloss"
    estimator: Estimator = kind(
        **{"subsample": 0.9, "colsample_bytree": 0.8, **parameters},
        n_estimators=ROUNDS,
        early_stopping_rounds=PATIENCE,
        eval_metric=metric,
        tree_method="hist",
        n_jobs=1,
        random_state=SEED,
    ).fit(
        lesson.features,
        lesson.target,
        sample_weight=lesson.weights,
        eval_set=[lesson.held()],
        verbose=False,
    )
    return estimator


def _histogram_boosting(parameters: dict[str, Any], lesson: Lesson) -> Estimator:
    from sklearn import ensemble

    kind: Any = (
        ensemble.HistGradientBoostingRegressor
        if lesson.regression
        else ensemble.HistGradientBoostingClassifier
    )
    features, target = lesson.held()
    estimator: Estimator = kind(
        **parameters,
        max_iter=ROUNDS,
        early_stopping=True,
        n_iter_no_change=PATIENCE // 2,
        random_state=SEED,
    ).fit(lesson.features, lesson.target, sample_weight=lesson.weights, X_val=features, y_val=target)
    return estimator


def _forest(kind: str, parameters: dict[str, Any], lesson: Lesson) -> Estimator:
    from sklearn import ensemble

    estimator: Estimator = getattr(ensemble, f"{kind}{'Regressor' if lesson.regression else 'Classifier'}")(
        **parameters,
        n_estimators=max(40, BAGGED_TREES // len(lesson.data.folds)),
        max_features=0.5 if lesson.regression else "sqrt",
        n_jobs=1,
        random_state=SEED,
    ).fit(lesson.features, lesson.target, sample_weight=lesson.weights)
    return estimator


def _linear(parameters: dict[str, Any], lesson: Lesson) -> Estimator:
    from sklearn import linear_model

    strength = float(parameters.get("C", 1.0))
    model: Any = (
        linear_model.Ridge(alpha=1 / strength)
        if lesson.regression
        else linear_model.LogisticRegression(C=strength, max_iter=500)
    )
    estimator: Estimator = model.fit(lesson.features, lesson.target, sample_weight=lesson.weights)
    return estimator


def _network(parameters: dict[str, Any], lesson: Lesson) -> Estimator:
    from sklearn import neural_network
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler

    units = parameters.pop("units", None)
    if units is not None:
        parameters["hidden_layer_sizes"] = [int(units), max(8, int(units) // 2)]
    options = {
        **parameters,
        "early_stopping": True,  # by a tenth of the rows that it learns from
        "n_iter_no_change": 5,
        "max_iter": 100,
        "batch_size": min(256, max(32, len(lesson.target) // 50)),
        "random_state": SEED,
    }
    model: Any = (
        TransformedTargetRegressor(neural_network.MLPRegressor(**options), transformer=StandardScaler())
        if lesson.regression
        else neural_network.MLPClassifier(**options)
    )
    estimator: Estimator = model.fit(lesson.features, lesson.target, sample_weight=lesson.weights)
    return estimator


_FITTERS: Mapping[str, Callable[[dict[str, Any], Lesson], Estimator]] = {
    "extra-trees": partial(_forest, "ExtraTrees"),
    "lightgbm": _histogram_boosting,
    "linear-learner": _linear,
    "mlp": _network,
    "nn-torch": _network,
    "randomforest": partial(_forest, "RandomForest"),
    "xgboost": _xgboost,
}
