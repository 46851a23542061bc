"""Recordings: all formats are read in blocks, and errors come after the valid samples."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from streamer.audio.resampling import Resampler
from streamer.audio.sources.recording import RecordingSource
from streamer.audio.sources.standard_input import StandardInputSource
from streamer.errors import AudioError
from tests.audio.test_standard_input import PLACEHOLDERS
from tests.support.audio.recordings import Heard, babble, count_openings

#: The documented formats, and how soundfile writes them.
KINDS: dict[str, dict[str, Any]] = {
    "wav": {}, "flac": {}, "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "opus": {"format": "OGG", "subtype": "OPUS"}, "mp3": {},
    "aiff": {}, "au": {}, "w64": {}, "rf64": {"format": "RF64"}, "caf": {},
}  # fmt: skip
LOSSLESS = ["wav", "flac", "aiff", "au", "w64", "rf64", "caf"]


def write(path: Path, kind: str = "wav", seconds: float = 2.0, rate: int = 16000,
          channels: int = 1, **more: Any) -> Path:  # fmt: skip
    settings = {**KINDS[kind], **more}
    soundfile.write(path, babble(seconds, rate, channels), rate, **settings)
    return path


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_formats_give_every_sample_exactly(kind: str, tmp_path: Path) -> None:
    heard = Heard(RecordingSource(write(tmp_path / f"a.{kind}", kind)))
    np.testing.assert_array_equal(heard.samples, babble(2.0)[:, 0])
    assert heard.error is None


@pytest.mark.parametrize("kind", ["ogg", "opus", "mp3"])
def test_lossy_formats_give_what_libsndfile_decodes_at_once(kind: str, tmp_path: Path) -> None:
    """Decoding in blocks leaves no seams (those of soundfile's `blocks` crack, in MP3)."""
    path = write(tmp_path / f"a.{kind}", kind)
    heard = Heard(RecordingSource(path))
    assert heard.error is None
    at_once = soundfile.read(path, dtype="float32")[0]
    np.testing.assert_allclose(heard.samples, at_once, rtol=0, atol=1e-6)
    assert np.corrcoef(heard.samples[:32000], babble(2.0)[: len(heard.samples), 0])[0, 1] > 0.9


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (48000, 6), (96000, 1)])
def test_any_rate_and_any_channels_become_mono_at_the_requested_rate(
    rate: int, channels: int, tmp_path: Path
) -> None:
    source = RecordingSource(write(tmp_path / "a.wav", rate=rate, channels=channels))
    heard = Heard(source)
    resampler = Resampler(rate, 16000)
    expected = np.concatenate([resampler.feed(babble(2.0, rate, channels)), resampler.finish()])
    np.testing.assert_array_equal(heard.samples, expected)
    assert len(heard.samples) == 32000 and source.seconds == 2.0


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_wav_files_of_every_depth_are_read(subtype: str, tmp_path: Path) -> None:
    heard = Heard(RecordingSource(write(tmp_path / "a.wav", subtype=subtype)))
    np.testing.assert_allclose(heard.samples, babble(2.0)[:, 0], atol=0.03)


def test_a_long_recording_is_read_in_blocks(tmp_path: Path) -> None:
    heard = Heard(RecordingSource(write(tmp_path / "a.wav", seconds=20)))
    assert heard.blocks > 20


def test_an_unread_recording_is_not_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = count_openings(monkeypatch)
    source = RecordingSource(write(tmp_path / "a.wav"))
    for rate_hz, openings in ((16000, 1), (16000, 1), (8000, 2)):
        source.open(rate_hz)
        assert len(opened) == openings
    source.open(16000)
    source.stop()
    source.open(16000)
    first = source.read()
    assert first is not None
    source.open(16000)
    assert len(opened) == 4
    np.testing.assert_array_equal(source.read(), first)
    source.close()


def test_a_recording_can_be_read_again_and_a_stopped_one_ends(tmp_path: Path) -> None:
    source = RecordingSource(write(tmp_path / "a.wav"))
    first = Heard(source).samples
    np.testing.assert_array_equal(Heard(source).samples, first)
    source.open(16000)
    assert source.read() is not None
    source.stop()
    assert source.read() is None
    source.close()


def test_channels_that_cancel_each_other_out_give_the_louder_one_and_a_remark(
    tmp_path: Path,
) -> None:
    left = babble(2.0)
    soundfile.write(tmp_path / "a.wav", np.concatenate([left, -0.9 * left], axis=1), 16000)
    source = RecordingSource(tmp_path / "a.wav")
    source.open(16000)
    blocks = []
    while (block := source.read()) is not None:
        blocks.append(block)
    np.testing.assert_array_equal(np.concatenate(blocks), left[:, 0])
    assert "opposite phase" in source.remark
    source.close()


