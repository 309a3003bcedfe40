"""InvokeEndpoint: what reaches the container, what comes back, and how failures look."""

from __future__ import annotations

import http.client
import json
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.sagemaker_jobs import needs_opt_ml
from tests.support.serving import EVALUATE, Serving, script
from tests.support.stand_in import StandIn

ECHO = """
import json
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept):
    size = len(body)
    if body == 'answer much':
        return b'x' * (6 * 1024 * 1024 + 1), 'application/octet-stream'
    return json.dumps([content_type, accept, size, type(body).__name__]), 'application/json'
"""


@pytest.fixture(scope="module")
def serving(stand_in: StandIn) -> Serving:
    return Serving(stand_in)


@pytest.fixture(scope="module")
def echo(serving: Serving) -> str:
    """An endpoint that answers what it was asked."""
    return serving.endpoint(serving.config(serving.model(script(ECHO))))


@pytest.fixture(scope="module")
def evaluating(serving: Serving) -> str:
    """An endpoint that evaluates expressions and gives up after a second."""
    model = serving.model(script(EVALUATE), environment={"SAGEMAKER_MODEL_SERVER_TIMEOUT": "1"})
    return serving.endpoint(serving.config(model))


def model_error(serving: Serving, endpoint: str, body: str | bytes, **more: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        serving.ask(endpoint, body, **more)
    response: dict[str, Any] = caught.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    return response


def test_headers_go_through(serving: Serving, echo: str) -> None:
    answer = serving.runtime.invoke_endpoint(
        EndpointName=echo, Body=b"\x00\xff", ContentType="application/x-npy", Accept="text/x-mine"
    )
    assert json.loads(answer["Body"].read()) == ["application/x-npy", "text/x-mine", 2, "bytes"]
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_defaults(serving: Serving, echo: str) -> None:
    """Without ContentType and Accept the toolkit takes JSON for both."""
    answer = serving.runtime.invoke_endpoint(EndpointName=echo, Body=b"{}")
    assert json.loads(answer["Body"].read())[1] == "application/json"


def test_the_largest_body(serving: Serving, echo: str) -> None:
    body = b"x" * 6_291_456
    assert json.loads(serving.ask(echo, body))[2] == len(body)


def test_a_body_that_is_too_large(serving: Serving, echo: str) -> None:
    with pytest.raises(ClientError) as caught:
        serving.ask(echo, b"x" * 6_291_457)
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationError"
    assert "6291456" in error["Message"]


def test_an_answer_that_is_too_large(serving: Serving, echo: str) -> None:
    assert model_error(serving, echo, "answer much")["OriginalStatusCode"] == 500


def test_a_missing_endpoint(serving: Serving) -> None:
    with pytest.raises(ClientError) as caught:
        serving.ask("nobody", "1")
    assert caught.value.response["Error"] == {
        "Code": "ValidationError",
        "Message": "Endpoint nobody of account 000000000000 not found.",
    }


def test_a_missing_variant(serving: Serving, echo: str) -> None:
    with pytest.raises(ClientError) as caught:
        serving.ask(echo, "1", TargetVariant="other")
    assert caught.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize("parameter", ["TargetModel", "TargetContainerHostname", "InferenceComponentName"])
def test_what_is_not_emulated_is_named(serving: Serving, echo: str, parameter: str) -> None:
    with pytest.raises(ClientError) as caught:
        serving.ask(echo, "1", **{parameter: "x"})
    error = caught.value.response["Error"]
    assert error["Code"] == "NotImplemented"
    assert f"sagemaker-runtime.InvokeEndpoint with {parameter}" in error["Message"]


def test_an_error_of_the_model(serving: Serving, evaluating: str) -> None:
    """ModelError with the container's own status and message, and where its log is."""
    response = model_error(serving, evaluating, "1 / 0")
    group = f"/aws/sagemaker/Endpoints/{evaluating}"
    assert response["OriginalStatusCode"] == 500
    assert json.loads(response["OriginalMessage"])["error"] == "ZeroDivisionError"
    assert response["LogStreamArn"] == f"arn:aws:logs:us-east-1:000000000000:log-group:{group}"
    message = response["Error"]["Message"]
    assert message.startswith('Received server error (500) from primary with message "')
    assert message.endswith(f"group={group} in account 000000000000 for more information.")
    assert serving.until_logged(evaluating, "ZeroDivisionError")


def test_an_error_of_the_client(serving: Serving) -> None:
    refuse = EVALUATE.replace(
        "return str", "raise type('Refused', (Exception,), {'status_code': 422})(body)\n#"
    )
    name = serving.endpoint(serving.config(serving.model(script(refuse))))
    response = model_error(serving, name, "no age")
    assert response["OriginalStatusCode"] == 422
    assert response["Error"]["Message"].startswith("Received client error (422) from primary with message")
    serving.sagemaker.delete_endpoint(EndpointName=name)


def test_a_model_that_hangs(serving: Serving, evaluating: str) -> None:
    """The server gives up, as gunicorn does, shows where it hung, and is started again."""
    assert model_error(serving, evaluating, "time.sleep(60)")["OriginalStatusCode"] == 500
    assert serving.ask_until(evaluating, "6 * 7") == "42"
    assert serving.until_logged(evaluating, "WORKER TIMEOUT")
    assert serving.until_logged(evaluating, "in transform_fn")


def test_a_worker_that_dies_at_work(serving: Serving, evaluating: str) -> None:
    assert model_error(serving, evaluating, "os._exit(1)")["OriginalStatusCode"] == 500
    assert serving.ask_until(evaluating, "6 * 7") == "42"


@needs_opt_ml
def test_what_a_container_sees(serving: Serving, evaluating: str) -> None:
    """/opt/ml/model, region, endpoint and credentials; nothing of the stand-in's own environment."""
    assert serving.ask(evaluating, "os.path.isfile('/opt/ml/model/code/inference.py')") == "True"
    environment = json.loads(serving.ask(evaluating, "__import__('json').dumps(dict(os.environ))"))
    assert environment["AWS_ENDPOINT_URL"] == serving.stand_in.endpoint_url
    assert environment["AWS_REGION"] == "us-east-1"
    assert environment["SM_MODEL_DIR"] == "/opt/ml/model"
    assert "include" not in environment["PYTHONPATH"]
    assert "LOCAL_AWS_WORKER_TOKEN" not in environment
    account = "__import__('boto3').client('sts').get_caller_identity()['Account']"
    assert serving.ask_until(evaluating, account) == "000000000000"


def test_a_script_logs(serving: Serving, evaluating: str) -> None:
    """Both print() and logging.info() reach CloudWatch."""
    serving.ask_until(evaluating, "[print('printed'), __import__('logging').info('logged')]")
    assert "printed" in serving.until_logged(evaluating, "printed")
    assert serving.until_logged(evaluating, "root INFO logged")


def test_only_the_stand_in_reaches_the_worker(serving: Serving, evaluating: str) -> None:
    """The worker's port is open to every program on this machine; it answers only who knows its token."""
    socket_of_worker = (
        "[l.split()[1] for l in open('/proc/net/tcp') if l.split()[3] == '0A' and l.split()[9] in "
        "[os.readlink(f'/proc/self/fd/{f}')[8:-1] for f in os.listdir('/proc/self/fd') "
        "if os.path.exists(f'/proc/self/fd/{f}') and 'socket' in os.readlink(f'/proc/self/fd/{f}')]][0]"
    )
    address, _, port = serving.ask_until(evaluating, socket_of_worker).partition(":")
    assert address == "0100007F"
    connection = http.client.HTTPConnection("127.0.0.1", int(port, 16), timeout=10)
    connection.request("POST", "/invocations", b"1", {"Content-Type": "text/csv"})
    assert connection.getresponse().status == 403
    connection.close()


def test_many_callers(serving: Serving, echo: str) -> None:
    """Twenty at once on one worker: all are answered, each with its own answer."""
    answers: dict[int, int] = {}

    def ask(size: int) -> None:
        answers[size] = json.loads(serving.ask(echo, "x" * size))[2]

    threads = [threading.Thread(target=ask, args=(size,)) for size in range(1, 21)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {size: size for size in range(1, 21)}


def test_an_answer_takes_milliseconds(serving: Serving, echo: str) -> None:
    """Ten calls after each other; a generous bound, for a machine that is busy."""
    serving.ask(echo, "x")
    began = time.monotonic()
    for _ in range(10):
        serving.ask(echo, "x")
    assert (time.monotonic() - began) / 10 < 0.5
