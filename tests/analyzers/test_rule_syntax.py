"""Rule files read: what TrendRadar's users know, what was added, all bad lines told at once."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.rule_patterns import needed_words
from analyzers.rule_syntax import Stop, Term, blows_up, parse_files, parse_rules, quoted_words
from runtime.settings import SHIPPED, ConfigProblems, load_config
from tests.analyzers.rules import rule_file

KNOWN_FILE = """\
# 全局过滤
[GLOBAL_FILTER]
震惊
/赌博|博彩/

[WORD_GROUPS]
[手机]
iPhone
/华为|鸿蒙/i => 华为
+发布
!壳
@5

京东 => 京东集团
+618
"""


def told(text: str) -> list[str]:
    with pytest.raises(ConfigProblems) as caught:
        parse_rules(rule_file(text))
    return list(caught.value.problems)


def test_file_as_known_from_trendradar() -> None:
    phones, shop = parse_rules(rule_file(KNOWN_FILE))
    assert (phones.name, phones.line, phones.limit_line) == ("手机", 7, 12)
    assert phones.plain == [Term("iphone"), Term("华为|鸿蒙", regex=True)]
    assert [(term.label, term.line) for term in phones.plain] == [("", 8), ("华为", 9)]
    assert phones.required == [(Term("发布"),)]
    filtered = [Term("震惊"), Term("赌博|博彩", regex=True)]
    assert phones.excluded == [Term("壳"), *filtered]
    assert shop.excluded == filtered
    assert shop.plain[0].label == "京东集团"
    assert shop.required == [(Term("618"),)]


def test_all_that_is_said_of_a_line_can_be_said_together() -> None:
    (group,) = parse_rules(
        rule_file('食堂|"饭堂" ^2 => 食堂\n+标题：投诉|body:举报\n/馊+/ ^0.5 => 馊了')
    )
    canteen, hall, sour = group.plain
    assert (canteen, hall) == (Term("食堂"), Term("饭堂", whole=True))
    assert [(each.weight, each.label) for each in (canteen, hall)] == [(2.0, "食堂")] * 2
    assert group.required == [(Term("投诉", where="title"), Term("举报", where="body"))]
    assert (sour, sour.weight, sour.label) == (Term("馊+", regex=True), 0.5, "馊了")


def test_chain_has_alternatives_at_each_stop() -> None:
    (group,) = parse_rules(rule_file('title:食堂|"饭堂" ~8 中毒 ～ 3 送医 ^3'))
    (chain,) = group.plain
    first, second, third = chain.near
    title = Term("食堂", where="title"), Term("饭堂", whole=True, where="title")
    assert first == Stop(title, 0)
    assert second == Stop((Term("中毒", where="title"),), 8)
    assert third.within == 3
    assert (chain.weight, chain.where, chain.line) == (3.0, "title", 1)
    assert list(quoted_words([group])) == ["饭堂"]


@pytest.mark.parametrize(
    ("line", "label", "text"),
    [
        ("/a=>b/", "", "a=>b"),
        ("/a=>b/ => 甲", "甲", "a=>b"),
        ("+/a/ => 甲", "甲", "a"),
        ("甲 =>", "", "甲"),
        ("甲=>乙", "乙", "甲"),
        ("甲 ^2 => 乙", "乙", "甲"),
        ("@某人", "", "@某人"),
        ("好吃~8折", "", "好吃~8折"),
        ("时间：三点", "", "时间:三点"),
        ("/", "", "/"),
        ("/微笑", "", "/微笑"),
    ],
)
def test_only_what_is_meant_as_syntax_is(line: str, label: str, text: str) -> None:
    (group,) = parse_rules(rule_file(line))
    (term,) = group.terms()
    assert (term.label, term.text) == (label, text)


def test_section_names_are_known_in_any_case_and_end_each_other() -> None:
    (group,) = parse_rules(rule_file("[global_filter]\n甲\n\n乙\n[Word_Groups]\n丙"))
    assert group.excluded == [Term("甲"), Term("乙")]
    assert group.name == ""


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("食堂\n+", "topics/test.txt:2: a word is missing here; write one, or delete the sign"),
        ("食堂||早餐", "topics/test.txt:1: a word is missing here; write one, or delete the sign"),
        ('""', "topics/test.txt:1: a word is missing here; write one, or delete the sign"),
        ("食堂 ~8", "topics/test.txt:1: a word is missing here; write one"),
        ("title:", "topics/test.txt:1: a word is missing here; write one"),
        ("# 说明\n/食(堂/", r"topics/test.txt:2: /食(堂/ is no valid pattern"),
        ("/食{9999999999}/", r"topics/test.txt:1: /食{9999999999}/ is no valid pattern"),
        ("/食堂？/", "topics/test.txt:1: /食堂？/ has full-width signs"),
        ("/(食堂)*/", "topics/test.txt:1: /(食堂)*/ matches every text; name what must be there"),
        ("食堂|/饭.堂/", "topics/test.txt:1: a pattern stands beside words"),
        ("+/饭.堂/|食堂 ^2", "topics/test.txt:1: a pattern stands beside words"),
        ("食堂 ~8 /中.毒/", "topics/test.txt:1: a pattern stands beside words"),
        ("/(a+)+b/", "topics/test.txt:1: /(a+)+b/ may never come to an end"),
        ("食堂\n\n!房价", "topics/test.txt:3: the group has only ! or - words"),
        ("[*]\n食堂", "topics/test.txt:1: a plain word under [*] would match every post"),
        ("[GLOBAL_FILTER]\n!广告", "topics/test.txt:2: ! has no meaning under [GLOBAL_FILTER]"),
        ("[GLOBAL_FILTER]\n广告\n[饭]\n食堂", "topics/test.txt:3: the group [饭] stands under"),
    ],
)
def test_bad_line_is_named_with_its_remedy(rules: str, message: str) -> None:
    (problem,) = told(rules)
    assert problem.startswith(message)
    assert "; " in problem


def test_all_bad_lines_of_all_files_are_told_together() -> None:
    files = [
        rule_file("食堂\n+\n/(/\n\n!房价", "topics/a.txt"),
        rule_file("早餐", "topics/b.txt"),
        rule_file("/(a+)+b/\n!午餐", "danger.txt"),
    ]
    with pytest.raises(ConfigProblems) as caught:
        parse_files(files)
    places = [problem.split(": ")[0] for problem in caught.value.problems]
    # A group with a bad line may only lack what that line was to say.
    assert places == ["topics/a.txt:2", "topics/a.txt:3", "topics/a.txt:5", "danger.txt:1"]


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*$",
        "(a|aa)+b",
        "(.*a){12}",
        "(a*)*b",
        "(x+x+)+y",
        r"(\w+\s?)*$",
        "([^,]*,?)*x",
        ".*.*.*.*x",
        "^(?=(a+)+$)b",
        "(?:(a+)+b)?c",
        "(a{1,30}){1,30}x",
        "(a?){30}a{30}",
        "(?>(a+)+b)c",
        "(?:(|)){30}b",
        "(?:(?:)?){40}x",
        "((食堂|食)堂?)+差",
    ],
)
def test_pattern_that_blows_up_is_found(pattern: str) -> None:
    assert blows_up(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "食堂.*中毒.*送医",
        r"\d+年\d+月\d+日\d+时\d+分\d+秒",
        "(?:ab|cd)*x",
        "(得|得了|全|都)*[^,]{0,5}了",
        "^(?!.*广告).*(食堂|饭堂)",
        "[^,。]{0,10}(撞|砸)[^,。]{0,10}(伤|倒)",
        "(食堂|饭堂)(的|里)?(菜|饭)",
        r"(?:\d{1,3},)+\d{3}元",
        "(a+)b(?<=ab)c",
        r"(甲)乙\1丙",
        "(" * 40 + "甲" + "".join(f")+{chr(0x4E10 + n)}" for n in range(40)),
    ],
)
def test_pattern_that_ends_is_let_through(pattern: str) -> None:
    assert blows_up(pattern) is None


def test_shipped_patterns_end() -> None:
    config = load_config(SHIPPED)
    files = [config.danger, *config.owed, *(topic.rules for topic in config.topics)]
    terms = [term for file in parse_files(files) for group in file for term in group.terms()]
    assert [term.text for term in terms if term.regex and blows_up(term.text)] == []


@pytest.mark.parametrize(
    ("pattern", "needed"),
    [
        ("食堂.{0,5}中毒", [{"食堂"}, {"中毒"}]),
        ("(食|饭)堂", [{"食堂", "饭堂"}]),
        ("食堂(的|里)?饭", [{"食堂饭", "食堂的饭", "食堂里饭"}]),
        ("(送|拉).{0,3}(医院|急诊)", [{"医院", "急诊"}]),
        ("VIP班", [{"p班"}]),
        ("(食堂)?[吐]", [{"吐"}]),
        ("(食堂|.)吐了", [{"吐了"}]),
        (r"\d+元", [{"元"}]),
        (r"\d+", []),
        ("a*", []),
        ("(?!食堂)饭堂", [{"饭堂"}]),
    ],
)
def test_words_that_a_pattern_needs(pattern: str, needed: list[set[str]]) -> None:
    assert [set(each) for each in needed_words(pattern)] == needed


LETTERS = "食堂iV1,\n"
ATOMS = st.one_of(
    st.text(LETTERS.replace("\n", ""), min_size=1, max_size=3),
    st.sampled_from([".", r"\d", r"\w", "[食堂]", "[^,]", "$", "^", r"\b", "(?=堂)", "(?!i)"]),
)
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: f"({'|'.join(each)})"),
        st.tuples(inner, st.sampled_from(["?", "*", "+", "{2}", "{0,3}", "*?"])).map(
            lambda each: f"(?:{each[0]}){each[1]}"
        ),
    ),
    max_leaves=6,
)


@given(PATTERNS, st.text(LETTERS + "ı", max_size=12))
def test_what_a_pattern_matches_holds_what_it_needs(pattern: str, text: str) -> None:
    text = text.lower()
    if blows_up(pattern) is None and re.search(pattern, text, re.IGNORECASE):
        assert all(any(word in text for word in each) for each in needed_words(pattern))


def test_example_in_the_document_is_a_rule_file() -> None:
    document = (Path(__file__).parents[2] / "docs" / "topics.md").read_text("utf-8")
    example = document.partition("```text\n")[2].partition("```")[0]
    lines = [line for line in example.splitlines() if not line.startswith("@")]
    first, second = parse_rules(rule_file("\n".join(lines)))
    assert [bool(term.near) for term in first.plain] == [True, False]
    assert second.name == "价钱"
    assert list(quoted_words([second])) == ["校服"]
