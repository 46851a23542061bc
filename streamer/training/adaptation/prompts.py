"""Sentences to read aloud: every English phoneme, in many contexts, in few words."""

from __future__ import annotations

#: Written for this program. In order of use: the first five have all phonemes already.
SENTENCES = (
    "Yesterday the boys chose a huge orange kite with a thin blue tail.",
    "Should we measure the path by the church before the weather changes?",
    "Joyce asked how much the doctor's visit would cost her father.",
    "Please put the yellow boxes there, and throw the rough ones away.",
    "Nothing about this vision was clear, yet everyone judged it good.",
    "I usually drink three cups of coffee while reading the morning news.",
    "The young teacher showed her class a map of northern Asia.",
    "We could hear thunder rolling slowly over the dark valley.",
    "Please send the finished pages to both of my cousins by Thursday.",
    "Few of us know why the engine stopped just outside the village.",
    "She poured warm oil on the rusty hinges of the garage door.",
    "My uncle enjoys a quiet evening with his books and a small fire.",
    "The judge thanked each witness and then closed the long session.",
    "Twelve large ships were waiting in the harbour when the fog lifted.",
    "Can you change the picture on the wall beside the kitchen window?",
    "He bought fresh cheese, brown bread, and a jar of peach jam.",
    "A gentle breeze moved the leaves above the narrow bridge.",
    "They argued loudly about whose turn it was to wash the dishes.",
    "It takes about an hour to walk through the forest to the beach.",
    "Thank you, that will be all for today, and I wish you a pleasant night.",
)
