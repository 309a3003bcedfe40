"""Endpoints: what answers InvokeEndpoint. A record, and the fleet that serves it.

    CreateEndpoint  Creating ──> InService
                             └─> Failed
    UpdateEndpoint  InService ──> Updating ──> InService
                                        └─> RollingBack ──> InService
    DeleteEndpoint  InService | Failed ──> Deleting ──> no record

An update is blue/green: the new fleet is up before the traffic moves; if it does not come up, the old one
goes on and FailureReason says why.

Each arrow is a compare-and-set on the record. Fleets live in memory; the record holds all that is needed to
make them again, so an endpoint that was InService is InService after a restart of the stand-in, killed or
not, and a deployment that was under way starts again.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any

from local_aws.jobs.process import kill_marked
from local_aws.services.context import Context
from local_aws.services.sagemaker import endpoint_config, tags
from local_aws.services.sagemaker.arns import arn, existing, missing
from local_aws.services.sagemaker.fleet import (
    DRAIN_SECONDS,
    Deployment,
    DeploymentFailed,
    Fleet,
    Fleets,
    endpoints_dir,
    plan_deployment,
)
from local_aws.services.sagemaker.listing import listed
from local_aws.state.records import Body, RecordExists, RecordMissing
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

LOG = logging.getLogger(__name__)

KIND = "sagemaker.endpoint"
MOVES = {  # to Failed also from a status in service: a model may be lost while the stand-in is down
    "Creating": {"InService", "Failed"},
    "InService": {"Updating", "Deleting", "Failed"},
    "Updating": {"InService", "RollingBack", "Failed"},
    "RollingBack": {"InService", "Failed"},
    "Failed": {"Deleting"},
    "Deleting": set[str](),
}
CHANGING = {"Creating", "Updating", "RollingBack", "Deleting"}
ANSWERING = {"InService", "Updating", "RollingBack"}
REASON_LENGTH = 1024  # of FailureReason, in characters


# --- operations ------------------------------------------------------------------------------------------


@operation("sagemaker", "CreateEndpoint")
def create_endpoint(context: Context, call: Call) -> dict[str, Any]:
    """Start to serve an endpoint configuration. Answers at once, in Creating."""
    name, config = call.parameters["EndpointName"], call.parameters["EndpointConfigName"]
    _check_deployment_config(call)
    endpoint_config.stored(context, config)
    now = datetime.now(UTC)
    body = {
        "EndpointName": name,
        "EndpointArn": arn(context, "endpoint", name),
        "EndpointConfigName": config,
        "EndpointStatus": "Creating",
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    if "DeploymentConfig" in call.parameters:
        body["LastDeploymentConfig"] = call.parameters["DeploymentConfig"]
    with context.database.transaction():
        try:
            context.records(KIND).insert(name, body)
        except RecordExists:
            raise existing(context, "endpoint", name) from None
        tags.remember(context, body["EndpointArn"], call.parameters.get("Tags"))
    _in_background(_create, context, name)
    return {"EndpointArn": body["EndpointArn"]}


@operation("sagemaker", "UpdateEndpoint")
def update_endpoint(context: Context, call: Call) -> dict[str, Any]:
    """Deploy another configuration, blue/green. Answers at once, in Updating."""
    name, config = call.parameters["EndpointName"], call.parameters["EndpointConfigName"]
    _check_deployment_config(call)
    endpoint_config.stored(context, config)
    try:
        deployment = plan_deployment(context, config)
    except DeploymentFailed as error:
        raise AwsError("ValidationException", str(error)) from None

    def begin(body: Body) -> Body:
        if call.parameters.get("RetainAllVariantProperties"):
            excluded = [
                p["VariantPropertyType"] for p in call.parameters.get("ExcludeRetainedVariantProperties", [])
            ]
            _retain(body["_deployment"], deployment, excluded)
        if not call.parameters.get("RetainDeploymentConfig"):
            body.pop("LastDeploymentConfig", None)
            if "DeploymentConfig" in call.parameters:
                body["LastDeploymentConfig"] = call.parameters["DeploymentConfig"]
        return {**body, "_pending": {**deployment, "started": datetime.now(UTC)}}

    body = _begin(context, name, "Updating", begin)
    _in_background(_update, context, name)
    return {"EndpointArn": body["EndpointArn"]}


@operation("sagemaker", "UpdateEndpointWeightsAndCapacities")
def update_endpoint_weights_and_capacities(context: Context, call: Call) -> dict[str, Any]:
    """Change the weights and instance counts of variants. One worker serves a variant, whatever its count."""
    name = call.parameters["EndpointName"]
    desired = {wish["VariantName"]: wish for wish in call.parameters["DesiredWeightsAndCapacities"]}
    for wish in desired.values():
        if wish.get("ServerlessUpdateConfig"):
            raise NotEmulated("sagemaker", "UpdateEndpointWeightsAndCapacities", "ServerlessUpdateConfig")
        if wish.get("DesiredInstanceCount") == 0:
            raise AwsError(
                "ValidationException",
                f"Variant {wish['VariantName']} cannot have 0 instances; it needs at least one.",
            )

    def begin(body: Body) -> Body:
        variants = {variant["VariantName"]: variant for variant in body["_deployment"]["variants"]}
        unknown = sorted(set(desired) - set(variants))
        if unknown:
            raise AwsError("ValidationException", f'Could not find production variant "{unknown[0]}".')
        for variant, wish in desired.items():
            variants[variant]["desired_weight"] = wish.get("DesiredWeight", variants[variant]["weight"])
            variants[variant]["desired_instances"] = wish.get(
                "DesiredInstanceCount", variants[variant]["instances"]
            )
        return body

    body = _begin(context, name, "Updating", begin)
    _in_background(_shift_weights, context, name)
    return {"EndpointArn": body["EndpointArn"]}


@operation("sagemaker", "DescribeEndpoint")
def describe_endpoint(context: Context, call: Call) -> dict[str, Any]:
    """The endpoint, its variants as they serve now, and the deployment that is under way."""
    body = stored(context, call.parameters["EndpointName"])
    answer = dict(body)
    if "_deployment" in body:
        answer["ProductionVariants"] = [_summary(variant) for variant in body["_deployment"]["variants"]]
    if "_pending" in body:
        answer["PendingDeploymentSummary"] = {
            "EndpointConfigName": body["_pending"]["config"],
            "StartTime": body["_pending"]["started"],
            "ProductionVariants": [_summary(variant) for variant in body["_pending"]["variants"]],
        }
    return answer


@operation("sagemaker", "ListEndpoints")
def list_endpoints(context: Context, call: Call) -> dict[str, Any]:
    """Endpoints by name, time of creation or status."""
    return listed(
        (record.body for record in context.records(KIND).scan()),
        call.parameters,
        name="EndpointName",
        member="Endpoints",
        fields=("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus"),
        order={"Status": "EndpointStatus"},
        equals={"StatusEquals": "EndpointStatus"},
    )


@operation("sagemaker", "DeleteEndpoint")
def delete_endpoint(context: Context, call: Call) -> dict[str, Any]:
    """Stop serving. Answers at once, in Deleting; the name is free when Describe no longer finds it."""
    name = call.parameters["EndpointName"]
    _begin(context, name, "Deleting", lambda body: body)
    _in_background(_delete, context, name)
    return {}


def stored(context: Context, name: str) -> Body:
    """The endpoint's record. Raises AwsError when there is none."""
    found = context.records(KIND).find(name)
    if found is None:
        raise missing(context, "endpoint", name)
    return found.body


