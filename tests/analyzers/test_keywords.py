"""What a rule finds in a post, and what it weighs."""

import pytest

from analyzers.keywords import BODY_READ, RuleBook
from analyzers.reading import read
from analyzers.rule_patterns import TEXT_LENGTH
from analyzers.rule_syntax import parse_rules
from analyzers.segment import Segmenter
from tests.analyzers.rules import match, rule_file

SEGMENTER = Segmenter()


@pytest.mark.parametrize(
    ("rules", "text", "found"),
    [
        ("食堂\n饭菜", "今天的饭菜凉了", True),
        ("食堂\n饭菜", "今天的操场湿了", False),
        ("贵\n+食堂", "食堂太贵", True),
        ("贵\n+食堂", "房子太贵", False),
        ("贵\n+食堂|饭堂", "饭堂太贵", True),
        ("贵\n+食堂\n+早餐", "食堂太贵", False),
        ("+食堂\n+早餐", "食堂的早餐", True),
        ("贵\n!房价", "房价太贵", False),
        ("贵\n!/房.价/", "房子价太贵", False),
        ("贵\n+/食.堂/", "食大堂太贵", True),
        ("贵\n+/食.堂/", "食堂太贵", False),
        ("/涨了\\d+元/", "伙食费涨了30元", True),
        ("/涨了\\d+元/", "伙食费涨了好多", False),
        ("/\\d+/", "涨了30元", True),
        ("操场\n\n[饭]\n食堂", "食堂", True),
        ("# 食堂", "食堂", False),
        ("ＶＩＰ班", "开了vip班", True),
        ("vip班", "开了ＶＩＰ班", True),
        ("/VIP/", "vip", True),
        ("/VIP/g", "vip", True),
        ("", "食堂", False),
        ("食堂\n@3", "食堂", True),
        ("[GLOBAL_FILTER]\n广告\n\n[WORD_GROUPS]\n食堂\n\n饭菜", "食堂的饭菜", True),
        ("[GLOBAL_FILTER]\n广告\n\n[WORD_GROUPS]\n食堂\n\n饭菜", "饭菜的广告", False),
        ("[GLOBAL_FILTER]\n/广.告/\n\n[WORD_GROUPS]\n食堂", "食堂广而告之", False),
    ],
)
def test_rule(rules: str, text: str, found: bool) -> None:
    assert (match(rules, text) is not None) is found


def test_quoted_word_matches_only_where_it_is_a_word() -> None:
    assert match('"一中"', "一中午没吃饭") is None
    assert match('"一中"', "在一中门口") is not None
    assert match("一中", "一中午没吃饭") is not None


@pytest.mark.parametrize(
    ("rules", "title", "body", "found"),
    [
        ("title:食堂", "食堂", "操场", True),
        ("title:食堂", "操场", "食堂", False),
        ("正文：食堂", "操场", "食堂", True),
        ("body:食堂", "食堂", "操场", False),
        ("食堂\n+标题:投诉", "投诉", "食堂", True),
        ("食堂\n!title:通知", "通知", "食堂", False),
        ("食堂\n!title:通知", "操场", "食堂发了通知", True),
        ("食堂|title:操场", "", "操场食堂", True),
        ("title:食堂|body:操场", "操场", "食堂", False),
        ("title:/^食堂$/", "食堂", "操场", True),
        ("title:/吗$/", "要交吗", "不要", True),
        ("body:/^要交/", "吗", "要交", True),
        ("body:/食堂/", "食堂", "操场", False),
        ("食堂", "", "", False),
    ],
)
def test_field(rules: str, title: str, body: str, found: bool) -> None:
    assert (match(rules, body, title) is not None) is found


@pytest.mark.parametrize(
    ("rules", "text", "found"),
    [
        ("食堂 ~3 中毒", "食堂有人中毒", True),
        ("食堂 ~3 中毒", "中毒的是食堂", True),
        ("食堂 ~3 中毒", "食堂昨天有人中毒", False),
        ("食堂 ~0 中毒", "食堂中毒", True),
        ("好 ~3 好", "好", False),
        ("好 ~3 好", "好不好", True),
        ("食堂 ~3 堂里", "食堂里", False),
        ("食堂|饭堂 ~2 吐|拉", "饭堂饭,拉了", True),
        ("食堂 ~2 饭 ~2 馊", "食堂的饭是馊的", True),
        ("食堂 ~2 饭 ~2 馊", "食堂的饭好吃,别处是馊的", False),
        ("食堂 ~2 饭 ~2 馊", "馊的饭,食堂", True),
        ('"一中" ~3 饭', "一中午没吃饭", False),
        ('"一中" ~3 饭', "在一中吃饭", True),
        ("贵\n+食堂 ~2 饭", "食堂的饭贵", True),
        ("贵\n!食堂 ~2 饭", "食堂的饭贵", False),
    ],
)
def test_distance(rules: str, text: str, found: bool) -> None:
    assert (match(rules, text) is not None) is found


