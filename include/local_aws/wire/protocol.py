"""AWS's protocols, behind one door: the only module that knows moto.core.

    bytes ──route──> operation ──parse──> parameters      moto's router and parsers, made strict
    bytes <─answer── dict                                 moto's serialisers; streams pass through
    bytes <─refuse── AwsError                             ours

moto.core is private API, hence the pinned version. What is corrected here:
query lists that were not sent parse as ``[]``; wrong JSON types are converted or crash; timestamps come
without a zone; blob payloads lose their Content-Type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

from botocore.utils import parse_timestamp
from moto.core.parse import JSONParser, QueryParser, RequestParserError, RestJSONParser, RestXMLParser
from moto.core.request import Request as MotoRequest
from moto.core.routing import RestRouter
from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.datastructures import Headers, MultiDict
from werkzeug.exceptions import NotFound

from local_aws.wire.errors import STATUS, AwsError
from local_aws.wire.request import Request

# A handler's answer may carry the HTTP status under this name, e.g. 206 for a part of an object.
STATUS_MEMBER = "$status"


@dataclass
class Response:
    """What goes back over the wire."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Iterable[bytes] = ()


@cache
def model(service: str) -> Any:
    """The service's model with moto's shape classes; loading sagemaker's takes about a second, once."""
    return get_service_model(service)


@cache
def operation_model(service: str, operation: str) -> Any:
    """The model of one operation."""
    return model(service).operation_model(operation)


def protocol_of(service: str) -> str:
    """``json``, ``rest-json``, ``rest-xml`` or ``query``."""
    protocol: str = model(service).metadata["protocol"]
    return protocol


def payload_member(service: str, operation: str) -> str | None:
    """The member of the input that is the body itself, as bytes; ``None`` when there is none."""
    return _blob_payload(operation_model(service, operation).input_shape)


def has_checksum(service: str, operation: str) -> bool:
    """Whether ``x-amz-checksum-…`` headers of the operation speak of the body."""
    return "requestAlgorithmMember" in operation_model(service, operation).http_checksum


