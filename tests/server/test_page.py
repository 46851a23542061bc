"""The pages: words in a real browser, nothing from outside, readable in both colour schemes."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from streamer.output.jsonl import as_json
from tests.server.running import PACKAGES, running_server, shared_server
from tests.server.speech import RATE_HZ, events_of, sample, sample_display, sample_words
from tests.support.paths import ROOT

PAGE = ROOT / "streamer" / "server" / "page"


def text(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(PAGE.iterdir()), ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere_and_nothing_is_inline(path: Path) -> None:
    content = path.read_text(encoding="utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|src=[\"']//", content)
    if path.suffix == ".html":
        assert not re.search(r"<script(?![^>]*src=)|<style| on[a-z]+=| style=", content)


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(scheme: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", text("style.css"), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6});", blocks[scheme]))
    for on in ("background", "surface"):
        for name in ("text", "tail", "accent", "record"):
            assert contrast(colours[name], colours[on]) >= 4.5, (name, on)
        assert contrast(colours["line"], colours[on]) >= 3, on
    assert contrast(colours["on-accent"], colours["accent"]) >= 4.5


def need_browser() -> None:
    from tests.server.browser import chromium

    for package in PACKAGES:
        pytest.importorskip(package)
    chromium()


def run(work: Any) -> Any:
    return asyncio.run(asyncio.wait_for(work, 170))


@pytest.mark.slow
def test_a_visitor_presses_speaks_and_reads(tmp_path: Path) -> None:
    need_browser()
    from tests.server.browser import open_page

    recording = tmp_path / "microphone.wav"
    pause = np.zeros(RATE_HZ, np.int16)
    soundfile.write(recording, np.concatenate([pause, sample(), pause, pause, pause]), RATE_HZ)

    async def work() -> tuple[str, str, list[str]]:
        async with open_page(tmp_path, shared_server().url + "/", recording) as page:
            await page.until("document.getElementById('status').textContent")
            await page.click("#record")
            await page.until("document.getElementById('stable').textContent.length > 20")
            grey, solid = [
                await page.evaluate(f"getComputedStyle(document.getElementById('{name}')).color")
                for name in ("tail", "stable")
            ]
            assert grey != solid
            words = "document.getElementById('finals').textContent"
            await page.until(f"{words}.length > 60")
            await page.click("#record")
            await page.until("document.getElementById('status').textContent == 'Stopped.'")
            files = [
                await page.evaluate(
                    f"new Promise(done => {{ URL.createObjectURL = blob => {{"
                    f" blob.text().then(done); return '#'; }};"
                    f" document.querySelector('[data-format={name}]').click(); }})"
                )
                for name in ("txt", "srt", "vtt")
            ]
            return await page.evaluate(words), await page.evaluate("document.title"), files

    shown, title, (txt, srt, vtt) = run(work())
    heard = set(re.findall(r"\w+", shown.lower()))
    # A busy machine drops samples of the browser's microphone, so not every word need be there.
    assert len(heard & set(sample_words().split())) >= 0.7 * len(set(sample_words().split()))
    assert title == "streamer" and txt.strip() == shown.strip()
    assert srt.startswith("1\n00:00:0") and vtt.startswith("WEBVTT\n\n00:00:0")


@pytest.mark.slow
def test_the_text_of_the_page_is_that_of_the_server(tmp_path: Path) -> None:
    need_browser()
    from tests.server.browser import open_page

    events = json.dumps([as_json(event) for event in events_of(sample())])

    async def work() -> list[str]:
        async with open_page(tmp_path, shared_server().url + "/") as page:
            return await page.evaluate(
                "import('/page/transcript.js').then(({ Transcript }) => {"
                f" const t = new Transcript(); for (const e of {events}) t.take(e);"
                " return ['txt', 'srt', 'vtt'].map((format) => t.file(format)); })"
            )

    srt, webvtt = pytest.importorskip("srt"), pytest.importorskip("webvtt")
    txt, subtitles, captions = run(work())
    assert txt == sample_display() + "\n"
    cues = list(srt.parse(subtitles))
    assert " ".join(cue.content for cue in cues).split() == sample_display().split()
    assert all(len(line) <= 42 for cue in cues for line in cue.content.split("\n"))
    assert all(a.end <= b.start for a, b in zip(cues, cues[1:]))
    read = webvtt.from_string(captions)
    assert " ".join(caption.text for caption in read).split() == sample_display().split()


@pytest.mark.slow
def test_captions_show_a_stream_over_anything(tmp_path: Path) -> None:
    need_browser()
    import websockets

    from tests.server.browser import open_page

    server = shared_server()

    async def work() -> tuple[str, str, float, float]:
        url = server.url + "/captions?stream=stage&size=5&lines=2"
        speaker = f"{server.websocket_url}/v1/listen?name=stage"
        async with websockets.connect(speaker) as socket, open_page(tmp_path, url) as page:
            await page.until("document.getElementById('status').textContent == ''")
            await socket.send(sample().tobytes())
            words = "document.getElementById('captions').textContent"
            await page.until(f"{words}.length > 60")
            await socket.send('{"type": "finish"}')
            await page.until(f"{words}.endsWith('.')")
            style = "getComputedStyle(document.body).backgroundColor"
            lines = await page.evaluate(
                "document.getElementById('window').clientHeight"
                " / parseFloat(getComputedStyle(document.getElementById('captions')).fontSize)"
            )
            width = await page.evaluate(
                "parseFloat(getComputedStyle(document.getElementById('captions')).fontSize)"
                " / innerWidth"
            )
            return await page.evaluate(words), await page.evaluate(style), lines, width

    shown, background, lines, width = run(work())
    assert shown == sample_display()
    assert background == "rgba(0, 0, 0, 0)"
    assert 2 * 1.25 < lines < 2 * 1.35 and 0.049 < width < 0.051


@pytest.mark.slow
def test_a_page_without_the_token_asks_for_it(tmp_path: Path) -> None:
    need_browser()
    from tests.server.browser import open_page

    token = "a token that nobody knows"
    (tmp_path / "token").write_text(token)

    async def work(url: str) -> list[bool]:
        async with open_page(tmp_path, url) as page:
            hidden = "document.getElementById('token-form').hidden"
            await page.until(f"!{hidden}")
            shown = []
            for given in ("wrong", token):
                await page.evaluate(f"document.getElementById('token').value = {given!r}")
                await page.click("#token-form button")
                message = "That is not" if given == "wrong" else "Press the button"
                status = "document.getElementById('status').textContent"
                await page.until(f"{status}.startsWith({message!r})")
                shown.append(not await page.evaluate(hidden))
            return shown

    with running_server("--token-file", str(tmp_path / "token"), "--workers", "1") as server:
        assert run(work(server.url)) == [True, False]
