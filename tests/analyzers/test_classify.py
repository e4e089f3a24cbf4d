"""The own scorer beside scikit-learn's, in any batch, after saving, and on what it can't know."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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

MODEL = model()
HALF = 2e-3
READY = Ready(MODEL)
READINGS = [READY.read(row.title, row.body) for row in rows()]
ODD = ["", "   \n", "\0", "a\0b", "😂🙏👨\u200d👩", "顶" * 10_000, "①２３ⅳ", "\u202e", "吗"]
TEXTS = st.sampled_from([row.body for row in rows()]) | st.text(max_size=60) | st.sampled_from(ODD)


def scores(readings: Sequence[Reading], fitted: Model = MODEL) -> Floats:
    return fitted.decide(*READY.of(readings))


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
        words = used[used < len(MODEL.buckets)]
        return words if estimator.n_features_in_ == len(words) else used


@pytest.fixture(scope="module")
def peers() -> Peers:
    given = learnable(samples())
    material = train.prepare(given, config())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "LinearSVC", Kept)
        Kept.fitted.clear()
        train.fit_on(material, MODEL.columns, np.arange(len(given)))
    seen = train.design(MODEL, material.counts, material.signals)
    return Peers(list(Kept.fitted), seen)


def test_scores_and_classes_are_those_of_scikit_learn(peers: Peers) -> None:
    own = scores(READINGS)
    assert len(peers.estimators) == own.shape[1] == len(MODEL.columns)
    inputs = [peers.seen[:, peers.columns_of(each)] for each in peers.estimators]
    pairs = list(zip(peers.estimators, inputs, strict=True))
    theirs = np.column_stack([each.decision_function(found) for each, found in pairs])
    said = np.column_stack([each.predict(found) for each, found in pairs])
    # Weights are kept at half precision: no more than that lies between them.
    assert np.abs(own - theirs).max() < HALF
    certain = np.abs(theirs) > HALF
    assert certain.mean() > 0.99
    assert np.array_equal((own > 0)[certain], said[certain])
    for place in MODEL.columns.slices.values():
        assert np.array_equal(own[:, place].argmax(axis=1), theirs[:, place].argmax(axis=1))


def test_of_the_same_weights_scores_and_classes_are_equal(peers: Peers) -> None:
    own = scores(READINGS)
    for column in range(len(MODEL.columns)):
        same = LinearSVC()
        same.classes_ = np.array([False, True])
        weights = MODEL.weights[:, column].astype(np.float64)
        same.coef_ = np.append(weights, MODEL.signal_weights[:, column])[None, :]
        same.intercept_ = MODEL.bias[column : column + 1]
        assert np.allclose(own[:, column], same.decision_function(peers.seen), atol=1e-4)
        assert np.array_equal(own[:, column] > 0, same.predict(peers.seen))


def test_a_model_scores_the_same_after_saving(tmp_path: Path) -> None:
    saved = save(tmp_path / "model", MODEL.arrays(), card(**MODEL.card_fields()))
    arrays, found = load(tmp_path / "model")
    again = Model.of(arrays, found.fields())
    assert again.version == saved.version
    assert again.columns == MODEL.columns
    assert again.signals == MODEL.signals
    assert np.array_equal(scores(READINGS, again), scores(READINGS))
    for name in ("slope", "shift", "thresholds"):
        assert np.array_equal(getattr(again, name), getattr(MODEL, name))


def test_no_text_is_in_what_is_stored() -> None:
    """Of a model only numbers, and the names of classes and rules."""
    arrays, fields = MODEL.arrays(), MODEL.card_fields()
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
    readings = [READY.read(*post) for post in posts]
    whole = scores(readings)
    cut = data.draw(st.integers(0, len(posts)))
    parts = [part for part in (readings[:cut], readings[cut:]) if part]
    assert np.array_equal(np.vstack([scores(part) for part in parts]), whole)
    assert np.array_equal(np.vstack([scores([each]) for each in readings]), whole)
    assert np.isfinite(whole).all()


def test_batches_of_64_are_as_one_by_one() -> None:
    one = np.vstack([scores([reading]) for reading in READINGS])
    many = [scores(READINGS[start : start + 64]) for start in range(0, len(READINGS), 64)]
    assert np.array_equal(np.vstack(many), one)


def test_what_the_model_knows_nothing_of_is_left_to_the_bias() -> None:
    strange = READY.read("", "\u1f00\u1f10\u1f20")
    features, signals = READY.of([strange])
    none = np.zeros_like(signals)
    known = replace(MODEL, buckets=MODEL.buckets[:0], idf=MODEL.idf[:0], weights=MODEL.weights[:0])
    assert np.array_equal(known.decide(features, none)[0], MODEL.bias)
    found = known.score(features, none)
    assert found.rows.tolist() == [-1] * len(features.words[0])
    assert not known.shares(found.rows).any()


def test_probabilities_lie_between_0_and_1_however_steep() -> None:
    steep = replace(MODEL, slope=MODEL.slope * np.float32(1e30))
    found = steep.score(*READY.of(READINGS[:64])).probabilities
    assert ((found >= 0) & (found <= 1)).all()


def test_the_words_named_are_of_the_post_and_speak_for_the_class() -> None:
    features, signals = READY.of(READINGS)
    found = MODEL.score(features, signals)
    for post, words in enumerate(features.words):
        at = found.posts == post
        for column in range(0, len(MODEL.columns), 5):
            named = strongest(words, MODEL.shares(found.rows[at])[column].tolist())
            assert len(set(named)) == len(named) <= MOST_WORDS
            assert set(named) <= set(words)


WRONG: dict[str, dict[str, Any]] = {
    "wrong shape": {"idf": MODEL.idf[:-1]},
    "out of range": {"buckets": MODEL.buckets - np.int32(1 + MODEL.buckets.min())},
    "bias has": {"bias": MODEL.bias[None, :]},
}


@pytest.mark.parametrize("finding", WRONG)
def test_arrays_that_do_not_belong_to_the_card_are_refused(finding: str) -> None:
    with pytest.raises(ModelError, match=f"{finding}.*fit it anew with `huisheng train`"):
        Model.of({**MODEL.arrays(), **WRONG[finding]}, MODEL.card_fields())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("features", {}),
        ("features", {"kinds": KINDS + 1, "buckets": BUCKETS, "signals": []}),
        ("features", {"kinds": KINDS, "buckets": BUCKETS, "signals": None}),
        ("classes", {"owed": ("question",)}),
        ("thresholds", {}),
        ("thresholds", {"thresholds": "none"}),
        ("calibration", {"slope": [1.0], "shift": [0.0]}),
        ("calibration", {"slope": [None] * len(MODEL.columns), "shift": MODEL.shift.tolist()}),
        ("calibration", {"slope": {}, "shift": []}),
    ],
)
def test_a_card_that_does_not_fit_the_arrays_is_refused(name: str, value: object) -> None:
    with pytest.raises(ModelError, match="card and its weights do not fit"):
        Model.of(MODEL.arrays(), {**MODEL.card_fields(), name: value})


def test_a_missing_array_is_refused() -> None:
    arrays = MODEL.arrays()
    del arrays["signal_weights"]
    with pytest.raises(ModelError, match="signal_weights"):
        Model.of(arrays, MODEL.card_fields())
