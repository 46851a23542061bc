"""How often dictation takes words for commands, and commands for words.

    python -m benchmarks.spoken_commands TEXT [TEXT ...] [--sentences 10000]

TEXT is a file (.txt or .txt.xz) of spoken sentences, one a line, without marks. Each sentence is
dictated with pauses of 0.3 to 1 s behind every tenth word; what is carried out although nobody
said a command is a false command. Then every command of the table is put into such sentences, as
people say them: with a pause on each side; and what ends a sentence also at the end of an
utterance without a pause before it. What is not carried out is missed. Words and pauses are given,
so that nothing but the rule for commands is measured.
"""

from __future__ import annotations

import argparse
import lzma
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

from streamer.dictation import CommandTable, load_commands
from streamer.text.commands import SpokenCommand, what_is_meant
from streamer.text.tags import ENDS

#: One in so many words has a pause behind it.
WORDS_PER_PAUSE = 10
SHORTEST_S, LONGEST_S = 0.3, 1.0
#: Sentences that each command is put into.
TRIES = 200


def read_sentences(paths: Sequence[Path], n: int, random: Random) -> list[list[str]]:
    """Return sentences of three words or more, the same number of each file."""
    found: list[list[str]] = []
    for path in paths:
        data = path.read_bytes()
        text = (lzma.decompress(data) if path.suffix == ".xz" else data).decode("utf-8")
        words = [line.lower().split() for line in text.splitlines()]
        usable = [each for each in words if len(each) >= 3]
        found += random.sample(usable, min(len(usable), -(-n // len(paths))))
    return found[:n]


def pauses_behind(words: Sequence[str], random: Random) -> list[float]:
    """Return the pause behind each word but the last."""
    return [
        random.uniform(SHORTEST_S, LONGEST_S) if random.random() < 1 / WORDS_PER_PAUSE else 0.0
        for _ in words[1:]
    ]


def carried_out(
    words: Sequence[str], pauses: Sequence[float], table: CommandTable
) -> list[tuple[int, int, SpokenCommand]]:
    """Return the commands that are carried out: first word, end, command."""
    meant = what_is_meant(words, pauses, table.find)
    return [(part.begin, part.end, part.command) for part in meant if part.command is not None]


def false_commands(
    sentences: Sequence[Sequence[str]], table: CommandTable, random: Random
) -> Counter[str]:
    """Return what was carried out of sentences without commands, and how often."""
    found: Counter[str] = Counter()
    for words in sentences:
        for begin, end, _ in carried_out(words, pauses_behind(words, random), table):
            found[" ".join(words[begin:end])] += 1
    return found


def missed(
    sentences: Sequence[Sequence[str]],
    spoken: str,
    table: CommandTable,
    apart: bool,
    random: Random,
) -> int:
    """Return how often a command is not carried out.

    Args:
        sentences: one for each try.
        spoken: the command.
        table: all commands.
        apart: with a pause on each side, anywhere; otherwise at the end, without one before it.
        random: the source of places and pauses.
    """
    command = spoken.split()
    n = 0
    for sentence in sentences:
        place = random.randint(1, len(sentence) - 1) if apart else len(sentence)
        words = [*sentence[:place], *command, *sentence[place:]]
        pauses = pauses_behind(words, random)
        end = place + len(command)
        pauses[place : end - 1] = [0.0] * (len(command) - 1)
        if apart:
            pauses[place - 1] = pauses[end - 1] = random.uniform(SHORTEST_S, LONGEST_S)
        else:
            pauses[place - 1] = 0.0
        wanted = table.find(words, place)[0]
        n += (place, end, wanted) not in carried_out(words, pauses, table)
    return n


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--sentences", type=int, default=10_000)
    known = parser.parse_args()
    random = Random(0)
    table = load_commands()
    sentences = read_sentences(known.texts, known.sentences, random)
    found = false_commands(sentences, table, random)
    n_words = sum(map(len, sentences))
    named = sum(
        any(table.find(words, place)[0] is not None for place in range(len(words)))
        for words in sentences
    )
    print(
        f"{sum(found.values())} false commands in {len(sentences)} sentences of {n_words} words,"
        f" {named} of which have the name of one"
    )
    for spoken, count in found.most_common():
        print(f"  {spoken}: {count}")
    print(f"\n{'missed, of ' + str(TRIES):24} pauses   at the end")
    for spoken in sorted(set(table.commands) - {"literal"}):  # it is nothing by itself
        tries = random.sample(sentences, TRIES)
        row = f"{missed(tries, spoken, table, True, random):6}"
        if table.commands[spoken].text in ENDS:
            row += f"   {missed(tries, spoken, table, False, random):10}"
        print(f"{spoken:24} {row}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