def _check_deployment_config(call: Call) -> None:
    """Refuse what would need alarms or shares of traffic: it moves all at once, when the new fleet is up.

    The waits of a policy are left out: without alarms nothing but time would pass in them.
    """
    config = call.parameters.get("DeploymentConfig", {})
    policy = config.get("BlueGreenUpdatePolicy", {})
    routing = policy.get("TrafficRoutingConfiguration", {})
    refused = {
        "RollingUpdatePolicy": config.get("RollingUpdatePolicy"),
        "AutoRollbackConfiguration.Alarms": config.get("AutoRollbackConfiguration", {}).get("Alarms"),
        f"traffic routing {routing.get('Type')}": routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE",
    }
    for what, given in refused.items():
        if given:
            raise NotEmulated("sagemaker", call.operation, what)


def _retain(before: Deployment, after: Deployment, excluded: Collection[str]) -> None:
    """Carry weights and instance counts over to variants of the same name."""
    old = {variant["VariantName"]: variant for variant in before["variants"]}
    for variant in after["variants"]:
        if variant["VariantName"] not in old:
            continue
        for field, word in (("weight", "DesiredWeight"), ("instances", "DesiredInstanceCount")):
            if word not in excluded:
                variant[field] = old[variant["VariantName"]][field]


def _summary(variant: dict[str, Any]) -> dict[str, Any]:
    """A variant as Describe has it."""
    return {
        "VariantName": variant["VariantName"],
        "DeployedImages": [
            {"SpecifiedImage": container["Image"], "ResolvedImage": container["Image"]}
            for container in variant["containers"]
        ],
        "CurrentWeight": variant["weight"],
        "DesiredWeight": variant.get("desired_weight", variant["weight"]),
        "CurrentInstanceCount": variant["instances"],
        "DesiredInstanceCount": variant.get("desired_instances", variant["instances"]),
    }


