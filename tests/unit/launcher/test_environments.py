"""Set-up: what is right is left alone, what cannot work is said in one sentence."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from launcher import environments
from launcher.problem import Problem
from launcher.settings import Layout

TAG = f"py{sys.version_info.major}{sys.version_info.minor}"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A project with locks and a uv that writes down what it is asked."""
    (tmp_path / "locks").mkdir()
    for name in ("airflow", "jobs", "spark", "dev-airflow", "dev-jobs"):
        (tmp_path / "locks" / f"{name}-{TAG}.txt").write_text(f"# {name}\n")
    return Layout(root=tmp_path, home=tmp_path / ".local")


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A uv on the PATH that answers and makes directories."""
    folder = tmp_path / "path"
    folder.mkdir()
    calls = tmp_path / "calls"
    script = folder / "uv"
    script.write_text(
        "#!/bin/sh\n"
        '[ "$1" = --version ] && echo "uv 0.13.9" && exit 0\n'
        f'echo "$@" >> {calls}\n'
        f"[ -f {tmp_path}/uv-says ] && cat {tmp_path}/uv-says >&2 && exit 2\n"
        'if [ "$1" = venv ]; then for last; do :; done; mkdir -p "$last"; fi\n'
    )
    script.chmod(0o755)
    calls.touch()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return calls


def test_second_time_nothing_is_done(layout: Layout, uv: Path) -> None:
    assert environments.prepare(layout)
    done = uv.read_text()
    assert not environments.prepare(layout)
    assert uv.read_text() == done


def test_packages_come_from_hashed_locks_only(layout: Layout, uv: Path) -> None:
    """And are compiled: Airflow's processes start twice as fast."""
    environments.prepare(layout, with_tests=True)
    installs = [line for line in uv.read_text().splitlines() if line.startswith("pip")]
    assert len(installs) == 4
    assert all("--require-hashes" in line and "--compile-bytecode" in line for line in installs)


def test_spark_is_installed_only_when_asked_for(layout: Layout, uv: Path) -> None:
    environments.prepare(layout)
    before = uv.read_text()
    assert ".venv-spark" not in before
    assert environments.prepare(layout, with_spark=True)
    added = uv.read_text().removeprefix(before)
    assert ".venv-spark" in added
    assert ".venv-jobs" not in added
    assert not environments.prepare(layout, with_spark=True)


def test_a_changed_lock_is_installed_anew(layout: Layout, uv: Path) -> None:
    environments.prepare(layout)
    before = uv.read_text()
    (layout.locks / f"jobs-{TAG}.txt").write_text("# something else\n")
    assert environments.prepare(layout)
    added = uv.read_text().removeprefix(before)
    assert ".venv-jobs" in added
    assert "/.venv " not in added


def test_what_tests_need_is_added_to_what_is_there(layout: Layout, uv: Path) -> None:
    """And `make run` is content with more than it asks for."""
    environments.prepare(layout)
    before = uv.read_text()
    assert environments.prepare(layout, with_tests=True)
    assert "venv --" not in uv.read_text().removeprefix(before)
    assert not environments.prepare(layout)


def test_an_interrupted_installation_is_begun_again(layout: Layout, uv: Path) -> None:
    environments.prepare(layout)
    (layout.root / ".venv" / "installed.json").unlink()
    assert environments.prepare(layout)


def test_somebody_elses_environment_is_not_emptied(layout: Layout, uv: Path, tmp_path: Path) -> None:
    """uv follows a link and clears what it finds there."""
    (tmp_path / "elsewhere").mkdir()
    (layout.root / ".venv-jobs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Problem, match=r"\.venv-jobs is a link"):
        environments.prepare(layout)
    assert uv.read_text() == ""


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("error: failed to write: No space left on device (os error 28)", "the disk is full"),
        ("error: Failed to fetch: `https://index/simple/`\n  Caused by: dns error", "cannot be reached"),
        ("error: Hash mismatch for `moto==5.2.5`", "differs from what the lock says"),
        ("error: something never seen", "something never seen"),
    ],
)
def test_failures_are_sentences(layout: Layout, uv: Path, output: str, sentence: str) -> None:
    (layout.root / "uv-says").write_text(output)
    with pytest.raises(Problem, match=sentence):
        environments.prepare(layout)
    assert output in (layout.logs / "set-up.log").read_text()


def test_full_disk_is_seen_before_anything_is_fetched(
    layout: Layout, uv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "DISK_NEEDED_GB", 1e9)
    with pytest.raises(Problem, match="too full"):
        environments.prepare(layout)
    assert uv.read_text() == ""


def test_a_python_that_the_locks_are_for_is_taken(layout: Layout, uv: Path) -> None:
    assert environments.suitable_python(layout) == Path(sys.executable)
    assert uv.read_text() == ""


def test_an_older_python_is_refused(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    with pytest.raises(Problem, match=r"Python 3\.10: too old\. Install Python 3\.11 or 3\.12"):
        environments.suitable_python(layout)


def test_a_newer_python_has_uv_bring_one_once(
    layout: Layout, uv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into the project's own folder, nothing global."""
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    fetched = layout.root / ".uv" / "python" / "cpython-3.12.1-linux" / "bin" / "python3.12"
    with pytest.raises(Problem, match=r"uv brought no 3\.12"):
        environments.suitable_python(layout)
    assert uv.read_text() == "python install --no-bin 3.12\n"
    fetched.parent.mkdir(parents=True)
    fetched.touch()
    assert environments.suitable_python(layout) == fetched
    assert uv.read_text() == "python install --no-bin 3.12\n"


def test_a_python_that_cannot_be_fetched_is_a_sentence(
    layout: Layout, uv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    (layout.root / "uv-says").write_text("error: error sending request for url")
    with pytest.raises(
        Problem, match=r"3\.14, newer than the locks.*cannot be reached.*Install Python 3\.11"
    ):
        environments.suitable_python(layout)


def test_a_missing_lock_is_named(layout: Layout, uv: Path) -> None:
    (layout.locks / f"airflow-{TAG}.txt").unlink()
    with pytest.raises(Problem, match=f"airflow-{TAG}.txt is missing"):
        environments.prepare(layout)


def test_a_folder_that_is_still_to_be_made_is_on_its_parents_disk(tmp_path: Path) -> None:
    """A run asks before the folder of its state exists."""
    environments.require_space(tmp_path / "not" / "yet", 0.0, "a run")
    with pytest.raises(Problem, match=r"a run needs 1e\+09 GB, .* GB are free in"):
        environments.require_space(tmp_path / "not" / "yet", 1e9, "a run")
