"""The microphone, on a fake PortAudio for hardware faults and on a real one."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.arrays import FloatArray
from streamer.audio import portaudio
from streamer.audio.capture import Capture
from streamer.audio.resampling import Resampler
from streamer.audio.sources import microphone
from streamer.audio.sources.device_stream import GONE_SECONDS
from streamer.audio.sources.microphone import MicrophoneSource
from streamer.errors import DeviceError
from tests.support.audio.pulse import VirtualMicrophone, needs_pulse, virtual_microphone
from tests.support.audio.recordings import babble


class PortAudioError(Exception):
    """Replaces sounddevice's."""


class FakePortAudio:
    """The part of sounddevice that a microphone needs, with one device that a test controls.

    Attributes:
        takes: whether the device takes a rate and a number of channels.
        now: the clock.
    """

    PortAudioError = PortAudioError

    def __init__(self) -> None:
        self.takes: Callable[[float, int], bool] = lambda rate, channels: True
        self.error = PortAudioError("Invalid sample rate", -9997)
        self.devices = [
            {"name": "Fake", "hostapi": 0, "max_input_channels": 2, "default_samplerate": 48000.0}
        ]
        self.streams: list[FakeStream] = []
        self.now = 50.0
        self.tick_s = 0.0  # passes with every look at the clock
        self.refreshed = 0

    def clock(self) -> float:
        self.now += self.tick_s
        return self.now

    def query_hostapis(self) -> list[dict[str, Any]]:
        return [{"name": "Fakes"}]

    def query_devices(self, kind: str | None = None) -> Any:
        return self.devices if kind is None else {"index": 0}

    def check_input_settings(self, samplerate: float, channels: int, **_: Any) -> None:
        if not self.takes(samplerate, channels):
            raise self.error

    def InputStream(self, **settings: Any) -> FakeStream:
        self.streams.append(FakeStream(self, settings))
        return self.streams[-1]

    def _terminate(self) -> None:
        self.refreshed += 1

    def _initialize(self) -> None:
        pass


class FakeStream:
    def __init__(self, owner: FakePortAudio, settings: dict[str, Any]) -> None:
        self.owner = owner
        self.settings = settings
        self.started = self.closed = False
        self.adc_s = 1000.0

    def start(self) -> None:
        self.started = True

    def stop(self) -> None:
        self.started = False

    def close(self) -> None:
        self.closed = True

    def speak(self, frames: FloatArray, missing: int = 0) -> None:
        """Call back with a block as PortAudio's thread does, after losing some frames."""
        self.adc_s += missing / self.settings["samplerate"]
        memory = frames.copy()
        self.settings["callback"](
            memory, len(frames), SimpleNamespace(inputBufferAdcTime=self.adc_s),
            SimpleNamespace(input_overflow=missing > 0),
        )  # fmt: skip
        memory[:] = np.nan  # PortAudio uses its memory again
        self.adc_s += len(frames) / self.settings["samplerate"]


