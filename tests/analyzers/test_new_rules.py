"""Words that a model was not fitted beside decide; those it knows are weighed."""

import pytest

from analyzers.new_rules import DECIDES, deciding, rule_digests
from analyzers.rule_syntax import Group, parse_rules
from analyzers.tag import Tagger
from runtime.config import Config
from tests.analyzers.fitted import model, small
from tests.analyzers.rules import post, rule_file

OLD = "[饭菜]\n食堂|午餐\n涨价 ^2\n味道 ^0.1\n\n+窗口\n+排队\n!演习\n"


def groups(text: str) -> tuple[Group, ...]:
    return parse_rules(rule_file(text))


def weights(before: str, after: str, name: str = "topics/boarding") -> dict[str, float]:
    known = rule_digests([name], [groups(before)])
    (file,) = deciding([name], [groups(after)], known)
    return {term.text: term.weight for group in file for term in group.terms()}


def test_what_the_model_knows_keeps_its_weight() -> None:
    as_written = {term.text: term.weight for group in groups(OLD) for term in group.terms()}
    assert weights(OLD, OLD) == as_written
    # Other lines, other groups, another order: the same words are known.
    assert weights(OLD, "[别的]\n午餐\n食堂\n")["午餐"] == 1


@pytest.mark.parametrize(
    ("line", "weight"),
    [
        ("小饭桌", DECIDES),
        ("小饭桌 ^2", DECIDES),
        ("小饭桌 ^9", 9.0),
        ("小饭桌 ^0.1", 0.1),
        ("小饭桌 ^0", 0.0),
        ("/小饭.桌/", DECIDES),
        ("标题:食堂", DECIDES),
        ('"食堂"', DECIDES),
    ],
)
def test_a_new_word_of_full_weight_decides(line: str, weight: float) -> None:
    assert weight in weights(OLD, f"{OLD}\n{line}\n").values()
    assert (DECIDES in weights(OLD, f"{OLD}\n{line}\n").values()) == (weight == DECIDES)


def test_new_exclusions_are_no_reason_for_anything() -> None:
    assert DECIDES not in weights(OLD, OLD + "!排练\n-听说\n").values()


def test_the_same_word_in_another_file_is_new() -> None:
    known = rule_digests(["topics/fees"], [groups(OLD)])
    (file,) = deciding(["topics/boarding"], [groups("食堂\n")], known)
    assert file[0].plain[0].weight == DECIDES


def with_word(config: Config, key: str, word: str) -> Config:
    topics = [
        topic.model_copy(
            update={"rules": rule_file("\n".join([*(r.text for r in topic.rules.lines), "", word]))}
        )
        if topic.key == key
        else topic
        for topic in config.topics
    ]
    return config.model_copy(update={"topics": tuple(topics)})


def test_a_word_that_a_user_adds_is_heard_at_once_beside_a_model() -> None:
    added = with_word(small(), "boarding", "嘎嘎呜")
    told = post("隔壁班家长说嘎嘎呜的事没人管")
    assert "boarding" not in Tagger(small(), model()).tag(told).topics
    tags = Tagger(added, model()).tag(told)
    assert "boarding" in tags.topics
    assert ("rule", ("嘎嘎呜",)) in [
        (why.by, why.words) for why in tags.why if why.tag == "boarding"
    ]
