"""SageMaker feature groups."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.sdk.exceptions import AirflowFailException
from botocore.exceptions import ClientError, ParamValidationError

from aws_ml.exceptions import FeatureGroupDiffers, RemoteJobFailed, ReportMissing, RequestRefused
from aws_ml.feature_store import additions, differences, leftovers
from aws_ml.hooks.documents import read_json, write_json
from aws_ml.operators.remote_job import RemoteWork
from aws_ml.waiters.kinds import FEATURE_GROUP, Description, Handle, at
from aws_ml.waiters.patience import Patience, error_code, poll_seconds

if TYPE_CHECKING:
    from airflow.sdk import Context

ADDITIONS_A_CALL = 100
"""Features that one UpdateFeatureGroup adds, AWS's limit."""

NOTES_TAG = "feature_notes"
"""Tag of the group: a digest of what was told of its features, which are told again only when it changed."""

_REFUSALS = frozenset({"ValidationException", "ValidationError", "AccessDeniedException", "NotEmulated"})


class FeatureGroupOperator(RemoteWork, AwsBaseOperator[SageMakerHook]):
    """Bring a feature group to what the workflow describes, and wait until it is.

    It creates the group, or adds the features that an existing one lacks. What a group cannot change is never
    tried: a feature of another type, another entity or event time, a store that it was made without. Features
    that the workflow no longer has stay, since a group gives none up. Every step looks first, so a retry or
    a cleared task goes on where an earlier one was. Killing the task leaves the group alone. What the group
    is in the end, and what this task changed in all its tries, is written to `feature_group.json`.

    :param config: body of CreateFeatureGroup (templated)
    :param metadata: bodies of UpdateFeatureMetadata (templated)
    :param bucket: bucket of the report (templated)
    :param report_key: key of `feature_group.json` (templated)
    :param poll_seconds: seconds between two polls
    :param deferrable: wait on the triggerer instead of on a worker
    :return: ``{"name", "arn", "created_at", "database", "table", "offline_uri", "features", "created",
        "added", "left"}``; `database` and `table` are the offline store's in the Glue catalog, `created_at`
        is in ISO 8601, `created` and `added` what this task has done in all its tries
    """

    aws_hook_class = SageMakerHook
    kind = FEATURE_GROUP
    template_fields: Sequence[str] = aws_template_fields("config", "metadata", "bucket", "report_key")
    template_fields_renderers: ClassVar[dict[str, str]] = {"config": "json", "metadata": "json"}

    def __init__(
        self,
        *,
        config: dict[str, Any],
        metadata: list[dict[str, Any]],
        bucket: str,
        report_key: str,
        poll_seconds: float = 5,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.metadata = metadata
        self.bucket = bucket
        self.report_key = report_key
        self.poll_seconds = poll_seconds
        self.deferrable = deferrable

    def execute(self, context: Context) -> Any:
        """Look at the group and do what is due."""
        handle = {"FeatureGroupName": self.config["FeatureGroupName"]}
        return self.define(context, handle=handle, done=self._done_before(context))

    def _done_before(self, context: Context) -> dict[str, Any]:
        """What earlier tries of this task did: one that ended well has written it down, one that did not has
        recorded it. What another run left under the same key is not this one's doing.
        """
        done: dict[str, Any] = {"created": False, "added": [], "time_to_live_changed": False}
        try:
            report = read_json(self, self.bucket, self.report_key)
        except ReportMissing:
            report = {}
        mine = report if report.get("run_id") == context["ti"].run_id else None
        for told in (mine, self.recorded(context)):
            if told:
                done = {
                    "created": done["created"] or told["created"],
                    "added": list(dict.fromkeys([*done["added"], *told["added"]])),
                    "time_to_live_changed": done["time_to_live_changed"] or told["time_to_live_changed"],
                }
        return done

    def define(self, context: Context, *, handle: Handle, done: dict[str, Any]) -> Any:
        """One step towards the wanted group.

        :param done: what this task has done to it so far: whether it was `created`, what was `added`, and
            whether how long records live was changed (`time_to_live_changed`)
        """
        group = self.describe(handle)
        if group is None:
            return self._create(context, handle, done)
        if not self.kind.phase(group).settled:
            return self._wait_on(context, handle, done)
        if group["FeatureGroupStatus"] == "CreateFailed" and not done["created"]:
            self.log.info("%s has failed and holds nothing: deleting it", self._called(handle))
            self._client().delete_feature_group(**handle)
            return self._wait_on(context, handle, done)
        if group["FeatureGroupStatus"] != "Created":
            raise self.failure(handle, group)
        group = {**group, "FeatureDefinitions": self._definitions(handle)}
        if different := differences(self.config, group):
            says = "\n  ".join(["", f"{self._called(handle)}:", *different])
            raise AirflowFailException(
                str(FeatureGroupDiffers(says + "\nGive `feature_store.group` another name."))
            )
        if update := self._due(group):
            return self._update(context, handle, group, update, done)
        if at(group, "OfflineStoreStatus.Status") == "Blocked":
            reason = self.kind.reason(group) or "AWS gives no reason"
            raise RemoteJobFailed(self._called(handle), "blocked offline", reason, self._where(handle, group))
        tags = self._tell(group)
        result = self._result(group, done)
        report = {
            "run_id": context["ti"].run_id,
            **self._report(group, result, tags, self._where(handle, group)),
            "time_to_live_changed": done["time_to_live_changed"],
        }
        write_json(self, self.bucket, self.report_key, report)
        self.forget(context)
        return result

    def _create(self, context: Context, handle: Handle, done: dict[str, Any]) -> Any:
        self.log.info("Creating %s", self._called(handle))
        done = self._about_to(context, {**done, "created": True, "added": []})
        try:
            self._client().create_feature_group(**self.config)
        except (ClientError, ParamValidationError) as error:
            # ResourceInUse: botocore repeats a call whose answer got lost, the first one did it.
            if not isinstance(error, ClientError) or error_code(error) != "ResourceInUse":
                raise self._refused(handle, error) from error
        return self._wait_on(context, handle, done)

    def _due(self, group: Description) -> dict[str, Any]:
        """What UpdateFeatureGroup has to be told next; empty when the group is as wanted."""
        lacking = additions(self.config["FeatureDefinitions"], group["FeatureDefinitions"])
        if lacking:
            return {"FeatureAdditions": lacking[:ADDITIONS_A_CALL]}
        # Without Unit and Value it is taken away: records stay until they are written over.
        ttl = at(self.config, "OnlineStoreConfig.TtlDuration") or {}
        if ttl != (at(group, "OnlineStoreConfig.TtlDuration") or {}):
            return {"OnlineStoreConfig": {"TtlDuration": ttl}}
        return {}

    def _update(
        self,
        context: Context,
        handle: Handle,
        group: Description,
        update: dict[str, Any],
        done: dict[str, Any],
    ) -> Any:
        names = [each["FeatureName"] for each in update.get("FeatureAdditions", [])]
        if done.get("sent") == _text(update):  # it was told, is at rest, and still is not so
            reason = at(group, "LastUpdateStatus.FailureReason") or "AWS gives no reason"
            state = at(group, "LastUpdateStatus.Status") or "not updated"
            raise RemoteJobFailed(
                self._called(handle), f"{state} on update", reason, self._where(handle, group)
            )
        self.log.info("Updating %s: %s", self._called(handle), ", ".join(names) or _text(update))
        done = self._about_to(
            context,
            {
                **done,
                "added": list(dict.fromkeys([*done["added"], *names])),
                "time_to_live_changed": done["time_to_live_changed"] or "OnlineStoreConfig" in update,
            },
        )
        try:
            self._client().update_feature_group(**handle, **update)
        except (ClientError, ParamValidationError) as error:
            raise self._refused(handle, error) from error
        return self._wait_on(context, handle, {**done, "sent": _text(update)})

    def _about_to(self, context: Context, done: dict[str, Any]) -> dict[str, Any]:
        """Record what will have been done: a worker that dies after AWS was told can't do it any more."""
        self.record(context, {key: value for key, value in done.items() if key != "sent"})
        return done

    def _wait_on(self, context: Context, handle: Handle, done: dict[str, Any]) -> Any:
        return self.follow(context, handle, "define", stop_on_kill=False, done=done)

    def _definitions(self, handle: Handle) -> list[dict[str, Any]]:
        """All features of the group, which AWS describes in pages."""
        client, found, token = self._client(), [], None
        while True:
            page = client.describe_feature_group(**handle, **({"NextToken": token} if token else {}))
            found += page["FeatureDefinitions"]
            token = page.get("NextToken")
            if not token:
                return found

    def _tell(self, group: Description) -> dict[str, str]:
        """Describe the features, unless the group's tag says that it was told the same before.

        :return: the group's tags as they were
        """
        client, arn = self._client(), group["FeatureGroupArn"]
        digest = hashlib.sha256(_text(self.metadata).encode()).hexdigest()[:16]
        pages = client.get_paginator("list_tags").paginate(ResourceArn=arn)
        tags = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
        if tags.get(NOTES_TAG) == digest:
            return tags
        for body in self.metadata:  # hundreds of calls, of which AWS takes a few a second
            tell = partial(client.update_feature_metadata, **body)
            self._patiently(tell, Patience(poll_seconds(self.poll_seconds)))
        client.add_tags(ResourceArn=arn, Tags=[{"Key": NOTES_TAG, "Value": digest}])
        self.log.info("Described %d features", len(self.metadata))
        return tags

    def _result(self, group: Description, done: Mapping[str, Any]) -> dict[str, Any]:
        left = leftovers(self.config["FeatureDefinitions"], group["FeatureDefinitions"])
        if left:
            self.log.info("No longer written, and kept by the group: %s", ", ".join(left))
        offline = group["OfflineStoreConfig"]
        there = {each["FeatureName"] for each in group["FeatureDefinitions"]}
        return {
            "name": group["FeatureGroupName"],
            "arn": group["FeatureGroupArn"],
            "created_at": group["CreationTime"].astimezone(UTC).isoformat(),
            "database": offline["DataCatalogConfig"]["Database"],
            "table": offline["DataCatalogConfig"]["TableName"],
            "offline_uri": offline["S3StorageConfig"]["ResolvedOutputS3Uri"],
            "features": len(self.config["FeatureDefinitions"]),
            "created": done["created"],
            "added": [name for name in done["added"] if name in there],
            "left": left,
        }

    def _report(
        self, group: Description, result: Mapping[str, Any], tags: Mapping[str, str], console: str
    ) -> dict[str, Any]:
        """The group for people. ``features_before`` is None where there was no group; the tags are those that
        the last ingestion before this run has left.
        """
        told = {body["FeatureName"]: body.get("Description", "") for body in self.metadata}
        changed = group.get("LastModifiedTime")
        return {
            "name": result["name"],
            "arn": result["arn"],
            "created": result["created"],
            "created_at": result["created_at"],
            "changed_at": changed.astimezone(UTC).isoformat() if changed else None,
            "features_before": None
            if result["created"]
            else len(group["FeatureDefinitions"]) - len(result["added"]),
            "added": result["added"],
            "left": result["left"],
            "entity": group["RecordIdentifierFeatureName"],
            "event_time": group["EventTimeFeatureName"],
            "online": bool(at(group, "OnlineStoreConfig.EnableOnlineStore")),
            "time_to_live": at(group, "OnlineStoreConfig.TtlDuration") or None,
            "offline_uri": result["offline_uri"],
            "database": result["database"],
            "table": result["table"],
            "console": console,
            "tags": dict(tags),
            "features": [
                {
                    "name": each["FeatureName"],
                    "type": each["FeatureType"],
                    "collection": each.get("CollectionType"),
                    "description": told.get(each["FeatureName"], ""),
                }
                for each in group["FeatureDefinitions"]
            ],
        }

    def _refused(self, handle: Handle, error: Exception) -> Exception:
        hopeless = isinstance(error, ParamValidationError) or (
            isinstance(error, ClientError) and error_code(error) in _REFUSALS
        )
        if hopeless:
            return AirflowFailException(str(RequestRefused(f"{self._called(handle)}: {error}")))
        return error


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
