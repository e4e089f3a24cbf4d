"""Words that a model was not fitted beside decide; those it knows are weighed."""

import pytest

from analyzers.new_rules import DECIDES, Knowledge, rule_digests
from analyzers.rule_syntax import Group, parse_rules
from analyzers.tag import Tagger
from runtime.config import Config, Topic
from tests.analyzers.fitted import model, small
from tests.analyzers.rules import post, rule_file

CLASSES = {"topics": ("boarding", "not_education", "education_other"), "owed": ("complaint",)}
BOARDING = "topics/boarding"
OLD = "[饭菜]\n食堂|午餐\n涨价 ^2\n味道 ^0.1\n+中午\n\n+窗口\n+排队\n!演习\n"


def groups(text: str) -> tuple[Group, ...]:
    return parse_rules(rule_file(text))


def raised(after: str, before: str = OLD, name: str = BOARDING) -> set[str]:
    """The words that decide although they are not written so."""
    known = Knowledge(rule_digests([name], [groups(before)]), CLASSES)
    told = known.new_words([name], [groups(after)])
    (file,) = known.deciding([name], [groups(after)])
    written = [term for group in groups(after) for term in group.terms()]
    made = [term for group in file for term in group.terms()]
    changed = [new for old, new in zip(written, made, strict=True) if new.weight != old.weight]
    assert all(term.weight == DECIDES for term in changed)
    assert {term.text for term in changed} == set(told)
    return set(told)


def test_what_the_model_knows_keeps_its_weight() -> None:
    assert raised(OLD) == set()
    # In another group and order they are known all the same.
    assert raised("[别的]\n午餐\n食堂\n") == set()


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("小饭桌", "小饭桌"),
        ("小饭桌 ^2", "小饭桌"),
        ("/小饭.桌/", "小饭.桌"),
        ("标题:食堂", "食堂"),
        ('"食堂"', "食堂"),
        # So far it was a hint, or stood where it gives no reason.
        ("味道 ^3", "味道"),
        ("中午", "中午"),
        ("演习", "演习"),
    ],
)
def test_a_new_word_of_full_weight_decides(line: str, word: str) -> None:
    assert raised(f"{OLD}\n{line}\n") == {word}


@pytest.mark.parametrize("line", ["小饭桌 ^9", "小饭桌 ^5", "小饭桌 ^0.9", "小饭桌 ^0"])
def test_a_weight_that_says_more_stands(line: str) -> None:
    assert raised(f"{OLD}\n{line}\n") == set()


def test_a_rule_that_is_made_narrower_is_not_new() -> None:
    assert raised(OLD.replace("+中午", "+中午\n+小卖部\n!排练\n-听说")) == set()


def test_required_words_alone_are_one_rule() -> None:
    assert raised(f"{OLD}\n+排队\n+中午\n") == {"排队", "中午"}
    assert raised(OLD.replace("+排队", "+排队|插队")) == {"窗口", "排队", "插队"}


def test_what_stands_if_nothing_else_does_pushes_nothing_out() -> None:
    for key in ("not_education", "education_other"):
        assert raised(f"{OLD}\n小饭桌\n", name=f"topics/{key}") == set()


def test_what_the_model_does_not_weigh_keeps_its_weights() -> None:
    for name in ("topics/uniforms", "danger", "owed/question"):
        assert raised("校服\n二手烟 ^4\n", name=name) == set()
    assert raised("校服\n", name="owed/complaint") == {"校服"}


def with_word(config: Config, key: str, word: str) -> Config:
    def added(topic: Topic) -> Topic:
        lines = [*(line.text for line in topic.rules.lines), "", word]
        return topic.model_copy(update={"rules": rule_file("\n".join(lines))})

    topics = [added(topic) if topic.key == key else topic for topic in config.topics]
    return config.model_copy(update={"topics": tuple(topics)})


def test_a_word_that_a_user_adds_is_heard_at_once_beside_a_model() -> None:
    added = with_word(small(), "boarding", "嘎嘎呜")
    told = post("隔壁班家长说嘎嘎呜的事没人管")
    assert "boarding" not in Tagger(small(), model()).tag(told).topics
    tagger = Tagger(added, model())
    assert tagger.new_words == ("嘎嘎呜",)
    tags = tagger.tag(told)
    assert "boarding" in tags.topics
    assert ("rule", ("嘎嘎呜",)) in [
        (why.by, why.words) for why in tags.why if why.tag == "boarding"
    ]
