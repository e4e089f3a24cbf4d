"""The invented posts that ship for fitting: readable, of every class, and of nobody."""

import re

from analyzers.labelled import INVENTED, class_counts, read_labelled
from runtime.settings import SHIPPED, load_config
from schemas.posts import Owed

NUMBER_OR_HANDLE = re.compile(r"\d{6,}|[@＠]\w|https?:|\w+\.com")
TOPICS = [topic.key for topic in load_config(SHIPPED).topics]


def test_they_hold_every_class() -> None:
    notes: list[str] = []
    samples = read_labelled(INVENTED, TOPICS, notes.append)
    assert notes == []
    assert len(samples) > 2_000
    assert class_counts(samples, "topics").keys() == set(TOPICS)
    assert class_counts(samples, "owed").keys() == {owed.value for owed in Owed}
    assert class_counts(samples, "danger")["danger"] > 200


def test_they_name_no_number_handle_or_address() -> None:
    samples = read_labelled(INVENTED, TOPICS)
    found = [each.place for each in samples if NUMBER_OR_HANDLE.search(each.title + each.body)]
    assert found == []