# --- moves -----------------------------------------------------------------------------------------------


def _begin(context: Context, name: str, status: str, how: Callable[[Body], Body]) -> Body:
    """Move an endpoint that is at rest, on a caller's behalf. Raises AwsError."""

    def begin(body: Body) -> Body:
        before = body["EndpointStatus"]
        if before in CHANGING:
            raise AwsError(
                "ValidationException", f'Cannot update in-progress endpoint "{body["EndpointArn"]}".'
            )
        if status not in MOVES[before]:
            raise AwsError(
                "ValidationException",
                f'Endpoint "{body["EndpointArn"]}" is in status {before} and cannot be updated.',
            )
        return {**how(body), "EndpointStatus": status, "LastModifiedTime": datetime.now(UTC)}

    try:
        return context.records(KIND).change(name, begin).body
    except RecordMissing:
        raise missing(context, "endpoint", name) from None


def _move(context: Context, name: str, status: str, how: Callable[[Body], Body] = lambda body: body) -> None:
    """Move an endpoint on the stand-in's own behalf, along an arrow of MOVES."""

    def moved(body: Body) -> Body:
        before = body["EndpointStatus"]
        if status not in MOVES[before]:
            raise RuntimeError(f"endpoint {name}: {before} -> {status} is not a legal move")
        LOG.info("endpoint %s: %s -> %s", name, before, status)
        return {**how(body), "EndpointStatus": status, "LastModifiedTime": datetime.now(UTC)}

    context.records(KIND).change(name, moved)


def _failed(reason: str) -> Callable[[Body], Body]:
    return lambda body: {**_without(body, "_pending"), "FailureReason": reason[:REASON_LENGTH]}


def _without(body: Body, *fields: str) -> Body:
    return {key: value for key, value in body.items() if key not in fields}


# --- deployments, each in a thread of its own --------------------------------------------------------------


def _in_background(task: Callable[[Context, str], None], context: Context, name: str) -> None:
    threading.Thread(target=task, args=(context, name), name=f"endpoint {name}", daemon=True).start()


def _bring_up(context: Context, name: str, deployment: Deployment) -> Fleet:
    """A fleet that is ready. Raises DeploymentFailed, with nothing left of it."""
    fleets = Fleets.of(context)
    fleet = Fleet(context, name, deployment)
    fleets.add(fleet)
    try:
        fleet.start()
        fleet.wait_ready()
    except DeploymentFailed:
        fleets.discard(fleet)
        raise
    except Exception as error:
        LOG.exception("endpoint %s cannot be deployed", name)
        fleets.discard(fleet)
        raise DeploymentFailed(f"InternalServerError: the stand-in could not deploy this: {error}") from error
    return fleet


