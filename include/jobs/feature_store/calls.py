"""BatchWriteRecord, without what botocore does anew for every call.

Botocore's signer signs a call and botocore's parser reads the answer. Between the two, where botocore spends
most of its time, is a plain connection that is kept. Behind a proxy, botocore makes the call itself.
"""

from __future__ import annotations

import json
import ssl
from collections import deque
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError, NoCredentialsError
from botocore.httpsession import get_cert_path
from botocore.parsers import create_parser
from botocore.utils import get_environ_proxies

SERVICE = "sagemaker-featurestore-runtime"
OPERATION = "BatchWriteRecord"
AGENT = "aws-ml-ingest"  # who asks, in AWS's logs
TIMEOUT_SECONDS = 60.0  # as botocore's


class Aws:
    """The feature store's runtime, called by several threads at once.

    Args:
        calls: so many at once.
    """

    def __init__(self, calls: int) -> None:
        self._session = botocore.session.get_session()
        self.client = self._session.create_client(
            SERVICE,
            config=Config(
                max_pool_connections=calls,
                # Pauses are the caller's: botocore would repeat a whole batch for one throttled record.
                retries={"total_max_attempts": 1},
                parameter_validation=False,  # every record was looked at, and it costs more than the call
                user_agent=AGENT,
            ),
        )
        model = self.client.meta.service_model
        # An older image's SDK knows only one record a call.
        self.knows_batches = OPERATION in model.operation_names
        if not self.knows_batches:
            return
        operation = model.operation_model(OPERATION)
        self._answer, self._parser = operation.output_shape, create_parser(model.protocol)
        self._signed_for = model.signing_name, self.client.meta.region_name
        self._url = self.client.meta.endpoint_url.rstrip("/") + operation.http["requestUri"]
        self._place = urlsplit(self._url)
        self._has_proxy = self._place.scheme in get_environ_proxies(self._url)
        self._trusted = self._certificates() if self._place.scheme == "https" else None
        self._free: deque[HTTPConnection] = deque()

    def batch_write_record(self, body: bytes) -> Any:
        """Make one call; answers what the client's method does.

        Raises ClientError when AWS refuses it, and HTTPClientError when no answer came, though AWS may have
        heard it.

        Args:
            body: the JSON of the method's arguments.
        """
        if self._has_proxy:
            return self.client.batch_write_record(**json.loads(body))
        status, headers, told = self._sent(self._signed(body), body)
        answer = {"status_code": status, "headers": headers, "body": told}
        parsed = self._parser.parse(answer, self._answer)
        if status >= 300:
            raise ClientError(parsed, OPERATION)
        return parsed

    def close(self) -> None:
        """Close the connections, when no call uses them any more."""
        while self.knows_batches and self._free:
            self._free.pop().close()

    def _signed(self, body: bytes) -> Mapping[str, str]:
        """The headers of a call."""
        credentials = self._session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        headers = {"Content-Type": "application/json", "User-Agent": AGENT}
        request = AWSRequest("POST", self._url, headers, body)
        # Frozen for each call: a role's credentials are renewed meanwhile.
        SigV4Auth(credentials.get_frozen_credentials(), *self._signed_for).add_auth(request)
        return dict(request.headers.items())

    def _sent(self, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the answer."""
        try:
            connection = self._free.pop()
        except IndexError:
            connection = self._connection()
        try:
            connection.request("POST", self._place.path, body, headers)
            response = connection.getresponse()
            told = response.read()
        except (OSError, HTTPException) as fault:
            connection.close()
            raise HTTPClientError(error=f"{type(fault).__name__}: {fault}") from fault
        self._free.append(connection)
        return response.status, {name.lower(): value for name, value in response.headers.items()}, told

    def _connection(self) -> HTTPConnection:
        host, port = self._place.hostname or "", self._place.port
        if self._trusted is None:
            return HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        return HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=self._trusted)

    def _certificates(self) -> ssl.SSLContext:
        """Those that botocore trusts."""
        chosen = self._session.get_config_variable("ca_bundle")
        return ssl.create_default_context(cafile=chosen or get_cert_path(True))
