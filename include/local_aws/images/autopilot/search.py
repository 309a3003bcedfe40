"""What is tried next: a list in ENSEMBLING mode, Bayesian search in HYPERPARAMETER_TUNING mode.

The search is Optuna's tree-structured Parzen estimator over one space that begins with the choice of the
algorithm. Two candidates are at work at once, so the second is chosen without the first one's result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from local_aws.images.autopilot.algorithms import CANDIDATES, FIRST, SPACES, Configuration, allowed
from local_aws.images.autopilot.contract import ENSEMBLING, MINIMIZED
from local_aws.images.autopilot.target import SEED


def listed(algorithms: Sequence[str]) -> list[Configuration]:
    """What ENSEMBLING tries of these algorithms."""
    wanted = allowed(ENSEMBLING, algorithms)
    return [each for each in CANDIDATES if each.algorithm in wanted]


class Search:
    """Chooses configurations and learns from their values.

    Args:
        algorithms: those to choose among.
        objective: the metric that is made better.
    """

    def __init__(self, algorithms: Sequence[str], objective: str) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._algorithms = list(algorithms)
        self._firsts: Iterator[str] = iter(self._algorithms)
        self._study: Any = optuna.create_study(
            direction="minimize" if objective in MINIMIZED else "maximize",
            sampler=optuna.samplers.TPESampler(seed=SEED, constant_liar=True),
        )
        self._trials: dict[str, Any] = {}

    def ask(self, name: str) -> Configuration:
        """A configuration for the candidate of this name: the usual one of each algorithm first."""
        if first := next(self._firsts, None):
            self._study.enqueue_trial(
                {"algorithm": first, **{f"{first}.{key}": value for key, value in FIRST[first].items()}}
            )
        trial = self._trials[name] = self._study.ask()
        algorithm = trial.suggest_categorical("algorithm", self._algorithms)
        parameters: dict[str, float] = {}
        for key, (low, high, logarithmic) in SPACES[algorithm].items():
            full = f"{algorithm}.{key}"
            if isinstance(low, int) and isinstance(high, int):
                parameters[key] = trial.suggest_int(full, low, high, log=logarithmic)
            else:
                parameters[key] = trial.suggest_float(full, low, high, log=logarithmic)
        return Configuration(algorithm, parameters)

    def tell(self, name: str, value: float | None) -> None:
        """What became of a candidate; None: it has no value."""
        import optuna

        state = optuna.trial.TrialState.FAIL if value is None else optuna.trial.TrialState.COMPLETE
        self._study.tell(self._trials.pop(name), value, state=state)
