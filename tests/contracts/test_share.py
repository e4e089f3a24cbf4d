"""What every Share promises, in memory and on a real Kafka."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count

import pytest

from bus.kafka_log import KafkaLog, KafkaSettings
from bus.log import (
    LEADER,
    MAX_VALUE_BYTES,
    POLLS,
    POSTS,
    SOURCES,
    Entry,
    Log,
    NotMine,
    Share,
    partition_of,
)
from bus.memory_log import MemoryLog
from runtime.errors import BadMessage
from tests.contracts.test_log import commit, take, texts
from tests.engines.kafka_server import KafkaServer
from tests.engines.process import wait_until

PARTITIONS = 3
_numbers = count()
KAFKA = pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.xdist_group("kafka")])
on_every_log = pytest.mark.parametrize("kind", ["memory", KAFKA])

Join = Callable[[str, str], Share]


@pytest.fixture
def open_log(request: pytest.FixtureRequest, kind: str) -> Iterator[Callable[[], Log]]:
    """Each call opens the same log anew, as another process would; in memory there is only one."""
    with ExitStack() as opened:
        memory = MemoryLog(PARTITIONS)
        prefix = f"share{next(_numbers)}."

        def open_one() -> Log:
            if kind == "memory":
                return memory
            server: KafkaServer = request.getfixturevalue("kafka_server")
            log = KafkaLog(KafkaSettings(server.brokers, prefix, partitions=PARTITIONS))
            opened.callback(log.close)
            return log

        yield open_one


@pytest.fixture
def log(open_log: Callable[[], Log]) -> Log:
    return open_log()


@pytest.fixture
def join(open_log: Callable[[], Log]) -> Iterator[Join]:
    with ExitStack() as opened:

        def join_one(group: str, stream: str) -> Share:
            share = open_log().share(group, stream)
            opened.callback(share.close)
            return share

        yield join_one


def settle(*shares: Share) -> list[frozenset[int]]:
    """Until every partition is dealt to one of `shares`, which all ask in turn."""
    dealt: list[frozenset[int]] = []

    def settled() -> bool:
        dealt[:] = [share.mine(0.1) for share in shares]
        parts = sorted(part for mine in dealt for part in mine)
        wanted = min(len(shares), shares[0].partitions)
        return parts == list(range(shares[0].partitions)) and sum(map(bool, dealt)) == wanted

    wait_until(settled, "all partitions are dealt", 40)
    return dealt


def values(share: Share, partition: int) -> list[str]:
    return [record.value.decode() for record in share.read(partition)]


def entry(key: str, value: str) -> Entry:
    return Entry(key, value.encode())


@on_every_log
def test_one_member_has_all_and_a_leader_one_partition(join: Join) -> None:
    sources, leader = join("collect", SOURCES), join("alert", LEADER)
    assert (sources.partitions, leader.partitions) == (PARTITIONS, 1)
    assert settle(sources) == [{0, 1, 2}]
    assert settle(leader) == [{0}]


@on_every_log
def test_the_partitions_are_dealt_again_when_a_member_joins_and_when_it_leaves(join: Join) -> None:
    first = join("g", SOURCES)
    settle(first)
    second = join("g", SOURCES)
    assert sorted(map(len, settle(first, second))) == [1, 2]
    second.close()
    assert settle(first) == [{0, 1, 2}]


@on_every_log
def test_of_two_candidates_one_leads_and_the_other_follows_it(join: Join) -> None:
    candidates = [join("alert", LEADER), join("alert", LEADER)]
    dealt = settle(*candidates)
    leading = dealt.index(frozenset({0}))
    candidates[leading].close()
    assert settle(candidates[1 - leading]) == [{0}]


@on_every_log
def test_groups_do_not_share_with_each_other(join: Join) -> None:
    a, b = join("a", SOURCES), join("b", SOURCES)
    assert settle(a) == settle(b) == [{0, 1, 2}]


@on_every_log
def test_what_is_published_is_kept_and_sent_in_order(join: Join, log: Log) -> None:
    share = join("g", SOURCES)
    settle(share)
    for n in range(3):
        sent = {
            POSTS: [entry("源-1", f"帖{n}a"), entry("源-1", f"帖{n}b")],
            POLLS: [entry("源-1", f"查{n}")],
        }
        share.publish(1, [entry("源-1", f"状态{n}")], sent)
    assert [record.key for record in share.read(1)] == ["源-1"] * 3
    assert values(share, 1) == ["状态0", "状态1", "状态2"]
    assert values(share, 0) == []
    with closing(log.reader("check", [POSTS])) as reader:
        posts = take(reader, 6)
    assert texts(posts) == ["帖0a", "帖0b", "帖1a", "帖1b", "帖2a", "帖2b"]
    assert len({post.partition for post in posts}) == 1
    with closing(log.reader("check-polls", [POLLS])) as reader:
        assert texts(take(reader, 3)) == ["查0", "查1", "查2"]


@on_every_log
def test_a_source_keeps_its_order_whoever_publishes_for_it(join: Join, log: Log) -> None:
    """By the log, by a share, and by the share's next holder."""
    keys = [f"source-{n}" for n in range(6)]
    first = join("g", SOURCES)
    settle(first)
    log.publish(POSTS, [entry(key, "0") for key in keys])
    for key in keys:
        first.publish(partition_of(key, PARTITIONS), [], {POSTS: [entry(key, "1")]})
    first.close()
    second = join("g", SOURCES)
    settle(second)
    for key in keys:
        second.publish(partition_of(key, PARTITIONS), [], {POSTS: [entry(key, "2")]})
    log.publish(POSTS, [entry(key, "3") for key in keys])
    with closing(log.reader("check", [POSTS])) as reader:
        found = take(reader, 4 * len(keys))
        commit(reader, found, left=0)
    for key in keys:
        assert [r.value for r in found if r.key == key] == [b"0", b"1", b"2", b"3"]
        assert len({r.partition for r in found if r.key == key}) == 1


