"""The metrics against scikit-learn's, by hand on small cases, and their intervals."""

import random
import warnings
from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from analyzers.scoring import NONE, calibration, confusion, flags, score, wilson

NAMES = ("fees", "exams", "boarding", "praise")
Posts = list[tuple[str, ...]]
SOME = st.lists(st.sampled_from(NAMES), unique=True, max_size=3).map(tuple)
ONE = st.sampled_from(NAMES).map(lambda name: (name,))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(SOME, SOME) | st.tuples(ONE, ONE), min_size=1, max_size=40))
def test_numbers_are_scikit_learns(pairs: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> None:
    truth, found = [one for one, _ in pairs], [other for _, other in pairs]
    scores = score(truth, found)
    names = [each.name for each in scores.classes]
    if not names:
        assert isnan(scores.micro.value)
        return
    assert [each.support for each in scores.classes] == flags(truth, names).sum(axis=0).tolist()
    expected = by_scikit_learn(truth, found, names)
    for name in ("precision", "recall"):
        ours = [getattr(each, name).value for each in scores.classes]
        assert near(ours, expected[name])
    assert near([each.f1 for each in scores.classes], expected["f1"])
    assert near([scores.micro.value, scores.macro.value], expected["averages"])


def by_scikit_learn(truth: Posts, found: Posts, names: list[str]) -> dict[str, list[float]]:
    """A column more, empty: it takes a table of one column for a yes or no."""
    tables = flags(truth, [*names, ""]), flags(found, [*names, ""])
    columns = range(len(names))
    true = [column for column in columns if tables[0][:, column].any()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        each = metrics.precision_recall_fscore_support(
            *tables, labels=columns, average=None, zero_division=np.nan
        )
        micro = metrics.f1_score(*tables, average="micro")
        macro = metrics.f1_score(*tables, average="macro", labels=true) if true else np.nan
    precision, recall, f1, _ = (part.tolist() for part in each)
    return {"precision": precision, "recall": recall, "f1": f1, "averages": [micro, macro]}


def near(ours: list[float], theirs: list[float]) -> bool:
    return bool(np.allclose(ours, theirs, rtol=0, atol=1e-12, equal_nan=True))


def test_macro_is_over_classes_of_some_size() -> None:
    truth: Posts = [*([("fees",)] * 8), ("exams",)]
    found: Posts = [("fees",)] * 9
    assert score(truth, found).over == ("exams", "fees")
    scores = score(truth, found, fewest=5)
    assert scores.over == ("fees",)
    assert scores.macro.value == pytest.approx(16 / 17)


def test_wilson() -> None:
    # 81 of 263 is the example of Newcombe (1998), method 3.
    measured = wilson(81, 263)
    assert (round(measured.low, 4), round(measured.high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 20).low == 0.0
    assert wilson(20, 20).high == 1.0
    assert isnan(wilson(0, 0).value)


def test_intervals_cover_the_true_value_about_as_often_as_they_say() -> None:
    """Posts drawn from a known mixture: its own F1 is met by about 95 % of the intervals."""
    chance, covered, times = random.Random(5), 0, 60
    for seed in range(times):
        truth: Posts = [("fees",) if chance.random() < 0.5 else ("exams",) for _ in range(200)]
        found: Posts = [
            each if chance.random() < 0.8 else ("fees" if each == ("exams",) else "exams",)
            for each in truth
        ]
        micro = score(truth, found, seed=seed).micro
        covered += micro.low <= 0.8 <= micro.high
    assert covered / times >= 0.85


def test_a_seed_names_the_interval() -> None:
    truth: Posts = [("fees",), ("exams",)] * 30
    found: Posts = [("fees",)] * 60
    assert score(truth, found, seed=1) == score(truth, found, seed=1)
    assert score(truth, found, seed=1).macro != score(truth, found, seed=2).macro


def test_confusion_is_of_first_classes() -> None:
    truth: Posts = [("fees", "exams"), ("exams",), (), ("exams",)]
    found: Posts = [("fees",), ("fees", "exams"), ("exams",), ()]
    table = confusion(truth, found)
    assert table.classes == ("exams", "fees", NONE)
    assert table.counts.tolist() == [[0, 1, 1], [0, 1, 0], [1, 0, 0]]
    single = confusion([("fees",), ("exams",)], [("fees",), ("fees",)])
    expected = metrics.confusion_matrix(["fees", "exams"], ["fees", "fees"])
    assert single.counts.tolist() == expected.tolist()


def test_calibration() -> None:
    measured = calibration([0.95, 0.95, 0.15, 1.0], [True, False, False, True])
    assert [(each.low, each.count) for each in measured.bins] == [(0.1, 1), (0.9, 3)]
    assert measured.error == pytest.approx((1 * 0.15 + 3 * abs(2.9 / 3 - 2 / 3)) / 4)
    assert isnan(calibration([], []).error)


def test_scores_that_tell_the_truth_have_a_small_error() -> None:
    chance = random.Random(2)
    scores = [chance.random() for _ in range(20_000)]
    assert calibration(scores, [chance.random() < value for value in scores]).error < 0.02


def test_no_posts_at_all() -> None:
    scores = score([], [])
    assert scores.classes == ()
    assert isnan(scores.micro.value)
    assert confusion([], []).classes == ()