@pytest.fixture()
def fake(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    made = FakePortAudio()
    monkeypatch.setattr(portaudio, "load", lambda: made)
    return made


def rest(source: MicrophoneSource) -> FloatArray:
    """Stop a microphone and read what it still has."""
    source.stop()
    parts = [np.zeros(0, np.float32)]
    while True:
        block = source.read()
        if block is None:
            return np.concatenate(parts)
        parts.append(block)


def test_it_is_opened_in_mono_at_the_requested_rate_if_possible(
    fake: FakePortAudio,
) -> None:
    source = MicrophoneSource()
    source.open(16000)
    assert (source.opened_rate_hz, source.opened_channels, source.name) == (16000, 1, "Fake")
    frames = babble(0.5)
    fake.streams[0].speak(frames)
    np.testing.assert_array_equal(rest(source), frames[:, 0])
    assert fake.streams[0].closed


@pytest.mark.parametrize(("takes", "expected"), [
    (lambda rate, channels: rate == 48000, (48000, 1)),
    (lambda rate, channels: rate == 48000 and channels == 2, (48000, 2)),
], ids=["mono", "stereo"])  # fmt: skip
def test_otherwise_it_is_opened_with_its_own_settings_mixed_down_and_resampled(
    takes: Callable[[float, int], bool], expected: Any, fake: FakePortAudio
) -> None:
    fake.takes = takes
    source = MicrophoneSource()
    source.open(16000)
    assert (source.opened_rate_hz, source.opened_channels) == expected
    frames = babble(1.0, 48000, expected[1])
    for start in range(0, 48000, 960):
        fake.streams[0].speak(frames[start : start + 960])
    resampler = Resampler(48000, 16000)
    wanted = np.concatenate([resampler.feed(frames), resampler.finish()])
    np.testing.assert_array_equal(rest(source), wanted)


def test_a_device_that_takes_no_settings_is_an_error(fake: FakePortAudio) -> None:
    fake.takes = lambda rate, channels: False
    with pytest.raises(DeviceError, match="cannot be opened"):
        MicrophoneSource().open(16000)
    fake.error = PortAudioError("Device unavailable", -9985)
    with pytest.raises(DeviceError, match="in use"):
        MicrophoneSource().open(16000)


def test_a_missing_device_is_searched_again_before_it_is_an_error(
    fake: FakePortAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DeviceError, match='no microphone is called "other" - available: Fake'):
        MicrophoneSource("other").open(16000)
    assert fake.refreshed == 1
    late = {**fake.devices[0], "name": "Other"}
    monkeypatch.setattr(fake, "_initialize", lambda: fake.devices.append(late))
    source = MicrophoneSource("other")
    source.open(16000)
    assert source.name == "Other"
    source.close()


@settings(max_examples=25, deadline=None)
@given(
    blocks=st.lists(
        st.tuples(st.integers(1, 960), st.sampled_from([0, 0, 0, 1, 100, 5000])), max_size=20
    ),
    rate=st.sampled_from([16000, 44100, 48000]),
)
def test_losses_of_the_device_are_counted_and_positions_stay_right(
    blocks: list[Any], rate: int
) -> None:
    fake = FakePortAudio()
    fake.takes = lambda asked, channels: asked == rate
    fake.devices[0]["default_samplerate"] = float(rate)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portaudio, "load", lambda: fake)
        source = MicrophoneSource()
        source.open(16000)
        frames = 0
        for n, missing in blocks:
            missing = missing if frames else 0  # before the first block nothing is known
            fake.streams[0].speak(np.ones((n, 1), np.float32), missing)
            frames += n + missing
        samples = rest(source)
    assert source.overflows == sum(1 for i, (_, m) in enumerate(blocks) if m and i)
    # One sample of tolerance per stretch: shorter losses cannot be measured.
    assert abs(len(samples) + source.lost - frames * 16000 / rate) <= 2


def test_losses_reach_the_consumer_in_their_place(fake: FakePortAudio) -> None:
    source = MicrophoneSource()
    with Capture(source) as capture:
        blocks = capture.blocks()
        fake.streams[0].speak(np.full((320, 1), 0.5, np.float32))
        first = next(blocks)
        fake.streams[0].speak(np.full((320, 1), 0.25, np.float32), missing=1600)
        after = [next(blocks)]
        while not len(after[-1].samples):  # the loss alone may come first
            after.append(next(blocks))
    assert (first.position, first.lost) == (0, 0)
    assert after[-1].position == 1920 and sum(block.lost for block in after) == 1600
    assert after[-1].samples[0] == 0.25


def test_a_device_that_sends_nothing_any_more_is_gone(fake: FakePortAudio) -> None:
    source = MicrophoneSource(clock=fake.clock, reconnect_timeout_s=0)
    source.open(16000)
    frames = babble(0.5)
    fake.streams[0].speak(frames)
    fake.tick_s = GONE_SECONDS / 40
    heard = source.read()
    assert heard is not None
    np.testing.assert_array_equal(heard, frames[:, 0])
    with pytest.raises(DeviceError, match='"Fake" is gone'):
        source.read()
    with pytest.raises(DeviceError, match="gone"):
        source.read()
    assert fake.streams[0].closed


