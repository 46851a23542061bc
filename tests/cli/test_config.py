"""The config file, the environment, and `streamer config`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from streamer.cli.app import build_app
from streamer.cli.support.config_file import (
    config_path,
    defaults_for,
    load_defaults,
    template,
)
from streamer.cli.support.environment import CONFIG_VARIABLE, bind_environment
from streamer.cli.support.home import expand, expand_paths
from streamer.errors import UsageError


@pytest.fixture(scope="module")
def command() -> Any:
    found = typer.main.get_command(build_app())
    bind_environment(found)
    return found


def streamer(*arguments: str, file: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run the real program with a config file."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("STREAMER_")}
    return subprocess.run(
        [sys.executable, "-m", "streamer.cli.app", *arguments],
        env={**clean, CONFIG_VARIABLE: str(file), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def told(output: str) -> dict[str, str]:
    """Return value and source of each setting that `streamer config` shows."""
    found = {}
    table = ""
    for line in output.splitlines():
        heading = re.fullmatch(r"\[(.*)\]", line)
        if heading:
            table = heading[1] + "."
        setting = re.fullmatch(r"(?:# )?([\w-]+) =(.*?)\s*# ([a-zA-Z_ ]+)", line)
        if setting:
            found[table + setting[1]] = f"{setting[2].strip()} ({setting[3]})".strip()
    return found


def test_a_file_becomes_a_default_map(command, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(
        'model = "mine"\nbeam = 20\nword = ["ada", "bob=3"]\nrealtime = true\n\n'
        '[transcribe]\nformat = "srt"\nbeam = 30\n\n[models.pull]\nyes = true\n'
    )
    defaults = load_defaults(command, path)
    assert defaults["listen"]["beam"] == 20
    assert defaults["listen"]["word"] == ["ada", "bob=3"]
    assert defaults["transcribe"]["beam"] == 30
    assert defaults["transcribe"]["format"] == "srt"
    assert defaults["transcribe"]["realtime"] is True
    assert "realtime" not in defaults["listen"]
    assert defaults["models"]["pull"] == {"yes": True}
    assert "beam" not in defaults["models"]


def test_without_a_file_there_are_no_defaults(command, tmp_path):
    assert load_defaults(command, tmp_path / "missing.toml") == {}


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ("beam = 10\nbeem = 20\n", 2, "no command .* has an option --beem"),
        ("\n# beam\nbeam = 'many'\n", 3, "beam: .*int"),
        ("beam = 0\n", 1, "beam: .*1"),
        ("beam = [1]\n", 1, "one value, not a list"),
        ("word = 'ada'\n", 1, "takes a list"),
        ("dictation = 'yes'\n", 1, "takes true or false"),
        ("beam = true\n", 1, "not true or false"),
        ("yes = true\n", 1, "no command that turns speech into text"),
        ("beam = 5\n[transcribe]\n\n'beam' = 0\n", 4, "beam: "),
        ("[transcribe]\ndevice = '1'\n", 2, "transcribe has no option --device"),
        ("\n[transcripe]\nbeam = 5\n", 2, "no command 'transcripe'"),
        ("[models]\n[ models . pull ]\nname = 'x'\n", 3, "models pull has no option --name"),
    ],
)
def test_an_invalid_entry_is_one_error_that_names_file_and_line(
    command, tmp_path, content, line, what
):
    path = tmp_path / "config.toml"
    path.write_text(content)
    with pytest.raises(UsageError, match=what) as caught:
        load_defaults(command, path)
    assert f"{path}, line {line}: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_invalid_toml_is_one_error_that_names_the_line(command, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('beam = 5\nmodel = "open\n')
    with pytest.raises(UsageError, match=r"config\.toml is not valid TOML: .*line 2"):
        load_defaults(command, path)
    path.write_bytes(b"model = '\xff'")
    with pytest.raises(UsageError, match="cannot read the config file"):
        load_defaults(command, path)


def test_the_null_device_is_an_empty_file(command, tmp_path):
    (tmp_path / "empty.toml").touch()
    empty = load_defaults(command, tmp_path / "empty.toml")
    assert load_defaults(command, Path(os.devnull)) == empty


@pytest.mark.parametrize("content", ["x = " + "[" * 20_000, "x = " + "9" * 20_000, "#" * (2 << 20)])
def test_a_file_that_is_too_much_is_one_error(command, tmp_path, content):
    file = tmp_path / "config.toml"
    file.write_text(content)
    with pytest.raises(UsageError) as caught:
        load_defaults(command, file)
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)


def test_a_broken_file_does_not_stop_the_commands_that_help_to_fix_it(
    command, tmp_path, monkeypatch
):
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text("beam = ")
    assert defaults_for(command, ["config", "--edit"]) == {}
    assert defaults_for(command, ["listen", "--help"]) == {}
    with pytest.raises(UsageError):
        defaults_for(command, ["listen"])


def options(command: Any, *names: str) -> list[Any]:
    for name in names:
        command = command.commands[name]
    return [p for p in command.params if p.param_type_name == "option" and "--help" not in p.opts]


def test_every_option_has_its_own_variable(command):
    for name in ("listen", "transcribe"):
        for param in options(command, name):
            flag = max(param.opts, key=len)
            assert param.envvar == "STREAMER_" + flag[2:].upper().replace("-", "_")
    assert [p.envvar for p in options(command, "models", "pull") if "--yes" in p.opts] == [
        "STREAMER_MODELS_PULL_YES"
    ]


def test_the_file_is_in_the_users_config_folder(monkeypatch):
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    assert config_path().name == "config.toml"
    assert config_path().parent.name == "streamer"


def test_every_setting_is_shown_with_its_source(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('beam = 20\nsilence = 0.5\n[transcribe]\nformat = "vtt"\n')
    done = streamer("config", file=file, STREAMER_SILENCE="0.6", STREAMER_PARTIALS="1")
    assert (done.returncode, done.stderr) == (0, "")
    found = told(done.stdout)
    assert found["beam"] == "20 (config file)"
    assert found["silence"] == "0.6 (environment STREAMER_SILENCE)"
    assert found["partials"] == "true (environment STREAMER_PARTIALS)"
    assert found["model"] == '"english" (default)'
    assert found["format"] == "(default)"
    assert found["transcribe.format"] == '"vtt" (config file)'
    assert not {"numbers", "stdout"} & set(found), "old names that nobody set"


def test_the_settings_of_a_command_line_can_be_shown(tmp_path):
    done = streamer(
        "config", "transcribe", "--beam", "7", file=tmp_path / "none", STREAMER_BEAM="9"
    )
    assert told(done.stdout)["beam"] == "7 (command line)"
    done = streamer("config", "fly", file=tmp_path / "none")
    assert done.returncode == 2
    assert done.stderr.startswith("error: there is no command 'fly' - ")


def test_an_invalid_variable_is_one_error(tmp_path):
    done = streamer("config", file=tmp_path / "none", STREAMER_BEAM="many")
    assert done.returncode == 2
    assert done.stderr.startswith("error: --beam does not accept its value from the environment")
    assert done.stderr.count("\n") == 1


def test_a_broken_file_ends_a_command_with_one_line(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text("beam = 'x'\n")
    for arguments in (["transcribe", "x.wav"], ["config"]):
        done = streamer(*arguments, file=file)
        assert done.returncode == 2
        assert done.stdout == ""
        assert re.fullmatch(r"error: .*config\.toml, line 1: beam: .* - .*\n", done.stderr)


def test_path_init_and_edit(tmp_path, command):
    file = tmp_path / "deep" / "config.toml"
    assert streamer("config", "--path", file=file).stdout == f"{file}\n"
    assert streamer("config", "--init", file=file).returncode == 0
    assert file.read_text() == template(command)
    again = streamer("config", "--init", file=file)
    assert again.returncode == 2
    assert "already exists" in again.stderr
    editor = tmp_path / "editor.py"
    editor.write_text("import sys; open(sys.argv[1], 'a').write('\\n[listen]\\nbeam = 0\\n')")
    edited = streamer("config", "--edit", file=file, EDITOR=f"'{sys.executable}' '{editor}'")
    assert edited.returncode == 2  # said at once, not at the next start
    assert "beam" in edited.stderr
    assert streamer("config", "--path", "--edit", file=file).returncode == 2


def entries(defaults: dict[str, Any]) -> Iterator[str]:
    for key, value in defaults.items():
        if isinstance(value, dict):
            yield from entries(value)
        else:
            yield key


def test_the_template_is_valid_with_its_defaults_commented_out_and_set(command, tmp_path):
    text = template(command)
    file = tmp_path / "config.toml"
    file.write_text(text)
    assert list(entries(load_defaults(command, file))) == []
    uncommented = re.sub(r"(?m)^#([\w-]+ = .+)$", r"\1", text)
    file.write_text(uncommented)
    defaults = load_defaults(command, file)
    assert defaults["listen"]["model"] == "english"


def test_the_shell_can_complete_commands_and_options(tmp_path):
    def completed(line: str) -> list[str]:
        done = streamer(
            file=tmp_path / "none",
            _STREAMER_COMPLETE="complete_bash",
            COMP_WORDS=line,
            COMP_CWORD=str(len(line.split()) - 1),
        )
        return done.stdout.split()

    assert completed("streamer transc") == ["transcribe"]
    assert completed("streamer transcribe --dicta") == ["--dictation"]


def test_a_byte_order_mark_at_the_start_is_accepted(tmp_path: Path, command: Any) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"\xef\xbb\xbfbeam = 7\n")
    assert load_defaults(command, file)["listen"]["beam"] == 7


@pytest.mark.parametrize("given", ["~/x.txt", "$HOME/x.txt", "${HOME}/x.txt"])
def test_the_home_folder_is_found_in_file_environment_and_options(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    tree = typer.main.get_command(build_app())
    bind_environment(tree)
    expand_paths(tree)
    transcribe = tree.commands["transcribe"]  # type: ignore[attr-defined]
    wanted = tmp_path / "x.txt"
    file = tmp_path / "config.toml"
    file.write_text(f'output = "{given}"\n')
    defaults = load_defaults(tree, file)["transcribe"]

    def output(*arguments: str, **settings: Any) -> Path:
        context = transcribe.make_context("transcribe", [*arguments, "a.wav"], **settings)
        return Path(context.params["output"])

    assert output(f"--output={given}") == wanted
    assert output(default_map=defaults) == wanted
    monkeypatch.setenv("STREAMER_OUTPUT", given)
    assert output() == wanted
    monkeypatch.setenv(CONFIG_VARIABLE, given)
    assert config_path() == wanted


def test_other_signs_in_paths_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMEWORK", "x")
    for path in ("a~b", "$HOMEWORK/a", "$5.wav", "x/~"):
        assert expand(path) == path
