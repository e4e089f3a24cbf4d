"""The analyzer on a real store: one message that can't be stored stops no other."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from analyzers.worker import Analyzer, AnalyzerParts
from bus.dead_letters import OpenLetters
from bus.log import ENGAGEMENT, POLLS, POSTS, Entry
from bus.memory_log import MemoryLog
from runtime.clock import ManualClock
from runtime.health import HealthBoard
from runtime.metrics import Metrics
from runtime.settings import SHIPPED, load_config
from storage.store import Store, StoreError
from tests.made import START
from tests.stores import chdb_store

POLL = (
    '{{"schema":"poll/1","source":"bbs","at":"{at}","outcome":"ok","status":{status},'
    '"listed":{listed},"new":1,"bytes":10,"message":""}}'
)
ODD = {
    "a status that is none": POLL.format(at=START.isoformat(), status=70_000, listed=1),
    "fewer than nothing": POLL.format(at=START.isoformat(), status=200, listed=-1),
    "more than any list": POLL.format(at=START.isoformat(), status=200, listed=10**30),
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with chdb_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def analyzer(store: Store) -> Analyzer:
    clock = ManualClock(START)
    log, board = MemoryLog(1, clock), HealthBoard()
    return Analyzer(AnalyzerParts(load_config(SHIPPED), log, store, clock, board, Metrics()))


def step(analyzer: Analyzer) -> float:
    reader = analyzer.parts.log.reader("analyzers", (POSTS, ENGAGEMENT, POLLS))
    return analyzer.consumer.step(reader)


def good(number: int) -> Entry:
    at = (START + timedelta(seconds=number)).isoformat()
    return Entry("bbs", POLL.format(at=at, status=200, listed=number).encode())


def test_values_that_the_store_refuses_are_set_aside_alone(analyzer: Analyzer) -> None:
    log, store = analyzer.parts.log, analyzer.parts.store
    entries = [good(number) for number in range(30)]
    for place, text in zip((3, 4, 20), ODD.values(), strict=True):
        entries.insert(place, Entry("bbs", text.encode()))
    log.publish(POLLS, entries)
    assert step(analyzer) == 0
    assert store.rows("SELECT count(), sum(listed) FROM polls FINAL") == [(30, sum(range(30)))]
    found = OpenLetters(log)
    found.refresh()
    assert sorted(letter.value for letter in found.letters()) == sorted(ODD.values())
    for letter in found.letters():
        assert letter.reason.startswith("the store refuses its values: ")
    metrics = analyzer.parts.metrics.render([]).decode()
    assert 'huisheng_dead_letters_total{stream="polls"} 3.0' in metrics
    assert 'huisheng_stored_total{stream="polls"} 30.0' in metrics
    health = analyzer.health()
    assert health.notice.startswith("3 messages set aside; last polls/0/20: the store refuses")
    assert health.dead == 3
    assert {part.stream for part in health.lags} == {POSTS, ENGAGEMENT, POLLS}


def test_a_message_that_is_too_deep_is_set_aside_alone(analyzer: Analyzer) -> None:
    deep = good(0).value[:-1] + b',"x":' + b"[" * 50_000
    analyzer.parts.log.publish(POLLS, [good(1), Entry("bbs", deep), good(2)])
    assert step(analyzer) == 0
    assert analyzer.parts.store.rows("SELECT count() FROM polls FINAL") == [(2,)]
    assert analyzer.health().dead == 1


def test_a_store_that_refuses_for_another_reason_stops_the_stage(analyzer: Analyzer) -> None:
    """No message is at fault: none may be set aside."""
    log, store = analyzer.parts.log, analyzer.parts.store
    store.command("DROP TABLE polls")
    log.publish(POLLS, [good(1), good(2)])
    with pytest.raises(StoreError, match="polls"):
        step(analyzer)
    assert list(log.scan("dead_letters")) == []
    reader = log.reader("analyzers", (POLLS,))
    assert [part.messages for part in reader.lag()] == [2]
