"""The model server: what a model's container runs here. A program of its own, started by path.

    python -P serving_program.py --image xgboost --model-dir /opt/ml/model --listen-fd 5

    stdin                    a pipe that the stand-in holds open; when it closes, so does the server
    GET  /ping               200 as soon as the model is loaded
    POST /invocations        the model's answer; errors as application/json {"error", "error-message", …}

    script                   what answers
    SAGEMAKER_PROGRAM set    the functions of that module, AWS's defaults for those that it lacks: model_fn,
                               then input_fn -> predict_fn -> output_fn, or transform_fn for these three
    xgboost without it       algorithm mode: the booster in /opt/ml/model/xgboost-model

One process, one request at a time, as one worker of AWS's server. Where AWS's image starts a worker per core,
this one process answers all: a slow model makes the others wait.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import importlib.metadata
import inspect
import io
import json
import logging
import os
import re
import socket
import sys
import tarfile
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

CSV = "text/csv"
JSON = "application/json"
JSON_LINES = "application/jsonlines"
LIBSVM = ("text/libsvm", "text/x-libsvm")
NPY = "application/x-npy"

MAX_BODY_BYTES = 6 * 1024 * 1024  # what SageMaker passes on to a container


class Unanswerable(Exception):
    """The request cannot be answered; ``status`` says whose fault that is."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Unservable(Exception):
    """The model cannot be served at all: its code or its file is not what the image expects."""


@dataclass(frozen=True)
class Answer:
    """What the container answers to one invocation."""

    body: bytes
    content_type: str
    status: int = 200


class Model(Protocol):
    """A loaded model, by whatever means."""

    def answer(self, body: bytes, content_type: str, accept: str) -> Answer:
        """Answer one invocation. ``content_type`` is empty when the caller did not say.

        Raises Unanswerable, or whatever the user's code raises.
        """


# --- formats ---------------------------------------------------------------------------------------------


def media_type(content_type: str) -> str:
    """``text/csv; charset=utf-8`` -> ``text/csv``."""
    return content_type.partition(";")[0].strip().lower()


def decode(body: bytes, content_type: str) -> Any:
    """The body as a numpy array with at least two dimensions, as the toolkit's default input_fn has it.

    Raises Unanswerable (415) for a content type other than JSON, CSV and NPY.
    """
    import numpy

    match media_type(content_type):
        case "application/json":
            return numpy.atleast_2d(numpy.array(json.loads(body), dtype=numpy.float32))
        case "text/csv":
            return numpy.array(csv_rows(body), dtype=numpy.float32)
        case "application/x-npy":
            return numpy.load(io.BytesIO(body), allow_pickle=False)
        case other:
            raise Unanswerable(415, f"Content type {other} is not supported by this framework.")


def encode(prediction: Any, accept: str) -> bytes:
    """A prediction as JSON, CSV or NPY. Raises Unanswerable (406) for any other type."""
    import numpy

    array = numpy.asarray(prediction)
    match media_type(accept):
        case "application/json":
            return json.dumps(array.tolist()).encode()
        case "text/csv":
            rows = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
            return "".join(",".join(map(str, row)) + "\n" for row in rows.tolist()).encode()
        case "application/x-npy":
            stream = io.BytesIO()
            numpy.save(stream, array, allow_pickle=False)
            return stream.getvalue()
        case other:
            raise Unanswerable(406, f"Accept type {other} is not supported by this framework.")


def csv_rows(body: bytes) -> list[list[float]]:
    """Comma-separated numbers, no header; an empty cell is a missing value (NaN)."""
    lines = body.decode("utf-8").strip().splitlines()
    return [[float(cell) if cell.strip() else float("nan") for cell in line.split(",")] for line in lines]


# --- script mode: the user's functions ---------------------------------------------------------------------


@dataclass(frozen=True)
class Functions:
    """The functions of the user's module, each one or its default."""

    model_fn: Callable[..., Any]
    input_fn: Callable[..., Any]
    predict_fn: Callable[..., Any]
    output_fn: Callable[..., Any]
    transform_fn: Callable[..., Any] | None


