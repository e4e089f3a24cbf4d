"""What was judged and what was found in, precision, recall, F1 with intervals out. Pure numpy.

A post may have several classes or none; called by `huisheng train` and `huisheng evaluate`."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
AT_ONCE = 100
Z95 = 1.959963984540054
NONE = "–"

Flags = NDArray[np.bool_]
Reals = NDArray[np.float64]
Classes = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Measured:
    """A value with its 95 % interval; nan where there is nothing to divide by."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ClassScore:
    """One class: posts found rightly, found wrongly, missed."""

    name: str
    right: int
    wrong: int
    missed: int

    @property
    def support(self) -> int:
        return self.right + self.missed

    @property
    def precision(self) -> Measured:
        return wilson(self.right, self.right + self.wrong)

    @property
    def recall(self) -> Measured:
        return wilson(self.right, self.support)

    @property
    def f1(self) -> float:
        met = 2 * self.right + self.wrong + self.missed
        return 2 * self.right / met if met else nan


@dataclass(frozen=True)
class Scores:
    """`macro` is the mean over the classes of `over`."""

    classes: tuple[ClassScore, ...]
    micro: Measured
    macro: Measured
    over: tuple[str, ...]


@dataclass(frozen=True)
class Confusion:
    """`counts[truth, found]`; the last class is NONE where there is one without a class."""

    classes: tuple[str, ...]
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class Bin:
    """Of `count` tags with scores from `low` to `high`: the mean score, and the share right."""

    low: float
    high: float
    count: int
    mean: float
    right: float


@dataclass(frozen=True)
class Calibration:
    """`error`: the expected calibration error, the mean distance of score and share right."""

    error: float
    bins: tuple[Bin, ...]


def wilson(right: int, of: int) -> Measured:
    """A share with Wilson's score interval."""
    if not of:
        return Measured(nan, nan, nan)
    share, z2 = right / of, Z95 * Z95
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z95 * sqrt(share * (1 - share) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    low = middle - half if right else 0.0
    high = middle + half if right < of else 1.0
    return Measured(share, low, high)


def score(truth: Classes, found: Classes, fewest: int = 1, seed: int = 0) -> Scores:
    """Classes by name; macro-F1 is over those that `fewest` posts or more have in truth.

    The intervals of micro- and macro-F1 are of posts drawn anew RESAMPLES times, by `seed`.
    """
    names = sorted({name for each in (*truth, *found) for name in each})
    true, told = flags(truth, names), flags(found, names)
    hits, wrong, missed = true & told, ~true & told, true & ~told
    totals = [part.sum(axis=0) for part in (hits, wrong, missed)]
    classes = tuple(
        ClassScore(name, *(int(total[column]) for total in totals))
        for column, name in enumerate(names)
    )
    over = np.array([each.support >= fewest for each in classes], np.bool_)
    right, false, lost = (total[None, :].astype(np.float64) for total in totals)
    points = _f1s(right, false, lost, over)
    drawn = _resampled((hits, wrong, missed), over, seed)
    micro, macro = map(_measured, points, drawn)
    kept = tuple(each.name for each in classes if each.support >= fewest)
    return Scores(classes, micro, macro, kept)


def flags(posts: Classes, names: Sequence[str]) -> Flags:
    """A row a post, a column a class."""
    column = {name: index for index, name in enumerate(names)}
    table = np.zeros((len(posts), len(names)), np.bool_)
    for row, each in enumerate(posts):
        for name in each:
            table[row, column[name]] = True
    return table


def _f1s(right: Reals, wrong: Reals, missed: Reals, over: Flags) -> tuple[Reals, Reals]:
    """Micro- and macro-F1 of each row of counts; a class that a row does not meet is left out."""
    return _f1(right.sum(axis=1), wrong.sum(axis=1), missed.sum(axis=1)), _mean(
        _f1(right, wrong, missed)[:, over]
    )


def _f1(right: Reals, wrong: Reals, missed: Reals) -> Reals:
    met = 2 * right + wrong + missed
    f1 = np.full(met.shape, nan)
    np.divide(2 * right, met, out=f1, where=met > 0)
    return f1


def _mean(values: Reals) -> Reals:
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    mean = np.full(len(values), nan)
    np.divide(np.where(known, values, 0.0).sum(axis=1), count, out=mean, where=count > 0)
    return mean


def _resampled(parts: Sequence[Flags], over: Flags, seed: int) -> tuple[Reals, Reals]:
    """How often each post is drawn times what it counts for: all resamples in one product."""
    chance, posts = np.random.default_rng(seed), len(parts[0])
    counted = [part.astype(np.float64) for part in parts]
    micro, macro = [], []
    for _ in range(RESAMPLES // AT_ONCE if posts else 0):
        drawn = chance.integers(0, posts, (AT_ONCE, posts)) + np.arange(AT_ONCE)[:, None] * posts
        times = np.bincount(drawn.ravel(), minlength=AT_ONCE * posts).reshape(AT_ONCE, posts)
        right, wrong, missed = (times.astype(np.float64) @ part for part in counted)
        one, other = _f1s(right, wrong, missed, over)
        micro.append(one)
        macro.append(other)
    return np.concatenate([np.empty(0), *micro]), np.concatenate([np.empty(0), *macro])


def _measured(point: Reals, drawn: Reals) -> Measured:
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn):
        return Measured(float(point[0]), nan, nan)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Measured(float(point[0]), float(low), float(high))


def confusion(truth: Classes, found: Classes) -> Confusion:
    """The first class of each post against the first that was found."""
    pairs = [
        (next(iter(true), NONE), next(iter(told), NONE))
        for true, told in zip(truth, found, strict=True)
    ]
    met = {name for pair in pairs for name in pair}
    names = (*sorted(met - {NONE}), *((NONE,) if NONE in met else ()))
    place = {name: index for index, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)), np.int64)
    for true, told in pairs:
        counts[place[true], place[told]] += 1
    return Confusion(names, counts)


def calibration(scores: Sequence[float], right: Sequence[bool], bins: int = 10) -> Calibration:
    """Equal bins from 0 to 1; those without a score are left out."""
    values, hits = np.array(scores, np.float64), np.array(right, np.float64)
    bin_of = np.clip((values * bins).astype(np.int64), 0, bins - 1)
    filled = []
    for number in np.unique(bin_of).tolist():
        inside = bin_of == number
        mean, share = float(values[inside].mean()), float(hits[inside].mean())
        filled.append(Bin(number / bins, (number + 1) / bins, int(inside.sum()), mean, share))
    apart = sum(each.count * abs(each.mean - each.right) for each in filled)
    return Calibration(apart / len(values) if len(values) else nan, tuple(filled))
