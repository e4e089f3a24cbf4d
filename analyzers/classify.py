"""Fitted weights in; for a batch of posts the score of each class, calibrated, with its words.

Numpy alone: what scikit-learn fitted (train.py) is added up here, without loading it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzers.features import BUCKETS, KINDS, Features
from analyzers.model_files import ModelError

Floats = NDArray[np.float32]
MOST_WORDS = 4
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


@dataclass(frozen=True)
class Scores:
    """Of each post and class the probability; `shares`: what each word of a post adds."""

    probabilities: Floats
    posts: NDArray[np.int64]
    rows: NDArray[np.int64]

    def words_of(self, post: int) -> NDArray[np.int64]:
        """The rows of a post's words, -1 for a word that the model does not know."""
        start, end = np.searchsorted(self.posts, (post, post + 1))
        return self.rows[start:end]


@dataclass(frozen=True)
class Model:
    """`buckets` (rows): the features that count. `idf` (rows): the weight of one occurrence.

    `weights` (rows, columns); `signals`: names of what the rules say, with `signal_weights`
    (signals, columns); `bias`, `slope`, `shift`, `thresholds` (columns): probability is
    1 / (1 + exp(-(slope * score + shift))), and from the threshold on the class is said.
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

    def __post_init__(self) -> None:
        table = np.full(BUCKETS, -1, np.int32)
        table[self.buckets] = np.arange(len(self.buckets), dtype=np.int32)
        object.__setattr__(self, "_table", table)

    def values(self, features: Features, posts: int) -> tuple[NDArray[np.int64], ...]:
        """Which post, which row, how often: each pair once, in order; unknown features left out."""
        rows = self._rows(features.buckets)
        known = rows >= 0
        keys = features.posts[known] * len(self.buckets) + rows[known]
        unique, counts = np.unique(keys, return_counts=True)
        return (*np.divmod(unique, len(self.buckets)), counts)

    def decide(self, features: Features, signals: Floats) -> Floats:
        """The score of each post (row) for each class (column), as scikit-learn's estimators
        score the same features: TF-IDF with 1 + ln(count), of length 1, and the signals."""
        posts, rows, counts = self.values(features, len(signals))
        values = (1 + np.log(counts)).astype(np.float32) * self.idf[rows]
        total = len(signals)
        length = np.sqrt(np.bincount(posts, values * values, total)).astype(np.float32)
        values /= np.maximum(length, np.float32(1e-12))[posts]
        scores = signals @ self.signal_weights + self.bias
        if len(posts):
            starts = np.flatnonzero(np.diff(posts, prepend=-1))
            products = self.weights[rows] * values[:, None]
            scores[posts[starts]] += np.add.reduceat(products, starts, axis=0)
        return scores.astype(np.float32)

    def score(self, features: Features, signals: Floats) -> Scores:
        scores = self.decide(features, signals)
        with np.errstate(over="ignore"):
            probabilities = 1 / (1 + np.exp(-(self.slope * scores + self.shift)))
        words = sum(map(len, features.words))
        return Scores(probabilities, features.posts[:words], self._rows(features.buckets[:words]))

    def strongest(self, words: Sequence[str], rows: NDArray[np.int64], column: int) -> list[str]:
        """The words that speak most for a class, the strongest first."""
        known = rows >= 0
        shares = np.where(known, self.weights[rows, column] * self.idf[rows], 0)
        best = np.argsort(-shares)[: 2 * MOST_WORDS]
        found = dict.fromkeys(words[index] for index in best if shares[index] > 0)
        return list(found)[:MOST_WORDS]

    def _rows(self, buckets: NDArray[np.int64]) -> NDArray[np.int64]:
        table: NDArray[np.int32] = self._table  # type: ignore[attr-defined]
        return table[buckets].astype(np.int64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "buckets": self.buckets,
            "idf": self.idf.astype(np.float16),
            "weights": self.weights.astype(np.float16),
            "signal_weights": self.signal_weights,
            "bias": self.bias,
        }

    def card_fields(self) -> dict[str, object]:
        return {
            "features": {"kinds": KINDS, "buckets": BUCKETS, "signals": list(self.signals)},
            "classes": {head: list(names) for head, names in self.columns.classes.items()},
            "thresholds": _numbers(thresholds=self.thresholds),
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
                thresholds=np.asarray(fields["thresholds"]["thresholds"], np.float32),
            )
            _check(made, fields["features"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ModelError(
                f"the model's card and weights do not fit ({error}); {REFIT}"
            ) from None
        return made


def _numbers(**arrays: Floats) -> dict[str, list[float]]:
    return {name: [float(value) for value in array] for name, array in arrays.items()}


def _check(model: Model, features: Mapping[str, Any]) -> None:
    """Raises ValueError."""
    rows, columns, signals = len(model.buckets), len(model.columns), len(model.signals)
    if (features["kinds"], features["buckets"]) != (KINDS, BUCKETS):
        raise ValueError("made for other features")
    shapes = {
        "idf": (rows,),
        "weights": (rows, columns),
        "signal_weights": (signals, columns),
        **dict.fromkeys(("bias", "slope", "shift", "thresholds"), (columns,)),
    }
    for name, shape in shapes.items():
        if getattr(model, name).shape != shape:
            raise ValueError(f"{name} has the wrong shape")
    if rows and not 0 <= int(model.buckets.min()) <= int(model.buckets.max()) < BUCKETS:
        raise ValueError("a bucket is out of range")
