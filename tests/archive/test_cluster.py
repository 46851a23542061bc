"""Ray: a cluster of several nodes in processes of this machine, and an object store."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
import soundfile

from streamer.archive.run import Archive, Report
from streamer.archive.work import Settings
from tests.support.terminal.command_line import run

pytest.importorskip("fsspec", reason="needs the extra cluster")
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
pytest.importorskip("ray", reason="needs the extra cluster")

from streamer.archive.storage import find_recordings
from tests.archive.fake_worker import Call, FakeWorker, calls

pytestmark = pytest.mark.slow

RATE_HZ = 16000


class Nodes:
    """A cluster: a head that computes nothing, and workers of one processor each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "object_store_memory": 100 << 20,
                "include_dashboard": False,
            },
        )
        self.workers: dict[str, Any] = {}

    def add(self) -> None:
        node = self.cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
        self.workers[node.node_id] = node

    def kill(self, node_id: str) -> None:
        self.cluster.remove_node(self.workers.pop(node_id), allow_graceful=False)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    import ray

    # Not below pytest's folder: the names of Ray's sockets must be short.
    with (
        tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("RAY_TMPDIR", folder)
        Path(folder, "ray").mkdir()
        cluster = Nodes()
        try:
            ray.init(address=cluster.cluster.address, log_to_driver=False, logging_level=40)
            yield cluster
        finally:
            ray.shutdown()
            cluster.cluster.shutdown()


@pytest.fixture
def two_nodes(nodes) -> Nodes:
    while len(nodes.workers) < 2:
        nodes.add()
    return nodes


def write_recordings(folder: Path, *names: str, seconds: float = 1.0) -> None:
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        samples = np.full(round(seconds * RATE_HZ), (number + 1) / 1000, np.float32)
        soundfile.write(folder / name, samples, RATE_HZ)


def transcribe(inputs: Path, outputs: Path, stopping=lambda: False) -> tuple[list[Report], Archive]:
    import ray

    outputs.mkdir(exist_ok=True)
    archive = Archive(find_recordings(str(inputs)), Settings({}, str(outputs), piece_s=10.0))
    reports = list(archive.run(ray, 2, stopping, FakeWorker))
    return [each for each in reports if each.finished], archive


def transcripts(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.txt")}


class Killer:
    """Kills the node of the first of two calls that are held, then lets all go on.

    Called again and again while the archive runs.
    """

    def __init__(self, nodes: Nodes, folder: Path, is_held: Callable[[Call], bool]) -> None:
        self._nodes = nodes
        self._folder = folder
        self._is_held = is_held
        self.killed: Call | None = None

    def __call__(self) -> bool:
        held = [call for call in calls(self._folder) if self._is_held(call)]
        if self.killed is None and len(held) == 2:
            assert held[0].node != held[1].node
            self.killed = held[0]
            self._nodes.kill(self.killed.node)
        # The process outlives its node by a moment, in which it must not finish.
        if self.killed is not None and not self.killed.alive:
            (self._folder / "go").touch()
        return False


def test_a_node_that_is_killed_loses_nothing_and_only_its_own_work_is_repeated(
    two_nodes, tmp_path
) -> None:
    inputs, outputs = tmp_path / "in", tmp_path / "out"
    names = ["hold-a.wav", "hold-b.wav", *(f"{n}.wav" for n in range(6))]
    write_recordings(inputs, *names)
    killer = Killer(two_nodes, outputs, lambda call: call.what.startswith("hold"))

    reports, _ = transcribe(inputs, outputs, killer)
    assert killer.killed is not None
    assert sorted(each.recording.name for each in reports) == sorted(names)
    assert [str(each.problem) for each in reports if each.problem] == []
    assert transcripts(outputs) == {f"{Path(name).stem}.txt" for name in names}
    repeated = Counter(what for what, *_ in calls(outputs))
    assert repeated == {**dict.fromkeys(names, 1), killer.killed.what: 2}


def test_pieces_survive_their_node_and_are_joined_as_if_nothing_had_happened(
    two_nodes, tmp_path
) -> None:
    inputs, outputs = tmp_path / "in", tmp_path / "out"
    write_recordings(inputs, "long-hold.wav", seconds=60.0)
    killer = Killer(two_nodes, outputs, lambda call: "@" in call.what)

    reports, _ = transcribe(inputs, outputs, killer)
    assert killer.killed is not None
    assert [each.problem for each in reports] == [None]
    lines = [line for line in (outputs / "long-hold.txt").read_text().splitlines() if line]
    begins = [int(line.split()[0]) for line in lines]
    lengths = [int(line.split()[1]) for line in lines]
    assert len(begins) == 7 and sum(lengths) == 60 * RATE_HZ
    assert begins == [0, *np.cumsum(lengths)[:-1]]
    levels = [float(line.split()[2]) / int(line.split()[1]) for line in lines]
    assert levels == pytest.approx([0.001] * len(lines), rel=0.05)
    repeated = Counter(what for what, *_ in calls(outputs) if "@" in what)
    assert repeated == {
        **{f"long-hold.wav@{begin}": 1 for begin in begins},
        killer.killed.what: 2,
    }


def test_a_poisoned_recording_fails_alone_and_the_next_run_does_what_is_missing(
    two_nodes, tmp_path
) -> None:
    inputs, outputs = tmp_path / "in", tmp_path / "out"
    write_recordings(inputs, "a.wav", "bad.wav", "crash.wav", "b.wav")
    reports, _ = transcribe(inputs, outputs)
    problems = {each.recording.name: each.problem for each in reports if each.problem}
    assert set(problems) == {"bad.wav", "crash.wav"}
    assert "worker died" in str(problems["crash.wav"])
    assert transcripts(outputs) == {"a.txt", "b.txt"}

    (inputs / "crash.wav").unlink()
    (inputs / "bad.wav").rename(inputs / "good.wav")
    write_recordings(inputs, "c.wav")
    (outputs / "calls.log").unlink()
    _, archive = transcribe(inputs, outputs)
    assert archive.done_before == 2
    assert {what for what, *_ in calls(outputs)} == {"good.wav", "c.wav"}
    assert transcripts(outputs) == {"a.txt", "b.txt", "c.txt", "good.txt"}


def test_a_run_that_is_stopped_goes_on_where_it_was(two_nodes, tmp_path) -> None:
    inputs, outputs = tmp_path / "in", tmp_path / "out"
    write_recordings(inputs, "long.wav", seconds=60.0)

    def stop_after_two_pieces() -> bool:
        return len(list(outputs.glob(".streamer/pieces/*/*.json"))) >= 2

    reports, _ = transcribe(inputs, outputs, stop_after_two_pieces)
    kept = {f"long.wav@{path.stem.split('-')[0]}"
            for path in outputs.glob(".streamer/pieces/*/*.json")}  # fmt: skip
    assert reports == [] and len(kept) >= 2 and not transcripts(outputs)
    (outputs / "calls.log").unlink()

    reports, _ = transcribe(inputs, outputs)
    assert [each.problem for each in reports] == [None]
    assert len((outputs / "long.txt").read_text().splitlines()) >= 4
    assert not kept & {what for what, *_ in calls(outputs)}
    assert not list(outputs.glob(".streamer/pieces/*"))


# The object store


@pytest.fixture(scope="module")
def store() -> Iterator[dict[str, str]]:
    """An object store; what finds it, as environment variables."""
    server = pytest.importorskip("moto.server", reason="needs moto's server")
    pytest.importorskip("s3fs", reason="needs the extra cluster")
    threaded = server.ThreadedMotoServer(port=0, verbose=False)
    threaded.start()
    host, port = threaded.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    threaded.stop()


def test_an_object_store_gets_the_words_of_one_process(store, tmp_path, monkeypatch) -> None:
    import s3fs

    from tests.support.paths import DATA

    for name, value in store.items():
        monkeypatch.setenv(name, value)
    fs = s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
    fs.mkdir("archive")
    names, rate_hz = soundfile.read(DATA / "names.ogg", dtype="float32")
    assert rate_hz == RATE_HZ
    inputs = tmp_path / "in"
    inputs.mkdir()
    soundfile.write(inputs / "names.flac", names[: 5 * RATE_HZ], RATE_HZ)
    pause = np.zeros(2 * RATE_HZ, np.float32)
    long = np.concatenate([part for _ in range(4) for part in (names[: 12 * RATE_HZ], pause)])
    soundfile.write(inputs / "long.flac", long, RATE_HZ)
    (inputs / "bad.wav").write_bytes(b"this is no sound")
    fs.put(str(inputs), "archive/in", recursive=True)

    options = ("transcribe", "--piece", "0.2", "--format", "vtt")
    one = run(*options, "--output-dir", tmp_path / "out", inputs, env=store)
    assert one.returncode == 1, one.stderr.decode()

    def on_ray():
        return run(*options, "--on", "ray", "--workers", "2",
                   "--output-dir", "s3://archive/out", "s3://archive/in", env=store)  # fmt: skip

    first = on_ray()
    said = first.stderr.decode()
    assert (first.returncode, first.stdout) == (1, b""), said
    assert "s3://archive/in/bad.wav is not audio" in said
    assert said.splitlines()[-1].startswith("2 recordings, 1.")
    assert said.splitlines()[-1].endswith("; 1 failed")
    for name in ("names.vtt", "long.vtt"):
        words = fs.cat_file(f"archive/out/{name}")
        assert words == (tmp_path / "out" / name).read_bytes()
        assert words.count(b"-->") >= (4 if name == "long.vtt" else 1)
    fs.rm_file("archive/in/bad.wav")
    second = on_ray()
    assert second.returncode == 0
    assert (
        second.stderr.decode() == "0 recordings, 0 s in 0 s (0.00 hours a minute); 2 done before\n"
    )
