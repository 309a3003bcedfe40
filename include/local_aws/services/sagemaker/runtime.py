"""InvokeEndpoint: one request to the workers of one variant."""

from __future__ import annotations

import time
from typing import Any

from local_aws.jobs.workers import Reply, WorkerLost, WorkerRetired, WorkerTimeout
from local_aws.services.context import Context
from local_aws.services.sagemaker.endpoint import ANSWERING, KIND
from local_aws.services.sagemaker.fleet import Fleet, Fleets, Stage, log_group
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

INVOCATION_SECONDS = 60  # AWS's limit for a model's answer
LARGEST_BODY = 6_291_456  # bytes, of request and answer
LONGEST_MESSAGE = 2048  # characters of OriginalMessage

_PASSED_ON = {  # parameter -> header of the request to the container
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
}
_NOT_EMULATED = (
    "TargetModel", "TargetContainerHostname", "EnableExplanations", "InferenceComponentName", "SessionId",
)  # fmt: skip


@operation("sagemaker-runtime", "InvokeEndpoint")
def invoke_endpoint(context: Context, call: Call) -> dict[str, Any]:
    """Send the body to a variant of the endpoint and answer what its model answers."""
    parameters = call.parameters
    for field in _NOT_EMULATED:
        if parameters.get(field):
            raise NotEmulated("sagemaker-runtime", "InvokeEndpoint", field)
    body = _body(call)
    deadline = time.monotonic() + INVOCATION_SECONDS
    while True:
        fleet = _fleet(context, parameters["EndpointName"])
        variant = parameters.get("TargetVariant") or fleet.choose()
        if variant not in fleet.variants:
            raise AwsError(
                "ValidationError",
                f"Variant {variant} of endpoint {parameters['EndpointName']} not found.",
            )
        try:
            reply = _through(context, call, fleet.variants[variant], body, deadline)
        except WorkerRetired:
            continue  # the traffic moved to a new fleet just now
        break
    answer = {
        "Body": reply.body,
        "ContentType": reply.headers.get("content-type", "application/octet-stream"),
        "InvokedProductionVariant": variant,
    }
    if custom := reply.headers.get("x-amzn-sagemaker-custom-attributes"):
        answer["CustomAttributes"] = custom
    return answer


def _body(call: Call) -> bytes:
    """The request's body. Raises AwsError for one that is too large."""
    assert call.body is not None  # noqa: S101 - the operation's payload
    announced = int(call.headers.get("content-length") or 0)
    body = b"" if announced > LARGEST_BODY else call.body.read()
    if max(announced, len(body)) > LARGEST_BODY:
        raise AwsError(
            "ValidationError",
            "1 validation error detected: Value at 'body' failed to satisfy constraint: "
            f"Member must have length less than or equal to {LARGEST_BODY}",
        )
    return body


def _fleet(context: Context, endpoint: str) -> Fleet:
    """The workers that answer for an endpoint. Raises AwsError when none do."""
    record = context.records(KIND).find(endpoint)
    fleet = Fleets.of(context).answering(endpoint)
    if record is None or fleet is None or record.body["EndpointStatus"] not in ANSWERING:
        account = context.settings.account_id
        raise AwsError("ValidationError", f"Endpoint {endpoint} of account {account} not found.")
    return fleet


def _through(context: Context, call: Call, stages: list[Stage], body: bytes, deadline: float) -> Reply:
    """Each container's answer is the next one's request; only the last one hears what the caller accepts."""
    headers = {
        header: call.parameters[name] for name, header in _PASSED_ON.items() if call.parameters.get(name)
    }
    accept = headers.pop("Accept", None)
    for stage in stages:
        if stage is stages[-1] and accept:
            headers["Accept"] = accept
        reply = _ask(
            context, call.parameters["EndpointName"], stage, body, headers=headers, deadline=deadline
        )
        body = reply.body
        if content_type := reply.headers.get("content-type"):
            headers["Content-Type"] = content_type
    return reply


def _ask(
    context: Context, endpoint: str, stage: Stage, body: bytes, *, headers: dict[str, str], deadline: float
) -> Reply:
    """One container's answer. Raises AwsError ModelError for anything but success."""
    try:
        reply = stage.worker.call(
            "POST", "/invocations", body, headers, timeout=max(0.001, deadline - time.monotonic())
        )
    except WorkerTimeout:
        message = (
            f"Your invocation timed out while waiting for a response from container {stage.name}. Review the "
            "latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
        )
        raise _model_error(context, endpoint, stage, 0, message) from None
    except WorkerLost:
        message = "The container closed the connection before it answered."
        raise _model_error(context, endpoint, stage, 500, message) from None
    if reply.status >= 400:
        raise _model_error(context, endpoint, stage, reply.status, reply.body.decode("utf-8", "replace"))
    if len(reply.body) > LARGEST_BODY:
        message = f"The container answered {len(reply.body)} bytes; {LARGEST_BODY} are allowed."
        raise _model_error(context, endpoint, stage, 500, message)
    return reply


def _model_error(context: Context, endpoint: str, stage: Stage, status: int, message: str) -> AwsError:
    region, account = context.settings.region, context.settings.account_id
    whose = "client" if 400 <= status < 500 else "server"
    message = message[:LONGEST_MESSAGE]
    return AwsError(
        "ModelError",
        f'Received {whose} error ({status}) from {stage.name} with message "{message}". See '
        f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logEventViewer:"
        f"group={log_group(endpoint)} in account {account} for more information.",
        OriginalStatusCode=status,
        OriginalMessage=message,
        LogStreamArn=f"arn:aws:logs:{region}:{account}:log-group:{log_group(endpoint)}",
    )
