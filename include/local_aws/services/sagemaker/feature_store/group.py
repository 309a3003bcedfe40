"""Feature groups: what features a record has, where records are kept, and what became of making it so.

    Creating ──> Created ──> Deleting ──> gone
        └──────> CreateFailed ──┘

An update (more features, another TTL, storage or throughput) waits in the record as PendingUpdate until the
keeper has applied it: LastUpdateStatus InProgress, then Successful or Failed. One at a time.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from local_aws.services.context import Context
from local_aws.services.sagemaker import tags
from local_aws.services.sagemaker.arns import arn
from local_aws.services.sagemaker.feature_store.keeper import KIND, Keeper
from local_aws.services.sagemaker.job import invalid, refuse
from local_aws.services.sagemaker.listing import listed
from local_aws.state import paging
from local_aws.state.objects import parse_s3_uri
from local_aws.state.records import Body, RecordExists, RecordMissing
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

MOST_FEATURES = 2500
RESERVED = ("is_deleted", "write_time", "api_invocation_time")
DATABASE = "sagemaker_featurestore"
CATALOG = "AwsDataCatalog"
DESCRIBED = 1000  # feature definitions of one page; AWS does not say how many it answers


@operation("sagemaker", "CreateFeatureGroup")
def create_feature_group(context: Context, call: Call) -> dict[str, Any]:
    """Store a group and start to provide it; answers before that is done."""
    request = call.parameters
    _check(request)
    name = request["FeatureGroupName"]
    now = datetime.now(UTC)
    body: Body = {key: value for key, value in request.items() if key != "Tags"}
    body |= {
        "FeatureGroupArn": arn(context, "feature-group", name),
        "CreationTime": now,
        "LastModifiedTime": now,
        "FeatureGroupStatus": "Creating",
        "StoreId": uuid.uuid4().hex,
    }
    body.setdefault("ThroughputConfig", {"ThroughputMode": "OnDemand"})
    if _is_online(body):
        body["OnlineStoreConfig"] = {"StorageType": "Standard", **body["OnlineStoreConfig"]}
    if "OfflineStoreConfig" in body:
        body["OfflineStoreConfig"] = _offline(context, name, body["OfflineStoreConfig"], now)
        body["OfflineStoreStatus"] = {"Status": "Active"}
    with context.database.transaction():
        try:
            context.records(KIND).insert(name.lower(), body)
        except RecordExists:
            raise AwsError(
                "ResourceInUse",
                f"Resource Already Exists: FeatureGroup with name {name} already exists."
                " Choose a different name.",
            ) from None
        tags.remember(context, body["FeatureGroupArn"], request.get("Tags"))
    Keeper.of(context).provide(name)
    return {"FeatureGroupArn": body["FeatureGroupArn"]}


@operation("sagemaker", "DescribeFeatureGroup")
def describe_feature_group(context: Context, call: Call) -> dict[str, Any]:
    """The group as it is; long lists of features come in pages."""
    body = stored(context, call.parameters["FeatureGroupName"])
    numbered = list(enumerate(body["FeatureDefinitions"]))
    shown, token = paging.page(
        numbered, token=call.parameters.get("NextToken"), limit=DESCRIBED, key=lambda item: item[0]
    )
    answer = {**body, "FeatureDefinitions": [definition for _, definition in shown], "NextToken": token or ""}
    if _is_online(body):
        answer["OnlineStoreTotalSizeBytes"] = Keeper.of(context).features.size(body["StoreId"])
    return answer


@operation("sagemaker", "ListFeatureGroups")
def list_feature_groups(context: Context, call: Call) -> dict[str, Any]:
    """Groups by name, time or status."""
    return listed(
        ({**body, "OfflineStatus": _offline_status(body)} for body in groups(context)),
        call.parameters,
        name="FeatureGroupName",
        member="FeatureGroupSummaries",
        fields=(
            "FeatureGroupName", "FeatureGroupArn", "CreationTime", "FeatureGroupStatus", "OfflineStoreStatus",
        ),
        order={"FeatureGroupStatus": "FeatureGroupStatus", "OfflineStoreStatus": "OfflineStatus"},
        equals={
            "FeatureGroupStatusEquals": "FeatureGroupStatus", "OfflineStoreStatusEquals": "OfflineStatus",
        },
    )  # fmt: skip


@operation("sagemaker", "UpdateFeatureGroup")
def update_feature_group(context: Context, call: Call) -> dict[str, Any]:
    """Add features, or change TTL, storage or throughput; answers before that is done."""
    request = call.parameters
    asked = {key: value for key, value in request.items() if key != "FeatureGroupName"}
    if len(asked) != 1:
        raise invalid(
            "Give exactly one of FeatureAdditions, OnlineStoreConfig and ThroughputConfig;"
            f" found {', '.join(asked) or 'none'}."
        )
    name = stored(context, request["FeatureGroupName"])["FeatureGroupName"]

    def pending(body: Body) -> Body:
        _check_update(body, asked)
        return {**body, "PendingUpdate": asked, "LastUpdateStatus": {"Status": "InProgress"}}

    try:
        body = context.records(KIND).change(name.lower(), pending).body
    except RecordMissing:
        raise missing(name) from None
    Keeper.of(context).update(name)
    return {"FeatureGroupArn": body["FeatureGroupArn"]}


@operation("sagemaker", "DeleteFeatureGroup")
def delete_feature_group(context: Context, call: Call) -> dict[str, Any]:
    """Close the group at once and remove it soon; what is in the offline store stays, and its table too."""
    name = stored(context, call.parameters["FeatureGroupName"])["FeatureGroupName"]
    Keeper.of(context).delete(name)
    return {}


def groups(context: Context) -> Iterator[Body]:
    """All groups by name."""
    return (record.body for record in context.records(KIND).scan())


def stored(context: Context, name_or_arn: str) -> Body:
    """The group of a name or an ARN. Raises ResourceNotFound."""
    name = name_or_arn.rpartition("/")[2]
    found = context.records(KIND).find(name.lower())
    if found is None or (name != name_or_arn and name_or_arn.lower() != found.body["FeatureGroupArn"]):
        raise missing(name_or_arn)
    return found.body


def missing(name: str) -> AwsError:
    """The error for a group that is not there."""
    return AwsError(
        "ResourceNotFound",
        f"Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name {name}",
    )


def _is_online(body: Mapping[str, Any]) -> bool:
    return bool((body.get("OnlineStoreConfig") or {}).get("EnableOnlineStore"))


def _offline_status(body: Mapping[str, Any]) -> str:
    status: str = body.get("OfflineStoreStatus", {"Status": "Disabled"})["Status"]
    return status


def _offline(context: Context, name: str, given: Body, now: datetime) -> Body:
    """The offline store's configuration with all that the service decides."""
    settings = context.settings
    epoch = int(now.timestamp())
    root = given["S3StorageConfig"]["S3Uri"].rstrip("/")
    place = f"{settings.account_id}/sagemaker/{settings.region}/offline-store/{name}-{epoch}/data"
    storage = {**given["S3StorageConfig"], "ResolvedOutputS3Uri": f"{root}/{place}"}
    made: Body = {"DisableGlueTableCreation": False, **given, "S3StorageConfig": storage}
    if not made["DisableGlueTableCreation"]:
        table = f"{name.replace('-', '_')}_{epoch}".lower()
        made.setdefault("DataCatalogConfig", {"TableName": table, "Catalog": CATALOG, "Database": DATABASE})
    return made


