"""Legal and illegal moves of every kind of job."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from local_aws.jobs.lifecycle import IllegalMove, Life
from local_aws.services.sagemaker.processing_job import ProcessingJobKind
from local_aws.services.sagemaker.training_job import TrainingJobKind

LIVES = {kind.kind: kind.life for kind in (ProcessingJobKind(), TrainingJobKind())}
LEGAL = [
    (kind, before, after)
    for kind, life in LIVES.items()
    for before, following in life.moves.items()
    for after in sorted(following)
]
ILLEGAL = [
    (kind, before, after)
    for kind, life in LIVES.items()
    for before, after in itertools.product(life.moves, repeat=2)
    if after not in life.moves[before] and (before != after or life.last(before))
]


@pytest.mark.parametrize(("kind", "before", "after"), LEGAL)
def test_a_move_of_the_table_is_allowed(kind: str, before: str, after: str) -> None:
    LIVES[kind].check(before, after)


@pytest.mark.parametrize(("kind", "before", "after"), ILLEGAL)
def test_any_other_move_is_refused(kind: str, before: str, after: str) -> None:
    with pytest.raises(IllegalMove, match=f"{before} -> {after}"):
        LIVES[kind].check(before, after)


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
def test_a_last_state_stays(life: Life) -> None:
    for state in (life.completed, life.failed, life.stopped, life.timed_out):
        assert life.last(state)


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
def test_a_stopping_job_cannot_complete_or_fail(life: Life) -> None:
    assert life.moves[life.stopping] == {life.stopped, life.timed_out}


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
def test_every_unfinished_state_can_be_stopped_and_can_fail(life: Life) -> None:
    for state, following in life.moves.items():
        if following and state != life.stopping:
            assert {life.stopping, life.failed} <= following


def test_a_state_without_a_row_is_refused_when_the_table_is_made() -> None:
    with pytest.raises(ValueError, match="Paused"):
        replace(LIVES["sagemaker.processing_job"], stopping="Paused")
