"""The model server's contract: what AWS's scikit-learn and XGBoost images answer."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import xgboost
from werkzeug.test import Client, TestResponse

from local_aws.images import serving_program
from local_aws.images.serving_program import Server, Unservable, load, missing_requirements

ROWS = [[1.0, 2.0, 3.0], [-1.0, 0.5, 0.0], [0.2, float("nan"), 9.0]]
ROWS_AS_CSV = b"1.0,2.0,3.0\n-1.0,0.5,0.0\n0.2,,9.0\n"


@pytest.fixture(scope="module")
def booster() -> xgboost.Booster:
    """A booster that looks at all three of its features, stopped early."""
    random = numpy.random.default_rng(7)
    x = random.normal(size=(300, 3))
    data = xgboost.DMatrix(x, (x[:, 0] - x[:, 1] + x[:, 2] > 0).astype(int))
    parameters = {"objective": "binary:logistic", "max_depth": 2, "nthread": 1}
    booster = xgboost.train(parameters, data, 12)
    booster.set_attr(best_iteration="4")
    return booster


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    (tmp_path / "model" / "code").mkdir(parents=True)
    return tmp_path / "model"


@pytest.fixture
def algorithm(model_dir: Path, booster: xgboost.Booster) -> Client:
    """The XGBoost image in algorithm mode."""
    booster.save_model(model_dir / "model.ubj")
    (model_dir / "model.ubj").rename(model_dir / "xgboost-model")
    return client("xgboost", model_dir)


@pytest.fixture(autouse=True)
def _own_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test imports its own inference.py."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def client(image: str, model_dir: Path, **more: Any) -> Client:
    model, accept = load(image, model_dir)
    return Client(Server(model, accept, **more))


def script(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch, text: str, image: str = "scikit_learn"
) -> Client:
    """A server of a script; model_fn unless the script has its own."""
    if "def model_fn" not in text:
        text = "def model_fn(model_dir):\n    return 'model'\n" + text
    (model_dir / "code" / "serve.py").write_text(text)
    monkeypatch.setenv("SAGEMAKER_PROGRAM", "serve.py")
    return client(image, model_dir)


def invoke(
    server: Client, body: bytes | str, content_type: str = "application/json", accept: str | None = None
) -> TestResponse:
    headers = {"Accept": accept} if accept else {}
    return server.post("/invocations", data=body, content_type=content_type, headers=headers)


class TestAlgorithmMode:
    def expected(self, booster: xgboost.Booster) -> list[float]:
        scores = booster.predict(xgboost.DMatrix(numpy.array(ROWS)), iteration_range=(0, 5))
        return [float(score) for score in scores]

    def test_ping(self, algorithm: Client) -> None:
        assert algorithm.get("/ping").status_code == 200

    @pytest.mark.parametrize("content_type", ["text/csv", "text/csv; charset=utf-8", ""])
    def test_csv_in_csv_out(self, algorithm: Client, booster: xgboost.Booster, content_type: str) -> None:
        """One line of scores of the trees up to the best round; an empty cell is a missing value."""
        answer = invoke(algorithm, ROWS_AS_CSV, content_type)
        assert (answer.status_code, answer.mimetype) == (200, "text/csv")
        assert [float(score) for score in answer.text.split(",")] == self.expected(booster)

    def test_all_rounds_would_answer_something_else(self, booster: xgboost.Booster) -> None:
        """Else the test above could not tell whether the best round is respected."""
        everything = booster.predict(xgboost.DMatrix(numpy.array(ROWS)), iteration_range=(0, 12))
        assert everything.tolist() != self.expected(booster)

    def test_json_out(self, algorithm: Client, booster: xgboost.Booster) -> None:
        answer = invoke(algorithm, ROWS_AS_CSV, "text/csv", "application/json")
        assert [row["score"] for row in answer.get_json()["predictions"]] == self.expected(booster)

    def test_json_lines_out(self, algorithm: Client, booster: xgboost.Booster) -> None:
        answer = invoke(algorithm, ROWS_AS_CSV, "text/csv", "application/jsonlines")
        scores = [json.loads(line)["score"] for line in answer.text.splitlines()]
        assert scores == self.expected(booster)

    def test_libsvm_in(self, algorithm: Client, booster: xgboost.Booster) -> None:
        """Labels are passed over and absent columns are missing values."""
        answer = invoke(algorithm, b"1 0:1.0 1:2.0 2:3.0\n0:-1.0 1:0.5 2:0.0\n0:0.2 2:9.0", "text/libsvm")
        assert [float(score) for score in answer.text.split(",")] == self.expected(booster)

    def test_no_body_no_content(self, algorithm: Client) -> None:
        assert invoke(algorithm, b"", "text/csv").status_code == 204

    @pytest.mark.parametrize(
        ("body", "types", "refusal"),
        [
            (
                b'{"instances": [[1, 2, 3]]}',
                ("application/json", None),
                "415 Content-type application",
            ),
            (b"1,2,three", ("text/csv", None), "415 Loading text/csv data failed"),
            (b"1,2,3\n1,2", ("text/csv", None), "415 Loading text/csv data failed"),
            (b"1,2", ("text/csv", None), "400 Unable to evaluate payload provided: Feature size of csv"),
            (
                b"0:1 7:1",
                ("text/libsvm", None),
                "400 Unable to evaluate payload provided: Feature",
            ),
            (b"1,2,3", ("text/csv", "image/png"), "406 Accept type image/png is not supported"),
        ],
    )
    def test_what_it_refuses(
        self, algorithm: Client, body: bytes, types: tuple[str, str | None], refusal: str
    ) -> None:
        """In plain text, as AWS's image."""
        answer = invoke(algorithm, body, *types)
        assert answer.mimetype == "text/plain"
        assert f"{answer.status_code} {answer.text}".startswith(refusal)

    def test_an_archive_without_the_model(self, model_dir: Path) -> None:
        (model_dir / "model.json").write_text("{}")
        with pytest.raises(Unservable, match=r"holds no file xgboost-model; it holds model\.json"):
            load("xgboost", model_dir)