# --- checks -----------------------------------------------------------------------------------------


def _check(request: Mapping[str, Any]) -> None:
    """Raise for what AWS would not accept, and by name for what is not emulated."""
    refuse(
        "CreateFeatureGroup",
        request,
        "OnlineStoreConfig.SecurityConfig.KmsKeyId",
        "OfflineStoreConfig.S3StorageConfig.KmsKeyId",
    )
    online, offline = request.get("OnlineStoreConfig") or {}, request.get("OfflineStoreConfig")
    if not _is_online(request) and not offline:
        raise invalid(
            "A feature group needs an OnlineStoreConfig with EnableOnlineStore, an OfflineStoreConfig,"
            " or both."
        )
    if not _is_online(request) and (online.get("TtlDuration") or online.get("StorageType")):
        raise invalid("TtlDuration and StorageType need EnableOnlineStore.")
    _check_ttl(online.get("TtlDuration"), optional=False)
    if offline:
        _check_offline(request, offline)
    definitions = request["FeatureDefinitions"]
    _check_definitions(definitions, [], online.get("StorageType"))
    _check_throughput(request.get("ThroughputConfig"), request)
    kinds = {each["FeatureName"]: each for each in definitions}
    for member in ("RecordIdentifierFeatureName", "EventTimeFeatureName"):
        feature = kinds.get(request[member])
        if feature is None:
            raise invalid(f"{member} {request[member]} must be the name of one of the FeatureDefinitions.")
        if feature.get("CollectionType"):
            raise invalid(f"{member} {request[member]} cannot be a collection.")
    if kinds[request["EventTimeFeatureName"]]["FeatureType"] == "Integral":
        raise invalid(
            f"EventTimeFeatureName {request['EventTimeFeatureName']} has the type Integral;"
            " an event time is Fractional or String."
        )
    if request["RecordIdentifierFeatureName"] == request["EventTimeFeatureName"]:
        raise invalid("RecordIdentifierFeatureName and EventTimeFeatureName must be two features.")


