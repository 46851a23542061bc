"""Simulated rooms: impulse responses of boxes, and sound as heard in them.

The first reflections are those of the image method (Allen and Berkley, 1979) with walls of one
reflection coefficient, which Eyring's formula gives for a wanted reverberation time. After
`IMAGES_S` the images are so dense that noise of the same expected energy takes their place: at a
time t after the sound they come at a rate of 4 pi c^3 t^2 / V, each with the energy
1 / (c t)^2 times the decay. Images and tail thus fit together without a level to choose, and the
ratio of direct to reverberant sound follows from the distance, as in a real room.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
from scipy import fft, signal

from streamer.arrays import FloatArray

#: Metres that sound travels in a second.
SPEED_OF_SOUND = 343.0
#: Until then, counted from the source, reflections are exact.
IMAGES_S = 0.05
_Place = tuple[float, float, float]
#: Nobody speaks closer to a microphone, in metres.
_NEAREST_M = 0.1
#: Images in phase add up to a boom below this frequency, where speech has nothing.
_HIGH_PASS_HZ = 70.0
#: High frequencies die away faster than low ones, in air and in most walls: the border in Hz.
_SPLIT_HZ = 1500.0


@dataclass(frozen=True)
class Room:
    """A box with a speaker and a microphone in it.

    Attributes:
        size: length, width and height in metres.
        speaker: where the sound comes from, in metres from a corner.
        microphone: where it is heard.
        t60_s: time in which sound dies away by 60 dB.
        high_t60: the same above `_SPLIT_HZ`, as a share of it.
    """

    size: _Place
    speaker: _Place
    microphone: _Place
    t60_s: float
    high_t60: float = 1.0

    @property
    def distance_m(self) -> float:
        """From speaker to microphone."""
        between = np.subtract(self.speaker, self.microphone)
        return max(_NEAREST_M, float(np.linalg.norm(between)))


def draw_room(random: np.random.Generator) -> Room:
    """Draw a room of 8 to 250 cubic metres, T60 0.1 to 0.8 s, near to far."""
    size = random.uniform((2.5, 2.0, 2.2), (9.0, 7.0, 4.0))
    microphone = random.uniform(0.15, 0.85, 3) * size
    # Distances of equal ratio are equally likely: near ones are not rare.
    distance = 0.15 * 10 ** random.uniform(0.0, np.log10(5.0 / 0.15))
    direction = random.normal(0, (1.0, 1.0, 0.3))
    direction /= np.linalg.norm(direction)
    speaker = np.clip(microphone + distance * direction, 0.05 * size, 0.95 * size)
    return Room(
        cast(_Place, tuple(size.tolist())),
        cast(_Place, tuple(speaker.tolist())),
        cast(_Place, tuple(microphone.tolist())),
        float(random.uniform(0.1, 0.8)),
        float(random.uniform(0.5, 1.0)),
    )


def impulse_response(room: Room, rate_hz: int, random: np.random.Generator) -> FloatArray:
    """Return what a microphone hears of a click.

    Args:
        room: where.
        rate_hz: samples a second.
        random: draws the tail.

    Returns:
        float32 (n,), the direct sound first, energy 1, as long as the decay by 60 dB.
    """
    direct_s = room.distance_m / SPEED_OF_SOUND
    n = round((direct_s + room.t60_s) * rate_hz)
    early = round(max(IMAGES_S, 2 * direct_s) * rate_hz)
    response = np.zeros(max(n, early) + 1)
    delay, amplitude = _images(room, early / rate_hz)
    np.add.at(response, np.rint(delay * rate_hz).astype(np.int64), amplitude)
    response[early:] += _tail(room, len(response), rate_hz, random)[early:]
    high_pass = signal.butter(2, _HIGH_PASS_HZ, "highpass", fs=rate_hz, output="sos")
    response = signal.sosfilt(high_pass, response)[round(direct_s * rate_hz) :]
    return cast(FloatArray, (response / np.sqrt(np.sum(response**2))).astype(np.float32))


def _images(
    room: Room, longest_s: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return delays in seconds and amplitudes of the images that are heard by ``longest_s``."""
    size = np.array(room.size)
    volume = float(np.prod(size))
    surface = 2 * float(size[0] * size[1] + size[0] * size[2] + size[1] * size[2])
    # Eyring: T60 = 24 ln(10) V / (c S (-ln(1 - absorption))); reflection^2 = 1 - absorption.
    exponent = 24 * np.log(10) * volume / (SPEED_OF_SOUND * surface * room.t60_s)
    reflection = np.exp(-exponent / 2)
    axes = []
    for length, speaker, microphone in zip(room.size, room.speaker, room.microphone):
        most = int(np.ceil(longest_s * SPEED_OF_SOUND / length)) + 1
        order = np.arange(-most, most + 1)
        place = np.where(order % 2 == 0, order * length + speaker, (order + 1) * length - speaker)
        axes.append(((place - microphone) ** 2, np.abs(order)))
    (x, i), (y, j), (z, k) = axes
    square = x[:, None, None] + y[None, :, None] + z[None, None, :]
    distance = np.maximum(_NEAREST_M, np.sqrt(square))
    order = i[:, None, None] + j[None, :, None] + k[None, None, :]
    delay = distance / SPEED_OF_SOUND
    heard = delay < longest_s
    return delay[heard], (reflection ** order[heard]) / distance[heard]