@dataclass(frozen=True)
class Invocation:
    """The ``context`` that the inference toolkit hands to functions that take one argument more."""

    system_properties: dict[str, Any]


class ScriptModel:
    """A model that is served by the user's functions."""

    def __init__(self, functions: Functions, model_dir: Path) -> None:
        self.functions = functions
        self.context = Invocation({"model_dir": str(model_dir), "gpu_id": None})
        self.model = self._call(functions.model_fn, str(model_dir))

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call with the context as well, where the function takes one positional argument more."""
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        takes = [p for p in inspect.signature(function).parameters.values() if p.kind in positional]
        if len(takes) == len(arguments) + 1 and takes[-1].name == "context":
            return function(*arguments, self.context)
        return function(*arguments)

    def answer(self, body: bytes, content_type: str, accept: str) -> Answer:
        """transform_fn's answer, or input_fn, predict_fn and output_fn after each other."""
        own = self.functions
        content_type = content_type or JSON
        payload = body.decode("utf-8") if _is_text(content_type) else body
        if own.transform_fn is not None:
            return _as_answer(self._call(own.transform_fn, self.model, payload, content_type, accept), accept)
        data = self._call(own.input_fn, payload, content_type)
        prediction = self._call(own.predict_fn, data, self.model)
        return _as_answer(self._call(own.output_fn, prediction, accept), accept)


def _is_text(content_type: str) -> bool:
    """The toolkit hands JSON and CSV to input_fn as str, everything else as bytes."""
    return media_type(content_type) in (JSON, CSV)


def _as_answer(result: Any, accept: str) -> Answer:
    """What output_fn may answer: a body, (body, content type), or a response object as flask's."""
    if hasattr(result, "get_data") and hasattr(result, "status_code"):
        return Answer(result.get_data(), result.mimetype or accept, result.status_code)
    content_type = accept
    if isinstance(result, tuple) and len(result) == 2:
        result, content_type = result
    if isinstance(result, str):
        result = result.encode()
    if not isinstance(result, bytes | bytearray):
        raise TypeError(
            f"output_fn answered {type(result).__name__}; expected str, bytes or (body, content type)"
        )
    return Answer(bytes(result), content_type)


def load_functions(module: Any, image: str) -> Functions:
    """The module's functions; the image's defaults where it has none."""
    matrices = image == "xgboost"
    return Functions(
        model_fn=getattr(module, "model_fn", _no_model_fn),
        input_fn=getattr(module, "input_fn", _matrix_input if matrices else _array_input),
        predict_fn=getattr(module, "predict_fn", _matrix_predict if matrices else _array_predict),
        output_fn=getattr(module, "output_fn", encode),
        transform_fn=getattr(module, "transform_fn", None),
    )


def _no_model_fn(model_dir: str) -> Any:
    raise Unservable(
        f"Please provide a model_fn implementation: the module that serves {model_dir} has none, "
        "and this image cannot guess how to load a model."
    )


def _array_input(body: bytes | str, content_type: str) -> Any:
    return decode(body.encode() if isinstance(body, str) else body, content_type)


def _array_predict(data: Any, model: Any) -> Any:
    return model.predict(data)


def _matrix_input(body: bytes | str, content_type: str) -> Any:
    return matrix(body.encode() if isinstance(body, str) else body, content_type)


def _matrix_predict(data: Any, model: Any) -> Any:
    return model.predict(data, validate_features=False)


def import_program(model_dir: Path) -> Any:
    """Import the user's module, where SAGEMAKER_PROGRAM and SAGEMAKER_SUBMIT_DIRECTORY say it lies.

    Raises Unservable when there is no such file or it asks for a library that is not installed.
    """
    code = _code_dir(model_dir)
    program = code / os.environ.get("SAGEMAKER_PROGRAM", "inference.py")
    if not program.is_file():
        raise Unservable(
            f"There is no {program.relative_to(code)} in {code}: "
            "put the script into code/ of model.tar.gz and name it in SAGEMAKER_PROGRAM."
        )
    requirements = code / "requirements.txt"
    if requirements.is_file():
        missing = missing_requirements(requirements.read_text().splitlines())
        if missing:
            raise Unservable(
                f"requirements.txt asks for {', '.join(missing)}, which the stand-in's job libraries lack; "
                "it installs nothing while a model starts."
            )
    for directory in (code, program.parent):
        sys.path.insert(0, str(directory))
    return importlib.import_module(program.stem)


