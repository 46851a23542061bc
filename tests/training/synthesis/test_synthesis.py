"""Synthetic speech: speakers drawn by chance, data sets that go on, Kokoro's graph in floats."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime.quantization")

from streamer.errors import StreamerError  # noqa: E402
from streamer.training.data.manifests import read_data_set  # noqa: E402
from streamer.training.synthesis import dequantisation, kokoro, recordings  # noqa: E402
from streamer.training.synthesis.__main__ import main  # noqa: E402
from streamer.training.synthesis.sentences import Coverage  # noqa: E402
from streamer.training.synthesis.speakers import Speaker, draw_speaker  # noqa: E402

HIDDEN = 8


def _float_graph() -> Any:
    """A convolution with a bias, a product, an LSTM both ways, and ONNX Runtime's own operators."""
    make, from_array = onnx.helper.make_node, onnx.numpy_helper.from_array
    random = np.random.default_rng(3)

    def weight(name: str, *shape: int) -> Any:
        return from_array(random.normal(0, 0.3, shape).astype(np.float32), name)

    size = 2 * HIDDEN
    weights = [
        weight("conv", HIDDEN, 4, 3), weight("conv_bias", HIDDEN),
        weight("W", 2, 4 * HIDDEN, HIDDEN), weight("R", 2, 4 * HIDDEN, HIDDEN),
        weight("B", 2, 8 * HIDDEN), weight("product", size, size), weight("gelu_bias", size),
        weight("norm", size), weight("norm_bias", size),
        from_array(np.array([1, -1, size], np.int64), "rows"),
        from_array(np.float32(2), "two"), from_array(np.float32(10), "ten"),
    ]  # fmt: skip
    nodes = [
        make("Conv", ["x", "conv", "conv_bias"], ["c"], pads=[1, 1]),
        make("Mul", ["c", "ten"], ["angle"]),
        make("Sin", ["angle"], ["sine"]),
        make("Pow", ["sine", "two"], ["squared"]),
        make("Sin", ["squared"], ["wave"]),
        make("Transpose", ["wave"], ["t"], perm=[2, 0, 1]),
        make("LSTM", ["t", "W", "R", "B"], ["h"], direction="bidirectional", hidden_size=HIDDEN),
        make("Transpose", ["h"], ["h2"], perm=[2, 0, 1, 3]),
        make("Reshape", ["h2", "rows"], ["r"]),
        make("MatMul", ["r", "product"], ["m"]),
        make("FastGelu", ["m", "gelu_bias"], ["g"], domain="com.microsoft"),
        make("SkipLayerNormalization", ["g", "r", "norm", "norm_bias"], ["n"],
             domain="com.microsoft", epsilon=1e-5),
        make("FusedMatMul", ["n", "n"], ["y"], domain="com.microsoft", transA=1),
    ]  # fmt: skip
    info = onnx.helper.make_tensor_value_info
    floats = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes, "g", [info("x", floats, [1, 4, "n"])], [info("y", floats, [1, size, size])], weights
    )
    opsets = [onnx.helper.make_opsetid("", 20), onnx.helper.make_opsetid("com.microsoft", 1)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9)


def _run(model: Any, x: Any) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x})[0]


