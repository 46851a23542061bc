"""The socket: commands in, states out, for its owner only."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.control import client
from streamer.control.address import make_own_folder, runtime_folder, socket_path
from streamer.control.server import ControlServer, is_served
from streamer.control.status import LISTENING, PAUSED, StatusBoard
from streamer.errors import OutputError, StreamerError

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets")


class Instance:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "streamer" / "control"
        self.board = StatusBoard()
        self.calls: list[str] = []
        commands = {name: lambda name=name: self.run(name) for name in ("start", "stop", "toggle")}
        self.server = ControlServer(self.board, commands, self.path)

    def run(self, name: str) -> None:
        self.calls.append(name)
        self.board.change(state=LISTENING if name == "start" else PAUSED)


@pytest.fixture()
def instance(tmp_path: Path) -> Iterator[Instance]:
    made = Instance(tmp_path)
    assert made.server.open()
    yield made
    made.server.close()


def test_a_command_is_carried_out_before_it_is_answered(instance: Instance) -> None:
    assert client.send("start", instance.path)["state"] == LISTENING
    assert client.send("stop", instance.path)["state"] == PAUSED
    assert instance.calls == ["start", "stop"]
    assert client.send("status", instance.path)["state"] == PAUSED
    assert instance.calls == ["start", "stop"]


def test_only_the_owner_can_reach_the_socket(instance: Instance) -> None:
    assert stat.S_IMODE(os.stat(instance.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(instance.path.parent).st_mode) == 0o700


def test_what_is_no_command_does_nothing(instance: Instance) -> None:
    assert "error" in client.send("explode", instance.path)
    assert "error" in client.send("x" * 5000, instance.path)
    assert instance.calls == []


def test_a_follower_gets_every_new_state(instance: Instance) -> None:
    states = client.follow(instance.path)
    first = next(states)
    assert first is not None and first["state"] == "starting"
    instance.board.change(state=LISTENING, partial="one two")
    second = next(states)
    assert second is not None and (second["state"], second["partial"]) == (LISTENING, "one two")
    states.close()


def test_a_follower_without_an_instance_says_so_once(tmp_path: Path) -> None:
    class EndOfTestError(Exception): ...

    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise EndOfTestError

    states = client.follow(tmp_path / "control", sleep)
    assert next(states) is None
    with pytest.raises(EndOfTestError):
        next(states)


def test_following_ends_once_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        client.sleep_while_read(0.0)
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            client.sleep_while_read(60.0)


def test_one_instance_has_the_socket_and_a_dead_one_leaves_it(instance: Instance) -> None:
    second = Instance(instance.path.parent.parent)
    assert not second.server.open()
    instance.server.close()
    instance.server.close()
    assert not instance.path.exists()
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(instance.path))
    dead.close()
    assert instance.path.exists() and not is_served(instance.path)
    assert second.server.open()
    second.server.close()


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "streamer"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    with pytest.raises(OutputError, match="not private"):
        make_own_folder(folder)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(OutputError, match="not private"):
        make_own_folder(tmp_path / "link")


def test_without_an_instance_a_command_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(StreamerError, match="not running - start it"):
        client.send("toggle", tmp_path / "control")


def test_the_socket_is_in_the_runtime_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    assert socket_path() == Path("/run/user/7/streamer/control")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert str(os.getuid()) in str(runtime_folder())


def test_a_key_binding_does_not_wait_for_the_whole_program(tmp_path: Path) -> None:
    program = (
        "import sys; sys.argv = ['streamer', 'toggle']\n"
        "from streamer.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code, *sorted(sys.modules))"
    )
    env = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True
    )
    code, *modules = done.stdout.split()
    assert code == "1" and done.stderr.startswith("error: streamer is not running - ")
    assert not {"typer", "numpy", "rich", "streamer.cli.app"} & set(modules)


def test_an_instance_that_says_nothing_is_none(tmp_path: Path) -> None:
    path = tmp_path / "control"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            connection.recv(99)
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(StreamerError, match="not running"):
            client.send("status", path)
        thread.join()


def test_a_client_that_leaves_within_its_command_disturbs_nobody(instance: Instance) -> None:
    for said in (b"sta", b"", b"\n", b"x" * 9999):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(instance.path))
            connection.sendall(said)
    assert client.send("start", instance.path)["state"] == LISTENING and instance.calls == ["start"]


def test_where_there_are_no_such_sockets_nobody_controls_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Instance(tmp_path)
    monkeypatch.delattr(socket, "AF_UNIX")  # as on Windows
    assert not made.server.open()
    made.server.close()
    with pytest.raises(StreamerError, match="not running"):
        client.send("status", made.path)


@pytest.mark.parametrize(
    "arguments", [[], ["status"], ["start", "--help"], ["listen"], ["start", "now"]]
)
def test_only_a_key_command_alone_takes_the_short_way(arguments: list[str]) -> None:
    assert client.run_key_command(arguments) is None


def test_a_key_command_without_anybody_to_tell_fails_with_its_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert client.run_key_command(["toggle"]) == 1
    assert "not running" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stderr", None)
    assert client.run_key_command(["toggle"]) == 1