def _code_dir(model_dir: Path) -> Path:
    """The directory of the user's code; a sourcedir.tar.gz on S3 is fetched, as the toolkit does."""
    submitted = os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    if submitted.startswith("s3://"):
        import boto3

        where = urlsplit(submitted)
        archive = io.BytesIO()
        boto3.client("s3").download_fileobj(where.netloc, where.path.lstrip("/"), archive)
        archive.seek(0)
        code = Path(os.environ.get("TMPDIR", ".")) / "code"
        with tarfile.open(fileobj=archive) as tar:
            tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Python has it since 3.11.4
            tar.extractall(code)  # noqa: S202 - the caller's own code, which is run next anyway
        return code
    if submitted:
        return Path(submitted.removeprefix("file://"))
    return model_dir / "code"


def missing_requirements(lines: Iterable[str]) -> list[str]:
    """The requirements (pip's file format, options left out) that are not installed here."""
    from packaging.requirements import Requirement

    missing = []
    for line in lines:
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        if not text or text.startswith("-"):
            continue
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(text)
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            missing.append(f"{text} (here is {version})")
    return missing


# --- algorithm mode: XGBoost without a script ------------------------------------------------------------


class XgboostAlgorithm:
    """The booster that AWS's XGBoost algorithm trained, answered as its image does.

    In: text/csv without label and header, text/libsvm. Out: text/csv (the scores of all rows in one line,
    as AWS still has it), application/json ``{"predictions": [{"score": 0.4}]}``, application/jsonlines.
    What it cannot answer it says in plain text.
    """

    def __init__(self, model_dir: Path) -> None:
        import xgboost

        if "SAGEMAKER_INFERENCE_OUTPUT" in os.environ:
            raise Unservable("The local stand-in does not emulate SAGEMAKER_INFERENCE_OUTPUT.")
        file = model_dir / "xgboost-model"
        if not file.is_file():
            names = sorted(str(p.relative_to(model_dir)) for p in model_dir.rglob("*") if p.is_file())
            raise Unservable(
                f"model.tar.gz holds no file xgboost-model; it holds {', '.join(names) or 'nothing'}."
            )
        self.booster = xgboost.Booster()
        self.booster.load_model(bytearray(file.read_bytes()))  # by name it would warn of the missing suffix
        # A booster that stopped early predicts with the trees up to its best round.
        best = self.booster.attr("best_iteration")
        self.rounds = (0, int(best) + 1) if best is not None else (0, 0)

    def answer(self, body: bytes, content_type: str, accept: str) -> Answer:
        """The scores of the rows in the body, or the reason why there are none."""
        if not body:
            return Answer(b"", CSV, HTTPStatus.NO_CONTENT)
        try:
            return self._score(body, content_type, accept)
        except Unanswerable as error:
            return Answer(str(error).encode(), "text/plain", error.status)

    def _score(self, body: bytes, content_type: str, accept: str) -> Answer:
        kind = media_type(content_type or CSV)
        try:
            data = matrix(body, kind, self.booster.num_features())
        except ValueError as error:
            raise Unanswerable(415, f"Loading {kind} data failed: {error}") from error
        try:
            scores = self.predict(data, kind)
        except ValueError as error:  # xgboost's own error is one
            raise Unanswerable(400, f"Unable to evaluate payload provided: {error}") from error
        return self.encode(scores, media_type(accept))

    def predict(self, data: Any, kind: str) -> list[Any]:
        """The scores, one a row; a list a row where the objective gives one score a class."""
        given, trained = data.num_col(), self.booster.num_features()
        if kind == CSV and given != trained:
            raise ValueError(
                f"Feature size of csv inference data {given} is not consistent "
                f"with feature size of trained model {trained}."
            )
        if given > trained:
            raise ValueError(
                f"Feature size of libsvm inference data {given} is larger than "
                f"feature size of trained model {trained}."
            )
        scores = self.booster.predict(data, validate_features=False, iteration_range=self.rounds)
        return list(scores.tolist())

    @staticmethod
    def encode(scores: list[Any], accept: str) -> Answer:
        """The scores in the type asked for. Raises Unanswerable (406)."""
        match accept:
            case "text/csv":
                return Answer(",".join(map(str, scores)).encode(), CSV)
            case "application/json":
                return Answer(json.dumps({"predictions": [{"score": s} for s in scores]}).encode(), JSON)
            case "application/jsonlines":
                return Answer("".join(json.dumps({"score": s}) + "\n" for s in scores).encode(), JSON_LINES)
            case other:
                raise Unanswerable(406, f"Accept type {other} is not supported; text/csv and JSON are.")