def test_a_quantised_graph_becomes_floats_and_says_the_same(tmp_path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    whole, small = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    onnx.save(_float_graph(), str(whole))
    # Unsigned: what every version of ONNX Runtime convolves on every machine.
    operators = ["Conv", "MatMul", "LSTM"]
    quantize_dynamic(whole, small, op_types_to_quantize=operators, weight_type=QuantType.QUInt8)
    kinds = {node.op_type for node in onnx.load(str(small)).graph.node}
    assert {"ConvInteger", "MatMulInteger", "DynamicQuantizeLSTM"} <= kinds
    floats = dequantisation.read_float_model(small)
    onnx.checker.check_model(floats)
    assert not any(node.domain or "Quantize" in node.op_type for node in floats.graph.node)
    assert not any("Integer" in node.op_type for node in floats.graph.node)
    # A squared sine is a polynomial now, the other is left alone.
    assert [node.op_type for node in floats.graph.node].count("Sin") == 1
    x = np.random.default_rng(1).normal(0, 1, (1, 4, 12)).astype(np.float32)
    ours, exact = _run(floats, x), _run(onnx.load(str(whole)), x)
    # The weights' rounding to 8 bits is left. What ONNX Runtime makes of the 8 bits is no
    # measure: it rounds vectors too, and some processors add up in 16 bits.
    assert np.abs(ours - exact).max() < 0.05 * np.abs(exact).max()


def test_a_file_that_is_no_model_and_one_of_another_kind_are_named(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"no model")
    with pytest.raises(StreamerError, match=r"wrong\.onnx"):
        dequantisation.read_float_model(wrong)
    model = _float_graph()
    with pytest.raises(StreamerError, match="not Kokoro, it has no input 'speed'"):
        dequantisation.check_inputs(model, wrong)
    node = onnx.helper.make_node("MatMulInteger", ["q", "w"], ["i"])
    model.graph.node.append(node)
    onnx.save(model, str(wrong))
    with pytest.raises(StreamerError, match="not quantised as Kokoro"):
        dequantisation.read_float_model(wrong)


class _Whistle:
    """Stands in for Kokoro: a tone for each letter, so that lengths are known."""

    def __init__(self, model: Path) -> None:
        assert model.name == "kokoro.onnx"

    def tokens(self, text: str, british: bool = False) -> list[int]:
        return [ord(c) for c in text]

    def say(self, tokens: Any, style: Any, speed: float) -> Any:
        assert style.shape == (256,)
        n = int(len(tokens) * 1200 / speed)
        return 0.1 * np.sin(np.arange(n) * 0.2).astype(np.float32)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    monkeypatch.setattr(recordings, "Kokoro", _Whistle)
    voices = tmp_path / "voices"
    voices.mkdir()
    for number, name in enumerate(("af_one", "am_two", "bf_three", "zf_four")):
        np.full((kokoro.MAX_TOKENS, 1, 256), number, np.float32).tofile(voices / f"{name}.bin")
    text = tmp_path / "text.txt"
    text.write_text("so it is\nthe cat sat on the mat today\nshe didn't say a word\nno\n")
    return {"voices": voices, "text": text, "out": tmp_path / "out"}


def _make(place: dict[str, Path], hours: float) -> Path:
    return recordings.synthesise(
        [place["text"]], place["out"], Path("kokoro.onnx"), place["voices"], hours, 1
    )


def test_a_data_set_has_so_many_hours_and_goes_on_where_it_was(place: dict[str, Path]) -> None:
    manifest = _make(place, 0.01)
    clips = read_data_set(manifest)
    with manifest.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    seconds = [soundfile.info(str(clip.path)).duration for clip in clips]
    assert [float(row["seconds"]) for row in rows] == pytest.approx(seconds, abs=0.01)
    assert 36 <= sum(seconds) < 36 + 20
    assert len({clip.speaker for clip in clips}) > 1
    allowed = set("abcdefghijklmnopqrstuvwxyz' ")
    assert all(set(row["transcript"]) <= allowed for row in rows)
    made = {path: path.stat().st_mtime_ns for path in place["out"].glob("*.flac")}
    more = read_data_set(_make(place, 0.02))
    assert [c.path for c in more][: len(clips)] == [c.path for c in clips]
    assert len(more) > len(clips)
    assert all(path.stat().st_mtime_ns == time for path, time in made.items())


def test_speech_is_as_loud_as_its_speaker_and_lasts_as_its_tempo_says(
    place: dict[str, Path],
) -> None:
    voices = {"af_one": np.zeros((kokoro.MAX_TOKENS, 256), np.float32)}
    lengths = []
    for tempo, size in ((1.0, 1.0), (1.25, 1.0), (1.0, 1.1)):
        who = Speaker(("af_one",), (1.0,), tempo, size, -20.0, -80.0)
        said = recordings.say(_Whistle(Path("kokoro.onnx")), voices, "hello there", who, 0)  # type: ignore[arg-type]
        assert said is not None
        assert 20 * np.log10(np.sqrt(np.mean(said**2))) == pytest.approx(-20, abs=0.1)
        lengths.append(len(said))
    assert lengths[1] == pytest.approx(lengths[0] / 1.25, rel=0.01)
    # Another size of the head changes the voice, not the tempo.
    assert lengths[2] == pytest.approx(lengths[0], rel=0.01)


def test_speakers_are_mixtures_and_a_seed_gives_the_same_one() -> None:
    names = ["af_one", "am_two", "bf_three", "zf_four"]
    speakers = [draw_speaker(names, (1, n)) for n in range(300)]
    assert speakers[7] == draw_speaker(names, (1, 7))
    assert len(set(speakers)) == 300
    assert all(sum(who.shares) == pytest.approx(1) for who in speakers)
    foreign = sum("zf_four" in who.voices for who in speakers)
    assert 60 < foreign < 180
    assert any(who.british for who in speakers) and not all(who.british for who in speakers)


def test_coverage_prefers_common_word_pairs_that_have_not_been_said() -> None:
    coverage = Coverage(["the cat sat"] * 9 + ["a dog ran"] * 3 + ["odd words here"])
    candidates = ["odd words here", "a dog ran", "the cat sat"]
    # Worth ln 10, ln 4 and ln 2 at first; what has been said n times is worth 1 / (1 + n) of that.
    order = [coverage.choose(candidates) for _ in range(5)]
    assert order == ["the cat sat", "a dog ran", "the cat sat", "the cat sat", "odd words here"]


def test_sentences_of_held_out_data_sets_are_never_said(
    place: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    held_out = place["out"].with_name("dev.tsv")
    held_out.write_text("path\ttranscript\nx.wav\tthe cat sat on the mat today\n")
    arguments = [str(place["text"]), "-o", str(place["out"]), "--model", "kokoro.onnx"]
    arguments += ["--voices", str(place["voices"]), "--processes", "1", "--hours", "0.02"]
    assert main(arguments) == 0
    said = [clip.transcript for clip in read_data_set(place["out"] / "train.tsv")]
    assert any("cat sat" in text for text in said)
    other = place["out"].with_name("other")
    arguments[2] = str(other)
    assert main([*arguments, "--held-out", str(held_out)]) == 0
    said = [clip.transcript for clip in read_data_set(other / "train.tsv")]
    assert said and not any("cat sat" in text for text in said)


def test_wrong_input_is_one_line(
    place: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(place["text"]), "-o", str(place["out"]), "--model", "kokoro.onnx"]
    assert main([*arguments, "--voices", str(place["out"])]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    (place["voices"] / "broken.bin").write_bytes(b"12345678")
    assert main([*arguments, "--voices", str(place["voices"]), "--processes", "1"]) == 1
    error = capsys.readouterr().err
    assert "broken.bin: not a voice" in error and error.count("\n") == 1
