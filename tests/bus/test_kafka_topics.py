"""The topics of our streams: how they are made, and what is said of those that are there."""

import argparse
import shlex
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count

import pytest
from structlog.testing import capture_logs

from bus.kafka_client import KafkaClients, KafkaSettings, topic_options
from bus.kafka_log import KafkaLog
from bus.kafka_topics import wanted_options
from bus.log import DEAD_LETTERS, LEADER, POSTS, SOURCES, Entry
from runtime.errors import ConfigError
from tests.engines.kafka_server import KafkaServer

pytestmark = pytest.mark.kafka
_numbers = count()
ENTRY = [Entry("k", b"v")]
HOUR_MS = 3_600_000


@pytest.fixture
def settings(kafka_server: KafkaServer) -> KafkaSettings:
    return KafkaSettings(kafka_server.brokers, f"topics{next(_numbers)}.", partitions=3)


@pytest.fixture
def log(settings: KafkaSettings) -> Iterator[KafkaLog]:
    with closing(KafkaLog(settings)) as opened:
        yield opened


def found(settings: KafkaSettings, stream: str) -> tuple[int, dict[str, str]]:
    """How many partitions, and what is set."""
    topic = settings.topic(stream)
    with closing(KafkaClients(settings).admin()) as admin:
        (described,) = (t for t in admin.describe_topics(None) if t["name"] == topic)
        return len(described["partitions"]), topic_options(admin, [topic])[topic]


def make(settings: KafkaSettings, stream: str, partitions: int, **options: str) -> None:
    configs = {name.replace("_", "."): value for name, value in options.items()}
    wanted = {"num_partitions": partitions, "replication_factor": 1, "configs": configs}
    with closing(KafkaClients(settings).admin()) as admin:
        admin.create_topics({settings.topic(stream): wanted}, wait_for_metadata=True)


def make_as_told(settings: KafkaSettings, command: str) -> None:
    """What kafka-topics.sh would do; it is not among the broker's own jars."""
    parser = argparse.ArgumentParser()
    for name in ("--bootstrap-server", "--topic"):
        parser.add_argument(name, required=True)
    for name in ("--partitions", "--replication-factor"):
        parser.add_argument(name, required=True, type=int)
    parser.add_argument("--create", action="store_true", required=True)
    parser.add_argument("--config", action="append", default=[])
    program, *words = shlex.split(command)
    asked = parser.parse_args(words)
    assert (program, asked.bootstrap_server) == ("kafka-topics.sh", settings.brokers[0])
    options = dict(option.split("=", 1) for option in asked.config)
    make(settings, asked.topic.removeprefix(settings.prefix), asked.partitions, **options)


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_a_missing_topic_is_made_as_set(settings: KafkaSettings, compression: str) -> None:
    settings = replace(settings, compression=compression, retention_hours=48)
    with closing(KafkaLog(settings)) as log:
        log.publish(POSTS, [Entry("k", "学校".encode() * 1000)])
        assert [record.value for record in log.scan(POSTS)] == ["学校".encode() * 1000]
    partitions, options = found(settings, POSTS)
    assert partitions == 3
    assert options["compression.type"] == compression
    assert options["cleanup.policy"] == "delete"
    assert options["retention.ms"] == str(48 * HOUR_MS)


def test_what_is_known_of_sources_is_kept_by_key_and_the_leader_has_one_partition(
    settings: KafkaSettings, log: KafkaLog
) -> None:
    shares = [log.share("collect", SOURCES), log.share("alert", LEADER)]
    assert [share.partitions for share in shares] == [3, 1]
    for stream, count_ in ((SOURCES, 3), (LEADER, 1)):
        partitions, options = found(settings, stream)
        assert (partitions, options["cleanup.policy"]) == (count_, "compact")


