"""Archives on Ray: one and more workers of this machine, and what that would be on a cluster.

    python -m benchmarks.archive RECORDING... [--workers 1 2] [--piece MINUTES]
    python -m benchmarks.archive --simulate COSTS.json [--hours 10000]

The first form transcribes the recordings with each number of workers, prints hours a minute and the
processor time of the workers, checks that the transcripts are equal, and writes the costs
(``--costs``). On a machine that does other things as well, only the processor time tells anything.

The second one plays an archive through with those costs: recordings of one length, workers that
take the next piece when they are done, cutters that make pieces in order, one driver that hands
them out. It assumes that a worker is as fast as here, and that storage and network never wait.
"""

from __future__ import annotations

import argparse
import heapq
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from streamer.archive.work import Job, Outcome, Problem, Settings
from streamer.archive.worker import Worker, cut


@dataclass(frozen=True)
class Costs:
    """What was measured, in seconds of processor time.

    Attributes:
        load: a worker's model.
        a_second: a second of audio in a worker.
        a_second_cut: a second of audio in a cutter.
        a_piece: handing out a piece and taking its words, in the driver.
    """

    load: float
    a_second: float
    a_second_cut: float
    a_piece: float


class MeasuredWorker(Worker):
    """A worker that notes its processor time beside the transcripts."""

    def prepare(self) -> Problem | None:
        """Load the model."""
        return self._measured("load", super().prepare)

    def transcribe(self, job: Job) -> Outcome:
        """Transcribe a recording."""
        return self._measured("work", super().transcribe, job)

    def transcribe_piece(self, job: Job, begin: int, samples: Any) -> Outcome:
        """Transcribe a piece."""
        return self._measured("work", super().transcribe_piece, job, begin, samples)

    def _measured(self, what: str, call: Any, *arguments: Any) -> Any:
        begin = time.process_time()
        try:
            return call(*arguments)
        finally:
            with open(Path(self._settings.folder, "costs.log"), "a", encoding="utf-8") as file:
                file.write(f"{what} {time.process_time() - begin:.6f}\n")


def measure(recordings: Sequence[str], counts: Sequence[int], piece_s: float) -> Costs:
    """Transcribe with each number of workers, print it, and return the costs of the first."""
    from streamer.archive import cluster
    from streamer.archive.run import Archive
    from streamer.archive.storage import find_recordings

    found = [each for given in recordings for each in find_recordings(given)]
    costs: Costs | None = None
    before: dict[str, bytes] = {}
    for n_workers in counts:
        with (
            tempfile.TemporaryDirectory() as folder,
            cluster.started(None, n_workers) as ray,
        ):
            settings = Settings({"partials": False}, folder, piece_s=piece_s)
            archive = Archive(found, settings)
            begin, driver = time.monotonic(), time.process_time()
            reports = list(archive.run(ray, n_workers, worker=MeasuredWorker))
            wall, driver = time.monotonic() - begin, time.process_time() - driver
            for report in reports:
                if report.problem is not None:
                    sys.exit(str(report.problem))
            seconds = sum(report.seconds for report in reports)
            lines = Path(folder, "costs.log").read_text(encoding="utf-8").split("\n")[:-1]
            spent: dict[str, list[float]] = {"load": [], "work": []}
            for line in lines:
                what, value = line.split()
                spent[what].append(float(value))
            texts = {path.name: path.read_bytes() for path in Path(folder).glob("*.txt")}
        work = sum(spent["work"])
        print(
            f"{n_workers} workers: {seconds / 60:.1f} min of audio in {wall:.1f} s,"
            f" {seconds / 3600 / (wall / 60):.3f} hours a minute;"
            f" processor: {work:.1f} s at work ({work / seconds:.4f} a second of audio),"
            f" {sum(spent['load']) / n_workers:.1f} s a model, {driver:.1f} s driver",
            flush=True,
        )
        if before and texts != before:
            sys.exit("the transcripts differ")
        before = before or texts
        if costs is None:
            costs = Costs(
                load=sum(spent["load"]) / n_workers,
                a_second=work / seconds,
                a_second_cut=cutting_cost(found[0].url, piece_s),
                a_piece=driver / len(spent["work"]),
            )
    assert costs is not None
    return costs


def cutting_cost(url: str, piece_s: float) -> float:
    """Return the processor time that cutting takes for a second of a recording."""
    from streamer.archive.storage import Recording

    job = Job(Recording(url, "", 0, ""), "", "")
    begin = time.process_time()
    *_, end = cut(job, piece_s)
    return (time.process_time() - begin) / end.seconds


def simulate(costs: Costs, hours: float, recording_s: float, piece_s: float, workers: int) -> float:
    """Return how long an archive takes, in seconds.

    Args:
        costs: as measured.
        hours: length of the archive.
        recording_s: length of each recording, in seconds.
        piece_s: length of a piece, in seconds.
        workers: how many there are; a cutter for every eight of them.
    """
    n_recordings = max(1, round(hours * 3600 / recording_s))
    pieces = [piece_s] * int(recording_s // piece_s)
    if recording_s % piece_s:
        pieces.append(recording_s % piece_s)
    n_cutters = min(n_recordings, -(-workers // 8))
    left = n_recordings - n_cutters
    # When each cutter has its next piece, and which one that is.
    cutters = [(pieces[0] * costs.a_second_cut, 0)] * n_cutters
    free = [costs.load] * workers
    driver = end = 0.0
    while cutters:
        ready, number = heapq.heappop(cutters)
        driver = max(driver, ready) + costs.a_piece
        start = max(heapq.heappop(free), driver)
        done = start + pieces[number] * costs.a_second
        heapq.heappush(free, done)
        end = max(end, done)
        number += 1
        if number == len(pieces):
            if not left:
                continue
            left, number = left - 1, 0
        # A cutter makes the next piece while this one waits for a worker, and no more.
        following = max(ready + pieces[number] * costs.a_second_cut, start)
        heapq.heappush(cutters, (following, number))
    return end


def main() -> None:
    """Measure, or simulate what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recordings", nargs="*")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--piece", type=float, default=10.0, help="minutes")
    parser.add_argument("--costs", type=Path, help="write the costs to this file")
    parser.add_argument("--simulate", type=Path, help="read the costs from this file")
    parser.add_argument("--hours", type=float, default=10_000)
    given = parser.parse_args()
    if given.simulate is None:
        costs = measure(given.recordings, given.workers, given.piece * 60)
        print(json.dumps(asdict(costs)))
        if given.costs is not None:
            given.costs.write_text(json.dumps(asdict(costs)), encoding="utf-8")
        return
    costs = Costs(**json.loads(given.simulate.read_text(encoding="utf-8")))
    for workers in (1, 2, 8, 32, 128, 512):
        seconds = simulate(costs, given.hours, 3600.0, given.piece * 60, workers)
        alone = simulate(costs, given.hours, 3600.0, given.piece * 60, 1)
        print(
            f"{workers:4} workers: {seconds / 3600:8.2f} h,"
            f" {given.hours / (seconds / 60):7.2f} hours a minute,"
            f" {alone / seconds / workers:.0%} of {workers} times one"
        )


if __name__ == "__main__":
    main()
