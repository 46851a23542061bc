"""Which words of an utterance are spoken commands, and which only sound like them.

A command has a pause on each side; the edges of an utterance count. Without a pause before it,
only what ends a sentence is one, at an utterance's end, and not where it is a noun: "the
victorian period was long", "she put a comma in the wrong place" are words. "literal" before the
name of a command makes it words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, NamedTuple

from streamer.text.tags import ENDS

#: Silence on both sides of a command, in seconds.
COMMAND_PAUSE_S = 0.3
_LITERAL = "literal"
_DETERMINERS = frozenset(
    "a an the my your his her its our their this that these those every each another any no some "
    "one what which whose".split()
)
#: Nouns and adjectives that "period" follows in prose: "the trial period".
_BEFORE_PERIOD = frozenset(
    "accounting adjustment ancient bad baroque big blackout blessed blue bold break brief busy "
    "cambrian certain christmas class classical cold colonial considerable cool cooling crucial "
    "dark day definite difficult distant double dry earlier early edwardian election elizabethan "
    "enormous entire equal exact exam extended extra feeding fertile feudal final first fixed "
    "formative former free full future gestation given glacial golden good grace great growth "
    "happiest holiday honeymoon hot hour hundred ice incubation indefinite interesting interim "
    "intermediate intervening jurassic key large last late later latter lengthy limited little "
    "long longer lookback lunch mating medieval mid middle minute missing modern month mourning "
    "neolithic new next notice odd old particular past payback peak postwar preceding precise "
    "present previous probation profound prolonged proper qualifying quarter quiet rainy "
    "reasonable recent recovery red remote renaissance rental reporting rest right romantic same "
    "school second secondary settling short shorter similar single sleep small stately stormy "
    "study subsequent sufficient teaching test third thousand time training transition trial "
    "turbulent usual vast vesting victorian waiting war warm week wet whole wrong year".split()
)
#: The same of "question mark", "exclamation mark" and "full stop".
_BEFORE_MARK = frozenset(
    "big huge giant large small little tiny single double triple final second extra missing bold "
    "red upside-down inverted wrong right proper complete sudden dead abrupt grinding screeching "
    "total no without with".split()
)
_ADJECTIVE_ENDINGS = (
    "al", "ian", "ean", "ous", "ive", "ic", "ful", "less", "ary", "ory", "able", "ible", "ish",
    "ese", "est", "ing",
)  # fmt: skip


class SpokenCommand(NamedTuple):
    """What is done when a command is said.

    Attributes:
        kind: ``punctuation``, ``opening``, ``closing``, ``breaks``, ``replacements``, ``actions``.
        text: what is written, or for an action its name.
    """

    kind: str
    text: str


_LITERAL_COMMAND = SpokenCommand("actions", _LITERAL)
#: What they do is done to the next word.
_NEED_A_WORD = (SpokenCommand("actions", "capital"), SpokenCommand("actions", "all caps"))
#: Finds the longest command that begins at a word: the command and how many words it has.
Match = Callable[[Sequence[str], int], "tuple[SpokenCommand | None, int]"]


class Meant(NamedTuple):
    """A part of an utterance: a command, or words where `command` is None.

    Attributes:
        begin: place of its first word.
        end: place behind its last word.
        command: what is meant.
        skipped: words at the beginning that are not written, such as "literal".
    """

    begin: int
    end: int
    command: SpokenCommand | None = None
    skipped: int = 0


def what_is_meant(
    words: Sequence[str],
    pauses: Sequence[float],
    match: Match,
) -> list[Meant]:
    """Tell commands from words.

    Args:
        words: of an utterance, lower case.
        pauses: seconds behind each word but the last, 0 where they are not known, (n - 1,).
        match: finds a command at a place.
    """
    found: list[Meant] = []
    begin = 0
    for end in range(1, len(words) + 1):
        last = end == len(words)
        if last or pauses[end - 1] >= COMMAND_PAUSE_S:
            found += _segment(words, begin, end, last, match)
            begin = end
    return _joined(found)


def _joined(parts: Sequence[Meant]) -> list[Meant]:
    """Join words that follow each other: a pause among them does not cut a number in two."""
    joined: list[Meant] = []
    for part in parts:
        before = joined[-1] if joined else None
        if before and before.command is None and part.command is None and not part.skipped:
            joined[-1] = before._replace(end=part.end)
        else:
            joined.append(part)
    return joined


def _segment(
    words: Sequence[str],
    begin: int,
    end: int,
    last: bool,
    match: Match,
) -> list[Meant]:
    """Tell commands from words between two pauses."""
    commands: list[Meant] = []
    place = begin
    while place < end:
        command, length = match(words[:end], place)
        if command is None or command == _LITERAL_COMMAND:
            break
        commands.append(Meant(place, place + length, command))
        place += length
    nothing_follows = last and bool(commands) and commands[-1].command in _NEED_A_WORD
    if place == end and not nothing_follows:
        return commands
    closing: list[Meant] = []
    if last:
        for place in range(max(begin + 1, end - 2), end):
            command, length = match(words[:end], place)
            ends = command is not None and place + length == end and command.text in ENDS
            if ends and not _is_noun(words, place):
                closing = [Meant(place, end, command)]
                end = place
                break
    return [*_words(words, begin, end, match), *closing]


def _words(words: Sequence[str], begin: int, end: int, match: Match) -> list[Meant]:
    """Return words as they are, without the "literal" before the name of a command."""
    found: list[Meant] = []
    for place in range(begin, end - 1):
        if words[place] != _LITERAL or (place > begin and words[place - 1] in _DETERMINERS):
            continue
        if match(words[:end], place + 1)[0] is not None:
            if place > begin:
                found.append(Meant(begin, place))
            begin = place
            found.append(Meant(place, end, None, skipped=1))
            return found
    return [Meant(begin, end)]


def _is_noun(words: Sequence[str], place: int) -> bool:
    """Whether "period" and its like are nouns after the word before them."""
    before = words[place - 1]
    if before in _DETERMINERS or before.endswith("'s"):
        return True
    if words[place] != "period":
        return before in _BEFORE_MARK
    return before in _BEFORE_PERIOD or (_is_adjective(before) and _is_attributive(words, place - 1))


def _is_adjective(word: str) -> bool:
    """Whether a word ends like an adjective; "morning" does too."""
    return len(word) > 4 and word.endswith(_ADJECTIVE_ENDINGS)


def _is_attributive(words: Sequence[str], place: int) -> bool:
    """Whether what stands before an adjective asks for a noun behind it: "the", "her late"."""
    before = words[place - 1] if place else ""
    return before in _DETERMINERS or before in _BEFORE_PERIOD or before.endswith("'s")
