"""One job's life from start to every possible end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread

import pytest

from local_aws.jobs import process
from local_aws.jobs.engine import LEFT_BEHIND, JobEnded, JobRef
from local_aws.jobs.lifecycle import IllegalMove
from local_aws.state.records import RecordMissing
from tests.unit.local_aws.jobs.conftest import Lab

WAIT_FOR_EVER = "import signal\nprint('ready', flush=True)\nsignal.pause()\n"
IGNORE_SIGTERM = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
WITH_CHILD = (
    "import subprocess, sys\n"
    "wait = [sys.executable, '-c', 'import signal; signal.pause()']\n"
    "child = subprocess.Popen(wait, start_new_session=%s)\n"
    "print('child', child.pid, flush=True)\n" + WAIT_FOR_EVER
)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_job_runs_through_all_its_states(lab: Lab) -> None:
    body = lab.finish(
        lab.start(
            "fine", "import os; open(os.environ['SAGEMAKER_BASE_DIR'] + '/made', 'w').close(); print('done')"
        )
    )
    assert body["State"] == "Completed"
    assert body["States"] == ["Downloading", "Running", "Uploading", "Completed"]
    assert body["Output"] == ["made", "script.py"]
    assert lab.lines("fine") == ["done"]


def test_the_room_is_gone_when_the_job_has_ended(lab: Lab) -> None:
    lab.finish(lab.start("fine"))
    assert list((lab.settings.jobs_dir / "test.job").iterdir()) == []


def test_a_failing_process_fails_the_job_with_its_code(lab: Lab) -> None:
    body = lab.finish(lab.start("bad", "import sys; sys.exit(3)"))
    assert (body["State"], body["Reason"]) == ("Failed", "exit code 3")


def test_a_program_that_does_not_exist_fails_the_job(lab: Lab) -> None:
    body = lab.finish(lab.start("bad", "import os; os.execvp('no-such-program', ['no-such-program'])"))
    assert body["State"] == "Failed"


def test_a_refusing_prepare_fails_the_job_with_its_reason(lab: Lab) -> None:
    body = lab.finish(lab.start("refused", Refuse="ClientError: nothing there"))
    assert (body["State"], body["Reason"]) == ("Failed", "ClientError: nothing there")
    assert body["States"] == ["Downloading", "Failed"]


def test_output_is_readable_while_the_job_runs(lab: Lab) -> None:
    ref = lab.start("slow", WAIT_FOR_EVER)
    lab.await_line("slow", "ready")
    assert lab.records.get("slow").body["State"] == "Running"
    lab.engine.stop(ref)
    lab.finish(ref)


def test_the_environment_is_clean(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/leak")
    monkeypatch.setenv("HTTP_PROXY", "http://leak")
    lab.engine.connect("http://127.0.0.1:1", "key", "secret")
    lab.finish(lab.start("env", "import os\nfor n in sorted(os.environ): print(n + '=' + os.environ[n])"))
    lines = lab.lines("env")
    assert not [line for line in lines if "leak" in line]
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:1" in lines
    assert "AWS_REGION=us-east-1" in lines
    assert f"PATH={Path(sys.executable).parent}:" in "\n".join(lines)


def test_stop_ends_the_job_and_a_second_stop_changes_nothing(lab: Lab) -> None:
    ref = lab.start("stopped", WAIT_FOR_EVER)
    lab.await_line("stopped", "ready")
    lab.engine.stop(ref)
    lab.engine.stop(ref)
    body = lab.finish(ref)
    assert body["States"] == ["Downloading", "Running", "Stopping", "Stopped"]
    assert lab.kind.exits[0].stopped
    with pytest.raises(JobEnded, match="Stopped"):
        lab.engine.stop(ref)


def test_stop_of_an_unknown_job_says_so(lab: Lab) -> None:
    with pytest.raises(RecordMissing):
        lab.engine.stop(JobRef("test.job", "nobody"))


@pytest.mark.parametrize("own_session", [False, True], ids=["child", "child in a session of its own"])
def test_stop_kills_the_whole_family_even_if_it_ignores_sigterm(lab: Lab, own_session: bool) -> None:
    ref = lab.start("family", IGNORE_SIGTERM + WITH_CHILD % own_session, Grace=0.2)
    lab.await_line("family", "ready")
    child = int(lab.lines("family")[0].split()[1])
    assert alive(child)
    lab.engine.stop(ref)
    assert lab.finish(ref)["State"] == "Stopped"
    assert lab.kind.exits[0].code == 128 + 9
    assert not alive(child)


def test_a_child_that_outlives_its_parent_is_killed(lab: Lab) -> None:
    script = (WITH_CHILD % False).replace(WAIT_FOR_EVER, "")
    assert lab.finish(lab.start("orphan", script))["State"] == "Completed"
    assert not alive(int(lab.lines("orphan")[0].split()[1]))


def test_a_late_exit_does_not_undo_a_stop(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends with 0; before the engine has noted that, Stop is accepted."""
    ended, go_on = Event(), Event()
    watch = process.watch

    def watch_and_pause(*arguments: object) -> process.Ended:
        result = watch(*arguments)  # type: ignore[arg-type]
        ended.set()
        assert go_on.wait(30)
        return result

    monkeypatch.setattr(process, "watch", watch_and_pause)
    ref = lab.start("late", "print('done')")
    assert ended.wait(30)
    lab.engine.stop(ref)
    go_on.set()
    body = lab.finish(ref)
    assert body["States"] == ["Downloading", "Running", "Stopping", "Stopped"]
    assert lab.kind.exits[0].stopped, "collect() must know, so that nothing is uploaded"


