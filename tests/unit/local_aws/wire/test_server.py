"""The server's thread of the sockets."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from local_aws.wire.server import listen, server


def test_only_other_threads_wake_the_one_that_reads_the_sockets(tmp_path: Path) -> None:
    """What that one answers itself it need not be told, and it listens to its clients again all the same."""

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [("Content-Length", "4")])
        return [b"fine"]

    made = server(application, listen("127.0.0.1", 0), tmp_path, threads=1)
    wake, woken = made.trigger.pull_trigger, []

    def count(*thunk: Any) -> None:
        woken.append(thunk)
        wake(*thunk)

    made.trigger.pull_trigger = count
    thread = threading.Thread(target=made.run)
    thread.start()
    connection = http.client.HTTPConnection("127.0.0.1", made.effective_port, timeout=20)
    try:
        for _ in range(3):
            connection.request("GET", "/FeatureGroup/g")
            assert connection.getresponse().read() == b"fine"
        assert woken == []
        for _ in range(2):  # the second is heard when the first has woken it
            connection.request("GET", "/bucket/key")
            assert connection.getresponse().read() == b"fine"
        assert woken
    finally:
        connection.close()
        wake(made.close)
        thread.join()
        made.task_dispatcher.shutdown()
