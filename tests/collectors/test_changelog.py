"""What a share keeps of each source: small records, forgotten in time, read back as written."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from bus.log import SOURCES, Entry, Record
from collectors.changelog import read
from collectors.state import State
from runtime.errors import ConfigError, RetryLater
from tests.collectors.crew import Crew, listed, source
from tests.collectors.documents import item

NAMES = tuple(f"s{number}" for number in range(12))


@pytest.fixture
def crew() -> Crew:
    crew = Crew(*NAMES)
    for name in NAMES:
        crew.sites[name] = listed(1, 2)
    return crew


def test_unchanged_lists_write_no_sightings_again(crew: Crew) -> None:
    crew.join()
    crew.round()
    written = len(crew.log.records(SOURCES))
    assert written == 12 * 3
    crew.round()
    assert len(crew.log.records(SOURCES)) == written + 12


def test_what_is_off_the_list_is_forgotten_in_the_log_too(crew: Crew) -> None:
    crew.join()
    crew.round()
    for name in NAMES:
        crew.sites[name] = listed(1)
    crew.round()
    assert sum("off_since" in str(value) for value in crew.kept().values()) == 12
    # Another holder knows since when.
    crew.members.pop().stop()
    crew.join()
    crew.unchanged = True
    for _ in range(4):
        crew.round(timedelta(days=30))
    assert sum("off_since" in str(value) for value in crew.kept().values()) == 0
    assert len(crew.kept()) == 24
    crew.members.pop().stop()
    crew.join()
    crew.unchanged = False
    crew.round()
    assert set(crew.times_published().values()) == {1}, "it was listed all the time"


def test_a_source_that_is_away_forgets_nothing(crew: Crew) -> None:
    crew.join()
    crew.round()
    crew.fails = True
    for _ in range(4):
        crew.round(timedelta(days=60))
        crew.members.pop().stop()
        crew.join()
    assert len(crew.kept()) == 36
    crew.fails = False
    crew.round(timedelta(days=60))
    assert set(crew.times_published().values()) == {1}


def test_a_source_that_was_taken_out_is_forgotten_when_its_posts_are_old(crew: Crew) -> None:
    crew.join()
    crew.round()
    crew.members.pop().stop()
    crew.join(*NAMES[1:], "new")
    crew.sites["new"] = listed(7)
    crew.round()
    assert "s0" in crew.kept(), "it may come back, with the next edit"
    crew.members.pop().stop()
    crew.clock.advance(timedelta(days=91))
    crew.join(*NAMES[1:], "new")
    crew.round()
    assert [key for key in crew.kept() if key.partition("/")[0] == "s0"] == []
    assert len(crew.kept()) == 11 * 3 + 2


def test_records_of_another_version_stop_it_with_a_remedy(crew: Crew) -> None:
    key = NAMES[0]
    crew.log.publish(SOURCES, [Entry(key, b'{"schema":"source/9"}')])
    member = crew.join()
    with pytest.raises(ConfigError, match=r"offset 0: 's0' can't be read .*install the version"):
        member.collector.run_once()


def test_a_stream_whose_partitions_were_changed_is_refused() -> None:
    crew = Crew(*NAMES, partitions=8)
    crew.join()
    crew.round()
    records = crew.log.records(SOURCES)
    fewer = Crew(*NAMES, partitions=4)
    moved = next(each for each in records if each.partition >= 4)
    share = fewer.log.share("other", SOURCES)
    wrong = (moved.partition + 1) % 4
    share.mine()
    share.publish(wrong, [Entry(moved.key, moved.value)], {})
    with pytest.raises(ConfigError, match="their number was changed"):
        fewer.join().collector.run_once()


def test_the_records_are_small_and_say_nothing_of_what_was_said(crew: Crew) -> None:
    crew.sites["s1"] = [item(1, "题" * 5000)]
    crew.join()
    crew.round()
    kept = crew.kept()
    (post,) = [key for key in kept if key.startswith("s1/")]
    assert kept["s1"] == (
        b'{"schema":"source/1","state":{"id":"s1","url":"https://s1.example.cn/rss","etag":"e-s1",'
        b'"last_modified":"","next_check":"'
        + kept["s1"].split(b'"next_check":"')[1][:27]
        + b'","failures":0.0,"first_poll_done":true,"listed_at":"2026-11-21T04:12:00Z"}}'
    )
    assert kept[post] == (
        b'{"schema":"sighting/1","sighting":{"id":"' + post.removeprefix("s1/").encode() + b'",'
        b'"counted_at":"2026-11-20T04:12:00Z","seen_at":"2026-11-20T04:12:00Z",'
        b'"content":"' + kept[post].split(b'"content":"')[1][:32] + b'",'
        b'"replies":null,"views":null}}'
    )
    assert max(len(value) for value in kept.values()) < 300


def test_a_long_first_list_is_one_batch_that_a_log_takes(crew: Crew) -> None:
    crew.sites["s1"] = listed(*range(2000))
    crew.join()
    crew.round()
    assert len([key for key in crew.kept() if key.startswith("s1/")]) == 2000
    crew.members.pop().stop()
    crew.join()
    crew.round()
    assert set(crew.times_published().values()) == {1}


def test_what_was_read_is_what_was_written(crew: Crew) -> None:
    member = crew.join()
    crew.round()
    state = State(None)
    state.load(read(iter(crew.log.records(SOURCES))))
    for name in NAMES:
        stood = member.state.source(name, source(name).url)
        assert state.source(name, source(name).url) == stood
        assert state.listed(stood) == member.state.listed(stood) != {}
    state.close()


def test_a_failure_to_read_leaves_nothing_half_known(crew: Crew) -> None:
    crew.join()
    crew.round()
    crew.members.pop().stop()
    member = crew.join()
    whole = member.share.inner.read

    def half(partition: int) -> Iterator[Record]:
        yield from list(whole(partition))[:2]
        message = "the log is away"
        raise RetryLater(message)

    member.share.inner.read = half  # type: ignore[method-assign]
    with pytest.raises(RetryLater):
        member.collector.run_once()
    assert member.state.sources() == {}
    member.share.inner.read = whole  # type: ignore[method-assign]
    crew.round()
    assert set(crew.times_published().values()) == {1}