def test_a_stream_that_portaudio_ends_is_gone_at_once(fake: FakePortAudio) -> None:
    fake.takes = lambda rate, channels: rate == 48000
    source = MicrophoneSource(reconnect_timeout_s=0)
    source.open(16000)
    fake.streams[0].speak(babble(0.5, 48000))
    fake.streams[0].settings["finished_callback"]()
    samples = []
    with pytest.raises(DeviceError, match="gone"):
        while True:
            block = source.read()
            assert block is not None
            samples.append(block)
    assert len(np.concatenate(samples)) == 8000  # the resampler's last ones too


def test_only_zeros_are_noticed_and_become_an_error_after_a_while(fake: FakePortAudio) -> None:
    source = MicrophoneSource(give_up_s=5)
    source.open(16000)
    silence = np.zeros((16000, 1), np.float32)
    for second in range(1, 5):
        fake.streams[0].speak(silence)
        source.read()
        assert source.silent_device == (second >= 3)
    fake.streams[0].speak(silence)
    assert source.read() is not None
    with pytest.raises(DeviceError, match="delivers only zeros"):
        source.read()


def test_a_single_sample_that_is_not_zero_shows_that_a_microphone_is_alive(
    fake: FakePortAudio,
) -> None:
    source = MicrophoneSource(give_up_s=5)
    source.open(16000)
    frames = np.zeros((16000 * 4, 1), np.float32)
    frames[5] = 1e-4
    for _ in range(3):
        fake.streams[0].speak(frames)
        source.read()
        frames[:] = 0
    assert not source.silent_device
    source.close()


def test_a_pause_closes_the_device_and_a_resume_opens_it_again(fake: FakePortAudio) -> None:
    source = MicrophoneSource()
    with Capture(source) as capture:
        blocks = capture.blocks(idle_s=0.01)
        fake.streams[0].speak(np.full((320, 1), 0.5, np.float32))
        heard = next(block for block in blocks if len(block.samples))
        source.pause()
        while not fake.streams[0].closed:
            next(blocks)
        assert source.paused and len(fake.streams) == 1
        source.resume()
        while len(fake.streams) < 2 or not fake.streams[1].started:
            next(blocks)
        fake.streams[1].speak(np.full((320, 1), 0.25, np.float32))
        after = next(block for block in blocks if len(block.samples))
        assert after.position == heard.position + 320 and after.lost == 0
        assert after.samples[0] == 0.25
        source.pause()
        capture.stop()
        assert all(not len(block.samples) for block in blocks)


def test_a_device_removed_during_a_pause_is_an_error_after_it(fake: FakePortAudio) -> None:
    source = MicrophoneSource(reconnect_timeout_s=0)
    with pytest.raises(DeviceError, match="no microphone"), Capture(source) as capture:
        source.pause()
        for _ in capture.blocks(idle_s=0.01):
            if fake.streams[0].closed:
                fake.devices = []
                source.resume()


def test_delay_is_the_time_since_the_callback(fake: FakePortAudio) -> None:
    source = MicrophoneSource(clock=fake.clock)
    source.open(16000)
    fake.streams[0].speak(np.ones((320, 1), np.float32))
    fake.now += 0.25
    source.read()
    assert source.delay_s == pytest.approx(0.25)
    source.close()


# The whole way: paplay -> PulseAudio -> ALSA -> PortAudio -> here

RECORDER = r"""
import json, sys, threading
import numpy as np
from streamer.audio.capture import Capture
from streamer.audio.sources.microphone import MicrophoneSource
from streamer.errors import DeviceError

target, device, refuse = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
if refuse:  # as a real device might, that knows neither 16 kHz nor mono
    import sounddevice
    ask = sounddevice.check_input_settings
    def check(samplerate, channels, **more):
        if samplerate == 16000 or channels == 1:
            raise sounddevice.PortAudioError("Invalid sample rate", -9997)
        ask(samplerate=samplerate, channels=channels, **more)
    sounddevice.check_input_settings = check

source = MicrophoneSource(device, give_up_s=None, reconnect_timeout_s=0)

def obey(capture):
    for line in sys.stdin:
        if line == "count\n":
            print(sum(map(len, heard)), flush=True)
        else:
            getattr(source, line.strip())()
    capture.stop()

heard, error, began = [], "", False
try:
    with Capture(source) as capture:
        print("open", flush=True)
        for block in capture.blocks():
            heard.append(block.samples)
            if not began:
                began = True
                print("hearing", flush=True)
                threading.Thread(target=obey, args=(capture,), daemon=True).start()
except DeviceError as caught:
    error = str(caught)
np.save(target, np.concatenate([np.zeros(0, np.float32), *heard]))
print(json.dumps({"rate": source.opened_rate_hz, "channels": source.opened_channels,
                  "lost": source.lost, "overflows": source.overflows, "error": error,
                  "device": source.name}))
"""


