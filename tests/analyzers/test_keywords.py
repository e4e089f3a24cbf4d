"""The syntax of rule files, what a file finds, and what is said of a line that can't be used."""

import pytest

from analyzers.keywords import RuleBook, parse_rules
from analyzers.segment import Segmenter
from runtime.errors import ConfigError
from tests.analyzers.rules import match, rule_file


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
        ("/涨了\\d+元/", "伙食费涨了30元", True),
        ("/涨了\\d+元/", "伙食费涨了好多", False),
        ("操场\n\n[饭]\n食堂", "食堂", True),
        ("# 食堂", "食堂", False),
        ("ＶＩＰ班", "开了vip班", True),
        ("vip班", "开了ＶＩＰ班", True),
        ("/VIP/", "vip", True),
        ("", "食堂", False),
    ],
)
def test_rule(rules: str, text: str, found: bool) -> None:
    assert (match(rules, text) is not None) is found


def test_quoted_word_matches_only_where_it_is_a_word() -> None:
    assert match('"一中"', "一中午没吃饭") is None
    assert match('"一中"', "在一中门口") is not None
    assert match("一中", "一中午没吃饭") is not None


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


def test_pattern_is_shown_as_the_text_that_it_met() -> None:
    found = match("/涨了[^,]*元/", "伙食费涨了３０元，校服没涨")
    assert found
    assert found.words == ("涨了30元",)


def test_files_are_matched_side_by_side() -> None:
    files = [parse_rules(rule_file(text)) for text in ("食堂", "校车", "食堂|校车")]
    found = RuleBook(files, Segmenter()).match("", "校车来了")
    assert [bool(each) for each in found] == [False, True, True]


def test_no_files_find_nothing() -> None:
    assert RuleBook([], Segmenter()).match("标题", "正文") == ()


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("食堂\n+", "topics/test.txt:2: a word is missing here; write one, or delete the sign"),
        ("食堂||早餐", "topics/test.txt:1: a word is missing here; write one, or delete the sign"),
        ('""', "topics/test.txt:1: a word is missing here; write one, or delete the sign"),
        ("# 说明\n/食(堂/", r"topics/test.txt:2: /食(堂/ is no valid pattern"),
        ("/食堂？/", "topics/test.txt:1: /食堂？/ has full-width signs"),
        ("/(食堂)*/", "topics/test.txt:1: /(食堂)*/ matches every text; name what must be there"),
        ("食堂\n\n!房价", "topics/test.txt:3: the group has only ! or - words"),
        ("[*]\n食堂", "topics/test.txt:1: a plain word under [*] would match every post"),
    ],
)
def test_bad_line_is_named_with_its_remedy(rules: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_rules(rule_file(rules))
    assert str(caught.value).startswith(message)
    assert "; " in str(caught.value)
