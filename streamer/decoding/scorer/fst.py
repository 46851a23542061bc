"""Word list of a scorer: an OpenFst ConstFst that accepts the spelled words.

Follows OpenFst's ``const-fst.h`` (aligned, little-endian): header, states of 20 bytes, arcs of
16. A label is the number of a letter plus 1, because OpenFst reserves 0 for epsilon; in
DeepSpeech's scorers each word ends with the label of the space.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from streamer.arrays import Array
from streamer.decoding.language.kenlm_file import REPLACE_SCORER
from streamer.decoding.scorer.acceptor import minimal_acceptor
from streamer.errors import ScorerError

_MAGIC = 2125659606
_ALIGNED_VERSION = 1
_IS_ALIGNED = 4
_ALIGNMENT = 16
#: Flags of symbol tables, which a scorer does not have.
_HAS_SYMBOLS = 3

#: Kind of FST, kind of arc: the strings of the header.
_KIND, _ARC_KIND = b"const", b"standard"

#: Version, flags, properties, start state, number of states, number of arcs.
_HEADER = struct.Struct("<iiQqqq")

#: Properties of every word list, in OpenFst's code (fst/properties.h): expanded, an acceptor,
#: deterministic, without epsilons, arcs sorted, unweighted, acyclic, states in topological
#: order, every state on a path to a word.
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

#: Twice the words of the largest public scorer. It also limits the prefixes of one length,
#: since each leads to a word.
MAX_WORDS = 1 << 20

#: Prefixes of all lengths: half a million words have one and a half million.
_MAX_PREFIXES = 6 << 20

#: Letters of the prefixes of one length, and of all words: half a million words have five
#: million.
_MAX_LETTERS = 16 << 20


def read_words(data: memoryview, offset: int, n_labels: int) -> list[Array]:
    """Read the words of an aligned ConstFst.

    Args:
        data: the whole package; OpenFst aligns relative to the start of the file.
        offset: offset of the FST.
        n_labels: number of letters in the alphabet.

    Returns:
        For each word length an array (words, letters) of letter numbers, unsigned integers,
        including the space at the end.

    Raises:
        ScorerError: not such an FST, truncated, cyclic, or with labels outside the alphabet.
    """
    start, states, arcs = _read_tables(data, offset)
    if not len(states):
        return []
    if not 0 <= start < len(states):
        raise ScorerError("its word list has no start", REPLACE_SCORER)
    last_arc = states["first_arc"].astype(np.int64) + states["arcs"]
    if last_arc.max() > len(arcs):
        raise ScorerError("its word list points outside itself", REPLACE_SCORER)
    if len(arcs):
        targets, labels = arcs["next"], arcs["input"]
        if targets.min() < 0 or targets.max() >= len(states):
            raise ScorerError("its word list points outside itself", REPLACE_SCORER)
        if labels.min() < 1 or labels.max() > n_labels:
            raise ScorerError(
                f"its word list uses letters outside the model's alphabet of {n_labels}",
                "use the scorer made for this alphabet",
            )
    return _expand(start, states, arcs, np.uint8 if n_labels < 256 else np.uint16)


def _read_tables(data: memoryview, offset: int) -> tuple[int, Array, Array]:
    """Return start state, `_STATE` records and `_ARC` records, all within the file."""
    try:
        (magic,) = struct.unpack_from("<i", data, offset)
        kind, position = _read_string(data, offset + 4)
        arc_kind, position = _read_string(data, position)
        version, flags, _, start, n_states, n_arcs = _HEADER.unpack_from(data, position)
    except struct.error:
        raise ScorerError("its word list is truncated", REPLACE_SCORER) from None
    position += _HEADER.size
    if magic != _MAGIC or kind != _KIND or arc_kind != _ARC_KIND:
        raise ScorerError("its word list is missing", REPLACE_SCORER)
    if version not in (1, 2) or flags & _HAS_SYMBOLS:
        raise ScorerError(
            f"its word list has the unknown version {version}.{flags}", REPLACE_SCORER
        )
    aligned = version == _ALIGNED_VERSION or bool(flags & _IS_ALIGNED)
    if not (0 <= n_states <= len(data) and 0 <= n_arcs <= len(data)):
        raise ScorerError("its word list has an impossible size", REPLACE_SCORER)
    position = _align(position) if aligned else position
    end_of_states = position + n_states * _STATE.itemsize
    first_arc = _align(end_of_states) if aligned else end_of_states
    if first_arc + n_arcs * _ARC.itemsize > len(data):
        raise ScorerError("its word list is truncated", REPLACE_SCORER)
    states = np.frombuffer(data, _STATE, n_states, position) if n_states else np.zeros(0, _STATE)
    arcs = np.frombuffer(data, _ARC, n_arcs, first_arc) if n_arcs else np.zeros(0, _ARC)
    return start, states, arcs


def _expand(start: int, states: Array, arcs: Array, letter: npt.DTypeLike) -> list[Array]:
    """Follow all paths at once, letter by letter, and keep those that end a word."""
    final = np.isfinite(states["weight"])
    first = states["first_arc"].astype(np.int64)
    count = states["arcs"].astype(np.int64)
    state = np.array([start], np.int64)
    letters: Array = np.zeros((1, 0), letter)
    words: list[Array] = []
    n_prefixes = n_letters = 0
    for depth in range(MAX_WORD_LETTERS + 1):
        ends = final[state]
        if depth and ends.any():
            words.append(letters[ends])
            n_letters += words[-1].size
        fan_out = count[state]
        total = int(fan_out.sum())
        if not total:
            return [block - block.dtype.type(1) for block in words]
        n_prefixes += total
        if (
            total > MAX_WORDS
            or n_prefixes > _MAX_PREFIXES
            or max(total * (depth + 1), n_letters) > _MAX_LETTERS
        ):
            raise ScorerError("its word list has too many words", REPLACE_SCORER)
        source = np.repeat(np.arange(len(state)), fan_out)
        nth = np.arange(total) - np.repeat(np.cumsum(fan_out) - fan_out, fan_out)
        arc = first[state][source] + nth
        letters = np.concatenate(
            [letters[source], arcs["input"][arc].astype(letter)[:, None]], axis=1
        )
        state = arcs["next"][arc].astype(np.int64)
    raise ScorerError("its word list has a cycle or endless words", REPLACE_SCORER)


def write_fst(words: Sequence[Sequence[int]], position: int) -> bytes:
    """Return the aligned ConstFst that accepts words.

    Args:
        words: letter numbers of each word, including the space at its end.
        position: offset in the file where the bytes will be written.
    """
    automaton = minimal_acceptor(words)
    # The start state is the last one; OpenFst writes it first, so reverse the numbers.
    automaton.reverse()
    lengths = np.array([len(state.arcs) for state in automaton], np.int64)
    states = np.zeros(len(automaton), _STATE)
    states["weight"] = [0.0 if state.is_final else np.inf for state in automaton]
    states["arcs"] = lengths
    states["first_arc"] = np.cumsum(lengths) - lengths
    flat = [arc for state in automaton for arc in state.arcs]
    arcs = np.zeros(len(flat), _ARC)
    if flat:
        table = np.array(flat, np.int64)
        arcs["input"] = arcs["output"] = table[:, 0] + 1
        arcs["next"] = len(automaton) - 1 - table[:, 1]
    header = struct.pack("<i", _MAGIC) + _packed_string(_KIND) + _packed_string(_ARC_KIND)
    header += _HEADER.pack(_ALIGNED_VERSION, _IS_ALIGNED, _PROPERTIES, 0, len(states), len(arcs))
    header += bytes(_align(position + len(header)) - position - len(header))
    body = header + states.tobytes()
    body += bytes(_align(position + len(body)) - position - len(body))
    return body + arcs.tobytes()


def _align(position: int) -> int:
    return -(-position // _ALIGNMENT) * _ALIGNMENT


def _read_string(data: memoryview, position: int) -> tuple[bytes, int]:
    """Return an OpenFst string (length, then bytes) and the position after it."""
    (length,) = struct.unpack_from("<i", data, position)
    if not 0 <= length <= 64 or position + 4 + length > len(data):
        raise ScorerError("its word list is missing", REPLACE_SCORER)
    end = position + 4 + length
    return bytes(data[position + 4 : end]), end


def _packed_string(text: bytes) -> bytes:
    return struct.pack("<i", len(text)) + text
