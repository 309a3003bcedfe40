"""Legal moves of a job, one table per kind. States are the words that AWS answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


class IllegalMove(Exception):
    """A job was to move along an arrow that its kind's table does not have."""


@dataclass(frozen=True)
class Life:
    """The states of one kind of job and the moves between them.

    Several moments may share one state: a processing job is InProgress from queue to upload. Moving from a
    state to itself is then legal and changes nothing.
    """

    field: str  # the record's member that holds the state, e.g. "SecondaryStatus"
    moves: Mapping[str, frozenset[str]]  # state -> states that may follow; last states lead nowhere
    starting: str  # accepted, waits for a slot
    downloading: str  # inputs are being copied
    running: str  # its process runs
    uploading: str  # the process has ended, outputs are being copied
    completed: str
    failed: str
    stopping: str  # Stop was asked for
    stopped: str
    timed_out: str  # ended because its time ran out; often the same as stopped
    interrupted: str | None = None  # its machine was taken away, it waits for another; None: never
    waited_out: str | None = None  # ended because none came in time

    def __post_init__(self) -> None:
        named = {
            self.starting, self.downloading, self.running, self.uploading, self.completed,
            self.failed, self.stopping, self.stopped, self.timed_out,
        }  # fmt: skip
        named |= {state for state in (self.interrupted, self.waited_out) if state}
        unknown = (named | {state for after in self.moves.values() for state in after}) - set(self.moves)
        if unknown:
            raise ValueError(f"states without a row in the table: {sorted(unknown)}")

    def last(self, state: str) -> bool:
        """Nothing follows this state."""
        return not self.moves[state]

    def check(self, before: str, after: str) -> None:
        """Raise IllegalMove unless the table has this arrow, or before and after are one unfinished state."""
        if before == after and not self.last(before):
            return
        if after not in self.moves[before]:
            raise IllegalMove(f"{before} -> {after}")