def _create(context: Context, name: str) -> None:
    """Creating -> InService or Failed."""
    fleets = Fleets.of(context)
    body = stored(context, name)
    try:
        deployment = plan_deployment(context, body["EndpointConfigName"])
        fleet = _bring_up(context, name, deployment)
    except DeploymentFailed as error:
        if not fleets.closed.is_set():  # else the next start tries again
            _move(context, name, "Failed", _failed(str(error)))
        return
    fleets.switch(name, fleet)
    _move(context, name, "InService", lambda body: {**body, "_deployment": deployment})


def _update(context: Context, name: str) -> None:
    """Updating -> InService, or by way of RollingBack."""
    fleets = Fleets.of(context)
    pending = _without(stored(context, name)["_pending"], "started")
    try:
        fleet = _bring_up(context, name, pending)
    except DeploymentFailed as error:
        if not fleets.closed.is_set():  # else the next start tries again
            _move(context, name, "RollingBack", _failed(str(error)))
            _move(context, name, "InService")
        return
    before = fleets.switch(name, fleet)
    _move(
        context,
        name,
        "InService",
        lambda body: {
            **_without(body, "_pending", "FailureReason"),
            "_deployment": pending,
            "EndpointConfigName": pending["config"],
        },
    )
    if before is not None:
        fleets.discard(before, DRAIN_SECONDS)


def _shift_weights(context: Context, name: str) -> None:
    """Updating -> InService with the desired weights and counts."""

    def shifted(body: Body) -> Body:
        variants = [
            {
                **_without(variant, "desired_weight", "desired_instances"),
                "weight": variant.get("desired_weight", variant["weight"]),
                "instances": variant.get("desired_instances", variant["instances"]),
            }
            for variant in body["_deployment"]["variants"]
        ]
        fleet = Fleets.of(context).answering(name)
        if fleet is not None:
            fleet.weights = {variant["VariantName"]: variant["weight"] for variant in variants}
        return {**body, "_deployment": {**body["_deployment"], "variants": variants}}

    _move(context, name, "InService", shifted)


def _delete(context: Context, name: str) -> None:
    """Deleting -> no record."""
    fleets = Fleets.of(context)
    fleet = fleets.switch(name, None)
    if fleet is not None:
        fleets.discard(fleet, DRAIN_SECONDS)
    shutil.rmtree(endpoints_dir(context) / name, ignore_errors=True)
    with context.database.transaction():
        context.records(KIND).delete(name)
        tags.forget(context, arn(context, "endpoint", name))


# --- start and end of the stand-in -------------------------------------------------------------------------


def recover(context: Context) -> None:
    """Kill what an earlier life left, bring back what was in service, resume what was under way."""
    kill_marked(endpoints_dir(context))
    records = list(context.records(KIND).scan())
    _sweep(context, {record.key: record.body for record in records})
    for record in records:
        name, body = record.key, record.body
        if body["EndpointStatus"] in ANSWERING and not _bring_back(context, name, body["_deployment"]):
            continue
        match body["EndpointStatus"]:
            case "Creating":
                _in_background(_create, context, name)
            case "Updating":
                _in_background(_update if "_pending" in body else _shift_weights, context, name)
            case "RollingBack":
                _move(context, name, "InService")
            case "Deleting":
                _in_background(_delete, context, name)


def _bring_back(context: Context, name: str, deployment: Deployment) -> bool:
    """Start the fleet again that answered before; workers that do not come up are tried again and again."""
    fleets = Fleets.of(context)
    fleet = Fleet(context, name, deployment, must_come_up=False)
    fleets.add(fleet)
    try:
        fleet.start()
    except DeploymentFailed as error:
        fleets.discard(fleet)
        _move(context, name, "Failed", _failed(str(error)))
        return False
    fleets.switch(name, fleet)
    return True


def _sweep(context: Context, bodies: dict[str, Body]) -> None:
    """Delete the rooms of deployments that were cut off: those that no record names."""
    kept = {
        (name, body[field]["id"])
        for name, body in bodies.items()
        for field in ("_deployment", "_pending")
        if field in body
    }
    for room in endpoints_dir(context).glob("*/*"):
        if (room.parent.name, room.name) not in kept:
            shutil.rmtree(room, ignore_errors=True)


def close(context: Context) -> None:
    """Stop all workers; the records stay as they are."""
    Fleets.of(context).close()