def matrix(body: bytes, content_type: str, features: int | None = None) -> Any:
    """An xgboost DMatrix of CSV or LIBSVM rows; a LIBSVM matrix is ``features`` wide or wider.

    Raises Unanswerable (415) for another content type, ValueError for rows that are not what it says.
    """
    import numpy
    import xgboost

    kind = media_type(content_type)
    if kind == CSV:
        return xgboost.DMatrix(numpy.array(csv_rows(body), dtype=numpy.float32))
    if kind in LIBSVM:
        return xgboost.DMatrix(_sparse(body.decode("utf-8"), features or 0))
    raise Unanswerable(
        415, f"Content-type {kind} not supported. Supported content-type is text/csv, text/libsvm"
    )


def _sparse(text: str, features: int) -> Any:
    """LIBSVM lines as a sparse matrix; labels and comments are not read."""
    from scipy.sparse import csr_matrix

    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    lines = text.strip().splitlines()
    for row, line in enumerate(lines):
        for cell in line.split("#")[0].split():
            column, colon, value = cell.partition(":")
            if colon:
                rows.append(row)
                columns.append(int(column))
                values.append(float(value))
    width = max([features, *(column + 1 for column in columns)])
    return csr_matrix((values, (rows, columns)), shape=(len(lines), width))


# --- the server --------------------------------------------------------------------------------------------


class Server:
    """The WSGI application: one model, one invocation at a time.

    Args:
        model: what answers.
        default_accept: the type that is answered when the caller does not mind.
        token: a secret that callers send in X-Worker-Token; empty accepts anyone. It keeps other programs
            and web pages on this machine from reaching the model without AWS's signature.
        timeout_seconds: an invocation that takes longer ends the process, as gunicorn ends a worker; the
            stand-in then starts it again.
    """

    def __init__(
        self, model: Model, default_accept: str, token: str = "", timeout_seconds: float = 60
    ) -> None:
        self.model = model
        self.default_accept = default_accept
        self.token = token
        self.timeout_seconds = timeout_seconds
        self._one_at_a_time = threading.Lock()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], Any]
    ) -> list[bytes]:
        """Answer one HTTP request."""
        route = (environ["REQUEST_METHOD"], environ["PATH_INFO"])
        if self.token and environ.get("HTTP_X_WORKER_TOKEN") != self.token:
            answer = _error(403, "Forbidden", "only the stand-in may call its workers")
        elif route == ("GET", "/ping"):
            answer = Answer(b"", JSON)
        elif route == ("POST", "/invocations"):
            answer = self._invoke(environ)
        else:
            answer = _error(404, "NotFound", f"{route[0]} {route[1]} is not served here")
        headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body)))]
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
        return [answer.body]

    def _invoke(self, environ: dict[str, Any]) -> Answer:
        content_type = environ.get("CONTENT_TYPE", "")
        accept = environ.get("HTTP_ACCEPT", "")
        if not accept or "*/*" in accept:
            accept = self.default_accept
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        started = time.monotonic()
        with self._one_at_a_time:
            watchdog = threading.Timer(self.timeout_seconds, self._give_up)
            watchdog.daemon = True
            watchdog.start()
            try:
                answer = self.model.answer(body, content_type, accept)
            except Unanswerable as error:
                answer = _error(error.status, "UnsupportedFormatError", str(error))
            except Exception as error:  # noqa: BLE001 - the user's code may raise anything; the caller is told
                traceback.print_exc()
                status = getattr(error, "status_code", 500)
                answer = _error(status, type(error).__name__, str(error), traceback.format_exc())
            finally:
                watchdog.cancel()
        say(f'"POST /invocations" {answer.status} {len(answer.body)} {time.monotonic() - started:.3f}s')
        return answer

    def _give_up(self) -> None:
        say(f"[CRITICAL] WORKER TIMEOUT: an invocation took more than {self.timeout_seconds:g} s")
        faulthandler.dump_traceback()
        os._exit(1)