class Recorder:
    """A process that records from a virtual microphone."""

    def __init__(self, microphone: VirtualMicrophone, target: Path, device: Any = None,
                 refuse: bool = False) -> None:  # fmt: skip
        self._target = target
        self._process = subprocess.Popen(
            [sys.executable, "-c", RECORDER, str(target), json.dumps(device), json.dumps(refuse)],
            env=microphone.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "open\n"
        assert self._process.stdout.readline() == "hearing\n"

    def tell(self, word: str) -> None:
        """Call a method of the microphone."""
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def wait_for_more(self, seconds: float) -> None:
        """Return when it has recorded this much more."""
        assert self._process.stdout is not None
        first: int | None = None
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            self.tell("count")
            count = int(self._process.stdout.readline())
            first = count if first is None else first
            if count - first >= seconds * 16000:
                return
            time.sleep(0.05)
        raise TimeoutError("the recorder does not get on")

    def finish(self) -> Any:
        """Stop it; return its samples and its report."""
        out, _ = self._process.communicate(timeout=120)
        return np.load(self._target), json.loads(out.splitlines()[-1])


def similarity(heard: FloatArray, said: FloatArray) -> float:
    """Correlation of the played sound with its place in the recording."""
    n = 1 << (len(heard) + len(said)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, n) * np.conj(np.fft.rfft(said, n)), n)
    start = int(np.argmax(product[: len(heard)]))
    part = heard[start : start + len(said)]
    if len(part) < len(said):
        return 0.0
    return float(np.corrcoef(part, said)[0, 1])