def route(service: str, request: Request, form: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """The operation that is called, and the parameters in the path.

    Raises AwsError when the service has no such operation.
    """
    match protocol_of(service):
        case "json":
            prefix, _, name = request.headers.get("x-amz-target", "").rpartition(".")
            known = prefix == model(service).metadata["targetPrefix"]
        case "query":
            name, known = form.get("Action", ""), True
        case "rest-json":
            return _route_rest_json(service, request)
        case _:
            return _route_rest(service, request)
    if not known or name not in model(service).operation_names:
        raise AwsError("UnknownOperationException", f"{service} has no operation '{name}'.", status=404)
    return name, {}


def parse(
    service: str,
    operation: str,
    request: Request,
    *,
    form: MultiDict[str, str],
    body: bytes,
    path: dict[str, Any],
) -> dict[str, Any]:
    """The call's parameters, as the input shape has them. Raises AwsError when they cannot be read."""
    protocol = protocol_of(service)
    parser = _PARSERS[protocol](
        operation_model(service, operation), timestamp_parser=_timestamp, map_type=dict
    )
    sent = {
        "method": request.method,
        "values": form if protocol == "query" else MultiDict(request.query),
        "headers": Headers(list(request.headers.items())),
        "body": body,
        "url_path": request.raw_path,
        "url_params": path,
    }
    try:
        parameters: dict[str, Any] = parser.parse(sent)
    except RequestParserError:
        raise AwsError("MalformedXML", "The XML you provided was not well-formed.") from None
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as fault:
        code = "MalformedInput" if protocol in ("query", "rest-xml") else "SerializationException"
        raise AwsError(code, f"The request cannot be read: {fault}") from None
    members = operation_model(service, operation).input_shape.members if parameters else {}
    return {name: value for name, value in parameters.items() if not _is_absent(members[name], value)}


def answer(service: str, operation: str, result: Mapping[str, Any], request_id: str) -> Response:
    """Serialise a handler's answer; members that the output shape does not know are left out."""
    shape = operation_model(service, operation)
    serializer = get_serializer_class(service, protocol_of(service))(
        shape, context=SerializationContext(request_id)
    )
    member = _blob_payload(shape.output_shape)
    if member is None:
        sent = serializer.serialize(result)
        body: Iterable[bytes] = (_bytes(sent["body"]),)
        headers = dict(sent["headers"])
    else:
        sent = serializer.serialize({**result, member: None})
        body = _stream(result.get(member) or b"")
        headers = {k: v for k, v in sent["headers"].items() if k != "Content-Type"}
        headers |= _content_type(shape.output_shape, result)
    status = result.get(STATUS_MEMBER, sent["status_code"])
    return Response(status, {**headers, **_identify(service, request_id)}, body)


def plain(service: str, result: Mapping[str, Any], request_id: str) -> Response:
    """The JSON answer of a quick handler, which knows its output shape."""
    headers = {"Content-Type": "application/json", **_identify(service, request_id)}
    return Response(200, headers, (json.dumps(result).encode(),))


def refuse(service: str, protocol: str, error: AwsError, request_id: str) -> Response:
    """Serialise an error as the protocol does."""
    status = error.status or _modelled_status(service, error.code) or STATUS.get(error.code, 400)
    headers = _identify(service, request_id)
    if status == 304:
        return Response(status, headers)
    if protocol in ("json", "rest-json"):
        document = {"__type": error.code, "message": error.message, "Message": error.message, **error.fields}
        body = json.dumps(document)
        headers["Content-Type"] = "application/x-amz-json-1.1" if protocol == "json" else "application/json"
        headers["X-Amzn-ErrorType"] = error.code
    else:
        fields = {"Code": error.code, "Message": error.message, **error.fields}
        inner = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in fields.items())
        if protocol == "query":
            kind = "Sender" if status < 500 else "Receiver"
            inner = f"<Error><Type>{kind}</Type>{inner}</Error><RequestId>{request_id}</RequestId>"
            inner = f"<ErrorResponse>{inner}</ErrorResponse>"
        else:
            inner = f"<Error>{inner}<RequestId>{request_id}</RequestId></Error>"
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n{inner}'
        headers["Content-Type"] = "application/xml" if protocol == "rest-xml" else "text/xml"
    return Response(status, headers, (body.encode(),))


# Routing


@cache
def _rest_router(service: str) -> RestRouter:
    return RestRouter(model(service))


def _route_rest(service: str, request: Request) -> tuple[str, dict[str, Any]]:
    headers = {name: value for name, value in request.headers.items() if name != "content-length"}
    url = f"http://localhost{request.raw_path}" + (f"?{request.raw_query}" if request.raw_query else "")
    asked = MotoRequest.from_primitives(request.method, url, headers)
    asked.environ["RAW_URI"] = request.raw_path
    try:
        operation, path = _rest_router(service).match(asked)
    except NotFound:
        raise AwsError(
            "MethodNotAllowed" if service == "s3" else "UnknownOperationException",
            f"{service} has no operation at {request.method} {request.raw_path}.",
            status=405 if service == "s3" else 404,
        ) from None
    return str(operation.name), path


