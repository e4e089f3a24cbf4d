"""What the rules found and a post's form, as the numbers that a model was fitted on."""

import pytest

from analyzers.keywords import RuleBook, RuleMatch
from analyzers.reading import Reading, read
from analyzers.rule_syntax import parse_files
from analyzers.segment import Segmenter
from analyzers.signals import (
    FORM,
    FORM_SCALE,
    LENGTHS,
    RULE_SCALE,
    SignalReader,
    rule_files,
    signal_names,
)
from tests.analyzers.rules import rule_file, shipped

FILES = {
    "danger": rule_file("[fire]\n着火\n\n[smoke]\n冒烟 ^0.2\n\n塌\n"),
    "topics/fees": rule_file("收费 ^3\n\n[refund]\n退费\n"),
}
GROUPS = parse_files(FILES.values())
NAMES = signal_names(list(FILES), GROUPS)
BOOK = RuleBook(GROUPS)
SEGMENTER = Segmenter()


def reading(body: str, title: str = "") -> Reading:
    return read(title, body, SEGMENTER)


def read_signals(text: Reading, wanted: tuple[str, ...] = NAMES) -> dict[str, float]:
    row = SignalReader(list(FILES), wanted).read([text], [BOOK.match(text)])[0]
    return {name: float(value) for name, value in zip(wanted, row, strict=True) if value}


def rules_of(found: dict[str, float]) -> set[str]:
    return {name for name in found if not name.startswith("form/")}


def test_names_are_of_files_named_groups_and_form_each_once() -> None:
    assert (
        *("danger", "topics/fees", "danger?", "topics/fees?"),
        *("danger#fire", "danger#smoke", "topics/fees#refund"),
        *FORM,
    ) == NAMES
    files = rule_files(shipped())
    shipped_names = signal_names(list(files), parse_files(files.values()))
    assert len(set(shipped_names)) == len(shipped_names)
    assert {"danger", "owed/complaint", "topics/fees"} <= set(shipped_names)


def test_each_match_tells_how_much_that_and_which_group() -> None:
    found = read_signals(reading("冒烟了，要退费"))
    assert rules_of(found) == {
        *("danger", "danger?", "danger#smoke"),
        *("topics/fees", "topics/fees?", "topics/fees#refund"),
    }
    assert found["danger?"] == pytest.approx(RULE_SCALE)
    assert 0 < found["danger"] < found["topics/fees"]


def test_a_group_without_a_name_tells_its_file_alone() -> None:
    assert rules_of(read_signals(reading("墙塌了"))) == {"danger", "danger?"}


def test_nothing_found_leaves_the_form() -> None:
    assert rules_of(read_signals(reading("今天天气好"))) == set()


def test_form_tells_title_and_length() -> None:
    assert "form/title" in read_signals(reading("好", "天气"))
    assert "form/title" not in read_signals(reading("好"))
    for length in LENGTHS:
        name = f"form/shorter than {length}"
        # Between title and body stands a line break.
        assert read_signals(reading("好" * (length - 2)))[name] == pytest.approx(FORM_SCALE)
        assert name not in read_signals(reading("好" * (length - 1)))


def test_rules_that_are_not_here_are_0_and_new_ones_pass() -> None:
    wanted = ("topics/gone", "topics/gone#x", "danger#gone", "topics/fees")
    assert set(read_signals(reading("着火，退费"), wanted)) == {"topics/fees"}
    assert read_signals(reading("着火"), ()) == {}


def test_posts_keep_their_rows() -> None:
    texts = [reading(body) for body in ("着火", "退费", "好")]
    none: tuple[RuleMatch | None, ...] = (None, None)
    rows = SignalReader(list(FILES), NAMES).read(texts, [BOOK.match(texts[0]), none, none])
    assert rows.shape == (3, len(NAMES))
    assert rows[0, 0] > 0
    assert not rows[1:, : len(NAMES) - len(FORM)].any()