def _error(status: int, name: str, message: str, stack: str | None = None) -> Answer:
    body = {"error": name, "error-message": message}
    if stack is not None:
        body["stack-trace"] = stack
    return Answer(json.dumps(body).encode(), JSON, status)


def say(line: str) -> None:
    """One line of the container's log."""
    print(line, flush=True)  # noqa: T201 - standard output is the log stream


def load(image: str, model_dir: Path) -> tuple[Model, str]:
    """The model and its default accept type. Raises Unservable, or whatever the user's code raises."""
    accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT")
    if image == "xgboost" and not os.environ.get("SAGEMAKER_PROGRAM"):
        return XgboostAlgorithm(model_dir), accept or CSV
    functions = load_functions(import_program(model_dir), image)
    return ScriptModel(functions, model_dir), accept or JSON


def _end_with_the_stand_in() -> None:
    """Leave when the pipe on stdin closes: a killed stand-in leaves no server behind."""
    while os.read(0, 1):
        continue
    os._exit(0)


def main(arguments: list[str] | None = None, load: Callable[[str, Path], tuple[Model, str]] = load) -> int:
    """Load the model and serve it until the stand-in goes away; an image may have a ``load`` of its own."""
    parser = argparse.ArgumentParser(description="Serve one model over HTTP, as its SageMaker image would.")
    parser.add_argument("--image", choices=["autopilot", "scikit_learn", "xgboost"], required=True)
    parser.add_argument("--model-dir", type=Path, required=True, help="the unpacked model.tar.gz")
    parser.add_argument("--listen-fd", type=int, required=True, help="a bound and listening socket")
    options = parser.parse_args(arguments)
    token = os.environ.pop("LOCAL_AWS_WORKER_TOKEN", "")
    # As the toolkits: a script's logging.info() is seen in the container's log.
    level = int(os.environ.get("SAGEMAKER_CONTAINER_LOG_LEVEL", logging.INFO))
    logging.basicConfig(
        stream=sys.stdout, level=level, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    logging.getLogger("waitress").setLevel(logging.ERROR)
    threading.Thread(target=_end_with_the_stand_in, daemon=True).start()
    if os.environ.get("SAGEMAKER_MODEL_SERVER_WORKERS", "1") != "1":
        say("SAGEMAKER_MODEL_SERVER_WORKERS has no effect here: one process answers, one request at a time")
    try:
        model, accept = load(options.image, options.model_dir)
    except Unservable as error:
        say(f"Cannot serve this model. {error}")
        return 1
    timeout = float(os.environ.get("SAGEMAKER_MODEL_SERVER_TIMEOUT", "60"))

    import waitress

    server = waitress.create_server(
        Server(model, accept, token, timeout),
        sockets=[socket.socket(fileno=options.listen_fd)],
        threads=8,  # further requests wait their turn; none of them may keep /ping from answering
        max_request_body_size=MAX_BODY_BYTES + 1,  # waitress refuses this size and above
        clear_untrusted_proxy_headers=True,
    )
    say(f"Serving {options.model_dir} with the {options.image} image")
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
