"""What the linter says of rules alone and of rules tried on posts, and what it lets pass."""

from pathlib import Path

import pytest

from analyzers.findings import Finding, Rules
from analyzers.lint import lint, lint_rules
from analyzers.rule_syntax import parse_rules, quoted_words
from analyzers.rule_use import FEWEST_POSTS, Text, lint_use
from analyzers.segment import Segmenter
from runtime.errors import ConfigError
from runtime.settings import load_config
from tests.analyzers.rules import rule_file

CHATTER = [Text("", f"第{number}天，天气真不错") for number in range(FEWEST_POSTS)]


def files(*texts: str) -> list[Rules]:
    """Each text as a topic's file: a.txt, b.txt, …"""
    names = [f"{chr(ord('a') + number)}.txt" for number in range(len(texts))]
    return [
        Rules(name, parse_rules(rule_file(text, name)), topic=True)
        for name, text in zip(names, texts, strict=True)
    ]


def segmenter(rules: list[Rules]) -> Segmenter:
    return Segmenter(words=[word for file in rules for word in quoted_words(file.groups)])


def found(*texts: str) -> list[Finding]:
    rules = files(*texts)
    return lint_rules(rules, segmenter(rules))


def said(*texts: str) -> list[str]:
    return [f"{each.level} {each.place} {each.kind}: {each.finding}" for each in found(*texts)]


def tried(text: str, posts: list[Text]) -> list[str]:
    rules = files(text)
    told = lint_use(rules, posts, segmenter(rules))
    return [f"{each.level} {each.place} {each.kind}: {each.finding}" for each in told]


def test_good_rules_are_left_in_peace() -> None:
    text = """\
    [*]
    !演练|测试
    [冷]
    教室太冷|暖气不热 ^2
    /没.{0,3}供暖/
    +学校|宿舍
    -不冷

    "一中"|食堂 ~5 涨价
    title:校服
    """
    assert found(text, "校车\n超载 ^2\n") == []


@pytest.mark.parametrize(
    ("rules", "finding"),
    [
        ("食堂|饭菜\n!食堂", "1 conflict: 食堂 never counts: it is shut out too"),
        ("食堂|打饭\n!饭", "1 conflict: 打饭 never counts: 饭 in it is shut out"),
        ("食堂|没受伤\n-没受伤", "1 conflict: 没受伤 never counts: it is shut out too"),
        ("食堂|/打(架|人)了/\n!打", "1 conflict: /打(架|人)了/ never counts: 打 in it is shut out"),
        ("食堂|校服 ~5 打人\n!打", "1 conflict: 校服 ~5 打人 never counts: 打 in it is shut out"),
    ],
)
def test_a_word_that_its_group_shuts_out(rules: str, finding: str) -> None:
    rules = rules.replace("食堂|/", "食堂\n/").replace("食堂|校服", "食堂\n校服")
    (told,) = said(rules)
    line = 2 if "/" in rules or "~" in rules else 1
    assert told == f"error a.txt:{finding}".replace("txt:1", f"txt:{line}")


def test_what_is_only_sometimes_there_shuts_nothing_out() -> None:
    assert said('打饭\n!"饭"') == []
    assert said("打饭\n!title:饭") == []
    assert said("/打(饭|菜)/\n!饭") == []
    assert said("打饭|菜 ~5 汤\n!菜") == []
    assert said("打饭\n!/打./") == []


def test_the_filter_of_a_file_may_shut_out_a_whole_group() -> None:
    shared = "[GLOBAL_FILTER]\n饭\n[WORD_GROUPS]\n[吃]\n打饭|饭菜\n\n校服\n"
    (told,) = found(shared)
    assert (told.place, told.level) == ("a.txt:5", "error")
    assert told.finding == "[吃] can match nothing: of 饭菜, 饭 in it is shut out"
    assert told.remedy == "mend line 5 or 2"
    (told,) = found("[*]\n!饭\n\n打饭\n\n校服\n")
    assert told.finding.startswith("the group at line 4 can match nothing")


def test_a_required_word_that_is_shut_out() -> None:
    told = "warning a.txt:2 conflict: required 宿舍 helps nothing: it is shut out too"
    assert said("太吵\n+学校|宿舍\n!宿舍") == [told]
    (told,) = said("太吵\n+宿舍\n!宿舍")
    assert told.startswith("error a.txt:2 conflict: the group at line 1 can match nothing")


def test_a_required_word_of_all_groups_may_be_shut_out_of_one() -> None:
    assert said("[*]\n+学校|宿舍\n\n太吵\n!宿舍\n\n太冷\n") == []


def test_a_word_twice() -> None:
    assert said("校服|校服") == ["warning a.txt:1 twice: 校服 stands in line 1 too"]
    told = "校服 stands in line 1 too, which asks no more"
    assert said("校服\n\n校服\n+贵") == [f"warning a.txt:3 twice: {told}"]
    told = "校服 stands in line 4 too, which asks no more"
    assert said("校服\n+贵\n\n校服") == [f"warning a.txt:1 twice: {told}"]


def test_a_word_twice_that_says_two_things() -> None:
    assert said("校服\n+贵\n\n校服\n+丑") == []
    assert said("校服\n\n校服 ^2\n+贵") == []
    assert said('title:校服|body:校服|"一中"') == []


