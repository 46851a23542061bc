"""The settings of endpointing and the reasons for their defaults.

No NumPy here: the command line shows the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass

from streamer.endpointing.rules import DEFAULT_RULES, Rule

#: The rate of voice activity, and so of the recogniser; all public models of
#: the DeepSpeech family have it too.
RATE_HZ = 16000

#: An utterance begins with a chunk of this probability. Silero's own default is
#: 0.5; a lower value reacts earlier and detects single letters. A false alarm
#: costs a second of computing and yields no words.
ONSET_PROBABILITY = 0.35

#: A chunk of at least this probability is speech.
OFFSET_PROBABILITY = 0.2

#: A chunk of at least this probability is evidence of a voice.
VOICE_PROBABILITY = 0.5

#: Minimum evidence of an utterance with words, whatever the acoustic model makes
#: of a noise: a single spoken letter has 100 ms and more.
LEAST_VOICE_S = 0.096

#: Besides, one chunk must be this certain ...
SURE_PROBABILITY = 0.95

#: ... or this share of the utterance must be evidence. Read sentences, single
#: letters and children all reach 0.97 somewhere; melodies of synthetic tones
#: reach 0.93, and at most 0.57 of their time is evidence.
VOICE_SHARE = 0.7

#: Audio before the chunk that starts an utterance: breath, a soft first
#: consonant, and the delay of the network.
PRE_ROLL_S = 0.48

#: After the last speech of an utterance its last word may still fade out; the
#: next utterance never begins before that.
FADE_S = 0.2


#: Sound without a word for this long counts as silence, even if voice activity
#: takes it for speech: music, a machine.
LONGEST_NOISE_S = 3.0


@dataclass(frozen=True)
class EndpointSettings:
    """Settings of endpointing.

    Attributes:
        onset_probability: an utterance begins at this probability of speech.
        offset_probability: less is silence.
        voice_probability: at least this is evidence of a voice.
        least_voice_s: minimum evidence of an utterance with words.
        sure_probability: one chunk must reach this, ...
        voice_share: ... or this share of the utterance must be evidence.
        pre_roll_s: audio before the onset; at least 0.3.
        fade_s: audio after the last speech that belongs to the utterance.
        longest_noise_s: sound without a word for this long is silence.
        rules: when an utterance ends.
    """

    onset_probability: float = ONSET_PROBABILITY
    offset_probability: float = OFFSET_PROBABILITY
    voice_probability: float = VOICE_PROBABILITY
    least_voice_s: float = LEAST_VOICE_S
    sure_probability: float = SURE_PROBABILITY
    voice_share: float = VOICE_SHARE
    pre_roll_s: float = PRE_ROLL_S
    fade_s: float = FADE_S
    longest_noise_s: float = LONGEST_NOISE_S
    rules: tuple[Rule, ...] = DEFAULT_RULES
