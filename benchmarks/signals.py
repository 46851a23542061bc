"""Signals at random moments of the real program in a pseudo-terminal.

    python -m benchmarks.signals [--count 1000] [--seed 0] [--jobs 4] [--json FILE]

Each run starts `python -m streamer` in a terminal of its own, under a shell with job control, and
sends it one signal: at a random moment of its start, of its speech, of its last words, or after it
has already been asked to end. Then the program must have

* printed no traceback,
* left the terminal's settings, cursor and screen as they were,
* left no process behind, none of its children either,
* ended with an exit code that docs/pipes.md names,
* written whole lines only to its file.

Prints how many signals came where, every run that broke a rule, and how often Ctrl-C came before
Python had read a line of ours: then Python itself prints a traceback, which nothing of ours can
prevent. Needs Linux, pyte, and the model of random weights that the tests use.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.terminal.job import Job

#: Guards against hangs only, in seconds.
PATIENCE_S = 120.0
#: Seconds of sound, played at the speed of speech; read at full speed.
PLAYED_S, READ_S = 1.6, 60.0
#: Runs until the program is asked to end come at most so long after that, in seconds.
CLOSING_S = 0.4
#: After its words the program takes about this long to end, in seconds.
ENDING_S = 0.5

#: What is sent. "reader" closes the pipe that standard output goes to, "terminal" the terminal.
SENT = ("INT", "TERM", "HUP", "QUIT", "TSTP", "WINCH", "PIPE", "reader", "terminal")
#: What the terminal sends for a key.
KEYS = {"INT": b"\x03", "QUIT": b"\x1c", "TSTP": b"\x1a"}
MOMENTS = ("start", "speech", "words", "closing")
ENDING = ("INT", "TERM", "HUP")


class Start(NamedTuple):
    """A way to start the program.

    Attributes:
        arguments: those of `streamer`; FOLDER is replaced.
        piped: whether standard output is a pipe.
        fed: whether standard input is a pipe with speech in it.
        heard: what is on the terminal or in the pipe once sound is being read; empty if none is.
        seconds: how long the sound lasts then.
        quits: the key that ends it, if nothing else does.
    """

    arguments: tuple[str, ...]
    piped: bool = False
    fed: bool = False
    heard: bytes = b""
    seconds: float = 0.0
    quits: bytes = b""


_MODEL = ("--model", "FOLDER/tiny")
_PLAYED = ("transcribe", "--realtime", "FOLDER/played.wav", *_MODEL)
STARTS = {
    "live view": Start(_PLAYED, heard=b"playing", seconds=PLAYED_S),
    "live view with children": Start(
        (*_PLAYED, "--on-final", "cat", "--pipe", "cat", "--output", "FOLDER/out.jsonl"),
        heard=b"playing", seconds=PLAYED_S,
    ),
    "plain": Start((*_PLAYED, "--plain"), heard=b"played.wav", seconds=PLAYED_S),
    "pipe": Start(
        (*_PLAYED, "--format", "jsonl", "--output", "FOLDER/out.jsonl"),
        piped=True, heard=b"played.wav", seconds=PLAYED_S,
    ),
    "standard input": Start(
        ("transcribe", "-", "--rate", "16000", *_MODEL),
        fed=True, heard=b"listening", seconds=PLAYED_S,
    ),
    "recording": Start(("transcribe", "FOLDER/read.wav", *_MODEL), heard=b"\x1b[2K", seconds=1.0),
    "replay": Start(
        ("replay", "--mute", "FOLDER/read.wav", "FOLDER/read.jsonl"),
        heard=b"\x1b[?1049h", seconds=0.5, quits=b"q",
    ),
    "models": Start(("models", "list")),
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        number: of the run.
        start: a name in `STARTS`.
        sent: one of `SENT`.
        key: whether the signal comes from a key.
        moment: one of `MOMENTS`.
        at: where in it, 0 to 1.
        asked_at: where in the speech the program is asked to end, for the moment "closing".
    """

    number: int
    start: str
    sent: str
    key: bool
    moment: str
    at: float
    asked_at: float


@dataclass(frozen=True)
class Outcome:
    """What a run has come to.

    Attributes:
        run: the run.
        where: "start-up", "loading", "speech" or "closing" when the signal came; "" if the program
            ended before it.
        code: exit code, negative for the signal that ended it.
        broken: the rules that it broke.
        by_python: whether Python's own start printed a traceback.
        printed: the end of what it printed.
    """

    run: Run
    where: str
    code: int
    broken: tuple[str, ...] = ()
    by_python: bool = False
    printed: str = ""


class Pace(NamedTuple):
    """How long a start takes here: processor time until sound is read, and until the end."""

    heard_s: float
    all_s: float


