"""Tuning jobs: how well training jobs are packed onto the processors, and how well searches search.

PYTHONPATH=include:plugins:. python -m tests.bench.tuning
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import fmean

from tests.support.published_functions import BRANIN, HARTMANN
from tests.support.stand_in import StandIn
from tests.support.tuning_jobs import (
    STATIC,
    definition,
    ended_tuning,
    training_jobs,
    tuning_request,
    upload_rows,
)

JOBS, PARALLEL = 20, 2
ROUNDS = "300"
SEEDS = 10


def main() -> None:
    """Measure and print."""
    title = f"{JOBS} training jobs, {PARALLEL} at once"
    print(title.ljust(44) + "own s".rjust(10) + "ideal s".rjust(10) + "took s".rjust(10) + "ratio".rjust(8))
    with tempfile.TemporaryDirectory() as name:
        stand_in = StandIn(Path(name))
        try:
            for strategy in ("Random", "Bayesian"):
                own, took = packed(stand_in, strategy)
                ideal = own / PARALLEL
                print(f"  {strategy}".ljust(44) + f"{own:10.1f}{ideal:10.1f}{took:10.1f}{took / ideal:8.2f}")
        finally:
            stand_in.stop()
    title = f"distance to the minimum, mean of {SEEDS} seeds"
    print(
        title.ljust(44) + "Random".rjust(10) + "Bayesian".rjust(10) + "ms a job".rjust(10) + "ratio".rjust(8)
    )
    for function, jobs in ((HARTMANN, 40), (BRANIN, 30)):
        random = fmean(function.distance("Random", seed, jobs) for seed in range(SEEDS))
        began = time.process_time()
        bayesian = fmean(function.distance("Bayesian", seed, jobs) for seed in range(SEEDS))
        milliseconds = (time.process_time() - began) / SEEDS / jobs * 1000
        what = f"  {function.name}, {jobs} jobs".ljust(44)
        print(f"{what}{random:10.3f}{bayesian:10.3f}{milliseconds:10.1f}{random / bayesian:8.1f}")


def packed(stand_in: StandIn, strategy: str) -> tuple[float, float]:
    """Seconds that the training jobs ran, added up, and seconds that the tuning job took."""
    s3, sagemaker = stand_in.client("s3"), stand_in.client("sagemaker")
    name = f"pack-{strategy}"
    s3.create_bucket(Bucket=name.lower())
    upload_rows(s3, name.lower())
    training = definition(name.lower(), StaticHyperParameters={**STATIC, "num_round": ROUNDS})
    sagemaker.create_hyper_parameter_tuning_job(
        **tuning_request(name, training, jobs=JOBS, parallel=PARALLEL, strategy=strategy)
    )
    ended = ended_tuning(sagemaker, name, 600)
    own = sum(
        (one["TrainingEndTime"] - one["TrainingStartTime"]).total_seconds()
        for one in training_jobs(sagemaker, name, MaxResults=100)
    )
    return own, (ended["HyperParameterTuningEndTime"] - ended["CreationTime"]).total_seconds()


if __name__ == "__main__":
    main()
