"""Standard input: raw samples and WAV headers, however the pipe cuts the bytes."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.arrays import FloatArray
from streamer.audio.pcm import PcmFormat
from streamer.audio.sources.recording import RecordingSource
from streamer.audio.sources.standard_input import StandardInputSource
from streamer.audio.wav import declared_bytes
from streamer.errors import AudioError, UsageError
from tests.support.audio.recordings import Heard, babble

#: Lengths that programs write who do not know them.
PLACEHOLDERS = [
    0, 0x7FF00000, 0x7FFFF000, 0x7FFFFF00, 0x7FFFFFDB, 0x7FFFFFFF, 0x80000000, 0x80000024,
    0xFFFFFFDB, 0xFFFFFFFF, 2_000_000_000, 1_234_567_890, 300_000_001,
]  # fmt: skip
SUBTYPES = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW"]


class Pipe(io.RawIOBase):
    """Returns its bytes in blocks of given sizes, as a pipe may."""

    def __init__(self, data: bytes, sizes: list[int] | None = None) -> None:
        self._data = data
        self._sizes = sizes or [65536]
        self._reads = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        n = min(len(buffer), self._sizes[self._reads % len(self._sizes)])
        self._reads += 1
        part, self._data = self._data[:n], self._data[n:]
        buffer[: len(part)] = part
        return len(part)


def hear(data: bytes, sizes: list[int] | None = None, rate: int = 16000,
         channels: int = 1) -> Heard:  # fmt: skip
    return Heard(StandardInputSource(Pipe(data, sizes), rate, channels))  # type: ignore[arg-type]


def raw(frames: FloatArray) -> bytes:
    return (frames * 32768).astype("<i2").tobytes()


def wav(frames: FloatArray, rate: int = 16000, subtype: str = "PCM_16", kind: str = "WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, frames, rate, subtype=subtype, format=kind)
    return file.getvalue()


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 3000),
    channels=st.integers(1, 3),
    rate=st.sampled_from([8000, 16000, 44100]),
    header=st.booleans(),
    sizes=st.lists(st.integers(1, 700), min_size=1, max_size=6),
)
def test_the_blocks_of_the_pipe_change_no_sample(
    n: int, channels: int, rate: int, header: bool, sizes: list[int]
) -> None:
    frames = babble(n / rate, rate, channels)
    data = wav(frames, rate) if header else raw(frames)
    cut, whole = hear(data, sizes, rate, channels), hear(data, None, rate, channels)
    assert cut.error is None and whole.error is None
    np.testing.assert_array_equal(cut.samples, whole.samples)
    if (rate, channels) == (16000, 1):
        np.testing.assert_array_equal(cut.samples, frames[:, 0])


@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("kind", ["WAV", "WAVEX"])
def test_every_kind_of_wav_gives_the_samples_that_the_file_gives(
    subtype: str, kind: str, tmp_path: Path
) -> None:
    data = wav(babble(0.5, 44100, 2), 44100, subtype, kind)
    (tmp_path / "a.wav").write_bytes(data)
    heard = hear(data, [1000], rate=8000, channels=1)  # the header outweighs the arguments
    from_file = Heard(RecordingSource(tmp_path / "a.wav"))
    assert heard.error is None and len(heard.samples) == 8000
    np.testing.assert_array_equal(heard.samples, from_file.samples)


@pytest.mark.parametrize(("encoding", "subtype"), [("alaw", "ALAW"), ("mulaw", "ULAW")])
def test_all_codes_of_g711_are_decoded_as_by_libsndfile(encoding: str, subtype: str) -> None:
    codes = bytes(range(256))
    expected, _ = soundfile.read(
        io.BytesIO(codes), dtype="float32", samplerate=8000, channels=1,
        subtype=subtype, format="RAW",
    )  # fmt: skip
    np.testing.assert_array_equal(PcmFormat(encoding, 8000, 1).decode(codes)[:, 0], expected)


@pytest.mark.parametrize("size", PLACEHOLDERS)
def test_headers_of_programs_that_do_not_know_the_length_are_read(size: int) -> None:
    data = bytearray(wav(babble()))
    data[4:8] = struct.pack("<I", min(size + 36, 0xFFFFFFFF))
    data[40:44] = struct.pack("<I", size)
    heard = hear(bytes(data), [500])
    assert heard.error is None
    np.testing.assert_array_equal(heard.samples, babble()[:, 0])


def test_a_length_that_is_known_is_believed() -> None:
    assert declared_bytes(1000) == 1000
    assert declared_bytes(1_234_567_890) == 1_234_567_890
    assert declared_bytes(0) is None and declared_bytes(0xFFFFFFFF) is None


def test_chunks_before_and_after_the_samples_are_skipped() -> None:
    data = wav(babble())
    info = b"LIST" + struct.pack("<I", 5) + b"INFOx" + b"\0"
    heard = hear(data[:12] + info + data[12:] + info * 20, [77])
    assert heard.error is None
    np.testing.assert_array_equal(heard.samples, babble()[:, 0])


def chunk(kind: bytes, body: bytes, padded: bool = True) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (padded and len(body) % 2)


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("kind", [b"LIST", b"bext", b"zzzz"])
def test_odd_chunks_with_and_without_their_padding_are_skipped(
    kind: bytes, padded: bool, tmp_path: Path
) -> None:
    data = wav(babble())
    data = data[:36] + chunk(kind, b"INFOx", padded) + data[36:]
    (tmp_path / "a.wav").write_bytes(data)
    for heard in (hear(data, [77]), Heard(RecordingSource(tmp_path / "a.wav"))):
        assert heard.error is None
        np.testing.assert_array_equal(heard.samples, babble()[:, 0])


def test_an_id3_tag_in_front_of_a_wav_file_is_skipped(tmp_path: Path) -> None:
    data = b"ID3\4\0\0\0\0\1\x09" + bytes(137) + wav(babble())
    (tmp_path / "a.wav").write_bytes(data)
    for heard in (hear(data, [77]), Heard(RecordingSource(tmp_path / "a.wav"))):
        assert heard.error is None
        np.testing.assert_array_equal(heard.samples, babble()[:, 0])


def test_a_placeholder_that_happens_to_be_true_ends_at_the_next_chunk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streamer.audio.wav.declared_bytes", lambda size: None)
    heard = hear(wav(babble()) + chunk(b"LIST", b"INFO" * 100))
    assert heard.error is None
    np.testing.assert_array_equal(heard.samples, babble()[:, 0])


@pytest.mark.parametrize(("shift", "valid"), [(8, 32), (8, 24), (0, 24)])
def test_24_bits_in_32_are_read_at_the_top_and_at_the_bottom(shift: int, valid: int) -> None:
    values = np.round(babble()[:, 0] * 2**23).astype("<i4") + 3
    fmt = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 16000, 64000, 4, 32, 22, valid, 0)
    fmt += struct.pack("<H", 1) + bytes(14)
    body = b"WAVE" + chunk(b"fmt ", fmt) + chunk(b"data", (values << shift).tobytes())
    heard = hear(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert heard.error is None
    np.testing.assert_allclose(heard.samples, values / 2**23, atol=1e-6)


def test_rf64_is_read_by_its_64_bit_length() -> None:
    data = wav(babble(), kind="RF64") + b"LIST\4\0\0\0more"
    heard = hear(data)
    assert heard.error is None
    np.testing.assert_array_equal(heard.samples, babble()[:, 0])


@pytest.mark.parametrize("command", [
    ["ffmpeg", "-v", "error", "-i", "{}", "-f", "wav", "-"],
    ["ffmpeg", "-v", "error", "-i", "{}", "-f", "wav", "-c:a", "pcm_s24le", "-"],
    ["sox", "{}", "-t", "wav", "-"],
], ids=["ffmpeg", "ffmpeg 24 bits", "sox"])  # fmt: skip
def test_what_other_programs_write_into_a_pipe_is_read(command: list[str], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", babble(), 16000)
    try:
        done = subprocess.run(
            [part.format(tmp_path / "a.flac") for part in command], capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip(f"needs {command[0]}")
    if done.returncode:
        pytest.skip(f"{command[0]} cannot: {done.stderr.decode(errors='replace')[-100:]}")
    heard = hear(done.stdout)
    assert heard.error is None
    np.testing.assert_allclose(heard.samples, babble()[:, 0], atol=2 / 32768)


# Faulty input


@pytest.mark.parametrize(("channels", "extra"), [(1, 1), (2, 1), (2, 2), (2, 3)])
def test_an_incomplete_frame_is_an_error_after_the_samples(channels: int, extra: int) -> None:
    frames = babble(0.5, 16000, channels)
    heard = hear(raw(frames) + b"x" * extra, [999], channels=channels)
    assert heard.error is not None and "within a sample" in heard.error.what
    assert len(heard.samples) == 8000


def test_a_truncated_wav_stream_gives_its_samples_and_then_an_error() -> None:
    for missing in (2, 1001, 20000):
        heard = hear(wav(babble())[:-missing])
        assert heard.error is not None and "truncated" in heard.error.what
        np.testing.assert_array_equal(heard.samples, babble()[: (32000 - missing) // 2, 0])


def test_a_last_sample_that_is_incomplete_costs_nothing_else() -> None:
    heard = hear(wav(babble())[:-1])
    assert heard.error is None
    np.testing.assert_array_equal(heard.samples, babble()[:15999, 0])


def test_a_wav_header_truncated_anywhere_is_a_plain_error() -> None:
    data = wav(babble(0.01), subtype="FLOAT", kind="WAVEX")
    start = data.index(b"data") + 8
    for n in range(4, start + 1):
        error: AudioError | None
        try:
            heard = hear(data[:n], [7])
            assert len(heard.samples) == 0
            error = heard.error
        except AudioError as caught:
            error = caught
        assert error is not None, n


@pytest.mark.parametrize(("data", "says"), [
    (b"", "empty"),
    (b"fLaC" + bytes(100), "FLAC"),
    (b"OggS" + bytes(100), "OGG"),
    (b"ID3\4" + bytes(100), "MP3"),
    (b"RIFX" + bytes(100), "big-endian"),
    (b"RIFF\0\0\0\0AVI " + bytes(100), "WAV"),
    (b"RIFF\0\0\0\0WAVEdata\4\0\0\0xxxx", "format"),
    (b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\x7f" + bytes(100), "broken"),
])  # fmt: skip
def test_without_ffmpeg_files_other_than_wav_are_refused(
    data: bytes, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(AudioError, match=says):
        hear(data)


def test_0_channels_0_hz_and_unknown_formats_are_refused() -> None:
    data = wav(babble(0.01))
    for place, new, says in [(22, b"\0\0", "0 channels"), (24, bytes(4), "0 Hz"),
                             (20, b"\x55\0", "unsupported"),
                             (34, b"\7\0", "unsupported")]:  # fmt: skip
        with pytest.raises(AudioError, match=says):
            hear(data[:place] + new + data[place + len(new) :])


def test_a_wav_stream_without_samples_is_an_error() -> None:
    heard = hear(wav(np.zeros((0, 1), np.float32)))
    assert heard.error is not None and "no samples" in heard.error.what


def test_invalid_samples_are_an_error_after_those_before() -> None:
    frames = babble()
    frames[4000] = np.nan
    heard = hear(wav(frames, subtype="FLOAT"))
    assert heard.error is not None and "NaN" in heard.error.what
    np.testing.assert_array_equal(heard.samples, frames[:4000, 0])


def test_a_rate_below_1_khz_or_no_channels_are_a_usage_error() -> None:
    for settings_ in [{"rate_hz": 0}, {"channels": 0}, {"rate_hz": -1}, {"rate_hz": 999}]:
        with pytest.raises(UsageError):
            StandardInputSource(io.BytesIO(b"xx"), **settings_)


def test_a_keyboard_is_refused() -> None:
    class Keyboard(io.BytesIO):
        def isatty(self) -> bool:
            return True

    with pytest.raises(AudioError, match="not a pipe"):
        StandardInputSource(Keyboard()).open(16000)


@pytest.mark.skipif(os.name != "posix", reason="needs a pipe that can be waited for")
def test_a_silent_pipe_can_be_stopped() -> None:
    reader, writer = os.pipe()
    stream = os.fdopen(reader, "rb")
    source = StandardInputSource(stream)
    os.write(writer, raw(babble(0.01)))
    source.open(16000)
    assert source.read() is not None
    ends: list[object] = []
    thread = threading.Thread(target=lambda: ends.append(source.read()), daemon=True)
    thread.start()
    source.stop()
    thread.join(60)
    assert ends == [None]
    os.close(writer)
    stream.close()


def test_samples_come_as_soon_as_they_are_in_the_pipe() -> None:
    """A real pipe that stays open: nothing waits for a block to become full."""
    reader, writer = os.pipe()
    stream = os.fdopen(reader, "rb")
    source = StandardInputSource(stream)
    first = raw(babble(0.01))
    os.write(writer, first)
    source.open(16000)
    samples: list[FloatArray | None] = []
    thread = threading.Thread(target=lambda: samples.append(source.read()), daemon=True)
    thread.start()
    thread.join(60)
    assert samples and samples[0] is not None
    np.testing.assert_array_equal(samples[0], babble(0.01)[:, 0])
    os.close(writer)
    assert source.read() is None
    stream.close()
