"""Readings in, hashed counts of their words and characters out: what the classifier weighs.

Nothing of a text can be read from a feature. All posts of a batch are hashed at once.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

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
# What is read of a post's signs, in this order; words come before.
_OF_SIGNS = (CHARACTER, PAIR, TITLE_CHARACTER, TITLE_PAIR, TITLE_TRIPLE, ENDING_PAIR)

# As arrays: with a single post, numpy takes longer to make one of a number than to reckon with it.
_A, _B, _C, _D, _SHIFT, _FOLD = (
    np.array(each, np.uint64)
    for each in (
        0x9E3779B97F4A7C15,
        0xC2B2AE3D27D4EB4F,
        0x165667B19E3779F9,
        0xD6E8FEB86659FD93,
        64 - BITS,
        32,
    )
)
_SALTS = np.arange(1, KINDS + 1, dtype=np.uint64) * _C
_WORD_BITS = (1 << 64) - 1
_SIGN, _HASH = np.dtype("<u4"), np.dtype("<u8")
_DIGIT = re.compile("[1-9]")
_DIGITS = str.maketrans("123456789", "000000000")
# Some 8 MB; most words of a text are among them.
_KEPT_WORDS = 30_000

Buckets = NDArray[np.int64]
Hashes = NDArray[np.uint64]


class Features(NamedTuple):
    """One entry an occurrence: which post of the batch, which bucket. `words`: of the kind WORD,
    for each post its words in the order of the entries, which come first."""

    posts: NDArray[np.int64]
    buckets: Buckets
    words: list[list[str]]


def extract(readings: Sequence[Reading]) -> Features:
    """All features of some posts, in no order that matters but that words come first."""
    cut = [_Cut(reading) for reading in readings]
    words = [each.words for each in cut]
    of_words = map(_HASHES.__getitem__, chain.from_iterable(words))
    by_word = np.frombuffer(b"".join(of_words), _HASH)
    titles, at = [], 0
    for each in cut:
        titles.append(by_word[at : at + each.title_words])
        at += len(each.words)
    signs = _of_signs(cut)
    sizes = np.array([*map(len, words), *map(len, titles), *map(len, signs)])
    salts, starts, posts = _places(len(cut))
    hashed = np.concatenate((by_word, *titles, *signs))
    buckets = _buckets(hashed, salts.repeat(sizes), starts.repeat(sizes))
    return Features(posts.repeat(sizes), buckets, words)


class _Cut:
    """What is read of a post: signs without spaces, words, and where the title ends in both."""

    def __init__(self, reading: Reading) -> None:
        text, title_end, ends = reading.text, reading.title_end, reading.ends
        head = "".join(text[: min(title_end, TITLE_READ)].split())
        body = "".join(text[title_end + 1 : title_end + 1 + BODY_READ].split())
        self.text = f"\n{head}\n{body}\n"
        # With the line breaks around it.
        self.title = len(head) + 2 if head else 0
        in_title = bisect_right(ends, min(title_end, TITLE_READ))
        body_starts = bisect_right(ends, title_end)
        last = bisect_right(ends, title_end + 1 + BODY_READ)
        words = reading.words
        self.words = [word for word in words[:in_title] if not word.isspace()]
        self.title_words = len(self.words)
        self.words += [word for word in words[body_starts:last] if not word.isspace()]


@lru_cache
def _places(posts: int) -> tuple[Hashes, Buckets, NDArray[np.int64]]:
    """Of each part of a batch of so many posts, as `extract` puts them together, the salt and the
    first bucket of its kind, and its post."""
    kinds = np.array([WORD] * posts + [TITLE_WORD] * posts + [*_OF_SIGNS] * posts, np.int64)
    numbers = np.arange(posts)
    of_posts = np.concatenate((numbers, numbers, numbers.repeat(len(_OF_SIGNS))))
    return _SALTS[kinds], kinds << BITS, of_posts


def _of_signs(posts: Sequence[_Cut]) -> list[Hashes]:
    """Of each post, of each kind in _OF_SIGNS, the hashes."""
    text = _DIGIT.sub("0", "".join([each.text for each in posts]))
    coded = text.encode("utf-32-le", "surrogatepass")
    signs = np.frombuffer(coded, _SIGN).astype(np.uint64)
    one = signs * _A
    two = one[:-1] + signs[1:] * _B
    three = two[:-1] + signs[2:] * _C
    parts, start = [], 0
    for each in posts:
        end, title = start + len(each.text), start + each.title
        parts += [
            one[start:end],
            two[start : end - 1],
            one[start:title],
            two[start : max(title - 1, start)],
            three[start : max(title - 2, start)],
            two[max(end - ENDING - 1, start) : end - 1],
        ]
        start = end
    return parts


def _buckets(hashed: Hashes, salts: Hashes, starts: Buckets) -> Buckets:
    """In place: for a single post each array made anew takes as long as what is done with it."""
    hashed += salts
    hashed ^= hashed >> _FOLD
    hashed *= _D
    hashed ^= hashed >> _FOLD
    hashed *= _A
    hashed >>= _SHIFT
    buckets: Buckets = hashed.view(np.int64)
    buckets += starts
    return buckets


class _WordHashes(dict[str, bytes]):
    """Of each word its hash. A cache that knows which word came last takes twice as long."""

    def __missing__(self, word: str) -> bytes:
        value = 0
        for sign in word.translate(_DIGITS):
            value = (value * 1_000_003 + ord(sign) * 0x9E3779B1 + 1) & _WORD_BITS
        if len(self) >= _KEPT_WORDS:
            self.clear()
        found = self[word] = value.to_bytes(8, "little")
        return found


_HASHES = _WordHashes()