def runs(seed: int) -> Iterator[Run]:
    """Yield runs without end, the same for a seed."""
    dice = random.Random(seed)
    number = 0
    while True:
        name = dice.choice(tuple(STARTS))
        sent = dice.choice(SENT)
        moment = dice.choice(MOMENTS)
        at, asked_at, key = dice.random(), dice.random(), dice.random() < 0.5
        if sent == "reader" and not STARTS[name].piped:
            name = "pipe"
        if not STARTS[name].heard:
            moment = "start"
        yield Run(number, name, sent, key and sent in KEYS, moment, at, asked_at)
        number += 1


def _begin(start: Start, folder: Path, own: str) -> Job:
    """Start the program in a folder of its own, with links to what it reads."""
    for path in folder.glob("*.*"):
        os.symlink(path, f"{own}/{path.name}")
    os.symlink(folder / "tiny", f"{own}/tiny")
    words = [word.replace("FOLDER", own) for word in start.arguments]
    sound = (folder / "played.raw").read_bytes() if start.fed else None
    return Job(
        [sys.executable, "-m", "streamer", *words], piped=start.piped, fed=sound,
        environment=_environment(own),
    )  # fmt: skip


def perform(run: Run, folder: Path, pace: Pace) -> Outcome:
    """Start the program, send the signal and judge what is left."""
    start = STARTS[run.start]
    with tempfile.TemporaryDirectory(dir=folder) as own:
        job = _begin(start, folder, own)
        try:
            where = _send(job, run, start, pace)
            hung = not job.wait(PATIENCE_S)
            left = job.left_behind(PATIENCE_S)
            code = job.code
            broken = [*(["hung"] if hung else []), *(f"process left: {name}" for name in left)]
            broken += job.faults + (job.terminal_faults() if run.sent != "terminal" else [])
            printed = job.printed()
            by_python = _python_fails(printed) and run.sent == "INT" and where == "start-up"
            if any(sign in printed for sign in _SIGNS) and not by_python:
                broken.append("traceback")
            if code not in _documented(run, where) and not (by_python and code == 1):
                broken.append(f"exit code {code}")
            file = Path(own) / "out.jsonl"
            if file.exists() and not _whole_lines(file):
                broken.append("half a line in the file")
        finally:
            job.close()
    return Outcome(run, where, code, tuple(broken), by_python, printed[-1500:] if broken else "")


def _environment(folder: str) -> dict[str, str]:
    root = str(Path(__file__).parent.parent)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STREAMER_", "LC_"))}
    return {
        **kept,
        "PYTHONPATH": root,
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "STREAMER_CONFIG": os.devnull,
        "STREAMER_BACKEND": "numpy",
        "STREAMER_DECODER": "greedy",
        "SIGNALS_RUN": folder,
    }


def _send(job: Job, run: Run, start: Start, pace: Pace) -> str:
    """Wait for the moment and send the signal; return where the program was."""

    def heard() -> bool:
        return bool(start.heard) and start.heard in job.raw

    asked = False
    if run.moment == "start":
        alive = job.run_until(lambda: job.cpu_s() >= run.at * pace.heard_s, PATIENCE_S)
    else:
        alive = job.run_until(heard, PATIENCE_S)
        if alive and run.moment == "speech":
            alive = job.run_for(run.at * start.seconds)
        elif alive and run.moment == "words":
            alive = job.run_for(start.seconds + (run.at - 0.3) * ENDING_S)
            asked = True
        elif alive:
            alive = job.run_for(run.asked_at * start.seconds)
            if start.fed:
                job.end_input()
            elif start.quits:
                job.press(start.quits)
            else:
                job.send(signal.SIGINT)
            alive, asked = alive and job.run_for(run.at * CLOSING_S), True
    if not alive:
        return ""
    where = "closing" if asked else "speech" if heard() else "loading" if job.raw else "start-up"
    if run.sent == "TSTP":
        job.hold()
    if run.sent == "terminal":
        job.hang_up()
    elif run.sent == "reader":
        job.close_reader()
    elif run.sent == "WINCH":
        job.resize(40, 12)
        job.run_for(0.05)
        job.resize(80, 24)
    elif run.key and job.in_foreground():
        job.press(KEYS[run.sent])
    else:
        job.send(getattr(signal, "SIG" + run.sent))
    if run.sent == "TSTP":
        job.run_for(0.1)
        job.bring_back()
    if start.fed:
        job.end_input(0.3)
    if start.quits and run.sent != "terminal":
        job.run_until(heard, PATIENCE_S)
        job.press(start.quits)
    return where


def _documented(run: Run, where: str) -> set[int]:
    """Return the exit codes that docs/pipes.md names for a run."""
    done = {0}
    if run.moment == "closing":  # SIGINT came first
        done |= {128 + signal.SIGINT, -signal.SIGINT}
    if run.sent == "PIPE" and where == "start-up":
        return {0, -signal.SIGPIPE}  # before Python ignores it
    if where == "" or run.sent in ("TSTP", "WINCH", "PIPE", "reader"):
        return done
    number = int(getattr(signal, "SIG" + ("HUP" if run.sent == "terminal" else run.sent)))
    if run.sent == "QUIT":
        return {-number, *(done if where != "start-up" else ())}
    by_signal = {128 + number, -number}
    if where == "start-up":
        return by_signal if run.sent != "terminal" else {*by_signal, 0}
    return by_signal | done


