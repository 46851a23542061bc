"""The adjustable values of endpointing; each says why where it is named.

Without NumPy, so that the command line can name them quickly.
"""

from __future__ import annotations

from dataclasses import dataclass

from streamer.endpointing.rules import DEFAULT_RULES, Rule

#: The rate of voice activity, and so of the recogniser; all public models of
#: the DeepSpeech family have it too.
RATE_HZ = 16000

#: An utterance begins with a chunk of this probability. Silero's own default is
#: 0.5; a lower one wakes earlier and hears single letters. What wakes it
#: without being speech costs a second of computing and brings no words.
ONSET_PROBABILITY = 0.35

#: A chunk of at least this probability is no silence.
OFFSET_PROBABILITY = 0.2

#: A chunk of at least this probability is evidence of a voice ...
VOICE_PROBABILITY = 0.5

#: ... and an utterance with less than this much of it is none, whatever the
#: acoustic model makes of the noise: a single spoken letter has 100 ms and more.
LEAST_VOICE_S = 0.096

#: Besides, one chunk has to be this sure ...
SURE_PROBABILITY = 0.95

#: ... or so much of the utterance has to be evidence. Read sentences, single
#: letters and children all reach 0.97 somewhere; melodies of synthetic tones
#: reach 0.93, and are evidence for 0.57 of their time at most.
VOICE_SHARE = 0.7

#: How much is heard from before the chunk that woke the utterance: breath,
#: a soft first consonant, and the network's own delay.
PRE_ROLL_S = 0.48

#: After the last speech of an utterance its word may still fade away; the next
#: utterance never begins before that.
FADE_S = 0.2


#: A sound in which the acoustic model has heard no word for so long counts as
#: silence, even if the voice activity takes it for a voice: music, a machine.
LONGEST_NOISE_S = 3.0


@dataclass(frozen=True)
class EndpointSettings:
    """The adjustable values of endpointing; each default says why where it is named.

    Attributes:
        onset_probability: an utterance begins at this.
        offset_probability: less than this is silence.
        voice_probability: at least this is evidence of a voice.
        least_voice_s: an utterance with less evidence has no words.
        sure_probability: a chunk of it makes enough evidence certain.
        voice_share: share of evidence that makes up for no chunk being sure.
        pre_roll_s: heard from before the onset; 0.3 and more.
        fade_s: kept with an utterance after its last speech.
        longest_noise_s: a sound without words for so long is silence.
        rules: when an utterance is over.
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
