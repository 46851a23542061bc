"""OpenAI's endpoints, by the ``openai`` package with ``base_url``."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.running import PACKAGES, shared_server
from tests.server.speech import SAMPLE, at_rate, sample_display, sample_words, words_of_file
from tests.support.written import spoken

for package in PACKAGES:
    pytest.importorskip(package)
openai = pytest.importorskip("openai")
srt = pytest.importorskip("srt")
webvtt = pytest.importorskip("webvtt")

RATE_HZ = 24000


def client() -> Any:
    return openai.OpenAI(base_url=shared_server().url + "/v1", api_key="none", max_retries=0)


def transcribe(**options: Any) -> Any:
    with SAMPLE.open("rb") as file:
        return client().audio.transcriptions.create(model="whisper-1", file=file, **options)


def test_models() -> None:
    assert [model.id for model in client().models.list()] == ["english"]
    assert client().models.retrieve("whisper-1").id == "whisper-1"


def test_json_is_the_default() -> None:
    result = transcribe()
    assert result.text == sample_display() and result.usage.seconds == 13


def test_text() -> None:
    assert transcribe(response_format="text", language="en", prompt="x").strip() == sample_display()


def test_verbose_json_has_segments_unless_words_are_asked_for() -> None:
    result = transcribe(response_format="verbose_json")
    assert result.text == sample_display() and result.language == "english"
    assert 12 < result.duration < 13
    assert spoken(" ".join(s.text for s in result.segments)) == sample_words()
    assert result.words is None and result.segments[0].avg_logprob <= 0
    words = transcribe(response_format="verbose_json", timestamp_granularities=["word"])
    assert [w.word for w in words.words] == sample_words().split() and words.segments is None
    both = transcribe(response_format="verbose_json", timestamp_granularities=["word", "segment"])
    assert both.words and both.segments


def test_subtitles(tmp_path: Path) -> None:
    cues = list(srt.parse(transcribe(response_format="srt")))
    assert " ".join(cue.content for cue in cues).split() == sample_display().split()
    captions = webvtt.from_string(transcribe(response_format="vtt"))
    assert " ".join(caption.text for caption in captions).split() == sample_display().split()


def test_a_stream_has_deltas_that_make_the_text() -> None:
    events = list(transcribe(stream=True))
    assert {event.type for event in events[:-1]} == {"transcript.text.delta"}
    assert events[-1].type == "transcript.text.done" and events[-1].text == sample_display()
    assert "".join(event.delta for event in events[:-1]) == sample_display()


@pytest.mark.parametrize(
    "options",
    [{"response_format": "xml"}, {"language": "de"}, {"timestamp_granularities": ["letter"]}],
)
def test_what_cannot_be_is_a_bad_request(options: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError, match=" - "):
        transcribe(**options)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("content", [b"", b"not audio at all"])
def test_a_file_that_is_not_audio_is_a_bad_request(content: bytes, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError):
        client().audio.transcriptions.create(
            model="whisper-1", file=("a.mp3", content), stream=stream
        )


def test_a_file_that_is_damaged_is_a_bad_request_or_an_error_after_its_words() -> None:
    damaged = ("a.flac", SAMPLE.read_bytes()[:30_000])
    with pytest.raises(openai.BadRequestError, match="damaged"):
        client().audio.transcriptions.create(model="whisper-1", file=damaged)
    with pytest.raises(openai.APIError, match="damaged"):
        list(client().audio.transcriptions.create(model="x", file=damaged, stream=True))


def test_a_request_without_a_file_is_a_bad_request() -> None:
    httpx = pytest.importorskip("httpx")
    url = shared_server().url + "/v1/audio/transcriptions"
    for request in ({"data": {"model": "x"}}, {"content": b"x"}, {"json": {}}):
        response = httpx.post(url, **request)
        assert response.status_code == 400 and response.json()["error"]["message"]
    assert httpx.get(url).status_code == 405


# Realtime


def realtime(
    samples: bytes, session: dict[str, Any] | None, piece: int = 4800, commits: int = 0
) -> list[Any]:
    """Send audio as clients do, and return the events until the last item is completed."""

    async def work() -> list[Any]:
        connection = openai.AsyncOpenAI(base_url=shared_server().url + "/v1", api_key="none")
        events: list[Any] = []
        query = {"intent": "transcription"}
        async with connection.realtime.connect(extra_query=query) as realtime:
            events.append(await realtime.recv())
            if session is not None:
                await realtime.session.update(session=session)
                events.append(await realtime.recv())
            for start in range(0, len(samples), piece):
                audio = base64.b64encode(samples[start : start + piece]).decode()
                await realtime.input_audio_buffer.append(audio=audio)
            for _ in range(commits):
                await realtime.input_audio_buffer.commit()
            while events[-1].type != "conversation.item.input_audio_transcription.completed":
                events.append(await realtime.recv())
        await connection.close()
        return events

    return asyncio.run(asyncio.wait_for(work(), 60))


def of(events: list[Any], kind: str) -> Iterator[Any]:
    return (e for e in events if e.type == "conversation.item.input_audio_transcription." + kind)


def with_silence(samples: Any) -> bytes:
    return bytes(samples.tobytes()) + bytes(2 * RATE_HZ * 2)


SESSION: dict[str, Any] = {
    "type": "transcription",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": RATE_HZ},
            "transcription": {"model": "gpt-4o-transcribe", "language": "en"},
        }
    },
}


def test_an_utterance_is_an_item_whose_deltas_are_never_taken_back(tmp_path: Path) -> None:
    samples = at_rate(RATE_HZ)
    events = realtime(with_silence(samples), None)
    kinds = [event.type for event in events]
    assert kinds[0] == "session.created"
    assert kinds[1] == "input_audio_buffer.speech_started"
    order = ["speech_stopped", "committed"]
    assert [k.rpartition(".")[2] for k in kinds if k.rpartition(".")[2] in order] == order
    (completed,) = of(events, "completed")
    assert spoken(completed.transcript) == words_of_file(samples, RATE_HZ, tmp_path / "a.wav")
    deltas = [event.delta for event in of(events, "delta")]
    assert "".join(deltas) == completed.transcript and len(deltas) > 3
    assert len({getattr(event, "item_id", completed.item_id) for event in events}) == 1


def test_a_session_without_turn_detection_has_an_item_for_each_commit() -> None:
    session = {"type": "transcription", "audio": {"input": {"turn_detection": None}}}
    events = realtime(at_rate(RATE_HZ).tobytes(), session, commits=1)
    assert events[1].type == "session.updated"
    (completed,) = of(events, "completed")
    assert "".join(event.delta for event in of(events, "delta")) == completed.transcript
    assert len(set(completed.transcript.lower().split()) & set(sample_words().split())) > 20
    assert "input_audio_buffer.speech_started" not in {event.type for event in events}


def test_telephone_formats_and_the_shape_of_the_first_version() -> None:
    old = {"input_audio_format": "g711_ulaw", "input_audio_transcription": {"language": "en"}}
    session = {"type": "transcription", "audio": {"input": {"format": {"type": "audio/pcma"}}}}
    assert realtime_error({"type": "transcription_session.update", "session": old}) is None
    assert realtime_error({"type": "session.update", "session": session}) is None


def realtime_error(*messages: dict[str, Any]) -> Any:
    """Send messages and return the error that the last is answered with, if it is one."""
    import json

    websockets = pytest.importorskip("websockets")

    async def work() -> Any:
        url = shared_server().websocket_url + "/v1/realtime"
        async with websockets.connect(url) as websocket:
            for message in messages:
                await websocket.recv()
                await websocket.send(json.dumps(message))
            return json.loads(await websocket.recv()).get("error")

    return asyncio.run(asyncio.wait_for(work(), 60))


@pytest.mark.parametrize(
    "message",
    [
        {"type": "response.create", "event_id": "mine"},
        {"type": "response.create", "event_id": "\ud800"},
        {"type": "response.create", "event_id": float("nan")},
        {"type": "response.create", "event_id": [["deep"]]},
        {"type": "session.update"},
        {"type": "session.update", "session": {"audio": {"input": {"format": "mp3"}}}},
        {"type": "session.update", "session": {"audio": {"input": {"format": {"type": []}}}}},
        {"type": "session.update", "session": {"input_audio_transcription": {"language": "de"}}},
        {"type": "session.update", "session": {"input_audio_transcription": {"language": 5}}},
        {"type": "input_audio_buffer.append", "audio": "!"},
        {"type": "input_audio_buffer.append", "audio": 7},
        {"type": "input_audio_buffer.append"},
        {"type": "input_audio_buffer.commit"},
        {},
    ],
)
def test_what_is_wrong_is_told_and_the_session_goes_on(message: dict[str, Any]) -> None:
    error = realtime_error(message)
    mine = message.get("event_id") == "mine"
    assert " - " in error["message"] and error["event_id"] == ("mine" if mine else None)
    assert realtime_error(message, {"type": "input_audio_buffer.clear"}) is None


def test_commits_of_silence_are_answered() -> None:
    events = realtime(bytes(RATE_HZ), SESSION, commits=1)
    (completed,) = of(events, "completed")
    assert completed.transcript == ""
