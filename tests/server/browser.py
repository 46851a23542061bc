"""A real Chromium without a window, driven by its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def chromium() -> str:
    """The browser; the test is skipped without one."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("there is no Chromium")
    return found


class Page:
    """A tab.

    Args:
        socket: the connection to the browser.
        session: the tab's session in it.
    """

    def __init__(self, socket: Any, session: str = "") -> None:
        self._socket = socket
        self._session = session
        self._numbers = itertools.count(1)

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        await self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(await self._socket.recv())
            if answer.get("id") == number and answer.get("sessionId", "") == self._session:
                assert "error" not in answer, answer
                return dict(answer["result"])

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript."""
        result = await self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Wait until an expression is true; the test's own limit guards against hangs."""
        while not (value := await self.evaluate(expression)):
            await asyncio.sleep(0.1)
        return value

    async def click(self, selector: str) -> None:
        """Click on the middle of an element, as a mouse does."""
        box = await self.evaluate(
            f"JSON.stringify(document.querySelector({selector!r}).getBoundingClientRect())"
        )
        place = json.loads(box)
        x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )

    async def screenshot(self, path: Path) -> None:
        """Save a picture."""
        data = (await self.call("Page.captureScreenshot", format="png"))["data"]
        path.write_bytes(base64.b64decode(data))


@contextlib.asynccontextmanager
async def open_page(folder: Path, url: str, microphone: Path | None = None) -> AsyncIterator[Page]:
    """Open a page in a new browser.

    Args:
        folder: for the browser's profile.
        url: of the page.
        microphone: the recording that its microphone hears, once.
    """
    websockets = pytest.importorskip("websockets")
    options = [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--remote-debugging-port=0", f"--user-data-dir={folder / 'profile'}",
        "--no-first-run", "--disable-background-networking", "--window-size=1100,800",
        "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
    ]  # fmt: skip
    if microphone is not None:
        options.append(f"--use-file-for-fake-audio-capture={microphone}%noloop")
    process = subprocess.Popen(
        [chromium(), *options, "about:blank"], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        address = ""
        while not address:
            line = process.stderr.readline()
            assert line, "the browser has ended"
            found = re.search(r"DevTools listening on (ws://\S+)", line)
            address = found[1] if found else ""
        async with websockets.connect(address, max_size=None) as socket:
            browser = Page(socket)
            target = await browser.call("Target.createTarget", url="about:blank")
            session = await browser.call(
                "Target.attachToTarget", targetId=target["targetId"], flatten=True
            )
            page = Page(socket, session["sessionId"])
            await page.call("Page.enable")
            await page.call("Page.navigate", url=url)
            await page.until("document.readyState === 'complete'")
            yield page
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
