"""What calls do not wait for: providing groups, updating and deleting them, and the offline store.

One thread does it all, one thing after the other: no flush meets the deletion of its group, no new column
meets a half-written file.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from local_aws.services.context import Context
from local_aws.services.sagemaker import tags
from local_aws.services.sagemaker.feature_store import offline
from local_aws.services.sagemaker.feature_store.schema import Schema
from local_aws.state.features import Features
from local_aws.state.objects import BucketMissing
from local_aws.state.records import Body, RecordMissing
from local_aws.wire.errors import AwsError
from local_aws.wire.lanes import meanwhile

KIND = "sagemaker.feature_group"
METADATA = "sagemaker.feature_metadata"  # <store id>/<feature> -> Description, Parameters, times

_SERVICE = "sagemaker.feature_store"
_FULL = 50_000  # records that wait for the offline store before its time has come
_REASON_CHARACTERS = 1024
_RETRY = 5  # times the usual interval, after the offline store could not be written

log = logging.getLogger("local_aws")


class Keeper:
    """The thread, and what calls need in memory: the compiled schemas of the groups."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.features = Features(context.database, meanwhile)
        self._schemas: dict[str, Schema] = {}
        self._closed: set[str] = set()  # stores of deleted groups; changed with the database locked
        self._loading = threading.Lock()
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._due: float | None = None  # when the buffer is to be flushed, monotonic
        self._buffered = 0  # records since the last flush; about, for nobody locks it
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="feature store", daemon=True)
        self._thread.start()

    @classmethod
    def of(cls, context: Context) -> Keeper:
        """The context's keeper, started when it is first asked for."""
        found = context.running.get(_SERVICE)
        if found is None:
            with _STARTING:
                found = context.running.get(_SERVICE) or context.running.setdefault(_SERVICE, cls(context))
        keeper: Keeper = found
        return keeper

    # What calls ask for

    def schema(self, name: str) -> Schema | None:
        """The checks of a group that takes records; None when there is no such group."""
        found = self._schemas.get(name)
        return found if found is not None else self._load(name)

    def is_closed(self, store: str) -> bool:
        """Whether the group of a store was deleted after its schema was asked for."""
        return store in self._closed

    def provide(self, name: str) -> None:
        """Make the group's table; Created or CreateFailed."""
        self._tasks.put(partial(self._provide, name))

    def update(self, name: str) -> None:
        """Apply the group's PendingUpdate."""
        self._tasks.put(partial(self._update, name))

    def delete(self, name: str) -> None:
        """Close the group at once, and remove it when what it took is in the offline store."""
        with self.context.database.transaction():
            try:
                body = self._change(name, lambda body: {**body, "FeatureGroupStatus": "Deleting"})
            except RecordMissing:
                return
            self._closed.add(body["StoreId"])
        # Not while it waits for the database: GetRecord may want a schema, in the thread of the sockets.
        self._forget(name)
        self._tasks.put(partial(self._delete, name))

    def buffered(self, records: int) -> None:
        """Records wait for the offline store now."""
        self._buffered += records
        if self._due is None:
            self._due = time.monotonic() + self.context.settings.offline_store_seconds
            self._tasks.put(None)
        elif self._buffered >= _FULL:
            self._buffered = 0
            self._tasks.put(self._flush)

    def recover(self) -> None:
        """Go on with what a stop or a crash left."""
        for record in self.context.records(KIND).scan():
            name, status = record.body["FeatureGroupName"], record.body["FeatureGroupStatus"]
            if status == "Creating":
                self.provide(name)
            elif status == "Deleting":
                self._tasks.put(partial(self._delete, name))
            elif "PendingUpdate" in record.body:
                self.update(name)
        if self.features.waiting():
            self.buffered(0)

    def close(self) -> None:
        """Flush what waits and end the thread."""
        self._tasks.put(self._flush)
        self._stopping = True
        self._tasks.put(None)
        self._thread.join()

    # The thread

    def _run(self) -> None:
        while True:
            due = self._due
            try:
                task = self._tasks.get(timeout=None if due is None else max(0.0, due - time.monotonic()))
            except queue.Empty:
                task = self._flush
            if task is not None:
                try:
                    task()
                except Exception:
                    log.exception("The feature store failed")
            elif self._stopping:
                return

    def _load(self, name: str) -> Schema | None:
        # Read and remember under one lock, so that what a change throws out is not put back.
        with self._loading:
            found = self.context.records(KIND).find(name.lower())
            if found is None or found.body["FeatureGroupStatus"] != "Created":
                return None
            schema = Schema(found.body)
            self._schemas[schema.name] = schema
            return schema if schema.name == name else None

    def _forget(self, name: str) -> None:
        with self._loading:
            self._schemas.pop(name, None)

    def _change(self, name: str, how: Callable[[Body], Body | None]) -> Body:
        return self.context.records(KIND).change(name.lower(), how).body

    def _provide(self, name: str) -> None:
        record = self.context.records(KIND).find(name.lower())
        if record is None or record.body["FeatureGroupStatus"] != "Creating":
            return
        body, reason = record.body, ""
        try:
            if "OfflineStoreConfig" in body:
                offline.provide(self.context, body)
        except offline.CannotProvide as problem:
            reason = str(problem)

        def provided(body: Body) -> Body | None:
            if body["FeatureGroupStatus"] != "Creating":
                return None
            if not reason:
                return {**body, "FeatureGroupStatus": "Created"}
            return {
                **body,
                "FeatureGroupStatus": "CreateFailed",
                "FailureReason": reason[:_REASON_CHARACTERS],
            }

        self._change(name, provided)
        log.info("Feature group %s is %s %s", name, "CreateFailed:" if reason else "Created", reason)

    def _update(self, name: str) -> None:
        record = self.context.records(KIND).find(name.lower())
        if record is None or "PendingUpdate" not in record.body:
            return
        body = record.body
        after = _updated(body)
        status: dict[str, str] = {"Status": "Successful"}
        try:
            if "OfflineStoreConfig" in body and "FeatureAdditions" in body["PendingUpdate"]:
                offline.add_columns(self.context, after)
        except (offline.CannotProvide, AwsError) as problem:
            after = {key: value for key, value in body.items() if key != "PendingUpdate"}
            status = {"Status": "Failed", "FailureReason": str(problem)[:_REASON_CHARACTERS]}
        after |= {"LastUpdateStatus": status, "LastModifiedTime": datetime.now(UTC)}
        # Deleted meanwhile: then there is nothing to update.
        self._change(name, lambda now: after if now["FeatureGroupStatus"] == "Created" else None)
        self._forget(name)
        log.info("The update of feature group %s was %s", name, status["Status"])

    def _delete(self, name: str) -> None:
        body = self.context.records(KIND).get(name.lower()).body
        store = body["StoreId"]
        try:
            offline.flush(self.context, self.features, body)
        except BucketMissing as gone:
            log.warning(
                "Feature group %s: its last records have nowhere to go, bucket %s is gone", name, gone
            )
        except Exception as problem:
            log.exception("Feature group %s cannot be deleted", name)
            reason = f"{type(problem).__name__}: {problem}"[:_REASON_CHARACTERS]
            self._change(
                name, lambda now: {**now, "FeatureGroupStatus": "DeleteFailed", "FailureReason": reason}
            )
            return
        metadata = self.context.records(METADATA)
        with self.context.database.transaction() as connection:
            connection.execute("DELETE FROM feature_buffer WHERE store = ?", (store,))
            self.features.clear(store)
            for record in list(metadata.scan(f"{store}/")):
                metadata.delete(record.key)
            self.context.records(KIND).delete(name.lower())
            tags.forget(self.context, body["FeatureGroupArn"])
        log.info("Feature group %s is deleted", name)

    def _flush(self) -> None:
        """Write all that waits to the offline stores, and remove what has expired."""
        self._due, self._buffered = None, 0
        self.features.expire(time.time())
        groups = {record.body["StoreId"]: record.body for record in self.context.records(KIND).scan()}
        blocked = False
        for store in self.features.waiting():
            if store in groups:
                blocked |= not self._flush_group(groups[store])
        if blocked and self._due is None:
            self._due = time.monotonic() + _RETRY * self.context.settings.offline_store_seconds

    def _flush_group(self, body: Body) -> bool:
        name = body["FeatureGroupName"]
        try:
            offline.flush(self.context, self.features, body)
            status = {"Status": "Active"}
        except BucketMissing as gone:
            status = {"Status": "Blocked", "BlockedReason": f"The bucket {gone.args[0]} does not exist."}
        except Exception as problem:
            log.exception("Feature group %s: the offline store cannot be written", name)
            status = {
                "Status": "Blocked",
                "BlockedReason": f"{type(problem).__name__}: {problem}"[:_REASON_CHARACTERS],
            }
        if body["OfflineStoreStatus"] != status:
            log.info("The offline store of feature group %s is %s", name, status)
            self._change(name, lambda now: {**now, "OfflineStoreStatus": status})
        return status["Status"] == "Active"


_STARTING = threading.Lock()


def _updated(body: Body) -> Body:
    """The group with its PendingUpdate in its place."""
    after = {key: value for key, value in body.items() if key != "PendingUpdate"}
    pending: Mapping[str, Any] = body["PendingUpdate"]
    after["FeatureDefinitions"] = [*body["FeatureDefinitions"], *pending.get("FeatureAdditions", ())]
    if "ThroughputConfig" in pending:
        after["ThroughputConfig"] = {**pending["ThroughputConfig"]}
    if "OnlineStoreConfig" in pending:
        online = {**body["OnlineStoreConfig"], **pending["OnlineStoreConfig"]}
        ttl = online.get("TtlDuration") or {}
        if ttl.get("Value") is None:
            online.pop("TtlDuration", None)
        after["OnlineStoreConfig"] = online
    return after