def sentence(path: Path, rate: int, channels: int) -> FloatArray:
    """Write a second and a half of sound, the same on all channels; returns it at 16 kHz.

    There is silence before it in the file, for a recorder that is just
    starting, and after it, so that what is late is still recorded.
    """
    frames = np.repeat(babble(1.5, rate), channels, axis=1)
    silence = np.zeros((rate // 2, channels))
    soundfile.write(path, np.concatenate([silence, frames, silence]), rate)
    resampler = Resampler(rate, 16000)
    return np.concatenate([resampler.feed(frames), resampler.finish()])


@pytest.fixture(scope="module")
def mono() -> Iterator[VirtualMicrophone]:
    with virtual_microphone(16000, 1) as microphone:
        yield microphone


@pytest.fixture(scope="module")
def stereo() -> Iterator[VirtualMicrophone]:
    with virtual_microphone(48000, 2) as microphone:
        yield microphone


@needs_pulse
@pytest.mark.parametrize("refuse", [False, True], ids=["at 16 kHz mono", "at its own rate"])
def test_a_real_stereo_microphone_records_what_is_played(
    refuse: bool, stereo: VirtualMicrophone, tmp_path: Path
) -> None:
    said = sentence(tmp_path / "said.wav", 48000, 2)
    recorder = Recorder(stereo, tmp_path / "heard.npy", refuse=refuse)
    stereo.speak(tmp_path / "said.wav")
    recorder.wait_for_more(0.3)
    heard, report = recorder.finish()
    assert report["error"] == "" and report["lost"] == 0
    assert (report["rate"] == 16000 and report["channels"] == 1) == (not refuse)
    # PulseAudio's resampler may delay by a fraction of a sample.
    assert similarity(heard, said) > 0.9


@needs_pulse
def test_a_real_microphone_records_at_16_khz_and_a_pause_really_releases_it(
    mono: VirtualMicrophone, tmp_path: Path
) -> None:
    said = sentence(tmp_path / "said.wav", 16000, 1)
    recorder = Recorder(mono, tmp_path / "heard.npy")
    assert mono.listeners()
    recorder.tell("pause")
    mono.wait_for_listeners(0)
    recorder.tell("resume")
    mono.wait_for_listeners(1)
    mono.speak(tmp_path / "said.wav")
    recorder.wait_for_more(0.3)
    heard, report = recorder.finish()
    assert report["error"] == "" and report["lost"] == 0
    assert (report["rate"], report["channels"]) == (16000, 1)
    assert similarity(heard, said) > 0.99


@needs_pulse
def test_real_devices_are_listed_and_found_by_name_and_number(mono: VirtualMicrophone) -> None:
    program = """
import json, sys
from streamer.audio.devices import find_device, list_devices
from streamer.audio.sources.microphone import MicrophoneSource
from streamer.errors import DeviceError
devices = list_devices()
virtual = find_device(devices, "virtual")
try:
    MicrophoneSource("virtual mikrophone").open(16000)
except DeviceError as error:
    unknown = str(error)
source = MicrophoneSource(virtual.number)
source.open(16000)
name = source.name
source.close()
print(json.dumps([[d.name for d in devices if d.default], virtual.takes_model_rate, unknown, name]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=mono.env, capture_output=True, text=True, check=True
    )
    default, takes, unknown, name = json.loads(done.stdout.splitlines()[-1])
    assert default == ["default"] and takes is True and name == "virtual_microphone"
    assert unknown.startswith('no microphone is called "virtual mikrophone" - available: virtual_')


@needs_pulse
def test_a_real_microphone_removed_while_recording_keeps_what_it_recorded(
    mono: VirtualMicrophone, tmp_path: Path
) -> None:
    """The last test with this microphone, which it destroys."""
    said = sentence(tmp_path / "said.wav", 16000, 1)
    recorder = Recorder(mono, tmp_path / "heard.npy")
    mono.speak(tmp_path / "said.wav")
    recorder.wait_for_more(0.3)
    mono.unplug()
    heard, report = recorder.finish()
    assert "is gone" in report["error"]
    assert similarity(heard, said) > 0.99


def read_all(fake: FakePortAudio, blocks: Any, until: Callable[[], bool]) -> list[FloatArray]:
    """Read blocks until something holds; time passes only here."""
    read = []
    while not until():
        block = next(blocks)
        if len(block.samples):
            read.append(block.samples)
    return read


def ones(value: float, seconds: float = 0.02) -> FloatArray:
    return np.full((round(16000 * seconds), 1), value, np.float32)


def test_a_pause_may_record_on_for_the_end_of_the_last_word(fake: FakePortAudio) -> None:
    source = MicrophoneSource(clock=fake.clock)
    with Capture(source) as capture:
        blocks = capture.blocks(idle_s=0.01)
        source.pause(after_s=0.3)
        fake.streams[0].speak(ones(0.5))
        heard = next(block for block in blocks if len(block.samples))
        assert heard.samples[0] == 0.5 and not source.at_rest
        fake.now += 0.3
        read_all(fake, blocks, lambda: source.at_rest)
        assert fake.streams[0].closed


def test_a_warm_microphone_keeps_the_half_second_before_a_resume(fake: FakePortAudio) -> None:
    source = MicrophoneSource(keep_warm_s=10.0, clock=fake.clock)
    with Capture(source) as capture:
        blocks = capture.blocks(idle_s=0.01)
        fake.streams[0].speak(ones(0.1))
        next(block for block in blocks if len(block.samples))
        source.pause()
        assert read_all(fake, blocks, lambda: source.at_rest) == []
        for k in range(100):  # two seconds
            fake.streams[0].speak(ones((k + 1) / 1000))
        while fake.streams[0].settings["callback"].__self__._frames_seen < 101 * 320:
            next(blocks)
        source.resume()
        fake.streams[0].speak(ones(0.9))
        heard: list[float] = []
        while not heard or heard[-1] != np.float32(0.9):
            heard += next(blocks).samples.tolist()
        assert not fake.streams[0].closed and len(fake.streams) == 1
        # What came after, and the half second before; a block of both may be on the border.
        expected = [*(np.arange(76, 101) / 1000), 0.9]
        np.testing.assert_allclose(heard[::-320][24::-1], expected[-25:], rtol=1e-6)
        assert len(heard) in (25 * 320, 26 * 320)
        assert source.start_s == 0.0 and source.lost == 0


def test_a_warm_microphone_is_closed_in_the_end(fake: FakePortAudio) -> None:
    source = MicrophoneSource(keep_warm_s=10.0, clock=fake.clock)
    with Capture(source) as capture:
        blocks = capture.blocks(idle_s=0.01)
        source.pause()
        read_all(fake, blocks, lambda: source.at_rest)
        assert not fake.streams[0].closed
        fake.streams[0].speak(ones(0.5))
        fake.now += 10.0
        assert read_all(fake, blocks, lambda: fake.streams[0].closed) == []
        source.resume()
        assert read_all(fake, blocks, lambda: len(fake.streams) == 2) == []


def test_a_microphone_that_begins_paused_is_opened_by_a_resume(fake: FakePortAudio) -> None:
    source = MicrophoneSource(begin_paused=True, clock=fake.clock)
    with Capture(source) as capture:
        blocks = capture.blocks(idle_s=0.01)
        read_all(fake, blocks, lambda: source.at_rest)
        assert fake.streams == [] and source.name == "Fake" and source.start_s is None
        source.resume()
        read_all(fake, blocks, lambda: bool(fake.streams) and fake.streams[0].started)
        fake.now += 0.06
        fake.streams[0].speak(ones(0.5))
        read_all(fake, blocks, lambda: capture.written > 0)
        assert source.start_s == pytest.approx(0.04, abs=0.011)


def test_until_it_is_open_it_is_called_what_was_asked_for(fake: FakePortAudio) -> None:
    assert MicrophoneSource().name == "microphone"
    assert MicrophoneSource("Yeti").name == "Yeti" and MicrophoneSource(3).name == "3"
    source = MicrophoneSource()
    source.open(16000)
    assert source.name == "Fake"
    source.close()
    source.close()


def test_a_resume_of_what_was_not_paused_changes_nothing(fake: FakePortAudio) -> None:
    source = MicrophoneSource()
    source.open(16000)
    source.resume()
    frames = babble(0.5)
    fake.streams[0].speak(frames)
    np.testing.assert_array_equal(rest(source), frames[:, 0])
    assert len(fake.streams) == 1


def test_a_warm_device_that_goes_away_is_closed_and_opened_by_the_resume(
    fake: FakePortAudio,
) -> None:
    source = MicrophoneSource(keep_warm_s=99.0, clock=fake.clock)
    with Capture(source) as capture:
        blocks = capture.blocks(idle_s=0.01)
        source.pause()
        read_all(fake, blocks, lambda: source.at_rest)
        fake.streams[0].settings["finished_callback"]()
        assert read_all(fake, blocks, lambda: fake.streams[0].closed) == []
        source.resume()
        assert read_all(fake, blocks, lambda: len(fake.streams) == 2) == []


@pytest.mark.parametrize("follows", [False, True])
def test_after_a_pause_the_devices_are_listed_anew_where_that_is_needed(
    fake: FakePortAudio, monkeypatch: pytest.MonkeyPatch, follows: bool
) -> None:
    # A sound server follows the default device by itself; elsewhere PortAudio keeps the old list.
    monkeypatch.setattr(microphone, "_DEFAULT_FOLLOWS", follows)
    source = MicrophoneSource(clock=fake.clock)
    with Capture(source) as capture:
        blocks = capture.blocks(idle_s=0.01)
        source.pause()
        read_all(fake, blocks, lambda: source.at_rest)
        source.resume()
        read_all(fake, blocks, lambda: len(fake.streams) == 2)
    assert fake.refreshed == (0 if follows else 1)


def test_a_silence_of_the_device_is_told_while_it_may_come_back(fake: FakePortAudio) -> None:
    source = MicrophoneSource(clock=fake.clock, reconnect_timeout_s=None)
    source.open(16000)
    fake.streams[0].speak(ones(0.5))
    assert source.read() is not None
    fake.tick_s = GONE_SECONDS / 40  # with every look at the clock
    while not source.notices:
        source._record()
    assert [notice.what for notice in source.notices] == ['the microphone "Fake" delivers nothing']
    fake.tick_s = 0.0
    fake.streams[0].speak(ones(0.5))
    source._record()
    assert len(source.notices) == 2 and not fake.streams[0].closed  # it is back
    source.close()
