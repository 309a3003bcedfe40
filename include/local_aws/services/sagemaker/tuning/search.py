"""Which hyperparameters to try next, by optuna; no job and no record is known here.

    Random      independent draws, even on each range's scale
    Bayesian    a tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011) of all ranges together
    Grid        all combinations of the lists, in order
    Hyperband   random draws; `reported` stops those that fall behind (Li et al., JMLR 2018, asynchronous)

Whatever is drawn depends on the seed and on the number of the draw only, never on how long the process has
lived: a search that is built again from what it has tried goes on as the first one would have.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import Trial, TrialState

from local_aws.services.sagemaker.tuning.space import Number, Range, Space, Values

FRESH_DRAWS = 20  # for values that were not tried yet; a small space may have none
FIRST_DRAWS = 6  # of Bayesian, at random; optuna's own number, 10, is half of a usual tuning job
REDUCTION = 3  # of the training jobs at a rung of Hyperband one in so many goes on

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Search:
    """One tuning job's search.

    Args:
        space: what to search.
        strategy: Random, Bayesian, Grid or Hyperband.
        maximize: whether a larger objective is better.
        seed: the same seed and the same observations give the same proposals.
        resources: Hyperband's least and most number of objective values (epochs) of a training job.
    """

    def __init__(
        self,
        space: Space,
        strategy: str,
        *,
        maximize: bool,
        seed: int,
        resources: tuple[int, int] | None = None,
    ) -> None:
        self.space = space
        self.strategy = strategy
        self._seed = seed
        self._resources = resources
        self._distributions = {one.name: _distribution(one) for one in space.ranges}
        self._trials: dict[int, Trial] = {}  # those that run, by the caller's number
        self._reported: dict[int, int] = {}  # how many values of a running trial the pruner has seen
        self._tried: set[tuple[str, ...]] = set()
        self._study = optuna.create_study(
            direction="maximize" if maximize else "minimize",
            study_name=f"tuning-{seed}",  # Hyperband draws a trial's bracket from it
            pruner=_pruner(resources),
        )

    def propose(self, number: int) -> dict[str, str]:
        """The values of the training job of this number, as texts. Raises IndexError behind a grid's end."""
        if self.strategy == "Grid":
            combination = next(islice(self.space.grid(), number, None), None)
            if combination is None:
                raise IndexError(number)
            self.resume(number, combination)
            return combination
        for draw in range(FRESH_DRAWS):
            self._study.sampler = self._sampler(number, draw)
            trial = self._study.ask(self._distributions)
            values = {one.name: one.text(trial.params[one.name]) for one in self.space.ranges}
            if self._key(values) not in self._tried:
                break
            if draw < FRESH_DRAWS - 1:
                self._study.tell(trial, state=TrialState.FAIL)  # which the sampler passes over
        self._tried.add(self._key(values))
        self._trials[number] = trial
        return values

    def resume(self, number: int, values: Values) -> None:
        """A training job of this number runs already with these values."""
        inner = self._inner(values)
        if inner is None:
            return
        self._study.enqueue_trial(inner)
        self._trials[number] = self._study.ask(self._distributions)
        self._tried.add(self._key(values))

    def observe(self, number: int, objective: float | None) -> None:
        """The training job of this number has ended; None when it gave no objective."""
        trial = self._trials.pop(number, None)
        self._reported.pop(number, None)
        if trial is None:
            return
        if objective is None:
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._study.tell(trial, objective)

    def learn(self, values: Values, objective: float) -> bool:
        """Take in what another tuning job found; False when the values lie outside of this one's ranges."""
        inner = self._inner(values)
        if inner is None:
            return False
        self._study.add_trial(
            optuna.trial.create_trial(params=inner, distributions=self._distributions, value=objective)
        )
        self._tried.add(self._key(values))
        return True

    def suggest(self, values: Values) -> bool:
        """Propose these values before drawing any; False when they lie outside of the ranges."""
        inner = self._inner(values)
        if inner is None or self.strategy == "Grid":
            return False
        self._study.enqueue_trial(inner)
        return True

    def reported(self, number: int, curve: Sequence[float]) -> bool:
        """Whether Hyperband stops the training job, after the objective values that it has logged so far."""
        trial = self._trials.get(number)
        if trial is None or self._resources is None:
            return False
        least, most = self._resources
        seen = self._reported.get(number, 0)
        self._reported[number] = len(curve)
        for step in _rungs(least, most):
            if seen < step <= len(curve):
                trial.report(curve[step - 1], step)
                if trial.should_prune():
                    return True
        return len(curve) > most

    def _sampler(self, number: int, draw: int) -> BaseSampler:
        seed = int(numpy.random.SeedSequence([self._seed, number, draw]).generate_state(1)[0])
        if self.strategy == "Bayesian" and draw < FRESH_DRAWS // 2:
            # constant_liar: training jobs that run side by side are kept apart.
            return TPESampler(n_startup_trials=FIRST_DRAWS, seed=seed, multivariate=True, constant_liar=True)
        return RandomSampler(seed=seed)

    def _inner(self, values: Values) -> dict[str, Any] | None:
        """Values on the search's own scale; None when one is missing or outside of its range."""
        found = {one.name: one.inner(values.get(one.name, "")) for one in self.space.ranges}
        return None if None in found.values() else found

    def _key(self, values: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(values[name] for name in self.space.names)


def _distribution(one: Range) -> BaseDistribution:
    if not isinstance(one, Number):
        return CategoricalDistribution(one.values)
    low, high = one.bounds
    if one.whole:
        return IntDistribution(int(low), int(high), log=one.logarithmic)
    return FloatDistribution(low, high, log=one.logarithmic)


def _pruner(resources: tuple[int, int] | None) -> optuna.pruners.BasePruner:
    if resources is None:
        return optuna.pruners.NopPruner()
    least, most = resources
    return optuna.pruners.HyperbandPruner(least, most, REDUCTION)


def _rungs(least: int, most: int) -> Iterator[int]:
    """The numbers of objective values after which Hyperband compares."""
    for rung in range(int(math.log(most / least, REDUCTION) + 1e-9) + 1):
        yield least * REDUCTION**rung
