"""The word list inside a scorer: an OpenFst ConstFst that accepts the words' letters.

Read and written by NumPy as OpenFst's ``const-fst.h`` lays it out (aligned,
little-endian): header, states of 20 bytes, arcs of 16. A label is the number
of a letter plus 1, because OpenFst keeps 0 for epsilon; DeepSpeech ends each
word with the label of the space.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from streamer.decoding.language.kenlm_file import REPLACE_SCORER
from streamer.errors import ScorerError

Records = npt.NDArray[np.void]
Letters = npt.NDArray[np.unsignedinteger[Any]]

_MAGIC = 2125659606
_ALIGNED_VERSION = 1
_IS_ALIGNED = 4
_ALIGNMENT = 16

#: What is true of every word list, in OpenFst's code (fst/properties.h): expanded,
#: an acceptor, deterministic, without epsilons, arcs sorted, unweighted, without
#: cycles, states in topological order, every state on a path to a word.
_PROPERTIES = 0x0000856A5A950001

_STATE = np.dtype(
    [
        ("weight", "<f4"),
        ("first_arc", "<u4"),
        ("arcs", "<u4"),
        ("input_epsilons", "<u4"),
        ("output_epsilons", "<u4"),
    ]
)
_ARC = np.dtype([("input", "<i4"), ("output", "<i4"), ("weight", "<f4"), ("next", "<i4")])

#: Longer than any word; an FST with a longer path has a cycle or is not a word list.
MAX_WORD_LETTERS = 120

#: Twice as many words as the largest public scorer has; no more beginnings of words
#: of one length either, because each leads to a word.
MAX_WORDS = 1 << 20

#: Beginnings of words of any length: half a million words have a million and a half.
_MAX_BEGINNINGS = 6 << 20

#: Letters of the beginnings of one length, and of all words: half a million words have
#: five million.
_MAX_LETTERS = 16 << 20


def read_words(data: memoryview, offset: int, n_labels: int) -> list[Letters]:
    """List the words of an aligned ConstFst.

    Args:
        data: the whole package; OpenFst aligns by the position in the file.
        offset: where the FST begins.
        n_labels: letters of the alphabet.

    Returns:
        For each length of word an array (words, letters) of letter numbers, the
        space at the end included.

    Raises:
        ScorerError: not such an FST, cut off, cyclic, or labels beyond the alphabet.
    """
    start, states, arcs = _tables(data, offset)
    if not len(states):
        return []
    if not 0 <= start < len(states):
        raise ScorerError("Its word list begins nowhere", REPLACE_SCORER)
    last_arc = states["first_arc"].astype(np.int64) + states["arcs"]
    if len(arcs):
        targets, labels = arcs["next"], arcs["input"]
        if targets.min() < 0 or targets.max() >= len(states):
            raise ScorerError("Its word list points outside itself", REPLACE_SCORER)
        if labels.min() < 1 or labels.max() > n_labels:
            raise ScorerError(
                f"Its word list uses letters beyond the {n_labels} of the model's alphabet",
                "use the scorer made for this alphabet",
            )
    if len(states) and last_arc.max() > len(arcs):
        raise ScorerError("Its word list points outside itself", REPLACE_SCORER)
    return _expand(start, states, arcs, np.uint8 if n_labels < 256 else np.uint16)


def _tables(data: memoryview, offset: int) -> tuple[int, Records, Records]:
    """Return start state, states and arcs of a ConstFst, all within the file."""
    try:
        (magic,) = struct.unpack_from("<i", data, offset)
        kind, position = _string(data, offset + 4)
        arc_kind, position = _string(data, position)
        version, flags, _, start, n_states, n_arcs = struct.unpack_from("<iiQqqq", data, position)
    except struct.error:
        raise ScorerError("Its word list is cut off", REPLACE_SCORER) from None
    position += 40
    if magic != _MAGIC or kind != b"const" or arc_kind != b"standard":
        raise ScorerError("It has no word list where one should be", REPLACE_SCORER)
    if version not in (1, 2) or flags & 3:
        raise ScorerError(
            f"Its word list has the unknown version {version}.{flags}", REPLACE_SCORER
        )
    aligned = version == _ALIGNED_VERSION or bool(flags & _IS_ALIGNED)
    if not (0 <= n_states <= len(data) and 0 <= n_arcs <= len(data)):
        raise ScorerError("Its word list claims an impossible size", REPLACE_SCORER)
    position = _align(position) if aligned else position
    end_of_states = position + n_states * _STATE.itemsize
    first_arc = _align(end_of_states) if aligned else end_of_states
    if first_arc + n_arcs * _ARC.itemsize > len(data):
        raise ScorerError("Its word list is cut off", REPLACE_SCORER)
    states = np.frombuffer(data, _STATE, n_states, position) if n_states else np.zeros(0, _STATE)
    arcs = np.frombuffer(data, _ARC, n_arcs, first_arc) if n_arcs else np.zeros(0, _ARC)
    return start, states, arcs


def _expand(
    start: int,
    states: Records,
    arcs: Records,
    letter: npt.DTypeLike,
) -> list[Letters]:
    """Follow all paths at once, a letter at a time, and keep those that end a word."""
    final = np.isfinite(states["weight"])
    first = states["first_arc"].astype(np.int64)
    count = states["arcs"].astype(np.int64)
    at = np.array([start], np.int64)
    letters = np.zeros((1, 0), letter)
    words = []
    seen = kept = 0
    for depth in range(MAX_WORD_LETTERS + 1):
        ends = final[at]
        if depth and ends.any():
            words.append(letters[ends])
            kept += words[-1].size
        fan_out = count[at]
        total = int(fan_out.sum())
        if not total:
            return [block - block.dtype.type(1) for block in words]
        seen += total
        if (
            total > MAX_WORDS
            or seen > _MAX_BEGINNINGS
            or max(total * (depth + 1), kept) > _MAX_LETTERS
        ):
            raise ScorerError("Its word list has too many words", REPLACE_SCORER)
        source = np.repeat(np.arange(len(at)), fan_out)
        nth = np.arange(total) - np.repeat(np.cumsum(fan_out) - fan_out, fan_out)
        taken = first[at][source] + nth
        letters = np.concatenate(
            [letters[source], arcs["input"][taken].astype(letter)[:, None]], axis=1
        )
        at = arcs["next"][taken].astype(np.int64)
    raise ScorerError("Its word list has a cycle or words without end", REPLACE_SCORER)


def write_fst(words: Sequence[Sequence[int]], position: int) -> bytes:
    """Return the aligned ConstFst that accepts words.

    Args:
        words: letter numbers of each word, the space at its end included.
        position: where in the file the bytes will stand.
    """
    states, arcs = _minimal_acceptor(words)
    header = struct.pack("<i", _MAGIC) + _packed(b"const") + _packed(b"standard")
    header += struct.pack(
        "<iiQqqq", _ALIGNED_VERSION, _IS_ALIGNED, _PROPERTIES, 0, len(states), len(arcs)
    )
    header += bytes(_align(position + len(header)) - position - len(header))
    body = header + states.tobytes()
    body += bytes(_align(position + len(body)) - position - len(body))
    return body + arcs.tobytes()


def _minimal_acceptor(
    words: Sequence[Sequence[int]],
) -> tuple[Records, Records]:
    """Build the smallest acyclic automaton from sorted words (Daciuk and others, 2000)."""
    # A state is its arcs (label, next) and whether it ends a word; equal states are shared.
    register: dict[tuple[bool, tuple[tuple[int, int], ...]], int] = {}
    finished: list[tuple[bool, tuple[tuple[int, int], ...]]] = []
    path: list[tuple[list[bool], list[tuple[int, int]], int]] = [([False], [], 0)]

    def close_down_to(depth: int) -> None:
        while len(path) - 1 > depth:
            is_final, out, label = path.pop()
            key = (is_final[0], tuple(out))
            number = register.get(key)
            if number is None:
                number = register[key] = len(finished)
                finished.append(key)
            path[-1][1].append((label, number))

    previous: tuple[int, ...] = ()
    for word in sorted(set(tuple(word) for word in words)):
        common = 0
        while common < min(len(word), len(previous)) and word[common] == previous[common]:
            common += 1
        close_down_to(common)
        for index in word[common:]:
            path.append(([False], [], index + 1))
        path[-1][0][0] = True
        previous = word
    close_down_to(0)
    finished.append((path[0][0][0], tuple(path[0][1])))
    # The start came last; OpenFst's own output has it first, so count from the end.
    total = len(finished)
    states = np.zeros(total, _STATE)
    lengths = np.array([len(out) for _, out in reversed(finished)], np.int64)
    states["weight"] = [0.0 if is_final else np.inf for is_final, _ in reversed(finished)]
    states["arcs"] = lengths
    states["first_arc"] = np.cumsum(lengths) - lengths
    flat = [arc for _, out in reversed(finished) for arc in out]
    arcs = np.zeros(len(flat), _ARC)
    if flat:
        table = np.array(flat, np.int64)
        arcs["input"] = arcs["output"] = table[:, 0]
        arcs["next"] = total - 1 - table[:, 1]
    return states, arcs


def _align(position: int) -> int:
    return -(-position // _ALIGNMENT) * _ALIGNMENT


def _string(data: memoryview, position: int) -> tuple[bytes, int]:
    """Read a string of OpenFst's: its length, then its bytes."""
    (length,) = struct.unpack_from("<i", data, position)
    if not 0 <= length <= 64 or position + 4 + length > len(data):
        raise ScorerError("It has no word list where one should be", REPLACE_SCORER)
    end = position + 4 + length
    return bytes(data[position + 4 : end]), end


def _packed(text: bytes) -> bytes:
    return struct.pack("<i", len(text)) + text