def _check_offline(request: Mapping[str, Any], offline: Mapping[str, Any]) -> None:
    if offline.get("TableFormat") == "Iceberg":
        raise NotEmulated("sagemaker", "CreateFeatureGroup", "OfflineStoreConfig.TableFormat Iceberg")
    if not request.get("RoleArn"):
        raise invalid("RoleArn must be given with an OfflineStoreConfig.")
    try:
        parse_s3_uri(offline["S3StorageConfig"]["S3Uri"])
    except ValueError as error:
        raise invalid(str(error)) from None
    catalog = (offline.get("DataCatalogConfig") or {}).get("Catalog", CATALOG)
    if catalog.lower() != CATALOG.lower():
        raise NotEmulated(
            "sagemaker", "CreateFeatureGroup", f"the catalog {catalog}; there is {CATALOG} only"
        )


def _check_definitions(
    definitions: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]], storage: str | None
) -> None:
    """Raise ValidationException unless these features can stand beside those that are there."""
    if len(before) + len(definitions) > MOST_FEATURES:
        raise invalid(f"A feature group can have at most {MOST_FEATURES} features.")
    seen = {each["FeatureName"].lower(): each for each in before}
    vectors = sum(each.get("CollectionType") == "Vector" for each in [*before, *definitions])
    for each in definitions:
        name, collection = each["FeatureName"], each.get("CollectionType")
        if name.lower() in RESERVED:
            raise invalid(f"FeatureName {name} is reserved. Reserved are {', '.join(RESERVED)}.")
        if twin := seen.get(name.lower()):
            raise invalid(
                f"FeatureDefinitions must have unique names. Found {name} (type {each['FeatureType']}) beside"
                f" {twin['FeatureName']} (type {twin['FeatureType']}); upper and lower case count"
                " as the same, as in the offline store's table."
            )
        seen[name.lower()] = each
        if collection and storage != "InMemory":
            raise invalid(
                f"Feature {name} is a {collection}: collection types need an online store with StorageType"
                " InMemory."
            )
        vector = (each.get("CollectionConfig") or {}).get("VectorConfig")
        if (collection == "Vector") != (vector is not None):
            raise invalid(
                f"Feature {name}: CollectionConfig.VectorConfig goes with CollectionType Vector, and only"
                " with it."
            )
        if collection == "Vector" and each["FeatureType"] != "Fractional":
            raise invalid(
                f"Feature {name}: a Vector must have FeatureType Fractional, not {each['FeatureType']}."
            )
    if vectors > 1:
        raise invalid(f"A feature group can have one feature of CollectionType Vector; found {vectors}.")


def _check_ttl(ttl: Mapping[str, Any] | None, *, optional: bool) -> None:
    """``optional`` lets the empty TTL pass that removes one."""
    given = {key for key, value in (ttl or {}).items() if value is not None}
    if ttl is None or (optional and not given):
        return
    if given != {"Unit", "Value"}:
        raise invalid("TtlDuration needs both Unit and Value.")


def _check_throughput(throughput: Mapping[str, Any] | None, group: Mapping[str, Any]) -> None:
    if not throughput:
        return
    units = ("ProvisionedReadCapacityUnits", "ProvisionedWriteCapacityUnits")
    if throughput.get("ThroughputMode") != "Provisioned":
        if any(throughput.get(unit) for unit in units):
            raise invalid("Capacity units can be given with ThroughputMode Provisioned only.")
        return
    storage = (group.get("OnlineStoreConfig") or {}).get("StorageType") or "Standard"
    if _is_online(group) and storage != "Standard":
        raise invalid(
            f"ThroughputMode Provisioned needs StorageType Standard or no online store; found {storage}."
        )
    if not throughput.get("ProvisionedWriteCapacityUnits"):
        raise invalid("ThroughputMode Provisioned needs ProvisionedWriteCapacityUnits.")
    if _is_online(group) and not throughput.get("ProvisionedReadCapacityUnits"):
        raise invalid("ThroughputMode Provisioned needs ProvisionedReadCapacityUnits with an online store.")


def _check_update(body: Body, asked: Mapping[str, Any]) -> None:
    name = body["FeatureGroupName"]
    if body["FeatureGroupStatus"] != "Created":
        raise invalid(f"FeatureGroup {name} is in status {body['FeatureGroupStatus']}; it must be Created.")
    if body.get("LastUpdateStatus", {}).get("Status") == "InProgress":
        raise invalid(f"FeatureGroup {name} is being updated; wait until its LastUpdateStatus is Successful.")
    online = body.get("OnlineStoreConfig") or {}
    if additions := asked.get("FeatureAdditions"):
        _check_definitions(additions, body["FeatureDefinitions"], online.get("StorageType"))
    if (change := asked.get("OnlineStoreConfig")) is not None:
        if not _is_online(body):
            raise invalid(f"FeatureGroup {name} has no online store.")
        _check_ttl(change.get("TtlDuration"), optional=True)
        wanted = change.get("StorageType", online["StorageType"])
        if wanted != online["StorageType"] and (online["StorageType"], wanted) != ("Standard", "Standard_V2"):
            raise invalid(
                f"StorageType cannot change from {online['StorageType']} to {wanted}; only from Standard to"
                " Standard_V2."
            )
    if throughput := asked.get("ThroughputConfig"):
        _check_throughput(throughput, body)
