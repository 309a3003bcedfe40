"""BatchWriteRecord over the job's own connection: what botocore would do about certificates and proxies.

That signatures are right and faults are told as botocore tells them, the tests of the ingestion see.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import HTTPClientError, NoCredentialsError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from jobs.feature_store.calls import Aws

ANSWER = b'{"Errors":[],"UnprocessedEntries":[]}'
EMPTY = b'{"Entries":[]}'


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        self.connections: set[Any] = set()
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.connections.add(self.client_address)
        self.server.requests.append((self.path, dict(self.headers), body))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


Start = Callable[..., Server]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a server that the runtime's calls go to."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-a-role")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    started: list[tuple[Server, threading.Thread]] = []

    def start_one(certificate: Path | None = None) -> Server:
        server = Server()
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "http" if certificate is None else "https"
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"{scheme}://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        started.append((server, thread))
        return server

    yield start_one
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of 127.0.0.1, with its key; signed by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_calls_share_a_connection_and_carry_the_roles_token(start: Start) -> None:
    server = start()
    with closing(Aws(4)) as aws:
        for _ in range(3):
            assert aws.batch_write_record(EMPTY)["UnprocessedEntries"] == []
    assert len(server.connections) == 1
    path, headers, body = server.requests[0]
    assert (path, headers["X-Amz-Security-Token"], body) == ("/BatchWriteRecord", "of-a-role", EMPTY)
    assert "x-amz-security-token" in headers["Authorization"]


def test_a_server_is_believed_by_the_certificates_that_botocore_believes(
    start: Start, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start(certificate)
    with closing(Aws(4)) as aws, pytest.raises(HTTPClientError, match="CERTIFICATE_VERIFY_FAILED"):
        aws.batch_write_record(EMPTY)
    assert server.requests == []
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    with closing(Aws(4)) as aws:
        assert aws.batch_write_record(EMPTY)["Errors"] == []


def test_a_proxy_is_used(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told the whole address; nobody listens at the address itself."""
    proxy = start()
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_port}")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://store.invalid")
    with closing(Aws(4)) as aws:
        assert aws.batch_write_record(EMPTY)["Errors"] == []
    assert proxy.requests[0][0] == "http://store.invalid/BatchWriteRecord"


def test_no_call_is_made_without_credentials(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = start()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with closing(Aws(4)) as aws, pytest.raises(NoCredentialsError):
        aws.batch_write_record(EMPTY)
    assert server.requests == []
