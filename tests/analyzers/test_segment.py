"""Both engines cut the project's own texts alike, and keep what they are told to keep."""

import re
from collections import Counter

import pytest

from analyzers.segment import Engine, Segmenter, fold
from runtime.settings import SHIPPED
from tests.analyzers.cases import CASES

ENGINES: tuple[Engine, ...] = ("rjieba", "jieba")
# Measured: all of the difference stands at runs of ASCII, which these texts have few of.
SAME_WORDS = 0.995
HANZI = re.compile("[\u4e00-\u9fff]+")


@pytest.fixture(scope="module", params=ENGINES)
def segmenter(request: pytest.FixtureRequest) -> Segmenter:
    return Segmenter(request.param, ["一中", "实小"])


def test_engines_agree_on_the_projects_texts() -> None:
    rules = [path.read_text("utf-8") for path in sorted(SHIPPED.rglob("*.txt"))]
    texts = [*(f"{case.title} {case.body}" for case in CASES), *HANZI.findall("\n".join(rules))]
    first, second = (Segmenter(engine) for engine in ENGINES)
    both = Counter[bool]()
    for text in texts:
        words, reference = Counter(first.cut(text)), Counter(second.cut(text))
        both[True] += (words & reference).total()
        both[False] += max(words.total(), reference.total()) - (words & reference).total()
    assert both[True] > 2000
    assert both[True] / both.total() >= SAME_WORDS


def test_nothing_is_dropped(segmenter: Segmenter) -> None:
    text = "孩子 在一中\n读VIP-2班，很好！"
    assert "".join(segmenter.cut(text)) == text
    assert [text[start:end] for start, end in segmenter.spans(text)] == segmenter.cut(text)


def test_given_words_are_kept_whole_but_not_cut_out_of_others(segmenter: Segmenter) -> None:
    assert segmenter.cut("在实小门口") == ["在", "实小", "门口"]
    assert "一中" in segmenter.cut("市一中高一")
    assert "一中" not in segmenter.cut("一中午没吃")


def test_fold_is_half_width_and_lower_case() -> None:
    assert fold("ＡＢc，１２") == "abc,12"
