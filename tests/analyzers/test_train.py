"""Fitting on few samples, on classes that are missing, alone or rare, and twice on the same."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sparse

from analyzers.classify import Model
from analyzers.labelled import FEWEST, Sample, learnable
from analyzers.model_files import save
from analyzers.pieces import SIZE
from analyzers.segment import Segmenter
from analyzers.tag import Tagger
from analyzers.train import FEWEST_OF_FORM, _set_danger, _telling, fit
from schemas.posts import Owed, SourceKind
from tests.analyzers.fitted import EDUCATION, OFFICES, config, model, samples, small
from tests.analyzers.models import card

SMALL = small()
MEALS, FEES = "食堂的饭菜{}号窗口又凉又硬，孩子吃不饱", "补课费{}元一直不退，打电话没有人接"


def sample(
    body: str,
    topics: tuple[str, ...] | None = None,
    owed: Owed | None = None,
    danger: bool | None = None,
    department: str | None = None,
) -> Sample:
    kind = SourceKind.FORUM
    return Sample("", body, topics, owed, danger, department, kind, f"made:{body}")


def two_topics(each: int) -> list[Sample]:
    """So many of each, no two alike."""
    signs = [chr(0x4E00 + 7 * number) for number in range(each)]
    meals = [sample(MEALS.format(sign), ("boarding",)) for sign in signs]
    return meals + [sample(FEES.format(sign), ("fees",)) for sign in signs]


def tags_of(fitted: Model, *texts: str) -> list[tuple[str, ...]]:
    tagger = Tagger(SMALL, fitted)
    return [tags.topics for tags in tagger.tag_many([sample(text).post() for text in texts])]


def finite(fitted: Model) -> bool:
    names = ("idf", "weights", "signal_weights", "bias", "slope", "shift", "thresholds")
    return all(bool(np.isfinite(getattr(fitted, name)).all()) for name in names)


@pytest.mark.parametrize("each", [5, 10, 30])
def test_two_topics_of_a_few_samples_are_told_apart(each: int) -> None:
    fitted = fit(two_topics(each), SMALL)
    assert fitted.columns.classes == {"topics": ("boarding", "fees")}
    texts = MEALS.format("龘"), FEES.format("龘")
    assert tags_of(fitted, *texts) == [("boarding",), ("fees",)]
    assert finite(fitted)
    assert ((fitted.thresholds > 0) & (fitted.thresholds < 1)).all()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_so_few_that_no_feature_counts_are_fitted_all_the_same(count: int) -> None:
    fitted = fit(two_topics(2)[:count], SMALL)
    assert finite(fitted)
    assert len(tags_of(fitted, "食堂的饭菜凉了")) == 1


def test_one_class_alone_is_always_said() -> None:
    given = [replace(each, topics=("fees",), owed=Owed.QUESTION) for each in two_topics(10)]
    fitted = fit(given, SMALL)
    assert fitted.columns.classes == {"topics": ("fees",), "owed": ("question",)}
    tags = Tagger(SMALL, fitted).tag(sample("任何一句话").post())
    assert (tags.topics, tags.owed) == (("fees",), Owed.QUESTION)


def test_heads_that_nobody_judged_are_left_out() -> None:
    given = [replace(each, danger=False) for each in two_topics(10)]
    assert set(fit(given, SMALL).columns.classes) == {"topics"}
    given = [replace(each, topics=None, department="教育") for each in given]
    assert set(fit(given, SMALL).columns.classes) == {"department"}


def test_a_head_is_fitted_on_the_samples_that_were_judged() -> None:
    given = two_topics(12)
    half = [replace(each, owed=Owed.COMPLAINT) for each in given[6:18]]
    asked = [sample(f"请问{sign}什么时候报名", None, Owed.QUESTION) for sign in "甲乙丙丁戊己庚辛"]
    fitted = fit([*given[:6], *half, *given[18:], *asked], SMALL)
    assert fitted.columns.classes["owed"] == ("question", "complaint")
    tagger = Tagger(SMALL, fitted)
    assert tagger.tag(sample("请问壬什么时候报名").post()).owed is Owed.QUESTION
    assert tagger.tag(sample(FEES.format("壬")).post()).owed is Owed.COMPLAINT


def test_a_class_judged_in_one_calibration_part_alone_is_fitted() -> None:
    given = two_topics(20)
    given[0] = replace(given[0], topics=("boarding", "exams"))
    assert finite(fit(given, SMALL))


def test_progress_grows_to_1() -> None:
    told: list[float] = []
    fit(two_topics(6), SMALL, told.append)
    assert told == sorted(told)
    assert told[-1] == 1
    assert told[0] > 0


def version_of(given: Sequence[Sample], folder: Path) -> str:
    fitted = fit(given, SMALL)
    return save(folder, fitted.arrays(), card(**fitted.card_fields())).version


def test_the_same_samples_make_the_same_model(tmp_path: Path) -> None:
    given = learnable([replace(each, topics=None) for each in samples()[::5]])
    first = version_of(given, tmp_path / "a")
    assert version_of(given, tmp_path / "b") == first
    assert version_of(given[1:], tmp_path / "c") != first


def test_labels_without_any_sense_never_turn_a_score_over() -> None:
    """A sigmoid that falls would say a class of just the posts that its estimator denies."""
    chance = np.random.default_rng(5)
    for _ in range(3):
        given = [
            replace(each, topics=("fees",) if chance.random() < 0.3 else ("exams",), danger=False)
            for each in two_topics(15)
        ]
        given[0] = replace(given[0], danger=True)
        fitted = fit(given, SMALL)
        assert (fitted.slope > 0).all()
        assert finite(fitted)


def test_departments_of_words_that_were_cut_already() -> None:
    cut = Segmenter().cut
    given = [
        replace(each, body=" ".join(cut(each.title + each.body)), title="", tokens=True)
        for each in samples()
    ]
    fitted = fit([replace(each, topics=None, owed=None, danger=None) for each in given], SMALL)
    assert set(fitted.columns.classes) == {"department"}
    tagger = Tagger(SMALL, fitted)
    cut_tags = tagger.tag_many([each.post() for each in given])
    whole_tags = tagger.tag_many([each.post() for each in samples()])
    for tags in (cut_tags, whole_tags):
        right = [
            tag.department == each.department for tag, each in zip(tags, samples(), strict=True)
        ]
        assert np.mean(right) > 0.9
    assert {tags.department for tags in whole_tags} == {EDUCATION, *OFFICES.values()}


def test_classes_stand_in_the_order_of_the_configuration() -> None:
    classes = model().columns.classes
    order = [topic.key for topic in config().topics]
    assert list(classes) == ["topics", "owed", "danger", "department"]
    assert list(classes["topics"]) == [key for key in order if key in classes["topics"]]
    assert list(classes["owed"]) == [owed.value for owed in Owed if owed.value in classes["owed"]]


def test_in_letters_danger_is_said_at_a_lower_score() -> None:
    """Two of three marks right: too few for a post, enough for a letter."""
    scores = np.repeat(np.array([2, 1, 0, 2, 1, 0], np.float32), FEWEST)
    truth = np.repeat(np.array([True, False, True] * 2), FEWEST)
    long = np.repeat([False, True], 3 * FEWEST)
    fitted, column = fit(given_danger(), SMALL), 0
    _set_danger(fitted, column, (scores, truth), long)
    odds = np.log(fitted.thresholds[:, column] / (1 - fitted.thresholds[:, column]))
    least = (odds - fitted.shift[column]) / fitted.slope[column]
    assert np.allclose(least, [2, 0], atol=0.05)


@pytest.mark.parametrize("letters", [0, 1, FEWEST - 1])
def test_a_few_letters_of_danger_set_no_threshold(letters: int) -> None:
    """The lowest score of all may be that of the only one."""
    scores = np.append(np.arange(40, 0, -1), [-9.0] * letters).astype(np.float32)
    truth = np.append([True] * 20 + [False] * 20, [True] * letters)
    long = np.append([False] * 40, [True] * letters)
    fitted = fit(given_danger(), SMALL)
    _set_danger(fitted, 0, (scores, truth), long)
    assert fitted.thresholds[0, 0] == fitted.thresholds[1, 0]


def given_danger() -> list[Sample]:
    return [replace(each, topics=None, danger=each.topics == ("fees",)) for each in two_topics(9)]


def test_features_that_tell_of_a_class_count_more() -> None:
    rows = sparse.csr_matrix([[1, 1, 0], [1, 1, 0], [1, 0, 1], [1, 0, 1]], dtype=np.float32)
    truth, weights = np.array([True, True, False, False]), np.ones(4, np.float32)
    everywhere, of_it, of_others = _telling(rows, truth, weights, 0.3)
    assert everywhere < of_it == pytest.approx(of_others)
    assert np.mean([everywhere, of_it, of_others]) == pytest.approx(1)
    assert np.allclose(_telling(rows, truth, weights, 0.0), 1)


def test_topics_are_calibrated_together() -> None:
    """Which of two topics is likelier is what their scores say, however rare one of them is."""
    place = model().columns.slices["topics"]
    assert len(set(model().slope[place].tolist())) == 1
    assert len(set(model().shift[place].tolist())) == 1


FILLING = "今天天气很好，我们一家人去公园散步，看到了很多花和鸟，孩子们玩得很开心。"


def letters(given: Sequence[Sample]) -> list[Sample]:
    return [replace(each, body=FILLING * 4 + each.body) for each in given]


def test_letters_have_topics_of_their_own_where_there_are_enough() -> None:
    posts = two_topics(FEWEST_OF_FORM // 2)
    few = fit([*posts, *letters(posts)[:-1]], SMALL)
    assert list(few.columns.classes) == ["topics"]
    enough = fit([*posts, *letters(posts)], SMALL)
    assert enough.columns.classes["topics_long"] == enough.columns.classes["topics"]
    assert finite(enough)
    texts = MEALS.format("龘"), FEES.format("龘")
    expected = [("boarding",), ("fees",)]
    assert tags_of(enough, *texts) == tags_of(enough, *(FILLING * 4 + text for text in texts))
    assert tags_of(enough, *texts) == expected


def test_danger_in_half_a_sentence_of_a_letter_is_heard_by_its_piece() -> None:
    judged = [replace(each, topics=None, owed=None, department=None) for each in samples()]
    fitted = fit([each for number, each in enumerate(judged) if number % 3], SMALL)
    fitted.thresholds[1] = 0.2
    told = [each for each in judged[::3] if each.danger and len(each.body) < SIZE]
    posts = [replace(each, body=FILLING * 5 + each.body + FILLING).post() for each in told]
    tagger, whole = Tagger(SMALL, fitted), Tagger(SMALL, fitted)
    whole._danger_column = None
    heard = [each.danger for each in tagger.tag_many(posts)]
    assert len(told) > 20
    assert sum(heard) > sum(each.danger for each in whole.tag_many(posts))
    assert heard == [tagger.tag(each).danger for each in posts]
    assert not tagger.tag(sample(FILLING * 6).post()).danger


def test_a_long_text_without_a_word_is_no_trouble_to_the_others_of_its_batch() -> None:
    tagger = Tagger(config(), replace(model(), shift=model().shift + np.float32(9)))
    posts = [sample(text).post() for text in (FILLING * 6, " " * 500, "。" * 500)]
    assert tagger.tag_many(posts) == [tagger.tag(each) for each in posts]