def _tail(room: Room, n: int, rate_hz: int, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return noise with the energy that images have on average, float64 (n,)."""
    time = np.arange(n) / rate_hz
    volume = float(np.prod(room.size))
    level = np.sqrt(4 * np.pi * SPEED_OF_SOUND / volume / rate_hz)
    noise = random.normal(0, level, n)
    low_pass = signal.butter(1, _SPLIT_HZ, fs=rate_hz, output="sos")
    low = signal.sosfilt(low_pass, noise)
    decay = 10 ** (-3 * time / room.t60_s)
    high_decay = 10 ** (-3 * time / (room.t60_s * room.high_t60))
    return cast("npt.NDArray[np.float64]", low * decay + (noise - low) * high_decay)


def diffuse_response(
    t60_s: float, direct_db: float, rate_hz: int, random: np.random.Generator
) -> FloatArray:
    """Return the direct sound and a tail of white noise that begins at once, energy 1.

    Args:
        t60_s: time in which the tail dies away by 60 dB.
        direct_db: energy of the direct sound relative to that of the tail.
        rate_hz: samples a second.
        random: draws the tail.
    """
    n = max(1, round(t60_s * rate_hz))
    tail = random.normal(0, 1, n) * 10 ** (-3 * np.arange(n) / n)
    direct = 10 ** (direct_db / 20) * np.sqrt(np.sum(tail**2))
    response = np.concatenate([[direct], tail])
    return cast(FloatArray, (response / np.sqrt(np.sum(response**2))).astype(np.float32))


class Rooms:
    """Impulse responses, made once from a seed (some milliseconds each).

    Two of five are a `diffuse_response` each, T60 0.1 to 0.8 s, direct sound 12 dB below the tail
    to 12 dB above: halls and corners that no box is like.

    Args:
        rate_hz: samples a second.
        count: how many.
        seed: of all that is drawn.
    """

    def __init__(self, rate_hz: int, count: int = 500, seed: int = 0) -> None:
        random = np.random.default_rng([seed, count])
        self.responses: list[FloatArray] = []
        for number in range(count):
            if number % 5 >= 3:
                t60_s, direct_db = random.uniform(0.1, 0.8), random.uniform(-12.0, 12.0)
                self.responses.append(diffuse_response(t60_s, direct_db, rate_hz, random))
            else:
                self.responses.append(impulse_response(draw_room(random), rate_hz, random))

    def draw(self, random: np.random.Generator) -> FloatArray:
        """Return one of them."""
        return self.responses[int(random.integers(len(self.responses)))]


def in_room(samples: FloatArray, response: FloatArray) -> FloatArray:
    """Return samples as heard in a room; as many as came in, at the same energy."""
    n = fft.next_fast_len(len(samples) + len(response) - 1, real=True)
    spectrum = fft.rfft(samples, n) * fft.rfft(response, n)
    wet = fft.irfft(spectrum, n)[: len(samples)]
    before, after = float(np.sum(samples**2)), float(np.sum(wet**2))
    factor = np.float32(np.sqrt(before / after)) if after > 0 else np.float32(1.0)
    return cast(FloatArray, wet * factor)
