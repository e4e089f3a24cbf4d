"""The own scorer beside scikit-learn's, in any batch, after saving, and on what it can't know."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.svm import LinearSVC

from analyzers import train
from analyzers.classify import MOST_WORDS, Floats, Model, strongest
from analyzers.features import BUCKETS, KINDS
from analyzers.labelled import learnable
from analyzers.model_files import ModelError, load, save
from analyzers.reading import Reading
from tests.analyzers.fitted import Ready, config, model, rows, samples
from tests.analyzers.models import card

HALF = 2e-3
ODD = ["", "   \n", "\0", "a\0b", "😂🙏👨\u200d👩", "顶" * 10_000, "①２３ⅳ", "\u202e", "吗"]
TEXTS = st.sampled_from([row.body for row in rows()]) | st.text(max_size=60) | st.sampled_from(ODD)


@cache
def ready() -> Ready:
    return Ready(model())


@cache
def readings() -> list[Reading]:
    return [ready().read(row.title, row.body) for row in rows()]


def scores(texts: Sequence[Reading], fitted: Model | None = None) -> Floats:
    return (fitted or model()).decide(*ready().of(texts))


class Kept(LinearSVC):  # type: ignore[misc]
    """Remembers each estimator that is fitted."""

    fitted: list["Kept"] = []  # noqa: RUF012

    def fit(self, *arguments: Any, **named: Any) -> "Kept":
        Kept.fitted.append(super().fit(*arguments, **named))
        return self


@dataclass(frozen=True)
class Peers:
    """An estimator of scikit-learn for each class; `seen`: all posts as they were fitted on."""

    estimators: list[Kept]
    seen: Any

    def columns_of(self, estimator: Kept) -> NDArray[np.int64]:
        """Those that any post has; some heads do without the signals, which come last."""
        used = np.flatnonzero(np.bincount(self.seen.indices, minlength=self.seen.shape[1]))
        words = used[used < len(model().buckets)]
        return words if estimator.n_features_in_ == len(words) else used


@pytest.fixture(scope="module")
def peers() -> Peers:
    given, columns = learnable(samples()), model().columns
    material = train.prepare(given, config())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "LinearSVC", Kept)
        Kept.fitted.clear()
        train.fit_on(material, columns, np.arange(len(given)))
    seen = train.design(model(), material.counts, material.signals)
    return Peers(list(Kept.fitted), seen)


def test_scores_and_classes_are_those_of_scikit_learn(peers: Peers) -> None:
    own = scores(readings())
    assert len(peers.estimators) == own.shape[1] == len(model().columns)
    inputs = [peers.seen[:, peers.columns_of(each)] for each in peers.estimators]
    pairs = list(zip(peers.estimators, inputs, strict=True))
    theirs = np.column_stack([each.decision_function(found) for each, found in pairs])
    said = np.column_stack([each.predict(found) for each, found in pairs])
    # Weights are kept at half precision: no more than that lies between them.
    assert np.abs(own - theirs).max() < HALF
    certain = np.abs(theirs) > HALF
    assert certain.mean() > 0.99
    assert np.array_equal((own > 0)[certain], said[certain])
    for place in model().columns.slices.values():
        assert np.array_equal(own[:, place].argmax(axis=1), theirs[:, place].argmax(axis=1))


def test_of_the_same_weights_scores_and_classes_are_equal(peers: Peers) -> None:
    own = scores(readings())
    for column in range(len(model().columns)):
        same = LinearSVC()
        same.classes_ = np.array([False, True])
        weights = model().weights[:, column].astype(np.float64)
        same.coef_ = np.append(weights, model().signal_weights[:, column])[None, :]
        same.intercept_ = model().bias[column : column + 1]
        assert np.allclose(own[:, column], same.decision_function(peers.seen), atol=1e-4)
        assert np.array_equal(own[:, column] > 0, same.predict(peers.seen))


def test_a_model_scores_the_same_after_saving(tmp_path: Path) -> None:
    saved = save(tmp_path / "model", model().arrays(), card(**model().card_fields()))
    arrays, found = load(tmp_path / "model")
    again = Model.of(arrays, found.fields())
    assert again.version == saved.version
    assert again.columns == model().columns
    assert again.signals == model().signals
    assert np.array_equal(scores(readings(), again), scores(readings()))
    for name in ("slope", "shift", "thresholds"):
        assert np.array_equal(getattr(again, name), getattr(model(), name))


def test_no_text_is_in_what_is_stored() -> None:
    """Of a model only numbers, and the names of classes and rules."""
    arrays, fields = model().arrays(), model().card_fields()
    assert all(array.dtype.kind in "fiu" for array in arrays.values())
    stored = b"".join(array.tobytes() for array in arrays.values())
    told = repr({**fields, "features": {"signals": []}})
    for row in rows():
        piece = (row.body or row.title)[:6]
        assert piece not in told
        for code in ("utf-8", "utf-16-le", "utf-32-le", "gb18030"):
            assert piece.encode(code) not in stored


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=12), st.data())
def test_any_split_of_any_texts_scores_the_same(
    posts: list[tuple[str, str]], data: st.DataObject
) -> None:
    texts = [ready().read(*post) for post in posts]
    whole = scores(texts)
    cut = data.draw(st.integers(0, len(posts)))
    parts = [part for part in (texts[:cut], texts[cut:]) if part]
    assert np.array_equal(np.vstack([scores(part) for part in parts]), whole)
    assert np.array_equal(np.vstack([scores([each]) for each in texts]), whole)
    assert np.isfinite(whole).all()


def test_batches_of_64_are_as_one_by_one() -> None:
    one = np.vstack([scores([reading]) for reading in readings()])
    many = [scores(readings()[start : start + 64]) for start in range(0, len(readings()), 64)]
    assert np.array_equal(np.vstack(many), one)


def test_what_the_model_knows_nothing_of_is_left_to_the_bias() -> None:
    strange = ready().read("", "\u1f00\u1f10\u1f20")
    features, signals = ready().of([strange])
    none = np.zeros_like(signals)
    known = replace(
        model(), buckets=model().buckets[:0], idf=model().idf[:0], weights=model().weights[:0]
    )
    assert np.array_equal(known.decide(features, none)[0], model().bias)
    found = known.score(features, none, [False])
    assert found.rows.tolist() == [-1] * len(features.words[0])
    assert not known.shares(found.rows, 0).any()
    unknown = model().shares(found.rows, 0)
    assert len(unknown) == len(found.rows)
    assert not unknown.any()


def test_probabilities_lie_between_0_and_1_however_steep() -> None:
    steep = replace(model(), slope=model().slope * np.float32(1e30))
    found = steep.score(*ready().of(readings()[:64]), [False] * 64).probabilities
    assert ((found >= 0) & (found <= 1)).all()


def test_the_words_named_are_of_the_post_and_speak_for_the_class() -> None:
    features, signals = ready().of(readings())
    found = model().score(features, signals, [False] * len(signals))
    start = 0
    for words in features.words:
        rows = found.rows[start : start + len(words)]
        start += len(words)
        for column in range(0, len(model().columns), 5):
            named = strongest(words, model().shares(rows, column))
            assert len(set(named)) == len(named) <= MOST_WORDS
            assert set(named) <= set(words)


WRONG: dict[str, Callable[[Model], dict[str, Any]]] = {
    "wrong shape": lambda fitted: {"idf": fitted.idf[:-1]},
    "out of range": lambda fitted: {"buckets": fitted.buckets - 1 - fitted.buckets.min()},
    "bias has": lambda fitted: {"bias": fitted.bias[None, :]},
}


@pytest.mark.parametrize("finding", WRONG)
def test_arrays_that_do_not_belong_to_the_card_are_refused(finding: str) -> None:
    arrays = {**model().arrays(), **WRONG[finding](model())}
    with pytest.raises(ModelError, match=f"{finding}.*fit it anew with `huisheng train`"):
        Model.of(arrays, model().card_fields())


CARDS: list[tuple[str, Callable[[int], object]]] = [
    ("features", lambda width: {}),
    ("features", lambda width: {"kinds": KINDS + 1, "buckets": BUCKETS, "signals": []}),
    ("features", lambda width: {"kinds": KINDS, "buckets": BUCKETS, "signals": None}),
    ("features", lambda width: {"kinds": KINDS, "buckets": BUCKETS, "signals": ["danger"]}),
    ("classes", lambda width: {"owed": ("question",)}),
    ("thresholds", lambda width: {}),
    ("thresholds", lambda width: {"short": "none", "long": "none"}),
    ("thresholds", lambda width: {"short": [0.5] * width}),
    ("thresholds", lambda width: {"short": [0.5] * width, "long": [0.5]}),
    ("calibration", lambda width: {"slope": [1.0], "shift": [0.0]}),
    ("calibration", lambda width: {"slope": {}, "shift": []}),
    # JSON has no other word for what is no number.
    ("calibration", lambda width: {"slope": [None] * width, "shift": [0.0] * width}),
]


@pytest.mark.parametrize(("name", "made"), CARDS)
def test_a_card_that_does_not_fit_the_arrays_is_refused(
    name: str, made: Callable[[int], object]
) -> None:
    fields = {**model().card_fields(), name: made(len(model().columns))}
    with pytest.raises(ModelError, match="card and its weights do not fit"):
        Model.of(model().arrays(), fields)


def test_a_missing_array_is_refused() -> None:
    arrays = model().arrays()
    del arrays["signal_weights"]
    with pytest.raises(ModelError, match="signal_weights"):
        Model.of(arrays, model().card_fields())
