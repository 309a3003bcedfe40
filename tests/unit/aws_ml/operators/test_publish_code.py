"""What is published, and when two publications are the same."""

from __future__ import annotations

import json

import pytest

from aws_ml.operators import publish_code
from aws_ml.operators.publish_code import digest_of, resolved, tree


def test_the_tree_is_the_jobs_package_without_caches() -> None:
    files = tree()
    assert "jobs/__init__.py" in files
    assert {"jobs/glue/clean.py", "jobs/glue/clean_spark.py", "jobs/glue/rules.py"} <= set(files)
    assert not [name for name in files if "__pycache__" in name or "/." in name]


def test_the_digest_does_not_depend_on_the_order() -> None:
    assert digest_of({"a": b"1", "b": b"2"}) == digest_of({"b": b"2", "a": b"1"})


def test_the_digest_tells_names_from_contents() -> None:
    digests = {
        digest_of(files) for files in ({"a": b"bc"}, {"ab": b"c"}, {"a": b"b", "c": b""}, {"a": b"bd"})
    }
    assert len(digests) == 4


def test_the_workflow_is_written_the_same_whatever_its_order() -> None:
    assert resolved({"b": 1, "a": "ü"}) == resolved({"a": "ü", "b": 1})
    assert json.loads(resolved({"a": "ü"})) == {"a": "ü"}


def test_a_missing_package_is_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish_code, "PACKAGE", "no_such_package")
    with pytest.raises(FileNotFoundError, match="PYTHONPATH"):
        tree()
