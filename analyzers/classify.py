"""Fitted weights in; for a batch of posts the score of each class, calibrated, with its words.

Numpy alone: what scikit-learn fitted (train.py) is added up here, without loading it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analyzers.features import BODY_READ, BUCKETS, KINDS, TITLE_READ, Features
from analyzers.model_files import TOPICS, ModelError
from analyzers.new_rules import Digests

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Rows = NDArray[np.int32]
MOST_WORDS = 4
# Posts, and letters: a text of so many characters is long.
FORMS = ("short", "long")
LONG = 120
# 1 + ln(count), for as many signs as are read of a post, and more.
_TIMES = (1 + np.log(np.arange(2 * (TITLE_READ + BODY_READ)).clip(1))).astype(np.float32)
# As arrays: with a single post, numpy takes longer to make one of a number than to reckon with it.
_ROW_BITS, _ROW = np.array(32), np.array((1 << 32) - 1)
_LEAST_LENGTH = np.array(1e-12, np.float32)
# e to the power of more is no number of single precision.
_ONE, _MOST_AGAINST = np.array(1, np.float32), np.array(88, np.float32)
# A product of more numbers, with a vector or a matrix, is shared out among threads, which wait for
# each other longer than it takes.
_VECTOR, _MATRIX = 8_192, 131_072
REFIT = "fit it anew with `huisheng train`"


@dataclass(frozen=True)
class Columns:
    """The classes of every head side by side: `classes[head]` stand in `slices[head]`."""

    classes: dict[str, tuple[str, ...]]

    @property
    def slices(self) -> dict[str, slice]:
        found, start = {}, 0
        for head, classes in self.classes.items():
            found[head] = slice(start, start + len(classes))
            start += len(classes)
        return found

    def __len__(self) -> int:
        return sum(map(len, self.classes.values()))


class Scores(NamedTuple):
    """Of each post and class the probability. `rows`: of the words of one post after the other the
    row in the model, -1 for a word that the model does not know."""

    probabilities: Floats
    rows: Rows


class _Ready(NamedTuple):
    """Of a model, what each batch needs in another form: `table` (buckets): the row, or -1; the
    others at double precision: how a product is summed up depends on the size of the batch.
    """

    table: Rows
    signal_weights: Doubles
    bias: Doubles


@dataclass(frozen=True)
class Model:
    """`buckets` (rows): the features that count. `idf` (rows): the weight of one occurrence.

    `weights` (rows, columns), as numbers of half precision; `signals`: names of what the rules say,
    with `signal_weights` (signals, columns); `bias`, `slope`, `shift` (columns): probability is
    1 / (1 + exp(-(slope * score + shift))). `thresholds` (2, columns): from it on the class is
    said, in short texts and in long ones. `rules`: digests of those that it was fitted beside.
    """

    version: str
    columns: Columns
    signals: tuple[str, ...]
    buckets: NDArray[np.int32]
    idf: Floats
    weights: Floats
    signal_weights: Floats
    bias: Floats
    slope: Floats
    shift: Floats
    thresholds: Floats
    rules: Digests

    @cached_property
    def _ready(self) -> _Ready:
        """Made when the first batch comes: until then a model that is being fitted changes."""
        table = np.full(BUCKETS, -1, np.int32)
        table[self.buckets] = np.arange(len(self.buckets), dtype=np.int32)
        doubles = (each.astype(np.float64) for each in (self.signal_weights, self.bias))
        return _Ready(table, *doubles)

    def decide(self, features: Features, signals: Floats) -> Floats:
        """The score of each post (row) for each class (column), as scikit-learn's estimators
        score the same features: TF-IDF with 1 + ln(count), of length 1, and the signals."""
        everything = [slice(None)] * len(signals)
        return self._decide(features.posts, self._rows(features.buckets), signals, everything)

    def score(self, features: Features, signals: Floats, long: Sequence[bool]) -> Scores:
        """`long`: which posts are long; the topics of the other form are not weighed."""
        rows = self._rows(features.buckets)
        scores = self._decide(
            features.posts, rows, signals, [self._columns_of[each] for each in long]
        )
        against = np.minimum(-(self.slope * scores + self.shift), _MOST_AGAINST)
        return Scores(_ONE / (_ONE + np.exp(against)), rows[: sum(map(len, features.words))])

    def shares(self, rows: Rows, column: int) -> Floats:
        """What each word speaks for a class: its part of the score of a post that says nothing
        else."""
        if not len(self.buckets):
            return np.zeros(len(rows), np.float32)
        weights: Floats = self.weights[rows, column]
        return weights * self.idf.take(rows, mode="clip") * (rows >= 0)

    @cached_property
    def _columns_of(self) -> tuple[slice, slice]:
        """What is weighed of short texts, and of long ones: the topics of these stand last."""
        slices, (short, long) = self.columns.slices, TOPICS
        if long not in slices:
            return slice(None), slice(None)
        return slice(0, slices[long].start), slice(slices[short].stop, None)

    def _decide(
        self, posts: NDArray[np.int64], rows: Rows, signals: Floats, columns: Sequence[slice]
    ) -> Floats:
        total = len(signals)
        posts, known, counts = _counted(posts, rows)
        values = _TIMES.take(counts) * self.idf.take(known)
        length = np.sqrt(np.bincount(posts, values * values, total)).astype(np.float32)
        values /= np.maximum(length, _LEAST_LENGTH).take(posts)
        scores = self._of_signals(signals.astype(np.float64))
        scores += self._ready.bias
        weights = self.weights.take(known, 0, mode="clip")
        ends = posts.searchsorted(np.arange(total), "right").tolist()
        step = max(1, _VECTOR // max(1, len(self.columns)))
        for score, (start, end), asked in zip(scores, pairwise([0, *ends]), columns, strict=True):
            for at in range(start, end, step):
                to = min(at + step, end)
                score[asked] += values[at:to].dot(weights[at:to, asked])
        return scores.astype(np.float32)

    def _of_signals(self, signals: Doubles) -> Doubles:
        weights = self._ready.signal_weights
        step = max(1, _MATRIX // max(1, weights.size))
        if len(signals) <= step:
            return signals @ weights
        starts = range(0, len(signals), step)
        return np.concatenate([signals[start : start + step] @ weights for start in starts])

    def _rows(self, buckets: NDArray[np.int64]) -> Rows:
        return self._ready.table.take(buckets)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "buckets": self.buckets,
            "idf": self.idf.astype(np.float16),
            "weights": self.weights.astype(np.float16),
            "signal_weights": self.signal_weights,
            "bias": self.bias,
            "rules": self.rules,
        }

    def card_fields(self) -> dict[str, object]:
        return {
            "features": {"kinds": KINDS, "buckets": BUCKETS, "signals": list(self.signals)},
            "classes": {head: list(names) for head, names in self.columns.classes.items()},
            "thresholds": _numbers(**dict(zip(FORMS, self.thresholds, strict=True))),
            "calibration": _numbers(slope=self.slope, shift=self.shift),
        }

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], fields: Mapping[str, Any]) -> "Model":
        """Raises ModelError where arrays and card do not belong together."""
        try:
            columns = Columns({head: tuple(names) for head, names in fields["classes"].items()})
            made = cls(
                version=str(fields.get("version", "")),
                columns=columns,
                signals=tuple(fields["features"]["signals"]),
                buckets=np.asarray(arrays["buckets"], np.int32),
                **{
                    name: np.asarray(arrays[name], np.float32)
                    for name in ("idf", "weights", "signal_weights", "bias")
                },
                slope=np.asarray(fields["calibration"]["slope"], np.float32),
                shift=np.asarray(fields["calibration"]["shift"], np.float32),
                rules=np.asarray(arrays["rules"], np.uint32),
                thresholds=np.asarray([fields["thresholds"][form] for form in FORMS], np.float32),
            )
            _check(made, fields["features"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            message = f"the model's card and its weights do not fit ({error}); {REFIT}"
            raise ModelError(message) from None
        return made


def is_long(title: str, body: str) -> bool:
    return len(title) + len(body) >= LONG


def strongest(words: Sequence[str], shares: Floats) -> tuple[str, ...]:
    """The words that speak most for a class, the strongest first."""
    best = np.negative(shares).argsort(kind="stable")[: 2 * MOST_WORDS]
    speaking = zip(best.tolist(), shares.take(best).tolist(), strict=True)
    return tuple(dict.fromkeys(words[at] for at, share in speaking if share > 0))[:MOST_WORDS]


def _counted(posts: NDArray[np.int64], rows: Rows) -> tuple[NDArray[np.int64], ...]:
    """Which post, which row, how often: each pair once, in order; unknown features left out."""
    keys = posts << _ROW_BITS
    keys |= rows
    # By hand: for a single post np.unique takes as long as all else here.
    keys.sort()
    # Unknown features are -1, whatever their post.
    keys = keys[keys.searchsorted(0) :]
    is_edge = np.empty(len(keys) + 1, np.bool_)
    is_edge.fill(True)
    np.not_equal(keys[1:], keys[:-1], out=is_edge[1:-1])
    edges = is_edge.nonzero()[0]
    first = edges[:-1]
    keys = keys.take(first)
    return keys >> _ROW_BITS, keys & _ROW, edges[1:] - first


def _numbers(**arrays: Floats) -> dict[str, list[float]]:
    return {name: [float(value) for value in array] for name, array in arrays.items()}


def _check(model: Model, features: Mapping[str, Any]) -> None:
    """Raises ValueError with the finding."""
    wrong = _wrong(model, features)
    if wrong:
        raise ValueError(wrong)


def _wrong(model: Model, features: Mapping[str, Any]) -> str:
    rows, columns, signals = len(model.buckets), len(model.columns), len(model.signals)
    if (features["kinds"], features["buckets"]) != (KINDS, BUCKETS):
        return "made for other features"
    classes, (short, long) = model.columns.classes, TOPICS
    if long in classes and not (
        classes.get(short) == classes[long]
        and (short, long) == (next(iter(classes)), next(reversed(classes)))
    ):
        return f"{short}, the first head, and {long}, the last, are not of the same classes"
    shapes = {
        "idf": (rows,),
        "weights": (rows, columns),
        "signal_weights": (signals, columns),
        **dict.fromkeys(("bias", "slope", "shift"), (columns,)),
        "thresholds": (len(FORMS), columns),
        "rules": (model.rules.size,),
    }
    for name, shape in shapes.items():
        if getattr(model, name).shape != shape:
            return f"{name} has the wrong shape"
        if not np.isfinite(getattr(model, name)).all():
            return f"{name} holds values that are no numbers"
    if rows and not 0 <= int(model.buckets.min()) <= int(model.buckets.max()) < BUCKETS:
        return "a bucket is out of range"
    return ""
