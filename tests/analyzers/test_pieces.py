"""A long text falls into pieces that are all of it, and two probabilities become one."""

import math

from hypothesis import given
from hypothesis import strategies as st

from analyzers.features import TITLE_READ
from analyzers.pieces import MOST_READ, SIZE, pieces, together

TEXTS = st.text(alphabet="孩子摔倒了，。！\n ab;", max_size=2 * MOST_READ)
PROBABILITIES = st.floats(0.001, 0.999)


@given(title=TEXTS, body=TEXTS)
def test_the_pieces_are_the_whole_text(title: str, body: str) -> None:
    found = pieces(title, body)
    kept = "".join(f"{title[:TITLE_READ]}\n{body}"[:MOST_READ].split())
    assert "".join("".join(found).split()) == kept
    assert all(0 < len(piece) <= SIZE for piece in found)


def test_a_sentence_is_not_cut_unless_it_is_long() -> None:
    first, second = "饭" * 60 + "。", "菜" * 60 + "。"
    assert pieces("", first + second) == [first, second]
    assert pieces("好", "短。也短。") == ["好短。也短。"]
    assert pieces("", "长" * (SIZE + 1)) == ["长" * SIZE, "长"]


@given(whole=PROBABILITIES, piece=PROBABILITIES)
def test_the_two_are_one_by_the_mean_of_their_scores(whole: float, piece: float) -> None:
    def score(probability: float) -> float:
        return math.log(probability / (1 - probability))

    both = together(whole, piece)
    assert math.isclose(score(both), (score(whole) + score(piece)) / 2, abs_tol=1e-6)
    assert both == together(piece, whole)


def test_sure_and_impossible_at_once_tell_nothing() -> None:
    assert together(1.0, 0.0) == together(0.0, 1.0) == 0.5
    assert (together(1.0, 1.0), together(0.0, 0.0)) == (1.0, 0.0)