#: What only a fault prints.
_SIGNS = ("Traceback", "Fatal Python error", "Exception ignored", "Exception in thread")


def _python_fails(printed: str) -> bool:
    """Return whether there is a traceback without a line of ours."""
    ours = str(Path(__file__).parent.parent / "streamer") + os.sep
    return any(sign in printed for sign in _SIGNS) and ours not in printed


def _whole_lines(file: Path) -> bool:
    text = file.read_text(encoding="utf-8")
    return (not text or text.endswith("\n")) and all(
        isinstance(json.loads(line), dict) for line in text.splitlines()
    )


def prepare(folder: Path) -> None:
    """Write the model and the sounds."""
    import soundfile

    from streamer.output.jsonl import as_json
    from tests.support.audio.recordings import babble
    from tests.support.events import final
    from tests.support.models.bundles import make_tiny_bundle

    make_tiny_bundle(folder / "tiny", n_hidden=8)
    played = babble(PLAYED_S)
    soundfile.write(folder / "played.wav", played, 16000)
    (folder / "played.raw").write_bytes((played * 32767).astype("<i2").tobytes())
    soundfile.write(folder / "read.wav", babble(READ_S), 16000)
    said = final("one two", end=READ_S)
    (folder / "read.jsonl").write_text(json.dumps(as_json(said)) + "\n", encoding="utf-8")


def measure(name: str, folder: Path) -> Pace:
    """Return how much processor time a start takes when nothing disturbs it."""
    start = STARTS[name]
    never = Run(0, name, "WINCH", False, "start", 0.0, 0.0)
    with tempfile.TemporaryDirectory(dir=folder) as own:
        job = _begin(start, folder, own)
        try:
            spent = [0.0]

            def watched() -> bool:
                spent[0] = job.cpu_s() or spent[0]
                return bool(start.heard) and start.heard in job.raw

            found = job.run_until(watched, PATIENCE_S)
            heard_s = spent[0]
            job.end_input()
            job.press(start.quits)
            job.run_until(lambda: bool(watched() and False), PATIENCE_S)
            job.wait(PATIENCE_S)
            if job.code not in _documented(never, "") or bool(start.heard) != found:
                raise RuntimeError(f"{name} fails undisturbed: {job.code}\n{job.printed()}")
        finally:
            job.close()
    return Pace(heard_s, spent[0])


def disturb(
    count: int, seed: int, jobs: int, folder: Path, report: Any = lambda outcome: None
) -> list[Outcome]:
    """Send signals until so many have come before the program's end; return all outcomes."""
    prepare(folder)
    paces = {name: measure(name, folder) for name in STARTS}
    outcomes: list[Outcome] = []
    came = 0
    source = runs(seed)
    with ProcessPoolExecutor(jobs) as pool:
        while came < count:
            batch = [next(source) for _ in range(min(max(jobs * 8, 1), count - came))]
            waiting = [pool.submit(perform, run, folder, paces[run.start]) for run in batch]
            for future in waiting:
                outcomes.append(future.result())
                came += bool(outcomes[-1].where)
                report(outcomes[-1])
    return outcomes


def summary(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the table of what came where, and every run that broke a rule."""
    came = [outcome for outcome in outcomes if outcome.where]
    places = ("start-up", "loading", "speech", "closing")
    table = Counter((outcome.run.sent, outcome.where) for outcome in came)
    lines = ["".join(f"{word:>10}" for word in ("", *places))]
    lines += [
        f"{sent:>10}" + "".join(f"{table[sent, place]:10}" for place in places) for sent in SENT
    ]
    broken = [outcome for outcome in outcomes if outcome.broken]
    early = sum(outcome.by_python for outcome in came)
    lines += ["", f"{len(came)} signals, {len(broken)} runs broke a rule"]
    lines += [f"{early} times Ctrl-C came before Python had read a line of ours: its own traceback"]
    return lines + [
        f"  {outcome.run} {outcome.where}: {', '.join(outcome.broken)}" for outcome in broken
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 1 if a run broke a rule."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1000, help="signals that are sent")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=4, help="runs at once")
    parser.add_argument("--json", type=Path, help="where every outcome goes, a line each")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        record = options.json.open("w", encoding="utf-8") if options.json else None

        def report(outcome: Outcome) -> None:
            if record is not None:
                print(json.dumps(asdict(outcome)), file=record, flush=True)
            if outcome.broken:
                print(f"{outcome.run}: {', '.join(outcome.broken)}", file=sys.stderr, flush=True)

        outcomes = disturb(options.count, options.seed, options.jobs, Path(folder), report)
        if record is not None:
            record.close()
    print("\n".join(summary(outcomes)))
    return int(any(outcome.broken for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
