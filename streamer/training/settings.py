"""Settings of the acoustic model's training, and the options that set them.

Imports nothing heavy: the command line reads its defaults here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

#: Kind of front end that a model is trained with unless another is chosen.
FRONT_END = "python_speech_features"


@dataclass(frozen=True)
class AugmentationSettings:
    """Bounds of the changes to coefficients; the values are drawn anew for each clip.

    Attributes:
        stretch: tempo, as a share: 0.15 is 0.85 to 1.15 times as long.
        warp: vocal tract length, as a share of the mel axis.
        gain_db: level, up or down.
        tilt_db: smooth change of the spectrum, as between microphones.
        noise: probability of added noise.
        noise_snr_db: lowest and highest signal-to-noise ratio.
        reverberation: probability of late reverberation.
        padding_steps: maximum steps of the clip's own silence added at either end.
        time_masks: masked stretches of time in 250 steps.
        time_mask_steps: maximum length of one.
        frequency_masks: masked frequency bands.
        frequency_mask_filters: maximum width of one.
    """

    stretch: float = 0.15
    warp: float = 0.2
    gain_db: float = 10.0
    tilt_db: float = 6.0
    noise: float = 0.5
    noise_snr_db: tuple[float, float] = (5.0, 30.0)
    reverberation: float = 0.25
    padding_steps: int = 25
    time_masks: int = 2
    time_mask_steps: int = 15
    frequency_masks: int = 2
    frequency_mask_filters: int = 4


@dataclass(frozen=True)
class TrainingSettings:
    """Hyperparameters of a training.

    Attributes:
        n_hidden: units in each hidden layer.
        epochs: passes over the data; ignored if ``minutes`` is set.
        minutes: duration in minutes; the learning rate reaches zero at its end, however many
            steps that is. 0 to train for ``epochs``.
        batch_s: seconds of speech in a batch.
        first_batch_s: the same in the first epoch, twice that in the second and so on:
            small batches leave the initial plateau sooner.
        muon_lr: learning rate of Muon; 0 trains everything with AdamW.
        adam_lr: learning rate of AdamW.
        weight_decay: of both optimisers.
        warm_up_steps: steps over which the learning rate rises.
        lr_hold_share: share of the training before the learning rate begins to fall.
        dropout: share of units that are dropped.
        clean_until: no augmentation before the loss per letter is below this.
        ramp_steps: steps over which augmentation and dropout then grow to full strength.
        strength: full strength of the augmentation, 0 to 1.
        letter_weight: weight of the letters' loss.
        phoneme_weight: weight of the phonemes' loss.
        n_leaves: about how many labels the upper phoneme head has: phonemes by the one before
            them, see `language.leaves`; 0 for the phonemes themselves. A network to start from
            keeps the leaves that it has.
        crf_weight: share of the CTC-CRF denominator in the loss of the upper phoneme head, see
            `losses.log_denominator`: 0 is CTC, 1 is CTC-CRF.
        consistency_weight: weight of the agreement of two views of each clip, see
            `losses.disagreement`; 0 shows each clip once.
        consistency_masks: factor of the masked stretches of time with two views.
        distillation_weight: weight of the teacher's loss.
        average_decay: decay of the running average of the weights.
        max_gradient_norm: larger gradients are scaled down to this norm.
        seed: random seed.
        normalise: whether coefficients are normalised by running moments of their stream.
        bf16: whether matrix products are in bfloat16, if the processor has it.
        augmentation: bounds of the augmentation at strength 1.
    """

    n_hidden: int = 512
    epochs: int = 30
    minutes: float = 0.0
    batch_s: float = 120.0
    first_batch_s: float = 60.0
    muon_lr: float = 0.02
    adam_lr: float = 2e-3
    weight_decay: float = 0.01
    warm_up_steps: int = 100
    lr_hold_share: float = 0.3
    dropout: float = 0.1
    clean_until: float = 1.0
    ramp_steps: int = 1000
    strength: float = 1.0
    letter_weight: float = 1.0
    phoneme_weight: float = 1.0
    n_leaves: int = 0
    crf_weight: float = 0.0
    consistency_weight: float = 0.0
    consistency_masks: float = 2.5
    distillation_weight: float = 0.2
    average_decay: float = 0.998
    max_gradient_norm: float = 5.0
    seed: int = 1
    normalise: bool = False
    bf16: bool = True
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)

    @property
    def n_views(self) -> int:
        """Number of views of each clip in a batch."""
        return 2 if self.consistency_weight else 1

    @property
    def masking(self) -> AugmentationSettings:
        """The augmentation; with two views, which must have something to agree on, masks more."""
        factor = self.consistency_masks if self.n_views > 1 else 1.0
        return replace(self.augmentation, time_masks=round(self.augmentation.time_masks * factor))


def default_front_end() -> dict[str, Any]:
    """Return the ``front_end`` entry of ``model.json`` for `FRONT_END`."""
    from streamer.features import create_front_end

    return create_front_end({"kind": FRONT_END}).describe()


@dataclass(frozen=True)
class Recipe:
    """A training from manifests to a checkpoint.

    Attributes:
        train: manifests or folders, see `read_data_set`; each has a cache of its own.
        dev: the same, for the evaluation after each epoch; may be empty.
        folder: output folder: caches, checkpoints, log and plot.
        settings: hyperparameters.
        front_end: the ``front_end`` entry of ``model.json``.
        audio_root: folder that relative paths in manifests start from; the manifest's own if None.
        augmented_copies: additional copies of the speech with changed waveforms.
        multi_condition: share of clips whose waveform is changed anew each time.
        no_speech: share of clips in whose place there is noise alone, babble included, and
            nothing to recognise; needs ``multi_condition``.
        noise: folder of recorded noises for both, or None.
        phonemes: whether phonemes are learned beside letters.
        teacher: Whisper model in CTranslate2's format to distil from, or None.
        processes: processes that read and augment recordings, and threads that train.
        start_from: checkpoint file, bundle folder or model name to start from, or None.
        workers: processes that train together, each on its share of every batch.
        caches: folder of features and pronunciations, which do not depend on the settings;
            a folder in ``folder`` if None.
    """

    train: Sequence[Path]
    dev: Sequence[Path]
    folder: Path
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    front_end: Mapping[str, Any] = field(default_factory=default_front_end)
    audio_root: Path | None = None
    augmented_copies: int = 0
    multi_condition: float = 0.0
    no_speech: float = 0.0
    noise: Path | None = None
    phonemes: bool = True
    teacher: Path | None = None
    processes: int = 2
    start_from: str | Path | None = None
    workers: int = 1
    caches: Path | None = None

    @property
    def cache(self) -> Path:
        """Folder of the caches."""
        return self.caches or self.folder / "cache"


class Flag(NamedTuple):
    """An option of the command line that sets a field.

    Attributes:
        name: spelling on the command line.
        least: smallest value, or None.
        most: largest value, or None.
    """

    name: str
    least: float | None = None
    most: float | None = None


#: Fields of `TrainingSettings` that the command line sets.
SETTING_FLAGS: Mapping[str, Flag] = {
    "n_hidden": Flag("--width", 1),
    "minutes": Flag("--minutes", 0.0),
    "epochs": Flag("--epochs", 1),
    "batch_s": Flag("--batch", 1.0),
    "first_batch_s": Flag("--first-batch", 1.0),
    "muon_lr": Flag("--muon", 0.0),
    "adam_lr": Flag("--adam", 0.0),
    "dropout": Flag("--dropout", 0.0, 0.9),
    "crf_weight": Flag("--sentences", 0.0, 1.0),
    "letter_weight": Flag("--letter-weight", 0.0),
    "n_leaves": Flag("--leaves", 0),
    "consistency_weight": Flag("--consistency", 0.0),
    "distillation_weight": Flag("--distillation", 0.0),
    "seed": Flag("--seed"),
    "strength": Flag("--augmentation", 0.0, 1.0),
    "clean_until": Flag("--clean-until", 0.0),
    "ramp_steps": Flag("--ramp", 1),
}
#: Fields of `Recipe` that the command line sets, beside data and folders.
RECIPE_FLAGS: Mapping[str, Flag] = {
    "processes": Flag("--processes", 1),
    "workers": Flag("--workers", 1),
    "augmented_copies": Flag("--copies", 0),
    "multi_condition": Flag("--multi-condition", 0.0, 1.0),
    "no_speech": Flag("--no-speech", 0.0, 0.9),
}
