"""Readings in, hashed counts of their words and characters out: what the classifier weighs.

Nothing of a text can be read from a feature. All posts of a batch are hashed at once.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from analyzers.reading import Reading

# A letter says in so many characters what it is about.
BODY_READ = 420
TITLE_READ = 150
ENDING = 12
BITS = 18
# Each kind of feature has BITS of its own, so that it can have a weight of its own.
WORD, CHARACTER, PAIR, TITLE_WORD, TITLE_CHARACTER, TITLE_PAIR, TITLE_TRIPLE, ENDING_PAIR = range(8)
KINDS = 8
BUCKETS = KINDS << BITS

_A, _B, _C, _D = (
    np.uint64(each)
    for each in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93)
)
_SHIFT, _FOLD = np.uint64(64 - BITS), np.uint64(32)
_WORD_BITS = (1 << 64) - 1
# Between two texts; no text holds it.
_GAP = 0
_SPACE, _NINE, _ZERO = 32, 57, 48
_DIGITS = str.maketrans("123456789", "000000000")
_KEPT_WORDS = 200_000

Buckets = NDArray[np.int64]


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
    counts = [len(each) for each in words]
    hashed = np.fromiter((_word(word) for each in words for word in each), np.uint64, sum(counts))
    of_post = np.repeat(np.arange(len(cut)), counts)
    in_title = np.fromiter(
        (index < each.title_words for each in cut for index in range(len(each.words))),
        np.bool_,
        len(hashed),
    )
    posts, buckets = [of_post], [_buckets(hashed, WORD)]
    posts.append(of_post[in_title])
    buckets.append(_buckets(hashed[in_title], TITLE_WORD))
    _add_characters(cut, posts, buckets)
    return Features(np.concatenate(posts), np.concatenate(buckets), words)


class _Cut:
    """What is read of a post: signs without spaces, words, and where the title ends in both."""

    def __init__(self, reading: Reading) -> None:
        title = reading.text[: min(reading.title_end, TITLE_READ)]
        body = reading.text[reading.title_end + 1 :][:BODY_READ]
        head = "".join(title.split())
        self.text = f"\n{head}\n{''.join(body.split())}\n\0"
        self.title_signs = len(head) + 2 if head else 0
        last = bisect_right(reading.ends, reading.title_end + 1 + BODY_READ)
        in_title = bisect_right(reading.ends, reading.title_end)
        self.words = [word for word in reading.words[:last] if not word.isspace()]
        self.title_words = sum(not word.isspace() for word in reading.words[:in_title])


def _add_characters(cut: Sequence[_Cut], posts: list[Buckets], buckets: list[Buckets]) -> None:
    joined = "".join(each.text for each in cut)
    signs = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    signs[(signs > _ZERO) & (signs <= _NINE)] = _ZERO
    lengths = [len(each.text) for each in cut]
    post = np.repeat(np.arange(len(cut)), lengths)
    starts = np.array([0, *accumulate(lengths)][:-1], np.int64)
    place = np.arange(len(signs)) - starts[post]
    title = place < np.array([each.title_signs for each in cut], np.int64)[post]
    ending = place >= (np.array(lengths, np.int64) - 2 - ENDING)[post]
    one = signs * _A
    two = one[:-1] + signs[1:] * _B
    three = two[:-1] + signs[2:] * _C
    inside = signs != _GAP
    pair = inside[:-1] & inside[1:]
    triple = pair[:-1] & inside[2:]
    for kind, hashed, where in (
        (CHARACTER, one, inside),
        (PAIR, two, pair),
        (TITLE_CHARACTER, one, inside & title),
        (TITLE_PAIR, two, pair & title[1:]),
        (TITLE_TRIPLE, three, triple & title[2:]),
        (ENDING_PAIR, two, pair & ending[:-1]),
    ):
        posts.append(post[: len(hashed)][where])
        buckets.append(_buckets(hashed[where], kind))


def _buckets(hashed: NDArray[np.uint64], kind: int) -> Buckets:
    mixed = hashed + np.uint64(kind + 1) * _C
    mixed = (mixed ^ (mixed >> _FOLD)) * _D
    return ((mixed ^ (mixed >> _FOLD)) * _A >> _SHIFT).astype(np.int64) + (kind << BITS)


@lru_cache(_KEPT_WORDS)
def _word(word: str) -> int:
    value = 0
    for sign in word.translate(_DIGITS):
        value = (value * 1_000_003 + ord(sign) * 0x9E3779B1 + 1) & _WORD_BITS
    return value
