"""Beginnings and ends of utterances, from probabilities of speech.

Two thresholds (hysteresis): beginning takes more than continuing. The network
reacts within a chunk or two, so an utterance begins ``pre_roll`` before the
chunk that started it, but never before the end of speech of the previous one.
"""

from __future__ import annotations

from streamer.endpointing.rules import Rule, first_rule
from streamer.endpointing.settings import RATE_HZ, EndpointSettings
from streamer.endpointing.voice_activity import CHUNK_SAMPLES, Chunk


class Endpointer:
    """Decides, chunk by chunk, where utterances begin and end.

    All positions are absolute sample counts.
    """

    def __init__(self, settings: EndpointSettings | None = None) -> None:
        self.settings = settings or EndpointSettings()
        self.pre_roll_samples = round(self.settings.pre_roll_s * RATE_HZ)
        self._fade_samples = round(self.settings.fade_s * RATE_HZ)
        self._voice_samples = round(self.settings.least_voice_s * RATE_HZ)
        self.reset()

    @property
    def speaking(self) -> bool:
        """Whether the last chunk was speech."""
        return self._speaking

    @property
    def in_utterance(self) -> bool:
        """Whether an utterance has begun and not ended."""
        return self._in_utterance

    @property
    def has_voice(self) -> bool:
        """Whether the utterance has enough evidence of a voice to have words.

        Single words are short, but nearly certain; melodies and machines
        resemble a voice for moments, and hardly ever closely.
        """
        if self._voiced < self._voice_samples:
            return False
        sure = self._surest >= self.settings.sure_probability
        return sure or self._voiced >= self.settings.voice_share * self._span

    def reset(self, position: int = 0) -> None:
        """Start over; no utterance may begin before ``position``."""
        self._in_utterance = False
        self._speaking = False
        self._floor = position
        self._begin = position
        self._last_speech = position
        self._forget_evidence()

    def begin(self, position: int) -> None:
        """Begin an utterance here, regardless of voice activity."""
        self._in_utterance = True
        self._begin = position
        self._last_speech = position
        self._forget_evidence()

    def go_on(self, position: int) -> None:
        """Begin an utterance here that continues the speech of the previous one."""
        self._begin = position

    def feed(self, chunk: Chunk) -> int | None:
        """Take one chunk.

        Returns:
            If an utterance begins with this chunk, the absolute position of
            its first sample, pre-roll included; otherwise None.
        """
        settings = self.settings
        begins = not self._in_utterance and chunk.probability >= settings.onset_probability
        if begins:
            self.begin(max(self._floor, chunk.position - self.pre_roll_samples))
        self._speaking = begins or (
            self._in_utterance and chunk.probability >= settings.offset_probability
        )
        if self._speaking:
            self._last_speech = chunk.position + CHUNK_SAMPLES
        if self._in_utterance:
            self._add_evidence(chunk)
        return self._begin if begins else None

    def rule(self, position: int, last_word_end: int | None) -> Rule | None:
        """Return the rule that ends the utterance, or None.

        Speech that voice activity misses but the acoustic model hears keeps an
        utterance open; noise that it takes for speech, but in which the
        acoustic model hears nothing for long, does not.

        Args:
            position: end of the last chunk.
            last_word_end: end of the last word so far; None without words.
        """
        heard = self._begin if last_word_end is None else last_word_end
        silence = position - max(self._last_speech, heard)
        if position - heard >= self.settings.longest_noise_s * RATE_HZ:
            silence = position - heard
        return first_rule(
            self.settings.rules,
            last_word_end is not None,
            silence / RATE_HZ,
            (position - self._begin) / RATE_HZ,
        )

    def end(self, position: int, last_word_end: int | None) -> None:
        """End the utterance at ``position``.

        The next one may begin earlier, in the silence at the end of this one,
        so that its first word is complete; never before this one's last word.
        """
        spoken = self._last_speech if last_word_end is None else last_word_end
        spoken = max(spoken, min(self._last_speech, position))
        self._floor = min(position, spoken + self._fade_samples)
        self._in_utterance = False
        self._speaking = False
        self._forget_evidence()

    def _forget_evidence(self) -> None:
        self._heard = 0  # samples since the onset
        self._span = 0  # samples from the onset to the last speech
        self._voiced = 0  # samples of chunks that are evidence of a voice
        self._surest = 0.0  # the highest probability of a chunk

    def _add_evidence(self, chunk: Chunk) -> None:
        self._heard += CHUNK_SAMPLES
        if self._speaking:
            self._span = self._heard
        if chunk.probability >= self.settings.voice_probability:
            self._voiced += CHUNK_SAMPLES
        self._surest = max(self._surest, chunk.probability)
