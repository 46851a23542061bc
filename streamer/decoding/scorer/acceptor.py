"""Smallest automaton that accepts a set of words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class State(NamedTuple):
    """A state of an acyclic automaton.

    Attributes:
        is_final: whether a word ends here.
        arcs: label and next state of each arc, by ascending label.
    """

    is_final: bool
    arcs: tuple[tuple[int, int], ...]


class _OpenState:
    """A state on the path of the latest word, which may still get arcs."""

    def __init__(self, label: int) -> None:
        self.label = label  # of the arc that leads here
        self.is_final = False
        self.arcs: list[tuple[int, int]] = []

    def closed(self) -> State:
        return State(self.is_final, tuple(self.arcs))


def minimal_acceptor(words: Sequence[Sequence[int]]) -> list[State]:
    """Build the minimal acyclic automaton of words (Daciuk et al., 2000).

    Args:
        words: labels of each word.

    Returns:
        The states, each after all states that its arcs lead to; the last is the start.
    """
    numbers: dict[State, int] = {}  # equal states are shared
    states: list[State] = []
    path = [_OpenState(-1)]

    def close_down_to(depth: int) -> None:
        while len(path) - 1 > depth:
            last = path.pop()
            state = last.closed()
            number = numbers.get(state)
            if number is None:
                number = numbers[state] = len(states)
                states.append(state)
            path[-1].arcs.append((last.label, number))

    previous: tuple[int, ...] = ()
    for word in sorted({tuple(word) for word in words}):
        common = 0
        while common < min(len(word), len(previous)) and word[common] == previous[common]:
            common += 1
        close_down_to(common)
        path += [_OpenState(label) for label in word[common:]]
        path[-1].is_final = True
        previous = word
    close_down_to(0)
    states.append(path[0].closed())
    return states
