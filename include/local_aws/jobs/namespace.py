"""Give the calling process its own /opt/ml, then become another program. Run as a program, stdlib only:

    python -I -S namespace.py MODE OPT_ML -- PROGRAM ARGUMENT…

    MODE   root       a mount namespace (needs CAP_SYS_ADMIN)
           user       a user namespace and in it a mount namespace (needs user namespaces, no privilege)
           none       no namespace: /opt/ml is whatever it is outside

Like `unshare -m` and `unshare -rm` with a bind mount, with two differences: the user keeps its own id, as
in a container that does not run as root; and a /opt/ml that does not exist is made inside the namespace
alone, by laying a tmpfs over /opt and binding what was there before back into it.

    /opt            tmpfs              only in the namespace
    /opt/<x>        bind               every entry that /opt has outside
    /opt/ml         bind of OPT_ML     the job's room
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from contextlib import suppress

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000

COMMAND_NOT_FOUND = 127  # as a shell or a container runtime reports it


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    _call(
        "mount",
        source.encode(),
        target.encode(),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        options.encode(),
    )


def _unshare(as_user: bool) -> None:
    uid, gid = os.getuid(), os.getgid()
    _call("unshare", CLONE_NEWNS | (CLONE_NEWUSER if as_user else 0))
    if as_user:
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 - pathlib would double the start-up time
                file.write(text)
    _mount("none", "/", None, MS_REC | MS_PRIVATE)


def _make_mount_point() -> None:
    old = os.open("/opt", os.O_PATH | os.O_DIRECTORY)
    with os.scandir("/opt") as found:
        entries = list(found)
    _mount("tmpfs", "/opt", "tmpfs", 0, "mode=755")
    for entry in entries:
        before = f"/proc/self/fd/{old}/{entry.name}"
        if entry.is_symlink():
            os.symlink(os.readlink(before), entry.path)  # noqa: PTH211, PTH115 - as above
        elif entry.is_dir():
            os.mkdir(entry.path)  # noqa: PTH102 - as above
            _mount(before, entry.path, None, MS_BIND | MS_REC)
        else:
            os.close(os.open(entry.path, os.O_CREAT | os.O_WRONLY))
            _mount(before, entry.path, None, MS_BIND)
    os.close(old)
    os.mkdir("/opt/ml")  # noqa: PTH102 - as above


def enter(opt_ml: str, as_user: bool) -> None:
    """Move this process into a namespace in which /opt/ml is ``opt_ml``. Raises OSError."""
    _unshare(as_user)
    # By descriptor: the room may itself lie under /opt, which the tmpfs hides. Opened after unshare,
    # because a mount of the old namespace cannot be bound in the new one.
    room = os.open(opt_ml, os.O_PATH | os.O_DIRECTORY)
    if not os.path.isdir("/opt/ml"):  # noqa: PTH112 - as above
        _make_mount_point()
    _mount(f"/proc/self/fd/{room}", "/opt/ml", None, MS_BIND | MS_REC)
    os.close(room)


def main() -> None:
    """Enter the namespace and become the program."""
    mode, opt_ml, _, *argv = sys.argv[1:]
    if mode != "none":
        where = os.getcwd()  # noqa: PTH109 - as above
        enter(opt_ml, as_user=mode == "user")
        os.chdir(where)
    # When the machine runs out of memory the job goes first, not the stand-in.
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 - as above
        file.write("500")
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - becoming the job is the point
    except OSError as error:
        sys.stderr.write(f"cannot run {argv[0]}: {error.strerror}\n")
        sys.exit(COMMAND_NOT_FOUND)


if __name__ == "__main__":
    main()