def test_a_heavy_word_in_two_topics() -> None:
    told = "课时费 also weighs 2 or more in b.txt:2"
    assert said("课时费 ^2", "[钱]\n课时费 ^3") == [f"warning a.txt:1 ambiguous: {told}"]
    assert said("课时费 ^2", "课时费") == []


def test_a_word_that_finds_nothing_more() -> None:
    told = "食堂饭菜 finds nothing that 饭菜 does not find"
    assert said("食堂饭菜|饭菜") == [f"hint a.txt:1 superfluous: {told}"]
    assert said("食堂饭菜 ^2\n饭菜") == []
    assert said("title:饭菜\n食堂饭菜") == []
    (told,) = said("title:饭菜\n饭菜")
    assert told == "hint a.txt:1 superfluous: title:饭菜 finds nothing that 饭菜 does not find"


def test_a_single_character_is_a_trap() -> None:
    told = "脏, 臭: a single character stands in many other words"
    assert said("脏|臭|很脏的") == [
        "hint a.txt:1 superfluous: 很脏的 finds nothing that 脏 does not find",
        f"warning a.txt:1 trap: {told}",
    ]
    assert said('"脏"|😂\n+脏') == []


def test_words_that_no_text_holds() -> None:
    assert said("实验 小学|food safety") == [
        "warning a.txt:1 impossible: 实验 小学 has a space in it, which Chinese texts have not"
    ]
    (told,) = said('校服\n"太贵,退钱"')
    assert told == "error a.txt:2 impossible: “太贵,退钱” is never one word: it is cut 太贵/,/退钱"
    (told,) = said("/Ａ班[…]/")
    assert told == "warning a.txt:1 impossible: /Ａ班[…]/ sees no …"


def test_full_width_words_are_folded_and_fine() -> None:
    assert said("ＶＩＰ班？|120元") == []


def test_a_limit_has_no_effect() -> None:
    (told,) = said("校服\n@5")
    assert told == "hint a.txt:2 superfluous: an @ with a number limits nothing here"


def test_many_words_take_no_longer_by_their_square() -> None:
    """A list of 20,000 words is read once: each word is looked up, not held against all others."""
    words = [f"校{chr(0x4E00 + n % 5000)}{chr(0x5E00 + n // 5000)}" for n in range(20_000)]
    assert found("|".join(words) + "\n!演练\n") == []


def test_bad_lines_of_all_files_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "topics").mkdir()
    (tmp_path / "topics" / "one.txt").write_text("/(/\n校服\n/(a+)+b/\n", "utf-8")
    (tmp_path / "danger.txt").write_text("!\n", "utf-8")
    with pytest.raises(ConfigError) as caught:
        lint(load_config(tmp_path))
    assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == [
        f"{tmp_path}/danger.txt:1",
        f"{tmp_path}/topics/one.txt:1",
        f"{tmp_path}/topics/one.txt:3",
    ]


def test_rules_that_never_match_are_told_with_the_number_of_posts() -> None:
    posts = [*CHATTER, Text("", "校服太贵")]
    rules = "[衣]\n校服|校裤\n书包|铅笔\n文具\n\n[菜]\n食堂\n饭堂\n"
    number = FEWEST_POSTS + 1
    assert tried(rules, posts) == [
        f"hint a.txt:3 unused: 书包 (and 1 more) of [衣] matches none of {number} posts",
        f"hint a.txt:4 unused: 文具 of [衣] matches none of {number} posts",
        f"hint a.txt:6 unused: [菜] matches none of {number} posts",
    ]


def test_too_few_posts_tell_nothing() -> None:
    assert tried("食堂", CHATTER[1:]) == []


def test_a_group_that_its_own_exclusions_keep_shut() -> None:
    posts = [*CHATTER, *[Text("", "食堂演练")] * 5]
    told = "[吃] would match 5 of 205 posts, but its ! words shut them all out"
    assert tried("[吃]\n食堂\n!演练", posts) == [f"warning a.txt:1 unused: {told}"]
    told = told.replace("5 of 205", "1 of 201")
    assert tried("[吃]\n食堂\n!演练", posts[:201]) == [f"hint a.txt:1 unused: {told}"]


def test_a_rule_that_matches_nearly_everything() -> None:
    posts = [*CHATTER, *[Text("校服", "")] * 10]
    assert tried("[天]\n天气\n校服", posts) == [
        "warning a.txt:1 wide: [天] matches 100% of 210 posts",
        "warning a.txt:2 wide: 天气 matches 95% of 210 posts",
    ]
    assert tried("[天]\n天气 ^0", posts) == []


def test_a_word_that_straddles_two_others() -> None:
    posts = [*CHATTER, *[Text("", "他在哪里上课")] * 5]
    told = "在哪 is the end of one word and the start of another 5 of 5 times"
    assert tried("在哪", posts) == [f"warning a.txt:1 trap: {told}"]
    whole = [Text("", "人在哪")] * 5
    assert tried("在哪", [*posts, *whole]) == []
    (quoted,) = tried('"在哪"', posts)
    assert " trap: " not in quoted
