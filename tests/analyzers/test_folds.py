"""Folds: each label spread evenly, near copies together, the same on every run."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.folds import folds, groups
from analyzers.labelled import Sample
from tests.analyzers.test_labelled import sample

SIGNS = (
    "食堂饭菜学校老师作业考试收费校服操场宿舍热水班车门口孩子家长请问投诉建议谢谢今天昨天上午下午"
)


def text(number: int, length: int = 60) -> str:
    chance = random.Random(number)
    return "".join(chance.choice(SIGNS) for _ in range(length))


def test_a_rare_label_is_in_every_fold() -> None:
    rare = [sample(text(n), topics=("praise", "fees")) for n in range(5)]
    common = [sample(text(n), topics=("fees",)) for n in range(5, 60)]
    fold_of = folds([*common, *rare], 5, seed=3)
    assert sorted(fold_of[-5:].tolist()) == [0, 1, 2, 3, 4]
    assert np.bincount(fold_of).tolist() == [12] * 5


def test_near_copies_share_a_fold() -> None:
    samples: list[Sample] = []
    for number in range(40):
        original = text(number, 80)
        samples += [sample(original), sample(original + "急急"), sample("求助" + original[:75])]
    group_of = groups(samples).reshape(40, 3)
    assert (group_of[:, :1] == group_of).all()
    assert len(np.unique(group_of)) == 40
    fold_of = folds(samples, 5, seed=0).reshape(40, 3)
    assert (fold_of[:, :1] == fold_of).all()


def test_a_text_that_was_cut_shares_a_fold_with_the_whole_one() -> None:
    whole, cut = [], []
    for number in range(30):
        words = [text(number * 100 + part, 3) for part in range(20)]
        whole.append(sample("，我们的".join(words)))
        cut.append(sample(" ".join(words), tokens=True))
    group_of = groups([*cut, *whole])
    assert group_of[:30].tolist() == group_of[30:].tolist()
    assert len(np.unique(group_of)) == 30


def test_different_texts_stand_alone() -> None:
    samples = [sample(text(number, 40)) for number in range(300)]
    assert len(np.unique(groups(samples))) == 300


def test_a_seed_names_the_folds() -> None:
    samples = [sample(text(number)) for number in range(30)]
    assert folds(samples, 3, 1).tolist() == folds(samples, 3, 1).tolist()
    assert folds(samples, 3, 1).tolist() != folds(samples, 3, 2).tolist()


@settings(max_examples=50)
@given(st.lists(st.text(max_size=12), max_size=30), st.integers(2, 5))
def test_every_sample_gets_a_fold(texts: list[str], k: int) -> None:
    fold_of = folds([sample(each) for each in texts], k, 0)
    assert len(fold_of) == len(texts)
    assert set(fold_of.tolist()) <= set(range(k))
    keys = [sample(each).key for each in texts]
    where = dict(zip(keys, fold_of.tolist(), strict=True))
    assert all(where[key] == fold for key, fold in zip(keys, fold_of.tolist(), strict=True))
