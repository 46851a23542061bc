"""A tiny training from manifest to bundle: the loss falls, and every network says the same.

The "speech" is made of tones: each letter has a pitch of its own, so that
there is something to learn in seconds.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")

from streamer.decoding import read_alphabet, read_scorer  # noqa: E402
from streamer.decoding.language.recurrent_model import read_recurrent_model  # noqa: E402
from streamer.decoding.lexicon.leaves import read_leaves  # noqa: E402
from streamer.decoding.lexicon.lexicon import read_lexicon  # noqa: E402
from streamer.engine.model_loader import ModelChoice, load_decoder  # noqa: E402
from streamer.errors import StreamerError  # noqa: E402
from streamer.features import Framer, create_front_end  # noqa: E402
from streamer.models.backends import load_acoustic_model  # noqa: E402
from streamer.training.data.cache import Cache, build_cache, clip_features, read_audio  # noqa: E402
from streamer.training.data.manifests import Clip, read_data_set  # noqa: E402
from streamer.training.export import checkpoint_weights, export  # noqa: E402
from streamer.training.log import Log  # noqa: E402
from streamer.training.network.checkpoint import (  # noqa: E402
    read_checkpoint,
    write_slim_checkpoint,
)
from streamer.training.network.initial_weights import (  # noqa: E402
    load_weights,
    read_initial_weights,
)
from streamer.training.network.training_network import NetworkShape, TrainingNetwork  # noqa: E402
from streamer.training.optimisation.trainer import Trainer as RecipeTrainer  # noqa: E402
from streamer.training.preparation import prepare  # noqa: E402
from streamer.training.recipe import train  # noqa: E402
from streamer.training.settings import Recipe, TrainingSettings  # noqa: E402
from tests.support.paths import TINY_SCORER  # noqa: E402

pytestmark = pytest.mark.slow  # real trainings

RATE_HZ = 16000
WORDS = ["ab", "ba", "aba", "bab", "aab"]
TINY = TrainingSettings(
    n_hidden=24, epochs=5, batch_s=4.0, first_batch_s=4.0, warm_up_steps=3, lr_hold_share=0.5,
    clean_until=2.0, ramp_steps=5, strength=0.5, average_decay=0.8, bf16=False,
)  # fmt: skip


def _sing(text: str, random: np.random.Generator) -> Any:
    pieces = [np.zeros(1600)]
    for letter in text:
        hz = {"a": 500.0, "b": 1600.0, " ": 0.0}[letter] * random.uniform(0.95, 1.05)
        t = np.arange(2400) / RATE_HZ
        pieces.append(0.3 * np.sin(2 * np.pi * hz * t) * np.hanning(len(t)))
    samples = np.concatenate([*pieces, np.zeros(1600)])
    return samples + random.normal(0, 0.002, len(samples))


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speech")
    random = np.random.default_rng(0)
    lines = ["path\ttranscript\tspeaker"]
    for number in range(40):
        text = " ".join(random.choice(WORDS, random.integers(1, 4)))
        soundfile.write(folder / f"{number}.wav", _sing(text, random), RATE_HZ)
        lines.append(f"{number}.wav\t{text}\ts{number % 4}")
    manifest = folder / "train.tsv"
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return manifest


class Kept(Log):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def _recipe(manifest: Path, folder: Path, **changes: Any) -> Recipe:
    settings = dataclasses.replace(TINY, **changes.pop("settings", {}))
    return Recipe([manifest], [manifest], folder, settings, phonemes=False, processes=1, **changes)


@pytest.fixture(scope="module")
def trained(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    return train(_recipe(manifest, folder), Kept())


def test_cached_features_are_those_of_the_engines_framer(manifest: Path, trained: Path) -> None:
    cache = Cache(trained.parent / "cache" / "train")
    for clip, entry in list(zip(read_data_set(manifest), cache.entries))[:5]:
        framer = Framer(create_front_end(cache.front_end), 16, 9)
        samples = read_audio(clip.path, RATE_HZ)
        windows = framer.feed(samples) + framer.finish()
        middle = np.concatenate([window.features[0, : window.n, 9] for window in windows])
        np.testing.assert_array_equal(cache.vectors(entry), middle)
        np.testing.assert_allclose(cache.samples(entry), samples, atol=1e-4)


def test_the_loss_falls_and_the_log_says_how_well_it_hears(trained: Path) -> None:
    history = read_checkpoint(trained)["progress"]["history"]
    assert [entry["epoch"] for entry in history] == [1, 2, 3, 4, 5]
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    assert 0 <= history[-1]["cer"] <= 1.5
    assert (trained.parent / "training.png").read_bytes().startswith(b"\x89PNG")


def test_exported_networks_agree_with_pytorch(
    trained: Path, manifest: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx")
    forms = [("onnx", "fp32"), ("onnx", "int8"), ("safetensors", "fp32")]
    bundle = export(trained, tmp_path / "tiny", name="tiny", licence="CC0-1.0", forms=forms)
    assert set(bundle.networks) == {"onnx", "onnx-int8", "numpy"}
    assert bundle.licence == "CC0-1.0"
    assert bundle.training["steps"] > 0
    assert 0 <= bundle.measured["dev_cer_greedy"] <= 1.5
    samples = read_audio(read_data_set(manifest)[0].path, RATE_HZ)
    wanted = _torch_probabilities(trained, samples, bundle.front_end_description)
    for kind in bundle.networks:
        model = load_acoustic_model(bundle, kind)
        framer = Framer(bundle.front_end(), bundle.n_steps, bundle.n_context)
        state, heard = model.initial_state(), []
        for window in framer.feed(samples) + framer.finish():
            probabilities, state = model.infer(window.features, window.n, state)
            heard.append(probabilities)
        difference = np.abs(np.concatenate(heard) - wanted)
        # 8 bits are coarse in a network of 24 units: a frame or two may tip over.
        assert difference.mean() < 0.02 if kind == "onnx-int8" else difference.max() < 1e-5


def _torch_probabilities(checkpoint: Path, samples: Any, front_end: Any) -> Any:
    saved = read_checkpoint(checkpoint)
    network = TrainingNetwork(NetworkShape(**saved["shape"])).eval()
    network.load_state_dict(saved["average"])
    vectors = np.pad(clip_features(samples, front_end), ((9, 9), (0, 0)))
    with torch.no_grad():
        outputs = network(torch.from_numpy(vectors)[None], torch.tensor([len(vectors) - 18]))
    return outputs.letters.softmax(-1).numpy()


def test_a_network_that_learned_phonemes_hears_them_in_its_bundle(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamer.training.language import pronunciations

    spoken = {"a": (2,), "b": (6, 16), "ab": (2, 6), "ba": (6, 2), "the": (9, 2), "to": (31, 34)}
    monkeypatch.setattr(
        pronunciations, "dictionary", lambda: {w: [way] for w, way in spoken.items()}
    )
    recipe = dataclasses.replace(_recipe(manifest, tmp_path / "run"), phonemes=True)
    checkpoint = train(recipe, Kept())
    assert (checkpoint.parent / "cache" / "pronunciations.gz").is_file()
    assert read_checkpoint(checkpoint)["shape"]["n_phonemes"] == 40
    forms = [("safetensors", "fp32")]
    bundle = export(
        checkpoint, tmp_path / "tiny", name="tiny", forms=forms,
        scorer=TINY_SCORER,
    )  # fmt: skip
    assert (bundle.n_labels, bundle.n_phonemes) == (69, 40)
    assert bundle.lexicon_path is not None
    lexicon = read_lexicon(bundle.lexicon_path)
    assert lexicon.words["the"] == [(9, 2)]
    samples = read_audio(read_data_set(manifest)[0].path, RATE_HZ)
    saved = read_checkpoint(checkpoint)
    network = TrainingNetwork(NetworkShape(**saved["shape"])).eval()
    network.load_state_dict(saved["average"])
    vectors = np.pad(clip_features(samples, bundle.front_end_description), ((9, 9), (0, 0)))
    with torch.no_grad():
        outputs = network(torch.from_numpy(vectors)[None], torch.tensor([len(vectors) - 18]))
    model = load_acoustic_model(bundle, "numpy")
    framer = Framer(bundle.front_end(), bundle.n_steps, bundle.n_context)
    state, heard = model.initial_state(), []
    for window in framer.feed(samples) + framer.finish():
        probabilities, state = model.infer(window.features, window.n, state)
        heard.append(probabilities)
    rows = np.concatenate(heard)
    np.testing.assert_allclose(rows[:, :29], outputs.letters.softmax(-1).numpy(), atol=1e-5)
    np.testing.assert_allclose(rows[:, 29:], outputs.phonemes[1].softmax(-1).numpy(), atol=1e-5)
    decoder = load_decoder(bundle, ModelChoice())
    decoder.feed(rows)
    assert decoder.name == "beam"
    assert set(decoder.finish().text.split()) <= set(lexicon.words)


def test_leaves_are_learned_kept_and_exported(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamer.training.language import pronunciations

    spoken = {w: [tuple({"a": 2, "b": 6}[letter] for letter in w)] for w in [*WORDS, "a", "b"]}
    monkeypatch.setattr(pronunciations, "dictionary", lambda: spoken)
    caches = tmp_path / "cache"
    plain = _recipe(manifest, tmp_path / "plain", caches=caches, settings={"epochs": 1})
    first = train(dataclasses.replace(plain, phonemes=True), Kept())
    settings = {"n_leaves": 45, "epochs": 2, "crf_weight": 0.9}
    recipe = _recipe(manifest, tmp_path / "run", caches=caches, settings=settings)
    recipe = dataclasses.replace(recipe, phonemes=True, start_from=first)
    log = Kept()
    checkpoint = train(recipe, log)
    saved = read_checkpoint(checkpoint)
    n_leaves = saved["shape"]["n_leaves"]
    # Behind "a", "b" and the beginning, "a" and "b" are told apart.
    assert 39 + 4 <= n_leaves <= 45
    assert any(f"{n_leaves} leaves" in line for line in log.lines)
    assert 0 < saved["progress"]["history"][-1]["per"] < 1.5
    # A network to start from keeps its leaves, and its pronunciations are selected with them.
    next_ = dataclasses.replace(
        _recipe(manifest, tmp_path / "next", caches=caches, settings={"epochs": 1}),
        phonemes=True, start_from=checkpoint,
    )  # fmt: skip
    again = read_checkpoint(train(next_, Kept()))
    assert again["shape"]["n_leaves"] == n_leaves
    table = again["average"]["phoneme_leaves"]
    assert torch.equal(table, saved["average"]["phoneme_leaves"])
    bundle = export(
        checkpoint, tmp_path / "tiny", name="tiny", forms=[("safetensors", "fp32")],
        scorer=TINY_SCORER, lexicon=caches / "pronunciations.gz",
    )  # fmt: skip
    assert (bundle.n_labels, bundle.n_phonemes) == (29 + n_leaves + 1, n_leaves + 1)
    assert bundle.leaves_path is not None
    np.testing.assert_array_equal(read_leaves(bundle.leaves_path).table, table.numpy())
    initial = read_initial_weights(bundle.folder)
    assert (initial.shape.n_phonemes, initial.shape.n_leaves) == (40, n_leaves)
    network = TrainingNetwork(initial.shape)
    load_weights(network, initial)
    weight = saved["average"]["phoneme_heads.1.weight"]
    torch.testing.assert_close(network.phoneme_heads[1].weight.detach(), weight)
    decoder = load_decoder(bundle, ModelChoice())
    model = load_acoustic_model(bundle, "numpy")
    framer = Framer(bundle.front_end(), bundle.n_steps, bundle.n_context)
    samples, state = read_audio(read_data_set(manifest)[0].path, RATE_HZ), model.initial_state()
    for window in framer.feed(samples) + framer.finish():
        probabilities, state = model.infer(window.features, window.n, state)
        decoder.feed(probabilities)
    assert decoder.name == "beam"
    decoder.finish()


def test_core_ml_is_exported_where_coremltools_is_there(trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("coremltools", reason="coremltools is not installed")
    bundle = export(trained, tmp_path / "tiny", name="tiny", forms=[("mlprogram", "fp16")])
    assert bundle.networks["coreml-unrolled"].suffix == ".mlpackage"


def test_two_views_of_each_clip_are_learned_together(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.training.optimisation.trainer._LOG_STEPS", 1)
    log = Kept()
    views = {"consistency_weight": 0.2, "epochs": 3, "clean_until": 100.0}
    history = read_checkpoint(train(_recipe(manifest, tmp_path / "run", settings=views), log))[
        "progress"
    ]["history"]
    assert history[-1]["loss"] < history[0]["loss"]
    seen = [float(line.split("views ")[1].split()[0]) for line in log.lines if "views " in line]
    assert seen
    assert seen[-1] > 0


def test_resuming_is_the_same_as_never_having_stopped(manifest: Path, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"settings": {"epochs": 2, "clean_until": 50.0, "dropout": 0.2}}
    changes["settings"]["warm_up_steps"] = 1
    through = read_checkpoint(train(_recipe(manifest, tmp_path / "through", **changes), Kept()))
    recipe = _recipe(manifest, tmp_path / "stopped", **changes)
    data, dev = prepare(recipe, Kept())
    trainer = RecipeTrainer(recipe.settings, data, dev, recipe.folder, Kept().say)
    trainer.run(stop_after_steps=7)
    stopped_at = read_checkpoint(recipe.folder / "last.pt")["progress"]
    assert stopped_at["step"] == 7 and stopped_at["batch"] > 0
    kept = Kept()
    resumed = read_checkpoint(train(recipe, kept))
    assert any(line.startswith("resumed at step 7") for line in kept.lines)
    assert resumed["progress"]["step"] == through["progress"]["step"]
    assert resumed["progress"]["clean_step"] == through["progress"]["clean_step"]
    for name, value in through["average"].items():
        torch.testing.assert_close(resumed["average"][name], value, rtol=0, atol=0)


def test_a_training_by_the_clock_ends_when_its_time_is_over(manifest: Path, tmp_path: Path) -> None:
    recipe = _recipe(manifest, tmp_path, settings={"minutes": 0.5})
    data, _ = prepare(recipe, Kept())
    ticks = iter(range(0, 10**6))
    trainer = RecipeTrainer(
        recipe.settings, data, None, tmp_path, Kept().say, clock=lambda: float(next(ticks))
    )
    trainer.run(save_every_s=1e9)
    progress = read_checkpoint(tmp_path / "last.pt")["progress"]
    assert progress["seconds"] >= 30
    assert trainer.lr_factor() == 0


def test_two_workers_end_with_the_same_weights(manifest: Path, tmp_path: Path) -> None:
    recipe = _recipe(manifest, tmp_path, settings={"epochs": 1})
    prepare(recipe, Kept())
    context = torch.multiprocessing.get_context("spawn")
    meeting = tmp_path / "meet"
    others = [
        context.Process(target=_work, args=(rank, recipe, str(meeting), tmp_path / f"{rank}.pt"))
        for rank in range(2)
    ]
    for other in others:
        other.start()
    for other in others:
        other.join(300)
        assert other.exitcode == 0
    one, two = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert one["step"] == two["step"] > 0
    for name, value in one["weights"].items():
        torch.testing.assert_close(two["weights"][name], value, rtol=0, atol=0)


def test_workers_train_the_recipe_together(manifest: Path, tmp_path: Path) -> None:
    recipe = _recipe(manifest, tmp_path, settings={"epochs": 2}, workers=2)
    history = read_checkpoint(train(recipe, Kept()))["progress"]["history"]
    assert history[1]["loss"] < history[0]["loss"]
    assert not torch.distributed.is_initialized()


def _work(rank: int, recipe: Recipe, meeting: str, result: Path) -> None:
    from streamer.training.optimisation.workers import joined_workers

    torch.set_num_threads(1)
    data, _ = prepare(recipe, Kept())
    with joined_workers(rank, 2, meeting) as workers:
        trainer = RecipeTrainer(
            recipe.settings, data, None, recipe.folder / str(rank), Kept().say, workers=workers
        )
        trainer.run()
    weights = {name: value for name, value in trainer.network.named_parameters()}
    torch.save({"step": trainer.progress.step, "weights": weights}, result)


def test_a_changed_copy_is_another_recording_of_the_same_words(
    manifest: Path, tmp_path: Path
) -> None:
    recipe = _recipe(manifest, tmp_path, augmented_copies=1)
    data, _ = prepare(recipe, Kept())
    plain, changed = data.caches
    assert [e.transcript for e in plain.entries] == [e.transcript for e in changed.entries]
    assert len(data.examples) > len(plain.entries)
    lengths = [(a.n_frames, b.n_frames) for a, b in zip(plain.entries, changed.entries)]
    assert any(a != b for a, b in lengths)
    assert np.isfinite(changed.features).all()


def test_a_data_set_that_is_added_later_leaves_the_first_ones_features_alone(
    manifest: Path, tmp_path: Path
) -> None:
    recipe = _recipe(manifest, tmp_path)
    first, _ = prepare(recipe, Kept())
    features = first.caches[0].where / "features.f32"
    made = features.stat().st_mtime_ns
    lines = manifest.read_text("utf-8").splitlines(keepends=True)
    more = manifest.with_name("more.tsv")
    more.write_text("".join(lines[:8]), encoding="utf-8")
    both, _ = prepare(dataclasses.replace(recipe, train=[manifest, more]), Kept())
    assert [len(cache.entries) for cache in both.caches] == [40, 7]
    assert features.stat().st_mtime_ns == made
    with pytest.raises(StreamerError, match="train-2 was made of other clips"):
        prepare(dataclasses.replace(recipe, train=[manifest, manifest]), Kept())


def test_training_may_begin_with_a_checkpoint(
    manifest: Path, trained: Path, tmp_path: Path
) -> None:
    recipe = _recipe(manifest, tmp_path, settings={"epochs": 1, "adam_lr": 1e-6, "muon_lr": 1e-6},
                     start_from=trained)  # fmt: skip
    first = read_checkpoint(train(recipe, Kept()))["progress"]["history"][0]["loss"]
    from_nothing = read_checkpoint(trained)["progress"]["history"][0]["loss"]
    assert first < 0.7 * from_nothing


def test_training_may_begin_with_a_bundle(manifest: Path, trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx")
    export(trained, tmp_path / "tiny", name="tiny", forms=[("onnx", "fp32")])
    settings = {"epochs": 1, "adam_lr": 1e-6, "muon_lr": 1e-6}
    recipe = _recipe(manifest, tmp_path / "on", settings=settings, start_from=tmp_path / "tiny")
    first = read_checkpoint(train(recipe, Kept()))["progress"]["history"][0]["loss"]
    from_nothing = read_checkpoint(trained)["progress"]["history"][0]["loss"]
    assert first < 0.7 * from_nothing
    deepspeech = create_front_end({"kind": "deepspeech"}).describe()
    other = dataclasses.replace(recipe, folder=tmp_path / "other", front_end=deepspeech)
    with pytest.raises(StreamerError, match="another front end"):
        train(other, Kept())


def test_a_network_trained_with_normalised_coefficients_gets_them_in_its_bundle(
    manifest: Path, trained: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx")
    settings = {"normalise": True, "epochs": 1}
    checkpoint = train(
        _recipe(manifest, tmp_path / "run", settings=settings, start_from=str(trained)), Kept()
    )
    bundle = export(checkpoint, tmp_path / "tiny", name="tiny", forms=[("onnx", "fp32")])
    front_end = bundle.front_end()
    assert front_end.normalisation is not None
    samples = read_audio(read_data_set(manifest)[0].path, RATE_HZ)
    model = load_acoustic_model(bundle, "onnx")
    framer = Framer(front_end, bundle.n_steps, bundle.n_context)
    state, heard = model.initial_state(), []
    for window in framer.feed(samples) + framer.finish():
        probabilities, state = model.infer(window.features, window.n, state)
        heard.append(probabilities)
    wanted = _torch_probabilities(checkpoint, samples, bundle.front_end_description)
    assert np.abs(np.concatenate(heard) - wanted).max() < 1e-5
    # The network that it goes on from takes plain coefficients, this one does not.
    with pytest.raises(StreamerError, match="add --normalise"):
        train(_recipe(manifest, tmp_path / "again", start_from=str(checkpoint)), Kept())


def test_a_slim_checkpoint_exports_the_same_network_to_16_bits(
    manifest: Path, trained: Path, tmp_path: Path
) -> None:
    slim = tmp_path / "slim.pt"
    write_slim_checkpoint(trained, slim)
    assert slim.stat().st_size < 0.3 * trained.stat().st_size
    whole, small = (checkpoint_weights(read_checkpoint(p), {}) for p in (trained, slim))
    for name, value in whole.layers.items():
        np.testing.assert_allclose(small.layers[name], value, rtol=2e-3, atol=2e-2)
    recipe = _recipe(manifest, tmp_path / "on", settings={"epochs": 1}, start_from=slim)
    assert read_checkpoint(train(recipe, Kept()))["progress"]["step"] > 0
    (tmp_path / "off").mkdir()
    slim.rename(tmp_path / "off" / "last.pt")
    with pytest.raises(StreamerError, match="cannot be resumed"):
        train(_recipe(manifest, tmp_path / "off"), Kept())


def test_whole_sentences_are_learned_from_what_a_first_network_hears(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamer.training.language import pronunciations

    # Nothing in the tones sounds as the first way says twice: the second is heard.
    spoken = {"a": [(2,)], "ab": [(2, 6)], "ba": [(6, 2)], "aba": [(2, 6, 2, 2), (2, 6, 2)],
              "bab": [(6, 2, 6)], "aab": [(2, 2, 6)]}  # fmt: skip
    monkeypatch.setattr(pronunciations, "dictionary", lambda: spoken)
    first = dataclasses.replace(
        _recipe(manifest, tmp_path / "first", settings={"epochs": 12}), phonemes=True
    )
    checkpoint = train(first, Kept())
    second = dataclasses.replace(
        first, folder=tmp_path / "second", start_from=checkpoint,
        settings=dataclasses.replace(
            TINY, n_hidden=32, epochs=2, batch_s=12.0, first_batch_s=12.0, crf_weight=0.9,
            clean_until=0.0,
        ),
    )  # fmt: skip
    log = Kept()
    torch.set_flush_denormal(True)  # as the command does: a hundred times faster here
    try:
        saved = read_checkpoint(train(second, log))
    finally:
        torch.set_flush_denormal(False)
    assert any("pronunciations other than" in line for line in log.lines)
    # It goes on from what was learned, in more units, and goes on learning.
    assert saved["shape"]["n_hidden"] == 32
    before = read_checkpoint(checkpoint)["progress"]["history"]
    after = saved["progress"]["history"]
    assert after[-1]["loss"] < after[0]["loss"] < before[0]["loss"]
    assert 0 <= after[-1]["per"] < before[0]["per"]


def test_a_cache_of_other_clips_is_not_taken(manifest: Path, trained: Path) -> None:
    fewer = manifest.with_name("fewer.tsv")
    lines = manifest.read_text("utf-8").splitlines(keepends=True)
    fewer.write_text("".join(lines[:-1]), encoding="utf-8")
    recipe = dataclasses.replace(_recipe(manifest, trained.parent), train=[fewer])
    with pytest.raises(StreamerError, match="other clips"):
        prepare(recipe, Kept())


def test_a_checkpoint_of_another_width_is_refused(manifest: Path, trained: Path) -> None:
    recipe = _recipe(manifest, trained.parent, settings={"n_hidden": 16})
    with pytest.raises(StreamerError, match="another shape"):
        train(recipe, Kept())


@pytest.mark.parametrize("contents", [b"", b"not a checkpoint", None])
def test_what_is_no_checkpoint_is_an_error_of_one_line(contents: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    if contents is not None:
        path.write_bytes(contents)
    with pytest.raises(StreamerError, match="checkpoint"):
        read_checkpoint(path)


def test_a_recording_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"this is no sound")
    front_end = create_front_end({"kind": "python_speech_features"}).describe()
    with pytest.raises(StreamerError, match=r"bad\.wav"):
        build_cache([Clip(tmp_path / "bad.wav", "a", "", "")], tmp_path / "c", front_end, 1)


def test_the_commands_train_and_export_make_a_bundle_that_loads(
    manifest: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx")
    from streamer.bundle import load_bundle
    from streamer.cli.app import main

    run, bundle = tmp_path / "run", tmp_path / "mine"
    arguments = ["train", str(manifest), "-o", str(run), "--width", "16", "--epochs", "1"]
    arguments += ["--batch", "8", "--first-batch", "8", "--no-phonemes", "--processes", "1"]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code in (0, None)
    with pytest.raises(SystemExit) as ended:
        main(["export", str(run / "last.pt"), "-o", str(bundle), "--format", "onnx"])
    assert ended.value.code in (0, None)
    loaded = load_bundle(bundle)
    assert loaded.name == "mine"
    assert load_acoustic_model(loaded, "onnx").n_hidden == 16


def test_the_english_recipe_goes_from_manifests_to_a_bundle(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx")
    pytest.importorskip("coremltools", reason="coremltools is not installed")
    from streamer.bundle import load_bundle
    from streamer.training.english import __main__ as english
    from streamer.training.language import pronunciations
    from streamer.training.synthesis import recordings as synthesis

    monkeypatch.setattr(pronunciations, "dictionary", lambda: {"a": [(2,)], "ab": [(2, 6)]})
    data, text, work = tmp_path / "data", tmp_path / "text", tmp_path / "work"
    for folder in (data, text, work):
        folder.mkdir()
    header, *clips = manifest.read_text(encoding="utf-8").splitlines()
    for name, some in (("train", clips[:16]), ("dev", clips[16:20]), ("more", clips[28:32])):
        lines = [header, *(f"{manifest.parent}/{line}" for line in some)]
        (data / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (text / "books.txt").write_text("a bab ab\n", encoding="utf-8")
    read = []

    def synthesise(texts: Any, folder: Path, model: Path, voices: Path, hours: float) -> Path:
        # Kokoro is not everywhere either: recordings stand in for what it says.
        read.extend(file.stem for file in texts)
        folder.mkdir(exist_ok=True)
        lines = [header, *(f"{manifest.parent}/{line}" for line in clips[20:28])]
        (folder / "train.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder / "train.tsv"

    monkeypatch.setattr(synthesis, "synthesise", synthesise)
    # The language model is there already: KenLM's programs are not everywhere.
    scorer = (TINY_SCORER).read_bytes()
    (work / "english.scorer").write_bytes(scorer)
    options = ["--width", "16", "--minutes", "0", "--epochs", "1", "--batch", "12"]
    options += ["--first-batch", "12", "--workers", "1", "--processes", "1", "--no-tuning"]
    where = ["--data", str(data), "--text", str(text), "--output", str(tmp_path / "english")]
    where += ["--recurrent-minutes", "0", "--more", str(data / "more.tsv")]
    speech = ["--kokoro", "kokoro.onnx", "--voices", str(tmp_path)]
    assert english.main([*where, "--work", str(work), *speech, *options]) == 0
    assert read == ["books"] * 5
    # 20 clips were recorded, 8 are synthetic: the last two stages learn from all.
    index = [work / "cache" / name / "clips.json" for name in ("train", "train-2", "train-3")]
    assert [len(json.loads(path.read_text("utf-8"))["clips"]) for path in index] == [16, 4, 8]
    bundle = load_bundle(tmp_path / "english")
    assert {"onnx", "onnx-int8", "coreml-unrolled", "numpy"} <= set(bundle.networks)
    assert bundle.networks["numpy"] == bundle.networks["onnx"]  # no second file for it
    assert bundle.lexicon_path is not None and bundle.scorer_path is not None
    assert bundle.recurrent_path is not None
    recurrent = read_recurrent_model(bundle.recurrent_path)
    words = read_scorer(bundle.scorer_path).words(read_alphabet(bundle.alphabet_path))
    assert recurrent.numbers(words).tolist() == list(range(len(words)))
    stages = [work / name / "last.pt" for name in ("hearing", "sentences", "conditions")]
    weights = [read_checkpoint(stage)["settings"]["crf_weight"] for stage in stages]
    assert weights[0] == 0 < weights[1] == weights[2]
    # The last stage but one goes two ways (the third has no teacher), the last one goes on from
    # their mean; the mean of both is exported.
    ways = [work / name / "last.pt" for name in ("one-view", "two-views")]
    assert not (work / "teacher").exists()
    _assert_mean(work / "mean.pt", ways)
    _assert_mean(work / "english.pt", [work / "mean.pt", work / "no-speech" / "last.pt"])
    # The same command again has nothing left to train.
    stages += [*ways, work / "no-speech" / "last.pt"]
    before = [stage.stat().st_mtime_ns for stage in stages]
    assert english.main([*where, "--work", str(work), *speech, *options]) == 0
    assert [stage.stat().st_mtime_ns for stage in stages] == before


def _assert_mean(mean: Path, of: list[Path]) -> None:
    found = read_checkpoint(mean)["average"]
    states = [read_checkpoint(path)["average"] for path in of]
    for name, value in found.items():
        if value.is_floating_point():
            expected = torch.stack([state[name] for state in states]).mean(dim=0)
            assert torch.allclose(value, expected, atol=1e-6), name
    assert any(not torch.equal(states[0][name], states[1][name]) for name in found)


def test_weights_of_a_checkpoint_describe_themselves(trained: Path) -> None:
    weights = checkpoint_weights(read_checkpoint(trained), {"licence": "CC0-1.0"})
    assert weights.description["front_end"]["kind"] == "python_speech_features"
    assert "".join(weights.description["alphabet"]) == " abcdefghijklmnopqrstuvwxyz'"
    assert weights.description["licence"] == "CC0-1.0"
