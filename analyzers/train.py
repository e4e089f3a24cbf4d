"""Labelled posts in, a fitted model out: the one file that knows scikit-learn.

One linear classifier a class, on features that hold no text; its scores are calibrated on posts
that it was not fitted on. Called by `huisheng train` and `huisheng evaluate`.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from analyzers.classify import Columns, Floats, Model, is_long
from analyzers.features import BITS, BUCKETS, extract
from analyzers.folds import folds
from analyzers.keywords import RuleBook
from analyzers.labelled import FEWEST, HEADS, Sample
from analyzers.model_files import TOPICS
from analyzers.new_rules import Digests, rule_digests
from analyzers.pieces import has_pieces, pieces
from analyzers.reading import read
from analyzers.rule_syntax import parse_files, quoted_words
from analyzers.segment import Segmenter
from analyzers.signals import SignalReader, rule_files, signal_names
from analyzers.unit_names import words_to_know
from runtime.config import Config
from schemas.posts import Owed

# By kind of feature: words, signs, pairs; of the title words, signs, pairs, triples; the ending.
KIND_WEIGHTS = (1.0, 0.5, 0.8, 0.7, 0.5, 0.6, 0.7, 0.4)
# A feature that fewer posts hold tells nothing, nor one that a smaller share of them holds.
FEWEST_POSTS, LEAST_SHARE = 4, 1 / 3500
# Topics of long texts may be told by more features: these hold more.
STRENGTH = {"topics": 0.15, "topics_long": 1.0, "owed": 1.0, "danger": 0.7, "department": 1.0}
# How much more a rare class weighs: 1 as much as all others together, 0.5 the root of that, which
# keeps both letters, where nearly all complain, and posts, where hardly any does.
RARITY = {"topics": 1.0, "topics_long": 1.0, "owed": 0.5, "danger": 0.5, "department": 1.0}
# How much a feature counts by what it tells of the class (NB-SVM of Wang and Manning, 2012), next
# to counting as it stands. So few posts tell of danger that chance would be told instead.
TELLING = {"topics": 0.3, "topics_long": 0.5, "owed": 0.3, "danger": 0.0, "department": 0.3}
# Of what was seen in no post of a class: as if a tenth of one had it.
UNSEEN = 0.1
# In doubt an answer is owed, and a post is about a school: who is passed over is not heard.
LEAN = {"mention": 0.1, "not_education": 0.1}
# A class is said from this score on, in short texts and in long ones: in a letter a second topic is
# more often wrong than missed.
LEAST_SCORE = {"topics": (0.15, 0.3), "topics_long": (0.3, 0.3)}
# The rules say nothing of departments.
WITHOUT_SIGNALS = {"department"}
# The classes of these stand against each other, by the highest score: a sigmoid for each would
# favour those of which little is known.
TOGETHER = {"topics", "topics_long", "owed", "department"}
# Danger missed costs more than danger marked in vain, as long as most marks are right; in a letter,
# which tells it in half a sentence, as long as every second is.
DANGER_PRECISION = (0.8, 0.55)
CALIBRATION_FOLDS = 3
# With fewer posts, or fewer letters, both are read alike.
FEWEST_OF_FORM = 100
TINY = 1e-12
# Of scores that tell nothing: every probability is about the share of the class.
FLATTEST = 1e-3
AT_ONCE = 256
SEED = 0

Told = Callable[[float], None]
# A sparse matrix of scipy, which tells no types.
Matrix = Any


@dataclass(frozen=True)
class Pieces:
    """Of the long texts of which danger is judged: `owners` (pieces): whose it is."""

    owners: NDArray[np.int64]
    counts: Matrix
    signals: Floats


@dataclass(frozen=True)
class Material:
    """The samples made ready: `counts` (samples, BUCKETS), `signals` (samples, names). `rules`:
    digests of those that told the signals."""

    samples: Sequence[Sample]
    names: tuple[str, ...]
    counts: Matrix
    signals: Floats
    rules: Digests
    pieces: Pieces


def fit(samples: Sequence[Sample], config: Config, told: Told = lambda share: None) -> Model:
    """`samples` have no class that is too rare to be learned."""
    material = prepare(samples, config)
    columns = Columns(_classes(samples, config))
    model = fit_on(material, columns, np.arange(len(samples)))
    told(1 / (CALIBRATION_FOLDS + 1))
    return _calibrated(model, material, columns, told)


def prepare(samples: Sequence[Sample], config: Config) -> Material:
    named = rule_files(config)
    files = parse_files(named.values())
    words = [word for file in files for word in quoted_words(file)]
    segmenter = Segmenter(config.settings.analyze.engine, [*words_to_know(config.units), *words])
    book, names = RuleBook(files), signal_names(list(named), files)
    reader = SignalReader(list(named), names)

    def look(texts: Sequence[tuple[str, str]]) -> tuple[Matrix, Floats]:
        counts, signals = (
            [sparse.csr_matrix((0, BUCKETS), dtype=np.float32)],
            [np.zeros((0, len(names)), np.float32)],
        )
        for start in range(0, len(texts), AT_ONCE):
            batch = [read(*text, segmenter) for text in texts[start : start + AT_ONCE]]
            signals.append(reader.read(batch, [book.match(reading) for reading in batch]))
            found = extract(batch)
            ones = np.ones(len(found.posts), np.float32)
            shape = (len(batch), BUCKETS)
            counts.append(sparse.csr_matrix((ones, (found.posts, found.buckets)), shape))
        return sparse.vstack(counts).tocsr(), np.vstack(signals)

    owners, texts = _cut(samples)
    rules = rule_digests(list(named), files)
    whole = look([(sample.title, sample.body) for sample in samples])
    return Material(samples, names, *whole, rules, Pieces(owners, *look(texts)))


def _cut(samples: Sequence[Sample]) -> tuple[NDArray[np.int64], list[tuple[str, str]]]:
    """Whose piece it is, and its text. Of words that were cut before the sentences are lost."""
    found = [
        (index, ("", piece))
        for index, sample in enumerate(samples)
        if sample.danger is not None and not sample.tokens and has_pieces(sample.title, sample.body)
        for piece in pieces(sample.title, sample.body)
    ]
    return np.array([index for index, _ in found], np.int64), [text for _, text in found]


def fit_on(material: Material, columns: Columns, chosen: NDArray[np.int64]) -> Model:
    """A model of some of the samples, not calibrated."""
    counts = material.counts[chosen]
    spread = np.bincount(counts.indices, minlength=BUCKETS)
    fewest = max(FEWEST_POSTS, round(len(chosen) * LEAST_SHARE))
    buckets = np.flatnonzero(spread >= fewest).astype(np.int32)
    kinds = np.array(KIND_WEIGHTS)[buckets >> BITS]
    idf = (np.log((1 + len(chosen)) / (1 + spread[buckets])) + 1) * kinds
    width, signals = len(columns), material.signals[chosen]
    model = Model(
        version="",
        columns=columns,
        signals=material.names,
        buckets=buckets,
        idf=_rounded(idf),
        weights=np.zeros((len(buckets), width), np.float32),
        signal_weights=np.zeros((len(material.names), width), np.float32),
        bias=np.zeros(width, np.float32),
        slope=np.ones(width, np.float32),
        shift=np.zeros(width, np.float32),
        thresholds=np.full((2, width), 0.5, np.float32),
        rules=material.rules,
    )
    inputs = design(model, counts, signals)
    for head, place in columns.slices.items():
        _fit_head(model, head, place, inputs, [material.samples[index] for index in chosen])
    return model


def design(model: Model, counts: Matrix, signals: Floats) -> Matrix:
    """What the estimators see: TF-IDF of length 1, and the signals."""
    values = counts[:, model.buckets].tocsr(copy=True)
    values.data = 1 + np.log(values.data)
    values = (values @ sparse.diags(model.idf)).tocsr()
    length = np.sqrt(np.asarray(values.multiply(values).sum(axis=1)).ravel())
    values = sparse.diags(1 / np.maximum(length, TINY)) @ values
    return sparse.hstack([values, sparse.csr_matrix(signals)]).tocsr()


def estimator(head: str, truth: NDArray[np.bool_]) -> LinearSVC:
    balance = {value: len(truth) / (2 * np.sum(truth == value)) for value in (False, True)}
    weight = {value: share ** RARITY[head] for value, share in balance.items()}
    return LinearSVC(C=STRENGTH[head], class_weight=weight, tol=0.01, random_state=SEED)


def _fit_head(
    model: Model, head: str, place: slice, inputs: Matrix, samples: Sequence[Sample]
) -> None:
    judged = [index for index, sample in enumerate(samples) if _labels(sample, head) is not None]
    rows, known = inputs[judged], len(model.buckets)
    used = np.flatnonzero(np.bincount(rows.indices, minlength=rows.shape[1]))
    used = used[used < known] if head in WITHOUT_SIGNALS else used
    rows = rows[:, used]
    weights_of = np.array([samples[index].weight for index in judged])
    for column, name in zip(
        range(place.start, place.stop), model.columns.classes[head], strict=True
    ):
        truth = np.array([name in (_labels(samples[index], head) or ()) for index in judged])
        if not truth.any() or truth.all():
            model.bias[column] = 1.0 if truth.all() and len(truth) else -1.0
            continue
        scale = _telling(rows, truth, weights_of, TELLING[head])
        scaled = rows @ sparse.diags(scale)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = estimator(head, truth).fit(scaled, truth, sample_weight=weights_of)
        # The weights of the features as they are.
        fitted.coef_ *= scale
        fitted.intercept_ -= LEAN.get(name, 0.0)
        weights = np.zeros(inputs.shape[1], np.float32)
        weights[used] = fitted.coef_[0]
        model.weights[:, column] = _rounded(weights[:known])
        model.signal_weights[:, column] = weights[known:]
        model.bias[column] = fitted.intercept_[0]


def _telling(rows: Matrix, truth: NDArray[np.bool_], weights: Floats, share: float) -> Floats:
    """What each feature (column) is multiplied by: `share` of it by how far its part in the posts
    of the class lies from that in the others (absolute log-ratio, 1 on the mean)."""
    parts = []
    for value in (True, False):
        held = (truth == value) * weights @ rows + UNSEEN
        parts.append(held / held.sum())
    ratio = np.abs(np.log(parts[0] / parts[1]))
    scale: Floats = 1 + share * (ratio / max(ratio.mean(), TINY) - 1)
    return scale


def _calibrated(model: Model, material: Material, columns: Columns, told: Told) -> Model:
    """Probability by Platt's sigmoid, and thresholds, on scores of unseen samples."""
    fold_of = folds(material.samples, CALIBRATION_FOLDS, SEED)
    scores = np.zeros((len(material.samples), len(columns)), np.float32)
    for fold in range(CALIBRATION_FOLDS):
        part = fit_on(material, columns, np.flatnonzero(fold_of != fold))
        unseen = np.flatnonzero(fold_of == fold)
        inputs = design(part, material.counts[unseen], material.signals[unseen])
        weights = np.vstack([part.weights, part.signal_weights])
        scores[unseen] = inputs @ weights + part.bias
        if "danger" in columns.classes:
            _look_closer(part, material.pieces, unseen, scores[:, columns.slices["danger"].start])
        told((fold + 2) / (CALIBRATION_FOLDS + 1))
    for head, place in columns.slices.items():
        column_of = range(place.start, place.stop)
        told_by = _told_by(material.samples, head, columns)
        judged = [
            _judged([material.samples[index] for index in told_by], head, name, of_class)
            for name, of_class in zip(columns.classes[head], scores[told_by, place].T, strict=True)
        ]
        pooled = [_together(judged)] if head in TOGETHER else judged
        sigmoids = [_sigmoid(*each) for each in pooled] * (len(judged) // len(pooled))
        for column, (slope, shift) in zip(column_of, sigmoids, strict=True):
            model.slope[column], model.shift[column] = slope, shift
            _set_least(model, column, LEAST_SCORE.get(head, (0.0, 0.0)))
        if head == "danger":
            _set_danger(model, place.start, judged[0], _long(material.samples, head))
    return model


def _look_closer(model: Model, pieces: Pieces, chosen: NDArray[np.int64], scores: Floats) -> None:
    """In place: the danger of long texts by the whole and by its worst piece, as tag.py reads."""
    mine = np.flatnonzero(np.isin(pieces.owners, chosen))
    column = model.columns.slices["danger"].start
    inputs = design(model, pieces.counts[mine], pieces.signals[mine])
    told = inputs @ np.append(model.weights[:, column], model.signal_weights[:, column])
    worst = np.full(len(scores), -np.inf, np.float32)
    np.maximum.at(worst, pieces.owners[mine], told + model.bias[column])
    scores[:] = np.where(np.isfinite(worst), (scores + worst) / 2, scores)


Judged = tuple[Floats, NDArray[np.bool_]]


def _told_by(samples: Sequence[Sample], head: str, columns: Columns) -> list[int]:
    """Which samples a head is calibrated on: of topics those of its form, if forms stand apart."""
    if head not in TOPICS or TOPICS[1] not in columns.classes:
        return list(range(len(samples)))
    is_of = head == TOPICS[1]
    return [
        index for index, sample in enumerate(samples) if is_long(sample.title, sample.body) == is_of
    ]


def _judged(samples: Sequence[Sample], head: str, name: str, scores: Floats) -> Judged:
    judged = [index for index, sample in enumerate(samples) if _labels(sample, head) is not None]
    truth = [name in (_labels(samples[index], head) or ()) for index in judged]
    return scores[judged], np.array(truth, np.bool_)


def _together(judged: Sequence[Judged]) -> Judged:
    return np.concatenate([each[0] for each in judged]), np.concatenate(
        [each[1] for each in judged]
    )


def _long(samples: Sequence[Sample], head: str) -> NDArray[np.bool_]:
    """Which of the judged samples are read as long texts."""
    judged = [sample for sample in samples if sample.labels(head) is not None]
    return np.array([is_long(sample.title, sample.body) for sample in judged], np.bool_)


def _sigmoid(scores: Floats, truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and shift of Platt's."""
    if truth.all() or not truth.any():
        return 1.0, 0.0
    fitted = LogisticRegression(C=1e3).fit(scores[:, None], truth)
    slope, shift = fitted.coef_[0, 0], fitted.intercept_[0]
    if slope <= 0:
        # Few samples may score the wrong way round; turned over, the class would be said by those.
        slope, shift = FLATTEST, np.log(truth.mean() / (1 - truth.mean()))
    return float(slope), float(shift)


def _set_danger(model: Model, column: int, judged: Judged, long: NDArray[np.bool_]) -> None:
    """As low as so many of the posts of a form above it are truly danger; of all posts, where too
    few of the form are."""
    scores, truth = judged
    of_all = _least(scores, truth, DANGER_PRECISION[0], 0.0)
    least = []
    for form, precision in zip((False, True), DANGER_PRECISION, strict=True):
        of_form = long == form
        enough = truth[of_form].sum() >= FEWEST
        found = _least(scores[of_form], truth[of_form], precision, of_all) if enough else of_all
        least.append(found)
    _set_least(model, column, least)


def _least(scores: Floats, truth: NDArray[np.bool_], precision: float, otherwise: float) -> float:
    order = np.argsort(-scores)
    right = np.cumsum(truth[order]) / np.arange(1, len(order) + 1)
    # Equal scores are said together or not at all.
    ends = np.append(np.diff(scores[order]) != 0, True)[: len(order)]
    enough = np.flatnonzero((right >= precision) & ends)
    return float(scores[order[enough[-1]]]) if len(enough) else otherwise


def _set_least(model: Model, column: int, least: Sequence[float]) -> None:
    """The probabilities at the scores from which on the class is said."""
    scores = np.array(least)
    odds = np.exp(-(model.slope[column] * scores + model.shift[column]))
    model.thresholds[:, column] = 1 / (1 + odds)


def _classes(samples: Sequence[Sample], config: Config) -> dict[str, tuple[str, ...]]:
    """What was judged at all; topics in the order of the configuration."""
    found: dict[str, tuple[str, ...]] = {}
    order = {topic.key: index for index, topic in enumerate(config.topics)}
    order |= {owed.value: index for index, owed in enumerate(Owed)}
    for head in HEADS:
        names = {name for sample in samples for name in sample.labels(head) or ()}
        if names:
            found[head] = tuple(sorted(names, key=lambda name: (order.get(name, 0), name)))
    forms = Counter(
        is_long(sample.title, sample.body) for sample in samples if sample.topics is not None
    )
    if min(forms[True], forms[False]) >= FEWEST_OF_FORM:
        found[TOPICS[1]] = found[TOPICS[0]]
    return found


def _labels(sample: Sample, head: str) -> tuple[str, ...] | None:
    return sample.labels(TOPICS[0] if head in TOPICS else head)


def _rounded(values: NDArray[np.floating]) -> Floats:
    """As they are stored: half precision, so that a loaded model scores as the fitted one."""
    return values.astype(np.float16).astype(np.float32)