@pytest.mark.parametrize("right", [1.0, 0.0, -0.2])
def test_other_stereo_is_the_mean_of_its_channels_without_a_remark(
    right: float, tmp_path: Path
) -> None:
    left = babble(2.0)
    frames = np.concatenate([left, np.float32(right) * left], axis=1)
    soundfile.write(tmp_path / "a.wav", frames, 16000, subtype="FLOAT")
    source = RecordingSource(tmp_path / "a.wav")
    np.testing.assert_array_equal(Heard(source).samples, (frames[:, 0] + frames[:, 1]) / 2)
    assert source.remark == ""


@pytest.mark.parametrize("offset", [0.5, -0.5])
def test_a_constant_offset_is_removed(offset: float, tmp_path: Path) -> None:
    sound = 0.4 * babble(2.0)
    soundfile.write(tmp_path / "a.wav", sound + np.float32(offset), 16000, subtype="FLOAT")
    heard = Heard(RecordingSource(tmp_path / "a.wav")).samples
    assert abs(heard.mean()) < 0.001
    assert np.corrcoef(heard, sound[:, 0])[0, 1] > 0.999


needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")


def encode(path: Path, *options: str, seconds: float = 2.0) -> Path:
    """Write a compressed file by ffmpeg; skip where it lacks the encoder."""
    sound = write(path.with_name("sound.wav"), seconds=seconds)
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(sound), *options, str(path)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"ffmpeg cannot write {path.suffix}")
    return path


COMPRESSED = {
    "m4a": [], "mp4": [], "mov": [], "mkv": [], "webm": [], "aac": [], "wma": [], "avi": [],
    "ts": [], "ac3": [], "amr": ["-ar", "8000"], "3gp": ["-ar", "16000", "-c:a", "aac"],
}  # fmt: skip


@needs_ffmpeg
@pytest.mark.parametrize("suffix", COMPRESSED)
def test_what_ffmpeg_decodes_is_read_by_name_and_through_a_pipe(
    suffix: str, tmp_path: Path
) -> None:
    path = encode(tmp_path / f"a.{suffix}", *COMPRESSED[suffix])
    named = RecordingSource(path)
    with open(path, "rb") as stream:
        piped = Heard(StandardInputSource(stream))
    heard = Heard(named)
    for each in (heard, piped):
        assert each.error is None
        assert abs(len(each.samples) - 32000) < 0.15 * 16000
    assert named.seconds == pytest.approx(2.0, abs=0.6)  # by bit rate in formats without it
    n = min(len(heard.samples), len(piped.samples))
    np.testing.assert_allclose(heard.samples[:n], piped.samples[:n], atol=1e-3)


@needs_ffmpeg
def test_an_mp3_without_a_tag_is_recognised_in_a_pipe(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp3", "-id3v2_version", "0", "-write_xing", "0")
    assert path.read_bytes()[:1] == b"\xff"
    with open(path, "rb") as stream:
        heard = Heard(StandardInputSource(stream))
    assert heard.error is None and len(heard.samples) > 31000


@needs_ffmpeg
def test_a_film_without_sound_and_a_damaged_one_are_refused_in_one_line(tmp_path: Path) -> None:
    silent = tmp_path / "silent.mp4"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=size=16x16:duration=1"]
    subprocess.run([*command, str(silent)], check=True)
    assert "has no sound" in opening_fails(silent).what
    cut = encode(tmp_path / "a.m4a")
    cut.write_bytes(cut.read_bytes()[:3000])
    assert "moov atom not found" in opening_fails(cut).what


#: An empty tag, as an MP3 file may begin with: ffmpeg looks behind it for what the file is.
ID3 = b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10)
DASH = """<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
mediaPresentationDuration="PT2S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>
<AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="64000"><BaseURL>PATH</BaseURL>
</Representation></AdaptationSet></Period></MPD>"""


