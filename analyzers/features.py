"""Readings in, hashed counts of their words and characters out: what the classifier weighs.

Nothing of a text can be read from a feature. All posts of a batch are hashed at once.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from analyzers.reading import Reading

# Longer letters say no more about what they are about.
BODY_READ = 800
TITLE_READ = 150
ENDING = 12
BITS = 18
# Each kind of feature has BITS of its own, so that it can have a weight of its own.
KINDS = 8
WORD, CHARACTER, PAIR, TITLE_WORD, TITLE_CHARACTER, TITLE_PAIR, TITLE_TRIPLE, ENDING_PAIR = range(8)
BUCKETS = KINDS << BITS
# In which they are worked out: those of words first.
_ORDER = np.array(
    (
        WORD,
        TITLE_WORD,
        CHARACTER,
        PAIR,
        TITLE_CHARACTER,
        TITLE_PAIR,
        TITLE_TRIPLE,
        ENDING_PAIR,
    )
)

_A, _B, _C, _D = (
    np.uint64(each)
    for each in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93)
)
_SHIFT, _FOLD = np.uint64(64 - BITS), np.uint64(32)
_SALTS = np.arange(1, KINDS + 1, dtype=np.uint64) * _C
_WORD_BITS = (1 << 64) - 1
# Between two texts; no text holds it.
_GAP = 0
_SPACE, _NINE, _ZERO = 32, 57, 48
_DIGITS = str.maketrans("123456789", "000000000")
# Some 8 MB; most words of a text are among them.
_KEPT_WORDS = 30_000

Buckets = NDArray[np.int64]
Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Features:
    """One entry an occurrence: which post of the batch, which bucket. `words`: of the kind WORD,
    for each post its words in the order of the entries, which come first."""

    posts: NDArray[np.int64]
    buckets: Buckets
    words: list[list[str]]


def extract(readings: Sequence[Reading]) -> Features:
    """All features of some posts, in no order that matters but that words come first."""
    cut = [_Cut(reading) for reading in readings]
    words = [each.words for each in cut]
    titles = [each.words[: each.title_words] for each in cut]
    parts = [each.text for each in cut], [each.title for each in cut], [each.ending for each in cut]
    # Words of titles are looked up once more: that is cheaper than to tell them apart.
    hashed = np.fromiter(map(_word, chain(*words, *titles)), np.uint64)
    signs, counts = _characters(*parts)
    kept = np.concatenate((np.ones(len(hashed), np.bool_), *counts))
    hashed = np.concatenate((hashed, *signs))[kept]
    # All of one kind, as in _ORDER, then all of the next; in each, post by post.
    text, title, ending = parts
    of_kinds = (words, titles, text, text, title, title, title, ending)
    sizes = [len(each) for posts in of_kinds for each in posts]
    places, posts = np.divmod(np.repeat(np.arange(len(sizes)), sizes)[kept], max(len(cut), 1))
    return Features(posts, _buckets(hashed, _ORDER.take(places)), words)


class _Cut:
    """What is read of a post: signs without spaces, words, and where the title ends in both."""

    def __init__(self, reading: Reading) -> None:
        title = reading.text[: min(reading.title_end, TITLE_READ)]
        body = reading.text[reading.title_end + 1 :][:BODY_READ]
        head = "".join(title.split())
        self.text = f"\n{head}\n{''.join(body.split())}\n\0"
        self.title = f"\n{head}\n\0" if head else ""
        self.ending = self.text[-ENDING - 2 :]
        last = bisect_right(reading.ends, reading.title_end + 1 + BODY_READ)
        in_title = bisect_right(reading.ends, min(reading.title_end, TITLE_READ))
        title_ends = bisect_right(reading.ends, reading.title_end)
        words = reading.words[:in_title] + reading.words[title_ends:last]
        self.words = [word for word in words if not word.isspace()]
        self.title_words = sum(not word.isspace() for word in words[:in_title])


def _characters(
    texts: Sequence[str], titles: Sequence[str], endings: Sequence[str]
) -> tuple[list[Hashes], list[NDArray[np.bool_]]]:
    """Of each kind the hashes, and which of them count."""
    joined = "".join((*texts, *titles, *endings)).encode("utf-32-le", "surrogatepass")
    signs = np.frombuffer(joined, "<u4").astype(np.uint64)
    signs[(signs > _ZERO) & (signs <= _NINE)] = _ZERO
    # After the last sign, a gap, nothing counts.
    one, inside = signs * _A, signs != _GAP
    two, pair = one.copy(), inside.copy()
    two[:-1] += signs[1:] * _B
    pair[:-1] &= inside[1:]
    first = sum(map(len, texts))
    last = first + sum(map(len, titles))
    three, triple = two[first:last].copy(), pair[first:last].copy()
    three[:-2] += signs[first + 2 : last] * _C
    triple[:-2] &= inside[first + 2 : last]
    return (
        [one[:first], two[:first], one[first:last], two[first:last], three, two[last:]],
        [inside[:first], pair[:first], inside[first:last], pair[first:last], triple, pair[last:]],
    )


def _buckets(hashed: Hashes, kinds: NDArray[np.int64]) -> Buckets:
    mixed = hashed + _SALTS[kinds]
    mixed = (mixed ^ (mixed >> _FOLD)) * _D
    buckets: Buckets = ((mixed ^ (mixed >> _FOLD)) * _A >> _SHIFT).astype(np.int64)
    return buckets + (kinds << BITS)


@lru_cache(_KEPT_WORDS)
def _word(word: str) -> int:
    value = 0
    for sign in word.translate(_DIGITS):
        value = (value * 1_000_003 + ord(sign) * 0x9E3779B1 + 1) & _WORD_BITS
    return value
