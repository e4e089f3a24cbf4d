"""The catalogue is whole: both languages, the same blanks, nothing missing, nothing left over."""

import re
from importlib.resources import files
from string import Formatter

import pytest

from dashboard.actions import Refusal
from dashboard.words import CATALOGUE, choose_language
from schemas.matters import ActionKind, DeliveryOutcome, EventKind, NotifyReason, Tier
from schemas.posts import Owed, PollOutcome, SourceKind
from storage.correcting import CorrectionProblem

STAGES = ("collect", "analyze", "alert", "keep_house", "dashboard")
FORMED = {
    *(f"tier_{int(tier)}" for tier in Tier),
    *(f"colour_{int(tier)}" for tier in Tier),
    *(f"event_{kind.value}" for kind in EventKind),
    *(f"reason_{reason.value}" for reason in NotifyReason),
    *(f"action_{kind.value}" for kind in ActionKind),
    *(f"done_{kind.value}" for kind in ActionKind),
    *(f"refused_{refusal.value}" for refusal in Refusal),
    *(f"outcome_{outcome.value}" for outcome in PollOutcome),
    *(f"kind_{kind.value}" for kind in SourceKind),
    *(outcome.value for outcome in DeliveryOutcome),
    *(f"owed_{owed.value}" for owed in Owed),
    *(f"wrong_{problem.value}" for problem in CorrectionProblem),
    *(f"by_{by}" for by in ("rule", "model", "thread")),
    *(key for key in CATALOGUE if key.startswith("department_")),
    "done_judged",
    *(f"stage_{stage}" for stage in STAGES),
    *(f"stage_{state}" for state in ("ok", "late", "trouble", "starting", "standing_by")),
}


def sources() -> str:
    room = files("dashboard")
    places = [*room.iterdir(), *room.joinpath("templates").iterdir()]
    return "\n".join(
        place.read_text("utf-8") for place in places if place.name.endswith((".py", ".html"))
    )


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(CATALOGUE))
def test_an_entry_says_the_same_in_both_languages(key: str) -> None:
    chinese, english = CATALOGUE[key]
    assert chinese.strip()
    assert english.strip()
    assert blanks(chinese) == blanks(english)


def test_every_word_asked_for_is_there() -> None:
    asked = set(re.findall(r"""\b(?:w|words|note)\(\s*['"](\w+)['"]""", sources()))
    assert (asked | FORMED) - set(CATALOGUE) == set()


def test_no_word_is_left_over() -> None:
    text = sources()
    left = [key for key in CATALOGUE if key not in FORMED and not re.search(rf"\b{key}\b", text)]
    assert left == []


@pytest.mark.parametrize(
    ("asked", "accepted", "chosen"),
    [
        (None, "", "zh"),
        ("en", "zh-CN", "en"),
        ("zh", "en", "zh"),
        ("xx", "en-GB;q=0.8", "en"),
        (None, "fr, EN;q=0.5, zh;q=0.2", "en"),
        (None, "fr", "zh"),
    ],
)
def test_language_is_chosen(asked: str | None, accepted: str, chosen: str) -> None:
    assert choose_language(asked, accepted) == chosen