@needs_ffmpeg
@pytest.mark.parametrize(
    "content",
    [
        DASH.encode(),
        ID3 + b"ffconcat version 1.0\nfile other.mp4\n",
        ID3 + b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nother.mp4\n#EXT-X-ENDLIST\n",
    ],
    ids=["dash", "concat", "hls"],
)
def test_what_names_another_file_does_not_open_it(content: bytes, tmp_path: Path) -> None:
    other = encode(tmp_path / "other.mp4")
    path = tmp_path / "upload.mp3"
    path.write_bytes(content.replace(b"PATH", os.fsencode(f"file://{other}")))
    assert "has no sound" in opening_fails(path).what
    with open(path, "rb") as stream, pytest.raises(AudioError):
        StandardInputSource(stream).open(16000)


def test_without_ffmpeg_a_compressed_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x1cftypM4A " + bytes(1000))
    refusal = opening_fails(tmp_path / "a.m4a")
    assert "M4A" in refusal.what and "ffmpeg" in refusal.todo
    with open(tmp_path / "a.m4a", "rb") as stream, pytest.raises(AudioError, match="M4A"):
        Heard(StandardInputSource(stream))


def test_an_address_says_how_to_fetch_it() -> None:
    assert "ffmpeg -i 'https://" in opening_fails("https://example.org/talk.mp3").todo  # type: ignore[arg-type]


def test_samples_without_a_header_say_how_to_give_their_rate(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(3200))
    assert "--rate" in opening_fails(tmp_path / "a.raw").todo


def test_a_rate_of_1_hz_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", babble(1.0), 1)
    assert "1 Hz" in opening_fails(tmp_path / "a.wav").what


# Faulty files


@pytest.mark.parametrize("kind", ["wav", "flac", "aiff", "au", "w64", "rf64"])
@pytest.mark.parametrize("share", [0.3, 0.66, 0.95])
def test_a_truncated_file_gives_its_samples_and_then_an_error(
    kind: str, share: float, tmp_path: Path
) -> None:
    path = write(tmp_path / f"a.{kind}", kind, seconds=4)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    heard = Heard(RecordingSource(path))
    assert heard.error is not None and "truncated" in heard.error.what
    n = len(heard.samples)
    np.testing.assert_array_equal(heard.samples, babble(4.0)[:n, 0])
    # FLAC can give whole blocks of 4096 samples only.
    assert n > share * 64000 - 2 * 4096 if kind == "flac" else n > share * 64000 - 100


@pytest.mark.parametrize("kind", ["wav", "flac", "aiff", "au", "w64", "rf64"])
def test_a_file_that_shrinks_while_it_is_read_gives_its_samples_and_then_an_error(
    kind: str, tmp_path: Path
) -> None:
    path = write(tmp_path / f"a.{kind}", kind, seconds=8)
    source = RecordingSource(path)
    source.open(16000)
    blocks = [source.read()]
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(AudioError, match="truncated"):
        while blocks[-1] is not None:
            blocks.append(source.read())
    source.close()
    samples = np.concatenate([block for block in blocks if block is not None])
    np.testing.assert_array_equal(samples, babble(8.0)[: len(samples), 0])
    # What was buffered when the file shrank counts as well.
    assert 64000 - 2 * 4096 < len(samples) < 64000 + 2 * 65536


@pytest.mark.parametrize("kind", ["wav", "aiff", "au", "w64", "rf64"])
def test_a_file_that_grows_while_it_is_read_ends_where_its_header_says(
    kind: str, tmp_path: Path
) -> None:
    path = write(tmp_path / f"a.{kind}", kind, seconds=8)
    source = RecordingSource(path)
    source.open(16000)
    blocks = [source.read()]
    with open(path, "ab") as file:
        file.write(bytes(32000))
    while blocks[-1] is not None:
        blocks.append(source.read())
    source.close()
    samples = np.concatenate([block for block in blocks if block is not None])
    np.testing.assert_array_equal(samples, babble(8.0)[:, 0])


def test_a_wav_file_that_is_still_being_written_is_read_as_far_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", seconds=8)
    data = bytearray(path.read_bytes())
    data[40:44] = struct.pack("<I", 0xFFFFFFFF)
    half = 44 + 64000 * 2
    path.write_bytes(data[:half])
    source = RecordingSource(path)
    source.open(16000)
    blocks = [source.read()]
    with open(path, "ab") as file:
        file.write(data[half:])
    while blocks[-1] is not None:
        blocks.append(source.read())
    source.close()
    samples = np.concatenate([block for block in blocks if block is not None])
    assert len(samples) >= 64000
    np.testing.assert_array_equal(samples, babble(8.0)[: len(samples), 0])