def test_no_text_is_kept_for_longer_than_the_retention() -> None:
    settings = KafkaSettings(("b:1",), retention_hours=168, retention_days=2)
    for stream in (POSTS, DEAD_LETTERS):
        options = wanted_options(settings, stream)
        assert int(options["retention.ms"]) + int(options["segment.ms"]) < 2 * 24 * HOUR_MS
    longer = replace(settings, retention_days=90)
    assert wanted_options(longer, POSTS)["retention.ms"] == str(168 * HOUR_MS)
    assert int(wanted_options(longer, DEAD_LETTERS)["retention.ms"]) > 89 * 24 * HOUR_MS


def test_a_missing_topic_that_may_not_be_made_is_told_with_the_command_that_makes_it(
    settings: KafkaSettings,
) -> None:
    settings = replace(settings, create_topics=False, replication=1)
    with closing(KafkaLog(settings)) as log, closing(log.reader("g", [POSTS, SOURCES])) as reader:
        told = f"lacks the topics {settings.prefix}posts, {settings.prefix}sources, and bus.create_"
        with pytest.raises(ConfigError, match=told) as raised:
            reader.poll(1, 0.1)
        commands = str(raised.value).split("\n  ")[1:]
        assert len(commands) == 2
        for command in commands:
            make_as_told(settings, command)
        log.publish(POSTS, ENTRY)
    assert (
        found(settings, POSTS)[1]["retention.ms"] == wanted_options(settings, POSTS)["retention.ms"]
    )
    assert found(settings, SOURCES)[1]["cleanup.policy"] == "compact"


def test_a_topic_that_is_there_keeps_its_own_and_is_told_once(
    settings: KafkaSettings, log: KafkaLog
) -> None:
    make(settings, POSTS, 1, retention_ms="-1")
    with capture_logs() as lines:
        log.publish(POSTS, ENTRY)
        log.publish(POSTS, ENTRY)
    told = {line["event"]: line for line in lines if line["log_level"] == "warning"}
    assert sorted(told) == ["fewer partitions", "kept for too long"]
    assert len(lines) == 2
    assert told["fewer partitions"]["topic"] == settings.topic(POSTS)
    assert found(settings, POSTS)[0] == 1


def test_a_topic_that_drops_what_a_long_outage_needs_is_told(
    settings: KafkaSettings, log: KafkaLog
) -> None:
    make(settings, POSTS, 3, retention_ms=str(HOUR_MS))
    with capture_logs() as lines:
        log.publish(POSTS, ENTRY)
    (told,) = lines
    assert told["event"] == "kept for too short"
    assert told["found"].startswith(f"retention.ms is {HOUR_MS}, shorter than set")


def test_posts_of_which_only_the_last_of_each_source_would_stay_are_refused(
    settings: KafkaSettings, log: KafkaLog
) -> None:
    make(settings, POSTS, 3, cleanup_policy="compact")
    remedy = r"what is not read is lost; .* --add-config cleanup\.policy=delete"
    with pytest.raises(ConfigError, match=remedy):
        log.publish(POSTS, ENTRY)


def test_sources_that_would_be_dropped_by_age_are_refused(
    settings: KafkaSettings, log: KafkaLog
) -> None:
    make(settings, SOURCES, 3, cleanup_policy="delete")
    remedy = r"--alter --entity-type topics .*sources --add-config cleanup\.policy=compact"
    with pytest.raises(ConfigError, match=remedy):
        log.share("g", SOURCES).mine(1)


def test_a_leader_needs_one_partition(settings: KafkaSettings, log: KafkaLog) -> None:
    make(settings, LEADER, 2, cleanup_policy="compact")
    with pytest.raises(ConfigError, match="has 2 partitions; delete it, it needs exactly 1"):
        log.share("g", LEADER).mine(1)


def test_partitions_that_are_added_later_are_read_too(
    settings: KafkaSettings, log: KafkaLog
) -> None:
    """Polls that end before the group has answered lose nothing of its answer."""
    make(settings, POSTS, 1)
    with closing(log.reader("g", [POSTS])) as reader:
        while len(reader.lag()) < 1:
            reader.poll(1, 0.001)
        with closing(KafkaClients(settings).admin()) as admin:
            admin.create_partitions({settings.topic(POSTS): 4})
        while len(reader.lag()) < 4:
            reader.poll(1, 0.001)
