"""Settings of the bundled model: the network's trainings, scorer, recurrent model, speech."""

from __future__ import annotations

from dataclasses import replace

from streamer.decoding import Alphabet
from streamer.training.language.settings import RecurrentSettings, ScorerSettings
from streamer.training.settings import TrainingSettings

ALPHABET = Alphabet(" abcdefghijklmnopqrstuvwxyz'")
#: Repetitions of kinds of text: spoken style is rarer than books and closer to use.
WEIGHTS = {"speeches": 3, "dialogue": 4, "prompts": 2, "transcripts": 8}
SCORER = ScorerSettings(vocabulary=80_000, lexicon=50_000, minimum_counts=(0, 2, 6, 9))
N_PROMPTS = 250_000
#: The same for the recurrent language model.
RECURRENT_WEIGHTS = {"speeches": 2, "dialogue": 3, "prompts": 2, "transcripts": 8}
RECURRENT = RecurrentSettings(minutes=60.0)
SYNTHETIC_HOURS = 3.1
#: Shares of kinds of text in synthetic speech; 1 for others. Prompts are added by the synthesis,
#: and transcripts are recorded already.
READ_ALOUD = {"books": 5, "prompts": 0, "transcripts": 0}
#: Processes that train together.
WORKERS = 2
#: First stage: letters and phonemes by CTC.
CTC_STAGE = TrainingSettings(
    n_hidden=512, minutes=100, batch_s=300, strength=0.4, ramp_steps=1500
)  # fmt: skip
#: Second stage: a wider network that starts from the first one, by CTC-CRF.
CRF_STAGE = replace(
    CTC_STAGE, n_hidden=640, minutes=170, batch_s=200, first_batch_s=200, strength=0.6,
    ramp_steps=200, dropout=0.2, muon_lr=0.01, adam_lr=0.001, crf_weight=0.9, letter_weight=0.3,
)  # fmt: skip
#: Third stage: the same network hears each clip in another room, noise, band and codec each time.
CONDITIONS_STAGE = replace(
    CRF_STAGE, minutes=0, epochs=15, strength=0.5, ramp_steps=1000, dropout=0.1
)
#: Share of the clips of the third stage that are changed.
MULTI_CONDITION = 0.75
#: Last stages: from there, an epoch in each of several ways, and the mean of their weights; from
#: that, an epoch with noise alone among the clips, and the mean of both.
LAST_EPOCH = replace(
    CONDITIONS_STAGE, epochs=1, ramp_steps=1, clean_until=100.0, muon_lr=0.005, adam_lr=0.0005,
    distillation_weight=0.0,
)  # fmt: skip
#: Share of the clips of the last stages that are changed.
LAST_MULTI_CONDITION = 0.85
#: Share of the very last one's clips in whose place there is noise or babble alone.
LAST_NO_SPEECH = 0.05
#: What differs in these ways: nothing, two views agree, a teacher is followed.
CONSISTENCY_WEIGHT = 0.2
DISTILLATION_WEIGHT = 0.2
#: How often the tuning of the decoder hears each clip changed, beside once as it is.
TUNING_CHANGES = 2
#: Clips of each speaker that the confidence of words is fitted to.
CONFIDENCE_CLIPS = 4
