"""What only a share in Kafka has: members that are paused, killed, or cut off in a transaction."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import count

import pytest

from bus.kafka_client import KafkaClients, KafkaSettings
from bus.kafka_log import KafkaLog
from bus.kafka_share import KafkaShare
from bus.log import LEADER, POSTS, SOURCES, Entry, NotMine
from runtime.errors import RetryLater
from tests.engines.kafka_server import KafkaServer
from tests.engines.process import free_port, wait_until

pytestmark = pytest.mark.kafka
_numbers = count()


@pytest.fixture
def settings(kafka_server: KafkaServer) -> KafkaSettings:
    prefix = f"member{next(_numbers)}."
    return KafkaSettings(
        kafka_server.brokers, prefix, 2, session_seconds=2, timeout_seconds=5, retention_days=9
    )


@pytest.fixture
def log(settings: KafkaSettings) -> Iterator[KafkaLog]:
    with closing(KafkaLog(settings)) as opened:
        yield opened


class Member:
    """share_member.py as a process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def ask(self, line: str) -> str:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@contextmanager
def member(settings: KafkaSettings) -> Iterator[Member]:
    command = [sys.executable, "-m", "tests.bus.share_member", settings.brokers[0]]
    with subprocess.Popen(
        [*command, settings.prefix], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Member(process)
        finally:
            process.kill()


def hold_all(share: KafkaShare, seconds: float = 40) -> None:
    wait_until(lambda: share.mine(0.2) == {0, 1}, "all partitions are ours", seconds)


def hold_all_in(other: Member) -> None:
    wait_until(lambda: other.ask("mine") == "0 1", "all partitions are the other's", 40)


def entry(value: str) -> Entry:
    return Entry("k", value.encode())


def kept(share: KafkaShare) -> list[str]:
    return [record.value.decode() for record in share.read(0)]


def test_a_paused_member_publishes_nothing_once_another_took_over(
    settings: KafkaSettings, log: KafkaLog
) -> None:
    with member(settings) as paused:
        hold_all_in(paused)
        assert paused.ask("publish before") == "published"
        paused.process.send_signal(signal.SIGSTOP)
        with closing(log.share("g", SOURCES)) as share:
            hold_all(share)
            assert kept(share) == ["before"]
            share.publish(0, [entry("after")], {POSTS: [entry("after")]})
            paused.process.send_signal(signal.SIGCONT)
            assert paused.ask("publish stale") == "NotMine"
            # It may have rejoined by now; what it says is its own only after it asked again.
            assert kept(share) == ["before", "after"]
    assert [record.value for record in log.scan(POSTS)] == [b"before", b"after"]


def test_a_member_that_slept_through_a_change_of_holder_misses_the_partition_once(
    settings: KafkaSettings, log: KafkaLog
) -> None:
    with member(settings) as paused:
        hold_all_in(paused)
        paused.process.send_signal(signal.SIGSTOP)
        with closing(log.share("g", SOURCES)) as share:
            hold_all(share)
        paused.process.send_signal(signal.SIGCONT)
        answers = []

        def holds_again() -> bool:
            answers.append(paused.ask("mine"))
            return answers[-1] == "0 1"

        wait_until(holds_again, "the partitions are dealt back", 40)
    assert "" in answers[:-1]


def test_a_killed_member_is_followed_within_its_session(
    settings: KafkaSettings, log: KafkaLog
) -> None:
    with closing(log.share("g", SOURCES)) as share:
        with member(settings) as killed:
            hold_all_in(killed)
            killed.ask("publish last words")
            killed.process.kill()
        hold_all(share, seconds=10)
        assert kept(share) == ["last words"]


def test_what_the_last_holder_left_open_is_ended_before_the_next_one_reads(
    settings: KafkaSettings, log: KafkaLog
) -> None:
    with ExitStack() as opened:
        share = log.share("g", SOURCES)
        opened.callback(share.close)
        hold_all(share)
        share.publish(0, [entry("whole")], {})
        # As if the last holder had been paused just before the end of its transaction.
        last = KafkaClients(settings).producer(f"{settings.prefix}g-0")
        opened.callback(last.close, timeout=5)
        last.init_transactions()
        last.begin_transaction()
        last.send(settings.topic(SOURCES), b"half", b"k", partition=0).get(timeout=10)
        share.close()
        hold_all(share)
        assert kept(share) == ["whole"]
        with pytest.raises(Exception, match="Fenced"):
            last.commit_transaction()
        share.publish(0, [entry("next")], {})
        assert kept(share) == ["whole", "next"]


def test_a_holder_whose_transactions_were_taken_over_publishes_the_same_again(
    settings: KafkaSettings, log: KafkaLog
) -> None:
    """Its membership decides, not who came last."""
    with closing(log.share("g", SOURCES)) as share:
        hold_all(share)
        share.publish(0, [entry("1")], {})
        with closing(KafkaClients(settings).producer(f"{settings.prefix}g-0")) as intruder:
            intruder.init_transactions()
        with pytest.raises(RetryLater) as raised:
            share.publish(0, [entry("2")], {POSTS: [entry("2")]})
        assert not isinstance(raised.value, NotMine)
        share.publish(0, [entry("2")], {POSTS: [entry("2")]})
        assert kept(share) == ["1", "2"]
    assert [record.value for record in log.scan(POSTS)] == [b"2"]


def test_of_three_candidates_one_leads_through_a_change(settings: KafkaSettings) -> None:
    """Each in its own thread, as in its own process; never two at once in what each was told."""
    stop, leaders = threading.Event(), [threading.Event() for _ in range(3)]
    quit_ = [threading.Event() for _ in range(3)]

    def candidate(number: int) -> None:
        with closing(KafkaLog(settings)) as log, closing(log.share("alert", LEADER)) as share:
            while not stop.is_set() and not quit_[number].is_set():
                if share.mine(0.2):
                    leaders[number].set()
                else:
                    leaders[number].clear()
        leaders[number].clear()

    threads = [threading.Thread(target=candidate, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    try:

        def one_leads() -> bool:
            return sum(leader.is_set() for leader in leaders) == 1

        wait_until(one_leads, "one leads", 40)
        first = next(n for n in range(3) if leaders[n].is_set())
        quit_[first].set()
        threads[first].join()
        wait_until(one_leads, "another leads", 40)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_without_a_broker_every_call_ends_in_time() -> None:
    settings = KafkaSettings((f"127.0.0.1:{free_port()}",), timeout_seconds=1)
    with closing(KafkaLog(settings)) as log, closing(log.share("g", SOURCES)) as share:
        for attempt in (lambda: share.mine(1), lambda: share.partitions):
            with pytest.raises(RetryLater, match="does not answer; check that a broker runs"):
                attempt()
        with pytest.raises(RetryLater, match="does not answer"):
            list(share.read(0))
        with pytest.raises(NotMine):
            share.publish(0, [entry("1")], {})
