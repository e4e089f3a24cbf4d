"""Samples in, the number of the fold that judges each out. Called by `train` and `evaluate`.

Texts that are nearly equal share a fold, so that no model is judged on what it was fitted on."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from analyzers.labelled import HEADS, Sample
from analyzers.segment import fold

SHINGLE = 5
# With eight bands of three, texts of which 80 % is shared meet nearly always, of 30 % one in five.
BANDS, BAND_ROWS = 8, 3
# The share of pieces that two texts have in common, of all the pieces that they have.
NEARLY = 0.6
# A text that was cut, and lost its small words, is looked for by its rarest pairs of signs in the
# whole ones; so many of all its pairs must be there.
RAREST, CONTAINED = 12, 0.85
BLANK = np.uint64(ord(" "))

Numbers = NDArray[np.int64]
Pieces = NDArray[np.uint64]


def folds(samples: Sequence[Sample], k: int, seed: int) -> Numbers:
    """0 to k - 1 for each sample, its rarest label spread evenly over the folds."""
    return deal(samples, groups(samples), k, seed)


def deal(samples: Sequence[Sample], group_of: Numbers, k: int, seed: int) -> Numbers:
    """The same where the groups that stay together are known."""
    labels = [_labels(sample) for sample in samples]
    counts = Counter(label for each in labels for label in each)
    members: dict[int, list[int]] = defaultdict(list)
    for index, group in enumerate(group_of.tolist()):
        members[group].append(index)
    rarest = {
        group: min(
            (label for index in indices for label in labels[index]),
            key=lambda label: (counts[label], label),
            default="",
        )
        for group, indices in members.items()
    }
    order = list(members)
    chance = random.Random(seed)
    chance.shuffle(order)
    order.sort(key=lambda group: (counts[rarest[group]], -len(members[group])))
    held: list[Counter[str]] = [Counter() for _ in range(k)]
    sizes = [0] * k
    fold_of = np.zeros(len(samples), np.int64)
    for group in order:
        label = rarest[group]
        fold = min(range(k), key=lambda f: (held[f][label], sizes[f], f))
        for index in members[group]:
            fold_of[index] = fold
            held[fold].update(labels[index])
        sizes[fold] += len(members[group])
    return fold_of


def _labels(sample: Sample) -> list[str]:
    return [f"{head} {label}" for head in HEADS for label in sample.labels(head) or ()]


def groups(samples: Sequence[Sample]) -> Numbers:
    """Samples whose texts are equal or nearly so have the same number."""
    shingles = [_shingles(sample.key) for sample in samples]
    leader = list(range(len(samples)))
    pairs = (
        (bucket[0], other)
        for bucket in _meeting(shingles)
        for other in bucket[1:]
        if _root(leader, bucket[0]) != _root(leader, other) and _near(shingles, bucket[0], other)
    )
    for one, other in chain(pairs, _cut_and_whole(samples)):
        leader[_root(leader, other)] = _root(leader, one)
    return np.array([_root(leader, index) for index in range(len(samples))], np.int64)


def _cut_and_whole(samples: Sequence[Sample]) -> Iterator[tuple[int, int]]:
    """Pairs of a text that was cut into words, and the whole one that it was made of."""
    cut = {index: _pairs(fold(each.body)) for index, each in enumerate(samples) if each.tokens}
    if not cut or len(cut) == len(samples):
        return
    counts = Counter(number for pairs in cut.values() for number in pairs.tolist())
    by_pair: dict[int, list[int]] = defaultdict(list)
    for index, pairs in cut.items():
        for number in sorted(pairs.tolist(), key=lambda each: (counts[each], each))[:RAREST]:
            by_pair[number].append(index)
    for index, sample in enumerate(samples):
        if sample.tokens:
            continue
        pairs = _pairs(sample.key)
        hits = Counter(at for number in pairs.tolist() for at in by_pair.get(number, ()))
        for other, count in hits.items():
            if count >= min(RAREST, len(cut[other])) / 2 and _holds(pairs, cut[other]):
                yield index, other


def _pairs(text: str) -> Pieces:
    """Numbers of the pairs of signs in a text, each once; none across a blank."""
    signs = np.frombuffer(text.encode("utf-32-le", "ignore"), np.uint32).astype(np.uint64)
    first, second = signs[:-1], signs[1:]
    inside = (first != BLANK) & (second != BLANK)
    return np.unique(first[inside] * np.uint64(2**32) + second[inside])


def _holds(whole: Pieces, part: Pieces) -> bool:
    return len(np.intersect1d(whole, part, assume_unique=True)) >= CONTAINED * len(part)


def _root(leader: list[int], index: int) -> int:
    while leader[index] != index:
        leader[index] = leader[leader[index]]
        index = leader[index]
    return index


def _shingles(key: str) -> Pieces:
    """Numbers of all pieces of SHINGLE signs, each once; of a short text, of the whole of it."""
    signs = np.frombuffer(key.encode("utf-32-le", "ignore"), np.uint32).astype(np.uint64)
    width = min(SHINGLE, len(signs))
    numbers = np.zeros(len(signs) - width + 1, np.uint64)
    for offset in range(width):
        numbers = numbers * np.uint64(1_000_003) + signs[offset : offset + len(numbers)]
    return np.unique(numbers * np.uint64(0x9E3779B97F4A7C15))


def _meeting(shingles: Sequence[Pieces]) -> list[list[int]]:
    """Texts that share a band of their smallest numbers: what is worth comparing."""
    chance = np.random.default_rng(0)
    factors = chance.integers(1, 2**63, BANDS * BAND_ROWS, np.uint64) | np.uint64(1)
    met: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for index, numbers in enumerate(shingles):
        if not len(numbers):
            continue
        mixed = numbers[:, None] * factors[None, :]
        least = (mixed >> np.uint64(16)).min(axis=0).reshape(BANDS, BAND_ROWS)
        for band in range(BANDS):
            met[band, least[band].tobytes()].append(index)
    return [bucket for bucket in met.values() if len(bucket) > 1]


def _near(shingles: Sequence[Pieces], one: int, other: int) -> bool:
    shared = len(np.intersect1d(shingles[one], shingles[other], assume_unique=True))
    return shared >= NEARLY * (len(shingles[one]) + len(shingles[other]) - shared)