@on_every_log
def test_an_empty_value_says_that_a_key_is_gone(join: Join) -> None:
    share = join("g", SOURCES)
    settle(share)
    share.publish(0, [entry("a", "1"), entry("b", "1")], {})
    share.publish(0, [Entry("a", b"")], {})
    last = {record.key: record.value for record in share.read(0)}
    assert last == {"a": b"", "b": b"1"}


@on_every_log
def test_the_next_holder_reads_what_the_last_one_kept(join: Join) -> None:
    first = join("g", SOURCES)
    settle(first)
    for partition in range(PARTITIONS):
        first.publish(partition, [entry(f"k{partition}", "v")], {})
    second = join("g", SOURCES)
    (theirs,) = settle(first, second)[1:]
    assert {p: values(second, p) for p in theirs} == {p: ["v"] for p in theirs}


@on_every_log
def test_nothing_of_a_batch_is_published_for_a_partition_that_was_never_dealt(
    join: Join, log: Log
) -> None:
    first, second = join("g", SOURCES), join("g", SOURCES)
    dealt = settle(first, second)
    (foreign, *_) = dealt[1]
    with pytest.raises(NotMine, match=f"partition {foreign} "):
        first.publish(foreign, [entry("k", "stolen")], {POSTS: [entry("k", "stolen")]})
    second.publish(foreign, [entry("k", "own")], {POSTS: [entry("k", "own")]})
    assert values(second, foreign) == ["own"]
    with closing(log.reader("check", [POSTS])) as reader:
        assert texts(take(reader, 1)) == ["own"]
        assert texts(reader.poll(1, 0.5)) == []


@on_every_log
def test_before_it_asked_nothing_is_a_members(join: Join) -> None:
    with pytest.raises(NotMine, match="partition 0 "):
        join("g", SOURCES).publish(0, [entry("k", "v")], {})


@on_every_log
def test_a_value_over_the_limit_is_refused_and_nothing_published(join: Join) -> None:
    share = join("g", SOURCES)
    settle(share)
    large = Entry("k", b"x" * (MAX_VALUE_BYTES + 1))
    for kept, sent in (([large], {}), ([entry("k", "v")], {POSTS: [large]})):
        with pytest.raises(BadMessage, match="1000001 bytes"):
            share.publish(0, kept, sent)
    assert values(share, 0) == []


@on_every_log
def test_close_twice_and_publish_nothing(join: Join) -> None:
    share = join("g", SOURCES)
    settle(share)
    share.publish(2, [], {})
    share.publish(2, [], {POSTS: []})
    share.close()
    share.close()
    with pytest.raises(NotMine):
        share.publish(2, [entry("k", "v")], {})


def test_a_member_that_was_declared_dead_publishes_no_more() -> None:
    log = MemoryLog(PARTITIONS)
    paused, other = log.share("g", SOURCES), log.share("g", SOURCES)
    assert [paused.mine(), other.mine()] == [{0, 2}, {1}]
    paused.expire()
    assert other.mine() == {0, 1, 2}
    other.publish(0, [entry("k", "new")], {})
    with pytest.raises(NotMine, match="partition 0 is another member's now"):
        paused.publish(0, [entry("k", "old")], {POSTS: [entry("k", "old")]})
    assert values(other, 0) == ["new"]
    assert log.records(POSTS) == []


def test_a_partition_that_was_lost_meanwhile_is_missing_from_one_answer() -> None:
    """So its holder lets go of what it knew of it, even if it is dealt the same again."""
    log = MemoryLog(PARTITIONS)
    first = log.share("g", SOURCES)
    assert first.mine() == {0, 1, 2}
    with closing(log.share("g", SOURCES)) as second:
        second.mine()
        second.publish(1, [entry("k", "newer")], {})
    with pytest.raises(NotMine):
        first.publish(1, [entry("k", "stale")], {})
    first.publish(0, [entry("k", "held all the time")], {})
    assert first.mine() == {0, 2}
    assert first.mine() == {0, 1, 2}