def test_a_stop_during_upload_wins(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    uploading, go_on = Event(), Event()
    collect = lab.kind.collect

    def slow_collect(*arguments: object) -> dict[str, object]:
        uploading.set()
        assert go_on.wait(30)
        return collect(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(lab.kind, "collect", slow_collect)
    ref = lab.start("late", "")
    assert uploading.wait(30)
    lab.engine.stop(ref)
    go_on.set()
    assert lab.finish(ref)["States"][-3:] == ["Uploading", "Stopping", "Stopped"]


def test_many_stops_against_many_exits_leave_one_truth(lab: Lab) -> None:
    """Stop and the process's own end race; whoever wins, the record's story is legal and ends once."""
    refs = [lab.start(f"race-{number}", "") for number in range(8)]

    def stop(ref: JobRef) -> None:
        try:
            lab.engine.stop(ref)
        except JobEnded:
            return

    threads = [Thread(target=stop, args=(ref,)) for ref in refs for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for ref in refs:
        states = ["Starting", *lab.finish(ref)["States"]]
        assert states[-1] in ("Stopped", "Completed")
        assert ("Stopping" in states) == (states[-1] == "Stopped")
        for before, after in pairwise(states):
            lab.kind.life.check(before, after)


def test_a_queued_job_waits_in_its_first_state_and_can_be_stopped(labs: Callable[..., Lab]) -> None:
    lab = labs(parallel_jobs=1)
    first = lab.start("first", WAIT_FOR_EVER)
    lab.await_line("first", "ready")
    second, third = lab.start("second", "print('hi')"), lab.start("third", "print('hi')")
    assert lab.records.get("second").body["State"] == "Starting"
    lab.engine.stop(second)
    assert lab.records.get("second").body["States"] == ["Stopping", "Stopped"]
    lab.engine.stop(first)
    assert lab.finish(third)["State"] == "Completed"


def test_a_job_that_takes_too_long_is_ended(lab: Lab) -> None:
    body = lab.finish(lab.start("slow", WAIT_FOR_EVER, Seconds=0.5))
    assert body["States"] == ["Downloading", "Running", "Stopping", "TimedOut"]
    assert lab.kind.exits[0].timed_out


def test_a_job_that_takes_too_much_memory_is_killed_and_its_reason_says_so(lab: Lab) -> None:
    script = "block = b'x' * (300 * 2**20)\n" + WAIT_FOR_EVER
    body = lab.finish(lab.start("greedy", script, MemoryGib=0.1))
    assert (body["State"], body["Reason"]) == ("Failed", "out of memory")
    assert any("more than 0.1 GiB of memory" in line for line in lab.lines("greedy"))


def test_memory_counts_over_the_whole_family(lab: Lab) -> None:
    eat = "block = b'x' * (80 * 2**20); import signal; signal.pause()"
    script = (
        "import subprocess, sys\n"
        f"children = [subprocess.Popen([sys.executable, '-c', {eat!r}]) for _ in range(3)]\n" + WAIT_FOR_EVER
    )
    assert lab.finish(lab.start("family", script, MemoryGib=0.2))["Reason"] == "out of memory"


def test_memory_shared_by_fork_counts_once(lab: Lab) -> None:
    script = (
        "import os, time\n"
        "block = bytearray(b'x') * (150 * 2**20)\n"
        "children = [os.fork() for _ in range(1)]\n"
        "time.sleep(2)\n"
    )
    assert lab.finish(lab.start("forks", script, MemoryGib=0.25))["State"] == "Completed"


def test_a_process_that_somebody_kills_is_reported_as_out_of_memory(lab: Lab) -> None:
    """The kernel's out-of-memory killer leaves no other trace than signal 9, as in a container."""
    assert lab.finish(lab.start("killed", "import os; os.kill(os.getpid(), 9)"))["Reason"] == "out of memory"


def test_close_fails_what_runs_and_what_waits(labs: Callable[..., Lab]) -> None:
    lab = labs(parallel_jobs=1)
    lab.start("runs", WAIT_FOR_EVER)
    lab.start("waits", WAIT_FOR_EVER)
    lab.await_line("runs", "ready")
    lab.engine.close()
    for name in ("runs", "waits"):
        body = lab.records.get(name).body
        assert (body["State"], body["Reason"]) == ("Failed", LEFT_BEHIND)


CRASHING = """
import os, signal, sys
from pathlib import Path
from conftest import make_lab
lab = make_lab(Path(sys.argv[1]), parallel_jobs=1)
ref = lab.start("left", sys.argv[2])
lab.start("queued", "")
lab.await_line("left", "ready")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("own_session", [False, True], ids=["child", "child in a session of its own"])
def test_after_a_crash_leftovers_are_killed_and_their_jobs_failed(
    tmp_path: Path, labs: Callable[..., Lab], own_session: bool
) -> None:
    script = IGNORE_SIGTERM + WITH_CHILD % own_session
    crashed = subprocess.run(
        [sys.executable, "-c", CRASHING, str(tmp_path), script],
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
    )
    assert crashed.returncode == -9
    left = process.marked(tmp_path / "jobs")
    assert len(left) == 2, "the job and its child outlive the crash"
    lab = labs()
    lab.engine.recover()
    assert not process.marked(tmp_path / "jobs")
    assert not any(alive(pid) for pid in left)
    for name in ("left", "queued"):
        body = lab.records.get(name).body
        assert (body["State"], body["Reason"]) == ("Failed", LEFT_BEHIND)
    assert not (lab.settings.jobs_dir / "test.job").exists()
    assert lab.finish(lab.start("next", ""))["State"] == "Completed"


def test_recovery_leaves_finished_jobs_alone(lab: Lab) -> None:
    lab.finish(lab.start("fine"))
    version = lab.records.get("fine").version
    lab.engine.recover()
    assert lab.records.get("fine").version == version


def test_a_broken_kind_fails_its_job_and_not_the_engine(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> dict[str, object]:
        raise RuntimeError("oops")

    monkeypatch.setattr(lab.kind, "collect", broken)
    body = lab.finish(lab.start("broken"))
    assert (body["State"], body["Reason"]) == ("Failed", "InternalServerError: RuntimeError: oops")


def test_an_illegal_move_changes_nothing(lab: Lab) -> None:
    ref = lab.start("fine")
    lab.finish(ref)
    with pytest.raises(IllegalMove):
        lab.engine._move(ref, "Running")
    assert lab.records.get("fine").body["State"] == "Completed"


def test_listeners_hear_of_every_end_after_the_record_says_so(lab: Lab) -> None:
    heard: list[tuple[str, str]] = []
    lab.engine.when_ended(lambda ref: heard.append((ref.key, lab.records.get(ref.key).body["State"])))
    lab.finish(lab.start("fine"))
    lab.finish(lab.start("bad", Refuse="no"))
    assert heard == [("fine", "Completed"), ("bad", "Failed")]