@cache
def _rest_json_routes(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    """Method, path and operation: REST-JSON paths are told apart by their segments alone."""
    routes = []
    for name in model(service).operation_names:
        http = operation_model(service, name).http
        parts = re.split(r"\{(\w+)\}", http["requestUri"].partition("?")[0])
        literal = [re.escape(part) for part in parts[::2]]
        named = [f"(?P<{part}>[^/]+)" for part in parts[1::2]]
        pattern = "".join(piece for pair in zip(literal, [*named, ""], strict=True) for piece in pair)
        routes.append((http["method"], re.compile(pattern), str(name)))
    return routes


def _route_rest_json(service: str, request: Request) -> tuple[str, dict[str, Any]]:
    for method, pattern, name in _rest_json_routes(service):
        if method == request.method and (found := pattern.fullmatch(request.raw_path)):
            return name, {key: unquote(value) for key, value in found.groupdict().items()}
    raise AwsError(
        "UnknownOperationException",
        f"{service} has no operation at {request.method} {request.raw_path}.",
        status=404,
    )


# Parsing


def _timestamp(value: Any) -> datetime:
    parsed: datetime = parse_timestamp(value)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def _is_absent(member: Any, value: Any) -> bool:
    """Whether a member was not sent. A header without a value says nothing; old clients send some."""
    is_empty_header = value == "" and member.serialization.get("location") == "header"
    return value is None or value == [] or is_empty_header


# JSON type -> how AWS names it in "… can not be converted to a …"
_TOKENS = {
    bool: "BOOLEAN_VALUE",
    int: "NUMBER_VALUE",
    float: "DECIMAL_VALUE",
    str: "STRING_VALUE",
    list: "START_ARRAY",
    dict: "START_OBJECT",
}
_ACCEPTED: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "String"),
    "character": ((str,), "String"),
    "blob": ((str,), "Blob"),
    "boolean": ((bool,), "Boolean"),
    "integer": ((int,), "Integer"),
    "long": ((int,), "Long"),
    "float": ((int, float), "Float"),
    "double": ((int, float), "Double"),
    "timestamp": ((int, float, str), "Timestamp"),
    "list": ((list,), "List"),
    "map": ((dict,), "Map"),
    "structure": ((dict,), "Structure"),
}


class _StrictJson:
    """Refuses what moto's JSON parsers would convert or crash on."""

    def _parse_body_as_json(self, body: bytes) -> Any:
        document = json.loads(body or b"{}")
        if not isinstance(document, dict):
            raise TypeError("the body must be a JSON object")
        return document


class _StrictJsonParser(_StrictJson, JSONParser):
    def _parse_shape(self, shape: Any, node: Any) -> Any:
        kinds, name = _ACCEPTED[shape.type_name]
        is_bool = isinstance(node, bool)
        fits = isinstance(node, kinds) and (not is_bool or bool in kinds)
        if isinstance(node, float) and shape.type_name in ("integer", "long") and node.is_integer():
            fits = True
        if not fits and not getattr(shape, "is_document_type", False):
            token = _TOKENS.get(type(node), "VALUE_NULL")
            raise TypeError(f"{token} can not be converted to a {name} ({shape.name})")
        return super()._parse_shape(shape, node)  # type: ignore[no-untyped-call]


class _StrictRestJsonParser(_StrictJson, RestJSONParser):
    pass


_PARSERS: dict[str, Any] = {
    "json": _StrictJsonParser,
    "rest-json": _StrictRestJsonParser,
    "query": QueryParser,
    "rest-xml": RestXMLParser,
}


# Serialising


def _blob_payload(shape: Any) -> str | None:
    member: str | None = shape.serialization.get("payload") if shape is not None else None
    return member if member is not None and shape.members[member].type_name == "blob" else None


def _content_type(shape: Any, result: Mapping[str, Any]) -> dict[str, str]:
    """The member that is sent as the Content-Type header (moto overwrites it with the protocol's)."""
    for name, member in shape.members.items():
        if member.serialization.get("name", "").lower() == "content-type" and result.get(name):
            return {"Content-Type": result[name]}
    return {}


def _stream(payload: Any) -> Iterable[bytes]:
    return (payload,) if isinstance(payload, bytes) else payload


def _bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body


def _identify(service: str, request_id: str) -> dict[str, str]:
    if service == "s3":
        return {"x-amz-request-id": request_id, "x-amz-id-2": request_id}
    return {"x-amzn-RequestId": request_id}


@cache
def _statuses(service: str) -> dict[str, int]:
    return {
        name: shape.metadata["error"]["httpStatusCode"]
        for shape in model(service).error_shapes
        if "httpStatusCode" in shape.metadata.get("error", {})
        for name in (shape.name, shape.metadata["error"].get("code", shape.name))
    }


def _modelled_status(service: str, code: str) -> int | None:
    try:
        return _statuses(service).get(code)
    except Exception:  # noqa: BLE001 - a service that botocore does not know has no model
        return None
