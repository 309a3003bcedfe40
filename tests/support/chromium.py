"""A headless Chromium that a test looks through, over its DevTools protocol.

    with Browser(tmp_path) as browser:
        tab = browser.tab(width=390)
        tab.open("http://127.0.0.1:8080/")
        assert tab.evaluate("document.title") == "..."
        assert tab.complaints() == []

Reference: https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

SECONDS = 30.0  # for anything that the browser is asked


def program() -> str | None:
    """The Chromium of this machine, if there is one."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


class Browser:
    """One browser process with a profile of its own; ends when the block does."""

    def __init__(self, folder: Path) -> None:
        found = program()
        assert found is not None, "there is no Chromium: see program()"
        self._log = (folder / "chromium.log").open("wb")
        self._port_file = folder / "chromium" / "DevToolsActivePort"
        self._process = subprocess.Popen(
            [
                found, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--remote-debugging-port=0", f"--user-data-dir={folder / 'chromium'}", "about:blank",
            ],
            stdout=self._log,
            stderr=self._log,
        )  # fmt: skip
        self._connected = ExitStack()
        self._socket: ClientConnection | None = None

    def __enter__(self) -> Self:
        deadline = time.monotonic() + SECONDS
        while not (self._port_file.exists() and len(self._port_file.read_text().splitlines()) == 2):
            assert self._process.poll() is None, "Chromium ended; see chromium.log"
            assert time.monotonic() < deadline, "Chromium did not start"
            time.sleep(0.05)
        port, path = self._port_file.read_text().splitlines()
        talk = connect(f"ws://127.0.0.1:{port}{path}", max_size=None, proxy=None)
        self._socket = self._connected.enter_context(talk)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connected.close()
        self._process.terminate()
        self._process.wait(SECONDS)
        self._log.close()

    def tab(self, *, width: int = 1200, height: int = 900, dark: bool = False) -> Tab:
        """A new tab of a size, for a reader who likes it light or dark."""
        assert self._socket is not None
        return Tab(self._socket, width, height, dark=dark)


class Tab:
    """One page. `events` holds all that the browser has told about it."""

    def __init__(self, socket: ClientConnection, width: int, height: int, *, dark: bool) -> None:
        self._socket = socket
        self._session: str | None = None
        self._number = 0
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def resize(self, width: int, height: int) -> None:
        """Make the page's window as large."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask the browser, and wait for its answer."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": parameters}
        self._socket.send(json.dumps(message | ({"sessionId": self._session} if self._session else {})))
        answer = self._until(lambda told: told.get("id") == number and told.get("sessionId") == self._session)
        assert "error" not in answer, (method, answer["error"])
        result: dict[str, Any] = answer["result"]
        return result

    def open(self, url: str) -> None:
        """Go to an address, and wait until all of the page is loaded."""
        self.events.clear()
        self.call("Page.navigate", url=url)
        if not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._until(lambda told: told.get("method") == "Page.loadEventFired")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, expression: str) -> Any:
        """Wait until a JavaScript expression is true; its value."""
        deadline = time.monotonic() + SECONDS
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < deadline, f"never true: {expression}"
            time.sleep(0.05)
        return value

    def requests(self) -> list[str]:
        """The addresses that were asked for since the page was opened."""
        sent = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def complaints(self) -> list[str]:
        """Errors and warnings of the page, of its scripts and of the browser's policies."""
        found = []
        for event in self.events:
            told = event.get("params", {})
            if event["method"] == "Runtime.exceptionThrown":
                found.append(str(told["exceptionDetails"]))
            elif event["method"] == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning"):
                found.append(str(told["args"]))
            elif event["method"] == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
                found.append(f"{told['entry']['text']} ({told['entry'].get('url', '')})")
        return found

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """Save what the reader sees, or the whole page, as PNG."""
        data = self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def _until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read what the browser tells until the message that is wanted."""
        deadline = time.monotonic() + SECONDS
        while True:
            told: dict[str, Any] = json.loads(self._socket.recv(timeout=deadline - time.monotonic()))
            if "method" in told and told.get("sessionId") == self._session:
                self.events.append(told)
            if wanted(told):
                return told
