"""The public models that can be pulled by name, and how they are listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.models import KNOWN, RECOMMENDED


def run(*arguments: str) -> int:
    from streamer.cli.app import run as run_command

    return run_command(list(arguments))


def first_words(output: str) -> list[str]:
    """The names in a list, whose other columns may be wrapped."""
    return [line.split()[0] for line in output.splitlines()[1:] if not line.startswith(" ")]


def test_facts_are_those_that_others_publish() -> None:
    newest = KNOWN["deepspeech-0.9.3"]
    assert newest.network.size == 188_915_987
    assert newest.network.md5 == "8b15ccb86d0214657e48371287b7a49a"
    assert newest.scorer is not None and newest.scorer.size == 953_363_776
    assert newest.scorer.md5 == "08a02b383a9bc93c8a8ad188dbf79bc9"
    assert KNOWN["deepspeech-0.8.2"].network.sha256 is not None
    # Nothing public says that it ever existed.
    assert "deepspeech-0.7.2" not in KNOWN


def test_coqui_has_a_second_address_for_each_file() -> None:
    for name in ("coqui-1.0.0-large-vocab", "coqui-1.0.0-huge-vocab"):
        for file in (KNOWN[name].network, KNOWN[name].scorer, KNOWN[name].alphabet):
            assert file is not None
            (mirror,) = file.mirrors
            assert mirror != file.url and mirror.rsplit("/", 2)[1:] == file.url.rsplit("/", 2)[1:]
    assert "float32 (181 MB)" in KNOWN["coqui-1.0.0-huge-vocab"].about


def test_checksums_have_the_length_of_their_kind() -> None:
    for model in KNOWN.values():
        for file in (model.network, model.scorer):
            assert file is not None
            assert file.sha256 is None or len(file.sha256) == 64
            assert file.md5 is None or len(file.md5) == 32


def test_the_list_has_one_line_for_each_need_and_the_rest_under_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STREAMER_MODELS", str(tmp_path))
    assert run("models", "list") == 0
    captured = capsys.readouterr()
    assert first_words(captured.out) == ["english", *RECOMMENDED]
    assert f"{len(KNOWN) - len(RECOMMENDED)} other public models" in captured.err
    assert run("models", "list", "--all") == 0
    names = first_words(capsys.readouterr().out)
    assert set(names) == {"english", *KNOWN} and len(names) == len(KNOWN) + 1
