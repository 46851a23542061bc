"""Settings are stated once: the command line and the English recipe read them."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from streamer.cli import english
from streamer.cli.app import run
from streamer.cli.commands.model import train
from streamer.training.english.__main__ import _parser, _train_network
from streamer.training.english.recipe import CRF_STAGE, CTC_STAGE, LAST_NO_SPEECH
from streamer.training.settings import RECIPE_FLAGS, SETTING_FLAGS, Recipe, TrainingSettings

REQUIRED = ["--data", "speech", "--text", "text", "--output", "bundle"]


def test_the_commands_defaults_are_those_of_the_settings() -> None:
    app = typer.Typer()
    train.register(app)
    command = typer.main.get_command(app)
    options = {option: param for param in command.params for option in param.opts}
    for flags, settings in ((SETTING_FLAGS, TrainingSettings), (RECIPE_FLAGS, Recipe)):
        for field, flag in flags.items():
            assert options[flag.name].name == field
            assert options[flag.name].default == getattr(settings, field)


def test_the_english_recipe_takes_every_such_option_for_both_trainings() -> None:
    for flag in (*SETTING_FLAGS.values(), *RECIPE_FLAGS.values()):
        value = str(1 if flag.most is None else min(1, flag.most))
        _parser().parse_args([*REQUIRED, flag.name, value])
    given = vars(_parser().parse_args([*REQUIRED, "--minutes", "20", "--width", "16"]))
    assert (given["minutes"], given["n_hidden"]) == (20.0, 16)
    assert "epochs" not in given  # what is not given stays as the recipe has it


def test_the_english_recipe_refuses_values_out_of_range(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        _parser().parse_args([*REQUIRED, "--dropout", "2"])
    assert "--dropout: 2 is more than 0.9" in capsys.readouterr().err


def test_the_second_stage_is_wider_and_learns_sentences() -> None:
    assert CTC_STAGE.crf_weight == 0 < CRF_STAGE.crf_weight
    assert CTC_STAGE.n_hidden < CRF_STAGE.n_hidden


def test_the_old_name_of_the_english_recipe_still_works_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(tmp_path), "--text", str(tmp_path), "--output", str(tmp_path / "x")]
    assert english.main(arguments) == 2
    warning, error = capsys.readouterr().err.splitlines()
    assert "use python -m streamer.training.english" in warning
    assert error.startswith("error: ") and "no .txt" in error


def test_noise_alone_is_a_share_of_the_clips_that_are_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    arguments = ["train", str(tmp_path), "--output", str(tmp_path / "x"), "--no-speech", "0.05"]
    assert run(arguments) == 2
    assert "add --multi-condition 0.75" in capsys.readouterr().err


def test_only_the_last_stage_of_the_english_recipe_has_noise_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    ran: list[Recipe] = []

    def stage(recipe: Recipe, save_every_s: float) -> Path:
        ran.append(recipe)
        return tmp_path / "last.pt"

    monkeypatch.setattr("streamer.training.recipe.run", stage)
    monkeypatch.setattr("streamer.training.average.average_checkpoints", lambda ways, mean: None)
    options = [*REQUIRED, "--work", str(tmp_path)]
    for given, share in (([], LAST_NO_SPEECH), (["--no-speech", "0.5"], 0.5)):
        ran.clear()
        _train_network(_parser().parse_args([*options, *given]), [])
        assert [recipe.no_speech for recipe in ran] == [0, 0, 0, 0, 0, share]
        assert all(recipe.multi_condition for recipe in ran if recipe.no_speech)