@pytest.mark.parametrize("kind", ["ogg", "opus", "mp3"])
def test_a_truncated_lossy_file_gives_its_samples_and_then_an_error(
    kind: str, tmp_path: Path
) -> None:
    path = write(tmp_path / f"a.{kind}", kind, seconds=10)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    heard = Heard(RecordingSource(path))
    assert heard.error is not None and "truncated" in heard.error.what
    assert len(heard.samples) > 1.5 * 16000  # a page of OGG may hold two seconds and more


def test_a_wav_file_truncated_anywhere_gives_samples_or_a_plain_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", seconds=0.01)
    data = path.read_bytes()
    for n in range(len(data)):
        path.write_bytes(data[:n])
        try:
            heard = Heard(RecordingSource(path))
        except AudioError as error:
            assert n < 46, error
            continue
        assert (heard.error is not None) == (len(data) - n > 1)
        np.testing.assert_array_equal(heard.samples, babble(0.01)[: (n - 44) // 2, 0])


@pytest.mark.parametrize("size", PLACEHOLDERS)
def test_a_wav_file_whose_writer_did_not_know_the_length_is_read_completely(
    size: int, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.wav")
    data = bytearray(path.read_bytes())
    data[40:44] = struct.pack("<I", size)
    path.write_bytes(data)
    heard = Heard(RecordingSource(path))
    assert heard.error is None
    np.testing.assert_array_equal(heard.samples, babble(2.0)[:, 0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_invalid_samples_are_an_error_after_those_before(
    bad: float, rate: int, tmp_path: Path
) -> None:
    frames = babble(2.0, rate, 2)
    frames[rate, 1] = bad
    soundfile.write(tmp_path / "a.wav", frames, rate, subtype="FLOAT")
    heard = Heard(RecordingSource(tmp_path / "a.wav"))
    assert heard.error is not None
    assert "NaN" in heard.error.what and "1.00 s" in heard.error.what
    assert len(heard.samples) == 16000
    assert np.isfinite(heard.samples).all()


def opening_fails(path: Path) -> AudioError:
    source = RecordingSource(path)
    with pytest.raises(AudioError) as caught:
        source.open(16000)
    source.close()
    assert "\n" not in str(caught.value) and " - " in str(caught.value)
    return caught.value


def test_other_files_are_refused_in_one_line(tmp_path: Path) -> None:
    assert "no file" in opening_fails(tmp_path / "missing.wav").what
    assert "folder" in opening_fails(tmp_path).what
    (tmp_path / "empty.wav").write_bytes(b"")
    assert "empty" in opening_fails(tmp_path / "empty.wav").what
    (tmp_path / "text.wav").write_text("this is not audio " * 100)
    assert "not audio" in opening_fails(tmp_path / "text.wav").what
    (tmp_path / "zeros.mp3").write_bytes(bytes(10000))
    opening_fails(tmp_path / "zeros.mp3")
    soundfile.write(tmp_path / "nothing.wav", np.zeros(0), 16000)
    assert "no samples" in opening_fails(tmp_path / "nothing.wav").what


def test_a_wav_file_with_0_channels_or_at_0_hz_is_refused(tmp_path: Path) -> None:
    data = bytearray(write(tmp_path / "a.wav").read_bytes())
    (tmp_path / "b.wav").write_bytes(data[:22] + b"\0\0" + data[24:])
    assert "0 channels" in opening_fails(tmp_path / "b.wav").what
    (tmp_path / "b.wav").write_bytes(data[:24] + bytes(4) + data[28:])
    assert "0 Hz" in opening_fails(tmp_path / "b.wav").what


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav")
    path.chmod(0)
    assert "permission denied" in opening_fails(path).what


def test_random_bytes_give_samples_or_a_plain_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for kind in ("wav", "flac", "ogg", "aiff"):
        path = write(tmp_path / f"a.{kind}", kind, seconds=0.5)
        whole = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(15):
            data = whole.copy()
            places = rng.integers(0, min(len(data), 3000), 8)
            data[places] = rng.integers(0, 256, 8)
            path.write_bytes(data.tobytes())
            try:
                heard = Heard(RecordingSource(path))
            except AudioError:
                continue
            assert np.isfinite(heard.samples).all()


@pytest.mark.parametrize(
    ("error", "todo"),
    [(ImportError("no module"), "pip install soundfile"), (OSError("no library"), "libsndfile1")],
)
def test_without_libsndfile_it_says_what_to_install(
    error: Exception, todo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, babble(0.1), 16000)

    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "soundfile":
                raise error

    monkeypatch.delitem(sys.modules, "soundfile")
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(AudioError, match=todo):
        RecordingSource(path).open(16000)