def test_guard_makes_void_only_the_hits_of_its_clause() -> None:
    rules = "受伤\n-没有"
    assert match(rules, "没有人受伤") is None
    assert match(rules, "没有人管，两个孩子受伤") is not None


def test_lines_under_star_hold_for_every_group() -> None:
    rules = "[*]\n+学校\n!演练\n\n着火\n\n溺水"
    assert match(rules, "学校着火") is not None
    assert match(rules, "工厂着火") is None
    assert match(rules, "学校溺水演练") is None


def test_score_is_the_weight_of_distinct_hits_and_the_title_counts_twice() -> None:
    rules = "食堂 ^2\n早餐|午餐 ^0.5"
    body = match(rules, "食堂食堂食堂的早餐")
    title = match(rules, "的早餐", title="食堂")
    assert body
    assert body.score == 2.5
    assert body.words == ("食堂", "早餐")
    assert title
    assert title.score == 4.5


def test_weight_of_a_chain_counts_twice_if_it_begins_in_the_title() -> None:
    rules = "食堂 ~9 中毒 ^2"
    body, title = match(rules, "食堂中毒"), match(rules, "中毒", title="食堂")
    assert body
    assert title
    assert (body.score, title.score) == (2.0, 4.0)


def test_word_of_several_groups_counts_once_with_its_greatest_weight() -> None:
    found = match("食堂 ^2 => 甲\n\n食堂 ^3 => 乙\n\n食堂 => 丙\n早餐", "食堂的早餐")
    assert found
    assert (found.score, found.words, found.heaviest) == (4.0, ("乙", "早餐"), 3.0)


def test_pattern_is_shown_as_the_text_that_it_met() -> None:
    found = match("/涨了[^,]*元/", "伙食费涨了３０元，校服没涨")
    assert found
    assert found.words == ("涨了30元",)


def test_pattern_is_shown_as_the_text_that_counted() -> None:
    found = match("/.伤/\n-没有", "没有人受伤,有人摔伤")
    assert found
    assert found.words == ("摔伤",)


def test_chain_is_shown_as_the_text_from_end_to_end() -> None:
    found = match("食堂 ~5 中毒", "食堂里有人中毒,今天那个食堂还是关了")
    assert found
    assert found.words == ("食堂里有人中毒",)


def test_label_is_shown_once_in_place_of_what_was_met() -> None:
    found = match("食堂|饭堂 => 吃饭\n/涨.元/ => 涨价\n早餐", "食堂和饭堂的早餐涨3元")
    assert found
    assert found.words == ("早餐", "涨价", "吃饭")
    assert found.score == 4.0


def test_files_are_matched_side_by_side() -> None:
    files = [parse_rules(rule_file(text)) for text in ("食堂", "校车", "食堂|校车")]
    found = RuleBook(files).match(read("", "校车来了", SEGMENTER))
    assert [bool(each) for each in found] == [False, True, True]


def test_no_files_find_nothing() -> None:
    assert RuleBook([]).match(read("标题", "正文", SEGMENTER)) == ()


@pytest.mark.parametrize("rules", ["食堂", "/食堂/", '"食堂"', "食堂 ~9 饭", "body:食堂"])
def test_body_is_read_up_to_its_limit(rules: str) -> None:
    book = RuleBook([parse_rules(rule_file(rules))])
    for before, found in ((BODY_READ - 4, True), (BODY_READ, False)):
        reading = read("题" * 50, "，" * before + "食堂饭", SEGMENTER)
        assert bool(book.match(reading)[0]) is found
    wide = RuleBook([parse_rules(rule_file(rules))], body_read=BODY_READ + 9)
    assert wide.match(reading)[0]


def test_endless_title_is_read_up_to_a_limit_too() -> None:
    book = RuleBook([parse_rules(rule_file("食堂"))])
    assert book.match(read("，" * (TEXT_LENGTH - 2) + "食堂", "", SEGMENTER))[0]
    assert not book.match(read("，" * TEXT_LENGTH + "食堂", "", SEGMENTER))[0]


def test_20_000_words_are_told_apart() -> None:
    words = [f"{chr(0x4E00 + n % 200)}{chr(0x5000 + n // 200)}" for n in range(20_000)]
    file = "\n".join(words[:10_000]) + "\n\n" + "\n\n".join(words[10_000:])
    book = RuleBook([parse_rules(rule_file(file))])
    chosen = [words[n] for n in (0, 777, 9_999, 10_000, 15_432, 19_999)]
    for word in chosen:
        found = book.match(read("", f"看{word}看", SEGMENTER))[0]
        assert found
        assert (found.words, found.score) == ((word,), 1.0)
    everything = book.match(read("", ",".join(chosen), SEGMENTER))[0]
    assert everything
    assert sorted(everything.words) == sorted(chosen)
    assert book.match(read("", "看不见", SEGMENTER))[0] is None