class TestScriptMode:
    DOUBLE = "class Model:\n    def predict(self, x): return (x * 2).sum(axis=1)\n"
    MODEL = DOUBLE + "def model_fn(model_dir):\n    return Model()\n"

    @pytest.mark.parametrize(
        ("body", "content_type"),
        [(b"[[1, 2], [3, 4]]", "application/json"), (b"1,2\n3,4\n", "text/csv")],
    )
    def test_defaults(
        self, model_dir: Path, monkeypatch: pytest.MonkeyPatch, body: bytes, content_type: str
    ) -> None:
        """With nothing but model_fn: decode, model.predict, JSON."""
        answer = invoke(script(model_dir, monkeypatch, self.MODEL), body, content_type)
        assert (answer.status_code, answer.mimetype) == (200, "application/json")
        assert answer.get_json() == [6.0, 14.0]

    def test_default_npy(self, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        stream = io.BytesIO()
        numpy.save(stream, numpy.array([[1.0, 2.0]]))
        server = script(model_dir, monkeypatch, self.MODEL)
        answer = invoke(server, stream.getvalue(), "application/x-npy", "application/x-npy")
        assert numpy.load(io.BytesIO(answer.data)).tolist() == [6.0]

    def test_default_csv_out(self, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        answer = invoke(script(model_dir, monkeypatch, self.MODEL), b"1,2\n3,4\n", "text/csv", "text/csv")
        assert answer.text == "6.0\n14.0\n"

    def test_default_types_refused(self, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        server = script(model_dir, monkeypatch, self.MODEL)
        assert invoke(server, b"x", "image/png").status_code == 415
        refused = invoke(server, b"[[1]]", accept="image/png")
        assert (refused.status_code, refused.mimetype) == (406, "application/json")
        assert "image/png" in refused.get_json()["error-message"]

    def test_own_functions(self, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Text bodies arrive as str, others as bytes; a bare answer has the type that was asked for."""
        server = script(
            model_dir,
            monkeypatch,
            "def input_fn(body, content_type): return [type(body).__name__, content_type]\n"
            "def predict_fn(data, model): return [*data, model]\n"
            "def output_fn(prediction, accept): return ' '.join([*prediction, accept])\n",
        )
        text = invoke(server, b"{}", accept="text/x-own")
        assert (text.text, text.mimetype) == ("str application/json model text/x-own", "text/x-own")
        assert invoke(server, b"{}", "image/png").text == "bytes image/png model application/json"

    def test_answer_with_its_type(self, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        text = "def transform_fn(model, body, content_type, accept): return 'x', 'text/plain'\n"
        answer = invoke(script(model_dir, monkeypatch, text), b"{}")
        assert (answer.text, answer.mimetype) == ("x", "text/plain")

    def test_response_objects(self, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        text = (
            "from werkzeug.wrappers import Response\n"
            "def transform_fn(model, body, content_type, accept):\n"
            "    return Response('no', 422, mimetype='text/plain')\n"
        )
        answer = invoke(script(model_dir, monkeypatch, text), b"{}")
        assert (answer.status_code, answer.text, answer.mimetype) == (422, "no", "text/plain")

    def test_context(self, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A function that takes one argument more gets the context."""
        server = script(
            model_dir,
            monkeypatch,
            "def model_fn(model_dir, context): return context.system_properties['model_dir'] == model_dir\n"
            "def transform_fn(model, body, content_type, accept, context): return str(model)\n",
        )
        assert invoke(server, b"{}").text == "True"

    def test_xgboost_script_gets_a_matrix(self, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        text = (
            "def predict_fn(data, model): return [data.num_row(), data.num_col()]\n"
            "def output_fn(prediction, accept): return str(prediction)\n"
        )
        answer = invoke(script(model_dir, monkeypatch, text, "xgboost"), ROWS_AS_CSV, "text/csv")
        assert answer.text == "[3, 3]"

    def test_an_exception_is_a_500_that_says_why(
        self, model_dir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        text = "def input_fn(body, content_type): raise KeyError('age')\n"
        answer = invoke(script(model_dir, monkeypatch, text), b"{}")
        assert (answer.status_code, answer.mimetype) == (500, "application/json")
        assert answer.get_json()["error"] == "KeyError"
        assert "in input_fn" in answer.get_json()["stack-trace"]
        assert "KeyError: 'age'" in capfd.readouterr().err

    def test_an_exception_may_carry_its_status(
        self, model_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = (
            "class Refused(Exception): status_code = 422\n"
            "def input_fn(body, content_type): raise Refused('no age')\n"
        )
        answer = invoke(script(model_dir, monkeypatch, text), b"{}")
        assert (answer.status_code, answer.get_json()["error-message"]) == (422, "no age")

    def test_an_answer_that_is_no_body(self, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        text = "def transform_fn(model, body, content_type, accept): return {'a': 1}\n"
        answer = invoke(script(model_dir, monkeypatch, text), b"{}")
        assert (answer.status_code, answer.get_json()["error"]) == (500, "TypeError")

    def test_model_fn_is_needed(self, model_dir: Path) -> None:
        (model_dir / "code" / "inference.py").write_text("def predict_fn(data, model): return data\n")
        with pytest.raises(Unservable, match="Please provide a model_fn implementation"):
            load("scikit_learn", model_dir)

    def test_no_script(self, model_dir: Path) -> None:
        with pytest.raises(Unservable, match=r"There is no inference\.py in"):
            load("scikit_learn", model_dir)

    def test_submit_directory(self, model_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """The code may lie beside the model, with modules of its own."""
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "helper_of_serve.py").write_text("ANSWER = 'helped'\n")
        (tmp_path / "elsewhere" / "serve.py").write_text(
            "from helper_of_serve import ANSWER\n"
            "def model_fn(model_dir): return None\n"
            "def transform_fn(*arguments): return ANSWER\n"
        )
        monkeypatch.setenv("SAGEMAKER_PROGRAM", "serve.py")
        monkeypatch.setenv("SAGEMAKER_SUBMIT_DIRECTORY", str(tmp_path / "elsewhere"))
        assert invoke(client("scikit_learn", model_dir), b"{}").text == "helped"

    def test_a_library_that_is_not_here(self, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (model_dir / "code" / "requirements.txt").write_text("numpy\nno-such-library==1.0\n")
        with pytest.raises(Unservable, match=r"no-such-library==1\.0"):
            script(model_dir, monkeypatch, "")


def test_requirements() -> None:
    """Options, comments and markers that do not apply are passed over; a wrong version is named."""
    lines = [
        "# comment",
        "",
        "-r other.txt",
        "numpy>=1.0  # fine",
        "numpy<1.0",
        'no-such; python_version < "3"',
    ]
    assert missing_requirements(lines) == [f"numpy<1.0 (here is {numpy.__version__})"]


def test_only_the_stand_in_may_call(algorithm: Client, model_dir: Path) -> None:
    server = client("xgboost", model_dir, token="secret")
    assert server.get("/ping").status_code == 403
    assert server.get("/ping", headers={"X-Worker-Token": "secret"}).status_code == 200


def test_other_paths(algorithm: Client) -> None:
    assert algorithm.get("/models").status_code == 404


def test_the_default_accept_can_be_set(algorithm: Client, model_dir: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "application/jsonlines")
    assert (
        invoke(client("xgboost", model_dir), ROWS_AS_CSV, "text/csv", "*/*").mimetype
        == "application/jsonlines"
    )


def test_the_program_needs_nothing_of_the_stand_in() -> None:
    """It runs by path in the job's environment, where the stand-in's packages are not importable."""
    lines = Path(serving_program.__file__).read_text().splitlines()
    assert [line for line in lines if line.lstrip().startswith(("from local_aws", "import local_aws"))] == []
