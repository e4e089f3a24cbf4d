"""Hashed features: the same of the same text in any company, for any text, and of it no more."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.features import (
    BITS,
    BODY_READ,
    BUCKETS,
    KINDS,
    PAIR,
    TITLE_CHARACTER,
    TITLE_READ,
    TITLE_WORD,
    WORD,
    Features,
    extract,
)
from analyzers.reading import Reading, read
from analyzers.segment import Segmenter


class Signs(Segmenter):
    """Each sign a word: features alone, whatever a dictionary makes of a text."""

    def __init__(self) -> None:
        pass

    def cut(self, text: str) -> list[str]:
        return list(text)


SIGNS = Signs()
ANY = st.text(st.characters(codec=None), max_size=80) | st.sampled_from(
    ["", " \n\t ", "\0\0a\0", "\ud800和\udfff", "😂👨\u200d👩\u200d👧", "顶" * 10_000, "１２３ 123"]
)
POSTS = st.lists(st.tuples(ANY, ANY), min_size=1, max_size=8)


def reading(title: str, body: str) -> Reading:
    return read(title, body, SIGNS)


def parts(found: Features, posts: int) -> list[list[int]]:
    """Each post's buckets, sorted: which there are and how often."""
    return [sorted(found.buckets[found.posts == post].tolist()) for post in range(posts)]


def of(body: str, title: str = "") -> list[int]:
    return parts(extract([reading(title, body)]), 1)[0]


def of_kind(buckets: list[int], kind: int) -> list[int]:
    return [bucket for bucket in buckets if bucket >> BITS == kind]


@settings(max_examples=80, deadline=None)
@given(POSTS)
def test_a_post_has_the_same_features_in_any_batch(posts: list[tuple[str, str]]) -> None:
    readings = [reading(*post) for post in posts]
    together = extract(readings)
    alone = [extract([each]) for each in readings]
    assert parts(together, len(posts)) == [parts(each, 1)[0] for each in alone]
    assert together.words == [words for each in alone for words in each.words]


@settings(max_examples=80, deadline=None)
@given(POSTS)
def test_entries_are_in_range_and_words_come_first(posts: list[tuple[str, str]]) -> None:
    found = extract([reading(*post) for post in posts])
    assert len(found.posts) == len(found.buckets)
    assert found.buckets.min() >= 0
    assert found.buckets.max() < BUCKETS
    words = sum(map(len, found.words))
    assert set((found.buckets[:words] >> BITS).tolist()) <= {WORD}
    assert WORD not in (found.buckets[words:] >> BITS).tolist()
    counts = np.bincount(found.posts[:words], minlength=len(posts)).tolist()
    assert counts == [len(each) for each in found.words]
    assert np.all(np.diff(found.posts[:words]) >= 0)
    assert not any(word.isspace() for each in found.words for word in each)


GOLDEN_COUNTS = [5, 8, 7, 1, 3, 2, 1, 7]
GOLDEN = 754_538_064


def test_the_hash_is_the_one_that_stored_models_were_fitted_with() -> None:
    """If this must change, so must model_files.FORMAT: old models would read new features."""
    found = of("交费9元", "问")
    assert [len(of_kind(found, kind)) for kind in range(KINDS)] == GOLDEN_COUNTS
    assert sum(bucket * (place + 1) for place, bucket in enumerate(found)) == GOLDEN


def test_a_blank_text_has_no_words() -> None:
    for text in ("", "  ", "\n \u3000\t"):
        assert extract([reading(text, text)]).words == [[]]
        assert of(text, text) == of("")


def test_digits_are_alike_and_half_width() -> None:
    assert of("交了1980元", "2号楼") == of("交了2075元", "９号楼") == of("交了００００元", "0号楼")
    assert of("交了19元") != of("交了190元")


def test_spaces_tell_nothing() -> None:
    assert of("食 堂\n的 饭", "问 问") == of("食堂的饭", "问问")


def test_title_and_body_are_told_apart() -> None:
    titled, plain = of("", "食堂"), of("食堂")
    assert of_kind(titled, TITLE_WORD)
    assert of_kind(titled, TITLE_CHARACTER)
    assert not of_kind(plain, TITLE_WORD)
    assert not of_kind(plain, TITLE_CHARACTER)
    assert of_kind(titled, WORD) == of_kind(plain, WORD)
    assert set(of_kind(plain, PAIR)) & set(of_kind(titled, PAIR))


def test_what_stands_past_the_limits_is_not_read() -> None:
    body, title = "".join(map(chr, range(0x4E00, 0x4E00 + BODY_READ))), "题" * TITLE_READ
    assert of(body + "食堂中毒", title + "食堂中毒") == of(body, title)
    assert of(body, title) != of(body[:-1], title) != of(body[:-1], title[:-1])


@pytest.mark.parametrize("size", [1, 2, 3, 64])
def test_the_last_signs_count_once_more(size: int) -> None:
    assert of("好" * size + "吗") != of("吗" + "好" * size)
