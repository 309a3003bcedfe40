"""The one trigger for all remote work: wait until AWS is done with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.triggers.base import BaseTrigger, TriggerEvent

from aws_ml.waiters.kinds import KINDS, Handle
from aws_ml.waiters.patience import Patience, is_missing


class RemoteJobTrigger(BaseTrigger):
    """Fire once when the remote work is settled, well or badly.

    The event says no more than AWS's state: the task asks AWS again when it resumes and judges there, so
    that a job ends the same way whether it was awaited here or on a worker.

    :param kind: key of a row in `aws_ml.waiters.kinds.KINDS`
    :param handle: the Describe call's parameters
    :param poll_seconds: seconds between two polls
    :param stop_on_kill: stop the remote work when a user marks the task or clears it. Off for work that
        somebody else started, or that can't be stopped.
    """

    def __init__(
        self,
        *,
        kind: str,
        handle: Handle,
        poll_seconds: float,
        stop_on_kill: bool = True,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kind = KINDS[kind]
        self.handle = handle
        self.poll_seconds = poll_seconds
        self.stop_on_kill = stop_on_kill
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments from which another triggerer process makes this trigger again."""
        return (
            "aws_ml.triggers.remote_job.RemoteJobTrigger",
            {
                "kind": self.kind.key,
                "handle": self.handle,
                "poll_seconds": self.poll_seconds,
                "stop_on_kill": self.stop_on_kill,
                "aws_conn_id": self.aws_conn_id,
                "region_name": self.region_name,
                "verify": self.verify,
                "botocore_config": self.botocore_config,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the work is settled; an error that won't pass is an event too, not a dead trigger."""
        patience = Patience(self.poll_seconds)
        told = ""
        async with await self._hook().get_async_conn() as client:
            while True:
                try:
                    description = await getattr(client, self.kind.describe)(**self.handle)
                except Exception as error:  # noqa: BLE001 (Patience raises what won't pass)
                    if is_missing(error):
                        yield TriggerEvent({"phase": "missing"})
                        return
                    try:
                        delay = patience.after(error)
                    except Exception as permanent:  # noqa: BLE001 (told to the task, which fails with it)
                        yield TriggerEvent(
                            {"phase": "unknown", "error": str(permanent), "handle": self.handle}
                        )
                        return
                    self.log.warning("AWS doesn't answer, asking again in %.0f s: %s", delay, error)
                else:
                    patience.answered()
                    delay = self.poll_seconds
                    if self.kind.progress(description) != told:
                        told = self.kind.progress(description)
                        self.log.info("%s %s is %s", self.kind.title, self.kind.label(self.handle), told)
                    phase = self.kind.phase(description)
                    if phase.settled:
                        yield TriggerEvent({"phase": phase.value, "state": self.kind.state(description)})
                        return
                await asyncio.sleep(delay)

    async def on_kill(self) -> None:
        """Stop the remote work: a user marked the task or cleared it. A restarted triggerer doesn't."""
        if not self.stop_on_kill or self.kind.stop is None:
            return
        self.log.info("The task was killed: stopping %s %s", self.kind.title, self.kind.label(self.handle))
        async with await self._hook().get_async_conn() as client:
            await getattr(client, self.kind.stop)(**self.kind.stop_parameters(self.handle))

    def _hook(self) -> AwsBaseHook:
        return AwsBaseHook(
            aws_conn_id=self.aws_conn_id,
            client_type=self.kind.service,
            region_name=self.region_name,
            verify=self.verify,
            config=self.botocore_config,
        )
